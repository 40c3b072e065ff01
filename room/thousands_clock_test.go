// Time and chance of the simulation: one loop, no goroutines, and everything that happens follows from the seed.

package room

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// wheelSize is how far ahead, in milliseconds, events are filed by their time. Those later than that are few and wait in a heap.
const wheelSize = 1 << 13

// event is something that happens to somebody. Events of one millisecond happen in the order in which they were filed.
type event struct {
	kind  eventKind
	seq   uint32
	on    *attachment
	cargo *cargo
	do    func() // of evCall
}

type eventKind uint8

const (
	evCall   eventKind = iota // anything that is rare enough for a closure
	evVoice                   // to the relay: a packet from its speaker
	evFlush                   // to the relay: the window in which packets are gathered closes
	evBundle                  // to who is attached: packets
	evDigest                  // to who is attached: what is live
	evFeed                    // to who is attached: an operation
	evFloor                   // to who is attached: what the host hears
	evStep                    // to who is attached: the watch has something to decide
)

// clock is a timing wheel of one millisecond a slot.
type clock struct {
	at    int64 // ms since the beginning
	slots [wheelSize][]event
	later lateEvents
	filed uint64
	count int64
}

// after files an event that many milliseconds from now, one at the least.
func (c *clock) after(ms int64, e event) {
	at := c.at + max(ms, 1)
	if at-c.at >= wheelSize {
		c.filed++
		heap.Push(&c.later, lateEvent{at, c.filed, e})
		return
	}
	slot := &c.slots[at%wheelSize]
	*slot = append(*slot, e)
}

// call runs f that much later.
func (c *clock) call(d time.Duration, f func()) {
	c.after(d.Milliseconds(), event{kind: evCall, do: f})
}

// every runs f again and again until it says no.
func (c *clock) every(d time.Duration, f func() bool) {
	c.call(d, func() {
		if f() {
			c.every(d, f)
		}
	})
}

// run lets everything happen that falls before end.
func (c *clock) run(end time.Duration, happen func(event)) {
	for c.at++; c.at <= end.Milliseconds(); c.at++ {
		for len(c.later) > 0 && c.later[0].at-c.at < wheelSize-1 {
			l := heap.Pop(&c.later).(lateEvent)
			slot := &c.slots[l.at%wheelSize]
			*slot = append(*slot, l.event)
		}
		slot := &c.slots[c.at%wheelSize]
		due := *slot
		c.count += int64(len(due))
		for i := range due {
			happen(due[i])
		}
		clear(due)
		*slot = due[:0]
	}
}

// time is now, as the machines are told.
func (c *clock) time() time.Time { return time.UnixMilli(dawn + c.at) }

type lateEvent struct {
	at    int64
	order uint64
	event event
}

type lateEvents []lateEvent

func (h lateEvents) Len() int { return len(h) }
func (h lateEvents) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h lateEvents) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *lateEvents) Push(x any)   { *h = append(*h, x.(lateEvent)) }
func (h *lateEvents) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}

// chance is where everything random comes from.
type chance struct {
	*rand.Rand
	spread [1024]float32 // quantiles of the exponential distribution of mean 1
}

func newChance(seed uint64) *chance {
	c := &chance{Rand: rand.New(rand.NewPCG(seed, 10000))}
	for i := range c.spread {
		c.spread[i] = float32(-math.Log(1 - (float64(i)+0.5)/float64(len(c.spread))))
	}
	return c
}

// about is a random duration of that mean, exponentially distributed.
func (c *chance) about(mean time.Duration) time.Duration {
	return time.Duration(c.ExpFloat64() * float64(mean))
}

// one tells whether something of that probability happens.
func (c *chance) one(p float64) bool { return c.Float64() < p }
