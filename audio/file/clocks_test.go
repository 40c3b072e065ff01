// Two sound cards never agree on how long a second is. These tests listen to real speech for as long
// as it takes to hear that: the delay is measured in what is played, not asked of the buffer, and
// every sample is searched for clicks.

package file

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/opus"
)

// conversation is what the three of the demonstration say, one after another, 47 s of real speech
// with pauses.
func conversation(t *testing.T) []float32 {
	t.Helper()
	var all []float32
	for _, name := range []string{"ada", "ben", "callum"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "cmd", "stoa", "demo", "talk", name+".opus"))
		if err != nil {
			t.Fatal(err)
		}
		pcm := mustRead(t, b)
		if all == nil {
			all = make([]float32, len(pcm)/audio.FrameSize*audio.FrameSize)
		}
		for i := range all {
			all[i] += pcm[i]
		}
	}
	return all
}

// encoded is speech as it is sent, over and over again, and as it is heard when nothing happens to
// it on the way.
type encoded struct {
	packets []audio.Packet // one a frame; no payload where nothing is sent
	plain   []float32
}

// encode makes packets of speech with an encoder that newEncoder gives.
func encode(t *testing.T, speech []float32, newEncoder func() (*opus.Encoder, error)) encoded {
	t.Helper()
	enc, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var e encoded
	paused, since := false, 0
	for range 2 { // the second follows itself without a seam
		e = encoded{}
		for at := 0; at < len(speech); at += audio.FrameSize {
			buf, pcm := make([]byte, audio.MaxPayload), make([]float32, audio.FrameSize)
			n, err := enc.Encode(speech[at:at+audio.FrameSize], buf)
			if err != nil {
				t.Fatal(err)
			}
			since++
			p := audio.Packet{End: n <= audio.MaxPause}
			if n > 0 && (!p.End || !paused) {
				p.Payload, p.Since = buf[:n], uint8(min(since, 255))
				since = 0
				if err = dec.Decode(p.Payload, pcm); err != nil {
					t.Fatal(err)
				}
			} else if err = dec.Conceal(pcm); err != nil {
				t.Fatal(err)
			}
			paused = p.End
			e.packets, e.plain = append(e.packets, p), append(e.plain, pcm...)
		}
	}
	return e
}

// drifted is what became of a voice whose clock runs at another speed.
type drifted struct {
	first, least, most time.Duration // from mouth to ear; first is the middle one of the first minute
	clicks             []int
	worst              float64 // the roughest place, 1 being what is a click
	stats              audio.Stats
}

// drift plays e for length from a sender whose clock runs ppm too fast, over 30 ms of network with
// 2 ms of jitter, on which packets are lost; nil for none.
func drift(t *testing.T, e encoded, ppm float64, length time.Duration, lost func() bool) (d drifted) {
	synctest.Test(t, func(t *testing.T) {
		dec, err := opus.NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		player, ring := audio.NewPlayer(), audio.NewRing(audio.RingSize)
		source := player.NewSource(dec)
		again := append(e.plain[:len(e.plain):len(e.plain)], e.plain[:audio.Rate]...) // its end before its beginning, too
		ear := &ear{said: e.plain, speed: 1 + ppm*1e-6, clicks: audiotest.NewClicks(again)}
		speaker := &audiotest.Speaker{Hear: ear.hear}
		var wg sync.WaitGroup
		wg.Go(func() { player.Run(ctx, ring) })
		wg.Go(func() { speaker.Run(ctx, ring) })
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(length), 7))
			start := time.Now()
			for i := uint32(100); ctx.Err() == nil; i++ { // we come when it has begun
				sent := time.Duration(float64(i+1) * float64(audio.FrameTime) / (1 + ppm*1e-6))
				at := sent + 30*time.Millisecond + time.Duration(rnd.ExpFloat64()*float64(2*time.Millisecond))
				time.Sleep(time.Until(start.Add(at)))
				p := e.packets[int(i)%len(e.packets)]
				if p.Payload != nil && (lost == nil || !lost()) {
					p.Index = i
					source.Push(p, time.Now())
				}
			}
		})
		wg.Wait()
		first := slices.Sorted(slices.Values(ear.delays[:min(len(ear.delays), int(time.Minute/time.Second*audio.Rate/earEvery))]))
		d = drifted{first[len(first)/2], slices.Min(ear.delays), slices.Max(ear.delays), ear.clicks.Found(), ear.clicks.Worst, source.Stats()}
	})
	return d
}

const (
	earStep    = 8              // the ear looks for the delay at 6 kHz
	earPiece   = audio.Rate / 4 // in pieces of 250 ms
	earEvery   = 2 * audio.Rate // every two seconds
	earFar     = audio.Rate / 5 // up to 200 ms
	earSettled = 7 * audio.Rate // the first seconds of a voice are there to learn its path
)

