// This file holds the order of the stages, and how they are switched.

package voice

import (
	"sync"
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
	Near    bool          // somebody near speaks now; it says nothing while nothing is played
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

// Stages are what a Chain is given to work with. Those that are nil are left out.
type Stages struct {
	Echo  Canceller
	Noise Suppressor
	Voice Detector // looks at what the canceller has left; without it there is never a voice
}

// A Chain is the treatment of a voice. It is an audio.Treatment; Set, Settings and Report may be
// called from any goroutine meanwhile.
type Chain struct {
	stages   Stages
	highpass *HighPass
	gain     *Gain
	limiter  *Limiter
	settings atomic.Pointer[Settings]

	switches [4]fade // of high-pass, echo, noise and gain
	since    int     // blocks since something was played

	mu     sync.Mutex
	report Report
}

var _ audio.Treatment = (*Chain)(nil)

// Report says what a Chain found and did in the last block.
type Report struct {
	Health        // of the canceller
	Voice  bool   // somebody spoke
	In     uint8  // loudness as the microphone heard it, as RFC 6464 counts it
	Out    uint8  // and as it was sent
	Gain   int    // what the automatic gain adds, in dB
	Blocks uint64 // treated since the beginning
}

// New returns a chain of stages, which from then on belong to it, with the given switches.
func New(stages Stages, s Settings) *Chain {
	c := &Chain{stages: stages, highpass: NewHighPass(), gain: NewGain(), limiter: NewLimiter(), since: comeback}
	c.report.In, c.report.Out = audio.Silence, audio.Silence
	c.Set(s)
	return c
}

// Set switches stages on and off from the next block on.
func (c *Chain) Set(s Settings) { c.settings.Store(&s) }

// Settings returns what Set was last told.
func (c *Chain) Settings() Settings { return *c.settings.Load() }

// Report says what was found and done in the last block.
func (c *Chain) Report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report
}

// Treat is part of audio.Treatment.
func (c *Chain) Treat(near, far []float32) audio.Heard {
	for i, v := range near {
		near[i] = float32(sane(v))
	}
	on := c.settings.Load().Effective()
	r := Report{In: audio.Level(near)}
	c.switches[0].through(on.HighPass, near, func() { c.highpass.Filter(near) })
	if c.stages.Echo != nil {
		c.switches[1].through(on.Echo, near, func() { c.stages.Echo.Cancel(near, far) })
		if on.Echo {
			r.Health = c.stages.Echo.Health()
		}
	}
	played := c.overheard(far)
	if c.stages.Voice != nil {
		r.Voice = c.stages.Voice.Detect(near)
		if played && r.Left && !r.Near { // it may be the voice of the loudspeaker
			r.Voice = false
		}
	}
	if c.stages.Noise != nil {
		c.switches[2].through(on.Noise, near, func() { c.stages.Noise.Suppress(near) })
	}
	c.gain.Hold(played)
	c.switches[3].through(on.Gain, near, func() { c.gain.Level(near, r.Voice) })
	c.limiter.Limit(near)
	if on.Gain {
		r.Gain = int(c.gain.Gain())
	}
	r.Out = audio.Level(near)
	c.mu.Lock()
	r.Blocks = c.report.Blocks + 1
	c.report = r
	c.mu.Unlock()
	return audio.Heard{Voice: r.Voice, Echo: r.Left}
}

const (
	audible  = 45                                                  // dB below full scale, and louder: a voice, not the hiss of rooms
	comeback = int(500 * time.Millisecond / (audio.FrameTime / 2)) // blocks until what was played is gone
)

// overheard says whether the microphone may still hear what was played. The canceller has taken that
// out; but where another laptop in the same room plays what this one sends, every dB of gain makes the
// sound that goes round between the two louder, until they howl.
func (c *Chain) overheard(far []float32) bool {
	c.since = min(c.since+1, comeback)
	if audio.Level(far) < audible {
		c.since = 0
	}
	return c.since < comeback
}

// Shifted is part of audio.Treatment.
func (c *Chain) Shifted() {
	if c.stages.Echo != nil {
		c.stages.Echo.Shifted()
	}
}

// A fade switches a stage over the length of a block, so that it cannot click. A stage that is off
// costs nothing. One that is switched on first hears a block in vain: it may still hold the end of
// what it last heard.
type fade struct {
	warm, on bool
	dry      [audio.BlockSize]float32
}

// through lets work treat block, in place, if the stage shall be on.
func (f *fade) through(on bool, block []float32, work func()) {
	switch {
	case !f.on && !on:
		f.warm = false
		return
	case f.on && on:
		work()
		return
	}
	dry := f.dry[:copy(f.dry[:], block)]
	work()
	if !f.on && !f.warm {
		copy(block, dry)
		f.warm = true
		return
	}
	for i, v := range dry {
		wet := float32(i+1) / float32(len(dry))
		if f.on {
			wet = 1 - wet
		}
		block[i] = v + wet*(block[i]-v)
	}
	f.on, f.warm = on, false
}
