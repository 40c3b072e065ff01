// How much work the encoder does.

package app

import (
	"time"

	"stoa/audio"
)

// Complexities of Opus, from 1 to 10. Above 8 it costs a third more than at 8 and is hardly
// heard; below 5 it is.
const (
	effortMost    = 10
	effortBattery = 8
	effortLeast   = 1
)

const (
	// loadMost is how long a frame may take to encode: of its 20 ms others have to be decoded
	// too, and the machine has more to do than this program. Beyond it the work becomes
	// effortStep less, and again after effortPause, which is when the average shows it.
	loadMost    = audio.FrameTime / 4
	effortStep  = 2
	effortPause = 2 * time.Second

	// loadLittle for effortCalm is when one more is tried. Before what has been too
	// much it is twice as long each time that it is again, up to effortRarely.
	loadLittle   = audio.FrameTime / 10
	effortCalm   = 30 * time.Second
	effortRarely = 8 * time.Minute
)

// effort chooses a complexity, by what the machine runs on and by whether it keeps up. It is
// a pure machine; use newEffort. Times never go back.
type effort struct {
	most   int           // that the machine can do
	failed int           // what was too much for it last
	cut    time.Duration // when that was
	calm   time.Duration // since when a frame has taken little
	wait   time.Duration // of calm, before failed is tried again
	begun  bool
}

func newEffort() *effort { return &effort{most: effortMost, failed: effortMost + 1, wait: effortCalm} }

// next takes what the machine runs on and how long a frame takes to encode lately, 0 when that
// is not known, and returns the complexity.
func (e *effort) next(on power, load, now time.Duration) int {
	if !e.begun {
		e.begun, e.calm, e.cut = true, now, now-effortPause
	}
	switch {
	case load > loadMost && now-e.cut >= effortPause:
		if e.most >= e.failed {
			e.wait = min(2*e.wait, effortRarely)
		}
		e.failed = e.most
		e.most, e.cut, e.calm = max(e.most-effortStep, effortLeast), now, now
	case load > loadLittle || load == 0:
		e.calm = now
	case e.most >= e.failed && now-e.calm >= effortCalm: // it bears that now
		e.failed, e.wait = effortMost+1, effortCalm
	case e.most < effortMost && now-e.calm >= e.pause():
		e.most, e.calm = e.most+1, now
	}
	if on == powerBattery {
		return min(e.most, effortBattery)
	}
	return e.most
}

// pause is how long a calm has to last before one more is tried.
func (e *effort) pause() time.Duration {
	if e.most+1 >= e.failed {
		return e.wait
	}
	return effortCalm
}
