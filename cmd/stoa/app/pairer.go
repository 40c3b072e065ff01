// Two frames into one packet: what goes through relays.

package app

import (
	"time"

	"stoa/audio"
	"stoa/room/seal"
)

// heldMost is how long a frame waits for the one that follows it. After that
// the microphone has stalled, and whoever hears by a relay has long made
// something up for it.
const heldMost = 3 * audio.FrameTime

// pairer puts frames together two by two. It is a pure machine.
type pairer struct {
	odd bool // a pair begins with an odd index

	held    seal.Frame // waits for its second
	holding bool
	came    time.Time // when it did
	payload [audio.MaxPayload]byte
}

// add takes the next frame, whose payload it copies if it must, and hands out
// what is a packet now: nothing, two frames, or one that stays alone.
func (p *pairer) add(f seal.Frame, now time.Time, emit func(frames ...seal.Frame) error) error {
	if p.holding {
		p.holding = false
		switch {
		case now.Sub(p.came) > heldMost:
		case f.Index == p.held.Index+1 && len(f.Payload) > 0:
			return emit(p.held, f)
		default: // a pause has begun that nobody told of
			if err := emit(p.held); err != nil {
				return err
			}
		}
	}
	if f.End || (f.Index%2 == 1) != p.odd || len(f.Payload) > len(p.payload) {
		return emit(f)
	}
	p.held, p.holding, p.came = f, true, now
	p.held.Payload = p.payload[:copy(p.payload[:], f.Payload)]
	return nil
}

// flip pairs frames the other way from the next pair on.
func (p *pairer) flip() { p.odd = !p.odd }

// forget drops a frame that waits.
func (p *pairer) forget() { p.holding = false }
