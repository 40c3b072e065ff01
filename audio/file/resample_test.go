// Tests of the resampler: level, time, and what it must keep out.

package file

import (
	"io"
	"math"
	"testing"
)

// slice is a reader over samples in memory.
type slice []float64

func (s *slice) read(dst []float32) (int, error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	n := min(len(dst), len(*s), 777)
	for i := range n {
		dst[i] = float32((*s)[i])
	}
	*s = (*s)[n:]
	return n, nil
}

// to48k resamples all of in.
func to48k(t testing.TB, in []float64, rate int) []float32 {
	t.Helper()
	src := slice(in)
	r := resampled(&src, rate)
	var out []float32
	buf := make([]float32, 480)
	for {
		n, err := r.read(buf)
		out = append(out, buf[:n]...)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A tone at any rate must come out as the same tone, sample for sample: same level,
// same instant, same length.
func TestResampleTone(t *testing.T) {
	for _, rate := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 47999, 48001, 88200, 96000, 176400, 192000} {
		nyquist := float64(min(rate, outRate)) / 2
		for _, freq := range []float64{100, 1000, 0.5 * nyquist, 0.84 * nyquist} {
			n := rate / 4
			got := to48k(t, tone(n, rate, freq, 0.7), rate)
			if want := (n*outRate + rate - 1) / rate; len(got) != want {
				t.Fatalf("%d Hz: %d samples, want %d", rate, len(got), want)
			}
			want := tone(len(got), outRate, freq, 0.7)
			worst := 0.0
			// The ends see the silence before and after the file.
			for i := 600; i < len(got)-600; i++ {
				worst = max(worst, math.Abs(float64(got[i])-want[i]))
			}
			if worst > 3e-4 {
				t.Errorf("%d Hz: a tone of %.0f Hz is off by %.1f dB", rate, freq, 20*math.Log10(worst/0.7))
			}
		}
	}
}

func TestResampleConstant(t *testing.T) {
	for _, rate := range []int{8000, 44100, 192000} {
		in := make([]float64, rate/10)
		for i := range in {
			in[i] = 0.5
		}
		got := to48k(t, in, rate)
		for i, s := range got[300 : len(got)-300] {
			if math.Abs(float64(s)-0.5) > 1e-6 {
				t.Fatalf("%d Hz: sample %d is %v", rate, i, s)
			}
		}
	}
}

// What lies above 24 kHz must not fold down into what is heard.
func TestResampleKeepsAliasesOut(t *testing.T) {
	for _, rate := range []int{88200, 96000, 192000} {
		for _, freq := range []float64{24100, 30000, 43000} {
			got := to48k(t, tone(rate/4, rate, freq, 0.7), rate)
			peak := 0.0
			for _, s := range got[600 : len(got)-600] {
				peak = max(peak, math.Abs(float64(s)))
			}
			if level := 20 * math.Log10(peak/0.7); level > -75 {
				t.Errorf("%d Hz: a tone of %.0f Hz is left at %.1f dB", rate, freq, level)
			}
		}
	}
}

func TestResampleShort(t *testing.T) {
	for _, n := range []int{1, 2, 31, 32, 33} {
		if got := to48k(t, make([]float64, n), 8000); len(got) != 6*n {
			t.Errorf("%d samples at 8 kHz became %d", n, len(got))
		}
	}
}

func BenchmarkResample(b *testing.B) {
	in := make([]float64, 44100)
	for b.Loop() {
		to48k(b, in, 44100)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "us/s-of-sound")
}
