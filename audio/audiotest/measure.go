// This file holds what is measured of a treated voice beside its intelligibility: how much echo is
// left, how much noise, and how late the voice is.

package audiotest

import (
	"math"
	"slices"

	"stoa/audio"
	"stoa/audio/fft"
)

// RMS returns the level of x in dB below full scale: 0 is a square wave at full scale. Silence is
// -200.
func RMS(x []float32) float64 { return decibel(meanSquare(x), 1) }

func meanSquare(x []float32) float64 {
	if len(x) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(x))
}

// decibel returns the quotient of two powers in dB, between -200 and 200.
func decibel(a, b float64) float64 {
	return 10 * math.Log10((a+1e-20)/(b+1e-20))
}

// Active returns in which blocks of 10 ms x has speech: those at most 35 dB below its loud ones, of
// which a twentieth are louder.
func Active(x []float32) []bool {
	powers := make([]float64, len(x)/audio.BlockSize)
	for i := range powers {
		powers[i] = meanSquare(x[i*audio.BlockSize:][:audio.BlockSize])
	}
	active := make([]bool, len(powers))
	if len(powers) == 0 {
		return active
	}
	sorted := slices.Sorted(slices.Values(powers))
	least := max(sorted[len(sorted)*19/20]*math.Pow(10, -3.5), 1e-12)
	for i, p := range powers {
		active[i] = p > least
	}
	return active
}

// SpeechLevel returns the level of x in dB below full scale, in the blocks that have speech, as ITU-T
// P.56 does it with more ado.
func SpeechLevel(x []float32) float64 {
	sum, n := 0.0, 0
	for i, on := range Active(x) {
		if on {
			sum += meanSquare(x[i*audio.BlockSize:][:audio.BlockSize])
			n++
		}
	}
	return decibel(sum/float64(max(n, 1)), 1)
}

// Scale multiplies x by so many dB, in place, and returns it.
func Scale(x []float32, dB float64) []float32 {
	by := float32(math.Pow(10, dB/20))
	for i := range x {
		x[i] *= by
	}
	return x
}

// Sum returns the sum of sounds, as long as the first.
func Sum(first []float32, more ...[]float32) []float32 {
	out := slices.Clone(first)
	for _, x := range more {
		for i := range min(len(out), len(x)) {
			out[i] += x[i]
		}
	}
	return out
}

// ERLE returns the echo return loss enhancement in dB: how much less of the echo is left in sent
// than is in heard, while the far side speaks and nobody near does. Noise counts as echo on both
// sides, so it is less than what a canceller does and never more. 0 when there is nothing to compare.
func ERLE(heard, sent []float32) float64 {
	n := min(len(heard), len(sent))
	a, b := meanSquare(heard[:n]), meanSquare(sent[:n])
	if a == 0 {
		return 0
	}
	return decibel(a, b)
}

// Convergence returns the second from which on each half second of heard is at least so many dB
// louder than the same of sent, if it has echo: no less than 15 dB below the mean. It is the length
// of heard when that never comes.
func Convergence(heard, sent []float32, dB float64) float64 {
	const piece = audio.Rate / 2
	least := meanSquare(heard) * math.Pow(10, -1.5)
	settled := 0
	for at := 0; at+piece <= min(len(heard), len(sent)); at += audio.BlockSize {
		x, y := heard[at:at+piece], sent[at:at+piece]
		if meanSquare(x) > least && ERLE(x, y) < dB {
			settled = at + piece
		}
	}
	return float64(settled) / audio.Rate
}

// Lag returns by how many samples, at most so many, late is later than x, by the peak of their
// cross-correlation.
func Lag(x, late []float32, most int) int {
	size := 2
	for size < len(x)+len(late) {
		size *= 2
	}
	f := fft.NewReal(size)
	spectrum := func(x []float32) []complex64 {
		padded, out := make([]float32, size), make([]complex64, f.Bins())
		copy(padded, x)
		f.Forward(out, padded)
		return out
	}
	a, b := spectrum(x), spectrum(late)
	for k := range a {
		a[k] = complex(real(a[k]), -imag(a[k])) * b[k]
	}
	correlation := make([]float32, size)
	f.Inverse(correlation, a)
	best := 0
	for lag := range min(most+1, size) {
		if correlation[lag] > correlation[best] {
			best = lag
		}
	}
	return best
}

