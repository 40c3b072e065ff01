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

// TestClockWatch: a person is told what stands, once, and again only of another
// amount, and not often.
func TestClockWatch(t *testing.T) {
	const m = time.Minute
	var c clockWatch
	now := noon
	for _, step := range []struct {
		what  string
		after time.Duration
		fast  time.Duration
		told  bool
	}{
		{"all is well", 0, 0, false},
		{"what may pass", m, 17 * m, false},
		{"not yet", clockTold - time.Second, 17 * m, false},
		{"another amount", time.Second, -9 * m, false},
		{"and back", clockTold - time.Second, 10 * m, false},
		{"about the same", clockTold - time.Second, 11 * m, false},
		{"it stands", time.Second, 11 * m, true},
		{"once", clockToldAgain, 11 * m, false},
		{"well again for a moment", time.Second, 0, false},
		{"and not", clockTold - time.Second, 10 * m, false},
		{"which is no news", clockTold, 10 * m, false},
		{"another amount stands", 0, 30 * m, false},
		{"and is told", clockTold, 30 * m, true},
		{"the next one", time.Second, 60 * m, false},
		{"has to wait", clockToldAgain - 2*time.Second, 60 * m, false},
		{"for so long", time.Second, 60 * m, true},
	} {
		now = now.Add(step.after)
		if got := len(c.next(&room.Snapshot{ClockFast: step.fast}, now)) == 1; got != step.told {
			t.Errorf("%s: told %t", step.what, got)
		}
	}
}

// TestClockWatchOfAFlappingClock: whoever has the others' clocks seem to jump
// has nobody told anything.
func TestClockWatchOfAFlappingClock(t *testing.T) {
	var c clockWatch
	for i := range 3600 {
		if e := c.next(&room.Snapshot{ClockFast: time.Duration(i%20) * 7 * time.Minute}, noon.Add(time.Duration(i)*time.Second)); len(e) != 0 {
			t.Fatalf("after %d s: %q", i, e[0].Text)
		}
	}
}
