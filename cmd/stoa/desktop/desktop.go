// The desktop of a running node.
//
//	node ──Glance──► Run ─┬─ notifications ──► org.freedesktop.Notifications
//	                      ├─ tray ───────────► org.kde.StatusNotifierWatcher
//	                      └─ shortcut ───────► org.freedesktop.portal.Desktop
//	node ◄──Do, Open──── what the person chose there

// Package desktop shows a running node on the desktop of the person at it: notifications,
// an icon with a menu, and keys that work while another window has the keyboard.
//
// It speaks D-Bus, each part over a connection of its own, which is closed when the part is
// switched off. Nothing waits for it: a desktop that is not there, hangs, goes away or
// talks nonsense is one on which nothing is shown, and it is told in words which part that
// is and why. A key that is held is let go of when who told of it is lost.
package desktop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"stoa/cmd/stoa/pause"
)

// AppID is what the desktop knows this program by: the name of its entry.
const AppID = "stoa"

const (
	// maxCommands is how many wishes of the person may wait; further ones are lost, as
	// somebody who clicks on what does not answer clicks again.
	maxCommands = 16

	// commandTime bounds one.
	commandTime = 15 * time.Second
)

// Config says whose desktop it is. Log may be nil.
type Config struct {
	Home string // where settings are kept
	Node Node
	Log  *slog.Logger
}

// A Desktop is made by New and run once.
type Desktop struct {
	node   Node
	home   string
	log    *slog.Logger
	getenv func(string) string
	wait   patience
	words  words

	commands chan func(context.Context)
	muted    []string // where the last toggle muted the microphone; only commands have it

	mu       sync.Mutex
	wanted   settings
	switched chan struct{} // closed when wanted changes
	states   States
}

// States are those of all parts, by their names.
type States map[Part]State

// State is what a part does.
type State struct {
	On    bool   `json:"on"`             // wanted
	State string `json:"state"`          // on, off, or none where it is wanted and not to be had
	Text  string `json:"text,omitempty"` // why it is not to be had, or which keys work
}

// The words of State.
const (
	isOn   = "on"
	isOff  = "off"
	isNone = "none"
)

// New reads the settings. It starts nothing.
func New(cfg Config) *Desktop {
	d := &Desktop{
		node:     cfg.Node,
		home:     cfg.Home,
		log:      cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		getenv:   os.Getenv,
		wait:     usualPatience,
		words:    wordsOf(os.Getenv),
		commands: make(chan func(context.Context), maxCommands),
		switched: make(chan struct{}),
		states:   States{},
	}
	var err error
	if d.wanted, err = loadSettings(cfg.Home); err != nil {
		d.log.Warn("reading what is wanted of the desktop", "err", err)
	}
	for _, p := range parts {
		d.tell(p, isOff, "")
	}
	return d
}

// Run serves the desktop until ctx ends. Everything it started has ended when it returns,
// which it does within the few seconds that the bus has for a message.
func (d *Desktop) Run(ctx context.Context) {
	var running sync.WaitGroup
	for p, serve := range map[Part]func(context.Context, *bus) error{
		Notifications: d.notify,
		Tray:          d.tray,
		Shortcut:      d.shortcut,
	} {
		running.Go(func() { d.keep(ctx, p, serve) })
	}
	running.Go(func() { d.obey(ctx) })
	running.Wait()
}

// keep serves a part while it is wanted, again and again while that fails.
func (d *Desktop) keep(ctx context.Context, p Part, serve func(context.Context, *bus) error) {
	for ctx.Err() == nil {
		wanted, switched := d.wants(p)
		if !wanted {
			d.tell(p, isOff, "")
			select {
			case <-switched:
			case <-ctx.Done():
			}
			continue
		}
		served, cancel := context.WithCancel(ctx)
		go func() {
			select {
			case <-switched:
				cancel()
			case <-served.Done():
			}
		}()
		err := d.serve(served, serve)
		if served.Err() == nil {
			d.log.Info("a part of the desktop ends", "part", p, "err", err)
			text := "the desktop's bus was lost"
			if errors.Is(err, errNoBus) {
				text = errNoBus.Error()
			}
			d.tell(p, isNone, text)
			pause.For(served, d.wait.again)
		}
		cancel()
	}
}

// serve serves a part over a connection of its own.
func (d *Desktop) serve(ctx context.Context, serve func(context.Context, *bus) error) error {
	b, err := dial(ctx, d.getenv, d.wait)
	if err != nil {
		return err
	}
	defer b.close()
	connected, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.conn.Context(), cancel)()
	err = serve(connected, b)
	if err == nil && ctx.Err() == nil {
		err = errors.New("the connection ended")
	}
	return err
}

// obey does what the person asks for, one after the other.
func (d *Desktop) obey(ctx context.Context) {
	for {
		select {
		case command := <-d.commands:
			c, cancel := context.WithTimeout(ctx, commandTime)
			command(c)
			cancel()
		case <-ctx.Done():
			return
		}
	}
}

// ask has something done soon.
func (d *Desktop) ask(command func(context.Context)) {
	select {
	case d.commands <- command:
	default:
		d.log.Warn("too much is asked of the desktop")
	}
}

// do performs a verb.
func (d *Desktop) do(ctx context.Context, verb, room string, args ...string) {
	if err := d.node.Do(ctx, verb, room, args...); err != nil {
		d.log.Info("a wish of the desktop's", "verb", verb, "err", err)
	}
}

// open shows the page at a room.
func (d *Desktop) open(room string) {
	d.ask(func(context.Context) {
		if err := d.node.Open(room); err != nil {
			d.log.Warn("opening the page", "err", err)
		}
	})
}

// wants reports whether a part is wanted, and returns what is closed when that changes.
func (d *Desktop) wants(p Part) (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wanted[p], d.switched
}

// tell notes what a part does.
func (d *Desktop) tell(p Part, state, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states[p] = State{State: state, Text: text}
}

// States returns what each part does.
func (d *Desktop) States() States {
	d.mu.Lock()
	defer d.mu.Unlock()
	states := maps.Clone(d.states)
	for p, s := range states {
		s.On = d.wanted[p]
		states[p] = s
	}
	return states
}

// ErrUsage says that words name no part, or neither on nor off.
var ErrUsage = errors.New("the desktop's parts are notifications, tray and shortcut, each on or off")

// Switch switches a part by two words, its name and on or off, and keeps that.
func (d *Desktop) Switch(words []string) error {
	if len(words) != 2 || words[1] != isOn && words[1] != isOff {
		return ErrUsage
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := Part(words[0])
	if _, is := d.wanted[p]; !is {
		return ErrUsage
	}
	wanted := maps.Clone(d.wanted)
	wanted[p] = words[1] == isOn
	if err := wanted.save(d.home); err != nil {
		return fmt.Errorf("your choice cannot be kept: %w", err)
	}
	d.wanted = wanted
	if wanted[p] {
		d.states[p] = State{State: isNone, Text: "a moment, please"}
	} else {
		d.states[p] = State{State: isOff}
	}
	close(d.switched)
	d.switched = make(chan struct{})
	return nil
}
