// Marks: how long the way from mouth to ear takes.

package hear

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Marks lie in speech so far apart that none can be taken for the next of its kind, and are
// like nothing else in it: tones that rise from 300 to 3400 Hz and, every other one, fall.
const (
	markEvery  = Rate / 2      // samples
	markAt     = Rate / 4      // of the first one
	markSize   = Rate / 25     // 40 ms
	markMost   = 8 * Rate / 10 // the longest way from mouth to ear that is looked for
	markedSize = 8 * Rate      // a whole number of pairs of marks, for it is played in a loop
	markLike   = 0.6           // part of the mark's energy that must be there for it to count as found
)

// marks returns the two kinds, the rising one first.
func marks() (kinds [2][]float64) {
	rising, falling := make([]float64, markSize), make([]float64, markSize)
	for i := range rising {
		at := float64(i) / Rate
		const from, to, length = 300.0, 3400.0, float64(markSize) / Rate
		phase := 2 * math.Pi * (from*at + (to-from)/(2*length)*at*at)
		rising[i] = 0.4 * math.Sin(phase) * math.Pow(math.Sin(math.Pi*float64(i)/markSize), 2)
		falling[markSize-1-i] = rising[i]
	}
	return [2][]float64{rising, falling}
}

// WriteMarked makes a WAV file of 8 s for somebody who speaks without taking breath, out of
// the loud parts of the clip in another file, with marks. It is to be played in a loop.
func WriteMarked(path, clip string) error {
	x, err := ReadClip(clip)
	if err != nil {
		return err
	}
	if len(x) <= Window || RMS(x) == 0 {
		return fmt.Errorf("%s: nothing is said", clip)
	}
	loud := RMS(x) / 3
	var out []float64
	for i := 0; len(out) < markedSize; i = (i + Window) % (len(x) - Window) {
		if part := x[i : i+Window]; RMS(part) > loud {
			out = append(out, part...)
		}
	}
	kinds := marks()
	for k := range markedSize / markEvery {
		for i, m := range kinds[k%2] {
			out[markAt+k*markEvery+i] += m
		}
	}
	return WriteWAV(path, out[:markedSize])
}

// MarkDelays finds the marks that one stoa spoke in the recording of another, and returns
// how long after it was spoken each was heard, in ms, and how many were not found after the
// first that was. The logs, of level debug, tell when the files that stand in for devices began.
func MarkDelays(recording, speakerLog, listenerLog string) (delays []float64, missed int, err error) {
	spoke, err := Began(speakerLog, "microphone")
	if err != nil {
		return nil, 0, err
	}
	heard, err := Began(listenerLog, "loudspeaker")
	if err != nil {
		return nil, 0, err
	}
	x, _, err := ReadWAV(recording)
	if err != nil {
		return nil, 0, err
	}
	delays, missed = DelaysOfMarks(x, heard-spoke)
	return delays, missed, nil
}

// Began reads in a log when the file that stands in for a device began, in unix time.
func Began(log, device string) (time.Duration, error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile("the file as " + device + " begins\" unix_us=([0-9]+)").FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("%s does not say when the %s began", log, device)
	}
	us, err := strconv.ParseInt(string(found[1]), 10, 64)
	return time.Duration(us) * time.Microsecond, err
}

// MarkDelaysBeside does the same with a recording of two places side by side: of what WriteMarked has
// written, from its beginning, and of where it was heard, which may be louder or softer.
func MarkDelaysBeside(spoken, heard []float64) (delays []float64, missed int, err error) {
	from := slices.IndexFunc(spoken, func(v float64) bool { return v != 0 })
	if from < 0 || len(heard) < len(spoken) || len(spoken) < from+markEvery+markSize {
		return nil, 0, errors.New("nothing was said, or less recorded of what was heard")
	}
	mark, best, begin := marks()[0], 0.0, 0
	for at := from; at < from+markEvery; at++ {
		if dot := product(spoken[at:], mark); dot > best {
			best, begin = dot, at-markAt
		}
	}
	if begin < 0 {
		return nil, 0, errors.New("the beginning of what was said was not recorded")
	}
	gain := 0.0
	if loud := RMS(heard[begin:]); loud > 0 {
		gain = RMS(spoken[begin:]) / loud
	}
	level := make([]float64, len(heard)-begin)
	for i, v := range heard[begin:] {
		level[i] = gain * v
	}
	delays, missed = DelaysOfMarks(level, 0)
	return delays, missed, nil
}

// product is the sum of products of a mark and as much of x.
func product(x, mark []float64) (sum float64) {
	for i, v := range x[:len(mark)] {
		sum += v * mark[i]
	}
	return sum
}

// DelaysOfMarks does the same with a recording that began so long after the speech did.
func DelaysOfMarks(heard []float64, after time.Duration) (delays []float64, missed int) {
	shift := int(math.Round(after.Seconds() * Rate))
	kinds := marks()
	energy := 0.0 // of either
	for _, v := range kinds[0] {
		energy += v * v
	}
	for k := 0; ; k++ {
		at := markAt - shift + k*markEvery
		if at+markMost+markSize >= len(heard) {
			return delays, missed
		}
		best, like := 0, 0.0
		for lag := max(0, -at); lag < markMost && at+lag >= 0; lag++ {
			if dot := product(heard[at+lag:], kinds[k%2]); dot > like {
				best, like = lag, dot
			}
		}
		switch {
		case like > markLike*energy:
			delays = append(delays, float64(best)*1000/Rate)
		case len(delays) > 0: // before the first one nobody was heard
			missed++
		}
	}
}
