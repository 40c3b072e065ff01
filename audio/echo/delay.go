// This file holds the search for the delay from loudspeaker to microphone.

package echo

import "math"

const (
	delays = 60 // blocks of delay that are searched: 600 ms

	// The search listens from 400 Hz, below which small loudspeakers give nothing, to 3.6 kHz, above
	// which speech is weak.
	delayLow  = 8
	delayBins = 64

	// delayMemory is how much of the correlation is kept each block: it spans 0.7 s, which tells
	// delays of one spoken sound from each other and follows a jump in less than a second.
	delayMemory = 0.985

	// A peak counts when it is this high, and this many times the mean. Measured: two voices that have
	// nothing to do with each other give 0.008 at every delay, and echoes 10 dB below a near voice more
	// than 0.02.
	delayPeak = 0.015
	delayMean = 2

	delayAgreed = 10   // blocks in which the peak must be at one place
	delayLost   = 1000 // blocks of sound without a peak, after which there is no echo any more

	delayQuiet = 1e-7 // power of a bin: -100 dB of full scale. Below is no sound.
	delaySound = 0.25 // part of the bins that make a block one with sound
)

// A delay finds how many blocks after the loudspeaker its echo is in the microphone.
//
// For each delay it correlates the phases of far and near over the last second, frequency by
// frequency, and takes the delay at which they agree best. Only phases count, so neither a loud
// sound nor a loud room does (generalised cross-correlation with phase transform: Knapp and Carter,
// "The generalized correlation method for estimation of time delay", 1976). 10 ms is as exact as
// the model needs, since its response begins before the echo does and is long.
type delay struct {
	far   [delays][delayBins]complex64 // phases
	now   int                          // the newest of far
	cross [delays][delayBins]complex64
	score [delays]float32 // mean power of cross: 1 would be an echo that is all there is

	sound  int // blocks until far has been silent for all of far
	heard  int // blocks since the correlation began
	empty  int // blocks without a peak
	agreed int // blocks in which wanted was about the same
	wanted int

	known bool
	at    int // block at which a model should begin
	peak  int // block of most echo
}

// forget begins anew, but for what it last found.
func (d *delay) forget() {
	d.cross = [delays][delayBins]complex64{}
	d.heard, d.agreed = 0, 0
}

// listen takes the spectra of the newest frames of far and near.
func (d *delay) listen(far *[bins]complex64, near *[bins]complex64) {
	d.now = (d.now + 1) % delays
	x := &d.far[d.now]
	if phases(x, far) >= delaySound*delayBins {
		d.sound = delays
	} else if d.sound > 0 {
		d.sound--
	}
	if d.sound == 0 {
		return
	}
	d.heard++
	var y [delayBins]complex64
	phases(&y, near)
	// In the beginning it is an average, not yet one that forgets.
	keep := min(delayMemory, 1-1/float32(d.heard+6))
	d.correlate(&y, keep)
	d.find()
}

func (d *delay) correlate(y *[delayBins]complex64, keep float32) {
	for i := range d.cross {
		from := d.now - i
		if from < 0 {
			from += delays
		}
		x, c := &d.far[from], &d.cross[i]
		var sum float32
		for k, v := range c {
			p := dot(x[k], y[k])
			v = complex(keep*real(v)+(1-keep)*real(p), keep*imag(v)+(1-keep)*imag(p))
			c[k] = v
			sum += power(v)
		}
		d.score[i] = sum / delayBins
	}
}

// find looks where the echo is now.
func (d *delay) find() {
	peak, mean := 0, float32(0)
	for i, s := range d.score {
		mean += s / delays
		if s > d.score[peak] {
			peak = i
		}
	}
	if d.score[peak] < delayPeak || d.score[peak] < delayMean*mean {
		if d.empty++; d.empty >= delayLost {
			d.known = false
		}
		return
	}
	d.empty = 0
	// In a room that sounds long most of the echo comes up to 30 ms after its beginning. A model that
	// begins too early loses little, one that begins too late loses the loudest.
	wanted := max(peak-3, 0)
	if d.known && wanted >= d.at-1 && wanted <= d.at+5 {
		d.agreed, d.peak = 0, peak
		return
	}
	if wanted < d.wanted-1 || wanted > d.wanted+1 {
		d.agreed = 0
	}
	d.wanted = wanted
	if d.agreed++; d.agreed >= delayAgreed {
		d.known, d.at, d.peak, d.agreed = true, wanted, peak, 0
	}
}

// phases sets dst to src with every bin of power 1, or 0 where there is no sound, and returns how
// many have sound.
func phases(dst *[delayBins]complex64, src *[bins]complex64) (sound int) {
	for k := range dst {
		v := src[delayLow+k]
		p := power(v)
		if p < delayQuiet {
			dst[k] = 0
			continue
		}
		sound++
		scale := 1 / float32(math.Sqrt(float64(p)))
		dst[k] = complex(real(v)*scale, imag(v)*scale)
	}
	return sound
}
