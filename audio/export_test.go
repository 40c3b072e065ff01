// This file opens to the tests what a simulation drives by hand.

package audio

import "time"

// Block lets the source add its next block to sum, as Player.Run does.
func (s *Source) Block(now time.Duration, sum []float32) bool {
	noise := s.ready(now)
	return s.add(sum, noise, noise)
}

// Mix returns the next block of all sources, valid until the next call.
func (p *Player) Mix(now time.Duration) []float32 {
	p.mix(now)
	return p.block[:]
}

// A Scaler is what a Source scales time with.
type Scaler struct{ scaler }

// Scale makes the n samples of buf longer or shorter.
func (s *Scaler) Scale(buf []float32, n int, frame []float32, want int) int {
	return s.scale(buf, n, frame, want)
}

// A Limiter is what a Player turns its sum down with.
type Limiter struct{ limiter }

// Limit works in place on a block.
func (l *Limiter) Limit(p []float32) { l.limit(p, clipKnee) }

// Epoch is the moment that the times of Block are counted from.
func (p *Player) Epoch() time.Time { return p.epoch }

// WriteAt is Write at a moment of virtual time.
func (r *Ring) WriteAt(now time.Duration, p []float32) int { return r.writeAt(now, p) }

// PullAt is Pull at a moment of virtual time.
func (r *Ring) PullAt(now time.Duration, p []float32) {
	r.fill(p)
	r.tap.writeAt(now, p)
}

// Next is what a Capture asks for beside each block of near.
func (r *Reference) Next(near *Ring, block []float32) (shifted bool) { return r.next(near, block) }

// A History is what a Reference remembers.
type History struct{ history }

// Fill puts in everything that waits in r.
func (h *History) Fill(r *Ring) { h.fill(r) }

// Read fills dst with what lies at from, from+step and so on.
func (h *History) Read(dst []float32, from, step float64) bool { return h.read(dst, from, step) }

var (
	SoftClip  = softClip
	Ramp      = ramp
	Shorten   = shorten
	Lengthen  = lengthen
	Crossfade = crossfade
)
