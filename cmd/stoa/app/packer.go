// Several frames into one packet: two for what goes through relays, and to listeners
// as many as the way to them asks for.

package app

import (
	"time"

	"stoa/audio"
	"stoa/room/seal"
)

// heldMost is for how long the frames of a packet wait for the rest of it, beyond
// the time that these take to be spoken. After that the microphone has stalled,
// and whoever waits for them has long made something up.
const heldMost = 2 * audio.FrameTime

// packedMost is the size in bytes from which on frames do not wait for more:
// beside it there is room for all that a packet holds else.
const packedMost = 1000

// packer puts frames together that follow one another. It is a pure machine.
type packer struct {
	size  int    // frames a packet, 1 to seal.MaxFrames
	shift uint32 // a packet begins with an index that has this remainder by size

	held     [seal.MaxFrames]seal.Frame // the first n wait
	n        int
	bytes    int       // of them
	came     time.Time // when the first of them did
	payloads [seal.MaxFrames][audio.MaxPayload]byte
}

// add takes the next frame, whose payload it copies if it must, and hands out
// what is a packet now: nothing, one, or what waited and then this frame alone.
func (p *packer) add(f seal.Frame, now time.Time, emit func(frames ...seal.Frame) error) error {
	if p.n > 0 {
		last := &p.held[p.n-1]
		switch {
		case now.Sub(p.came) > heldMost+time.Duration(p.size-1)*audio.FrameTime:
			p.n = 0
		case f.Index != last.Index+1 || len(f.Payload) == 0 || p.bytes+len(f.Payload) > packedMost:
			// A pause has begun that nobody told of, or this one does not fit.
			if err := p.flush(emit); err != nil {
				return err
			}
		}
	}
	if p.n == 0 {
		p.bytes, p.came = 0, now
	}
	full := p.n+1 >= p.size || (f.Index-p.shift)%uint32(p.size) == uint32(p.size-1)
	if f.End || full || len(f.Payload) > packedMost {
		p.held[p.n] = f
		p.n++
		return p.flush(emit)
	}
	f.Payload = p.payloads[p.n][:copy(p.payloads[p.n][:], f.Payload)]
	p.held[p.n] = f
	p.bytes += len(f.Payload)
	p.n++
	return nil
}

func (p *packer) flush(emit func(frames ...seal.Frame) error) error {
	n := p.n
	p.n = 0
	return emit(p.held[:n]...)
}

// flip makes packets begin one frame later from the next one on.
func (p *packer) flip() { p.shift = (p.shift + 1) % uint32(p.size) }

// forget drops what waits.
func (p *packer) forget() { p.n = 0 }
