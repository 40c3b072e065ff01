// This file holds STOI, which says how well speech is understood:
//
//	C. H. Taal, R. C. Hendriks, R. Heusdens, J. Jensen: An Algorithm for Intelligibility Prediction
//	of Time-Frequency Weighted Noisy Speech. IEEE Transactions on Audio, Speech, and Language
//	Processing 19 (7), 2011. Section and equation numbers below are theirs.
//
//	1. both sounds are brought to 10 kHz
//	2. frames in which the clean one is silent are left out of both
//	3. a third-octave band analysis, 15 bands from 150 Hz on
//	4. per band and stretch of 384 ms: the heard envelope is scaled to the clean one's energy, cut
//	   off where it is more than 15 dB away, and correlated with it
//	5. the mean of all correlations

package audiotest

import (
	"math"

	"stoa/audio"
	"stoa/audio/fft"
)

const (
	stoiRate    = 10000 // Hz
	stoiFrame   = 256   // samples: 25.6 ms, half of it overlapping
	stoiHop     = stoiFrame / 2
	stoiFourier = 512
	stoiBands   = 15
	stoiLowest  = 150.0 // Hz, the centre of the first band
	stoiStretch = 30    // frames: 384 ms
	stoiSilence = 40.0  // dB below the loudest frame
	stoiClip    = -15.0 // dB, the lowest signal-to-distortion ratio (beta)
)

// STOI returns how intelligible heard is for somebody who knows the language, between about 0 and 1
// for heard the same as clean, which is the same speech undisturbed. Both are at audio.Rate and
// begin together: a delay of more than some ms counts as disturbance, see Lag. What one has more
// than the other is not looked at. Less than 384 ms of speech give NaN.
//
// 0.85 is speech of which hardly a word is missed; 0.6 is where one begins to miss every other.
func STOI(clean, heard []float32) float64 {
	n := min(len(clean), len(heard))
	x, y := withoutSilence(toTenKilohertz(clean[:n]), toTenKilohertz(heard[:n]))
	return correlate(thirdOctaves(x), thirdOctaves(y))
}

// toTenKilohertz resamples from 48 kHz: five samples of 24, with a windowed sinc that passes 4.7 kHz.
func toTenKilohertz(x []float32) []float64 {
	const (
		down, up = audio.Rate / 2000, stoiRate / 2000 // 24, 5
		half     = 160                                // taps on either side
		cutoff   = 0.97 * stoiRate / audio.Rate       // of Nyquist's frequency
	)
	var taps [up][2*half + 1]float64
	for phase := range taps {
		// Output sample 5i+phase lies at 24i + 4.8*phase; the whole part is added below.
		_, frac := math.Modf(float64(phase*down) / up)
		sum := 0.0
		for k := range taps[phase] {
			t := float64(k-half) - frac
			w := 0.5 + 0.5*math.Cos(math.Pi*t/(half+1))
			taps[phase][k] = sinc(cutoff*t) * w
			sum += taps[phase][k]
		}
		for k := range taps[phase] {
			taps[phase][k] /= sum
		}
	}
	out := make([]float64, len(x)*up/down)
	for i := range out {
		at := i * down / up
		from, to := max(at-half, 0), min(at+half+1, len(x))
		for k, tap := range taps[i%up][from-(at-half) : to-(at-half)] {
			out[i] += tap * float64(x[from+k])
		}
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// withoutSilence leaves out the frames in which x is 40 dB below its loudest, and joins what is left
// of both by overlapping (section II-A).
func withoutSilence(x, y []float64) (_, _ []float64) {
	window := hann(stoiFrame)
	var energies []float64
	loudest := 0.0
	for at := 0; at+stoiFrame < len(x); at += stoiHop {
		sum := 0.0
		for i, w := range window {
			sum += w * x[at+i] * w * x[at+i]
		}
		energies = append(energies, sum)
		loudest = max(loudest, sum)
	}
	least := loudest * math.Pow(10, -stoiSilence/10)
	keptX, keptY := make([]float64, len(x)), make([]float64, len(x))
	kept := 0
	for frame, e := range energies {
		if e <= least {
			continue
		}
		for i, w := range window {
			keptX[kept*stoiHop+i] += w * x[frame*stoiHop+i]
			keptY[kept*stoiHop+i] += w * y[frame*stoiHop+i]
		}
		kept++
	}
	end := 0
	if kept > 0 {
		end = (kept-1)*stoiHop + stoiFrame
	}
	return keptX[:end], keptY[:end]
}

// thirdOctaves returns the magnitude in each band of each frame (equation 1).
func thirdOctaves(x []float64) [stoiBands][]float64 {
	var bands [stoiBands][]float64
	f := fft.NewReal(stoiFourier)
	window := hann(stoiFrame)
	frame, spectrum := make([]float32, stoiFourier), make([]complex64, f.Bins())
	for at := 0; at+stoiFrame < len(x); at += stoiHop {
		for i, w := range window {
			frame[i] = float32(w * x[at+i])
		}
		f.Forward(spectrum, frame)
		for b := range bands {
			sum := 0.0
			for k := bandEdge(2*b - 1); k < bandEdge(2*b+1); k++ {
				sum += power(spectrum[k])
			}
			bands[b] = append(bands[b], math.Sqrt(sum))
		}
	}
	return bands
}

// bandEdge returns the bin that lies so many sixths of an octave above the first band's centre.
func bandEdge(sixths int) int {
	return int(math.Round(stoiLowest * math.Exp2(float64(sixths)/6) * stoiFourier / stoiRate))
}

// correlate returns the mean over bands and stretches of the intermediate measure (equations 3 to 6).
func correlate(x, y [stoiBands][]float64) float64 {
	clip := 1 + math.Pow(10, -stoiClip/20)
	sum, count := 0.0, 0
	var a, b [stoiStretch]float64
	for band := range x {
		for end := stoiStretch; end <= len(x[band]); end++ {
			clean, heard := x[band][end-stoiStretch:end], y[band][end-stoiStretch:end]
			scale := norm(clean) / (norm(heard) + tiny)
			for i := range a {
				a[i] = clean[i]
				b[i] = min(scale*heard[i], clip*clean[i])
			}
			centre(a[:])
			centre(b[:])
			dot := 0.0
			for i := range a {
				dot += a[i] * b[i]
			}
			sum += dot / (norm(a[:])*norm(b[:]) + tiny)
			count++
		}
	}
	return sum / float64(count)
}

// power returns the square of the magnitude.
func power(x complex64) float64 {
	re, im := float64(real(x)), float64(imag(x))
	return re*re + im*im
}

// hann returns Hann's window of n samples, none of them zero.
func hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/float64(n+1))
	}
	return w
}

// tiny keeps quotients of nothing by nothing at nothing.
const tiny = 1e-20

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// centre takes the mean off x.
func centre(x []float64) {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for i := range x {
		x[i] -= mean
	}
}
