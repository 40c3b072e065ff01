// One speaker on the time of a recording: where each frame that came belongs.

package file

import (
	"math"
	"slices"
	"time"

	"stoa/audio"
	"stoa/audio/opus"
)

// A recording follows what happens at a distance: by then most of what comes late has come, in its order, and it is known how long the way was
// when it was short.
const (
	settle   = 500 * time.Millisecond // from the coming of a frame to its placing
	patience = time.Second            // beyond that, until what has not come is silence
	waitMost = 128                    // frames of one speaker that wait
)

const (
	quietLevel = 50  // of RFC 6464: frames no louder can be left out or doubled by silence, and nobody hears it
	strayMost  = 3   // frames that a loud voice may be off before a frame of it is left out or doubled all the same,
	mendEvery  = 500 // one in so many
	gapMost    = 50  // frames that are taken for lost; after more the speaker is taken to begin anew
)

// A piece is what a track puts behind what it holds.
type piece struct {
	at      int64  // samples from the beginning of the recording to the first of the piece; may be below zero
	frames  int    // its length
	payload []byte // one frame as it was sent; nil: nothing was, or it did not come
}

// waiting is a frame that has come.
type waiting struct {
	index   int64
	end     bool
	level   uint8
	payload []byte
	at      time.Duration // after the beginning of the recording
}

// track is a pure machine. Its file begins with the recording, whenever the speaker is first heard: what is
// before that is silence. The time of a frame is that of its index, counted by the speaker's clock, and held against the times at which frames
// come: those that came fastest tell where the clock stands. As the two clocks drift apart, pauses become longer or shorter by a frame; a voice
// that never pauses loses or gains one where it is quiet.
type track struct {
	anchor  anchor
	waiting []waiting // by index

	began   bool
	phase   int64 // samples from the beginning of the file to that of the recording, below a frame
	next    int64 // frames in the file
	last    int64 // index of the newest frame placed
	placed  bool  // last is valid
	talking bool  // and the speaker has not said that they pause
	mended  int64 // index at which a loud voice was put right last
	seen    bool  // newest is valid
	newest  int64

	late, skipped, crowded uint64 // frames that came too late, that were left out to keep in step, and that found no place to wait
}

// put takes a frame that came at an instant of the recording, and keeps its payload.
func (t *track) put(p audio.Packet, at time.Duration) {
	index := int64(p.Index)
	if t.seen { // the index may wrap around
		index = t.newest + int64(int32(p.Index-uint32(t.newest)))
	}
	t.seen, t.newest = true, index
	t.anchor.see(index, at)
	i, known := slices.BinarySearchFunc(t.waiting, index, func(w waiting, index int64) int { return int(max(-1, min(1, w.index-index))) })
	switch {
	case known || t.placed && index <= t.last: // by another way, too
	case len(t.waiting) == waitMost:
		t.crowded++
	default:
		t.waiting = slices.Insert(t.waiting, i, waiting{index, p.End, p.Level, p.Payload, at})
	}
}

// restart forgets what waits and where the speaker's clock stands: their program began anew, or nobody may hear of what waits.
func (t *track) restart() {
	t.waiting, t.anchor, t.seen, t.placed, t.talking = nil, anchor{}, false, false, false
}

// lay places what has settled by now, and silence where nothing has come for long.
func (t *track) lay(now time.Duration, emit func(piece)) {
	n := 0
	for n < len(t.waiting) && t.waiting[n].at <= now-settle {
		t.place(&t.waiting[n], emit)
		n++
	}
	t.waiting = slices.Delete(t.waiting, 0, n)
	if k := (sampleAt(now-settle-patience) + t.phase) / audio.FrameSize; t.began && k > t.next {
		t.pad(k, emit)
		t.talking = false // what was to follow has missed its place
	}
}

// finish places all that waits, and silence up to the end, so that the file is as long as the recording or a little longer.
func (t *track) finish(end time.Duration, emit func(piece)) {
	for i := range t.waiting {
		t.place(&t.waiting[i], emit)
	}
	if t.waiting = nil; !t.began {
		return
	}
	t.pad((sampleAt(end)+t.phase+opus.PreSkip)/audio.FrameSize+1, emit)
}

// start is when frame k of the file begins, in samples of the recording.
func (t *track) start(k int64) int64 { return k*audio.FrameSize - t.phase }

// pad fills the file up to frame k.
func (t *track) pad(k int64, emit func(piece)) {
	if n := k - t.next; n > 0 {
		emit(piece{at: t.start(t.next), frames: int(n)})
		t.next = k
	}
}

func (t *track) place(w *waiting, emit func(piece)) {
	// A frame comes when it has been spoken, so it began a frame earlier.
	began := sampleAt(t.anchor.origin()) + (w.index-1)*audio.FrameSize
	if began > sampleAt(w.at) {
		t.late++ // nothing is known of the clock that counted it, or its count is none
		return
	}
	if !t.began {
		if began < 0 {
			return // before the recording
		}
		t.began, t.phase = true, (audio.FrameSize-began%audio.FrameSize)%audio.FrameSize
	}
	due := began + t.phase // by the file's beginning
	k := (due + audio.FrameSize/2) / audio.FrameSize
	missing := w.index - t.last - 1
	if t.talking && missing < gapMost {
		k = t.follow(w, t.next+missing, due)
	}
	switch {
	case k < 0:
		t.skipped++
	case k < t.next-1:
		t.late++
	default:
		t.pad(k, emit)
		emit(piece{at: t.start(t.next), frames: 1, payload: w.payload})
		t.next++
		t.talking = !w.end
	}
	t.last, t.placed = w.index, true
}

// follow is where in the file a frame goes that is due at a sample, and of which k would be the place after those before it; below zero when it
// is left out.
func (t *track) follow(w *waiting, k, due int64) int64 {
	stray := due - k*audio.FrameSize
	apart, quiet := max(stray, -stray), w.level >= quietLevel
	switch {
	case apart <= audio.FrameSize, !quiet && (apart <= strayMost*audio.FrameSize || w.index < t.mended+mendEvery):
		return k
	case stray < 0:
		t.mended = w.index
		return -1
	case quiet:
		return (due + audio.FrameSize/2) / audio.FrameSize
	}
	t.mended = w.index
	return k + 1
}

// anchorSeconds is over how long the shortest way counts. Clocks that are 500 millionths apart differ by 5 ms after that.
const anchorSeconds = 10

// anchor is the least time at which the frame of index 0 came, by the frames that came lately.
type anchor struct {
	least [anchorSeconds]time.Duration
	in    [anchorSeconds]int64 // the second of the recording that it is of, from 1
	now   int64
}

// see takes a frame that came at an instant.
func (a *anchor) see(index int64, at time.Duration) {
	second := int64(at/time.Second) + 1
	i, origin := second%anchorSeconds, at-time.Duration(index)*audio.FrameTime
	if second < 1 {
		return
	}
	if a.in[i] != second || origin < a.least[i] {
		a.in[i], a.least[i] = second, origin
	}
	a.now = max(a.now, second)
}

// origin is when the frame of index 0 would have come.
func (a *anchor) origin() time.Duration {
	least := time.Duration(math.MaxInt64)
	for i, second := range a.in {
		if second > a.now-anchorSeconds && second > 0 {
			least = min(least, a.least[i])
		}
	}
	return least
}

// sampleAt is how many samples there are in a time.
func sampleAt(d time.Duration) int64 {
	return int64(d/time.Second)*audio.Rate + int64(d%time.Second)*audio.Rate/int64(time.Second)
}
