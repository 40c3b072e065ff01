// This file holds the suppression of what the model has left.

package echo

import (
	"math"

	"stoa/audio/fft"
)

const (
	bands  = 24 // in which ratios are learnt
	levels = 3  // of loudness, for each of which they are: a loudspeaker bends most what is loud

	// levelMiddle and levelLow are the powers below which a sound is of the second and the third level,
	// over that of the loudest lately, which levelMemory lets fade by 3 dB in 7 s.
	levelMiddle = 0.25
	levelLow    = 0.05
	levelMemory = 0.999

	// Ratios are natural logarithms of powers. They fall faster than they rise, since what is left is
	// mostly less than it was; and hardly rise while somebody near speaks, who would be taken for echo.
	ratioFirst = -1.0
	ratioLeast = -9.0 // -39 dB
	ratioMost  = 0.7
	ratioUp    = 0.01 // of the difference, a block
	ratioDown  = 0.02
	ratioLost  = 0.3 // up, while the model is not that of the room
	ratioStep  = 2.0 // the most that counts of a difference

	// Somebody near speaks when what is left is more than this above what is expected, on average over
	// the bands that have echo, of which there must be some.
	nearbyFrom  = 0.5
	nearbyBands = 3

	bandNoise = 4    // a band has echo when that is so much louder than the background,
	bandQuiet = 1e-6 // and its bins are louder than -90 dB of full scale

	quiet = 1e-9 // keep divisions sane
	tiny  = 1e-12

	// spread is the part of an estimate's power that a loudspeaker's distortion brings to a hundred
	// bins.
	spread = 0.001

	// The residual is multiplied by the one when somebody near speaks and by the other when nobody does.
	overNear = 1.0
	overFar  = 12.0

	// misjudge is how much of the power that the model expects in its error is taken for residual: the
	// expectation is high, since neighbouring bins and partitions know more together.
	misjudge = 0.5

	// What the model has not learnt is not learnt while somebody near speaks, and must not silence him.
	unlearntNear = 0.2
	unlearntFar  = 1.0

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
	loud          float32                // power of the loudest estimate lately
	level         int                    // of this block
	prior         [bins]float32          // power of what was passed last
	nearby        float32                // 0: only the loudspeaker is heard; 1: somebody near
	before, after float32                // power of the microphone, and of what is passed
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

// judge learns the ratios, and whether somebody is near. total is the power of the estimate.
func (r *residual) judge(total float32, m *model) {
	r.loud = max(total, levelMemory*r.loud)
	switch {
	case total > levelMiddle*r.loud:
		r.level = 0
	case total > levelLow*r.loud:
		r.level = 1
	default:
		r.level = 2
	}
	up := ratioUp * (1 - r.nearby)
	if m.belief.value() < beliefLow+0.1 {
		up = ratioLost
	}
	var votes, voters float32
	for b := range bands {
		lo, hi := edges[b], edges[b+1]
		width := float32(hi - lo)
		var left, noise, unlearnt float32
		echo := spread * total * width / 100
		for k := lo; k < hi; k++ {
			left += power(r.err[k])
			echo += r.echo[k]
			noise += r.background.power[k]
			unlearnt += misjudge * r.windows.power * m.misjudged[k]
		}
		left = max(left-noise, 0.1*noise)
		if e := max(echo, unlearnt); e < bandNoise*noise || e < bandQuiet*width {
			continue
		}
		ratio := &r.ratio[r.level][b]
		expected := exp(*ratio) * echo
		votes += max(min(log(left/max(expected, unlearnt)+quiet), 3), -1)
		voters++
		by := log(left/(echo+quiet)+quiet) - *ratio
		switch {
		case by < 0:
			*ratio += ratioDown * max(by, -ratioStep)
		case unlearnt < expected: // else it says nothing about the loudspeaker
			*ratio += up * min(by, ratioStep)
		}
		*ratio = max(min(*ratio, ratioMost), ratioLeast)
	}
	if voters < nearbyBands {
		// Nothing is turned down now. What comes first after a pause is more often echo alone, and if not
		// that is found within the block.
		r.nearby *= 0.9
		return
	}
	nearby := max(min(votes/voters-nearbyFrom, 1), 0)
	if nearby < r.nearby {
		nearby = r.nearby + 0.3*(nearby-r.nearby) // a voice has gaps
	}
	r.nearby = nearby
}

// apply turns each frequency down (the decision-directed rule of Ephraim and Malah, "Speech enhancement
// using a minimum-mean square error short-time spectral amplitude estimator", 1984), though never to
// more than the microphone heard, and adds to it what is missing of the background.
func (r *residual) apply(total float32, m *model) {
	over := overFar + (overNear-overFar)*r.nearby
	unlearnt := misjudge * (unlearntFar + (unlearntNear-unlearntFar)*r.nearby)
	r.before, r.after = 0, 0
	for b := range bands {
		ratio := exp(r.ratio[r.level][b])
		for k := edges[b]; k < edges[b+1]; k++ {
			bent := ratio * (r.echo[k] + spread*total/100)
			left := over*max(bent, unlearnt*r.windows.power*m.misjudged[k]) + tiny
			e := r.err[k]
			p := power(e)
			prior := priorMemory*r.prior[k]/left + (1-priorMemory)*max(p/left-1, 0)
			gain := prior / (1 + prior)
			heard := power(r.mic[k])
			if p > heard {
				gain = min(gain, sqrt(heard/p))
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

func exp(x float32) float32  { return float32(math.Exp(float64(x))) }
func log(x float32) float32  { return float32(math.Log(float64(x))) }
func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
