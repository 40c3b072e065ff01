// What a desktop sees of the rooms, and the verb that switches its parts.

package main

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/desktop"
	"stoa/cmd/stoa/ui"
)

func TestGlance(t *testing.T) {
	const me, ann, bob = "me", "annannannann", "bob"
	meets := &app.ScheduleView{StartsMS: 1000}
	view := &app.View{
		Me:    app.MeView{ID: me},
		Sound: app.SoundView{Talk: "push"},
		Rooms: map[string]*app.RoomView{
			"r1": {
				Title: "Host's", Caps: []string{"speak", "stage"}, Me: app.HereView{Stage: true, Speaks: true, Mic: true},
				Hands:  []string{ann, bob, me, "left"},
				People: map[string]*app.PersonView{ann: {}, bob: {Name: "Bob"}, me: {Name: "Me"}},
			},
			"r2": {
				Title: "Listener's", Caps: []string{"hear"}, Hands: []string{ann}, People: map[string]*app.PersonView{ann: {}},
				Schedule: meets, Recording: &app.RecordingView{ID: "rec", On: true, Consent: map[string]string{me: "asked"}},
			},
			"r3": {
				Title: "Over", Caps: []string{"stage"}, Me: app.HereView{Stage: true, Speaks: true},
				Hands: []string{ann}, People: map[string]*app.PersonView{ann: {}}, Gone: &app.Problem{Text: "you were put out"},
				Recording: &app.RecordingView{ID: "rec", On: true, Consent: map[string]string{me: "asked"}},
			},
			"r4": {Title: "Answered", Recording: &app.RecordingView{ID: "rec", On: true, Consent: map[string]string{me: "no"}}},
		},
		Kept: map[string]app.KeptView{
			"r2": {Title: "Listener's", ScheduleView: meets},
			"k1": {Title: "Next", ScheduleView: meets},
			"k2": {Title: "Left", Left: true, ScheduleView: meets},
			"k3": {Title: "Ended", Ended: true, ScheduleView: meets},
			"k4": {Title: "Unplanned"},
		},
	}
	want := desktop.Glance{Push: true, Rooms: []desktop.Room{
		{ID: "r4", Title: "Answered"},
		{ID: "r1", Title: "Host's", Stage: true, Speak: true, Live: true, Hands: []desktop.Hand{{ID: ann, Name: "annannan"}, {ID: bob, Name: "Bob"}}},
		{ID: "r2", Title: "Listener's", Starts: time.UnixMilli(1000), Asked: "rec"},
		{ID: "k1", Title: "Next", Away: true, Starts: time.UnixMilli(1000)},
		{ID: "r3", Title: "Over", Out: "you were put out"},
	}}
	if got := glanceOf(view); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := glanceOf(app.Blank(phaseLocked, nil, "")); len(got.Rooms) > 0 {
		t.Errorf("of a home that is locked: %+v", got)
	}
}

// fakeDesktop is one that the person may quit from.
type fakeDesktop struct {
	node   desktop.Node
	begun  chan struct{}
	states desktop.States
}

func (f *fakeDesktop) Run(ctx context.Context) { close(f.begun); <-ctx.Done() }

func (f *fakeDesktop) Switch(words []string) error {
	switch words[0] {
	case "tray":
		f.states["tray"] = desktop.State{State: "off"}
		return nil
	case "disk":
		return errors.New("no room on it")
	}
	return desktop.ErrUsage
}

func (f *fakeDesktop) States() desktop.States { return f.states }

// newFakeDesktop is a desk that is told to show itself on a fake desktop.
func newFakeDesktop() (*desk, *fakeDesktop) {
	f := &fakeDesktop{begun: make(chan struct{}), states: desktop.States{"tray": {On: true, State: "none", Text: "no place"}}}
	d := newDesk(backend{desktop: func(cfg desktop.Config) desktopParts { f.node = cfg.Node; return f }}, "", "", nil)
	return d, f
}

func TestVerbDesktop(t *testing.T) {
	d, _ := newFakeDesktop()
	ask := func(args ...string) (string, error) {
		r, err := d.do(t.Context(), app.Request{Verb: verbDesktop, Args: args})
		return strings.Join(r.Lines, "\n"), err
	}
	if _, err := ask(); app.Explain(err).Code != "no_page" {
		t.Errorf("without a desktop: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.showDesktop(ctx)
	if said, err := ask(); err != nil || said != "tray: none, no place" {
		t.Errorf("got %q, %v", said, err)
	}
	if said, err := ask("tray", "off"); err != nil || said != "tray: off" {
		t.Errorf("switched off: %q, %v", said, err)
	}
	if _, err := ask("nonsense"); app.Explain(err).Code != "usage" {
		t.Errorf("nonsense: %v", err)
	}
	if _, err := ask("disk"); err == nil {
		t.Error("a choice that cannot be kept is kept")
	}
	cancel()
	d.parts.Wait()
}

// What the person chooses on the desktop happens, and whoever quits from there has ended
// the node in peace.
func TestChosenOnTheDesktop(t *testing.T) {
	d, f := newFakeDesktop()
	of, page := &fake{wait: true}, &fakePage{}
	var opened string
	d.open, d.serving = of.backend().open, always
	d.openPage = func(ui.Config) (pageServer, error) { return page, nil }
	d.browse = func(address string) error { opened = address; return nil }
	ended := make(chan error, 1)
	go func() { ended <- d.run(t.Context(), app.Config{Emit: func(app.Event) {}}, nil, true) }()
	<-f.begun

	if err := f.node.Open("room"); err != nil || opened != page.Address("#/room/room") {
		t.Errorf("opened %q, %v", opened, err)
	}
	if f.node.Visible() {
		t.Error("a page that nobody has opened is before somebody's eyes")
	}
	page.visible = 1
	if !f.node.Visible() {
		t.Error("the page that is looked at is not before anybody's eyes")
	}
	f.node.Quit()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}
