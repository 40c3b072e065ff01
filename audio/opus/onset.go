// This file holds what keeps the encoder from pausing over the beginning of a word.

package opus

import "stoa/audio"

const (
	// onsetAbove is by how much a frame is louder than the room before it is worth sending,
	// whatever libopus takes it for, in dB. Its own detector finds a voice when that is loud:
	// the consonant before the first vowel, 20 to 60 ms, would be lost in a pause.
	onsetAbove = 6

	// onsetRise is how fast the room is believed to become louder, in dB a frame (3 dB a
	// second). That it is quieter is believed at once.
	onsetRise = 3.0 / 50

	// onsetRoom is the quietest room there is, in dB below a sine of full scale; beside it
	// nothing is heard.
	onsetRoom = -75

	// onsetHang is for how many frames it lasts: until libopus has found the voice.
	onsetHang = 3
)

// An onset finds the frames in a pause that stand out from the room. It is a pure machine; use
// newOnset.
type onset struct {
	room float32 // level of what is heard when nobody speaks, dB
	hang int
}

func newOnset() onset { return onset{room: onsetRoom} }

// next says whether a frame of such a level (RFC 6464) has to be sent.
func (o *onset) next(level uint8) bool {
	now := -float32(level)
	o.room = max(min(o.room+onsetRise, now), onsetRoom)
	switch {
	case now >= o.room+onsetAbove:
		o.hang = onsetHang
	case o.hang > 0:
		o.hang--
	}
	return o.hang > 0
}

// begin lets the encoder pause over a frame, or not.
func (e *Encoder) begin(pcm []float32) error {
	if e.enc != e.apart[forVoice] || e.enc == e.apart[forMusic] {
		return nil // it makes no pauses
	}
	loud := e.onset.next(audio.Level(pcm))
	if loud == e.loud {
		return nil
	}
	e.loud = loud
	return e.enc.SetDTX(!loud)
}
