// The commands that say when a room meets.

package main

import (
	"context"
	"flag"
	"io"
	"strings"

	"stoa/cmd/stoa/app"
)

func scheduleCommand() *command {
	return &command{
		name: app.VerbSchedule, summary: "say when the room meets", usage: "START|off [TEXT]",
		about: `START is written as 2026-12-01 20:00, by the clock of this machine. Everybody in
the room sees it, whoever previews it, and the list of public rooms.`,
		example: "stoa schedule \"2026-12-01 20:00\" --for 90m \"Second reading\"\nstoa schedule off",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbSchedule)
			v.addRoom(fs)
			fs.StringVar(&v.req.For, "for", "", "how long, a `DURATION` such as 90m (default 1h)")
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) == 0 {
					return needs("START or off")
				}
				v.req.Args = words
				return v.do(ctx, c)
			}
		},
	}
}

func icsCommand() *command {
	return &command{
		name: app.VerbICS, summary: "when the room meets, as a calendar file", usage: "[ROOM]",
		about: `The file is written to standard output, as in stoa ics > talk.ics. With --link it holds a new link for
listeners, good until a day after the end: whoever has the file can join then.`,
		example: "stoa ics --link",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbICS)
			v.addRoom(fs)
			fs.BoolVar(&v.req.WithLink, "link", false, "put a new link for listeners into it")
			return func(ctx context.Context, c *cli, words []string) error {
				if err := v.room(words); err != nil {
					return err
				}
				reply, err := v.ask(ctx, c)
				if err != nil {
					return err
				}
				if v.json {
					return v.print(c, reply)
				}
				_, err = io.WriteString(c.stdout, strings.Join(reply.Lines, ""))
				return err
			}
		},
	}
}
