// Resampling from any rate to 48 kHz: a windowed-sinc polyphase filter
// (J. O. Smith, "Digital Audio Resampling", CCRMA; Kaiser window after Kaiser
// and Schafer 1980).

package file

import (
	"io"
	"math"

	"stoa/audio"
)

// outRate is the rate of everything that enters or leaves this package, in Hz.
const outRate = audio.Rate

// The filter. 32 zero crossings a side with a Kaiser window for 80 dB give a
// transition band of 0.078 of the lower of the two rates, which ends exactly at
// its Nyquist frequency: from 44.1 kHz everything up to 18.6 kHz passes. Between
// 512 phases the taps are interpolated linearly, whose error is below -100 dB, so
// that an odd ratio such as 44,101 to 48,000 Hz needs no table of its own.
const (
	zeroCrossings = 32
	phases        = 512
	stopband      = 80.0 // dB
	transition    = (stopband - 8) / (2.285 * 2 * zeroCrossings * 2 * math.Pi)
)

// resampler turns mono samples at one rate into mono samples at 48 kHz, without
// delay: sample n of its output is the input's value at n/48000 s, and n of them
// come out for as long as n/48000 s lies within the input.
type resampler struct {
	src  reader
	rate int // of src, in Hz

	taps [][]float32 // phases+1 filters; the last is the first, one sample on
	half int         // taps on each side of the wanted instant

	in    []float32 // input around the wanted instant; its first half-1 samples precede it
	pos   int       // index in `in` of the last input sample at or before the instant
	frac  int       // how far the instant lies beyond it, in 1/48000 of an input sample
	ended bool      // src has ended; zeros follow
	tail  int       // input samples in `in` that are real, once ended
}

// resampled returns src at 48 kHz; a source of that rate is returned as it is.
func resampled(src reader, rate int) reader {
	if rate == outRate {
		return src
	}
	// The cut-off is relative to the input's rate: the lower Nyquist frequency,
	// less half the transition band.
	scale := min(1, float64(outRate)/float64(rate))
	half := int(math.Ceil(zeroCrossings / scale))
	r := &resampler{src: src, rate: rate, half: half, taps: filterBank(half, scale*(1-transition))}
	// The stretch before the file is silence, so that its first sample stays its first.
	r.in = make([]float32, half-1, 4096+2*half)
	r.pos = half - 1
	return r
}

// filterBank makes the taps. cutoff is relative to the input's Nyquist frequency.
// Each phase is scaled to sum to one, so that a constant comes out as the same constant.
func filterBank(half int, cutoff float64) [][]float32 {
	beta := 0.1102 * (stopband - 8.7)
	bank := make([][]float32, phases+1)
	for p := range bank {
		h := make([]float64, 2*half)
		sum := 0.0
		for k := range h {
			// Tap k weighs the input sample that lies k-(half-1) after pos.
			t := float64(k-(half-1)) - float64(p)/phases
			h[k] = sinc(cutoff*t) * kaiser(t/float64(half), beta)
			sum += h[k]
		}
		bank[p] = make([]float32, 2*half)
		for k := range h {
			bank[p][k] = float32(h[k] / sum)
		}
	}
	return bank
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window at x in [-1, 1], and zero outside.
func kaiser(x, beta float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel0(beta*math.Sqrt(1-x*x)) / bessel0(beta)
}

// bessel0 is the modified Bessel function of the first kind of order zero.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}

func (r *resampler) read(dst []float32) (int, error) {
	for n := range dst {
		if err := r.fill(); err != nil {
			return n, err
		}
		dst[n] = r.at()
		r.frac += r.rate
		r.pos += r.frac / outRate
		r.frac %= outRate
	}
	return len(dst), nil
}

// at is the input's value at the wanted instant.
func (r *resampler) at() float32 {
	exact := float64(r.frac) * phases / outRate
	p := int(exact)
	w := float32(exact - float64(p))
	a, b := r.taps[p], r.taps[p+1]
	in := r.in[r.pos-r.half+1:][:len(a)]
	var x, y float32
	for k, s := range in {
		x += s * a[k]
		y += s * b[k]
	}
	return x + w*(y-x)
}

// fill sees to it that `in` reaches half samples beyond pos.
func (r *resampler) fill() error {
	for !r.ended && r.pos+r.half >= len(r.in) {
		keep := r.pos - r.half + 1
		r.in = append(r.in[:0], r.in[keep:]...)
		r.pos -= keep
		n, err := r.src.read(r.in[len(r.in):cap(r.in)])
		r.in = r.in[:len(r.in)+n]
		if err == io.EOF {
			r.ended = true
			r.tail = len(r.in)
			r.in = append(r.in, make([]float32, 2*r.half)...)
		} else if err != nil {
			return err
		}
	}
	if r.ended && r.pos >= r.tail {
		return io.EOF
	}
	return nil
}
