// This file holds the arithmetic of mixing: gain ramps, sums, the limiter and the soft clip.

package audio

import "math"

// clipKnee is the amplitude up to which softClip changes nothing: -3 dB below full scale.
const clipKnee = 0.7079458

// ramp multiplies p by a gain that goes in a straight line from from to to. A jump would click.
func ramp(p []float32, from, to float32) {
	if from == 1 && to == 1 {
		return
	}
	if len(p) == 0 {
		return
	}
	step := (to - from) / float32(len(p))
	for i := range p {
		p[i] *= from + step*float32(i+1)
	}
}

// mix adds p to sum.
func mix(sum, p []float32) {
	sum = sum[:len(p)]
	for i, v := range p {
		sum[i] += v
	}
}

// clip keeps p within full scale, as of a decoder that is fed rubbish and gives samples of millions. It
// returns false when a sample is no number.
func clip(p []float32) bool {
	for i, v := range p {
		switch {
		case v <= 1 && v >= -1:
		case v > 1:
			p[i] = 1
		case v < -1:
			p[i] = -1
		default:
			return false
		}
	}
	return true
}

const (
	limitPiece   = Rate / 1000 // samples over which the gain of a limiter goes in a straight line
	limitRelease = 1.0023      // a piece: 20 dB a second
)

// A limiter turns a voice, or the sum of many, down while it is above a ceiling, so that what has to be
// clipped is the first millisecond of a peak at the most. The zero limiter is ready.
type limiter struct {
	down float32 // how much less than 1 the gain is at the end of the last block
}

// limit works in place on a whole number of milliseconds.
func (l *limiter) limit(p []float32, ceiling float32) {
	gain := 1 - l.down
	need := allowed(p[:min(limitPiece, len(p))], ceiling)
	for at := 0; at+limitPiece <= len(p); at += limitPiece {
		piece := p[at : at+limitPiece]
		to := min(need, gain*limitRelease, 1)
		if next := at + limitPiece; next+limitPiece <= len(p) {
			need = allowed(p[next:next+limitPiece], ceiling) // down before it comes
			to = min(to, need)
		}
		ramp(piece, gain, to)
		gain = to
	}
	l.down = 1 - gain
}

// allowed is the gain with which p stays below ceiling.
func allowed(p []float32, ceiling float32) float32 {
	peak := float32(0)
	for _, v := range p {
		if v < 0 {
			v = -v
		}
		if v > peak { // which what is no number is not: softClip looks after that
			peak = v
		}
	}
	if peak <= ceiling {
		return 1
	}
	return max(ceiling/peak, 0.01)
}

// A Fit brings the sum of several voices within full scale. The zero Fit is ready. It belongs to one goroutine.
type Fit struct{ limiter limiter }

// Block works in place on a whole number of milliseconds, which follow those of the call before.
func (f *Fit) Block(p []float32) {
	f.limiter.limit(p, clipKnee)
	softClip(p)
}

// softClip keeps p within full scale. Below clipKnee samples pass as they are; above it they bend
// towards 1 along a hyperbolic tangent, whose slope at the knee is 1, so there is no corner to
// hear.
func softClip(p []float32) {
	for i, v := range p {
		switch {
		case v > clipKnee:
			p[i] = bend(v)
		case v < -clipKnee:
			p[i] = -bend(-v)
		case v != v:
			p[i] = 0 // a decoder or device gone mad must not reach an ear
		}
	}
}

func bend(v float32) float32 {
	const room = 1 - clipKnee
	return clipKnee + room*float32(math.Tanh(float64(v-clipKnee)/room))
}

// crossfade replaces the beginning of to by a transition from from to it, over the length of from.
func crossfade(from, to []float32) {
	n := min(len(from), len(to))
	for i := range n {
		w := float32(i+1) / float32(n+1)
		to[i] = from[i]*(1-w) + to[i]*w
	}
}
