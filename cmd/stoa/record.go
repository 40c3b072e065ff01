// The commands about recording a room.

package main

import (
	"context"
	"flag"

	"stoa/cmd/stoa/app"
)

func recordCommand() *command {
	return wordVerb(app.VerbRecord, "on", "off", "record the room, with everybody's consent",
		`Everybody sees it and is asked; who does not say yes is left out. The files of each
speaker and of all together lie in a folder below recordings in your home.`,
		"stoa record on\nstoa record off")
}

func consentCommand() *command {
	return wordVerb(app.VerbConsent, "yes", "no", "let yourself be recorded, or not",
		`Without a yes you are not recorded. A no ends it at once, also after a yes; what was
recorded until then stays with whoever recorded it.`,
		"stoa consent yes\nstoa consent no")
}

// wordVerb is a command of one of two words, with an optional ROOM.
func wordVerb(name, yes, no, summary, about, example string) *command {
	return &command{
		name: name, summary: summary, usage: yes + "|" + no + " [ROOM]", about: about, example: example,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, name)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) == 0 || words[0] != yes && words[0] != no {
					return needs(yes + " or " + no)
				}
				return v.doTo(ctx, c, words, 1)
			}
		},
	}
}

func recordingCommand() *command {
	return &command{
		name: app.VerbRecording, summary: "who consented to a recording, verified", usage: "FOLDER",
		about: `It needs no room and asks nobody: what it verifies is in the folder, signed by each
person. It fails where a file is of somebody who did not consent.`,
		example: `stoa recording ~/.stoa/recordings/talk`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbRecording)
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) == 0 || words[0] == "" {
					return needs("FOLDER")
				}
				if err := tooMany(words, 1); err != nil {
					return err
				}
				v.req.Args = words
				return v.do(ctx, c)
			}
		},
	}
}
