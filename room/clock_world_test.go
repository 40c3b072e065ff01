// Rooms of people whose clocks are wrong, in virtual time.

package room_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/room"
	"stoa/room/relay"
	"stoa/room/roomtest"
)

// dated is a guest whose clock is fast by so much.
func (h *hall) dated(name string, fast time.Duration) *guest {
	g := h.guest(name)
	g.fast = fast
	return g
}

// until is a link's terms that end after some time, by the clock of who makes it.
func (g *guest) until(terms identity.Terms, after time.Duration) identity.Terms {
	terms.Expires = g.Room.Now().Add(after)
	return terms
}

// TestClocksApart: whoever's clocks are wrong, in whichever direction, who has a link that is good gets in, hears, raises a hand, is called up
// and speaks; once the link is over nobody lets anybody in by it; and all are of one state.
func TestClocksApart(t *testing.T) {
	const m = time.Minute
	for _, tt := range []struct{ owner, relay, ben, cleo time.Duration }{
		{0, 0, 0, 0},
		{0, 10 * m, -10 * m, 10 * m},
		{0, -10 * m, 10 * m, -10 * m},
		{15 * m, -15 * m, -15 * m, 15 * m},
		{-15 * m, 15 * m, 15 * m, -15 * m},
	} {
		t.Run(fmt.Sprintf("%.0f %.0f %.0f %.0f", tt.owner.Minutes(), tt.relay.Minutes(), tt.ben.Minutes(), tt.cleo.Minutes()), func(t *testing.T) {
			meeting(t, calm, func(h *hall) {
				a, r, b, c := h.dated("anna", tt.owner), h.dated("rela", tt.relay), h.dated("ben", tt.ben), h.dated("cleo", tt.cleo)
				var err error
				a.record, err = room.Found(a.key, identity.Policy{}, "the painted porch", a.keeper, a.now())
				h.must(err)
				a.start(nil)
				link := a.invite(a.until(listener, 5*m))
				h.must(r.enter(a, a.invite(identity.Terms{Role: identity.RoleRelay})))
				time.Sleep(time.Second)
				r.carry(100, 40) // a crowd
				time.Sleep(10 * time.Second)

				h.must(b.enter(r, link)) // the relay is the gate
				h.must(c.enter(a, link))
				b.follow()
				c.follow()
				time.Sleep(10 * time.Second)
				for _, g := range []*guest{b, c} {
					if s := g.Snapshot(); !s.Live || !g.epoch().Known || !s.InAudience() {
						t.Errorf("%s is in: %t, hears: %t, in the audience: %t", g.name, s.Live, g.epoch().Known, s.InAudience())
					}
				}
				if n := len(r.node.Children()); n != 2 {
					t.Errorf("the relay carries %d of two", n)
				}

				h.must(b.RaiseHand(ctx, true))
				time.Sleep(time.Second)
				h.must(c.RaiseHand(ctx, true))
				time.Sleep(3 * time.Second)
				for _, g := range []*guest{a, b, c, r} {
					hands := g.Snapshot().Hands
					if len(hands) != 2 || hands[0].Who != b.key.ID() || hands[1].Who != c.key.ID() {
						t.Errorf("%s sees the hands %v", g.name, hands)
					}
				}
				h.must(a.StageAdd(ctx, b.key.ID()))
				time.Sleep(2 * time.Second)
				h.must(b.SetMic(ctx, true))
				time.Sleep(2 * time.Second)
				for _, g := range []*guest{a, b, c, r} {
					if p, ok := g.Snapshot().Person(b.key.ID()); !ok || !p.Speaks || !p.Mic {
						t.Errorf("%s: ben is here %t, may speak %t, is heard %t", g.name, ok, p.Speaks, p.Mic)
					}
				}

				h.must(a.SubmitAudit(ctx, r.key.ID(), 6400))
				complaint := &relay.Complaint{Room: link.Room, Relay: r.key.ID(), Who: b.key.ID(), Fault: relay.Censors}
				h.must(b.PublishComplaint(ctx, complaint))
				h.must(a.PublishFloor(ctx, &relay.Floor{Room: link.Room, Host: a.key.ID(), Seq: 1}))
				time.Sleep(2 * time.Second)
				for _, g := range []*guest{b, c, r} {
					s := g.Snapshot()
					if len(s.Relays) != 1 || s.Relays[0].Audits != 1 || s.Relays[0].Carries < 40 || s.Floor == nil {
						t.Errorf("%s knows of the relay %+v, of the host's floor %t", g.name, s.Relays, s.Floor != nil)
					}
				}

				time.Sleep(8 * m) // and three more than the link has
				for i, gate := range []*guest{a, r, b, c} {
					for j, fast := range []time.Duration{-15 * m, 0, 15 * m} {
						_, err := h.dated(fmt.Sprint("late ", i, j), fast).knock(gate, link)
						if !errors.Is(err, identity.ErrExpired) {
							t.Errorf("three minutes late, %v fast, at %s's gate: %v", fast, gate.name, err)
						}
					}
				}
				h.must(a.Kick(ctx, b.key.ID(), "", false))
				time.Sleep(2 * time.Second)
				for _, gate := range []*guest{a, r, c} {
					if _, err := b.knock(gate, link); err == nil {
						t.Errorf("kicked, ben gets in again at %s's gate", gate.name)
					}
				}
				h.agree(a, r, c)
				for _, g := range []*guest{a, r, b, c} {
					if n := g.node.Bad(); n != 0 {
						t.Errorf("%s takes %d messages of honest people for wrong beyond doubt", g.name, n)
					}
				}
			})
		})
	}
}

