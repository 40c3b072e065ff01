// The command devices: which microphones and loudspeakers there are, and which of
// them to use.

package main

import (
	"context"
	"flag"

	"stoa/cmd/stoa/app"
)

func devicesCommand() *command {
	return &command{
		name:    app.VerbDevices,
		summary: "list microphones and loudspeakers, or choose one to be used from now on",
		usage:   "[mic|speaker NAME|default]",
		about: `Any part of a name will do that only one has. The choice is kept, and a running
node changes at once. While the chosen one is not there the system's default takes its
place.`,
		example: `stoa devices
stoa devices mic headset
stoa devices speaker default`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbDevices)
			return func(ctx context.Context, c *cli, words []string) error {
				switch {
				case len(words) > 0 && words[0] != "mic" && words[0] != "speaker":
					return &usageError{text: "devices takes mic or speaker, and not " + words[0]}
				case len(words) == 1:
					return needs("NAME")
				}
				v.req.Args = words
				return v.do(ctx, c)
			}
		},
	}
}
