// Who gets less, and how fast all get theirs.

package node

import (
	"testing"
	"time"
)

func TestThrottleFollowsTheLoss(t *testing.T) {
	type part struct {
		loss float64
		last time.Duration
		want int // speakers at its end
	}
	tests := []struct {
		name  string
		parts []part
	}{
		{"no loss", []part{{0, time.Minute, 4}}},
		{"a loss that is repaired", []part{{0.09, time.Minute, 4}}},
		{"much loss", []part{{0.2, 4 * time.Second, 4}, {0.2, 2 * time.Second, 2}, {0.2, time.Minute, 2}}},
		{"too much loss", []part{{0.5, 6 * time.Second, 2}, {0.5, 6 * time.Second, 1}, {0.5, time.Minute, 1}}},
		{"a burst", []part{{0, time.Minute, 4}, {1, 2 * time.Second, 4}, {0, time.Minute, 4}}},
		{"it gets better", []part{{0.5, 20 * time.Second, 1}, {0, 8 * time.Second, 1}, {0, 7 * time.Second, 2}, {0, 11 * time.Second, 4}}},
		{"it gets hardly better", []part{{0.5, 20 * time.Second, 1}, {0.07, time.Minute, 1}}},
	}
	for _, tt := range tests {
		var th throttle
		now := time.Second
		for i, p := range tt.parts {
			for end := now + p.last; now < end; now += reportEvery {
				th.report(p.loss, now)
			}
			if got := th.speakers(); got != p.want {
				t.Errorf("%s, part %d: %d speakers, want %d", tt.name, i, got, p.want)
			}
		}
	}
}

func TestPacerKeepsTheRate(t *testing.T) {
	for _, rate := range []float64{2_000, 100_000, 10_000_000} {
		p := pacer{rate: rate}
		var now time.Duration
		sent := 0
		for now < 10*time.Second {
			if wait := p.take(1000, now); wait > 0 {
				now += wait
				continue
			}
			sent += 1000
		}
		if got := float64(sent) / 10; got > rate*1.1+1000 || got < rate*0.9 {
			t.Errorf("%v bytes a second at a rate of %v", got, rate)
		}
	}
	var free pacer
	if free.take(1<<30, 0) != 0 {
		t.Error("waits without a rate")
	}
}

func TestPacerSavesUpLittle(t *testing.T) {
	p := pacer{rate: 1e6}
	sent := 0
	for p.take(1000, time.Hour) == 0 {
		sent += 1000
	}
	if sent > 22_000 {
		t.Errorf("%d bytes at once after an hour, more than 20 ms of them", sent)
	}
}
