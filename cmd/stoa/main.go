// The program's entry: signals, and the real functions behind the commands.

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/demo"
	"stoa/cmd/stoa/desktop"
	"stoa/cmd/stoa/ui"
)

func main() {
	started := time.Now()
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	// The first signal asks the node to leave politely. After it the signals
	// have their usual effect again, so that a second Ctrl-C ends a node that
	// cannot reach anybody to say goodbye to.
	context.AfterFunc(ctx, stop)

	c := &cli{
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		started: started,
		app:     realBackend(),
	}
	os.Exit(c.run(ctx, os.Args[1:]))
}

// endSignals returns the signals that mean "leave". One that is ignored when
// the program starts stays ignored: that is how nohup and a shell's "&" keep a
// program running.
func endSignals() []os.Signal {
	var sigs []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			sigs = append(sigs, s)
		}
	}
	if len(sigs) == 0 {
		// No signals at all would mean every signal to signal.Notify.
		sigs = append(sigs, syscall.SIGTERM)
	}
	return sigs
}

// A backend is all that the commands need of package app. Tests put fakes in.
type backend struct {
	// open opens a home. What it returns runs until its context ends, its first
	// task fails or the room of that task is over; a nil task takes up the rooms
	// of the home.
	open func(cfg app.Config) (session, error)

	page    func(ui.Config) (pageServer, error)
	browse  func(address string) error // opens the page in a browser
	desktop func(desktop.Config) desktopParts
	do      func(ctx context.Context, home string, req app.Request, passphrase func() (string, error)) (app.Reply, error)
	alone   func(home string, act func() error) error
	preview func(ctx context.Context, cfg app.Config, link string) (preview, error)
	rooms   func(ctx context.Context, cfg app.Config, topic, lang string) ([]listing, error)
	demo    func(ctx context.Context, opt demo.Options) error
	self    func(ctx context.Context, cfg app.Config, tell func(line string)) (app.Reply, error)
	doctor  func(ctx context.Context, cfg app.Config, opt app.DoctorOptions, tell func(app.Finding)) (broken bool)

	installer
}

func realBackend() backend {
	return backend{
		open: func(cfg app.Config) (session, error) {
			quietLibraries(cfg.Log)
			s, err := app.Open(cfg)
			if err != nil {
				return nil, err // not a session that is nil
			}
			return s, nil
		},
		page: func(cfg ui.Config) (pageServer, error) {
			s, err := ui.Open(cfg)
			if err != nil {
				return nil, err // not a server that is nil
			}
			return s, nil
		},
		browse:  openBrowser,
		desktop: func(cfg desktop.Config) desktopParts { return desktop.New(cfg) },
		do:      app.Do,
		alone:   app.Alone,
		preview: func(ctx context.Context, cfg app.Config, link string) (preview, error) {
			quietLibraries(cfg.Log)
			p, err := app.Preview(ctx, cfg, link)
			return preview(p), err
		},
		rooms: func(ctx context.Context, cfg app.Config, topic, lang string) ([]listing, error) {
			quietLibraries(cfg.Log)
			found, err := app.Rooms(ctx, cfg, topic, lang)
			list := make([]listing, len(found))
			for i, l := range found {
				list[i] = listing(l)
			}
			return list, err
		},
		demo: demo.Run,
		self: func(ctx context.Context, cfg app.Config, tell func(string)) (app.Reply, error) {
			quietLibraries(cfg.Log)
			return app.HearYourself(ctx, cfg, tell)
		},
		doctor: func(ctx context.Context, cfg app.Config, opt app.DoctorOptions, tell func(app.Finding)) bool {
			quietLibraries(cfg.Log)
			return app.Doctor(ctx, cfg, opt, tell)
		},
		installer: realInstaller(),
	}
}

// quietLibraries sends what libraries print through the process-wide loggers
// (QUIC's advice on buffer sizes, for one) to our log, away from the terminal
// of a person who cannot act on it.
func quietLibraries(log *slog.Logger) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	slog.SetDefault(log)
}
