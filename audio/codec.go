// This file holds the seam to a codec. Package audio/opus fills it for real and package
// audio/audiotest with a codec in pure Go.

package audio

// MaxPause is the longest encoded frame, in bytes, that says only "pause": an Opus encoder with DTX
// makes such frames while nobody speaks (RFC 6716, section 2.1.9).
const MaxPause = 2

// An Encoder turns frames into payloads. It belongs to one goroutine at a time.
type Encoder interface {
	// Encode encodes FrameSize samples into dst, which holds at least MaxPayload bytes, and returns
	// the length. A length of MaxPause or less means a pause: the frame need not be sent.
	Encode(pcm []float32, dst []byte) (int, error)

	// SetLoss says which share of packets, in percent from 0 to 100, is expected to be lost, so
	// that the encoder can spend bits on forward error correction.
	SetLoss(percent int) error

	// SetBitrate says how many bits a second of speech should take on average, 6000 to 510000.
	SetBitrate(bits int) error

	// SetComplexity says how much work a frame may cost, from 1, the least, to 10.
	SetComplexity(level int) error

	// SetMusic says whether what comes is music: it is kept as it is, pauses too, where of a voice
	// it is enough that it is understood.
	SetMusic(on bool) error
}

// A Decoder turns the payloads of one speaker back into frames. It belongs to one goroutine at a
// time. Every method that is given pcm fills FrameSize samples. Calls come in the order of media
// time, with nothing for pauses; but Conceal may be called for a frame that then comes late, so
// that Decode or DecodeFEC of that very frame follows.
type Decoder interface {
	// Decode decodes a payload.
	Decode(payload []byte, pcm []float32) error

	// DecodeFEC makes the frame before the one in next out of the error correction that next
	// carries, or conceals it when next carries none. next is decoded as usual afterwards.
	DecodeFEC(next []byte, pcm []float32) error

	// Conceal invents a frame that continues what was heard. After a pause frame that is comfort
	// noise.
	Conceal(pcm []float32) error

	// Reset forgets everything heard.
	Reset() error
}
