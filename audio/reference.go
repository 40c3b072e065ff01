// This file holds what the loudspeaker has played, cut to the microphone's time.
//
//	Ring.Pull ─► far ring ─► history ─► block of far beside each block of near
//	                            ▲
//	marks of both rings ─► alignment: where in far near stands

package audio

import (
	"math"
	"time"
)

const (
	// farStall is how long a loudspeaker may not pull before it counts as one that plays nothing.
	farStall = 200 * time.Millisecond

	farLag     = BlockSize/2 + historyReach // how far behind what is needed of far is read, beside a pull
	farLagStep = BlockSize / 2              // more, when that was too near
	farLagMost = 4 * BlockSize

	farLacks   = 3   // blocks of which far's end was not there yet, before the lag grows
	farForgive = 0.2 // of these are forgotten in a period
	farSettle  = 100 // blocks after the start in which one is enough
	farPeriod  = 100 // blocks: a second

	farOff    = BlockSize      // as far off, for farOffFor, it is no drift but a stall
	farOffFor = 20             // blocks
	farFar    = 10 * BlockSize // as far off it is one at once
)

// A Reference says what the loudspeaker was given while the microphone heard a block. It belongs to
// the goroutine of a Capture.
//
// Both devices are followed by the moments at which they call, so that a burst of calls is not taken
// for a change. Their two clocks are never quite the same: what was played is resampled by the
// difference, a few samples a second, so that the echo stands still for a canceller. Only when a
// device has stalled or was replaced is the place in far looked for anew.
type Reference struct {
	played *Ring
	far    *Ring
	past   history
	place  alignment
}

// NewReference returns a reference to what is pulled from played, which is not in use yet.
func NewReference(played *Ring) *Reference {
	r := &Reference{played: played, far: NewRing(RingSize)}
	played.Tap(r.far)
	return r
}

// next fills block with what the loudspeaker was given when the microphone heard the block that was
// last read from near, and with silence where it was given nothing. It returns whether far and near
// have shifted against each other since the block before.
func (r *Reference) next(near *Ring, block []float32) (shifted bool) {
	if r == nil {
		clear(block)
		return false
	}
	lead, before := ahead(near, r.far) // first: what it counts is then there to be read
	r.past.fill(r.far)
	if r.far.head.Load() == 0 || before > farStall {
		r.place.lose()
		clear(block)
		return false
	}
	from, step, shifted := r.place.next(lead, float64(max(r.played.LargestPull(), BlockSize)))
	end := int64(near.tail.Load())
	if !r.past.read(block, float64(end-int64(len(block)))+from, step) {
		r.place.lack()
	}
	return shifted
}

// An alignment decides which samples of far stand beside a block of near. It is told block by block
// how far the one's count is ahead of the other's.
type alignment struct {
	known  bool
	offset float64 // from near's count to far's
	rate   float64 // by how much far's clock is faster
	lag    float64 // how much the newest of far should be ahead of what is read

	blocks int     // since it became known
	sum    float64 // of ahead, in this period
	drift  slope   // of ahead
	lacks  float64 // lately
	moved  bool    // by lack
	off    int     // blocks in a row that ahead was elsewhere
}

// next returns what to add to near's count to get far's, and how many samples of far stand beside
// one of near. ahead is how many more samples far has been given by now, and pull how many it is
// given at once. shifted says that what next returned before has nothing to do with it.
func (a *alignment) next(ahead, pull float64) (offset, step float64, shifted bool) {
	e := ahead - a.offset - a.lag
	if a.off++; math.Abs(e) <= farOff {
		a.off = 0
	}
	if !a.known || a.off >= farOffFor || math.Abs(e) > farFar {
		a.lag = min(max(a.lag, pull+farLag), farLagMost)
		*a = alignment{known: true, lag: a.lag, offset: math.Round(ahead - a.lag)}
		shifted = true
	}
	shifted = shifted || a.moved
	a.moved = false
	a.sum += ahead
	if a.blocks++; a.blocks%farPeriod == 0 {
		a.follow(a.sum / farPeriod)
		a.sum, a.lacks = 0, max(a.lacks-farForgive, 0)
	}
	offset = a.offset
	a.offset += a.rate * BlockSize
	return offset, 1 + a.rate, shifted
}

// follow sets the rate by what ahead was on average in the period that has ended. While there is
// neither a difference of the clocks to be seen nor an error that matters it is exactly 0, and far
// is not touched.
func (a *alignment) follow(ahead float64) {
	const (
		near    = BlockSize / 10 // 1 ms: no canceller minds it
		inTime  = 40 * Rate      // samples in which an error is made good
		atMost  = 50e-6          // but not faster
		clearly = 3              // times its standard error
		worst   = 500e-6         // no sound card is worse
	)
	a.drift.add(ahead)
	e := ahead - a.offset - a.lag
	if a.blocks == farPeriod { // where it began is as good as any place near it
		a.lag = min(max(a.lag+e, a.lag-farLag/4), farLagMost)
		return
	}
	perPeriod, doubt := a.drift.rate()
	a.rate = 0
	if math.Abs(perPeriod) > clearly*doubt {
		a.rate = min(max(perPeriod/(farPeriod*BlockSize), -worst), worst)
	}
	if math.Abs(e) > near {
		a.rate += min(max(e/inTime, -atMost), atMost)
	}
}

// lack says that the end of what next named was not there yet. It happens when a loudspeaker pulls
// late; when it keeps doing so the place is moved once to where that is no matter.
func (a *alignment) lack() {
	a.lacks++
	if (a.lacks >= farLacks || a.blocks < farSettle) && a.lag+farLagStep <= farLagMost {
		a.lag += farLagStep
		a.offset -= farLagStep
		a.moved, a.lacks = true, 0
	}
}

// lose says that far is given nothing any more.
func (a *alignment) lose() { a.known = false }

// A slope fits a line through values at equal distances, by least squares, in which each counts less
// than the next.
type slope struct {
	n                   int
	first               float64
	w, t, x, tt, tx, xx float64 // weighted sums of 1, index, value, and their products
}

const slopeMemory = 0.98 // of a weight, each time: about 50 values count

func (s *slope) add(x float64) {
	if s.n == 0 {
		s.first = x
	}
	t := float64(s.n)
	x -= s.first
	s.n++
	s.w = s.w*slopeMemory + 1
	s.t = s.t*slopeMemory + t
	s.x = s.x*slopeMemory + x
	s.tt = s.tt*slopeMemory + t*t
	s.tx = s.tx*slopeMemory + t*x
	s.xx = s.xx*slopeMemory + x*x
}

// rate returns the slope and its standard error, which is infinite until enough was seen.
func (s *slope) rate() (rate, err float64) {
	if s.n < 5 {
		return 0, math.Inf(1)
	}
	tt := s.tt - s.t*s.t/s.w
	tx := s.tx - s.t*s.x/s.w
	xx := s.xx - s.x*s.x/s.w
	rate = tx / tt
	return rate, math.Sqrt(max(xx-rate*tx, 0) / (s.w - 2) / tt)
}
