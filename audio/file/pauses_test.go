// What is heard while nobody speaks. An encoder with DTX sends one frame of 20 in a pause, and libopus
// makes the noise of the room out of it: the level and the spectrum of what it heard there, as RFC 3389
// does for other codecs. A microphone that is muted is silent, for that is what its owner wants.

package file

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/fft"
	"stoa/audio/opus"
)

// paused is four seconds of speech, then as long a pause, with the noise of a room behind both.
func paused(t *testing.T, dB float64) (pcm, room []float32) {
	room = audiotest.Fan(8*audio.Rate, 3)
	audiotest.Scale(room, dB-audiotest.RMS(room))
	speech := conversation(t)[:4*audio.Rate]
	return audiotest.Sum(room, speech), room
}

// listen plays what the capture of pcm sends, of which it loses a share. muted is when the microphone
// is muted; 0 for never.
func listen(t *testing.T, pcm []float32, loss float64, muted time.Duration) (heard []float32) {
	synctest.Test(t, func(t *testing.T) {
		enc, err := opus.NewEncoder()
		if err != nil {
			t.Fatal(err)
		}
		dec, err := opus.NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(len(pcm))*time.Second/audio.Rate)
		defer cancel()
		in, out := audio.NewRing(audio.RingSize), audio.NewRing(audio.RingSize)
		capture, player := audio.NewCapture(enc, nil, nil), audio.NewPlayer()
		source := player.NewSource(dec)
		mic := &audiotest.Mic{Signal: func(at int, p []float32) { copy(p, pcm[min(at, len(pcm)):]) }}
		speaker := &audiotest.Speaker{}
		rnd := rand.New(rand.NewPCG(1, 1))
		var wg sync.WaitGroup
		wg.Go(func() { mic.Run(ctx, in) })
		wg.Go(func() {
			capture.Run(ctx, in, func(p audio.Packet) {
				if rnd.Float64() >= loss {
					source.Push(p, time.Now())
				}
			})
		})
		wg.Go(func() { player.Run(ctx, out) })
		wg.Go(func() { speaker.Run(ctx, out) })
		if muted > 0 {
			time.Sleep(muted)
			capture.SetMuted(true)
		}
		wg.Wait()
		heard = speaker.Heard()
	})
	return heard
}

func TestPausesDoNotSoundDead(t *testing.T) {
	for _, dB := range []float64{-50, -65} {
		pcm, room := paused(t, dB)
		for _, loss := range []float64{0, 0.1} {
			if testing.Short() && loss == 0 {
				continue
			}
			heard := listen(t, pcm, loss, 0)
			quietest := 0.0
			for at := 5 * audio.Rate; at+audio.Rate/5 <= len(heard); at += audio.Rate / 5 {
				quietest = min(quietest, audiotest.RMS(heard[at:at+audio.Rate/5])-dB)
			}
			said, got := bands(room[5*audio.Rate:]), bands(heard[5*audio.Rate:])
			t.Logf("a room of %.0f dB, %.0f %% lost: %.1f dB of it at the least, by octaves from 125 Hz %+.1f", dB, 100*loss, quietest, differences(got, said))
			if quietest < -14 {
				t.Errorf("a room of %.0f dB, %.0f %% lost: once only %.1f dB of it are heard", dB, 100*loss, quietest)
			}
			for i, off := range differences(got, said) {
				if off < -16 || off > 6 {
					t.Errorf("a room of %.0f dB: octave %d is off by %.1f dB", dB, i, off)
				}
			}
		}
	}
}

func TestWhoIsMutedIsSilent(t *testing.T) {
	pcm, _ := paused(t, -50)
	for _, at := range []time.Duration{2 * time.Second, 6 * time.Second} { // in speech, and in the pause
		heard := listen(t, pcm, 0, at)
		after := heard[int(at.Seconds()*audio.Rate)+audio.Rate*5/4:]
		if level := audio.Level(after); level != audio.Silence {
			t.Errorf("muted at %v, heard at -%d dB", at, level)
		}
	}
}

// bands are the mean powers of the octaves from 125 to 4000 Hz, in dB.
func bands(pcm []float32) (dB []float64) {
	const size = 960 // 50 Hz
	f := fft.NewReal(size)
	spectrum := make([]complex64, f.Bins())
	var power [size/2 + 1]float64
	for at := 0; at+size <= len(pcm); at += size {
		f.Forward(spectrum, pcm[at:at+size])
		for i, v := range spectrum {
			power[i] += float64(real(v)*real(v) + imag(v)*imag(v))
		}
	}
	for low := 2; low < 4000/50; low *= 2 {
		sum := 1e-12
		for _, p := range power[low : 2*low] {
			sum += p
		}
		dB = append(dB, 10*math.Log10(sum))
	}
	return dB
}

func differences(a, b []float64) (d []float64) {
	for i := range a {
		d = append(d, a[i]-b[i])
	}
	return d
}
