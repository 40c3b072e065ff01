// What members with edited clients, and people with links, must not bring about.

package room_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

// Whoever knocks in vain, as often as they can, keeps nobody else out.
func TestKnockingInVainKeepsNobodyOut(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b := h.join("ben", a, inv)
		stolen := b.Snapshot().Me.Credential
		var knocks sync.WaitGroup
		for _, name := range []string{"mallory", "trudy", "oscar"} {
			g := h.guest(name)
			for range 50 {
				knocks.Go(func() {
					if _, err := room.Knock(ctx, g.asks(a), inv.Room, g.key.ID(), stolen); err == nil {
						t.Error("let in on the credential of another")
					}
				})
			}
		}
		// A member may come again and again, too.
		for range 50 {
			knocks.Go(func() { _, _ = b.knock(a, inv) })
		}
		knocks.Wait()
		h.crowd(8, a, inv)
		time.Sleep(time.Second)
		h.agree(a, b)
	})
}

// Whoever asks for the whole history again and again gets it more slowly, and
// the others get theirs.
func TestAnswersAreRationed(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b := h.join("ben", a, inv)
		for range 200 {
			h.must(a.SetTitle(ctx, strings.Repeat("x", room.MaxTitle)))
		}
		const ration, rate = 4 << 20, 256 << 10 // bytes, bytes a second
		got, start := 0, time.Now()
		for range 120 {
			_, _ = room.Knock(ctx, func(ctx context.Context, req []byte) ([]byte, error) {
				reply, err := b.asks(a)(ctx, req)
				got += len(reply)
				return reply, err
			}, inv.Room, b.key.ID(), b.Snapshot().Me.Credential)
		}
		if most := ration + rate*int(time.Since(start)/time.Second+1); got < ration/2 || got > most {
			t.Errorf("%d bytes were answered, at most %d should", got, most)
		}
		h.join("cleo", a, inv)
		time.Sleep(time.Minute)
		if _, err := b.knock(a, inv); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

// One listener who lets herself in as often as her machine can.
func TestOneListenerCannotFillTheLog(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b := h.join("ben", a, inv)
		m := h.guest("mallory")
		w, err := m.knock(a, inv)
		h.must(err)
		log := room.NewLog(w.Charter)
		for _, raw := range w.Ops {
			_, _, err := log.Add(raw)
			h.must(err)
		}
		start := log.Len()
		for n := range 600 {
			cred, err := inv.Redeem(m.key, time.Now())
			h.must(err)
			op, err := log.Compose(m.key, room.KindAdmit, identity.Hash{}, m.key.ID(), room.AdmitArgs{Credential: cred.Bytes()}, uint64(time.Now().UnixMilli()))
			h.must(err)
			if n%2 == 0 { // half of them concurrent, half a line
				_, _, err = log.Add(op.Raw())
				h.must(err)
			}
			_, err = m.asks(a)(ctx, room.Push(cred, log.Heads(), [][]byte{op.Raw()}))
			h.must(err)
		}
		if n := a.Snapshot().Ops; n > start+20 {
			t.Errorf("she got %d operations in", n-start)
		}
		h.must(a.Kick(ctx, m.key.ID(), "", true))
		h.join("cleo", a, inv)
		time.Sleep(5 * time.Second)
		h.agree(a, b)
	})
}

// Both sides of a room that was split have gone on for long: a moderated one,
// and one in which a listener let in a crowd.
func TestLongSplitHeals(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		time.Sleep(3 * time.Second)
		titles, guests := 300, 100
		if testing.Short() {
			titles, guests = 90, 25
		}
		crowd := make([]*guest, guests)
		right := []identity.ID{b.key.ID(), c.key.ID()}
		for i := range crowd {
			crowd[i] = h.guest(fmt.Sprint("guest ", i))
			right = append(right, crowd[i].key.ID())
		}
		h.net.Split([]identity.ID{a.key.ID()}, right)
		for i := range titles {
			h.must(a.SetTitle(ctx, fmt.Sprint(i)))
		}
		for _, g := range crowd {
			_, err := g.knock(b, inv)
			h.must(err)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		h.agree(b, c)
		h.net.Heal()
		time.Sleep(5 * time.Second)
		if got := b.Snapshot().State.Title; got != fmt.Sprint(titles-1) {
			t.Errorf("what the owner did is not known after five seconds: the title is %q", got)
		}
		time.Sleep(25 * time.Second)
		h.agree(a, b, c)
		if n := len(a.Snapshot().State.Members); n != guests+3 {
			t.Errorf("%d members", n)
		}
	})
}
