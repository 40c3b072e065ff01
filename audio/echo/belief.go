// This file holds the doubt whether a model is still that of the room.

package echo

const (
	// beliefMemory is how much of the measurement is kept each block: it spans 0.2 s.
	beliefMemory = 0.95
	beliefLeast  = 20 // blocks measured before anything is said

	// beliefSound is the power of an estimate, over that of what is not echo and summed over all
	// frequencies, below which a block says nothing, and beliefMuch the one at which it counts half.
	beliefSound = 20
	beliefMuch  = 100
	beliefSure  = 150 // the same, of all blocks together, before anything is said

	beliefTrust  = 0.4 // a match from which on there is an echo
	beliefDoubts = 4   // times in a row that a model is no good, after which there is none

	// A match below or above these is no error of measurement: it is exact to 0.05 with a near voice as
	// loud as the echo.
	beliefLow, beliefHigh = 0.6, 1.6
)

// A belief measures by how much a model's estimate is in the microphone: 1 when it is, 0 when the
// room is another one, and 2 when the loudspeaker was turned up by 6 dB. Somebody near who speaks
// does not change it, since a voice has nothing to do with the estimate: that is what tells a
// change of the room from double talk.
type belief struct {
	match, power float32 // of error with estimate, and of estimate; each frequency in terms of noise
	blocks       int
	trusted      bool // the estimate is that of an echo
	doubts       int
}

// again begins a measurement.
func (b *belief) again() { b.match, b.power, b.blocks = 0, 0, 0 }

// update takes the spectra of a block. When the model is wrong it returns what to scale it with.
func (b *belief) update(estimate, err *[bins]complex64, noise *[bins]float32) (changed bool, scale float32) {
	var match, total float32
	for k, y := range estimate {
		g := 1 / (noise[k] + noiseLeast)
		match += g * real(dot(y, err[k]))
		total += g * power(y)
	}
	if total < beliefSound {
		return false, 1
	}
	weight := 1 / (1 + total/beliefMuch)
	b.match = beliefMemory*b.match + weight*match
	b.power = beliefMemory*b.power + weight*total
	if b.blocks++; b.blocks < beliefLeast || b.power < beliefSure {
		return false, 1
	}
	m := b.value()
	if m >= beliefTrust {
		b.trusted, b.doubts = true, 0
	}
	if m >= beliefLow && m <= beliefHigh {
		return false, 1
	}
	if m < beliefTrust {
		if b.doubts++; b.doubts >= beliefDoubts {
			b.trusted = false
		}
	}
	return true, max(min(m, beliefHigh), 0)
}

// value returns the match.
func (b *belief) value() float32 {
	if b.power == 0 {
		return 1
	}
	return 1 + b.match/b.power
}
