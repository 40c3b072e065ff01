// This file holds a memory of samples that can be read between them: by a windowed sinc, a table of
// which is made once.

package audio

import "math"

const (
	historySize   = 1 << 14 // samples: 340 ms
	historyReach  = 8       // samples on each side that one in between is made of
	historyPhases = 64      // places between two samples that have a row in the table
)

// A history holds the newest historySize samples of a stream.
type history struct {
	buf   [historySize]float32
	end   int64 // samples that were put in since the beginning
	piece [BlockSize + BlockSize/8 + 2*historyReach]float32
}

// fill puts in everything that waits in r.
func (h *history) fill(r *Ring) {
	for {
		at := int(h.end % historySize)
		n := r.Read(h.buf[at:min(at+BlockSize, historySize)])
		if n == 0 {
			return
		}
		h.end += int64(n)
	}
}

// read fills dst, of at most BlockSize, with the samples at from, from+step and so on, counted from
// the beginning; step is near 1. What is not there is silence. It returns whether all is there that
// is not yet forgotten.
func (h *history) read(dst []float32, from, step float64) bool {
	whole := math.Floor(from)
	first := int64(whole) - historyReach + 1
	last := int64(from+step*float64(len(dst)-1)) + historyReach
	piece := h.piece[:min(max(int(last-first)+1, 0), len(h.piece))]
	for i := range piece {
		piece[i] = 0
		if at := first + int64(i); at >= 0 && at < h.end && at >= h.end-historySize {
			piece[i] = h.buf[at%historySize]
		}
	}
	at := from - whole
	if at == 0 && step == 1 {
		copy(dst, piece[historyReach-1:])
		return last < h.end
	}
	for i := range dst {
		k := int(at)
		if k+2*historyReach > len(piece) {
			clear(dst[i:])
			break
		}
		dst[i] = between(piece[k:k+2*historyReach], at-float64(k))
		at += step
	}
	return last < h.end
}

// between returns what is part, of 1, of the way from the middle of p to the next sample.
func between(p []float32, part float64) float32 {
	row, rest := math.Modf(part * historyPhases)
	a, b, r := &sinc[int(row)], &sinc[int(row)+1], float32(rest)
	p = p[:len(a)]
	var sum, next float32
	for i, v := range p {
		sum += v * a[i]
		next += v * b[i]
	}
	return sum + r*(next-sum)
}

// sinc holds the weights of the samples around a place, for each of historyPhases places between two
// samples and for the second of these: a sinc under a Kaiser window, whose images lie 70 dB down.
var sinc = func() (table [historyPhases + 1][2 * historyReach]float32) {
	const beta = 7
	for phase := range table {
		part := float64(phase) / historyPhases
		for i := range table[phase] {
			x := float64(i-historyReach+1) - part
			w := x / historyReach
			v := bessel0(beta*math.Sqrt(max(1-w*w, 0))) / bessel0(beta)
			if x != 0 {
				v *= math.Sin(math.Pi*x) / (math.Pi * x)
			}
			table[phase][i] = float32(v)
		}
	}
	return table
}()

// bessel0 is the modified Bessel function of the first kind and order 0.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
