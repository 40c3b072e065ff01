// This file opens to the tests what a simulation drives by hand.

package audio

import "time"

// Block lets the source add its next block to sum, as Player.Run does.
func (s *Source) Block(now time.Duration, sum []float32) bool { return s.block(now, sum) }

// Epoch is the moment that the times of Block are counted from.
func (p *Player) Epoch() time.Time { return p.epoch }

var (
	SoftClip  = softClip
	Ramp      = ramp
	Shorten   = shorten
	Lengthen  = lengthen
	Crossfade = crossfade
)
