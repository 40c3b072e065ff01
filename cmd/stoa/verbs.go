// The commands that steer a running node, or read and change a home that no
// node runs in: each is one Request and the Reply to it.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/plain"
)

// A verb is the flags every such command has and the request it fills.
type verb struct {
	home string
	json bool
	req  app.Request

	// file is "export", "import" or "lock" where a file is written or read
	// under a passphrase that is asked for first.
	file string
}

// newVerb adds the flags that every verb has.
func newVerb(fs *flag.FlagSet, name string) *verb {
	v := &verb{req: app.Request{Verb: name}}
	addHome(fs, &v.home, &v.json)
	return v
}

// addRoom adds --room, for commands whose words leave no doubt-free place for it.
func (v *verb) addRoom(fs *flag.FlagSet) {
	fs.StringVar(&v.req.Room, "room", "", "`ROOM` meant, where this node is in several")
}

// room takes an optional ROOM as the last of words; nothing may follow it.
func (v *verb) room(words []string) error {
	n := 1
	if v.req.Room != "" {
		n = 0 // --room said it already
	}
	if err := tooMany(words, n); err != nil {
		return err
	}
	if len(words) == 1 {
		v.req.Room = words[0]
	}
	return nil
}

// do sends the request and prints the reply.
func (v *verb) do(ctx context.Context, c *cli) error {
	reply, err := v.ask(ctx, c)
	if err != nil {
		return err
	}
	return v.print(c, reply)
}

// doTo is do on the first n of words, in the room that may follow them.
func (v *verb) doTo(ctx context.Context, c *cli, words []string, n int) error {
	v.req.Args = words[:n]
	if err := v.room(words[n:]); err != nil {
		return err
	}
	return v.do(ctx, c)
}

// ask sends the request.
func (v *verb) ask(ctx context.Context, c *cli) (app.Reply, error) {
	reply, err := c.app.do(ctx, homeOr(v.home), v.req, v.passphrase(ctx, c))
	if errors.Is(err, context.Canceled) {
		err = &app.UserError{
			Text: "stopped before there was an answer",
			Hint: "it may have been done all the same: `stoa log` shows what was",
			Err:  err,
		}
	}
	return reply, err
}

// passphrase returns what the request asks passphrases with: the first one is
// that of the file, if there is one, and any other that of the key.
func (v *verb) passphrase(ctx context.Context, c *cli) func() (string, error) {
	ofKey := c.passphrase(ctx, keyPrompt, false)
	ofFile := ofKey
	switch v.file {
	case "export":
		ofFile = c.passphrase(ctx, "new passphrase for the export", true)
	case "lock":
		ofFile = c.passphrase(ctx, "new passphrase of your key", true)
	case "import":
		ofFile = c.passphrase(ctx, "passphrase of the export", false)
	}
	next := ofFile
	return func() (string, error) {
		ask := next
		next = ofKey
		return ask()
	}
}

// print prints the reply.
func (v *verb) print(c *cli, reply app.Reply) error { return c.printReply(reply, v.json) }

// printReply prints what a verb answered.
func (c *cli) printReply(reply app.Reply, asJSON bool) error {
	if asJSON && reply.Data != nil {
		return writeJSON(c.stdout, reply.Data)
	}
	if asJSON {
		return writeJSON(c.stdout, reply)
	}
	for _, l := range reply.Lines {
		if _, err := fmt.Fprintln(c.stdout, plain.Line(l)); err != nil {
			return err
		}
	}
	return nil
}

// roomVerb is a command whose only word is an optional ROOM.
func roomVerb(name, summary, about, example string) *command {
	return &command{
		name: name, summary: summary, usage: "[ROOM]", about: about, example: example,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, name)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				if err := v.room(words); err != nil {
					return err
				}
				return v.do(ctx, c)
			}
		},
	}
}

// keptVerb is a command that makes req of one ROOM of the home, in it or not.
func keptVerb(name string, req app.Request, summary, about, example string) *command {
	return &command{
		name: name, summary: summary, usage: "ROOM", about: about, example: example,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, name)
			v.req = req
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) == 0 || words[0] == "" {
					return needs("ROOM")
				}
				if err := v.room(words); err != nil {
					return err
				}
				return v.do(ctx, c)
			}
		},
	}
}

