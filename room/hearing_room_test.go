// How news of who hears whom goes round, on a simulated network in virtual time.

package room_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"stoa/room"
)

// hears has somebody say how they hear others.
func (g *guest) hears(by *guest, lines ...room.Hearing) {
	g.hall.t.Helper()
	h := room.Hears{Stage: lines, Helps: true}
	if by != nil {
		h.Relay = by.key.ID()
	}
	g.hall.must(g.SetHears(ctx, h))
}

// says is how one person hears another, as a third has been told.
func (g *guest) says(who, of *guest) room.Hearing {
	g.hall.t.Helper()
	s, err := g.Look(ctx)
	g.hall.must(err)
	p, _ := s.Person(who.key.ID())
	h, _ := p.Hearing(of.key.ID())
	return h
}

func TestNewsOfDeafnessIsQuick(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b, c := h.join("ben", a, a.invite(speaker)), h.join("cleo", a, a.invite(listener))
		time.Sleep(10 * time.Second)
		b.hears(nil, room.Hearing{Who: a.key.ID(), Way: room.Direct, RTT: 10 * time.Millisecond})
		c.hears(nil, room.Hearing{Who: b.key.ID(), Way: room.Unheard})
		time.Sleep(400 * time.Millisecond)
		at := time.Now()
		b.hears(c, room.Hearing{Who: a.key.ID()})
		time.Sleep(400 * time.Millisecond)
		for _, g := range []*guest{a, b, c} {
			s := g.Snapshot()
			deaf := s.Deaf()
			if len(deaf) != 2 || !slices.ContainsFunc(deaf, func(d room.Deafness) bool {
				return d.Who == b.key.ID() && d.To == a.key.ID() && !d.Since.Before(at) && d.Since.Sub(at) < 400*time.Millisecond
			}) || !slices.ContainsFunc(deaf, func(d room.Deafness) bool { return d.Who == c.key.ID() && d.To == b.key.ID() }) {
				t.Errorf("%s knows of %+v", g.name, deaf)
			}
			if p, _ := s.Person(b.key.ID()); p.Relay != c.key.ID() || !p.Helps {
				t.Errorf("%s sees that ben is brought voices by %s and helps: %t", g.name, p.Relay.Short(), p.Helps)
			}
		}
		// Who is put out is nobody's concern any more.
		h.must(a.Kick(ctx, c.key.ID(), "", false))
		time.Sleep(time.Second)
		if deaf := a.Snapshot().Deaf(); len(deaf) != 1 {
			t.Errorf("after cleo was put out anna knows of %+v", deaf)
		}
	})
}

// TestFiguresWaitForTheNextHeartbeat: round trips change all the time, and nobody has to act on them.
func TestFiguresWaitForTheNextHeartbeat(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(speaker))
		line := room.Hearing{Who: a.key.ID(), Way: room.Direct, RTT: 10 * time.Millisecond}
		b.hears(nil, line)
		time.Sleep(10 * time.Second)
		before := a.Snapshot()
		for range 20 { // ten seconds
			line.RTT += time.Millisecond
			b.hears(nil, line)
			time.Sleep(500 * time.Millisecond)
		}
		if a.Snapshot() != before {
			t.Error("a round trip was news")
		}
		if got := a.says(b, a); got.RTT <= 25*time.Millisecond || got.RTT > line.RTT {
			t.Errorf("anna was told of %v, the last one is %v", got.RTT, line.RTT)
		}
	})
}

// TestFlappingLinks has somebody's links come and go fifty times a second: what goes round is bounded, and right in the end.
func TestFlappingLinks(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(speaker))
		time.Sleep(10 * time.Second)
		seen := 0
		watching, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range a.Watch(watching) {
				seen++
			}
		}()
		for i := range 250 { // five seconds
			b.hears(nil, room.Hearing{Who: a.key.ID(), Way: room.Way(i % 2)})
			time.Sleep(20 * time.Millisecond)
		}
		b.hears(nil, room.Hearing{Who: a.key.ID(), Way: room.ByRelay})
		time.Sleep(time.Second)
		stop()
		<-done
		if seen < 5 || seen > 30 {
			t.Errorf("anna was told %d times in six seconds", seen)
		}
		if got := a.says(b, a).Way; got != room.ByRelay {
			t.Errorf("in the end anna thinks that ben hears her by %s", got)
		}
	})
}

// TestReceipts: what a listener says of how far a voice has come there is with its author after the next heartbeat, and that the listener has
// no loudspeaker at once.
func TestReceipts(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b, c := h.join("ben", a, a.invite(listener)), h.join("cleo", a, a.invite(listener))
		time.Sleep(10 * time.Second)
		line := room.Hearing{Who: a.key.ID(), Way: room.Direct, Got: 100}
		b.hears(nil, line)
		time.Sleep(3 * time.Second)
		line.Got = 250
		b.hears(nil, line)
		at := time.Now()
		time.Sleep(3 * time.Second)
		h.must(c.SetHears(ctx, room.Hears{Deaf: true, Feeds: 7}))
		time.Sleep(400 * time.Millisecond)
		list, every, err := a.Receipts(ctx)
		h.must(err)
		if every != 2*time.Second || len(list) != 2 {
			t.Errorf("%d receipts, every %v", len(list), every)
		}
		for _, r := range list {
			switch {
			case r.Who == b.key.ID() && (!r.Said || r.Got != 250 || r.Way != room.Direct || r.Deaf || !r.At.After(at)):
				t.Errorf("ben's receipt: %+v", r)
			case r.Who == c.key.ID() && (r.Said || !r.Deaf || r.Feeds != 7):
				t.Errorf("cleo's receipt: %+v", r)
			}
		}
		if p, _ := a.Snapshot().Person(c.key.ID()); !p.Deaf {
			t.Error("anna does not see that cleo has no loudspeaker")
		}
	})
}
