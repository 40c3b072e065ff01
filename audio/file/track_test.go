// Where frames belong in a recording.

package file

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/opus"
)

// laid is what a track has placed.
type laid struct {
	t      *testing.T
	frames int64
	at     []int64 // samples, of each frame that came
	index  []byte  // their payloads
}

func (l *laid) add(track *track) func(piece) {
	return func(p piece) {
		if p.at != track.start(l.frames) || p.frames < 1 || p.payload != nil && p.frames != 1 {
			l.t.Fatalf("a piece of %d frames at %d does not follow %d frames", p.frames, p.at, l.frames)
		}
		l.frames += int64(p.frames)
		if p.payload != nil {
			l.at, l.index = append(l.at, p.at), append(l.index, p.payload...)
		}
	}
}

// TestTrackFollowsClocks: over twenty minutes of clocks apart, a voice stays where it belongs, with pauses and without any.
func TestTrackFollowsClocks(t *testing.T) {
	for _, ppm := range []float64{-500, -100, 0, 100, 500} {
		for what, pause := range map[string]int{"with pauses": 150, "loud without a pause": 0} {
			var k track
			got := laid{t: t}
			rnd := rand.New(rand.NewPCG(1, 2))
			var worst int64
			for i := range 60_000 {
				if pause > 0 && i/pause%2 == 1 {
					continue
				}
				spoken := time.Duration(float64(i) * float64(audio.FrameTime) * (1 + ppm*1e-6))
				at := spoken + audio.FrameTime + time.Duration(rnd.ExpFloat64()*float64(3*time.Millisecond)) + time.Second
				k.put(audio.Packet{Index: uint32(i), Level: 20, End: pause > 0 && (i+1)%pause == 0, Payload: []byte{1}}, at)
				before := len(got.at)
				k.lay(at, got.add(&k))
				if len(got.at) > before && i > 1000 {
					// The newest frame placed came half a second ago; the clock has moved by nothing since.
					n := got.at[len(got.at)-1] - sampleAt(time.Second+time.Duration(float64(k.last)*float64(audio.FrameTime)*(1+ppm*1e-6)))
					worst = max(worst, n, -n)
				}
			}
			// A frame of loud voice may be three frames off, and one more while its turn to be put right comes.
			most := int64(audio.FrameSize)
			if pause == 0 {
				most *= strayMost + 2
			}
			if worst > most || k.late > 0 {
				t.Errorf("%+.0f ppm, %s: %d samples off at worst, %d late", ppm, what, worst, k.late)
			}
			t.Logf("%+.0f ppm, %s: %.1f ms off at worst, %d left out of %d", ppm, what, float64(worst)/48, k.skipped, len(got.at))
		}
	}
}

// TestTrackOrders: what comes out of order, twice or late is placed once, where it belongs, or left out.
func TestTrackOrders(t *testing.T) {
	var k track
	got := laid{t: t}
	put := func(index uint32, at time.Duration, end bool) {
		k.put(audio.Packet{Index: index, End: end, Payload: []byte{byte(index)}}, at)
	}
	second := time.Second
	put(101, second+20*time.Millisecond, false)
	put(100, second+25*time.Millisecond, false)
	put(101, second+30*time.Millisecond, false)
	put(104, second+80*time.Millisecond, true)
	put(103, second+90*time.Millisecond, false) // 102 is lost
	k.lay(2*second, got.add(&k))
	put(103, 2*second, false) // again, by a long way round
	put(104, 2*second, true)
	put(200, 3*second, false)
	k.lay(9*second, got.add(&k))
	put(202, 9*second, false) // 5 s late, of which silence has taken the place
	k.lay(10*second, got.add(&k))
	k.finish(10*second, got.add(&k))
	if string(got.index) != "\x64\x65\x67\x68\xc8" || k.late != 1 {
		t.Errorf("placed %v, %d late", got.index, k.late)
	}
	first := got.at[0]
	for i, want := range []int64{0, 1, 3, 4, 100} {
		if got.at[i]-first != want*audio.FrameSize {
			t.Errorf("frame %d is %d samples after the first, want %d frames", i, got.at[i]-first, want)
		}
	}
	if first != sampleAt(second-20*time.Millisecond) {
		t.Errorf("the first is at %d", first)
	}
	if end := k.start(got.frames); end < sampleAt(10*second) || end > sampleAt(10*second)+audio.FrameSize {
		t.Errorf("it ends at %d", end)
	}
}

// TestTrackOfNoTime: a frame from before the recording, and indexes that no clock counts to, make no file long.
func TestTrackOfNoTime(t *testing.T) {
	for what, put := range map[string]func(k *track, emit func(piece)){
		"before the recording": func(k *track, emit func(piece)) { k.put(audio.Packet{Index: 7, Payload: []byte{1}}, -time.Second) },
		"round and round": func(k *track, emit func(piece)) {
			for i := range uint32(600) { // by half of all that an index counts
				k.put(audio.Packet{Index: i << 30, Payload: []byte{1}}, time.Second)
				k.lay(2*time.Second, emit)
			}
		},
	} {
		var k track
		var frames int64
		emit := func(p piece) { frames += int64(p.frames) }
		put(&k, emit)
		k.lay(20*time.Second, emit)
		k.finish(20*time.Second, emit)
		if frames > 21*50 {
			t.Errorf("%s: %d frames in a recording of 20 s", what, frames)
		}
	}
}

// FuzzTrack: whatever comes and whenever, pieces follow one another, the file is never longer than the recording, and nothing piles up.
func FuzzTrack(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 20, 0, 0, 0, 2, 20, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var k track
		got := laid{t: t}
		now := time.Duration(0)
		for ; len(b) >= 5; b = b[5:] {
			index, what := binary.BigEndian.Uint32(b), b[4]
			now += time.Duration(what&0x3f) * 10 * time.Millisecond
			k.put(audio.Packet{Index: index, End: what&0x40 != 0, Level: what, Payload: []byte{1}}, now-time.Duration(what&7)*100*time.Millisecond)
			if what&0x80 != 0 {
				k.lay(now, got.add(&k))
			}
			if index == 7 {
				k.restart()
			}
			if len(k.waiting) > waitMost {
				t.Fatalf("%d frames wait", len(k.waiting))
			}
		}
		k.finish(now, got.add(&k))
		if end := k.start(got.frames); end > sampleAt(now)+2*waitMost*audio.FrameSize {
			t.Errorf("%d frames end at %d in a recording of %v", got.frames, end, now)
		}
	})
}

func TestPausePacket(t *testing.T) {
	for toc := range 256 {
		if opus.Samples([]byte{byte(toc) &^ 3}) > audio.FrameSize {
			continue // of which no frame has 20 ms
		}
		for n := 1; n <= pauseMost; n++ {
			if got := opus.Samples(pausePacket(byte(toc), n)); got != n*audio.FrameSize {
				t.Errorf("%#02x: %d frames of nothing last %d samples", toc, n, got)
			}
		}
	}
}
