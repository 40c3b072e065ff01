// This file holds the unit of audio that leaves a Capture and enters a Source, and the constants
// that every part of the package shares.

package audio

import "time"

const (
	// Rate is the sample rate of everything in this package, in samples a second.
	Rate = 48000

	// FrameSize is the number of samples in a frame. Audio is mono.
	FrameSize = 960

	// FrameTime is the length of a frame.
	FrameTime = 20 * time.Millisecond

	// BlockSize is the number of samples that a Player mixes at once: 10 ms. Outputs do best to
	// pull this much or less at a time, for whatever they pull at once is delay.
	BlockSize = FrameSize / 2

	// MaxPayload is the largest encoded frame, in bytes. It is the largest single frame that Opus
	// can make (RFC 6716, section 3.2.1). Larger payloads are refused.
	MaxPayload = 1275
)

// A Packet is one encoded frame with its place in time.
type Packet struct {
	// Index counts frames of media time. It goes on through pauses and while muted, so the
	// difference of two indices is always the time between two frames.
	Index uint32

	// Since is how many frames before this one the previous packet's frame was: 1 when they touch,
	// more after a pause in which the sender had nothing to say, and 0 at the start of a talkspurt
	// whose distance is unknown or above 255. A receiver tells a pause from a loss by it.
	Since uint8

	// End says that the sender pauses after this frame, so what follows is silence and not loss.
	End bool

	// Level is the loudness of the frame as RFC 6464 has it: 0 is full scale, 127 is silence, in
	// steps of -1 dB.
	Level uint8

	// Payload is the encoded frame, 1 to MaxPayload bytes. Whoever receives a Packet from a
	// callback must not keep it past the call.
	Payload []byte
}
