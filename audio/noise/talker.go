// This file holds the ear for the near talker: whether somebody speaks close to the microphone, as
// against a fan, keys, or people further away.

package noise

import "stoa/audio/fft"

// A talker decides block by block. It knows how loud the place is between words and how loud its
// talker is, and asks three things of a block: is it loud enough for the talker rather than for the
// place, does it stand out of the noise in many bands, and has it a pitch? People in the background
// do speak, with a pitch too, but further away.
type talker struct {
	fft      *fft.Real
	spectrum [pitchSize/2 + 1]complex64
	waves    [pitchSize]float32

	seen     int     // blocks, up to warm
	place    float32 // dB, between words
	near     float32 // dB, of the talker's loud syllables
	evidence float32 // smoothed log-odds
	unrest   float32 // mean excess while nobody speaks: a fan has 0.2, babble 1
	hold     int     // blocks until a voice has ended
}

const (
	pitchSize = 640 // 25 Hz a bin, as in the spectrum: 16 kHz
	tooFar    = 15  // dB: who is so much weaker than the talker may be the talker after all
	widest    = 40  // dB between talker and place that matter
	hangover  = 15  // blocks: the end of a word is weak, and pauses within words are short
	pitchMost = 2000
)

var (
	placeFall  = 1 - smoothing(0.10)
	placeRise  = 1 - smoothing(1.00)
	placeLeak  = 1 - smoothing(15.0)
	unrestRate = 1 - smoothing(1.50)
	nearRise   = 1 - smoothing(0.20)
	nearFall   = 1 - smoothing(6.00)
	nearLost   = 1 - smoothing(8.00)
)

func newTalker() *talker { return &talker{fft: fft.NewReal(pitchSize)} }

// features are what is asked of a block.
type features struct {
	level   float32 // dB, 150 to 4000 Hz
	excess  float32 // mean over ranges of ln(SNR), not below 0
	harmony float32 // 0..1, how periodic
}

// hear says whether somebody speaks, or did a moment ago. A click that still rings speaks for nobody.
func (t *talker) hear(power, noise *[bands]float32, click bool) bool {
	f := t.describe(power, noise)
	if t.seen < warm {
		t.seen++
		t.place, t.near = f.level, f.level+20
		return false
	}
	place := max(t.place, t.near-widest)
	odds := (f.level-place-max(0.4*(t.near-place), 3.5))/2.5 + 0.7*(f.excess-1.2) + 4*(f.harmony-0.45)
	if click {
		odds = min(odds, t.evidence/2-1) // what lasts will tell
	}
	t.evidence = (t.evidence + min(max(odds, -6), 6)) / 2
	t.learn(f)
	if t.evidence > 0.5 {
		t.hold = hangover
	} else if t.hold > 0 {
		t.hold--
	}
	return t.hold > 0
}

// learn follows how loud the place and the talker are.
func (t *talker) learn(f features) {
	if t.evidence < doubt {
		t.unrest += unrestRate * (f.excess - t.unrest)
	}
	switch {
	case f.level < t.place:
		t.place += placeFall * (f.level - t.place)
	case t.evidence < -0.5:
		t.place += placeRise * (f.level - t.place)
	default: // or a place that became loud would be taken for a talker for ever
		t.place += placeLeak * (f.level - t.place)
	}
	if t.evidence > 1 && f.harmony > 0.5 {
		rate := nearFall
		if f.level > t.near {
			rate = nearRise
		}
		t.near += rate * (f.level - t.near)
	} else if f.level < t.near-tooFar && 0.7*(f.excess-1.2)+4*(f.harmony-0.45) > 0 {
		t.near += nearLost * (f.level - t.near) // but for its level it were a voice: a whistle must not hide it for ever
	}
	t.near = max(t.near, t.place+6)
}

// ranges of the spectrum whose excess over the noise is looked at, in Hz.
var ranges = [...]int{100, 400, 800, 1500, 2500, 4000, 7500}

// describe measures what hear wants to know.
func (t *talker) describe(power, noise *[bands]float32) (f features) {
	var level float32
	for b := hertz(150); b < hertz(4000); b++ {
		level += power[b]
	}
	f.level = decibels(level)
	for i := range len(ranges) - 1 {
		var p, n float32
		for b := hertz(ranges[i]); b < hertz(ranges[i+1]); b++ {
			p += power[b]
			n += noise[b]
		}
		f.excess += ln(max(p/n, 1)) / float32(len(ranges)-1)
	}
	f.harmony = t.harmonyOf(power)
	return f
}

// harmonyOf is the highest peak of the autocorrelation of what is below 2 kHz, at the lags of a
// voice: 1 for a wave that repeats itself.
func (t *talker) harmonyOf(power *[bands]float32) float32 {
	for b := hertz(75); b < hertz(pitchMost); b++ {
		t.spectrum[b] = complex(power[b], 0)
	}
	t.fft.Inverse(t.waves[:], t.spectrum[:])
	best := float32(0)
	for lag := highest; lag < lowest; lag++ {
		best = max(best, t.waves[lag])
	}
	return best / max(t.waves[0], faintest*faintest)
}
