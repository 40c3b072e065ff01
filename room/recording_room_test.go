// A recording in rooms as wholes: everybody sees it, whoever comes later too, and what was answered proves itself.

package room_test

import (
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

func TestRecordingIsSeen(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(identity.Terms{Role: identity.RoleSpeaker})
		b := h.join("ben", a, inv)
		h.want(b.Consent(ctx, identity.Hash{}, true), room.ErrNoRecording)
		_, err := b.BeginRecording(ctx)
		h.want(err, room.ErrNoRight)
		id, err := a.BeginRecording(ctx)
		h.must(err)
		_, err = a.BeginRecording(ctx)
		h.want(err, room.ErrRecording)
		h.want(b.EndRecording(ctx, identity.Hash{}), room.ErrNoRecording) // has not heard of it
		time.Sleep(time.Second)
		h.want(b.EndRecording(ctx, identity.Hash{}), room.ErrNoRight)
		h.want(b.Consent(ctx, identity.Hash{1}, true), room.ErrNoRecording) // asked for another
		h.must(b.Consent(ctx, id, true))
		time.Sleep(time.Second)

		c := h.join("cleo", a, inv)
		on := c.Snapshot().State.Recording()
		if on == nil || on.ID != id || on.By != a.key.ID() || !on.Consents(b.key.ID()) || on.Consents(c.key.ID()) {
			t.Fatalf("who comes later sees %+v", on)
		}
		ops := c.Snapshot().Ops
		h.must(b.Consent(ctx, identity.Hash{}, true)) // said already
		h.must(b.Consent(ctx, identity.Hash{}, false))
		time.Sleep(time.Second)
		if on = a.Snapshot().State.Recording(); on.Consents(b.key.ID()) || a.Snapshot().Ops != ops+1 {
			t.Errorf("a withdrawal is %+v, in %d operations", on.Answers[b.key.ID()], a.Snapshot().Ops-ops)
		}
		proof, err := a.Evidence(ctx, id, on.Answers[b.key.ID()].Op, identity.Hash{1})
		h.must(err)
		if len(proof) != 2 {
			t.Fatalf("%d of two operations", len(proof))
		}
		for i, author := range []identity.ID{a.key.ID(), b.key.ID()} {
			if o, err := proof[i].Verify(a.Snapshot().Charter); err != nil || o.Author != author {
				t.Errorf("operation %d does not prove itself: %v", i, err)
			}
		}
		h.want(a.EndRecording(ctx, identity.Hash{1}), room.ErrNoRecording)
		h.must(a.EndRecording(ctx, id))
		time.Sleep(time.Second)
		if c.Snapshot().State.Recording() != nil {
			t.Error("it is on after its end")
		}
		h.agree(a, b, c)
	})
}

// TestRecordingUnderAnother: of two that were begun at once, that which is not on can be ended, and is not on after the other.
func TestRecordingUnderAnother(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(identity.Terms{Role: identity.RoleModerator}))
		bens, err := b.BeginRecording(ctx)
		h.must(err)
		annas, err := a.BeginRecording(ctx)
		h.must(err)
		time.Sleep(time.Second)
		if on := b.Snapshot().State.Recording(); on == nil || on.ID != annas {
			t.Fatalf("beside an owner's there is %+v", on)
		}
		h.must(b.EndRecording(ctx, bens))
		h.want(b.EndRecording(ctx, bens), room.ErrNoRecording)
		h.must(a.EndRecording(ctx, annas))
		time.Sleep(time.Second)
		if on := b.Snapshot().State.Recording(); on != nil {
			t.Errorf("what was ended is on again: %+v", on)
		}
		h.agree(a, b)
	})
}