// personVerb is a command on one PERSON, with an optional ROOM. more may add flags.
func personVerb(name, summary, about, example string, more func(*flag.FlagSet, *verb)) *command {
	return &command{
		name: name, summary: summary, usage: "PERSON [ROOM]", about: about, example: example,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, name)
			v.addRoom(fs)
			if more != nil {
				more(fs, v)
			}
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) == 0 || words[0] == "" {
					return needs("PERSON")
				}
				return v.doTo(ctx, c, words, 1)
			}
		},
	}
}

func whoCommand() *command {
	return &command{
		name: app.VerbWho, summary: "who is here, on stage and in the queue", usage: "[ROOM]",
		about: `In a large room the listeners are counted; --all asks the relays who they are.
--paths shows by what way you hear each person on the stage, with round trip and
loss both ways, and which pairs do not hear each other or do so by a relay.`,
		example: "stoa who\nstoa who --all\nstoa who --paths",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbWho)
			v.addRoom(fs)
			fs.BoolVar(&v.req.All, "all", false, "name every listener, also in a large room")
			fs.BoolVar(&v.req.Paths, "paths", false, "show who hears whom by what way")
			return func(ctx context.Context, c *cli, words []string) error {
				if err := v.room(words); err != nil {
					return err
				}
				return v.do(ctx, c)
			}
		},
	}
}

func lendCommand() *command {
	return &command{
		name: app.VerbLend, summary: "lend this machine's connection to a room, or stop it", usage: "on|off|never [ROOM]",
		about: `While it is lent, this node carries sealed voices on to others, as a relay does.
The room must let you: owners and moderators may, and whoever came by a relay link.
--lend at the start does the same for every room. Otherwise a node on the stage
carries only for two who cannot connect, a few people at a time, and with never
(or --no-help at the start) for nobody.`,
		example: "stoa lend on\nstoa lend off",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbLend)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) == 0 || words[0] != "on" && words[0] != "off" && words[0] != "never" {
					return needs("on, off or never")
				}
				return v.doTo(ctx, c, words, 1)
			}
		},
	}
}

func leaveCommand() *command {
	return roomVerb(app.VerbLeave, "leave a room for good",
		"Afterwards only a link leads back. Ctrl-C on the node instead keeps your place.", "stoa leave")
}

func enterCommand() *command {
	return keptVerb(app.VerbEnter, app.Request{Verb: app.VerbEnter}, "go back into a room that this home has", "The node that runs goes in, muted, with the rights that it had.", `stoa enter "Evening talk"`)
}

func forgetCommand() *command {
	return keptVerb(app.VerbForget, app.Request{Verb: app.VerbForget}, "remove all that this home has of a room",
		`Its keys, history and messages go, and the way back with them. A room that nobody
else keeps is lost. It also works when no node runs.`, `stoa forget "Evening talk"`)
}

func pinCommand() *command {
	return keptVerb(app.VerbPin, app.Request{Verb: app.VerbPin, Args: []string{"on"}}, "have a room first on the page",
		"Also one that you are not in. It works when no node runs, too.", `stoa pin "Evening talk"`)
}

func unpinCommand() *command {
	return keptVerb("unpin", app.Request{Verb: app.VerbPin, Args: []string{"off"}}, "have it among the others again", "", `stoa unpin "Evening talk"`)
}

func lockCommand() *command {
	return roomVerb(app.VerbLock, "let nobody new in", "Who is in stays, and may go and come back.", "stoa lock")
}

func unlockCommand() *command {
	return roomVerb(app.VerbUnlock, "let new people in again", "", "stoa unlock")
}

func endCommand() *command {
	return roomVerb(app.VerbEnd, "close the room for everybody", "It cannot be opened again.", `stoa end "Evening talk"`)
}

func logCommand() *command {
	return roomVerb(app.VerbLog, "the signed history of a room, verified", "It also works when no node runs.", "stoa log --json\nstoa log \"Evening talk\"")
}

func pardonCommand() *command {
	return personVerb(app.VerbPardon, "let somebody back who was kicked or banned", "PERSON is the key that stoa who shows: who is out has no name here.", "stoa pardon k3f9a", nil)
}

func kickCommand() *command {
	return personVerb(app.VerbKick, "remove somebody from the room",
		"The link they came by lets nobody else in, unless --keep-link is given.", "stoa kick Bob\nstoa kick --reason \"advertising\" k3f9a", removalFlags)
}

