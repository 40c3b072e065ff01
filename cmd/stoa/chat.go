// The commands for writing in a room, for contacts and for blocking people.

package main

import (
	"context"
	"flag"
	"strings"

	"stoa/cmd/stoa/app"
)

// wordsVerb is a command whose words are all its own: the room is said with --room. needed is what is missing where there are none; more may
// add flags.
func wordsVerb(cmd command, needed string, more func(*flag.FlagSet, *verb)) *command {
	cmd.setup = func(fs *flag.FlagSet) action {
		v := newVerb(fs, cmd.name)
		v.addRoom(fs)
		if more != nil {
			more(fs, v)
		}
		return func(ctx context.Context, c *cli, words []string) error {
			if needed != "" && strings.TrimSpace(strings.Join(words, "")) == "" {
				return needs(needed)
			}
			v.req.Args = words
			return v.do(ctx, c)
		}
	}
	return &cmd
}

func sayCommand() *command {
	return wordsVerb(command{
		name: app.VerbSay, summary: "write to everybody in the room", usage: "TEXT",
		about: `Whoever is in the room can read it, and keeps it; relays, and who was put out,
cannot. At most 1024 bytes.`,
		example: "stoa say Good evening, everybody",
	}, "TEXT", nil)
}

func reactCommand() *command {
	return wordsVerb(command{
		name: app.VerbReact, summary: "show a reaction for a moment", usage: "EMOJI",
		about: "There are 👍 ❤️ 😂 👏 🎉 😮 🤔 🙏.", example: "stoa react 👏",
	}, "EMOJI", nil)
}

func hideCommand() *command {
	return wordsVerb(command{
		name: app.VerbHide, summary: "take back a message, or hide somebody's", usage: "MESSAGE",
		about: `MESSAGE is what stoa chat shows before it. It disappears for everybody who was
shown it. Somebody else's takes the right to mute them.`,
		example: "stoa hide 5f0c21aa",
	}, "MESSAGE", nil)
}

func chatCommand() *command {
	return roomVerb(app.VerbChat, "the last messages of a room", "", "stoa chat\nstoa chat --json")
}

func blockCommand() *command {
	return wordsVerb(command{
		name: app.VerbBlock, summary: "neither hear nor read somebody", usage: "PERSON [REASON]",
		about:   "It is for you alone, in all rooms, until stoa unblock. Nobody is told. Also a key works.",
		example: "stoa block Bob\nstoa block k3f9a2bc sells watches",
	}, "PERSON", nil)
}

func unblockCommand() *command {
	return wordsVerb(command{
		name: app.VerbUnblock, summary: "hear and read somebody again", usage: "PERSON", example: "stoa unblock k3f9a2bc",
	}, "PERSON", nil)
}

func contactCommand() *command {
	return wordsVerb(command{
		name: app.VerbContact, summary: "whom you know, by the names you give them", usage: "[add PERSON [NAME]|remove PERSON|list]",
		about: `A contact is a key with a name that you chose, so nobody else can take it:
somebody who is called alike is marked. It is for you alone.`,
		example: "stoa contact add Bob \"Bob from work\"\nstoa contact add --note \"met in Solo\" k3f9a2bc Siti\nstoa contact list",
	}, "", func(fs *flag.FlagSet, v *verb) {
		fs.StringVar(&v.req.Note, "note", "", "`TEXT` to remember with the contact")
	})
}

func blockedCommand() *command {
	return &command{
		name: app.VerbBlocked, summary: "whom you have blocked; export and import of that list", usage: "[export FILE|import FILE]",
		about: `The file of an export is signed by your key. An import adds whom you have not
blocked yet, but none of your contacts, and says whose list it was.`,
		example: "stoa blocked\nstoa blocked export friends.txt\nstoa blocked import friends.txt",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbBlocked)
			return func(ctx context.Context, c *cli, words []string) error { return v.blocked(ctx, c, words) }
		},
	}
}

// blocked performs the command.
func (v *verb) blocked(ctx context.Context, c *cli, words []string) error {
	switch {
	case len(words) == 0 || words[0] == "list":
		return v.do(ctx, c)
	case words[0] != "export" && words[0] != "import":
		return needs("export or import")
	case len(words) != 2 || words[1] == "":
		return needs("FILE")
	}
	v.req.Args = words
	return v.do(ctx, c)
}
