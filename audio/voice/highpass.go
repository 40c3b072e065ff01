// This file holds the high-pass filter, the first stage: it takes away what is below every voice,
// such as rumble, handling, wind, mains hum and a constant offset, before it can drive the others.

package voice

import (
	"math"

	"stoa/audio"
)

// highPassCorner is where the high-pass is down by 3 dB, in Hz. A bass speaks at 80 to 90 Hz.
const highPassCorner = 80

// A HighPass is a Butterworth high-pass of fourth order at 80 Hz: 24 dB an octave, so 50 Hz are
// down by 16 dB and 120 Hz by 0.2 dB. It is two biquads in transposed direct form II, whose
// rounding at so low a corner wants float64. Coefficients by the bilinear transform as in R.
// Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients". One goroutine at a
// time.
type HighPass struct {
	sections [2]biquad
}

// NewHighPass returns a filter at rest.
func NewHighPass() *HighPass {
	h := new(HighPass)
	for i := range h.sections {
		// The poles of a Butterworth filter lie evenly on a circle; each pair is one section.
		q := 1 / (2 * math.Cos(math.Pi*float64(2*i+1)/8))
		h.sections[i] = newHighPass(highPassCorner, q)
	}
	return h
}

// Filter filters pcm, of any length, in place. A sample that is not a number counts as zero, and
// one beyond ±8 as ±8, so that the filter always recovers.
func (h *HighPass) Filter(pcm []float32) {
	for i, v := range pcm {
		x := sane(v)
		for s := range h.sections {
			x = h.sections[s].next(x)
		}
		pcm[i] = float32(x)
	}
}

// loudest bounds what the stages take seriously, far above full scale.
const loudest = 8

// sane is v, with what is not a number at zero and all within ±loudest.
func sane(v float32) float64 {
	if v != v {
		return 0
	}
	return float64(min(max(v, -loudest), loudest))
}

// biquad is a filter of second order, normalised to a0 = 1.
type biquad struct {
	b0, b1, b2, a1, a2 float64
	z1, z2             float64
}

func newHighPass(corner, q float64) biquad {
	w := 2 * math.Pi * corner / audio.Rate
	alpha, cos := math.Sin(w)/(2*q), math.Cos(w)
	a0 := 1 + alpha
	return biquad{
		b0: (1 + cos) / 2 / a0, b1: -(1 + cos) / a0, b2: (1 + cos) / 2 / a0,
		a1: -2 * cos / a0, a2: (1 - alpha) / a0,
	}
}

func (f *biquad) next(x float64) float64 {
	y := f.b0*x + f.z1
	f.z1 = f.b1*x - f.a1*y + f.z2
	f.z2 = f.b2*x - f.a2*y
	// Silence would let the state shrink into denormal numbers, which processors treat slowly.
	if math.Abs(f.z1) < 1e-30 {
		f.z1 = 0
	}
	if math.Abs(f.z2) < 1e-30 {
		f.z2 = 0
	}
	return y
}
