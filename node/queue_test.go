// Tests of how a queue is seen.

package node

import (
	"math"
	"testing"
	"time"
)

func TestTransits(t *testing.T) {
	const ms = time.Millisecond
	var w transits
	for i, tt := range []struct {
		at   time.Duration // in s
		us   uint32
		want time.Duration
	}{
		{0, math.MaxUint32 - 5000, 0},         // any constant, and it wraps
		{1, 15_000 - 1, 20 * ms},              // 20 ms more
		{2, math.MaxUint32 - 15_000, 0},       // a better one
		{3, math.MaxUint32 - 5000, 10 * ms},   // what was best waits now
		{40, math.MaxUint32 - 5000, 10 * ms},  // is remembered
		{70, math.MaxUint32 - 5000, 10 * ms},  //
		{100, math.MaxUint32 - 5000, 10 * ms}, //
		{130, math.MaxUint32 - 5000, 0},       // and forgotten
		{131, math.MaxUint32 - 5000 + 3000, 3 * ms},
	} {
		if got := w.add(tt.us, tt.at*time.Second); got != tt.want {
			t.Errorf("%d: %v wait, want %v", i, got, tt.want)
		}
	}
}

// The queue on our way to the far end shows, that on its way to us does not.
func TestMeterSeesTheQueueThere(t *testing.T) {
	const ms = time.Millisecond
	begin := time.Now()
	far, near := newMeter(&Node{born: begin.Add(-time.Hour)}, begin), newMeter(&Node{born: begin}, begin)
	now := begin
	exchange := func(there, back time.Duration) {
		now = now.Add(reportEvery)
		rep, _ := parseReport(near.appendReport(nil, false, now))
		far.take(rep, now.Add(there))
		rep, _ = parseReport(far.appendReport(nil, false, now.Add(there+30*ms)))
		near.take(rep, now.Add(there+30*ms+back))
	}
	about := func(got, want time.Duration) bool { return (got - want).Abs() < ms }
	exchange(40*ms, 40*ms)
	exchange(40*ms, 90*ms)
	if q := near.queueOut(); !about(q, 0) {
		t.Errorf("%v wait there, though it was on the way back", q)
	}
	exchange(110*ms, 40*ms)
	if q := near.queueOut(); !about(q, 70*ms) {
		t.Errorf("%v wait there, want 70 ms", q)
	}
	exchange(40*ms, 40*ms)
	if q := near.queueOut(); !about(q, 0) {
		t.Errorf("%v wait there, want none", q)
	}

	// A report of ours gets lost, so the next one back tells nothing new.
	before := near.probed
	now = now.Add(reportEvery)
	near.appendReport(nil, false, now)
	rep, _ := parseReport(far.appendReport(nil, false, now))
	near.take(rep, now.Add(40*ms))
	if near.probed != before {
		t.Error("an answer that was counted before counts once more")
	}
}
