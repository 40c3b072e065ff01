//go:build sound

// Sound cards under PipeWire, looked at closely: what a minute of speech suffers from microphone to
// loudspeaker, and how long the way is. The machine must have nothing else to do.

package process

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/device"
	"stoa/audio/file"
	"stoa/cmd/stoa/process/hear"
)

// conversation is what the three of the demonstration say to each other, for so long.
func conversation(t *testing.T, d time.Duration) []float64 {
	t.Helper()
	var all []float64
	for _, name := range []string{"ada", "ben", "callum"} {
		x, err := file.Read(filepath.Join("..", "demo", "talk", name+".opus"))
		if err != nil {
			t.Fatal(err)
		}
		all = slices.Grow(all, len(x))[:max(len(all), len(x))]
		for i, v := range x {
			all[i] += float64(v)
		}
	}
	n := int(d.Seconds() * hear.Rate)
	return slices.Repeat(all, n/len(all)+1)[:n]
}

// Must show 1: a minute of real speech, between cards of several kinds, without an underrun.
func TestTableDevices(t *testing.T) {
	const parts = 6 // that are compared each for itself
	voice := conversation(t, time.Minute)
	fmt.Printf("%-36s %10s %10s %10s\n", "microphone to loudspeaker, 60 s", "underrun", "worst gap", "envelope")
	for _, c := range []struct{ what, mic, speaker string }{
		{"48 kHz mono to 48 kHz mono", "", ""},
		{"16 kHz headset to 44.1 kHz stereo", "rate=16000", "rate=44100 channels=2"},
		{"44.1 kHz stereo to 8 channels", "rate=44100 channels=2", "channels=8"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newPipewire(t)
			s.mic("mic", strings.Fields(c.mic)...)
			s.speaker("speaker", strings.Fields(c.speaker)...)
			call := newCall(s, "mic", "speaker")
			before := call.bob.lacked()
			wait, _ := call.speak(append(voice, make([]float64, hear.Rate)...), "mic", s.port("mic", "capture"), s.port("speaker", "monitor"))
			tape := wait()
			lacked := call.bob.lacked() - before
			envelope, gap := 1.0, 0.0
			for i := range parts {
				from, to := i*len(voice)/parts, (i+1)*len(voice)/parts
				until := min(to+2*hear.Rate, len(tape[0]))
				if v := hear.Compare(voice[from:to], tape[0][from:until]); v.Correlation < 0.95 || v.Gap > 20 {
					t.Fatalf("the machine is too busy to tell: already what was said is not whole: %v", v)
				}
				v := hear.Compare(voice[from:to], tape[1][from:until])
				t.Logf("seconds %d to %d: %v", from/hear.Rate, to/hear.Rate, v)
				envelope, gap = min(envelope, v.Correlation), max(gap, v.Gap)
			}
			fmt.Printf("%-36s %7.0f ms %7.0f ms %10.4f\n", c.what, lacked, gap, envelope)
			if lacked > 0 || gap > 40 || envelope < 0.85 { // the gain and the levelling change the envelope
				t.Errorf("%.0f ms of underrun, a gap of %.0f ms, envelope %.4f", lacked, gap, envelope)
			}
		})
	}
}

// lacked is what the loudspeaker has wanted and not got since the process began, in ms, as of the next
// figures.
func (p *process) lacked() float64 {
	p.t.Helper()
	return p.waitSince(p.mark(), "figures", kind("stats")).Stats.Lacked
}

