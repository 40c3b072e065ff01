// This file holds the seam to what is done with a voice before it is sent. Package audio/voice fills
// it.

package audio

// A Treatment makes what is worth sending out of what a microphone hears. It belongs to one
// goroutine at a time.
type Treatment interface {
	// Treat works in place on near, BlockSize samples at Rate. far is as much of what the
	// loudspeaker was given in the same 10 ms, as well as that is known; it is silence when nothing
	// is played, and must not be written to.
	Treat(near, far []float32) Heard

	// Shifted says that from the next block on near and far stand in another relation to each other
	// than before, by an unknown time: a device has stalled or was replaced. What was learnt of the
	// delay between them no longer holds.
	Shifted()
}

// Heard is what a Treatment found in one block.
type Heard struct {
	Voice bool // somebody near the microphone speaks
	Echo  bool // the loudspeaker is heard as well, and could not be taken out
}
