// This file holds time scaling: playing a few milliseconds of speech more or less than there are,
// without a change of pitch. The method is WSOLA (Verhelst and Roelands, ICASSP 1993): a piece as
// long as one or more periods of the voice is left out or said twice, and the seam is a crossfade
// at the place where the waves fit best.

package audio

import "math"

const (
	scaleSeam   = 240 // crossfade and similarity window: 5 ms
	scaleShort  = 120 // shortest piece: 2.5 ms, a voice of 400 Hz
	scaleLong   = 720 // longest piece: 15 ms, a voice of 67 Hz
	scaleCoarse = 8   // the search goes in steps of this many samples, then sample by sample around the best

	// How alike two waves must be to be joined. In quiet parts anything goes, in a voice the cut
	// must not be heard, and when there is far too much delay, that is the greater evil.
	alikeVoice = 0.9
	alikeHurry = 0.6
	alikeFar   = 0.5

	stretchHurry = FrameSize     // 20 ms too much or too little
	stretchFar   = 2 * FrameSize // 40 ms
	stretchRest  = 10            // frames between two cuts in a voice

	// When far too much waits a voice is played a fifth faster: 10 to 15 ms less every 60.
	stretchRestFar = 3

	quietPower = 1e-5 // -50 dBFS is quiet
	quietBelow = 0.01 // and so is 20 dB below the speech
)

// A scaler plays one voice longer or shorter where that is not heard: quiet parts come first, and a
// voice must be steady.
type scaler struct {
	loud float64 // running power of the speech
	rest int     // frames until a voice may be cut again
}

// scale makes the n samples at the beginning of buf, of which frame is the newest, up to want samples
// longer, or shorter when want is negative. It is asked once a frame. It returns how many there are
// then.
func (s *scaler) scale(buf []float32, n int, frame []float32, want int) int {
	now := power(frame)
	s.loud = max(now, s.loud+(now-s.loud)/64)
	s.rest--
	size := max(want, -want)
	alike, ok := s.may(now, size)
	if want == 0 || !ok {
		return n
	}
	was := n
	if want < 0 {
		n = shorten(buf[:n], size, alike)
	} else {
		n = lengthen(buf, n, max(size, 2*scaleShort), alike)
	}
	if n != was {
		s.rest = stretchRest
	}
	return n
}

// may returns how alike two waves must be to be joined, given the power of the frame and how much is
// to be done.
func (s *scaler) may(power float64, size int) (alike float32, ok bool) {
	switch {
	case power < quietPower, power < s.loud*quietBelow:
		return -1, true
	case size >= stretchFar:
		return alikeFar, s.rest <= stretchRest-stretchRestFar
	case size >= stretchHurry:
		return alikeHurry, s.rest <= stretchRest/2
	}
	return alikeVoice, s.rest <= 0
}

// shorten leaves out a piece of p, at most most samples long, when the waves around it are at least
// as similar as alike (a normalised correlation, at most 1). It works in place and returns how many
// samples are left.
func shorten(p []float32, most int, alike float32) int {
	lag := findLag(p, most, alike)
	if lag == 0 {
		return len(p)
	}
	crossfade(p[:scaleSeam], p[lag:])
	return copy(p, p[lag:])
}

// lengthen says a piece of p twice, under the same conditions. buf has p at its beginning and room
// for most samples more. It returns how many samples there are then.
func lengthen(buf []float32, n, most int, alike float32) int {
	lag := findLag(buf[:n], min(most, len(buf)-n), alike)
	if lag == 0 {
		return n
	}
	var seam [scaleSeam]float32
	copy(seam[:], buf[lag:])
	copy(buf[lag:n+lag], buf[:n])
	crossfade(seam[:], buf[lag:])
	return n + lag
}

// findLag returns the distance, at most most, at which p is most like its beginning, or 0 when
// nothing is alike enough.
func findLag(p []float32, most int, alike float32) int {
	most = min(most, scaleLong, len(p)-scaleSeam)
	if most < scaleShort {
		return 0
	}
	lag, _ := bestLag(p, scaleShort, most, scaleCoarse)
	lag, best := bestLag(p, max(lag-scaleCoarse, scaleShort), min(lag+scaleCoarse, most), 1)
	if best < alike {
		return 0
	}
	return lag
}

// bestLag searches [from, to] in steps of step and returns the best lag and how alike it is.
func bestLag(p []float32, from, to, step int) (lag int, alike float32) {
	stride := min(step, 4) // 12 kHz are enough to find the neighbourhood
	head := p[:scaleSeam]
	own := dot(head, head, stride)
	lag, alike = from, -1
	for l := from; l <= to; l += step {
		other := p[l : l+scaleSeam]
		if c := similarity(dot(head, other, stride), own, dot(other, other, stride)); c > alike {
			lag, alike = l, c
		}
	}
	return lag, alike
}

func similarity(cross, a, b float32) float32 {
	if a < 1e-9 || b < 1e-9 {
		return 1 // next to silence everything is alike
	}
	return cross / float32(math.Sqrt(float64(a)*float64(b)))
}

func dot(a, b []float32, stride int) float32 {
	var sum float32
	b = b[:len(a)]
	for i := 0; i < len(a); i += stride {
		sum += a[i] * b[i]
	}
	return sum
}
