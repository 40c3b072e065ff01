// A microphone nobody speaks into, and a loudspeaker nobody hears.

package file

import (
	"context"

	"stoa/audio"
)

// Silence is a microphone that hears nothing, in real time. The zero value is ready.
type Silence struct{}

// Null is a loudspeaker that throws away what it plays, in real time, so that what is
// measured behind it is as with any other. The zero value is ready.
type Null struct{}

var (
	_ audio.Input  = Silence{}
	_ audio.Output = Null{}
)

// Run writes zeros into r until ctx ends, and returns its error.
func (Silence) Run(ctx context.Context, r *audio.Ring) error {
	p := newPacer()
	defer p.stop()
	block := make([]float32, audio.BlockSize)
	for n := int64(1); p.sleep(ctx, p.due(n)); n++ {
		r.Write(block)
	}
	return ctx.Err()
}

// Run pulls sound out of r until ctx ends, and returns its error.
func (Null) Run(ctx context.Context, r *audio.Ring) error {
	return pull(ctx, r, nil, func([]float32) error { return nil })
}