// Must show 6: how long the way from mouth to ear is, with devices, and of what it is made.
func TestTableMouthToEarDevices(t *testing.T) {
	const calls = 3 // each begins at another moment of either card's period
	const trial = 20 * time.Second
	voice := breathless(t)[:int(trial.Seconds()*hear.Rate)]
	var way, stats []float64
	for range calls {
		s := newPipewire(t)
		s.mic("mic")
		s.speaker("speaker")
		c := newCall(s, "mic", "speaker")
		wait, _ := c.speak(voice, "mic", "mic:capture_MONO", "speaker:monitor_MONO")
		tape := wait()
		delays, missed, err := hear.MarkDelaysBeside(tape[0], tape[1])
		if err != nil || len(delays) < 20 || missed > len(delays)/4 { // some a suppressor takes for noise
			t.Fatalf("%d marks were heard, and then %d were not: %v", len(delays), missed, err)
		}
		way = append(way, delays[markSkip:]...)
		last := c.bob.last(func(e event) bool { return e.Stats != nil && len(e.Stats.Speakers) == 1 })
		stats = append(stats, last.Stats.Speakers[0].Delay)
		c.ann.kill()
		c.bob.kill()
	}
	cards, apart := throughCards(t, voice)
	row := func(what string, ms []float64) {
		fmt.Printf("%-62s %6.1f %6.1f %6d\n", what, quantile(ms, 50), quantile(ms, 95), len(ms))
	}
	fmt.Printf("%-62s %6s %6s %6s\n", "mouth to ear with devices under PipeWire, ms", "p50", "p95", "trials")
	row("all the way", way)
	row("  of it: microphone to ring to loudspeaker, with a block in it", cards)
	row("  of it: frame, codec, network, jitter buffer, the listener says", stats)
	fmt.Printf("%-62s %6.1f\n", "  the rest: treatment of the voice", quantile(way, 50)-quantile(cards, 50)-quantile(stats, 50))
	begin, end := apart[:len(apart)/2], apart[len(apart)/2:]
	fmt.Printf("between the two cards' counts: %.1f ms of jitter, %.0f ppm of drift\n",
		quantile(apart, 100)-quantile(apart, 1), (quantile(end, 50)-quantile(begin, 50))/(trial.Seconds()*1000/2)*1e6)
}

// throughCards measures the way through both cards with nothing but a ring between, and by how much the
// microphone has counted more than the loudspeaker, at each block, in ms.
func throughCards(t *testing.T, voice []float64) (delays, apart []float64) {
	t.Helper()
	s := newPipewire(t)
	s.mic("mic")
	s.speaker("speaker")
	for _, v := range s.env() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	ctx, cancel := context.WithCancel(t.Context())
	heard, played := audio.NewRing(audio.RingSize), audio.NewRing(audio.RingSize)
	ready := make(chan device.State, 2)
	tell := func(s device.State) { ready <- s }
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = device.NewMic(device.Choice{}, tell).Run(ctx, heard) })
	running.Go(func() { _ = device.NewSpeaker(device.Choice{}, tell).Run(ctx, played) })
	for range 2 {
		if s := <-ready; s.Err != nil {
			t.Fatal(s.Err)
		}
	}
	running.Go(func() {
		var block [audio.BlockSize]float32
		in, out := 0, 0
		for ctx.Err() == nil {
			for heard.Len() >= len(block) {
				in += heard.Read(block[:])
				if played.Len() < audio.BlockSize {
					out += played.Write(block[:])
				}
				pulled := out - played.Len() + int(played.Underruns())
				apart = append(apart, float64(in-pulled)*1000/audio.Rate)
			}
			select {
			case <-heard.Readable():
			case <-ctx.Done():
			}
		}
	})
	c := &call{pipewire: s, path: filepath.Join(s.dir, "tape.wav")}
	wait, _ := c.speak(voice, "mic", "mic:capture_MONO", "speaker:monitor_MONO")
	tape := wait()
	cancel()
	running.Wait()
	delays, missed, err := hear.MarkDelaysBeside(tape[0], tape[1])
	if err != nil || len(delays) < 20 {
		t.Fatalf("%d marks, %d missed: %v", len(delays), missed, err)
	}
	return delays, apart[2*audio.Rate/audio.BlockSize:]
}

// quantile is the least value that so many percent do not exceed.
func quantile(values []float64, percent int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*percent+99)/100-1]
}
