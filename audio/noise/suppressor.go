// This file holds the suppressor.

// Package noise takes the noise out of a voice, and tells when there is a voice: for steady noise
// such as fans, for keys and clicks, and as far as one microphone allows for people in the
// background. It is pure arithmetic of 10 ms at a time: no clock, no goroutine, no allocation, and
// nothing that has to be trained.
//
//	block ─► spectrum ─► clicks out ─► noise in each band ─► speech in each band ─► gain ─► block
//	                          └──────► does somebody speak? ────────────────────────┘
//
// It never mutes: what it takes for noise it turns down so far that it does not disturb, and evenly,
// so that what is left of a room is still that room.
package noise

// A Suppressor takes noise out of one microphone's sound. It belongs to one goroutine at a time.
type Suppressor struct {
	ear      ear
	cepstrum *cepstrum
	speech   [bands]float32 // a-priori power of speech
	clean    [bands]float32 // power of speech above the fine bands as it was let through
	hold     int            // blocks for which it stays open
	open     float32        // 1 while somebody speaks, 0 a while afterwards
}

const (
	doubt    = -0.5 // evidence at which it opens already: better some noise than half a word
	holdOpen = 12   // blocks
	directed = 0.97
)

var closing = smoothing(0.12)

// New returns a suppressor that has heard nothing yet. It takes the first 80 ms for noise.
func New() *Suppressor { return &Suppressor{ear: newEar(), cepstrum: newCepstrum()} }

// Suppress works in place on a block of 480 samples at 48 kHz. What comes out was heard Delay
// samples before. A sample that is not a number counts as zero, and one beyond ±8 as ±8.
func (s *Suppressor) Suppress(pcm []float32) {
	s.ear.listen(pcm)
	s.decide()
	power, noise := &s.ear.power, &s.ear.tracker.noise
	s.expect(power, noise)
	r := ruleFor(s.open, s.ear.talker.unrest)
	spectrum := &s.ear.transform.spectrum
	for b, p := range power {
		g := r.gain(s.speech[b]/noise[b], p/noise[b])
		if b >= fine {
			s.clean[b] = g * g * p
		}
		g *= s.ear.dull[b] * r.all
		from, to := edges(b)
		for k := from; k < to; k++ {
			c := spectrum[k]
			spectrum[k] = complex(g*real(c), g*imag(c))
		}
	}
	spectrum[bins-1] = 0
	s.ear.transform.synthesise(pcm)
}

// decide opens at once for whoever may be speaking, and closes slowly.
func (s *Suppressor) decide() {
	switch {
	case s.ear.talker.evidence > doubt:
		s.hold, s.open = holdOpen, 1
	case s.hold > 0:
		s.hold--
	default:
		s.open *= closing
	}
}

// expect sets the a-priori power of speech: by the cepstrum where a voice has harmonics, and by what
// was there a block ago above (the decision-directed way of Ephraim and Malah, 1984).
func (s *Suppressor) expect(power, noise *[bands]float32) {
	s.cepstrum.estimate(&s.speech, power, noise)
	for b := fine; b < bands; b++ {
		s.speech[b] = directed*s.clean[b] + (1-directed)*max(power[b]-noise[b], 0)
	}
}
