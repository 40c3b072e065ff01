// This file holds the suppression of what the model has left.

package echo

import (
	"math"

	"stoa/audio/fft"
)

const (
	bands  = 24 // in which the ratio is learnt
	levels = 3

	// Ratios are natural logarithms of a power.
	ratioFirst = -1.0
	ratioLeast = -9.0 // -39 dB
	ratioMost  = 0.7
	ratioUp    = 0.01
	ratioDown  = 0.02
	ratioLost  = 0.3 // up, while the model is not that of the room

	// spread is the part of an estimate's power that a loudspeaker's distortion brings to a hundred
	// bins.
	spread = 0.001

	// The residual is multiplied by the one when somebody near speaks and by the other when nobody does.
	overNear = 1.0
	overFar  = 10.0

	// misjudge is how much of the power that the model expects in its error is taken for residual: the
	// expectation is high, since neighbouring bins and partitions know more together.
	misjudge = 0.5

	// hold is how much of an estimate's power counts a block later: what a loudspeaker bends sounds as
	// long in the room as the rest. 0.76 is a room of 500 ms.
	hold = 0.76

	gainLeast   = 0.003 // -50 dB
	priorMemory = 0.6   // decision-directed
	comfort     = 0.7   // of the background that is given back: -3 dB
)

// A residual turns down each frequency by how much of it is echo that the model has left.
type residual struct {
	fft        *fft.Real
	windows    *windows
	errView    view
	estView    view
	joint      joint
	background background

	err, est, mic [bins]complex64
	echo          [bins]float32          // power of the estimate, held for a moment
	ratio         [levels][bands]float32 // of residual to estimate, learnt
	loud          float32
	level         int
	prior         [bins]float32 // power of what was passed last
	nearby        float32       // 0: only the loudspeaker is heard; 1: somebody near
	before, after float32       // power of the microphone, and of what is passed
}

// edges are the first bins of bands: 100 Hz wide at first, then a sixth of an octave more and more.
var edges = func() (e [bands + 1]int) {
	at := 0.0
	for i := range e {
		e[i] = int(at)
		at += 2 + at*0.155
	}
	e[bands] = bins
	return e
}()

func newResidual() *residual {
	r := &residual{fft: fft.NewReal(frame), windows: newWindows()}
	for i := range r.ratio {
		for b := range r.ratio[i] {
			r.ratio[i][b] = ratioFirst
		}
	}
	return r
}

// suppress takes the error of a model and its estimate, and makes err the block that is passed on.
// While there seems to be no echo it passes the two as the microphone gave them.
func (r *residual) suppress(err, estimate []float32, m *model) {
	r.errView.spectrum(r.fft, r.windows, &r.err, err)
	r.estView.spectrum(r.fft, r.windows, &r.est, estimate)
	var total float32
	for k := range r.mic {
		r.mic[k] = r.err[k] + r.est[k]
		p := power(r.est[k])
		r.echo[k] = max(p, hold*r.echo[k])
		total += p
	}
	if !m.belief.trusted {
		r.background.update(&r.mic, &r.mic)
		r.nearby = 1
		r.joint.samples(r.fft, r.windows, err, &r.mic)
		return
	}
	r.background.update(&r.err, &r.mic)
	r.judge(total, m)
	r.apply(total, m)
	r.joint.samples(r.fft, r.windows, err, &r.err)
}

// judge learns the ratios, and whether somebody is near.
func (r *residual) judge(total float32, m *model) {
	up := float32(ratioUp) * (1 - r.nearby)
	if m.belief.value() < 0.7 {
		up = ratioLost
	}
	r.loud = max(total, 0.999*r.loud)
	switch {
	case total > 0.25*r.loud:
		r.level = 0
	case total > 0.05*r.loud:
		r.level = 1
	default:
		r.level = 2
	}
	known := &r.ratio[r.level]
	var votes, voters float32
	for b := range bands {
		lo, hi := edges[b], edges[b+1]
		width := float32(hi - lo)
		echo, left, noise, unlearnt := spread*total*width/100, float32(0), float32(0), float32(0)
		for k := lo; k < hi; k++ {
			left += power(r.err[k])
			echo += r.echo[k]
			noise += r.background.power[k]
			unlearnt += misjudge * r.windows.power * m.misjudged[k]
		}
		left = max(left-noise, 0.1*noise)
		if max(echo, unlearnt) < 4*noise || max(echo, unlearnt) < 1e-6*width {
			continue
		}
		d := float32(math.Log(float64(left/echo+1e-9))) - known[b]
		expected := float32(math.Exp(float64(known[b]))) * echo
		votes += max(min(float32(math.Log(float64(left/max(expected, unlearnt)+1e-9))), 3), -1)
		voters++
		if unlearnt > expected {
			d = min(d, 0)
		}
		if d > 0 {
			known[b] += up * min(d, 2)
		} else {
			known[b] += ratioDown * max(d, -2)
		}
		known[b] = max(min(known[b], ratioMost), ratioLeast)
	}
	if voters <= 2 {
		// Nothing is turned down now. What comes first after a pause is more often echo alone, and if not
		// it is found within the block.
		r.nearby *= 0.9
		return
	}
	nearby := max(min(votes/voters-0.5, 1), 0)
	if nearby > r.nearby {
		r.nearby = nearby
	} else {
		r.nearby += 0.3 * (nearby - r.nearby)
	}
}

func (r *residual) apply(total float32, m *model) {
	over := overFar + (overNear-overFar)*r.nearby
	r.before, r.after = 0, 0
	for b := range bands {
		ratio := float32(math.Exp(float64(r.ratio[r.level][b])))
		for k := edges[b]; k < edges[b+1]; k++ {
			left := ratio * (r.echo[k] + spread*total/100)
			left = max(over*left, (0.2+0.8*(1-r.nearby))*over*misjudge*r.windows.power*m.misjudged[k])
			e := r.err[k]
			p := power(e)
			ratio := priorMemory*r.prior[k]/(left+1e-12) + (1-priorMemory)*max(p/(left+1e-12)-1, 0)
			gain := ratio / (1 + ratio)
			heard := power(r.mic[k])
			if p > heard {
				gain = min(gain, float32(math.Sqrt(float64(heard/p))))
			}
			r.prior[k] = gain * gain * p
			r.before += heard
			r.after += max(gain*gain*p-2*r.background.power[k], 0)
			gain = max(gain, gainLeast)
			n := r.background.noise(k, gain)
			r.err[k] = complex(real(e)*gain+real(n), imag(e)*gain+imag(n))
		}
	}
}
