// This file holds the microphone and the loudspeaker.

package device

import (
	"context"
	"errors"

	"stoa/audio"
)

// What Run returns, with the reason, when there is no device to begin with. A caller may go on
// without one.
var (
	ErrNoMic     = errors.New("no microphone found")
	ErrNoSpeaker = errors.New("no loudspeaker found")
)

// A Mic is the system's default microphone.
type Mic struct{ open opener }

// A Speaker is the system's default loudspeaker.
type Speaker struct{ open opener }

var (
	_ audio.Input  = (*Mic)(nil)
	_ audio.Output = (*Speaker)(nil)
)

// NewMic returns the microphone. It is opened by Run.
func NewMic() *Mic { return &Mic{openDefault(capture)} }

// NewSpeaker returns the loudspeaker. It is opened by Run.
func NewSpeaker() *Speaker { return &Speaker{openDefault(playback)} }

// Run opens the microphone and records into r until ctx ends, and returns the error of ctx. A
// microphone that goes away is opened again when it comes back; until then it is silent. The error
// wraps ErrNoMic when it cannot be opened at first.
func (m *Mic) Run(ctx context.Context, r *audio.Ring) error {
	k := keeper{
		open:    m.open,
		missing: ErrNoMic,
		period:  func(in []float32) { r.Write(in) },
	}
	return k.run(ctx)
}

// Run opens the loudspeaker and plays from r until ctx ends, and returns the error of ctx. A
// loudspeaker that goes away is opened again when it comes back; until then what it would have
// played is thrown away. The error wraps ErrNoSpeaker when it cannot be opened at first.
func (s *Speaker) Run(ctx context.Context, r *audio.Ring) error {
	k := keeper{
		open:    s.open,
		missing: ErrNoSpeaker,
		period:  r.Pull,
	}
	return k.run(ctx)
}
