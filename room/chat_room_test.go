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

// TestChatOnARoughNetwork: what gossip lost, doubled and turned round, and what was written and hidden while the network was split, everybody is
// shown in the end; and who comes then reads what was written last.
func TestChatOnARoughNetwork(t *testing.T) {
	meeting(t, rough, func(h *hall) {
		a := h.found("anna")
		all := append(h.crowd(5, a, a.invite(listener)), a)
		m := h.join("mona", a, a.invite(moderator))
		all = append(all, m)
		time.Sleep(5 * time.Second)
		for range 4 {
			for _, g := range all[:4] {
				g.writes("something")
			}
			time.Sleep(2 * time.Second)
		}
		left, right := all[:3], all[3:]
		ids := func(of []*guest) (list []identity.ID) {
			for _, g := range of {
				list = append(list, g.key.ID())
			}
			return list
		}
		h.net.Split(ids(left), ids(right))
		time.Sleep(2 * time.Second)
		left[0].writes("on the left")
		right[0].writes("on the right")
		lines := m.Snapshot().Chat
		for i := range 3 {
			h.must(m.Hide(ctx, lines[i].Name))
		}
		time.Sleep(20 * time.Second)
		h.net.Heal()
		time.Sleep(40 * time.Second)
		late := h.join("late", a, a.invite(listener))
		time.Sleep(10 * time.Second)
		sorted := func(g *guest) []string { return slices.Sorted(slices.Values(g.texts())) }
		want := []string{"-", "-", "-", "on the left", "on the right"}
		for range 13 {
			want = append(want, "something")
		}
		for _, g := range append(all, late) {
			if got := sorted(g); !slices.Equal(got, want) {
				t.Errorf("%s is shown %q", g.name, got)
			}
		}
	})
}

// TestChatFromTheAudience: who listens to relays, and is no member, reads and writes like everybody, by a name that only the message tells; the
// relays pass it on and read nothing; and who is put out reads nothing that follows.
func TestChatFromTheAudience(t *testing.T) {
	crowded(t, calm, func(p *porch) {
		carl, dora := p.listens("carl", p.rita), p.listens("dora", p.rolf)
		time.Sleep(5 * time.Second)
		p.sam.writes("good evening")
		time.Sleep(2 * time.Second)
		carl.writes("hello")
		time.Sleep(3 * time.Second)
		p.shows([]string{"good evening", "hello"}, p.anna, p.sam, carl, dora)
		if l := p.anna.Snapshot().Chat[1]; l.Called != "carl" || l.Who != carl.key.ID() {
			t.Errorf("anna is shown %+v", l)
		}
		p.must(p.anna.Hide(ctx, dora.Snapshot().Chat[1].Name))
		time.Sleep(2 * time.Second)
		p.shows([]string{"good evening", "-"}, p.anna, p.sam, carl, dora)

		old := p.sam.epoch().Commit
		p.must(p.anna.Kick(ctx, dora.key.ID(), "noise", true))
		time.Sleep(100 * time.Millisecond) // sam has heard of it, and nobody has made a new secret yet
		p.sam.writes("now that she is gone")
		if p.sam.epoch().Commit == old {
			t.Error("sam writes under the secret that dora holds")
		}
		time.Sleep(5 * time.Second)
		p.shows([]string{"good evening", "-", "now that she is gone"}, p.anna, p.sam, carl)
		p.shows([]string{"good evening", "-"}, dora)
		p.shows(nil, p.rita, p.rolf)
	})
}
