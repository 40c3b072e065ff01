// Tests of what a Jitter learns: quantiles with forgetting, the floor of delays, the drift of
// clocks.

package audio

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestHistogramQuantile(t *testing.T) {
	var h histogram
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		h.add(time.Duration(rnd.Float64()*float64(100*time.Millisecond)), 1)
	}
	for _, q := range []float64{0.5, 0.9, 0.99} {
		want := time.Duration(q * float64(100*time.Millisecond))
		if got := h.quantile(q); (got - want).Abs() > 6*time.Millisecond {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

func TestHistogramForgets(t *testing.T) {
	var h histogram
	for range 100 {
		h.add(200*time.Millisecond, 1)
	}
	n := 0
	for ; h.quantile(0.99) > 10*time.Millisecond && n < 10_000; n++ {
		h.add(0, 1)
	}
	if n < histogramMemory || n > 10*histogramMemory {
		t.Errorf("100 bad packets were forgotten after %d good ones", n)
	}
}

// A new base moves the origin, and what was learnt keeps its place.
func TestHistogramRebase(t *testing.T) {
	var h histogram
	for range 50 {
		h.add(40*time.Millisecond, 1)
	}
	h.rebase(-20 * time.Millisecond)
	if got := h.quantile(0.99); got != 62*time.Millisecond {
		t.Errorf("60 ms above the base became %v", got)
	}
	h.rebase(30 * time.Millisecond)
	if got := h.quantile(0.99); got != 12*time.Millisecond {
		t.Errorf("10 ms above the base became %v", got)
	}
	h.rebase(time.Hour)
	if got := h.quantile(0.99); got != histogramBin {
		t.Errorf("an hour below the base became %v", got)
	}
}

func TestFloorFollowsALongerRoute(t *testing.T) {
	var f floor
	at := time.Duration(0)
	for range 1000 {
		at += FrameTime
		f.add(10*time.Millisecond, at)
	}
	if got := f.add(60*time.Millisecond, at+FrameTime); got != 10*time.Millisecond {
		t.Errorf("one late packet moved the floor to %v", got)
	}
	for range floorSlots*int(time.Second/FrameTime) + 50 {
		at += FrameTime
		f.add(60*time.Millisecond, at)
	}
	if got := f.min(); got != 60*time.Millisecond {
		t.Errorf("after %d seconds of a longer route the floor is %v", floorSlots, got)
	}
}

func TestDriftEstimate(t *testing.T) {
	for _, ppm := range []float64{-300, -20, 0, 7, 300} {
		var d drift
		rnd := rand.New(rand.NewPCG(2, 3))
		for s := range 120 {
			noise := time.Duration(rnd.Float64() * float64(time.Millisecond))
			d.add(time.Duration(s)*time.Second, time.Duration(ppm*1e3*float64(s))+noise)
			if s < driftLeast-1 && d.rate() != 0 {
				t.Fatalf("an estimate after %d s", s+1)
			}
		}
		if got := d.rate() * 1e6; math.Abs(got-ppm) > 15 {
			t.Errorf("%v ppm estimated as %v", ppm, got)
		}
		d.add(120*time.Second, time.Second) // another route
		if d.rate() != 0 {
			t.Error("a new route was taken for drift")
		}
	}
}
