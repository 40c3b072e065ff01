// This file holds the bands that decisions are made in, and the arithmetic that all of them share.

package noise

import "math"

const (
	// fine is how many bins have a band of their own: those to 8 kHz, where the harmonics of a voice
	// are. Above there is hiss, which bands of 200 Hz are enough for.
	fine   = 320
	coarse = 8 // bins to a band above
	bands  = fine + (bins-1-fine)/coarse
)

// hertz returns the band of a frequency up to 8 kHz.
func hertz(f int) int { return f * span / (100 * block) }

// edges returns the bins [from, to) of a band.
func edges(band int) (from, to int) {
	if band < fine {
		return band, band + 1
	}
	from = fine + (band-fine)*coarse
	return from, from + coarse
}

// faintest keeps quotients of powers finite: a bin of white noise at -110 dBFS.
const faintest = 1e-8

// powers sets dst to the mean power of each band.
func powers(dst *[bands]float32, spectrum *[bins]complex64) {
	for b := range fine {
		dst[b] = squared(spectrum[b]) + faintest
	}
	for b := fine; b < bands; b++ {
		from, to := edges(b)
		var sum float32
		for _, c := range spectrum[from:to] {
			sum += squared(c)
		}
		dst[b] = sum/coarse + faintest
	}
}

func squared(c complex64) float32 { return real(c)*real(c) + imag(c)*imag(c) }

// ln is the natural logarithm of a positive, normal number, with an error below 1e-4: the exponent
// as it stands, and a polynomial for the mantissa. There are a thousand of them in a block.
func ln(x float32) float32 {
	u := math.Float32bits(x)
	e := int32(u>>23) - 127
	m := math.Float32frombits(u&0x7FFFFF|0x3F800000) - 1 // [0, 1)
	// Abramowitz and Stegun, 4.1.43: error below 1e-5.
	p := m * (0.99949556 + m*(-0.49190896+m*(0.28947478+m*(-0.13606275+m*0.03215845))))
	return p + float32(e)*math.Ln2
}

// exp is e to the x, with a relative error below 1e-4, for x in [-80, 80]; beyond that it is the
// value at the bound.
func exp(x float32) float32 {
	x = min(max(x, -80), 80) * math.Log2E
	whole := float32(math.Floor(float64(x)))
	f := x - whole // [0, 1)
	p := 1 + f*(0.69314718+f*(0.24022651+f*(0.05550411+f*(0.00961813+f*0.00133336))))
	return math.Float32frombits(math.Float32bits(p) + uint32(int32(whole))<<23)
}

// decibels is the level of a power.
func decibels(power float32) float32 { return 10 / math.Ln10 * ln(power) }

// smoothing is the factor by which a first-order mean keeps its old value from block to block, for a
// time constant in seconds.
func smoothing(seconds float64) float32 { return float32(math.Exp(-0.01 / seconds)) }
