// The commands that run a node and stay: open, join, and stoa alone.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
)

func openCommand() *command {
	return &command{
		name:    "open",
		summary: "open a room, stay in it, and print a link to it",
		usage:   "TITLE",
		about: `The microphone is live at once unless --muted is given. The link lets people
listen; stoa invite makes others. Ctrl-C leaves, and the room goes on without you.`,
		example: `stoa open "Evening talk"
stoa open --public --topic go --lang en "Go evening"
stoa open --bootstrap none --in talk.wav --out null --for 30s Test`,
		setup: func(fs *flag.FlagSet) action {
			var f nodeFlags
			var task app.OpenRoom
			f.add(fs)
			f.addMuted(fs)
			fs.BoolVar(&task.Listed, "public", false, "let strangers find the room with stoa rooms")
			fs.StringVar(&task.Topic, "topic", "", "`TOPIC` to list a public room under")
			fs.StringVar(&task.Lang, "lang", "", "`LANG` spoken in a public room, such as en or zh")
			fs.BoolVar(&task.Volunteers, "volunteers", false, "let any relay of strangers help to carry a public room")
			return func(ctx context.Context, c *cli, words []string) error {
				task.Title = strings.TrimSpace(strings.Join(words, " "))
				task.Muted = f.muted
				switch {
				case task.Title == "":
					return needs("TITLE")
				case !task.Listed && (task.Topic != "" || task.Lang != "" || task.Volunteers):
					return &usageError{text: "--topic, --lang and --volunteers are for rooms that strangers may find", hint: "add --public"}
				}
				return c.stay(ctx, &f, task)
			}
		},
	}
}

func joinCommand() *command {
	return &command{
		name:    "join",
		summary: "join a room by its link and stay",
		usage:   "LINK",
		about: `Where the link lets you speak, stoa unmute makes the microphone live; a file as
--in is heard at once unless --muted is given. A link of - is read from standard
input, where other users of this machine cannot see it. Ctrl-C leaves; stoa
alone comes back without a link.`,
		example: `stoa join stoa:j/AQx3…
stoa join --in silence --out talk.wav --for 1h stoa:j/AQx3…`,
		setup: func(fs *flag.FlagSet) action {
			var f nodeFlags
			f.add(fs)
			f.addMuted(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				link, err := c.link(words)
				if err != nil {
					return err
				}
				return c.stay(ctx, &f, app.JoinRoom{Link: link, Muted: f.muted})
			}
		},
	}
}

func desktopCommand() *command {
	return &command{
		summary: "alone, without a command: take up again the rooms of this home, muted",
		about:   `It stays, and the other commands steer it, until Ctrl-C.`,
		example: `stoa
stoa --home ~/work-stoa --json`,
		setup: func(fs *flag.FlagSet) action {
			var f nodeFlags
			f.add(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) > 0 && find(words[0]) != nil {
					return &usageError{
						text: "flags stand before the command " + words[0],
						hint: "write them behind it: stoa " + words[0] + " [FLAGS]",
					}
				}
				if err := tooMany(words, 0); err != nil {
					return err
				}
				return c.stay(ctx, &f, nil)
			}
		},
	}
}

// maxLink bounds what is read as a link: several times the longest that
// package identity makes.
const maxLink = 16 << 10

// link returns the one word that must be a link. Whether it is one is decided
// where links are parsed.
func (c *cli) link(words []string) (string, error) {
	if err := tooMany(words, 1); err != nil {
		return "", err
	}
	if len(words) == 0 || words[0] == "" {
		return "", needs("LINK")
	}
	if words[0] != "-" {
		return words[0], nil
	}
	b, err := io.ReadAll(io.LimitReader(c.stdin, maxLink))
	if err != nil {
		return "", fmt.Errorf("cannot read the link: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// stay runs a node until it is told to leave or its room is over.
func (c *cli) stay(ctx context.Context, f *nodeFlags, first app.Task) error {
	cfg, log, err := f.config(c.started, c.stderr)
	if err != nil {
		return err
	}
	defer log.Close()

	p := c.newPrinter(f, first == nil)
	timeUp, err := c.runNode(ctx, cfg, p, f.limit, first)
	if _, joining := first.(app.JoinRoom); err == nil && joining && !p.inRoom && timeUp {
		return &app.UserError{
			Text: fmt.Sprintf("did not get into the room within %s", f.limit),
			Hint: "nobody of the room may be online now: try again later or without --for",
		}
	}
	return err
}

// runNode runs a node until it ends by itself, is told to end, which is no
// error, or the limit is reached, which is none either and makes timeUp true.
// No limit is 0.
func (c *cli) runNode(ctx context.Context, cfg app.Config, p *printer, limit time.Duration, first app.Task) (timeUp bool, err error) {
	defer p.close()
	cfg.Emit = p.event
	cfg.Passphrase = c.passphrase(ctx, keyPrompt, false)
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, c.started.Add(limit))
		defer cancel()
	}
	err = c.app.run(ctx, cfg, first)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // told to end, by a signal or by --for
	}
	return errors.Is(ctx.Err(), context.DeadlineExceeded), err
}
