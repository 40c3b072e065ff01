// Writing in whole rooms, on a simulated network in virtual time.

package room_test

import (
	"slices"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

// texts are the messages that a guest is shown, in order; of a hidden one a dash.
func (g *guest) texts() []string {
	var list []string
	for _, l := range g.Snapshot().Chat {
		if !l.Hidden.IsZero() {
			l.Text = "-"
		}
		list = append(list, l.Text)
	}
	return list
}

// shows fails the test unless each of the guests is shown just these messages.
func (h *hall) shows(want []string, all ...*guest) {
	h.t.Helper()
	for _, g := range all {
		if got := g.texts(); !slices.Equal(got, want) {
			h.t.Errorf("%s is shown %q, want %q", g.name, got, want)
		}
	}
}

// writes has a guest write.
func (g *guest) writes(text string) identity.Hash {
	g.hall.t.Helper()
	name, err := g.Say(ctx, text)
	if err != nil {
		g.hall.t.Fatalf("%s cannot write: %v", g.name, err)
	}
	return name
}

func TestChat(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b, c := h.join("ben", a, a.invite(listener)), h.join("cleo", a, a.invite(speaker))
		time.Sleep(time.Second)
		b.writes("good\u202e evening\nall")
		time.Sleep(time.Second)
		mine := c.writes("hello ben")
		time.Sleep(time.Second)
		h.shows([]string{"good evening\nall", "hello ben"}, a, b, c)
		if l := a.Snapshot().Chat[0]; l.Who != b.key.ID() || l.Called != "ben" || l.Fresh != 1 {
			t.Errorf("anna is shown %+v", l)
		}
		h.want(b.Hide(ctx, mine), room.ErrNoRight)
		h.must(c.Hide(ctx, mine))
		time.Sleep(time.Second)
		h.shows([]string{"good evening\nall", "-"}, a, b, c)
		h.must(a.Hide(ctx, b.Snapshot().Chat[0].Name))
		time.Sleep(2 * time.Second)
		h.shows([]string{"-", "-"}, a, b, c)

		h.must(a.Mute(ctx, b.key.ID()))
		time.Sleep(time.Second)
		_, err := b.Say(ctx, "and yet")
		h.want(err, room.ErrMuted)
		_, err = b.Say(ctx, "\u200b \u2066")
		h.want(err, room.ErrEmpty)
		h.want(c.React(ctx, "☠️"), room.ErrEmpty)
		for _, g := range []*guest{a, b, c} {
			g.stop()
			g.restart()
		}
		h.shows([]string{"-", "-"}, a, b, c)
	})
}
