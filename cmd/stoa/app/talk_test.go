// Tests of when one is heard.

package app

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestTalk(t *testing.T) {
	const ms = time.Millisecond
	type step struct {
		at   time.Duration
		do   string // press, latch, release or nothing, and who
		who  string
		want bool          // heard afterwards
		next time.Duration // when that may change by itself; 0: never
	}
	for _, c := range []struct {
		name, mode string
		in         []step
	}{
		{"open", talkOpen, []step{{0, "", "", true, 0}, {0, "press", "a", true, time.Second}, {1, "release", "a", true, 0}}},
		{"a key held and let go", talkPush, []step{
			{0, "", "", false, 0},
			{10 * ms, "press", "a", true, 1010 * ms},
			{800 * ms, "press", "a", true, 1800 * ms},
			{1500 * ms, "release", "a", true, 1750 * ms},
			{1749 * ms, "", "", true, 1750 * ms},
			{1750 * ms, "", "", false, 0},
		}},
		{"the tail goes over into the next word", talkPush, []step{
			{0, "press", "a", true, 1000 * ms}, {500 * ms, "release", "a", true, 750 * ms}, {700 * ms, "press", "a", true, 750 * ms},
			{800 * ms, "", "", true, 1700 * ms},
		}},
		{"whoever watched the key is gone", talkPush, []step{{0, "press", "a", true, 1000 * ms}, {999 * ms, "", "", true, 1000 * ms}, {1000 * ms, "", "", false, 0}, {1001 * ms, "release", "a", false, 0}}},
		{"two keys", talkPush, []step{
			{0, "press", "a", true, 1000 * ms}, {500 * ms, "press", "b", true, 1000 * ms}, {600 * ms, "release", "a", true, 1500 * ms},
			{1400 * ms, "release", "b", true, 1650 * ms}, {1650 * ms, "", "", false, 0},
		}},
		{"a key that repeats", talkPush, []step{
			{0, "latch", "key", true, 30 * time.Second}, {25 * time.Second, "latch", "key", true, 55 * time.Second},
			{50 * time.Second, "release", "", true, 50*time.Second + 250*ms}, {51 * time.Second, "", "", false, 0},
		}},
		{"of which nobody hears that it was let go", talkPush, []step{{0, "latch", "key", true, 30 * time.Second}, {30 * time.Second, "", "", false, 0}}},
		{"a release without a press", talkPush, []step{{0, "release", "a", false, 0}}},
		{"a cough", talkToMute, []step{
			{0, "", "", true, 0}, {10 * ms, "press", "a", false, 1010 * ms}, {500 * ms, "release", "a", true, 0},
		}},
		{"a cough that nobody ends", talkToMute, []step{{0, "press", "a", false, 1000 * ms}, {1000 * ms, "", "", true, 0}}},
	} {
		begin := time.Now()
		m := talk{mode: c.mode}
		for i, s := range c.in {
			now := begin.Add(s.at)
			switch s.do {
			case "press":
				m.press(s.who, now, talkLease)
			case "latch":
				m.press(s.who, now, talkLatch)
			case "release":
				m.release(s.who, now)
			}
			if got := m.heard(now); got != s.want {
				t.Errorf("%s: step %d: heard %v", c.name, i, got)
			}
			next := time.Duration(0)
			if at := m.next(now); !at.IsZero() {
				next = at.Sub(begin)
			}
			if next != s.next {
				t.Errorf("%s: step %d: next %v, want %v", c.name, i, next, s.next)
			}
		}
	}
}

// Whatever is pressed and released, it is bounded, it ends, and heard changes by
// itself only when next says so.
func TestTalkEnds(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		m := talk{mode: []string{talkPush, talkToMute}[random.IntN(2)]}
		idle := m.mode == talkToMute
		now := time.Now()
		for range 100 {
			who := fmt.Sprint(random.IntN(40))
			if random.IntN(3) > 0 {
				m.press(who, now, talkLease)
			} else {
				m.release(who, now)
			}
			before, at := m.heard(now), m.next(now)
			if len(m.holds) > maxHolds {
				t.Fatalf("%d hold a key", len(m.holds))
			}
			later := now.Add(time.Duration(random.IntN(500)) * time.Millisecond)
			if m.heard(later) != before && (at.IsZero() || later.Before(at)) {
				t.Fatalf("changed by %v, but next said %v", later.Sub(now), at.Sub(now))
			}
			now = later
		}
		if now = now.Add(talkLease); m.heard(now) != idle || !m.next(now).IsZero() {
			t.Fatal("it does not end")
		}
		m.set(talkOpen)
		if !m.heard(now) {
			t.Fatal("an open microphone is not heard")
		}
	}
}
