// What became of a clip that one person said alone.

package hear

import (
	"fmt"
	"math"
	"time"
)

// Envelope is the root mean square of each 20 ms that begins at from.
func Envelope(x []float64, from int) []float64 {
	var e []float64
	for i := from; i+Window <= len(x); i += Window {
		e = append(e, RMS(x[i:i+Window]))
	}
	return e
}

// RMS is the root mean square.
func RMS(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

// correlation is Pearson's, over the length of the shorter.
func correlation(a, b []float64) float64 {
	n := min(len(a), len(b))
	if n == 0 {
		return 0
	}
	var ma, mb float64
	for i := range n {
		ma += a[i] / float64(n)
		mb += b[i] / float64(n)
	}
	var ab, aa, bb float64
	for i := range n {
		x, y := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// Verdict is how well a recording holds what was said.
type Verdict struct {
	At          float64 // seconds into the recording at which the clip begins
	Correlation float64 // of the 20 ms energy envelopes
	Gap         float64 // the longest silence where the original was loud, ms
	Level       float64 // of the recording against the original, dB
}

func (v Verdict) String() string {
	return fmt.Sprintf("at %.3f s: correlation %.4f, longest gap %.0f ms, level %+.2f dB", v.At, v.Correlation, v.Gap, v.Level)
}

// Compare finds a clip in a recording and says how well it was kept. The clip
// is looked for in steps of 2.5 ms, first coarsely by envelopes.
func Compare(clip, recording []float64) Verdict {
	want := Envelope(clip, 0)
	best := Verdict{Correlation: -1}
	const fine = Window / 8
	for offset := range 8 {
		got := Envelope(recording, offset*fine)
		for lag := 0; lag+len(want) <= len(got); lag++ {
			if c := correlation(want, got[lag:lag+len(want)]); c > best.Correlation {
				best.Correlation = c
				best.At = float64(offset*fine+lag*Window) / Rate
			}
		}
	}
	if best.Correlation < 0 {
		return best
	}
	start := int(best.At * Rate)
	part := recording[start : start+len(want)*Window]
	best.Level = 20 * math.Log10(RMS(part)/RMS(clip[:len(want)*Window]))
	best.Gap = longestGap(clip, part)
	return best
}

// longestGap is the longest stretch, in ms and steps of 5, in which the
// recording is all but silent while the original, then and 20 ms around, is
// loud.
func longestGap(clip, recording []float64) float64 {
	const step = Rate / 200
	loud := 0.1 * RMS(clip)
	longest, run := 0, 0
	for i := 0; i+step <= min(len(clip), len(recording)); i += step {
		from, to := max(i-Window, 0), min(i+step+Window, len(clip))
		quietNear := false
		for k := from; k+step <= to; k += step {
			if RMS(clip[k:k+step]) < loud {
				quietNear = true
				break
			}
		}
		if !quietNear && RMS(recording[i:i+step]) < 0.05*loud {
			run += 5
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	return float64(longest)
}

// LastSound is where the last thing to hear ends.
func LastSound(x []float64) time.Duration {
	last := 0
	for i, e := range Envelope(x, 0) {
		if e > Inaudible {
			last = i + 1
		}
	}
	return time.Duration(last) * 20 * time.Millisecond
}

// Loudest is the root mean square of the Loudest 20 ms.
func Loudest(x []float64) float64 {
	most := 0.0
	for _, e := range Envelope(x, 0) {
		most = max(most, e)
	}
	return most
}

// Inaudible is what nobody hears: -66 dBFS, 44 dB below the speech of the clips.
const Inaudible = 0.0005
