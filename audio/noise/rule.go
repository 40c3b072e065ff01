// This file holds the gain rule.

package noise

import "math"

const (
	floorSpeaking = -18.0 // dB: gain of what is noise while somebody speaks
	floorPause    = -30.0 // while nobody does
	absentSpeak   = 0.3   // probability, before looking at it, that a band has no speech while somebody speaks
	absentPause   = 0.99  // while nobody does
	leastPrior    = 0.003 // a-priori SNR below which nothing is told apart: -25 dB

	// expansion is by how many dB more a pause is turned down, whatever is in it, where it is not
	// calm: people in the background stand out of what is usual in the room, as whoever speaks near
	// does.
	expansion = 14.0
	calm      = 0.35 // unrest below which a pause is not turned down as a whole
	restless  = 0.6  // and from which on it is by all of it
)

// A rule is the optimally modified log-spectral amplitude estimator (I. Cohen and B. Berdugo, "Speech
// Enhancement for Non-Stationary Noise Environments", Signal Processing 81, 2001): the gain of
// Ephraim and Malah (1985) as far as a band probably has speech, and a floor as far as it has none.
type rule struct {
	absent  float32 // odds that a band has no speech
	floor   float32
	lnFloor float32
	all     float32 // gain of everything
}

// ruleFor returns the rule for a moment between pause (0) and speech (1), in a place of so much
// unrest.
func ruleFor(open, unrest float32) rule {
	down := expansion * min(max((unrest-calm)/(restless-calm), 0), 1)
	absent := absentPause + (absentSpeak-absentPause)*open
	lnFloor := (floorPause + (floorSpeaking-floorPause)*open) * (math.Ln10 / 20)
	return rule{
		absent:  absent / (1 - absent),
		floor:   exp(lnFloor),
		lnFloor: lnFloor,
		all:     exp(-down * (1 - open) * (math.Ln10 / 20)),
	}
}

// gain returns the gain of a band, from its SNR a priori and a posteriori.
func (r *rule) gain(prior, posterior float32) float32 {
	prior = min(max(prior, leastPrior), 1e6)
	wiener := prior / (1 + prior)
	v := min(wiener*posterior, 60)
	present := 1 / (1 + r.absent*(1+prior)*exp(-v))
	lnGain := min(ln(wiener)+halfE1(v), 0)
	return max(exp(present*lnGain+(1-present)*r.lnFloor), r.floor)
}

// halfE1 is half the exponential integral E1 of v, from a table in ln v.
func halfE1(v float32) float32 {
	at := (ln(max(v, e1Least)) - lnE1Least) * e1Steps
	return e1Table[min(int(at), len(e1Table)-1)]
}

const (
	e1Least   = 1e-4
	lnE1Least = -9.2103404
	e1Steps   = 40 // to a factor of e
)

// e1Table ends where E1 is below 1e-5.
var e1Table = func() (t [460]float32) {
	for i := range t {
		t[i] = float32(e1(math.Exp(lnE1Least+(float64(i)+0.5)/e1Steps)) / 2)
	}
	return t
}()

// e1 is the exponential integral: its series up to 1, and a continued fraction beyond (Abramowitz and
// Stegun, 5.1.11 and 5.1.22).
func e1(x float64) float64 {
	if x > 1 {
		f := 0.0
		for k := 40.0; k >= 1; k-- {
			f = k / (1 + k/(x+f))
		}
		return math.Exp(-x) / (x + f)
	}
	const euler = 0.57721566490153286
	sum, term := -euler-math.Log(x), -1.0
	for k := 1.0; k < 25; k++ {
		term *= -x / k
		sum += term / k
	}
	return sum
}
