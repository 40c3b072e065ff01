// The command doctor: whether everything works here that a room needs.

package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/plain"
)

func doctorCommand() *command {
	return &command{
		name:    app.VerbDoctor,
		summary: "see what works here: sound, network, clock; and what to do",
		about: `It asks the node that runs with this home, or starts one for a moment that enters
no room. Something broken makes the exit status 1.`,
		example: `stoa doctor
stoa doctor --tone
stoa doctor --in silence --out null --json`,
		setup: func(fs *flag.FlagSet) action {
			var f netFlags
			var opt app.DoctorOptions
			f.add(fs)
			in := fs.String("in", "mic", "mic (the default), mic:NAME, or silence to leave the microphone `ALONE`")
			out := fs.String("out", "speaker", "speaker (the default), speaker:NAME, or null to leave the loudspeaker `ALONE`")
			fs.BoolVar(&opt.Tone, "tone", false, "play a tone for two seconds instead of silence")
			return func(ctx context.Context, c *cli, words []string) error {
				if err := tooMany(words, 0); err != nil {
					return err
				}
				switch {
				case *in != "mic" && !strings.HasPrefix(*in, "mic:") && *in != "silence":
					return &usageError{text: "--in is mic, mic:NAME or silence, not " + *in}
				case *out != "speaker" && !strings.HasPrefix(*out, "speaker:") && *out != "null":
					return &usageError{text: "--out is speaker, speaker:NAME or null, not " + *out}
				}
				cfg, log, err := f.config(c.started, c.stderr)
				if err != nil {
					return err
				}
				defer log.Close()
				cfg.In, cfg.Out = *in, *out
				return c.doctor(ctx, cfg, opt, f.json)
			}
		},
	}
}

// doctor prints the findings as they come.
func (c *cli) doctor(ctx context.Context, cfg app.Config, opt app.DoctorOptions, asJSON bool) error {
	tell := func(f app.Finding) {
		if asJSON {
			_ = writeJSON(c.stdout, struct {
				Event string `json:"event"`
				app.Finding
			}{"finding", f})
			return
		}
		fmt.Fprintf(c.stdout, "%-13s  %-12s  %s\n", f.Verdict, f.Check, plain.Line(f.Text))
		if f.Do != "" {
			fmt.Fprintf(c.stdout, "%29s%s\n", "", plain.Line(f.Do))
		}
	}
	broken := c.app.doctor(ctx, cfg, opt, tell)
	c.askDesktop(ctx, cfg.Home, tell)
	if broken {
		return &app.UserError{Text: "something is broken here", Hint: "what to do is said beside it"}
	}
	return nil
}
