// Finding one voice in a mix of many.

package hear

import (
	"fmt"
	"math"
	"math/cmplx"
	"time"
)

// A clip is looked for by each second of the recording: the second is matched
// against the clip by the normalised cross-correlation of the waveforms, below
// 1.8 kHz and with the spectrum of speech made flatter, and so votes for a time
// at which the clip began. In a recording that holds the clip the votes agree;
// in one that does not they are scattered, however alike the voices are. Only
// the agreement is judged, so no threshold depends on how many others speak.
const (
	slow      = 4000             // samples a second of what is matched
	piece     = slow             // what has one vote
	hop       = slow / 2         // from one of them to the next
	agreement = slow / 8         // votes this near agree: a jitter buffer may stretch time
	fftSize   = 1 << 16          // holds a clip and two pieces
	longest   = fftSize/slow - 3 // seconds of a clip
)

// The shares of the votes from which on a clip counts as heard, and up to which
// it counts as not heard. TestFindsOneOfNine shows what lies between.
const (
	HeardShare   = 0.5
	UnheardShare = 0.35
)

// Pieces is a recording in which clips are looked for: where each of its pieces
// begins, in slow samples, and its spectrum.
type Pieces struct {
	at       []int
	spectrum [][]complex128
}

// Listen prepares a recording. Silence has no vote.
func Listen(recording []float64) Pieces {
	x := flat(recording, Rate)
	var h Pieces
	for at := 0; at+piece <= len(x); at += hop {
		if part := x[at : at+piece]; RMS(part) > Inaudible/10 {
			h.at = append(h.at, at)
			h.spectrum = append(h.spectrum, transform(part))
		}
	}
	return h
}

// Sought is a clip as it is looked for. It is played in a loop.
type Sought struct {
	spectrum []complex128 // of the clip and its first second
	loud     []float64    // root of the energy of the piece that begins there
}

// Seek prepares the clip in a WAV file, whose rate is a multiple of 4000.
func Seek(path string) (*Sought, error) {
	in, r, err := ReadWAV(path)
	if err != nil {
		return nil, err
	}
	if r%slow != 0 || len(in) < r || len(in)/r > longest {
		return nil, fmt.Errorf("%s: %d samples at %d a second; a clip lasts 1 to %d s, at a multiple of %d", path, len(in), r, longest, slow)
	}
	x := flat(in, r)
	length := len(x)
	x = append(x, x[:piece]...)
	c := &Sought{spectrum: transform(x)}
	energy := make([]float64, len(x)+1)
	for i, v := range x {
		energy[i+1] = energy[i] + v*v
	}
	for i := range length {
		c.loud = append(c.loud, math.Sqrt(energy[i+piece]-energy[i]))
	}
	return c, nil
}

// Length is how long the clip is.
func (c *Sought) Length() time.Duration { return slowly(len(c.loud)) }

// A Vote is what one piece of a recording, a second long, says: where it is, and when
// the clip began that is heard in it if any is, from 0 to less than the clip's length.
// Both are in the recording's time. Votes for times within [Agreement] agree.
type Vote struct{ At, Begin time.Duration }

// Agreement is how near votes must be to agree.
const Agreement = agreement * time.Second / slow

// Votes returns what the pieces of a recording say about a clip, in their order.
func (h Pieces) Votes(c *Sought) []Vote {
	var votes []Vote
	for i, begin := range h.begins(c) {
		votes = append(votes, Vote{slowly(h.at[i]), slowly(begin)})
	}
	return votes
}

// Share returns which part of a recording's pieces agree on when the clip
// began.
func (h Pieces) Share(c *Sought) float64 {
	begins, length := h.begins(c), len(c.loud)
	if len(begins) == 0 {
		return 0
	}
	most := 0
	for _, b := range begins {
		n := 0
		for _, o := range begins {
			if (o-b+length)%length <= agreement {
				n++
			}
		}
		most = max(most, n)
	}
	return float64(most) / float64(len(begins))
}

// begins returns for each piece when the clip began, were it the clip.
func (h Pieces) begins(c *Sought) []int {
	length := len(c.loud)
	begins := make([]int, len(h.at))
	for i := 0; i < len(begins); i += 2 {
		// Two real correlations for one transform: one is its real part, the
		// other its imaginary one.
		j := min(i+1, len(begins)-1)
		x := make([]complex128, fftSize)
		for k := range x {
			x[k] = c.spectrum[k] * (cmplx.Conj(h.spectrum[i][k]) + 1i*cmplx.Conj(h.spectrum[j][k]))
		}
		fft(x, true)
		begins[j] = c.best(func(k int) float64 { return imag(x[k]) })
		begins[i] = c.best(func(k int) float64 { return real(x[k]) })
	}
	for i := range begins {
		begins[i] = ((h.at[i]-begins[i])%length + length) % length
	}
	return begins
}

func slowly(samples int) time.Duration { return time.Duration(samples) * time.Second / slow }

// best is where a correlation, divided by how loud the clip is there, is
// greatest.
func (c *Sought) best(correlation func(int) float64) int {
	at, most := 0, 0.0
	for k, loud := range c.loud {
		if r := correlation(k) / loud; loud > 0 && r > most {
			at, most = k, r
		}
	}
	return at
}

// flat brings samples to the slow Rate and tilts the spectrum of speech, which
// falls with frequency, towards an even one: that makes the correlation of two
// different sounds small and its peak sharp. r is a multiple of the slow Rate.
func flat(x []float64, r int) []float64 {
	const edge = 1800.0 // Hz
	by := r / slow
	half := 8 * by
	taps := make([]float64, 2*half+1)
	for i := range taps {
		k := float64(i - half)
		taps[i] = 2 * edge / float64(r)
		if k != 0 {
			taps[i] = math.Sin(2*math.Pi*edge/float64(r)*k) / (math.Pi * k)
		}
		taps[i] *= 0.5 + 0.5*math.Cos(math.Pi*k/float64(half+1))
	}
	out := make([]float64, 0, len(x)/by)
	last := 0.0
	for at := 0; at < len(x); at += by {
		sum := 0.0
		for i, tap := range taps {
			if k := at + i - half; k >= 0 && k < len(x) {
				sum += tap * x[k]
			}
		}
		out = append(out, sum-0.9*last)
		last = sum
	}
	return out
}

func transform(x []float64) []complex128 {
	out := make([]complex128, fftSize)
	for i, v := range x {
		out[i] = complex(v, 0)
	}
	fft(out, false)
	return out
}

// fft transforms x in place, or back without the division by its length, by
// the method of Cooley and Tukey. len(x) is a power of two. It shares nothing
// with other goroutines, and would take most of the time of a run under the
// race detector.
//
//go:norace
func fft(x []complex128, inverse bool) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	turn := -2 * math.Pi
	if inverse {
		turn = -turn
	}
	factors := make([]complex128, n/2)
	for i := range factors {
		factors[i] = cmplx.Rect(1, turn*float64(i)/float64(n))
	}
	for size := 2; size <= n; size *= 2 {
		half, step := size/2, n/size
		for from := 0; from < n; from += size {
			for k := range half {
				a, b := x[from+k], x[from+half+k]*factors[k*step]
				x[from+k], x[from+half+k] = a+b, a-b
			}
		}
	}
}
