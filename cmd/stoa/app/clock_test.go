package app

import (
	"testing"
	"time"

	"stoa/room"
)

func TestClockText(t *testing.T) {
	const m = time.Minute
	for _, tt := range []struct {
		fast       time.Duration
		text, hint string
	}{
		{10 * m, "your clock is 10 minutes fast, as far as most people here can tell", "set it right; until then stoa reckons with it"},
		{-m, "your clock is 1 minute slow, as far as most people here can tell", "set it right; until then stoa reckons with it"},
		{-180 * m, "your clock is 3 hours slow, as far as most people here can tell", "set it right: others do not see you, nor you them, while it is that wrong"},
		{48 * 60 * m, "your clock is 2 days fast, as far as most people here can tell", "set it right: others do not see you, nor you them, while it is that wrong"},
	} {
		if text, hint := clockText(tt.fast); text != tt.text || hint != tt.hint {
			t.Errorf("%v: %q, %q", tt.fast, text, hint)
		}
	}
}

// TestClockChange: a person is told once, and again only of another amount.
func TestClockChange(t *testing.T) {
	const m = time.Minute
	for _, tt := range []struct {
		prev, next time.Duration
		told       bool
	}{{0, 0, false}, {0, 10 * m, true}, {10 * m, 11 * m, false}, {10 * m, 30 * m, true}, {10 * m, 0, false}, {-10 * m, 10 * m, true}} {
		prev := &room.Snapshot{State: &room.State{}, ClockFast: tt.prev}
		next := &room.Snapshot{State: prev.State, ClockFast: tt.next}
		if got := len(changes(prev, next)) == 1; got != tt.told {
			t.Errorf("%v, then %v: told %t", tt.prev, tt.next, got)
		}
	}
}