// TestSlowGateAlone: a relay that is the only one here knows no better than its clock, except for what it has heard of those who were.
func TestSlowGateAlone(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		link := a.invite(a.until(listener, 5*time.Minute))
		r := h.dated("rela", -12*time.Minute)
		h.must(r.enter(a, a.invite(identity.Terms{Role: identity.RoleRelay})))
		time.Sleep(5 * time.Second)
		a.stop()
		time.Sleep(8 * time.Minute)
		if _, err := h.guest("late").knock(r, link); !errors.Is(err, identity.ErrExpired) {
			t.Errorf("the owner has gone, and the relay opens: %v", err)
		}
		if got := time.Until(r.Now()).Abs(); got > time.Second {
			t.Errorf("the relay takes the time for another by %v", got)
		}
	})
}

// TestFastClocksDoNotCloseLinks: operations dated ahead, by a clock or by a liar, take no time from a link.
func TestFastClocksDoNotCloseLinks(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		m := h.dated("mona", 14*time.Minute)
		h.must(m.enter(a, a.invite(moderator)))
		h.must(m.SetTitle(ctx, "from the future"))
		time.Sleep(time.Second)
		link := a.invite(a.until(listener, 5*time.Minute))
		b := h.join("ben", a, link)
		time.Sleep(time.Second)
		if !b.Snapshot().Live {
			t.Error("not in")
		}
		h.agree(a, m, b)
	})
}

// TestReplaysRaiseNoGhosts: somebody records all that is said and says it again, to those who were there and to those who come later.
func TestReplaysRaiseNoGhosts(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		link := a.invite(listener)
		spy := h.net.Node(keyOf("spy").ID())
		var mu sync.Mutex
		var heard []record
		spy.Check(func(channel string, msg []byte) (bool, bool) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, record{channel, bytes.Clone(msg)})
			return false, false
		})
		b, c := h.join("ben", a, link), h.dated("cleo", 10*time.Minute)
		h.must(c.enter(a, link))
		time.Sleep(time.Minute)
		h.must(b.RaiseHand(ctx, true))
		time.Sleep(10 * time.Second)
		b.stop()
		c.kill()
		spy.Check(func(string, []byte) (bool, bool) { return false, false })
		synctest.Wait()
		mu.Lock()
		said := heard
		mu.Unlock()
		for _, later := range []time.Duration{time.Minute, 10 * time.Minute, 15 * time.Minute} {
			time.Sleep(later)
			late := h.join(fmt.Sprint("late ", later), a, link)
			for _, m := range said {
				_ = spy.Publish(ctx, m.channel, m.data)
				time.Sleep(50 * time.Millisecond)
			}
			time.Sleep(time.Second)
			for _, g := range []*guest{a, late} {
				if g.sees(b) || g.sees(c) || len(g.Snapshot().Hands) > 0 {
					t.Errorf("%v later %s sees ben %t, cleo %t, hands %v", later, g.name, g.sees(b), g.sees(c), g.Snapshot().Hands)
				}
				if !g.sees(a) {
					t.Errorf("%v later %s does not see anna", later, g.name)
				}
			}
		}
	})
}

type record struct {
	channel string
	data    []byte
}

