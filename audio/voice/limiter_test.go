package voice

import (
	"math"
	"testing"

	"stoa/audio"
)

func TestLimiterLeavesAloneWhatIsQuietEnough(t *testing.T) {
	l := NewLimiter()
	pcm := make([]float32, 20*block)
	for i := range pcm {
		pcm[i] = float32(0.89 * math.Sin(float64(i)*0.05))
	}
	out := append([]float32(nil), pcm...)
	for i := 0; i < len(out); i += block {
		l.Limit(out[i : i+block])
	}
	for i := LimiterDelay; i < len(out); i++ {
		if out[i] != pcm[i-LimiterDelay] {
			t.Fatalf("sample %d: %v became %v", i, pcm[i-LimiterDelay], out[i])
		}
	}
}

// A wave that is far too loud must come out below the ceiling and still be that wave: its harmonics
// stay 40 dB below it (clipping by 12 dB would put them at -10 dB).
func TestLimiterKeepsTheWave(t *testing.T) {
	for _, freq := range []float64{60, 100, 220, 997, 5000} {
		l := NewLimiter()
		pcm := make([]float32, 2*audio.Rate)
		for i := range pcm {
			pcm[i] = float32(4 * ceiling * math.Sin(2*math.Pi*freq*float64(i)/audio.Rate))
		}
		for i := 0; i < len(pcm); i += block {
			l.Limit(pcm[i : i+block])
		}
		var sin, cos, all float64
		tail := pcm[audio.Rate:] // whole periods
		for i, v := range tail {
			if math.Abs(float64(v)) > ceiling+1e-6 {
				t.Fatalf("%v Hz: a sample of %v", freq, v)
			}
			s, c := math.Sincos(2 * math.Pi * freq * float64(i) / audio.Rate)
			sin, cos, all = sin+float64(v)*s, cos+float64(v)*c, all+float64(v)*float64(v)
		}
		n := float64(len(tail))
		wave := (sin*sin + cos*cos) * 2 / n
		if loss := 10 * math.Log10(ceiling*ceiling*n/2/wave); loss > 1 {
			t.Errorf("%v Hz: %.1f dB below the ceiling", freq, loss)
		}
		if rest := 10 * math.Log10((all-wave)/wave); rest > -40 {
			t.Errorf("%v Hz: distortion at %.1f dB", freq, rest)
		}
	}
}

// The loudest peak arrives without a warning, and what follows it is soon itself again.
func TestLimiterCatchesAPeakAndLetsGo(t *testing.T) {
	l := NewLimiter()
	pcm := make([]float32, audio.Rate)
	for i := range pcm {
		pcm[i] = 0.1
	}
	pcm[1000] = -8
	for i := 0; i < len(pcm); i += block {
		l.Limit(pcm[i : i+block])
	}
	for i, v := range pcm {
		if math.Abs(float64(v)) > ceiling+1e-6 {
			t.Fatalf("sample %d is %v", i, v)
		}
	}
	if v := pcm[1000+LimiterDelay]; v > -0.85 {
		t.Errorf("the peak came out as %v", v)
	}
	if v := pcm[audio.Rate*7/10]; v < 0.099 {
		t.Errorf("0.7 s after the peak 0.1 comes out as %v", v)
	}
}

func BenchmarkLimiter(b *testing.B) {
	pcm, _ := babbled(1, 1)
	out := make([]float32, block)
	l := NewLimiter()
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % 100 {
		copy(out, pcm[i*block:])
		l.Limit(out)
	}
}
