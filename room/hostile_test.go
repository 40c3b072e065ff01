// What members with edited clients, and people with links, must not bring about.

package room_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

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
