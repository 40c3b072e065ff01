// This file holds the order of the stages, and how they are switched.

package voice

import (
	"sync/atomic"
	"time"

	"stoa/audio"
)

// A Canceller takes out of what a microphone hears what the loudspeaker plays. It belongs to one
// goroutine at a time.
type Canceller interface {
	// Cancel works in place on near. Both are audio.BlockSize samples; far must not be written to.
	Cancel(near, far []float32)

	// Shifted says that from the next block on the delay between far and near may be another one.
	Shifted()

	// Health says how well it went lately.
	Health() Health
}

// Health says how well a Canceller does, as far as it can tell by itself.
type Health struct {
	Playing bool          // the loudspeaker has been heard, so that the rest says something
	Left    bool          // echo is left that it cannot take out
	ERLE    float32       // echo return loss enhancement, in dB: how much of the echo it takes out
	Delay   time.Duration // from far to its echo in near; 0 while unknown
}

// A Suppressor takes out of a voice what is noise. It belongs to one goroutine at a time.
type Suppressor interface {
	// Suppress works in place on audio.BlockSize samples.
	Suppress(block []float32)
}

// A Detector tells voices from what is none. It belongs to one goroutine at a time.
type Detector interface {
	// Detect says whether somebody speaks in a block of audio.BlockSize samples.
	Detect(block []float32) bool
}

// Stages are what a Chain is made of. Those that are nil are left out.
type Stages struct {
	Echo  Canceller
	Noise Suppressor
	Voice Detector
}

// A Chain is the treatment of a voice. It is an audio.Treatment.
type Chain struct {
	stages   Stages
	settings atomic.Pointer[Settings]
}

var _ audio.Treatment = (*Chain)(nil)

// New returns a chain of stages, which from then on belong to it, with the given switches.
func New(stages Stages, s Settings) *Chain {
	c := &Chain{stages: stages}
	c.Set(s)
	return c
}

// Set switches stages on and off from the next block on. It may be called from any goroutine.
func (c *Chain) Set(s Settings) { c.settings.Store(&s) }

// Settings returns what Set was last told.
func (c *Chain) Settings() Settings { return *c.settings.Load() }

// Treat is part of audio.Treatment.
func (c *Chain) Treat(near, far []float32) audio.Heard {
	on := c.settings.Load().Effective()
	var heard audio.Heard
	if on.Echo && c.stages.Echo != nil {
		c.stages.Echo.Cancel(near, far)
		heard.Echo = c.stages.Echo.Health().Left
	}
	if c.stages.Voice != nil {
		heard.Voice = c.stages.Voice.Detect(near)
	}
	if on.Noise && c.stages.Noise != nil {
		c.stages.Noise.Suppress(near)
	}
	return heard
}

// Shifted is part of audio.Treatment.
func (c *Chain) Shifted() {
	if c.stages.Echo != nil {
		c.stages.Echo.Shifted()
	}
}
