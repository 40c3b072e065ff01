package app

import (
	"testing"
	"time"

	"stoa/node"
	"stoa/room"
)

// Who is seated asks to be made a member when no relay has carried them for a
// while, less and less often, and not while one does.
func TestStanding(t *testing.T) {
	now := time.Unix(1000, 0)
	seated := theatre("cid", func(s *room.Snapshot) { s.Seated = true })
	one := &held{Primary: &node.AttachmentInfo{}}
	for _, c := range []struct {
		name  string
		s     *room.Snapshot
		quiet bool
		h     *held
		want  bool
	}{
		{"deaf", seated, false, &held{}, true},
		{"still quiet", seated, true, &held{}, false},
		{"carried", seated, false, one, false},
		{"a member", theatre("cid", crowded), false, &held{}, false},
		{"out", theatre("cid", func(s *room.Snapshot) { s.Seated, s.Live = true, false }), false, &held{}, false},
	} {
		if got := new(standing).next(c.s, c.quiet, c.h, now); got != c.want {
			t.Errorf("%s: asks: %v", c.name, got)
		}
	}
	var a standing
	for i := range 10 {
		if !a.next(seated, false, &held{}, now) || a.next(seated, false, &held{}, now.Add(time.Hour)) {
			t.Fatalf("attempt %d is not made, or made twice", i)
		}
		a.finish(now)
		if wait := a.at.Sub(now); wait < min(standAgain<<i, standRarely) || wait >= 2*standRarely {
			t.Errorf("after attempt %d it waits %v", i, wait)
		}
		if a.next(seated, false, &held{}, a.at.Add(-1)) {
			t.Errorf("attempt %d is made too early", i+1)
		}
		now = a.at
	}
	a.next(seated, true, &held{}, now)
	if !a.next(seated, false, &held{}, now) {
		t.Error("deaf once more, it waits as if it had been all the time")
	}
}
