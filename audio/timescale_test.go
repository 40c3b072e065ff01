// Tests of time scaling: a tone stays that tone, without a click, and noise is left alone.

package audio_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// roughness returns the largest second difference of p, which a click makes large and a low tone
// does not.
func roughness(p []float32) float64 {
	worst := 0.0
	for i := 2; i < len(p); i++ {
		worst = max(worst, math.Abs(float64(p[i]-2*p[i-1]+p[i-2])))
	}
	return worst
}

func toneRoughness(freq, amp float64) float64 {
	w := 2 * math.Pi * freq / audio.Rate
	return amp * w * w
}

func TestTimeScalingKeepsATone(t *testing.T) {
	for _, freq := range []float64{75, 110, 200, 317, 1000, 2900} {
		p := make([]float32, 3*audio.FrameSize)
		audiotest.Tone(freq, 0.5)(123, p)
		n := audio.Shorten(p[:audio.FrameSize+300], 720, 0.9)
		if n > audio.FrameSize+300-120 {
			t.Errorf("%v Hz was not shortened", freq)
		}
		if r := roughness(p[:n]); r > 1.3*toneRoughness(freq, 0.5)+0.002 {
			t.Errorf("%v Hz clicks when shortened: %v of %v", freq, r, toneRoughness(freq, 0.5))
		}
		if math.Abs(audiotest.ToneAmplitude(p[:n], freq)-0.5) > 0.05 {
			t.Errorf("%v Hz shortened has an amplitude of %v", freq, audiotest.ToneAmplitude(p[:n], freq))
		}

		audiotest.Tone(freq, 0.5)(123, p)
		n = audio.Lengthen(p, audio.FrameSize+300, 720, 0.9)
		if n < audio.FrameSize+300+120 {
			t.Errorf("%v Hz was not lengthened", freq)
		}
		if r := roughness(p[:n]); r > 1.3*toneRoughness(freq, 0.5)+0.002 {
			t.Errorf("%v Hz clicks when lengthened: %v of %v", freq, r, toneRoughness(freq, 0.5))
		}
	}
}

func TestTimeScalingKeepsBothEnds(t *testing.T) {
	p := make([]float32, 2*audio.FrameSize)
	audiotest.Tone(150, 0.5)(0, p)
	first, last := p[0], p[audio.FrameSize-1]
	n := audio.Shorten(p[:audio.FrameSize], 480, 0.9)
	if math.Abs(float64(p[0]-first)) > 1e-3 || p[n-1] != last {
		t.Error("what comes before or after would not fit the shortened piece")
	}
	audiotest.Tone(150, 0.5)(0, p)
	n = audio.Lengthen(p, audio.FrameSize, 480, 0.9)
	if p[0] != first || p[n-1] != last {
		t.Error("what comes before or after would not fit the lengthened piece")
	}
}

func TestTimeScalingLeavesNoiseAlone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	p := make([]float32, 2*audio.FrameSize)
	for i := range p {
		p[i] = rnd.Float32() - 0.5
	}
	if n := audio.Shorten(p[:audio.FrameSize], 720, 0.9); n != audio.FrameSize {
		t.Errorf("noise was shortened by %d samples", audio.FrameSize-n)
	}
	if n := audio.Shorten(p[:audio.FrameSize], 720, -1); n == audio.FrameSize {
		t.Error("noise was not shortened though it had to be")
	}
	if n := audio.Shorten(p[:100], 720, -1); n != 100 {
		t.Error("a piece too short for a seam was shortened")
	}
	if n := audio.Lengthen(p[:audio.FrameSize+50], audio.FrameSize, 720, -1); n != audio.FrameSize {
		t.Error("a piece was lengthened past its room")
	}
}

func BenchmarkShorten(b *testing.B) {
	p := make([]float32, audio.FrameSize+240)
	audiotest.Tone(110, 0.5)(0, p)
	b.ReportAllocs()
	for b.Loop() {
		audio.Shorten(p, 720, 2) // never alike enough, so the search is all
	}
}
