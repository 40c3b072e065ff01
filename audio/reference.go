// This file holds what the loudspeaker has played, cut to the microphone's time.

package audio

// A Reference says what the loudspeaker was given while the microphone heard a block. The zero value
// is a Reference that knows of no loudspeaker.
type Reference struct {
	far *Ring
}

// NewReference returns a reference to what is pulled from played, which is not in use yet.
func NewReference(played *Ring) *Reference {
	r := &Reference{far: NewRing(RingSize)}
	played.Tap(r.far)
	return r
}

// next fills block with what the loudspeaker was given when the microphone heard the block that was
// read last from near. It returns whether the two have shifted against each other since the block
// before.
func (r *Reference) next(near *Ring, block []float32) (shifted bool) {
	if r == nil || r.far == nil {
		clear(block)
		return false
	}
	clear(block[r.far.Read(block):])
	return false
}
