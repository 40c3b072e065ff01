// The commands that run a node and stay: open, join, and stoa alone.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime/debug"
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
				return c.stay(ctx, &f, stay{first: task})
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
				return c.stay(ctx, &f, stay{first: app.JoinRoom{Link: link, Muted: f.muted}, hands: true, link: link})
			}
		},
	}
}

func desktopCommand() *command {
	return &command{
		summary: "alone, without a command: open the page, and take up again the rooms of this home, muted",
		usage:   "[LINK]",
		about: `The page opens in your browser; where there is none, its address is printed. It
stays until Ctrl-C, and the other commands steer it. Where one runs already with this
home, that one shows the page, and this one ends. A LINK that begins with stoa: is
shown in the page before anything is joined.`,
		example: `stoa
stoa --page none --home ~/work-stoa --json`,
		setup: func(fs *flag.FlagSet) action {
			var f nodeFlags
			f.add(fs)
			background := fs.Bool("background", false, "open no browser: stoa page does, when you want it")
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) > 0 && find(words[0]) != nil {
					return &usageError{
						text: "flags stand before the command " + words[0],
						hint: "write them behind it: stoa " + words[0] + " [FLAGS]",
					}
				}
				link, err := linkWord(words)
				if err != nil {
					return err
				}
				return c.stay(ctx, &f, stay{serving: always, hands: true, link: link, background: *background})
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

// A stay says what a node that stays begins with.
type stay struct {
	first      app.Task
	serving    serving // when --page says nothing
	hands      bool    // where a node runs already with the home, it takes over
	link       string  // for the node that takes over, and for the page of stoa alone
	background bool    // no browser is opened
}

// stay runs a node until it is told to leave or its room is over.
func (c *cli) stay(ctx context.Context, f *nodeFlags, s stay) error {
	serving, port, err := servingOf(f.page, s.serving)
	if err != nil {
		return err
	}
	cfg, log, err := f.config(c.started, c.stderr)
	if err != nil {
		return err
	}
	defer log.Close()
	if s.hands {
		if done, err := c.handOver(ctx, cfg.Home, f, s); done {
			return err
		}
	}

	d := c.newDesk(cfg)
	d.serving, d.port = serving, port
	if s.first == nil && s.link != "" {
		d.fragment = previewOf(s.link)
	}
	d.address = func(address string) {
		if f.json {
			writeJSON(c.stdout, pageEvent{"page", address})
			return
		}
		c.offer(address, !s.background)
	}
	p := c.newPrinter(f, s.first == nil)
	timeUp, err := c.runNode(ctx, d, cfg, p, f.limit, s.first)
	if s.hands && isInUse(err) {
		if done, err := c.handOverSoon(ctx, cfg.Home, f, s); done {
			return err
		}
	}
	if _, joining := s.first.(app.JoinRoom); err == nil && joining && !p.inRoom && timeUp {
		return &app.UserError{
			Text: fmt.Sprintf("did not get into the room within %s", f.limit),
			Hint: "nobody of the room may be online now: try again later or without --for",
		}
	}
	return err
}

// newDesk makes the desk of a node.
func (c *cli) newDesk(cfg app.Config) *desk {
	info, _ := debug.ReadBuildInfo()
	return newDesk(c.app, cfg.Home, readVersion(info).Version, cfg.Log)
}

// A pageEvent is printed with --json when a page is served.
type pageEvent struct {
	Kind string `json:"event"` // page
	URL  string `json:"url"`
}

// runNode runs a node until it ends by itself, is told to end, which is no
// error, or the limit is reached, which is none either and makes timeUp true.
// No limit is 0.
func (c *cli) runNode(ctx context.Context, d *desk, cfg app.Config, p *printer, limit time.Duration, first app.Task) (timeUp bool, err error) {
	defer p.close()
	cfg.Emit = p.event
	cfg.Passphrase = c.passphrase(ctx, keyPrompt, false)
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, c.started.Add(limit))
		defer cancel()
	}
	err = d.run(ctx, cfg, first, c.canType())
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // told to end, by a signal or by --for
	}
	return errors.Is(ctx.Err(), context.DeadlineExceeded), err
}