func banCommand() *command {
	return personVerb(app.VerbBan, "remove somebody and keep them out by any link",
		"The link they came by lets nobody else in, unless --keep-link is given.", "stoa ban Bob", removalFlags)
}

func removalFlags(fs *flag.FlagSet, v *verb) {
	fs.BoolVar(&v.req.KeepLink, "keep-link", false, "leave the link they came by open")
	fs.StringVar(&v.req.Reason, "reason", "", "`TEXT` that the room's history will give as the reason")
}

func statusCommand() *command {
	return &command{
		name: app.VerbStatus, summary: "the rooms the running node is in", example: "stoa status --json",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbStatus)
			return func(ctx context.Context, c *cli, words []string) error {
				if err := tooMany(words, 0); err != nil {
					return err
				}
				return v.do(ctx, c)
			}
		},
	}
}

func handCommand() *command {
	return &command{
		name: app.VerbHand, summary: "raise or lower your hand, or lower somebody's", usage: "[up|down [PERSON]] [ROOM]",
		about: `Who calls people to the stage may lower the hand of PERSON, who can raise it again
and then waits last. A single word after down that is no PERSON may be the ROOM;
--room leaves no doubt.`,
		example: "stoa hand\nstoa hand down\nstoa hand down Bob",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbHand)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				v.req.Args = []string{"up"}
				n := 0
				switch {
				case len(words) > 0 && words[0] == "up":
					n = 1
				case len(words) > 0 && words[0] == "down":
					n = min(len(words), 2)
				}
				if n > 0 {
					v.req.Args, words = words[:n], words[n:]
				}
				if err := v.room(words); err != nil {
					return err
				}
				return v.do(ctx, c)
			}
		},
	}
}

func muteCommand() *command {
	return micVerb(app.VerbMute, "mute your microphone, or somebody's", "stoa mute\nstoa mute Bob")
}

func unmuteCommand() *command {
	return micVerb(app.VerbUnmute, "make your microphone live, or let somebody be heard again", "stoa unmute\nstoa unmute Bob")
}

func volumeCommand() *command {
	return &command{
		name: app.VerbVolume, summary: "how loud you hear somebody", usage: "[PERSON [PERCENT]] [ROOM]",
		about: `PERCENT is 0 to 200; 100 is as loud as they are sent. It is for you alone, in all
rooms, and is kept. Without PERSON it lists whose volume you have changed.`,
		example: "stoa volume Bob 50\nstoa volume",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbVolume)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				n := min(len(words), 2)
				if n > 0 {
					v.req.Args, words = words[:n], words[n:]
				}
				if err := v.room(words); err != nil {
					return err
				}
				return v.do(ctx, c)
			}
		},
	}
}

// micVerb is mute or unmute. One word alone is a PERSON or else a ROOM: the
// node knows which, since it knows both.
func micVerb(name, summary, example string) *command {
	return &command{
		name: name, summary: summary, usage: "[PERSON] [ROOM]", example: example,
		about: `Without PERSON it is your own microphone. A single word that is no PERSON may
be the ROOM; --room leaves no doubt.`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, name)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) > 0 {
					v.req.Args, words = words[:1], words[1:]
				}
				if err := v.room(words); err != nil {
					return err
				}
				return v.do(ctx, c)
			}
		},
	}
}

func stageCommand() *command {
	return &command{
		name: app.VerbStage, summary: "let somebody speak, or back to listening; leave the stage yourself", usage: "add|drop PERSON [ROOM] | down|up [ROOM]",
		example: "stoa stage add Bob\nstoa stage drop Bob\nstoa stage down",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbStage)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				switch {
				case len(words) > 0 && (words[0] == "down" || words[0] == "up"):
					return v.doTo(ctx, c, words, 1)
				case len(words) == 0 || words[0] != "add" && words[0] != "drop":
					return needs("add, drop, down or up")
				case len(words) == 1 || words[1] == "":
					return needs("PERSON")
				}
				return v.doTo(ctx, c, words, 2)
			}
		},
	}
}

func titleCommand() *command {
	return &command{
		name: app.VerbTitle, summary: "give the room another title", usage: "TITLE",
		example: `stoa title "Evening talk, part two"`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbTitle)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				title := strings.TrimSpace(strings.Join(words, " "))
				if title == "" {
					return needs("TITLE")
				}
				v.req.Args = []string{title}
				return v.do(ctx, c)
			}
		},
	}
}
