// Tests of Reference: a microphone and a loudspeaker in virtual time, each with its own clock, and
// what is then taken for played.

package audio_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
	"time"

	"stoa/audio"
)

// A desk has a microphone and a loudspeaker, which plays a tone of 50 Hz: half a period a block, so
// that the place of a block in it can be told to a fraction of a sample.
type desk struct {
	micPPM, speakerPPM float64       // how much faster than time their clocks run
	micPull, pull      int           // samples they take at once; 0: a block
	jitter             time.Duration // how late they call, on average
	length             time.Duration

	// In these times, in seconds, a device does not call; what it would have heard or played it then
	// never does.
	micStalls, speakerStalls [][2]float64
}

const toneLength = 2 * audio.BlockSize

// tone is one period of it, as a pointer that turns.
var tone = func() (turn [toneLength]complex128) {
	for i := range turn {
		turn[i] = cmplx.Rect(1, 2*math.Pi*float64(i)/toneLength)
	}
	return turn
}()

// A sighting is what stood beside one block of the microphone.
type sighting struct {
	at      float64 // s
	behind  float64 // ms after the loudspeaker was given it, from 10 to 30; NaN: silence
	whole   bool    // all of it was there in time
	shifted bool
}

func (d desk) run() (seen []sighting) {
	random := rand.New(rand.NewPCG(1, 2))
	late := func() time.Duration { return time.Duration(random.ExpFloat64() * float64(d.jitter)) }
	mic := &card{ppm: d.micPPM, piece: max(d.micPull, audio.BlockSize), stalls: d.micStalls, late: late}
	speaker := &card{ppm: d.speakerPPM, piece: max(d.pull, audio.BlockSize), stalls: d.speakerStalls, late: late}
	near, played := audio.NewRing(audio.RingSize), audio.NewRing(audio.RingSize)
	reference := audio.NewReference(played)
	buf := make([]float32, max(mic.piece, speaker.piece))
	var block [audio.BlockSize]float32
	mic.call()
	speaker.call()
	for mic.now < d.length {
		if speaker.now <= mic.now {
			for i := range buf[:speaker.piece] {
				buf[i] = float32(imag(tone[(speaker.count+i)%toneLength]))
			}
			played.Write(buf[:speaker.piece])
			played.PullAt(speaker.now, buf[:speaker.piece])
			speaker.call()
			continue
		}
		near.WriteAt(mic.now, buf[:mic.piece])
		for first := mic.count; near.Len() >= audio.BlockSize; first += audio.BlockSize {
			near.Read(block[:])
			shifted := reference.Next(near, block[:])
			at := mic.due(first) // when the block begins
			place, whole := behind(block[:], at, speaker)
			seen = append(seen, sighting{at.Seconds(), place, whole, shifted})
		}
		mic.call()
	}
	return seen
}

// behind returns how long before at block was due to be played, in ms, and whether it is nothing but
// the tone.
func behind(block []float32, at time.Duration, speaker *card) (late float64, whole bool) {
	var sum complex128
	for i, v := range block {
		sum += complex(float64(v), 0) * cmplx.Conj(tone[i])
	}
	if cmplx.Abs(sum) < audio.BlockSize/4 {
		return math.NaN(), false
	}
	amplitude, power := cmplx.Abs(sum)*2/audio.BlockSize, 0.0
	for _, v := range block {
		power += float64(v * v)
	}
	const period = 1000.0 * toneLength / audio.Rate                  // ms
	got := (cmplx.Phase(sum) + math.Pi/2) / (2 * math.Pi) * period   // of the tone, at the block's first sample
	want := at.Seconds()*1000*(1+speaker.ppm*1e-6) - speaker.skipped // what was due then
	late = 10 + math.Mod(math.Mod(want-got-10, period)+period, period)
	return late, math.Abs(amplitude-1) < 0.005 && math.Abs(power/audio.BlockSize-0.5) < 0.005
}

// A card calls for a piece each time when one is due, or a little later.
type card struct {
	ppm     float64
	piece   int
	stalls  [][2]float64
	late    func() time.Duration
	count   int           // samples before the call at now
	next    int           // samples before the one after
	skipped float64       // ms of its time in which it stalled, so far
	now     time.Duration // of the call
}

// due is when a sample is heard or played.
func (c *card) due(sample int) time.Duration {
	return time.Duration((float64(sample)/audio.Rate + c.skipped/1000) / (1 + c.ppm*1e-6) * float64(time.Second))
}

func (c *card) call() {
	c.count = c.next
	c.next += c.piece
	for _, s := range c.stalls {
		if due := c.due(c.next).Seconds(); due >= s[0] && due < s[1] {
			c.skipped += (s[1] - s[0]) * 1000
		}
	}
	c.now = max(c.due(c.next)+c.late(), c.now)
}

func TestReferenceKeepsItsPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		desk
		settled float64 // s after which the clocks are known
		within  float64 // ms that the place may wander afterwards, in all
	}{
		{"one clock", desk{}, 0, 0.001},
		{"one clock, late calls", desk{jitter: ms}, 0, 0.001},
		{"200 ppm", desk{speakerPPM: 200}, 6, 0.01},
		{"-200 ppm", desk{micPPM: 100, speakerPPM: -100}, 6, 0.01},
		{"200 ppm, late calls", desk{speakerPPM: 200, jitter: ms}, 20, 0.4},
		{"200 ppm, uneven pieces", desk{speakerPPM: 200, jitter: ms / 2, micPull: 256, pull: 1024}, 20, 0.4},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.length = time.Minute
			if testing.Short() {
				c.length = 25 * time.Second
			}
			least, most, shifts, holes, blocks := math.Inf(1), math.Inf(-1), 0, 0, 0
			for _, s := range c.run() {
				if s.shifted {
					shifts++
				}
				if s.at <= c.settled || s.at < 1 {
					continue
				}
				blocks++
				if !s.whole {
					holes++
					continue
				}
				least, most = min(least, s.behind), max(most, s.behind)
			}
			t.Logf("behind by %.3f to %.3f ms, %d of %d blocks not whole", least, most, holes, blocks)
			if most-least > c.within || least < 14 || most > 28 {
				t.Errorf("the place wanders from %.3f to %.3f ms behind, want %.3f in all", least, most, c.within)
			}
			if shifts != 1 {
				t.Errorf("it was looked for %d times, want once", shifts)
			}
			if holes > blocks/100 {
				t.Errorf("%d of %d blocks are not whole", holes, blocks)
			}
		})
	}
}

// After a device has stalled the place is another one: that is told, and it is right again at once.
// In the meantime nothing is taken for played that was not.
func TestReferenceAfterAStall(t *testing.T) {
	for _, c := range []struct {
		name string
		desk
		from, to float64 // s between which nothing is asked of it
		silent   bool    // but to be silent
	}{
		{"the loudspeaker for two seconds", desk{speakerStalls: [][2]float64{{10, 12}}}, 10, 12.1, true},
		{"the loudspeaker for 80 ms", desk{speakerStalls: [][2]float64{{10, 10.08}}}, 10, 10.4, false},
		{"the loudspeaker again and again", desk{speakerStalls: [][2]float64{{10, 10.5}, {10.6, 11}, {11.2, 14}}}, 10, 14.1, false},
		{"the microphone for half a second", desk{micStalls: [][2]float64{{10, 10.5}}}, 10, 10.6, false},
		{"the microphone for 80 ms", desk{micStalls: [][2]float64{{10, 10.08}}}, 10, 10.4, false},
		{"both", desk{micStalls: [][2]float64{{10, 13}}, speakerStalls: [][2]float64{{11, 12}}}, 10, 13.1, false},
		{"the loudspeaker at the start", desk{speakerStalls: [][2]float64{{0, 3}}}, 0, 3.1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.length = 16 * time.Second
			c.speakerPPM = 200
			told := 0
			for _, s := range c.run() {
				switch {
				case s.shifted && s.at > 1 && s.at < c.to:
					told++
				case s.shifted && s.at >= c.to:
					t.Errorf("looked for the place %.2f s in", s.at)
				case s.at > c.from+0.25 && s.at < c.to-0.1 && c.silent && !math.IsNaN(s.behind):
					t.Fatalf("something is taken for played %.2f s in", s.at)
				case s.at > 1 && (s.at < c.from-0.02 || s.at > c.to) && !(s.behind > 14 && s.behind < 19):
					t.Fatalf("%.2f s in it is %.2f ms behind", s.at, s.behind)
				}
			}
			if told == 0 {
				t.Error("nobody was told that the place is another one")
			}
		})
	}
}

func TestReferenceWithoutLoudspeaker(t *testing.T) {
	near, played := audio.NewRing(audio.RingSize), audio.NewRing(audio.RingSize)
	block := []float32{1, 1, 1}
	for _, r := range []*audio.Reference{nil, audio.NewReference(played)} {
		near.Write(block)
		near.Read(block)
		if r.Next(near, block); block[0] != 0 || block[2] != 0 {
			t.Error("something was played, without a loudspeaker")
		}
		block[0], block[2] = 1, 1
	}
}

// Between the samples of a tone a history has the tone.
func TestReferenceResamples(t *testing.T) {
	for _, hz := range []float64{100, 1000, 4000, 8000} {
		var h audio.History
		sound := func(at float64) float64 { return 0.5 * math.Sin(2*math.Pi*hz/audio.Rate*at) }
		ring := audio.NewRing(4 * audio.BlockSize)
		for i := range 3 * audio.BlockSize {
			ring.Write([]float32{float32(sound(float64(i)))})
		}
		h.Fill(ring)
		block := make([]float32, audio.BlockSize)
		var noise float64
		const from, step = 300.37, 1.0002
		if !h.Read(block, from, step) {
			t.Fatal("samples are missing")
		}
		for i, v := range block {
			d := float64(v) - sound(from+step*float64(i))
			noise += d * d
		}
		if db := 10 * math.Log10(noise/audio.BlockSize/0.125); db > -60 {
			t.Errorf("at %.0f Hz the noise is at %.0f dB", hz, db)
		}
	}
}

// The callback of a loudspeaker taps, and the capture looks for the place, without allocation.
func TestReferenceAllocatesNothing(t *testing.T) {
	near, played := audio.NewRing(audio.RingSize), audio.NewRing(audio.RingSize)
	reference := audio.NewReference(played)
	block := make([]float32, audio.BlockSize)
	if n := testing.AllocsPerRun(200, func() {
		played.Pull(block)
		near.Write(block)
		near.Read(block)
		reference.Next(near, block)
	}); n > 0 {
		t.Errorf("%v allocations a block", n)
	}
}

func BenchmarkReference(b *testing.B) {
	for name, step := range map[string]float64{"one clock": 1, "200 ppm": 1.0002} {
		b.Run(name, func(b *testing.B) {
			var h audio.History
			block, ring := make([]float32, audio.BlockSize), audio.NewRing(audio.RingSize)
			b.ReportAllocs()
			for i := range b.N {
				ring.Write(block)
				h.Fill(ring)
				h.Read(block, float64(i-2)*audio.BlockSize+(step-1)*1e3, step)
			}
		})
	}
}