// TestClockSetBetweenRuns: who comes back with another clock is here at once, though what they said before is dated later.
func TestClockSetBetweenRuns(t *testing.T) {
	for _, then := range []time.Duration{12 * time.Minute, -12 * time.Minute} {
		t.Run(then.String(), func(t *testing.T) {
			meeting(t, calm, func(h *hall) {
				a := h.found("anna")
				link := a.invite(speaker)
				b, c := h.dated("ben", then), h.join("cleo", a, link)
				h.must(b.enter(a, link))
				time.Sleep(5 * time.Second)
				b.kill()
				b.fast = -then
				time.Sleep(3 * time.Second)
				b.restart()
				time.Sleep(6 * time.Second)
				h.must(b.SetMic(ctx, true))
				time.Sleep(2 * time.Second)
				for _, g := range []*guest{a, c} {
					if p, ok := g.Snapshot().Person(b.key.ID()); !ok || !p.Mic {
						t.Errorf("%s sees ben %t, with a microphone %t", g.name, ok, p.Mic)
					}
				}
			})
		})
	}
}

// TestWhoIsToldOfTheirClock: who differs from most is told, and nobody else.
func TestWhoIsToldOfTheirClock(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.dated("anna", 10*time.Minute)
		var err error
		a.record, err = room.Found(a.key, identity.Policy{}, "the painted porch", a.keeper, a.now())
		h.must(err)
		a.start(nil)
		link := a.invite(listener)
		b, c := h.join("ben", a, link), h.join("cleo", a, a.invite(listener)) // by one link they would have one voice
		d := h.dated("dora", -180*time.Minute)
		h.must(d.enter(a, link))
		time.Sleep(20 * time.Second)
		for g, want := range map[*guest]time.Duration{a: 10 * time.Minute, b: 0, c: 0, d: -180 * time.Minute} {
			if got := g.Snapshot().ClockFast; got != want {
				t.Errorf("%s's clock is said to be %v fast, want %v", g.name, got, want)
			}
		}
	})
}

// TestSkewedWorld: rooms of people with clocks that are wrong at random, on a bad network, in which everybody does something: nobody is refused
// what is theirs, and all are of one state.
func TestSkewedWorld(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			meeting(t, roomtest.Conditions{Delay: 50 * time.Millisecond, Jitter: 200 * time.Millisecond, Loss: 0.05, Duplicate: 0.05}, func(h *hall) {
				rnd := rand.New(rand.NewPCG(seed, 7))
				skew := func() time.Duration { return time.Duration(rnd.IntN(31)-15) * time.Minute }
				a := h.dated("anna", skew())
				var err error
				a.record, err = room.Found(a.key, identity.Policy{}, "the painted porch", a.keeper, a.now())
				h.must(err)
				a.start(nil)
				all := []*guest{a}
				open := a.invite(moderator)
				for i := range 2 {
					m := h.dated(fmt.Sprint("m", i), skew())
					h.must(m.enter(a, open))
					all = append(all, m)
				}
				time.Sleep(10 * time.Second)
				link := a.invite(a.until(listener, 6*time.Minute))
				for i := range 4 {
					g := h.dated(fmt.Sprint("g", i), skew())
					gate := all[rnd.IntN(len(all))]
					if err := g.enter(gate, link); err != nil {
						t.Fatalf("guest %d (%v fast) at %s's gate (%v fast): %v", i, g.fast, gate.name, gate.fast, err)
					}
					all = append(all, g)
					time.Sleep(time.Duration(rnd.IntN(20)) * time.Second)
				}
				time.Sleep(15 * time.Second)
				speakers := all[3:6]
				for _, g := range speakers {
					h.must(g.RaiseHand(ctx, true))
					time.Sleep(time.Second)
				}
				time.Sleep(10 * time.Second)
				var want []identity.ID
				for _, g := range speakers {
					want = append(want, g.key.ID())
				}
				for _, g := range all {
					if got := g.waiting(); !slices.Equal(got, want) {
						t.Errorf("%s (%v fast) has another queue: %v", g.name, g.fast, got)
					}
				}
				for i, g := range speakers {
					h.must(all[i].StageAdd(context.Background(), g.key.ID()))
				}
				time.Sleep(20 * time.Second)
				for _, g := range all {
					for _, s := range speakers {
						if p, ok := g.Snapshot().Person(s.key.ID()); !ok || !p.Speaks {
							t.Errorf("%s (%v fast): %s (%v fast) is here %t and speaks %t", g.name, g.fast, s.name, s.fast, ok, p.Speaks)
						}
					}
				}
				time.Sleep(12 * time.Minute)
				for _, gate := range all {
					if _, err := h.dated("late by "+gate.name, skew()).knock(gate, link); !errors.Is(err, identity.ErrExpired) {
						t.Errorf("minutes late at %s's gate (%v fast): %v", gate.name, gate.fast, err)
					}
				}
				h.agree(all...)
			})
		})
	}
}