// An ear measures how long ago what it hears was said, and listens for clicks.
type ear struct {
	said   []float32 // over and over again
	speed  float64   // of the speaker's clock
	n      int       // samples heard
	last   []float32
	clicks *audiotest.Clicks
	delays []time.Duration
}

func (e *ear) hear(block []float32) {
	e.clicks.Listen(block)
	e.last = append(e.last, block...)
	e.n += len(block)
	if len(e.last) < earEvery {
		return
	}
	piece := e.last[len(e.last)-earPiece:]
	if e.n > earSettled && audio.Level(piece) < 35 {
		if d, ok := e.delay(piece, e.n-earPiece); ok {
			e.delays = append(e.delays, d)
		}
		e.last = e.last[:0]
	} else {
		e.last = append(e.last[:0], e.last[len(block):]...) // wait for speech
	}
}

// delay finds where in what was said the piece is, which was heard from sample at on.
func (e *ear) delay(piece []float32, at int) (time.Duration, bool) {
	heard := thin(piece)
	before := make([]float32, earFar+earPiece)
	said := int(float64(at)*e.speed) - earFar
	for i := range before {
		before[i] = e.said[((said+i)%len(e.said)+len(e.said))%len(e.said)]
	}
	from := thin(before)
	best, lag := 0.0, 0
	for l := 0; l+len(heard) <= len(from); l++ {
		var ab, bb float64
		for i, v := range heard {
			w := from[l+i]
			ab, bb = ab+v*w, bb+w*w
		}
		if c := ab / math.Sqrt(bb+1e-9); c > best {
			best, lag = c, l
		}
	}
	var aa float64
	for _, v := range heard {
		aa += v * v
	}
	return time.Duration(earFar-lag*earStep) * time.Second / audio.Rate, best/math.Sqrt(aa) > 0.8
}

func thin(pcm []float32) []float64 {
	out := make([]float64, len(pcm)/earStep)
	for i := range out {
		for _, v := range pcm[i*earStep:][:earStep] {
			out[i] += float64(v)
		}
	}
	return out
}

// checkDrift is what is asked: the delay stays within 20 ms of where it began, and there is no step
// that the speech does not have.
func checkDrift(t *testing.T, ppm float64, d drifted) {
	t.Helper()
	t.Logf("%+4.0f ppm: mouth to ear %.1f ms at first, then %.1f to %.1f; roughest %.2f of a click; %d samples added, %d left out, %+.0f ppm seen",
		ppm, ms(d.first), ms(d.least), ms(d.most), d.worst, d.stats.Stretched, d.stats.Compressed, -1e6*d.stats.Drift)
	if d.most-d.first > 20*time.Millisecond || d.first-d.least > 20*time.Millisecond {
		t.Errorf("%+v ppm: the delay went from %v to %v and %v", ppm, d.first, d.least, d.most)
	}
	if len(d.clicks) > 0 {
		t.Errorf("%+v ppm: %d clicks, at samples %v", ppm, len(d.clicks), d.clicks[:min(len(d.clicks), 5)])
	}
	if s := d.stats; s.Lost+s.Late+s.Dropped > 0 {
		t.Errorf("%+v ppm: %+v", ppm, s)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func TestClocksApart(t *testing.T) {
	e := encode(t, conversation(t)[:20*audio.Rate], opus.NewRecorder)
	length := time.Minute
	if testing.Short() {
		length /= 3
	}
	for _, ppm := range []float64{-200, 200} {
		checkDrift(t, ppm, drift(t, e, ppm, length, nil))
	}
}

// Losses are concealed, faded out when they are long, and joined to what comes after them, without a
// click.
func TestLossesDoNotClick(t *testing.T) {
	length, bursts := time.Minute, []int{8, 1, 3, 30}
	if testing.Short() {
		length, bursts = 10*time.Second, bursts[:1]
	}
	for name, enc := range map[string]func() (*opus.Encoder, error){"with pauses": opus.NewEncoder, "without": opus.NewRecorder} {
		e := encode(t, conversation(t)[:20*audio.Rate], enc)
		for _, burst := range bursts {
			rnd := rand.New(rand.NewPCG(uint64(burst), 3))
			left := 0
			d := drift(t, e, 0, length, func() bool {
				if left--; left < -10 && rnd.IntN(5*burst) == 0 {
					left = burst
				}
				return left > 0
			})
			t.Logf("%s, %d lost in a row: roughest %.2f of a click, %d frames concealed", name, burst, d.worst, d.stats.Concealed)
			if len(d.clicks) > 0 {
				t.Errorf("%s, %d lost in a row: %d clicks, at samples %v", name, burst, len(d.clicks), d.clicks[:min(len(d.clicks), 8)])
			}
		}
	}
}
