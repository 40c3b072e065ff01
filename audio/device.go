// This file holds the seam to sources and sinks of sound: sound cards, files, silence. Package
// audio/device and package audio/file fill it for real and package audio/audiotest in tests.

package audio

import "context"

// An Input is a microphone, or a file in its place.
type Input interface {
	// Run writes samples at Rate into r, in real time and in pieces of at most FrameSize, until ctx
	// is done or the input fails for good. When it returns nothing touches r any more.
	Run(ctx context.Context, r *Ring) error
}

// An Output is a loudspeaker, or a file in its place.
type Output interface {
	// Run pulls samples at Rate out of r with Ring.Pull, in real time, in equal pieces and best of
	// BlockSize or less, until ctx is done or the output fails for good. When it returns nothing
	// touches r any more.
	Run(ctx context.Context, r *Ring) error
}
