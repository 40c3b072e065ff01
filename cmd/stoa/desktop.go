// The desktop of a node: what it sees of the rooms, what it can have done, and the
// verb that switches its parts.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"net/url"
	"slices"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/desktop"
)

// verbDesktop switches parts of the desktop, and says what they do.
const verbDesktop = "desktop"

// A desktopParts is what is shown on the desktop: *desktop.Desktop.
type desktopParts interface {
	Run(ctx context.Context)
	Switch(words []string) error
	States() desktop.States
}

// forDesktop is a desk as a desktop needs it.
type forDesktop struct{ *desk }

// Glance is desktop.Node's.
func (d forDesktop) Glance() (desktop.Glance, <-chan struct{}) {
	state, changed := d.State()
	return glanceOf(state.(*app.View)), changed
}

// glanceOf is what a desktop shows of all that a page does.
func glanceOf(v *app.View) desktop.Glance {
	g := desktop.Glance{Push: v.Sound.Talk == "push"}
	for id, r := range v.Rooms {
		room := desktop.Room{
			ID: id, Title: r.Title,
			Stage: r.Me.Stage, Speak: r.Me.Speaks && r.Me.Stage, Live: r.Me.Mic,
			Starts: startOf(r.Schedule),
		}
		if r.Gone != nil {
			room.Out = r.Gone.Text
			room.Stage, room.Speak = false, false
		} else if slices.Contains(r.Caps, "stage") {
			for _, who := range r.Hands {
				if p := r.People[who]; p != nil && who != v.Me.ID {
					room.Hands = append(room.Hands, desktop.Hand{ID: who, Name: cmp.Or(p.Petname, p.Name, shortOf(who))})
				}
			}
		}
		if rec := r.Recording; rec != nil && r.Gone == nil && rec.On && rec.Consent[v.Me.ID] == "asked" {
			room.Asked = rec.ID
		}
		g.Rooms = append(g.Rooms, room)
	}
	for id, k := range v.Kept {
		if _, here := v.Rooms[id]; !here && !k.Left && !k.Ended && k.ScheduleView != nil {
			g.Rooms = append(g.Rooms, desktop.Room{ID: id, Title: k.Title, Away: true, Starts: startOf(k.ScheduleView)})
		}
	}
	slices.SortFunc(g.Rooms, func(a, b desktop.Room) int { return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID)) })
	return g
}

func startOf(s *app.ScheduleView) time.Time {
	if s == nil || s.StartsMS == 0 {
		return time.Time{}
	}
	return time.UnixMilli(s.StartsMS)
}

// shortOf is the beginning of a key, for who has no name.
func shortOf(id string) string { return id[:min(len(id), 8)] }

// Do is desktop.Node's.
func (d forDesktop) Do(ctx context.Context, verb, room string, args ...string) error {
	_, err := d.do(ctx, app.Request{Verb: verb, Room: room, Args: args})
	return err
}

// Open is desktop.Node's.
func (d forDesktop) Open(room string) error {
	fragment := ""
	if room != "" {
		fragment = "#/room/" + url.PathEscape(room)
	}
	server, err := d.serve()
	if err != nil {
		return err
	}
	return d.browse(server.Address(fragment))
}

// Visible is desktop.Node's.
func (d forDesktop) Visible() bool {
	d.mu.Lock()
	server := d.server
	d.mu.Unlock()
	if server == nil {
		return false
	}
	_, visible := server.Pages()
	return visible > 0
}

// Quit is desktop.Node's.
func (d forDesktop) Quit() { d.quit() }

// showDesktop shows the node on the desktop until ctx ends.
func (d *desk) showDesktop(ctx context.Context) {
	if d.openDesktop == nil {
		return
	}
	parts := d.openDesktop(desktop.Config{Home: d.home, Node: forDesktop{d}, Log: d.log})
	d.mu.Lock()
	d.desktop = parts
	d.mu.Unlock()
	d.parts.Go(func() { parts.Run(ctx) })
}

// switchDesktop performs the verb desktop.
func (d *desk) switchDesktop(_ context.Context, req app.Request) (app.Reply, error) {
	d.mu.Lock()
	parts := d.desktop
	d.mu.Unlock()
	if parts == nil {
		return app.Reply{}, &app.UserError{Code: "no_page", Text: "this stoa serves no page, and shows nothing on the desktop", Hint: "start it without --page none"}
	}
	if len(req.Args) > 0 {
		err := parts.Switch(req.Args)
		switch {
		case errors.Is(err, desktop.ErrUsage):
			return app.Reply{}, &app.UserError{Code: "usage", Text: err.Error(), Hint: "`stoa desktop notifications off`"}
		case err != nil:
			return app.Reply{}, err
		}
	}
	states := parts.States()
	r := app.Reply{Data: states}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		s := states[name]
		line := string(name) + ": " + s.State
		if s.Text != "" {
			line += ", " + s.Text
		}
		r.Lines = append(r.Lines, line)
	}
	return r, nil
}

func showDesktopCommand() *command {
	return &command{
		name:    verbDesktop,
		summary: "what your desktop shows of stoa; switch parts of it on or off",
		usage:   "[notifications|tray|shortcut on|off]",
		about: `Notifications tell what happens while you look elsewhere. The tray shows the state
of your microphone, with a menu. The shortcut turns it on and off from any window, and
with stoa sound talk push opens it while a key is held; your desktop asks which keys.
All of it needs a desktop that can do that, and a stoa that serves its page.`,
		example: `stoa desktop
stoa desktop notifications off
stoa desktop shortcut on`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, verbDesktop)
			return func(ctx context.Context, c *cli, words []string) error {
				if err := tooMany(words, 2); err != nil {
					return err
				}
				v.req.Args = words
				return v.do(ctx, c)
			}
		},
	}
}

// askDesktop tells what the desktop of the running node cannot do. Where no node runs,
// nobody has tried.
func (c *cli) askDesktop(ctx context.Context, home string, tell func(app.Finding)) {
	reply, err := c.app.do(ctx, home, app.Request{Verb: verbDesktop}, nil)
	if err != nil {
		return
	}
	var states desktop.States
	data, err := json.Marshal(reply.Data)
	if err != nil || json.Unmarshal(data, &states) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if s := states[name]; s.On && s.State != "on" {
			tell(app.Finding{Check: string(name), Verdict: app.Worth, Text: s.Text, Do: "`stoa desktop " + string(name) + " off` does without"})
		}
	}
}
