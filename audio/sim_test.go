// This file holds the simulation that the tests and benchmarks of the receiving side share, and the
// figures that they must reach.

package audio_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// A toneDecoder plays a tone of 200 Hz, of which every frame has four whole periods, so frames fit
// in any order. It counts which frames were decoded how.
type toneDecoder struct {
	freq, amp float64
	frame     [audio.FrameSize]float32
	direct    map[int]int
	repaired  map[int]int
	concealed int
}

func newToneDecoder() *toneDecoder { return newToneDecoderAt(0.25) }

func newToneDecoderAt(amplitude float64) *toneDecoder {
	d := &toneDecoder{freq: 200, amp: amplitude, direct: map[int]int{}, repaired: map[int]int{}}
	audiotest.Tone(d.freq, d.amp)(0, d.frame[:])
	return d
}

func (d *toneDecoder) Decode(p []byte, pcm []float32) error {
	i := int(p[0])<<8 | int(p[1])
	d.direct[i]++
	copy(pcm, d.frame[:])
	return nil
}

func (d *toneDecoder) DecodeFEC(next []byte, pcm []float32) error {
	i := int(next[0])<<8 | int(next[1]) - 1
	d.repaired[i]++
	copy(pcm, d.frame[:])
	return nil
}

func (d *toneDecoder) Conceal(pcm []float32) error {
	d.concealed++
	copy(pcm, d.frame[:])
	return nil
}

func (d *toneDecoder) Reset() error { return nil }

// simulate plays arrivals for the given time and calls each after every block of 10 ms.
func simulate(arrivals []audiotest.Arrival, length time.Duration, dec audio.Decoder, each func(now time.Duration, s *audio.Source, block []float32)) audio.Stats {
	player := audio.NewPlayer()
	s := player.NewSource(dec)
	var block [audio.BlockSize]float32
	next := 0
	for now := 3 * time.Millisecond; now < length; now += audio.FrameTime / 2 {
		for ; next < len(arrivals) && arrivals[next].At <= now; next++ {
			s.Push(arrivals[next].Packet, player.Epoch().Add(arrivals[next].At))
		}
		clear(block[:])
		s.Block(now, block[:])
		if each != nil {
			each(now, s, block[:])
		}
	}
	return s.Stats()
}

func spoken(frames int) time.Duration { return time.Duration(frames) * audio.FrameTime }

// inTime returns the share of frames that were played as sent or by error correction.
func inTime(d *toneDecoder, frames int) float64 {
	n := 0
	for i := range frames {
		if d.direct[i]+d.repaired[i] > 0 {
			n++
		}
	}
	return float64(n) / float64(frames)
}

// paths are the networks of the played-in-time figures: loss, one way of 40 and 100 ms round trips,
// jitter.
func paths(f func(name string, p audiotest.Path)) {
	for _, rtt := range []time.Duration{40 * time.Millisecond, 100 * time.Millisecond} {
		for _, loss := range []int{0, 1, 5, 10} {
			for _, repeat := range []bool{false, true} {
				p := audiotest.Path{Seed: 7, Delay: rtt / 2, Jitter: 4 * time.Millisecond, Loss: float64(loss) / 100, Repeat: repeat}
				name := fmt.Sprintf("rtt=%v/loss=%d%%/repeat=%v", rtt, loss, repeat)
				f(name, p)
			}
		}
	}
}

func TestPlayedInTime(t *testing.T) {
	const frames = 3000
	paths(func(name string, p audiotest.Path) {
		t.Run(name, func(t *testing.T) {
			dec := newToneDecoder()
			stats := simulate(p.Deliver(audiotest.Packets(frames)), spoken(frames)+time.Second, dec, nil)
			share := inTime(dec, frames)
			// What is gone for good: a frame and the one that repairs it both lost (thrice with
			// repetition), and the few before the buffer has learnt that repair takes 20 ms.
			least := 1 - p.Loss*p.Loss - 0.004
			if p.Repeat {
				least = 1 - p.Loss*p.Loss*p.Loss - 0.004
			}
			if p.Loss == 0 {
				least = 0.9999
			}
			t.Logf("%.2f%% played in time, delay %v, target %v", 100*share, stats.Delay, stats.Target)
			if share < least {
				t.Errorf("played in time %.4f, want at least %.4f: %+v", share, least, stats)
			}
			for i, n := range dec.direct {
				if n+dec.repaired[i] > 1 {
					t.Fatalf("frame %d was played %d times", i, n+dec.repaired[i])
				}
			}
			if got := stats.Played + stats.Recovered + stats.Lost + stats.Dropped; got != frames && got != frames-1 {
				t.Errorf("%d frames accounted for of %d: %+v", got, frames, stats)
			}
		})
	})
}

