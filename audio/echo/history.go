// This file holds what the loudspeaker gave lately.

package echo

import "stoa/audio/fft"

// remembered is how many blocks back the far end is known.
const remembered = delays + partitions

// A history holds the spectra of what the loudspeaker gave, one a block.
type history struct {
	fft     *fft.Real
	samples [frame]float32
	now     int
	spectra [remembered][bins]complex64
	powers  [remembered][bins]float32
}

func newHistory() *history { return &history{fft: fft.NewReal(frame)} }

// push adds a block.
func (h *history) push(far []float32) {
	copy(h.samples[:], h.samples[block:])
	copy(h.samples[block:], far)
	h.now = (h.now + 1) % remembered
	x, p := &h.spectra[h.now], &h.powers[h.now]
	h.fft.Forward(x[:], h.samples[:])
	for k, v := range x {
		p[k] = power(v)
	}
}

// spectrum returns the spectrum of the frame that ended ago blocks before now, ago < remembered.
func (h *history) spectrum(ago int) *[bins]complex64 { return &h.spectra[h.place(ago)] }

// power returns the powers of that spectrum.
func (h *history) power(ago int) *[bins]float32 { return &h.powers[h.place(ago)] }

func (h *history) place(ago int) int {
	i := h.now - ago
	if i < 0 {
		i += remembered
	}
	return i
}

func power(v complex64) float32 { return real(v)*real(v) + imag(v)*imag(v) }

// dot returns the product of b and the conjugate of a.
func dot(a, b complex64) complex64 {
	return complex(real(a)*real(b)+imag(a)*imag(b), real(a)*imag(b)-imag(a)*real(b))
}
