// This file holds the windows through which blocks become spectra and spectra blocks.

package echo

import (
	"math"

	"stoa/audio/fft"
)

// overlap is how many samples two blocks of output share, which is their delay: 5 ms. Half a frame
// would be usual, and 10 ms; 2.5 ms let changes of gain be heard.
const overlap = 240

// Windows that rise slowly and fall fast, so that a spectrum of 20 ms costs 5 ms of delay (D. Mauler,
// R. Martin: "A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis
// system for speech enhancement", EUSIPCO 2007). Where outputs overlap the product of the two is
// sin² for the one and cos² for the other, elsewhere it is 1.
type windows struct {
	analysis  [frame]float32
	synthesis [block + overlap]float32 // of the end of a frame
	power     float32                  // of analysis, over that of a block unchanged
}

func newWindows() *windows {
	w := &windows{}
	const flat = frame - overlap
	for i := range w.analysis {
		v := math.Sin(math.Pi / 2 * (float64(i) + 0.5) / flat)
		if i >= flat {
			v = math.Cos(math.Pi / 2 * (float64(i-flat) + 0.5) / overlap)
		}
		w.analysis[i] = float32(v)
		w.power += float32(v * v / block)
	}
	for i := range w.synthesis {
		a := w.analysis[frame-len(w.synthesis)+i]
		switch {
		case i < overlap:
			sin := math.Sin(math.Pi / 2 * (float64(i) + 0.5) / overlap)
			w.synthesis[i] = float32(sin*sin) / a
		case i < block:
			w.synthesis[i] = 1 / a
		default:
			w.synthesis[i] = a
		}
	}
	return w
}

// A view holds the newest frame of a signal.
type view [frame]float32

// spectrum adds a block and sets dst to the spectrum of the frame that ends with it.
func (v *view) spectrum(f *fft.Real, w *windows, dst *[bins]complex64, block_ []float32) {
	copy(v[:], v[block:])
	copy(v[block:], block_)
	var time [frame]float32
	for i, s := range v {
		time[i] = s * w.analysis[i]
	}
	f.Forward(dst[:], time[:])
}

// A joint makes blocks of the spectra of frames.
type joint struct {
	time [frame]float32
	tail [overlap]float32 // of the frame before
}

// samples sets dst to the next block, overlap late.
func (j *joint) samples(f *fft.Real, w *windows, dst []float32, src *[bins]complex64) {
	f.Inverse(j.time[:], src[:])
	end := j.time[frame-block-overlap:]
	for i, g := range w.synthesis {
		end[i] *= g
	}
	for i, v := range j.tail {
		end[i] += v
	}
	copy(dst, end[:block])
	copy(j.tail[:], end[block:])
}
