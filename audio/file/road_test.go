// The whole road, from a file that is played to one that is recorded: microphone, capture, Opus,
// jitter buffer, player, loudspeaker. Only the network is missing, or made up.

package file

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/opus"
)

func float64s(in []float32) []float64 {
	out := make([]float64, len(in))
	for i, s := range in {
		out[i] = float64(s)
	}
	return out
}

// converse plays the file at path through the program into a recording, which it returns. send is
// the network: it delivers a packet, or does not.
func converse(t *testing.T, path, out string, length time.Duration, send func(audio.Packet, func(audio.Packet))) []float32 {
	t.Helper()
	enc, err := opus.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	mic, err := OpenMic(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer mic.Close()
	speaker, err := CreateSpeaker(out)
	if err != nil {
		t.Fatal(err)
	}
	in, played := audio.NewRing(audio.RingSize), audio.NewRing(audio.RingSize)
	player := audio.NewPlayer()
	source := player.NewSource(dec)
	capture := audio.NewCapture(enc, nil, nil)
	capture.SetMuted(false)

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { mic.Run(ctx, in) })
	wg.Go(func() {
		capture.Run(ctx, in, func(p audio.Packet) {
			p.Payload = append([]byte(nil), p.Payload...)
			send(p, func(p audio.Packet) { source.Push(p, time.Now()) })
		})
	})
	wg.Go(func() { player.Run(ctx, played) })
	wg.Go(func() { speaker.Run(ctx, played) })
	wg.Wait()
	if err := speaker.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return mustRead(t, b)
}

// envelope is the energy of each 20 ms.
func envelope(pcm []float32) []float64 {
	e := make([]float64, len(pcm)/audio.FrameSize)
	for i := range e {
		for _, s := range pcm[i*audio.FrameSize:][:audio.FrameSize] {
			e[i] += float64(s) * float64(s)
		}
	}
	return e
}

func correlation(a, b []float64) float64 {
	n := float64(min(len(a), len(b)))
	var sa, sb, saa, sbb, sab float64
	for i := range int(n) {
		sa, sb = sa+a[i], sb+b[i]
		saa, sbb, sab = saa+a[i]*a[i], sbb+b[i]*b[i], sab+a[i]*b[i]
	}
	return (n*sab - sa*sb) / math.Sqrt((n*saa-sa*sa)*(n*sbb-sb*sb))
}

// align finds by how many samples heard is behind said, to 1 ms, and how well the envelopes agree then.
func align(said, heard []float32) (delay int, best float64) {
	want := envelope(said)
	for shift := 0; shift < min(outRate/5, len(heard)); shift += outRate / 1000 {
		if c := correlation(want, envelope(heard[shift:])); c > best {
			delay, best = shift, c
		}
	}
	return delay, best
}

func sum(e []float64) (s float64) {
	for _, x := range e {
		s += x
	}
	return s
}

// What is recorded is what was said: aligned, at its level, and within the delay that the design
// gives to two files on one machine.
func TestSpeechIsHeardAsSaid(t *testing.T) {
	said := audiotest.Voice(6*audio.Rate, 3)
	path := wavOf(t, outRate, float64s(said))
	for _, name := range []string{"out.wav", "out.opus"} {
		synctest.Test(t, func(t *testing.T) {
			heard := converse(t, path, filepath.Join(t.TempDir(), name), 6200*time.Millisecond,
				func(p audio.Packet, deliver func(audio.Packet)) { deliver(p) })
			delay, c := align(said, heard)
			ms := float64(delay) * 1000 / outRate
			if ms < 20 || ms > 60 {
				t.Errorf("%s: heard after %.1f ms", name, ms)
			}
			a, b := envelope(said), envelope(heard[delay:])
			level := 10 * math.Log10(sum(b)/sum(a))
			t.Logf("%s: %.1f ms, correlation %.4f, level %+.2f dB", name, ms, c, level)
			if c < 0.98 {
				t.Errorf("%s: the envelopes correlate by %.3f", name, c)
			}
			if math.Abs(level) > 0.5 {
				t.Errorf("%s: the level changed by %.2f dB", name, level)
			}
		})
	}
}

// With 5 % of the packets lost it must still be what was said.
func TestSpeechSurvivesLoss(t *testing.T) {
	said := audiotest.Voice(6*audio.Rate, 3)
	path := wavOf(t, outRate, float64s(said))
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		heard := converse(t, path, filepath.Join(t.TempDir(), "out.wav"), 6200*time.Millisecond,
			func(p audio.Packet, deliver func(audio.Packet)) {
				if r.IntN(100) >= 5 {
					deliver(p)
				}
			})
		if _, c := align(said, heard); c < 0.95 {
			t.Errorf("the envelopes correlate by %.3f", c)
		}
	})
}
