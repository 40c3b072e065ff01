// What came of one stream by one path: which packets, when, how often.

package relay

import "time"

const (
	// trackFrames is how far back a track remembers: 5.1 s.
	trackFrames = 256

	// repeatFrames is how late the second copy of a packet may come: relays repeat the packets of the tick before, against loss.
	repeatFrames = 16

	// windowFrames is how late a relay passes on what it has not seen: windowSize of package seal. A speaker may have kept that until now.
	windowFrames = 128

	// staleFrames is from how late on what was known may not come the first time by a path: no relay passed it on, even if its repeat came first.
	staleFrames = windowFrames + repeatFrames

	frameTime = 20 * time.Millisecond

	arrivals = 32 // packets whose time of arrival is kept: 1.3 s of two frames each
)

// moment is a time since before a Watch began, so that zero is never.
type moment = time.Duration

// track is one stream by one path. The zero track has seen nothing.
type track struct {
	started bool
	ended   bool // the newest packet ended a stretch of talk
	newest  uint32
	at      moment // when a packet came that had not come before
	seen    bitmap // bit n is the packet that begins at newest-n
	twice   bitmap // likewise, of those that came twice
	ring    [arrivals]arrival
}

type arrival struct {
	index uint32
	at    moment
}

// arrived is what track.note says of a packet.
type arrived uint8

const (
	first  arrived = iota // not seen by this path before
	again                 // the one repeat that is allowed
	replay                // what nobody honest sends
)

// active tells whether a packet is due.
func (t *track) active() bool { return t.started && !t.ended }

// lacks tells whether index is newer than everything that came.
func (t *track) lacks(index uint32) bool { return !t.started || int32(index-t.newest) > 0 }

// note takes a packet. known says that it had come by some path before.
func (t *track) note(index uint32, end, known bool, at moment) arrived {
	if t.lacks(index) {
		t.advance(index)
		t.ended = end
	}
	age := t.newest - index
	switch {
	case age >= trackFrames:
		return replay
	case !t.seen.has(age):
		if known && age >= staleFrames {
			return replay
		}
		t.seen.set(age)
		t.at = at
		t.ring[index/2%arrivals] = arrival{index, at}
		return first
	case t.twice.has(age) || age > repeatFrames && !t.fresh(index, at):
		return replay
	}
	t.twice.set(age)
	return again
}

func (t *track) advance(index uint32) {
	by := index - t.newest
	if !t.started {
		by = trackFrames
	}
	t.started, t.newest = true, index
	t.seen.shift(by)
	t.twice.shift(by)
}

// fresh tells whether a packet came first so lately that its repeat may come, however old it was.
func (t *track) fresh(index uint32, at moment) bool {
	came, ok := t.came(index)
	return ok && at-came <= repeatFrames*frameTime
}

// came returns when a packet came first, if that is remembered.
func (t *track) came(index uint32) (moment, bool) {
	a := t.ring[index/2%arrivals]
	return a.at, a.at != 0 && a.index == index
}

// has tells whether the packet that begins at index has come. What is too old to be remembered has.
func (t *track) has(index uint32) bool {
	return t.started && !t.lacks(index) && (t.newest-index >= trackFrames || t.seen.has(t.newest-index))
}

// count returns how many packets came that begin after from and not after to.
func (t *track) count(from, to uint32) (n int) {
	for i := from + 1; i != to+1; i++ {
		if t.has(i) {
			n++
		}
	}
	return n
}

// bitmap is trackFrames bits; those past its end are zero.
type bitmap [trackFrames / 64]uint64

func (b *bitmap) has(n uint32) bool { return b[n/64]&(1<<(n%64)) != 0 }
func (b *bitmap) set(n uint32)      { b[n/64] |= 1 << (n % 64) }

// shift moves every bit up by n.
func (b *bitmap) shift(n uint32) {
	words, rest := int(min(n/64, uint32(len(b)))), n%64
	for i := len(b) - 1; i >= 0; i-- {
		var w uint64
		if from := i - words; from >= 0 {
			w = b[from] << rest
			if from > 0 {
				w |= b[from-1] >> (64 - rest) // a Go shift by 64 gives 0
			}
		}
		b[i] = w
	}
}
