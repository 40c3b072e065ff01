// The command demo: a whole room on one machine.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/demo"
)

func demoCommand() *command {
	return &command{
		name:    "demo",
		summary: "show a whole room at work on this machine",
		about: `An owner, three speakers who talk, two relays and fifty listeners, each a node of
its own. It shows who speaks and which relay carries whom, until Ctrl-C. Nothing
leaves this machine, and nothing of it is kept.`,
		example: `stoa demo
stoa demo --kill relay --for 1m
stoa demo --listen --listeners 100 --relays 4`,
		setup: func(fs *flag.FlagSet) action {
			var opt demo.Options
			fs.IntVar(&opt.Listeners, "listeners", 50, fmt.Sprintf("how many listen, `N` up to %d", demo.MaxListeners))
			fs.IntVar(&opt.Relays, "relays", 2, fmt.Sprintf("how many relays carry them, `N` up to %d", demo.MaxRelays))
			kill := fs.String("kill", "", "kill a `relay` while somebody speaks, and tell what was missed")
			fs.BoolVar(&opt.Listen, "listen", false, "play on the loudspeaker what one of them hears")
			limit := fs.Duration("for", 0, "end by itself after `DURATION`, such as 1m")
			return func(ctx context.Context, c *cli, words []string) error {
				opt.Kill = *kill == "relay"
				switch {
				case *kill != "" && *kill != "relay":
					return &usageError{text: "--kill takes relay, not " + *kill}
				case opt.Listeners < 1 || opt.Listeners > demo.MaxListeners:
					return &usageError{text: fmt.Sprintf("--listeners is 1 to %d", demo.MaxListeners)}
				case opt.Relays < 1 || opt.Relays > demo.MaxRelays:
					return &usageError{text: fmt.Sprintf("--relays is 1 to %d", demo.MaxRelays)}
				case *limit < 0:
					return &usageError{text: "--for must be longer than nothing"}
				}
				if err := tooMany(words, 0); err != nil {
					return err
				}
				if *limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithDeadline(ctx, c.started.Add(*limit))
					defer cancel()
				}
				return c.demo(ctx, opt)
			}
		},
	}
}

// demo runs the scene with this very program in all its parts.
func (c *cli) demo(ctx context.Context, opt demo.Options) (err error) {
	if opt.Program, err = os.Executable(); err != nil {
		return err
	}
	if opt.Dir, err = os.MkdirTemp("", "stoa-demo-"); err != nil {
		return &app.UserError{Text: "cannot make a folder for the demo: " + reason(err), Hint: "point $TMPDIR at a folder you may write", Err: err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(opt.Dir)) }()
	quietLibraries(nil)
	b := c.newBillboard()
	opt.Show, opt.Tell = b.show, b.tell
	return c.app.demo(ctx, opt)
}

// showEvery is the pause between two boards where they cannot be drawn over one
// another.
const showEvery = 5 * time.Second

// A billboard shows lines that change under lines that stay.
type billboard struct {
	c     *cli
	redo  bool // draw over the last lines
	drawn int  // how many there are
	shown time.Time
}

func (c *cli) newBillboard() *billboard {
	f, ok := c.stdout.(*os.File)
	return &billboard{c: c, redo: ok && os.Getenv("TERM") != "dumb" && isTerminal(f)}
}

func (b *billboard) show(lines []string) {
	if !b.redo {
		if time.Since(b.shown) < showEvery {
			return
		}
		b.shown = time.Now()
		fmt.Fprintln(b.c.stdout, strings.Join(lines, "\n"))
		return
	}
	b.erase()
	width := columns(b.c.stdout.(*os.File))
	for _, l := range lines {
		fmt.Fprintln(b.c.stdout, cut(l, width-1))
	}
	b.drawn = len(lines)
}

func (b *billboard) tell(text string) {
	b.erase()
	fmt.Fprintln(b.c.stdout, time.Now().Format("15:04:05"), text)
}

// erase takes away what show has drawn.
func (b *billboard) erase() {
	for range b.drawn {
		fmt.Fprint(b.c.stdout, "\x1b[A"+eraseLine)
	}
	b.drawn = 0
}
