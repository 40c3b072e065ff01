// throttle: how much a child gets that loses packets, and how fast all of them together
// are sent to. Pure.

package node

import "time"

const (
	lossMuch     = 0.10 // from which on, for throttleAfter, a child gets two speakers
	lossTooMuch  = 0.30 // one
	lossFine     = 0.05 // below which, for throttleEase, it gets more again
	throttleAt   = 5 * time.Second
	throttleEase = 10 * time.Second
)

// A throttle decides how many speakers a child gets. Loss may be there because there is
// too much of what we send: less is better for it and for those who share its line (in the
// spirit of RFC 8083). The zero throttle gives it all. Not safe for concurrent use.
type throttle struct {
	less int           // steps down: 0, 1, 2
	loss float64       // smoothed over some 2 s
	seen bool          // a report
	much time.Duration // since when loss is above what the next step down is for; 0: it is not
	fine time.Duration // since when it is low; 0: it is not
}

// report takes the loss of a report, at a time above 0.
func (t *throttle) report(loss float64, now time.Duration) {
	if !t.seen {
		t.seen, t.loss = true, loss
	}
	t.loss += (loss - t.loss) / 4
	limit := lossMuch
	if t.less > 0 {
		limit = lossTooMuch
	}
	since(&t.much, t.loss > limit, now)
	since(&t.fine, t.loss < lossFine, now)
	switch {
	case t.less < 2 && t.much > 0 && now-t.much >= throttleAt:
		t.less++
		t.much = 0
	case t.less > 0 && t.fine > 0 && now-t.fine >= throttleEase:
		t.less--
		t.fine = 0
	}
}

// since notes when a condition began to hold.
func since(at *time.Duration, holds bool, now time.Duration) {
	switch {
	case !holds:
		*at = 0
	case *at == 0:
		*at = now
	}
}

// speakers is how many of the loudest the child gets.
func (t *throttle) speakers() int { return loudest >> t.less }

// A pacer spreads what is sent so that it stays below a rate. The zero pacer has none.
// Not safe for concurrent use.
type pacer struct {
	rate  float64 // bytes a second; 0 is no bound
	saved float64 // bytes that may go at once, at most pacerSaves of the rate
	last  time.Duration
}

const pacerSaves = 20 * time.Millisecond

// take spends n bytes if that may be at now; else it says how long to wait.
func (p *pacer) take(n int, now time.Duration) (wait time.Duration) {
	if p.rate == 0 {
		return 0
	}
	p.saved = min(p.saved+p.rate*(now-p.last).Seconds(), p.rate*pacerSaves.Seconds())
	p.last = now
	if p.saved > 0 { // it may go below once, so that any size gets through at any rate
		p.saved -= float64(n)
		return 0
	}
	return time.Duration((1 - p.saved) / p.rate * float64(time.Second))
}
