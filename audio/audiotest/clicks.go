// This file holds the ear for clicks: it knows a speech, and finds in what became of it every step
// that the speech does not have.

package audiotest

import (
	"math"
	"slices"

	"stoa/audio"
)

const (
	clickWindow  = audio.Rate / 1000 // samples that are judged together: 1 ms
	clickContext = 10                // windows before and after that say how loud it is here
	clickBands   = 24                // of loudness, 4 dB each, from -96 dBFS up
	clickBand    = 4                 // dB
	clickFloor   = 2e-4              // steps below -74 dBFS are not heard whatever is around them
	clickMargin  = 1.4               // 3 dB above the roughest that the speech has
	clickStands  = 3                 // 10 dB above what is usual around it
)

// Clicks finds clicks. Roughness is the third difference of the samples: it grows by 18 dB with each
// octave, so that a step, whose spectrum falls by 6, stands out of a voice, whose spectrum falls by
// 12. The roughest millisecond of the speech itself is learnt for every loudness of what is around
// it, give or take 4 dB. What is rougher than that, and stands out of what is around it, is a click: a
// hiss that fades is rough for its loudness, but all of it is. So a click in a quiet place is found though there
// are plosives elsewhere.
//
// NewClicks makes one. Each stretch of sound is judged by a Clicks of its own or, when it goes on
// where the last ended, by the same.
type Clicks struct {
	allowed [clickBands]float64
	past    [3]float32
	windows [2*clickContext + 1]window // the last, in a circle
	filling window
	n       int   // samples so far
	found   []int // where
	Worst   float64
}

// window is a millisecond: its roughest place and its power.
type window struct {
	rough, power float64
	at           int // of the roughest sample
}

// NewClicks learns from speech that has no clicks.
func NewClicks(speech []float32) *Clicks {
	c := new(Clicks)
	for phase := 0; phase < clickWindow; phase += clickWindow / 4 { // wherever a millisecond begins
		new(Clicks).listen(speech[min(phase, len(speech)):], func(w window, band int) {
			c.allowed[band] = max(c.allowed[band], w.rough)
			c.allowed[max(band-1, 0)] = max(c.allowed[max(band-1, 0)], w.rough)
		})
	}
	for i := 1; i < clickBands; i++ { // what is allowed in a quiet place is allowed in a loud one
		c.allowed[i] = max(c.allowed[i], c.allowed[i-1])
	}
	for i := range c.allowed {
		c.allowed[i] = max(clickMargin*c.allowed[i], clickFloor)
	}
	return c
}

// Listen judges the next samples. A place is judged when the 10 ms after it are known.
func (c *Clicks) Listen(pcm []float32) {
	c.listen(pcm, func(w window, band int) {
		size := w.rough / max(c.allowed[band], clickStands*c.around())
		c.Worst = max(c.Worst, size)
		if size <= 1 {
			return
		}
		if k := len(c.found); k > 0 && w.at-c.found[k-1] < 2*clickWindow {
			return // the same, seen from the window beside it
		}
		c.found = append(c.found, w.at)
	})
}

// Found returns the places of the clicks, in samples since the first that Listen was given.
func (c *Clicks) Found() []int { return c.found }

func (c *Clicks) listen(pcm []float32, judge func(window, int)) {
	for _, v := range pcm {
		rough := math.Abs(float64(v - 3*c.past[0] + 3*c.past[1] - c.past[2]))
		c.past[2], c.past[1], c.past[0] = c.past[1], c.past[0], v
		if rough >= c.filling.rough {
			c.filling.rough, c.filling.at = rough, c.n
		}
		c.filling.power += float64(v) * float64(v) / clickWindow
		c.n++
		if c.n%clickWindow != 0 {
			continue
		}
		k := c.n/clickWindow - 1
		c.windows[k%len(c.windows)] = c.filling
		c.filling = window{}
		if k >= 2*clickContext {
			judge(c.windows[(k-clickContext)%len(c.windows)], c.band())
		}
	}
}

// around is how rough it is in the middle one of all windows that are remembered.
func (c *Clicks) around() float64 {
	var rough [len(c.windows)]float64
	for i, w := range c.windows {
		rough[i] = w.rough
	}
	slices.Sort(rough[:])
	return rough[len(rough)/2]
}

// band is how loud it is in all windows that are remembered.
func (c *Clicks) band() int {
	power := 0.0
	for _, w := range c.windows {
		power += w.power / float64(len(c.windows))
	}
	dB := 10*math.Log10(power+1e-12) + clickBands*clickBand
	return min(max(int(dB/clickBand), 0), clickBands-1)
}
