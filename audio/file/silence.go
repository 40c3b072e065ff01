// A microphone nobody speaks into, and a loudspeaker nobody hears.

package file

import (
	"context"

	"stoa/audio"
)

// silenceTold is how many blocks of silence there are before there is nothing at all: an
// encoder has long made a pause of it.
const silenceTold = 100

// Silence is a microphone that hears nothing. It says so for a second, in real time, so that
// whoever listens knows a pause from a fault, and then waits: to say nothing a hundred times a
// second is a third of the work of a node that only listens. The zero value is ready.
type Silence struct{}

// Null is a loudspeaker that throws away what it plays, in real time, so that what is
// measured behind it is as with any other. The zero value is ready.
type Null struct{}

var (
	_ audio.Input  = Silence{}
	_ audio.Output = Null{}
)

// Run writes zeros into r for a second, waits until ctx ends, and returns its error.
func (Silence) Run(ctx context.Context, r *audio.Ring) error {
	p := newPacer()
	defer p.stop()
	block := make([]float32, audio.BlockSize)
	for n := int64(1); n <= silenceTold && p.sleep(ctx, p.due(n)); n++ {
		r.Write(block)
	}
	<-ctx.Done()
	return ctx.Err()
}

// Run pulls sound out of r until ctx ends, and returns its error.
func (Null) Run(ctx context.Context, r *audio.Ring) error {
	return pull(ctx, r, nil, func([]float32) error { return nil })
}