func BenchmarkPlayedInTime(b *testing.B) {
	const frames = 6000
	paths(func(name string, p audiotest.Path) {
		b.Run(name, func(b *testing.B) {
			var dec *toneDecoder
			var delay time.Duration
			for b.Loop() {
				dec = newToneDecoder()
				blocks := time.Duration(0)
				delay = 0
				simulate(p.Deliver(audiotest.Packets(frames)), spoken(frames)+time.Second, dec, func(now time.Duration, s *audio.Source, _ []float32) {
					if now < spoken(frames) {
						blocks++
						delay += s.Stats().Delay
					}
				})
				delay /= blocks
			}
			b.ReportMetric(100*inTime(dec, frames), "%intime")
			b.ReportMetric(float64(delay.Microseconds())/1000, "ms-delay")
		})
	})
}

func TestDelayIsLowFromTheFirstPacketOn(t *testing.T) {
	for _, oneWay := range []time.Duration{0, 1 * time.Millisecond, 6 * time.Millisecond, 20 * time.Millisecond, 57 * time.Millisecond} {
		arrivals := audiotest.Path{Delay: oneWay}.Deliver(audiotest.Packets(500))
		var first time.Duration
		dec := newToneDecoder()
		simulate(arrivals, spoken(510), dec, func(now time.Duration, s *audio.Source, _ []float32) {
			stats := s.Stats()
			if first == 0 && stats.Played > 0 {
				first = now
				if d := now - arrivals[0].At; d > 21*time.Millisecond {
					t.Errorf("one way %v: the first frame waited %v", oneWay, d)
				}
			}
			if stats.Delay > 20*time.Millisecond {
				t.Fatalf("one way %v: %v of delay at %v", oneWay, stats.Delay, now)
			}
		})
		if dec.concealed > 31 || len(dec.direct) != 500 {
			t.Errorf("one way %v: %d frames played, %d concealed", oneWay, len(dec.direct), dec.concealed)
		}
	}
}

// Who comes in the middle of a sentence does not take what was said before for lost.
func TestJoiningIsNoLoss(t *testing.T) {
	arrivals := audiotest.Path{Delay: 20 * ms}.Deliver(audiotest.Packets(300))[100:]
	simulate(arrivals, spoken(300), newToneDecoder(), func(now time.Duration, s *audio.Source, _ []float32) {
		if st := s.Stats(); st.Delay > 20*time.Millisecond || st.Target > 12*time.Millisecond {
			t.Fatalf("delay %v, target %v at %v", st.Delay, st.Target, now)
		}
	})
}

func TestDriftIsHeldForAnHour(t *testing.T) {
	frames := 3600 * 50
	if testing.Short() {
		frames /= 6 // ten minutes
	}
	for _, ppm := range []float64{-300, 300} {
		packets := audiotest.Packets(frames)
		var most, least time.Duration = 0, time.Hour
		stats := simulate(audiotest.Path{Seed: 3, Delay: 20 * time.Millisecond, Jitter: time.Millisecond, PPM: ppm}.Deliver(packets),
			spoken(frames)-2*time.Second, newToneDecoder(), func(now time.Duration, s *audio.Source, _ []float32) {
				if now > time.Minute {
					d := s.Stats().Delay
					most, least = max(most, d), min(least, d)
				}
			})
		t.Logf("%+.0f ppm: delay %v to %v, estimate %+.0f ppm, %d samples added, %d left out", ppm, least, most, -stats.Drift*1e6, stats.Stretched, stats.Compressed)
		if most > 45*time.Millisecond {
			t.Errorf("%v ppm: delay grew to %v", ppm, most)
		}
		if stats.Waits > 20 || stats.Dropped > 0 || stats.Lost > 0 {
			t.Errorf("%v ppm: over- or underflow: %+v", ppm, stats)
		}
		if math.Abs(-stats.Drift*1e6-ppm) > 60 {
			t.Errorf("%v ppm taken for %v", ppm, -stats.Drift*1e6)
		}
	}
}
