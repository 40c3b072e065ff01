// This file holds the noise of the room.

package echo

import "math"

// A background knows the noise of the room and makes more of it.
type background struct {
	power  [bins]float32
	blocks int
	seed   uint32
}

// update takes spectra of error and microphone.
func (b *background) update(err, mic *[bins]complex64) {
	if b.blocks++; b.blocks < 3 {
		for k := range mic {
			b.power[k] = power(mic[k])
		}
		return
	}
	for k, was := range b.power {
		p := min(power(err[k]), power(mic[k]))
		by := 0.1 * (p - was)
		if by > 0 {
			by = min(by, 0.005*was+1e-9)
		}
		b.power[k] = was + by
	}
}

// noise returns what is missing of the background in bin k when that is turned down by gain.
func (b *background) noise(k int, gain float32) complex64 {
	b.seed = b.seed*1664525 + 1013904223 // Numerical Recipes' generator; the high bits are good enough
	a := b.seed >> 24
	level := comfort * float32(math.Sqrt(float64(max(1-gain*gain, 0)*b.power[k])))
	return complex(level*cosines[a], level*cosines[(a+64)%256])
}

// cosines are those of a turn in 256 steps.
var cosines = func() (c [256]float32) {
	for i := range c {
		c[i] = float32(math.Cos(2 * math.Pi * float64(i) / 256))
	}
	return c
}()
