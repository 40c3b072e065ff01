// Hands that a moderator takes down, in whole rooms.

package room_test

import (
	"slices"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

// TestLowerHand: a moderator takes a hand down for everybody, also for who comes later; its owner is told, and waits last when it is up again.
func TestLowerHand(t *testing.T) {
	meeting(t, rough, func(h *hall) {
		a := h.found("anna")
		m := h.join("mona", a, a.invite(moderator))
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		time.Sleep(time.Second)
		h.must(b.RaiseHand(ctx, true))
		time.Sleep(time.Second)
		h.must(c.RaiseHand(ctx, true))
		time.Sleep(5 * time.Second)
		queue := func(when string, want ...*guest) {
			t.Helper()
			var ids []identity.ID
			for _, g := range want {
				ids = append(ids, g.key.ID())
			}
			for _, g := range []*guest{a, m, b, c} {
				if got := g.waiting(); !slices.Equal(got, ids) {
					t.Errorf("%s %s sees the queue %v", when, g.name, got)
				}
			}
		}
		queue("at first", b, c)
		h.want(c.LowerHand(ctx, b.key.ID()), room.ErrNoRight)
		h.want(m.LowerHand(ctx, a.key.ID()), room.ErrOutranked)
		ops := m.Snapshot().Ops
		h.must(m.LowerHand(ctx, b.key.ID()))
		h.must(m.LowerHand(ctx, b.key.ID())) // once more changes nothing
		if got := m.Snapshot().Ops; got != ops+1 {
			t.Errorf("lowering a hand wrote %d operations", got-ops)
		}
		time.Sleep(5 * time.Second)
		queue("after ben's was lowered", c)
		if by := b.Snapshot().State.Lowered[b.key.ID()].By; by != m.key.ID() {
			t.Errorf("ben is told that %v did it", by)
		}
		h.must(b.RaiseHand(ctx, true))
		time.Sleep(5 * time.Second)
		queue("raised again", c, b)
		h.must(a.LowerHand(ctx, c.key.ID()))
		c.kill()
		c.restart() // with the hand that it had, it would say
		d := h.join("dora", a, inv)
		time.Sleep(8 * time.Second)
		queue("after cleo's was lowered as she died", b)
		if got := d.waiting(); !slices.Equal(got, []identity.ID{b.key.ID()}) {
			t.Errorf("who came later sees %v", got)
		}
		h.agree(a, m, b, c, d)
	})
}

// TestLowerAndRaise: whoever raises a hand as soon as two moderators have lowered it does not fill the log, nor do these.
func TestLowerAndRaise(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		m := h.join("mona", a, a.invite(moderator))
		b := h.join("ben", a, a.invite(listener))
		time.Sleep(time.Second)
		ops, often := a.Snapshot().Ops, 0
		for i := range 600 { // a minute
			if err := b.RaiseHand(ctx, true); err != nil {
				h.want(err, room.ErrTooOften)
				often++
			}
			if err := []*guest{a, m}[i/10%2].LowerHand(ctx, b.key.ID()); err != nil {
				h.want(err, room.ErrTooOften)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if wrote := a.Snapshot().Ops - ops; wrote < 15 || wrote > 25 {
			t.Errorf("%d operations in a minute, want about one in three seconds", wrote)
		}
		if often == 0 {
			t.Error("a hand goes up as often as one likes")
		}
	})
}
