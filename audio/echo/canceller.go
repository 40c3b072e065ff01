// This file holds the canceller: what happens to a block, in order.

package echo

import (
	"time"

	"stoa/audio"
	"stoa/audio/voice"
)

const (
	block = audio.BlockSize // 10 ms
	frame = 2 * block       // samples of a transform: the block and the one before it
	bins  = block + 1       // of its spectrum
)

// Delay is by how many samples what Cancel leaves is later than what it was given: 5 ms.
const Delay = overlap

// A Canceller takes out of what a microphone hears what the loudspeaker plays. It has no clock, no
// lock and no goroutine, and allocates nothing after New; one goroutine may use it at a time. It
// takes whatever samples it is given, and what it leaves is finite and no louder than they are.
type Canceller struct {
	far      *history
	delay    *delay
	model    *model
	residual *residual
	health   health

	played   [block]float32
	estimate [block]float32
}

var _ voice.Canceller = (*Canceller)(nil)

// New returns a canceller that knows nothing of its room yet.
func New() *Canceller {
	return &Canceller{far: newHistory(), delay: &delay{}, model: newModel(), residual: newResidual()}
}

// Cancel is part of voice.Canceller. What it leaves in near is Delay samples late.
func (c *Canceller) Cancel(near, far []float32) {
	near = near[:block]
	tame(near, near)
	tame(c.played[:], far[:block])
	c.far.push(c.played[:])
	if c.delay.known && c.delay.at != c.model.delay {
		c.model.move(c.delay.at)
	}
	c.model.cancel(c.far, near, c.estimate[:])
	c.residual.suppress(near, c.estimate[:], c.model)
	c.delay.listen(c.far.spectrum(0), &c.residual.mic)
	c.health.update(c.delay, c.model, c.residual)
}

// Shifted is part of voice.Canceller. The response of the room is kept.
func (c *Canceller) Shifted() {
	c.delay.forget()
	c.model.mistrust(0)
}

// Health is part of voice.Canceller.
func (c *Canceller) Health() voice.Health {
	h := voice.Health{
		Playing: c.health.playing(),
		Left:    c.health.left(),
		Near:    c.residual.nearby > 0.5,
		ERLE:    c.health.erle(),
	}
	if h.Playing && c.delay.known {
		h.Delay = time.Duration(c.delay.peak) * block * time.Second / audio.Rate
	}
	return h
}

// tame copies samples. What is no number becomes silence, and what is far beyond full scale is cut,
// so that no power of a spectrum leaves the range of float32.
func tame(dst, src []float32) {
	const most = 4
	for i, v := range src {
		if v != v {
			v = 0
		}
		dst[i] = max(min(v, most), -most)
	}
}
