// What members with edited clients, and people with links, must not bring about.

package room_test

import (
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
