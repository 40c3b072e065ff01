// This file holds the microphone and the loudspeaker.

package device

import (
	"context"
	"errors"
	"sync/atomic"

	"stoa/audio"
)

// What the error of a State wraps, with the reason, when there is no device.
var (
	ErrNoMic     = errors.New("no microphone found")
	ErrNoSpeaker = errors.New("no loudspeaker found")
)

// A Mic is a microphone of the system.
type Mic struct{ end }

// A Speaker is a loudspeaker of the system.
type Speaker struct{ end }

var (
	_ audio.Input  = (*Mic)(nil)
	_ audio.Output = (*Speaker)(nil)
)

// An end is either.
type end struct {
	from source
	want *wish
	tell func(State) // may be nil
	lost atomic.Bool
}

// NewMic returns the microphone that is wanted. It is opened by Run. tell, which may be nil, is called
// on the goroutine of Run with how it is doing, at first and whenever that changes, and must not block.
func NewMic(want Choice, tell func(State)) *Mic {
	return &Mic{end{from: mini{capture, usable}, want: newWish(want), tell: tell}}
}

// NewSpeaker returns the loudspeaker that is wanted. It is opened by Run, which calls tell as that of a
// Mic does.
func NewSpeaker(want Choice, tell func(State)) *Speaker {
	return &Speaker{end{from: mini{playback, usable}, want: newWish(want), tell: tell}}
}

// Use changes to another device, also while Run runs, which does so without a gap. It may be called from
// any goroutine.
func (e *end) Use(want Choice) { e.want.set(want) }

// Lost reports whether Run has no device now, and silence stands in. It may be called from any goroutine.
func (e *end) Lost() bool { return e.lost.Load() }

// Run records from the microphone into r until ctx ends, and returns the error of ctx. Whatever happens
// to the microphone meanwhile: without one r is given silence, and as soon as there is one, sound.
func (m *Mic) Run(ctx context.Context, r *audio.Ring) error {
	return m.run(ctx, ErrNoMic, func(in []float32) { r.Write(in) })
}

// Run plays from r until ctx ends, and returns the error of ctx. Without a loudspeaker what it would
// have played is thrown away, in real time.
func (s *Speaker) Run(ctx context.Context, r *audio.Ring) error {
	return s.run(ctx, ErrNoSpeaker, r.Pull)
}

func (e *end) run(ctx context.Context, missing error, period func([]float32)) error {
	k := keeper{from: e.from, missing: missing, period: period, want: e.want, tell: func(s State) {
		e.lost.Store(s.Err != nil)
		if e.tell != nil {
			e.tell(s)
		}
	}}
	return k.run(ctx)
}
