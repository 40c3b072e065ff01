// Rooms in which nothing has happened for long.

package room_test

import (
	"context"
	"testing"
	"time"
)

// An action after a quiet hour once was saved and then refused as coming from
// the future, because only what others said moved the horizon.
func TestActionAfterQuiet(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		m := h.join("mona", a, a.invite(moderator))
		h.must(m.SetTitle(context.Background(), "Sooner"))
		time.Sleep(time.Hour)
		h.must(a.SetTitle(context.Background(), "Later"))
		if got := a.Snapshot().State.Title; got != "Later" {
			t.Errorf("the title is %q", got)
		}
	})
}
