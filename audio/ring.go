// This file holds the ring of samples between the thread of a sound device and the rest.

package audio

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// RingSize is the capacity, in samples, that suits a Ring between a device and a Capture or Player:
// 170 ms. It bounds what can pile up; the delay is decided by how far each side lets it fill.
const RingSize = 8192

// A Ring carries samples from one writer to one reader. It has a fixed size, takes no lock and
// allocates nothing, so a device callback may use it. One goroutine or thread may write and another
// read; the remaining methods are for either.
//
// Each side can sleep until the other has done something: Readable is nudged by Write and Writable
// by Read and Pull. A nudge is never waited for, and several make one.
type Ring struct {
	buf  []float32
	mask uint64

	head atomic.Uint64 // samples written since the beginning
	tail atomic.Uint64 // samples read since the beginning

	mark atomic.Uint64 // of the last Write: see mark

	overrun  atomic.Uint64
	underrun atomic.Uint64
	pull     atomic.Int64
	tap      *Ring // gets what Pull gives; nil: nobody else wants it

	readable chan struct{}
	writable chan struct{}
}

// NewRing returns an empty ring that holds at least size samples: the next power of two.
func NewRing(size int) *Ring {
	n := uint64(1) << bits.Len64(uint64(max(size, 2)-1))
	return &Ring{
		buf:      make([]float32, n),
		mask:     n - 1,
		readable: make(chan struct{}, 1),
		writable: make(chan struct{}, 1),
	}
}

// Write adds what fits of p and returns how much that was. The rest is lost and counted as overrun:
// a writer in real time has nowhere else to put it.
func (r *Ring) Write(p []float32) int { return r.writeAt(time.Since(began), p) }

func (r *Ring) writeAt(now time.Duration, p []float32) int {
	head := r.head.Load()
	n := min(len(p), len(r.buf)-int(head-r.tail.Load()))
	at := int(head & r.mask)
	k := copy(r.buf[at:], p[:n])
	copy(r.buf, p[k:n])
	r.head.Store(head + uint64(n))
	r.mark.Store(newMark(now, head+uint64(n)))
	if n < len(p) {
		r.overrun.Add(uint64(len(p) - n))
	}
	nudge(r.readable)
	return n
}

// Read takes up to len(p) samples and returns how many.
func (r *Ring) Read(p []float32) int {
	tail := r.tail.Load()
	n := min(len(p), int(r.head.Load()-tail))
	at := int(tail & r.mask)
	k := copy(p[:n], r.buf[at:])
	copy(p[k:n], r.buf)
	r.tail.Store(tail + uint64(n))
	nudge(r.writable)
	return n
}

// Pull fills p whatever happens: what the ring lacks becomes zeros and is counted as underrun. It
// is how an Output reads.
func (r *Ring) Pull(p []float32) {
	r.fill(p)
	if r.tap != nil {
		r.tap.Write(p)
	}
}

func (r *Ring) fill(p []float32) {
	if int64(len(p)) > r.pull.Load() {
		r.pull.Store(int64(len(p)))
	}
	if n := r.Read(p); n < len(p) {
		clear(p[n:])
		r.underrun.Add(uint64(len(p) - n))
	}
}

// Tap lets to have a copy of everything that Pull gives, silence that it made up too. It is called
// before the ring is in use. The one who pulls is then the one who writes into to.
func (r *Ring) Tap(to *Ring) { r.tap = to }

// Discard throws away up to n of the oldest samples and returns how many. It is for the reader.
func (r *Ring) Discard(n int) int {
	tail := r.tail.Load()
	n = min(max(n, 0), int(r.head.Load()-tail))
	r.tail.Store(tail + uint64(n))
	nudge(r.writable)
	return n
}

// Len returns how many samples wait.
func (r *Ring) Len() int {
	tail := r.tail.Load() // before head, so that a read in between cannot make the difference negative
	return int(r.head.Load() - tail)
}

// Cap returns how many samples fit.
func (r *Ring) Cap() int { return len(r.buf) }

// Overruns returns how many samples a full ring has refused, since the beginning.
func (r *Ring) Overruns() uint64 { return r.overrun.Load() }

// Underruns returns how many samples Pull has made up, since the beginning.
func (r *Ring) Underruns() uint64 { return r.underrun.Load() }

// LargestPull returns the most samples that Pull was asked for at once.
func (r *Ring) LargestPull() int { return int(r.pull.Load()) }

// Readable holds a value when something was written since it was last received from.
func (r *Ring) Readable() <-chan struct{} { return r.readable }

// Writable holds a value when something was read since it was last received from.
func (r *Ring) Writable() <-chan struct{} { return r.writable }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// began is what marks count time from.
var began = time.Now()

// A mark says when how much had been written into a ring: in its upper half microseconds, in its
// lower half samples. One word holds both, so that both are of the same Write without a lock. Both
// wrap around, after 71 minutes and after a day; what is asked for are differences of milliseconds.
func newMark(now time.Duration, samples uint64) uint64 {
	return uint64(uint32(now.Microseconds()))<<32 | uint64(uint32(samples))
}

// ahead returns how many more samples than into near had been written into far at the moment of
// near's last Write, and how long before it far's last Write was. far is taken to go on at Rate.
func ahead(near, far *Ring) (samples float64, before time.Duration) {
	n, f := near.mark.Load(), far.mark.Load()
	before = time.Duration(int32(uint32(n>>32)-uint32(f>>32))) * time.Microsecond
	// Whole counts around the halves that the marks hold.
	nearAll, farAll := near.head.Load(), far.head.Load()
	nearCount := nearAll - uint64(uint32(nearAll)-uint32(n))
	farCount := farAll - uint64(uint32(farAll)-uint32(f))
	return float64(int64(farCount-nearCount)) + before.Seconds()*Rate, before
}
