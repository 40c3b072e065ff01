//go:build !race

// Tests of the measure of intelligibility, which other tests believe.

package audiotest

import (
	"math"
	"testing"

	"stoa/audio"
)

func TestSTOIOfTheSameIsOne(t *testing.T) {
	x := Voice(2*audio.Rate, 1)
	for _, gain := range []float64{0, -30, 12} {
		if d := STOI(x, Scale(Sum(x), gain)); math.Abs(d-1) > 1e-6 {
			t.Errorf("clean speech at %+.0f dB has %v", gain, d)
		}
	}
}

// What masks more is understood less, whatever the noise.
func TestSTOIFallsWithNoise(t *testing.T) {
	x := Voice(2*audio.Rate, 2)
	noises := map[string][]float32{"white": White(len(x), 3), "fan": Fan(len(x), 4)}
	for name, noise := range noises {
		last := 1.0
		for snr := 25.0; snr >= -20; snr -= 9 {
			d := STOI(x, Sum(x, AtSNR(x, noise, snr)))
			if d >= last {
				t.Errorf("%s: %.3f at %.0f dB, %.3f at 9 dB more", name, d, snr, last)
			}
			last = d
		}
		if last > 0.55 {
			t.Errorf("%s: %.3f at the last", name, last)
		}
	}
}

// Another voice, or this voice too late, is not this voice.
func TestSTOIOfSomethingElse(t *testing.T) {
	x := Voice(3*audio.Rate, 5)
	others := map[string][]float32{
		"another voice": Voice(3*audio.Rate, 6),
		"noise":         White(len(x), 7),
		"backwards":     reversed(x),
	}
	for name, y := range others {
		if d := STOI(x, y); math.Abs(d) > 0.45 {
			t.Errorf("%s: %.3f", name, d)
		}
	}
	late := append(make([]float32, audio.Rate/10), x...)
	if d := STOI(x, late); d > 0.7 {
		t.Errorf("100 ms late: %.3f", d)
	}
	if n := Lag(x, late, audio.Rate/2); n != audio.Rate/10 {
		t.Errorf("a delay of %d is taken for %d", audio.Rate/10, n)
	}
	if d := STOI(x, Advance(late, audio.Rate/10)); d < 0.999 {
		t.Errorf("100 ms late and advanced: %.3f", d)
	}
}

func reversed(x []float32) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[len(x)-1-i] = v
	}
	return out
}

// Frames in which nobody speaks do not count, on either side.
func TestSTOIIgnoresPauses(t *testing.T) {
	x := Voice(2*audio.Rate, 8)
	gap := make([]float32, 2*audio.Rate)
	clean := append(append(append([]float32{}, x...), gap...), x...)
	heard := Sum(clean, AtSNR(x, White(len(clean), 9), 5))
	whole := STOI(clean, heard)
	copy(heard[len(x)+audio.Rate/5:], gap[2*audio.Rate/5:]) // without the noise in the pause
	if d := STOI(clean, heard); math.Abs(d-whole) > 0.005 {
		t.Errorf("%.4f with and %.4f without noise in a pause", whole, d)
	}
	if d := STOI(x[:audio.Rate/4], x[:audio.Rate/4]); !math.IsNaN(d) {
		t.Errorf("a quarter of a second has %v", d)
	}
}

func TestResampledToneKeepsItsLevel(t *testing.T) {
	for freq, want := range map[float64]float64{200: 1, 1000: 1, 4000: 1, 5600: 0, 9000: 0} {
		x := make([]float32, audio.Rate)
		Tone(freq, 0.5)(0, x)
		y := toTenKilohertz(x)[1000:9000]
		if got := norm(y) / math.Sqrt(float64(len(y))/2) / 0.5; math.Abs(got-want) > 0.01 {
			t.Errorf("%v Hz passes with %.4f", freq, got)
		}
	}
}

// Values of another implementation, pystoi 0.4, for the same sounds.
func TestSTOIAgreesWithAnother(t *testing.T) {
	x := Voice(6*audio.Rate, 1)
	for snr, want := range map[float64]float64{20: 0.9956, 5: 0.9043, -5: 0.6680} {
		if d := STOI(x, Sum(x, AtSNR(x, White(len(x), 3), snr))); math.Abs(d-want) > 0.003 {
			t.Errorf("%.4f at %v dB, not %.4f", d, snr, want)
		}
	}
}
