// The disk fails, or the machine dies, at every write of an evening: whatever
// was confirmed is there afterwards, and the room starts.

package room_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
	"stoa/room/roomtest"
)

// evening is what the owner does, step by step, each of them confirmed or
// not. It returns what has to be true of the owner's room afterwards.
type evening struct {
	h         *hall
	owner     *guest
	confirmed []func(s *room.Snapshot) error
}

// do notes what must hold if the step was confirmed.
func (e *evening) do(err error, holds func(s *room.Snapshot) error) {
	if err == nil {
		e.confirmed = append(e.confirmed, holds)
	}
}

func (e *evening) run() {
	a := e.owner
	title := func(text string) {
		// Only the last title counts, so the earlier ones are asked of the
		// log's length.
		n := a.Snapshot().Ops + 1
		e.do(a.SetTitle(ctx, text), func(s *room.Snapshot) error {
			if s.Ops < n {
				return fmt.Errorf("the title %q is lost: %d operations of %d", text, s.Ops, n)
			}
			return nil
		})
	}
	var inv *identity.Invite
	var err error
	inv, err = a.Invite(ctx, listener, "for all")
	e.do(err, func(s *room.Snapshot) error {
		if len(s.FindInvite(inv.Chain.Leaf().Hash().String())) != 1 {
			return errors.New("an invite is lost")
		}
		return nil
	})
	title("first")
	if inv == nil {
		return
	}
	for i := range 2 {
		g := e.h.guest(fmt.Sprint("guest ", i))
		e.do(g.enter(a, inv), func(s *room.Snapshot) error {
			if m, in := s.State.Members[g.key.ID()]; !in && s.State.Kicked[g.key.ID()].Op.IsZero() {
				return fmt.Errorf("%s was let in and is out: %+v", g.name, m)
			}
			return nil
		})
		if g.Room == nil {
			continue
		}
		time.Sleep(time.Second)
		if i == 0 {
			e.do(a.StageAdd(ctx, g.key.ID()), func(s *room.Snapshot) error {
				if !s.State.CanSpeak(g.key.ID()) {
					return errors.New("a speaker is none")
				}
				return nil
			})
			e.do(g.RaiseHand(ctx, true), func(*room.Snapshot) error { return nil })
		} else {
			e.do(a.Kick(ctx, g.key.ID(), "", true), func(s *room.Snapshot) error {
				if _, in := s.State.Members[g.key.ID()]; in {
					return errors.New("somebody kicked is in again")
				}
				return nil
			})
		}
		time.Sleep(3 * time.Second)
	}
	title("last")
	time.Sleep(12 * time.Second)
}

func TestEveryWriteMayFail(t *testing.T) {
	writes := func() (n int) {
		meeting(t, calm, func(h *hall) {
			e := &evening{h: h, owner: h.found("anna")}
			e.run()
			n = e.owner.keeper.Writes()
		})
		return n
	}()
	if writes < 10 {
		t.Fatalf("an evening makes only %d writes", writes)
	}
	for n := 1; n <= writes+1; n++ {
		for _, fault := range []roomtest.Fault{roomtest.Fail, roomtest.CrashBefore, roomtest.CrashAfter} {
			t.Run(fmt.Sprint(n, "/", fault), func(t *testing.T) { failAt(t, n, fault) })
		}
	}
}

// failAt has one write go wrong, then restarts from the disk. n counts from
// the first write, the one that founds the room.
func failAt(t *testing.T, n int, fault roomtest.Fault) {
	meeting(t, calm, func(h *hall) {
		a := h.guest("anna")
		a.keeper.Break(n, fault)
		var err error
		a.record, err = room.Found(a.key, identity.Policy{}, "the painted porch", a.keeper, time.Now())
		if n == 1 {
			if err == nil {
				t.Fatal("a room that is not durable was confirmed")
			}
			return
		}
		h.must(err)
		a.start(nil)
		e := &evening{h: h, owner: a}
		e.run()
		before := a.Snapshot()
		a.kill()
		a.start(nil) // alone: nobody can give back what is lost
		s := a.Snapshot()
		for _, holds := range e.confirmed {
			if err := holds(s); err != nil {
				t.Error(err)
			}
		}
		if fault == roomtest.Fail && s.State.Root != before.State.Root {
			t.Error("one failed write made the disk differ for good")
		}
		if !s.Live || len(s.Epochs) == 0 {
			t.Error("the room is of no use after the restart")
		}
		h.must(a.SetTitle(context.Background(), "goes on"))
		time.Sleep(10 * time.Second)
		if s := a.Snapshot(); !a.epoch().Known || s.State.Epoch.Stale {
			t.Error("the room has no secret that only its members know")
		}
		a.stop()
	})
}
