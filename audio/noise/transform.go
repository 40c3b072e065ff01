// This file holds the spectral road: blocks to spectra, and back with a gain for every frequency.

package noise

import (
	"math"

	"stoa/audio"
	"stoa/audio/fft"
)

const (
	block = audio.Rate / 100 // 10 ms, also the hop from spectrum to spectrum

	// A spectrum looks at 40 ms, so that the harmonics of a voice stand apart with the noise seen
	// between them. The window rises slowly over the older part and falls over the newest samples,
	// and what is put together again is only those that two blocks share and one block: so a gain
	// that changes is heard within 10 ms, and the delay is what is shared (Mauler and Martin, "A Low
	// Delay, Variable Resolution, Perfect Reconstruction Spectral Analysis-Synthesis System for
	// Speech Enhancement", EUSIPCO 2007).
	span = 4 * block
	bins = span/2 + 1 // 25 Hz apart

	// Delay is by how many samples a Suppressor delays what goes through it: 8.5 ms, one block
	// together with the limiter's 1.5 ms.
	Delay = 408

	kept = block + Delay // samples of a spectrum that are put together again
)

// transform is the analysis and the synthesis of one stream. The product of both windows rises and
// falls like a Hann window where two blocks share samples and is one between, so that it adds up to
// one.
type transform struct {
	fft       *fft.Real
	analysis  [span]float32
	synthesis [kept]float32

	heard    [span]float32 // the newest samples
	frame    [span]float32 // scratch
	spectrum [bins]complex64
	overlap  [Delay]float32 // what the next block adds to
}

func newTransform() *transform {
	t := &transform{fft: fft.NewReal(span)}
	const rise = span - Delay
	for n := range rise {
		t.analysis[n] = float32(math.Sin(math.Pi / 2 * (float64(n) + 0.5) / rise))
	}
	for n := range Delay {
		fall := math.Cos(math.Pi / 2 * (float64(n) + 0.5) / Delay)
		t.analysis[rise+n] = float32(fall)
		t.synthesis[n] = float32(1 - fall*fall)
		t.synthesis[block+n] = float32(fall * fall)
	}
	for n := Delay; n < block; n++ {
		t.synthesis[n] = 1
	}
	for n := range t.synthesis {
		t.synthesis[n] /= t.analysis[span-kept+n]
	}
	return t
}

// analyse takes in a block and sets the spectrum.
func (t *transform) analyse(pcm []float32) {
	copy(t.heard[:], t.heard[block:])
	for i, v := range pcm[:block] {
		t.heard[span-block+i] = sane(v)
	}
	for n, w := range t.analysis {
		t.frame[n] = w * t.heard[n]
	}
	t.fft.Forward(t.spectrum[:], t.frame[:])
}

// synthesise sets pcm to what was heard Delay samples before the block that was analysed last, as the
// spectrum has it now.
func (t *transform) synthesise(pcm []float32) {
	t.fft.Inverse(t.frame[:], t.spectrum[:])
	newest := t.frame[span-kept:]
	for n, w := range t.synthesis {
		newest[n] *= w
	}
	for n, v := range t.overlap {
		newest[n] += v
	}
	copy(pcm[:block], newest)
	copy(t.overlap[:], newest[block:])
}

// loudest bounds what is taken seriously, far above full scale.
const loudest = 8

// sane is v, with what is not a number at zero and all within ±loudest.
func sane(v float32) float32 {
	if v != v {
		return 0
	}
	return min(max(v, -loudest), loudest)
}
