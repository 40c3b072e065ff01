// This file holds the limiter, the last stage: whatever the stages before it did, no sample leaves
// above -1 dBFS, and no wave is clipped to get there.

package voice

import (
	"math"

	"stoa/audio"
)

const (
	ceiling = 0.891 // -1 dBFS; decoded Opus overshoots what was encoded by about that much

	// LimiterDelay is by how many samples a limiter delays what goes through it: 1.5 ms.
	LimiterDelay = 72

	// limiterHold is for how many samples a gain is kept after the peak that asked for it. Ten
	// milliseconds hold it from peak to peak of any voice, so that the gain is level within a
	// period and the wave keeps its shape.
	limiterHold = audio.Rate / 100

	limiterSpan    = LimiterDelay + limiterHold
	limiterRelease = 0.120 // time constant of the return, in seconds
)

// A Limiter turns the gain down before a peak arrives and lets it return slowly afterwards. The
// gain that a peak needs is taken as the minimum over the look-ahead and the hold, released
// exponentially, and averaged over the look-ahead: the average reaches the minimum just when the
// peak leaves the delay. One goroutine at a time.
type Limiter struct {
	line   [LimiterDelay]float32 // the look-ahead: samples not given yet
	gains  [LimiterDelay]float64 // what is averaged
	at     int                   // the oldest of both
	sum    float64               // of gains
	gain   float64               // after release
	index  uint32                // samples seen
	lowest minimum
}

// NewLimiter returns a limiter at rest.
func NewLimiter() *Limiter {
	l := &Limiter{gain: 1, sum: LimiterDelay}
	for i := range l.gains {
		l.gains[i] = 1
	}
	return l
}

var limiterReturn = 1 - math.Exp(-1/(limiterRelease*audio.Rate))

// Limit limits pcm, of any length, in place. A sample that is not a number counts as zero, and one
// beyond ±8 as ±8.
func (l *Limiter) Limit(pcm []float32) {
	for i, v := range pcm {
		x := sane(v)
		need := 1.0
		if peak := math.Abs(x); peak > ceiling {
			need = ceiling / peak
		}
		l.lowest.push(l.index, need)
		l.index++
		l.gain = min(l.lowest.value(), l.gain+(1-l.gain)*limiterReturn)
		l.sum += l.gain - l.gains[l.at]
		l.gains[l.at] = l.gain
		out := float64(l.line[l.at]) * min(l.sum/LimiterDelay, 1)
		l.line[l.at] = float32(x)
		pcm[i] = float32(min(max(out, -ceiling), ceiling)) // what rounding adds
		if l.at++; l.at == LimiterDelay {
			l.at = 0
			l.settle()
		}
	}
}

// settle keeps rounding from piling up in the running sum.
func (l *Limiter) settle() {
	if 1-l.gain < 1e-6 {
		l.gain = 1
	}
	l.sum = 0
	for _, g := range l.gains {
		l.sum += g
	}
}

// minimum is the least of the newest value and of limiterSpan before it (the ascending minima
// algorithm): it keeps those values that may still become the least, which rise from head to tail.
type minimum struct {
	values     [limiterSpan + 1]float64
	indexes    [limiterSpan + 1]uint32
	head, size int
}

func (m *minimum) push(index uint32, v float64) {
	for m.size > 0 && m.values[m.place(m.size-1)] >= v {
		m.size--
	}
	if m.size > 0 && index-m.indexes[m.head] >= limiterSpan+1 {
		m.head = m.place(1)
		m.size--
	}
	at := m.place(m.size)
	m.values[at], m.indexes[at] = v, index
	m.size++
}

func (m *minimum) value() float64 { return m.values[m.head] }

func (m *minimum) place(n int) int {
	if n += m.head; n >= len(m.values) {
		n -= len(m.values)
	}
	return n
}
