// This file holds the ear for keys, clicks and knocks, and takes them out of a spectrum.

package noise

import "math"

// A clicks finds sounds that begin within two milliseconds and are gone within ten. A voice has an
// attack with each pulse of the larynx, but the pulse before was as loud; a hiss takes 10 ms to
// rise; a word that begins at once lasts. What is left are plosives, which lose little by it. After
// R. Talmon, I. Cohen and S. Gannot, "Transient Noise Reduction Using Nonlocal Diffusion Filters"
// (IEEE TASLP 19(6), 2011) in what is looked for, but by the envelope alone.
type clicks struct {
	in     highPass
	energy [history]float32 // of pieces, the newest last
	since  int              // pieces since the attack, up to forgotten
	peak   float32          // energy at the attack
	thud   float32          // energy of the whole block at the attack
	age    int              // blocks since that of the attack, up to forgotten

	usual [bands]float32 // power without clicks, smoothed
}

const (
	piece   = 60 // samples: 1.25 ms
	pieces  = block / piece
	history = pieces + 12 // the block and 15 ms before it: the pulses of 67 Hz
	attack  = 2           // pieces that a click takes to rise

	sharpest = 25   // by what factor a click rises above the loudest piece of the 15 ms before: 14 dB
	unheard  = 3e-7 // a piece weaker than this, -65 dBFS, counts as this
	lasting  = 0.2  // what has this share of the peak for two pieces is no click
	decayed  = 4    // pieces after which a click is below that
	another  = 4    // what is this much louder than the click before begins a new one
	judged   = 16   // pieces after which nothing more is judged

	ringing   = 6   // blocks that a click is in the spectrum
	allowance = 1.5 // by what factor a click may stand out of the usual power, for so many blocks
	doubling  = 2   // and twice that for each block more
	rising    = 0.7 // what keeps this share of the energy at the attack is no click
	forgotten = 1000
)

var usualKeep = smoothing(0.03)

func newClicks() clicks { return clicks{since: forgotten, age: forgotten} }

// listen takes in a block.
func (c *clicks) listen(pcm []float32) {
	copy(c.energy[:], c.energy[pieces:])
	var whole float32
	for i := range pieces {
		var sum float32
		for _, v := range pcm[i*piece : (i+1)*piece] {
			x := sane(v)
			whole += x * x
			y := c.in.next(x)
			sum += y * y
		}
		c.energy[history-pieces+i] = sum/piece + faintest
	}
	c.age = min(c.age+1, forgotten)
	for i := history - pieces; i < history; i++ {
		e, before := c.energy[i], float32(unheard)
		for _, b := range c.energy[i-(history-pieces) : i-attack] {
			before = max(before, b)
		}
		c.since = min(c.since+1, forgotten)
		switch {
		case c.since <= attack:
			c.peak = max(c.peak, e)
		case c.since <= judged && e > another*c.peak:
			c.since, c.age, c.peak = 0, 0, e
		case c.since >= decayed && c.since <= judged && min(e, c.energy[i-1]) > lasting*c.peak:
			c.since, c.age = forgotten, forgotten
		case e > sharpest*before:
			c.since, c.age, c.peak = 0, 0, e
		}
	}
	switch {
	case c.age == 0:
		c.thud = whole
	case c.age == 1:
		c.thud = max(c.thud, whole)
	case whole > rising*c.thud:
		c.since, c.age = forgotten, forgotten
	}
}

// dampen takes a click out of the power of a spectrum: what is above the usual power of its band is
// cut. It sets dull to the gains that do so.
func (c *clicks) dampen(power, dull *[bands]float32) {
	limit := float32(math.Inf(1))
	if c.age < ringing {
		limit = allowance * float32(int(1)<<max(c.age-doubling, 0))
	}
	for b, p := range power {
		dull[b] = 1
		if most := limit * max(c.usual[b], faintest); p > most {
			dull[b] = float32(math.Sqrt(float64(most / p)))
			power[b], p = most, most
		}
		c.usual[b] = usualKeep*c.usual[b] + (1-usualKeep)*p + faintest
	}
}

// highPass is a Butterworth filter of second order at 3 kHz, above most of what the larynx gives.
type highPass struct{ z1, z2 float32 }

var highPassB, highPassA1, highPassA2 = func() (b, a1, a2 float32) {
	w := 2 * math.Pi * 3000 / (100 * block)
	alpha, cos := math.Sin(w)/math.Sqrt2, math.Cos(w)
	return float32((1 + cos) / 2 / (1 + alpha)), float32(-2 * cos / (1 + alpha)), float32((1 - alpha) / (1 + alpha))
}()

func (h *highPass) next(x float32) float32 {
	y := highPassB*x + h.z1
	h.z1 = -2*highPassB*x - highPassA1*y + h.z2
	h.z2 = highPassB*x - highPassA2*y
	return y
}