// Advance returns x without its first n samples, with zeros at its end, so as long as it was.
func Advance(x []float32, n int) []float32 {
	out := make([]float32, len(x))
	copy(out, x[min(n, len(x)):])
	return out
}

// A Cleaning says what became of a noisy voice, in dB.
type Cleaning struct {
	// SNR is what was gained as ITU-T G.160, appendix II, counts it, if with one class of speech
	// instead of three: what is louder where there is speech than in pauses, to what is in pauses. It
	// sees only what was treated, and the noise under the voice not at all.
	SNR float64

	// Shadow is what was gained in voice to noise over the whole sound, both seen apart by shadow
	// filtering, and Spoken the same where there is speech. A treatment that opens and closes a gate
	// gains there nothing.
	Shadow, Spoken float64

	Pauses float64 // by how much the noise became weaker in pauses
	Voice  float64 // by how much the voice became weaker, below 0 when it became louder
}

// Clean measures what a treatment made of voice and of noise, though it only ever saw their sum. All
// three begin together; voice needs pauses.
//
// For shadow filtering (Gustafsson, Martin and Vary, 1996) the gain by which each frequency of each
// 21 ms was changed is found by comparing treated with the sum, and then applied to voice and noise
// alone. It holds for whatever acts as such gains do; what a treatment adds of its own counts as gain
// too.
func Clean(voice, noise, treated []float32) Cleaning {
	const size, hop = 1024, 256
	f, window := fft.NewReal(size), hann(size)
	samples := make([]float32, size)
	transform := func(dst []complex64, x []float32) {
		for i, w := range window {
			samples[i] = float32(w) * x[i]
		}
		f.Forward(dst, samples)
	}
	v, d, y := make([]complex64, f.Bins()), make([]complex64, f.Bins()), make([]complex64, f.Bins())
	active := Active(voice)
	var spoken, paused shadow
	for at := 0; at+size <= min(len(voice), len(noise), len(treated)); at += hop {
		transform(v, voice[at:])
		transform(d, noise[at:])
		transform(y, treated[at:])
		if active[min((at+size/2)/audio.BlockSize, len(active)-1)] {
			spoken.add(v, d, y)
		} else {
			paused.add(v, d, y)
		}
	}
	all := spoken
	for i := range all {
		all[i] += paused[i]
	}
	return Cleaning{
		SNR:    excess(active, treated) - excess(active, Sum(voice, noise)),
		Shadow: all.gained(),
		Spoken: spoken.gained(),
		Pauses: decibel(paused[noiseBefore], paused[noiseAfter]),
		Voice:  decibel(all[voiceBefore], all[voiceAfter]),
	}
}

// excess returns by how many dB what is louder in active blocks of x than in the others is louder
// than those.
func excess(active []bool, x []float32) float64 {
	var sum, n [2]float64
	for i, on := range active[:min(len(active), len(x)/audio.BlockSize)] {
		which := 0
		if on {
			which = 1
		}
		sum[which] += meanSquare(x[i*audio.BlockSize:][:audio.BlockSize])
		n[which]++
	}
	pauses := sum[0] / max(n[0], 1)
	return decibel(max(sum[1]/max(n[1], 1)-pauses, 0), pauses)
}

// A shadow sums up powers of voice and noise, before and after the treatment.
type shadow [4]float64

const (
	voiceBefore = iota
	voiceAfter
	noiseBefore
	noiseAfter
)

// add takes the spectra of voice, noise and what the treatment made of their sum.
func (s *shadow) add(voice, noise, treated []complex64) {
	for k := range voice {
		v, d := power(voice[k]), power(noise[k])
		// No gain above 20 dB: where voice and noise cancel one another out there is none to be found.
		gain := min(power(treated[k])/(power(voice[k]+noise[k])+tiny), 100)
		s[voiceBefore] += v
		s[noiseBefore] += d
		s[voiceAfter] += gain * v
		s[noiseAfter] += gain * d
	}
}

func (s *shadow) gained() float64 {
	return decibel(s[voiceAfter], s[noiseAfter]) - decibel(s[voiceBefore], s[noiseBefore])
}
