// This file holds what a canceller knows about how well it does.

package echo

import "math"

const (
	healthMemory = 0.99 // of powers, each block with echo and without a near voice: a second
	healthLost   = 0.03 // of the echo that may be left: 15 dB. With the 15 dB of ducking it is 30.
	healthLeast  = 100  // blocks before it is said that echo is left

	// healthSettled is how many blocks with echo a model must have held before what it leaves can be a
	// voice near: at first it is what a wrong model leaves.
	healthSettled = 50
)

type health struct {
	before, after float32
	blocks        int
	known         bool
}

func (h *health) update(d *delay, m *model, r *residual) {
	if h.known = m.belief.trusted; !h.known {
		*h = health{}
		return
	}
	near := r.nearby > 0.5 && m.belief.blocks >= healthSettled
	if near || r.before == 0 || d.sound < delays {
		return
	}
	h.before = healthMemory*h.before + r.before
	h.after = healthMemory*h.after + r.after
	h.blocks++
}

func (h *health) playing() bool { return h.known }

func (h *health) left() bool { return h.blocks > healthLeast && h.after > healthLost*h.before }

func (h *health) erle() float32 {
	if h.before == 0 {
		return 0
	}
	return float32(10 * math.Log10(float64(h.before/max(h.after, 1e-6*h.before))))
}
