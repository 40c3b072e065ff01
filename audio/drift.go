// This file holds the estimate of how fast the speaker's clock runs against ours.

package audio

import "time"

const (
	driftMemory = 0.98                  // forgetting a second: about 50 s count
	driftLeast  = 15                    // seconds of speech before the estimate is used
	driftStep   = 20 * time.Millisecond // a change of delay that no clock makes: a new route
	driftMost   = 500e-6                // no sound card is worse
)

// A drift fits a line, by least squares with exponential forgetting, through the smallest delay of
// each second. Its slope is the difference of the two clocks, for queues in the network come and go
// but the smallest delay of a second hardly ever meets one.
type drift struct {
	n               int
	first           time.Duration // where the time axis begins
	base            time.Duration // and where the delay axis does
	last            time.Duration // the newest delay
	w, t, x, tt, tx float64       // weighted sums of 1, time, delay, time squared, time by delay
}

// add takes the smallest delay of the second that began at at.
func (d *drift) add(at, delay time.Duration) {
	if d.n > 0 && (delay-d.last).Abs() > driftStep {
		*d = drift{}
	}
	if d.n == 0 {
		d.first, d.base = at, delay
	}
	d.n++
	d.last = delay
	t, x := (at - d.first).Seconds(), (delay - d.base).Seconds()
	d.w = d.w*driftMemory + 1
	d.t = d.t*driftMemory + t
	d.x = d.x*driftMemory + x
	d.tt = d.tt*driftMemory + t*t
	d.tx = d.tx*driftMemory + t*x
}

// rate returns by how much the delay grows in a unit of time: 100e-6 when the speaker's clock is
// 100 ppm slower than ours. It is 0 until enough was seen.
func (d *drift) rate() float64 {
	if d.n < driftLeast {
		return 0
	}
	below := d.w*d.tt - d.t*d.t
	if below <= 0 {
		return 0
	}
	return min(max((d.w*d.tx-d.t*d.x)/below, -driftMost), driftMost)
}
