// The commands for one's own voice: push, which is a key held down, and sound.

package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/plain"
)

const (
	// pushAgain is how often the node is told that the key is still down. It takes
	// the key for up when it has heard nothing for three times as long.
	pushAgain = 300 * time.Millisecond

	// pushEnd bounds the telling that the key is up.
	pushEnd = 2 * time.Second
)

func pushCommand() *command {
	return &command{
		name: app.VerbPush, summary: "be heard, or not, for as long as this runs", usage: "[on|off]",
		about: `With --talk push a microphone that is not muted is heard only while this runs, and
with --talk push-to-mute only while it does not. Bind it to a key: start it when the
key goes down and end it, with any signal, when the key goes up. However it ends, a
second later at most the key counts as up. Where only single commands can be bound,
stoa push on and stoa push off do the same; after 30 s without another on it is off.`,
		example: "stoa push\nstoa push on\nstoa push off",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbPush)
			return func(ctx context.Context, c *cli, words []string) error {
				if err := tooMany(words, 1); err != nil {
					return err
				}
				switch {
				case len(words) == 0:
					return v.hold(ctx, c, rand.Text())
				case words[0] != "on" && words[0] != "off":
					return &usageError{text: "unknown word " + words[0], hint: "`stoa push` takes on or off, or nothing"}
				}
				v.req.Args = words
				return v.do(ctx, c)
			}
		},
	}
}

// hold holds a key, under a name that no other process has, until ctx ends.
func (v *verb) hold(ctx context.Context, c *cli, who string) error {
	v.req.Args = []string{"hold", who}
	reply, err := v.ask(ctx, c)
	if err != nil {
		return err
	}
	if err := v.print(c, reply); err != nil {
		return err
	}
	again := time.NewTicker(pushAgain)
	defer again.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-again.C:
			if _, err := v.ask(ctx, c); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushEnd)
	defer cancel()
	v.req.Args = []string{"end", who}
	_, err = v.ask(end, c)
	return err
}

func soundCommand() *command {
	return &command{
		name: app.VerbSound, summary: "what is done with your voice; change it, or hear yourself", usage: "[test | echo|noise|gain|highpass|music|level on|off | talk open|push|push-to-mute]",
		about: `Alone it shows what is done with what your microphone hears, and how well that
goes. Each stage can be switched while you speak; music mode switches off those that
are for voices. level plays loud and quiet people alike. talk says when you are heard.
What you choose is kept. test records you for four seconds, plays that back to you
alone, and says what is wrong with it. stoa devices says which microphone and which
loudspeaker that is.`,
		example: "stoa sound\nstoa sound test\nstoa sound noise off\nstoa sound talk push",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbSound)
			in := fs.String("in", "mic", "`SOURCE` of the test: mic (the default), mic:NAME, or a WAV or Ogg/Opus file")
			out := fs.String("out", "speaker", "`SINK` of the test: speaker (the default), speaker:NAME, null, or a WAV or Ogg/Opus file")
			return func(ctx context.Context, c *cli, words []string) error {
				switch len(words) {
				case 0:
				case 2:
					v.req.Args = words
				case 1:
					if words[0] == "test" {
						return v.hearYourself(ctx, c, app.Config{Home: homeOr(v.home), In: *in, Out: *out})
					}
					return needs(fmt.Sprintf("what to do with %s", words[0]))
				default:
					return tooMany(words, 2)
				}
				return v.do(ctx, c)
			}
		},
	}
}

// hearYourself runs the test. With --json only what was found is printed.
func (v *verb) hearYourself(ctx context.Context, c *cli, cfg app.Config) error {
	reply, err := c.app.self(ctx, cfg, func(line string) {
		if !v.json {
			fmt.Fprintln(c.stdout, plain.Line(line))
		}
	})
	if err != nil {
		return err
	}
	return v.print(c, reply)
}
