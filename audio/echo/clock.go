// This file holds the difference between the clocks of two sound cards.

package echo

import (
	"math"

	"stoa/audio/fft"
)

const (
	clockMemory = 0.95   // of the measurement, each block
	clockGain   = 0.0003 // of the lateness that is added to the rate each block: it settles in 2 s
	clockFast   = 0.1    // instead, over the blocks since it began, while that is more
	clockStep   = 0.0008 // samples a block by which the rate changes at most in one: 2 ppm
	clockMost   = 0.25   // samples a block: 500 ppm. No sound card is worse.
	clockLeast  = 0.0005 // samples a block: 1 ppm. Less is left to the model.
	clockWait   = 100    // blocks in which a model that has just begun says nothing
	clockSound  = 1      // how sure a measurement must be to count half

	// Lateness is measured from 200 Hz to 2 kHz: lower it cannot be seen, and higher up it would be
	// more than half a wave.
	clockLow, clockHigh = 4, 40

	// carried is how many samples turning may bring over the end of a partition until that is
	// constrained again: fewer than 3, and as many again of the sides of a wave between two samples.
	carried = 16
)

// A clock measures how fast the echo runs away from a model, because microphone and loudspeaker do
// not count time alike, and turns the response after it. A filter alone follows 14 samples a second
// (300 ppm) only at the lowest frequencies.
//
// A response that is late by t samples has an error that is to its estimate as -iωt. That is
// measured at all frequencies together, and summed up to the rate: a phase-locked loop, in which
// the model is the proportional part.
type clock struct {
	rate         float32 // samples a block
	late, sure   float32
	blocks       int
	turned       [bins]complex64
	over         [frame]float32
	overSpectrum [bins]complex64
}

// wait lets the measurement begin anew; the rate stays.
func (c *clock) wait() { c.late, c.sure, c.blocks = 0, 0, 0 }

func (c *clock) update(estimate, err *[bins]complex64, noise *[bins]float32) {
	var late, sure float32
	for k := clockLow; k < clockHigh; k++ {
		g := 1 / (noise[k] + noiseLeast)
		omega := float32(k) * (2 * math.Pi / frame)
		late -= g * omega * imag(dot(estimate[k], err[k]))
		sure += g * omega * omega * power(estimate[k])
	}
	c.late = clockMemory*c.late + late
	c.sure = clockMemory*c.sure + sure
	if c.blocks++; c.blocks < clockWait {
		return
	}
	gain := max(clockGain, clockFast/float32(c.blocks))
	by := gain * c.late / (c.sure + clockSound)
	c.rate += max(min(by, clockStep), -clockStep)
	c.rate = max(min(c.rate, clockMost), -clockMost)
}

// turns returns whether there is a difference to speak of.
func (c *clock) turns() bool { return c.rate > clockLeast || c.rate < -clockLeast }

// turnWith makes the response later by that many samples.
func (m *model) turnWith(samples float32) {
	c := &m.clock
	if !c.turns() {
		return
	}
	sin, cos := math.Sincos(-2 * math.Pi / frame * float64(samples))
	z, step := complex(1, 0), complex(cos, sin)
	for k := range c.turned {
		c.turned[k] = complex64(z)
		z *= step
	}
	for _, w := range m.response {
		for k, v := range w {
			w[k] = fft.Mul(v, c.turned[k])
		}
	}
}

// carry gives the next partition what turning has brought over the end of partition p, whose
// response is in m.time, or the one before what it brought over the beginning.
func (m *model) carry(p int) {
	c := &m.clock
	if !c.turns() {
		return
	}
	c.over = [frame]float32{}
	to := p + 1
	if c.rate > 0 {
		copy(c.over[:carried], m.time[block:])
	} else {
		to = p - 1
		copy(c.over[block-carried:block], m.time[frame-carried:])
	}
	if to < 0 || to >= partitions {
		return
	}
	m.fft.Forward(c.overSpectrum[:], c.over[:])
	for k, v := range c.overSpectrum {
		m.response[to][k] += v
	}
}
