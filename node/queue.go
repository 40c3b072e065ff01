// queue: how much longer than at its best a way takes now, which is what waits on it. Pure.

package node

import "time"

// The least transit of the last 90 s to 2 min counts as what the way takes when nothing
// waits: two clocks drift apart by some ms meanwhile (100 ppm is 12 ms), and who causes a
// queue has let it run dry.
const (
	transitSpan  = 30 * time.Second
	transitSpans = 4
)

// transits follows how long messages take one way, from when they were sent by one clock
// until they came by another, which nobody has set alike. The zero value is ready. Not safe
// for concurrent use.
type transits struct {
	started bool
	first   uint32              // all others are counted from it, so that a wrap does not matter
	least   [transitSpans]int32 // us, in each span; the newest first
	used    int                 // of least
	began   time.Duration       // the newest span
}

// add takes a transit in us, off by any constant, of a message that was reported on at a time,
// and returns by how much it is longer than the least.
func (t *transits) add(us uint32, at time.Duration) time.Duration {
	if !t.started {
		t.started, t.first, t.began = true, us, at
	}
	rel := int32(us - t.first)
	if t.used == 0 || at-t.began >= transitSpan {
		copy(t.least[1:], t.least[:])
		t.least[0], t.used, t.began = rel, min(t.used+1, transitSpans), at
	}
	t.least[0] = min(t.least[0], rel)
	least := t.least[0]
	for _, l := range t.least[:t.used] {
		least = min(least, l)
	}
	return time.Duration(int64(rel)-int64(least)) * time.Microsecond
}
