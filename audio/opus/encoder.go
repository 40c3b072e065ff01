// This file holds the encoder, in its two settings: for a voice that is sent, and for a recording.

package opus

import (
	"fmt"

	"github.com/hraban/opus"

	"stoa/audio"
)

// PreSkip is the delay of encoder and decoder together at 48 kHz, in samples: libopus looks 6.5 ms
// ahead in the settings used here. It is what the header of an Ogg/Opus file tells to skip.
const PreSkip = 312

// Settings of a voice. At 32 kbit/s the whole band fits beside the redundancy for a moderate loss,
// and complexity is no bottleneck: 10 costs 1 to 3 % of a core.
const (
	voiceBitrate    = 32000
	voiceComplexity = 10

	// initialLoss is what is expected before anybody has measured it, in percent: the first
	// seconds are when a listener can least afford to lose a word.
	initialLoss = 5
)

// Settings of a recording: transparent for speech, and cheap enough to run beside a conversation.
const (
	recordBitrate    = 64000
	recordComplexity = 5
)

// An Encoder encodes one voice. It belongs to one goroutine at a time.
type Encoder struct {
	enc *opus.Encoder
}

var _ audio.Encoder = (*Encoder)(nil)

// NewEncoder returns an encoder for a voice that is sent packet by packet over a network that
// loses some.
func NewEncoder() (*Encoder, error) {
	enc, err := newEncoder(opus.AppVoIP, voiceBitrate, voiceComplexity)
	if err != nil {
		return nil, err
	}
	for _, set := range []func() error{
		func() error { return enc.enc.SetDTX(true) },
		func() error { return enc.enc.SetInBandFEC(true) },
		func() error { return enc.SetLoss(initialLoss) },
	} {
		if err := set(); err != nil {
			return nil, fmt.Errorf("opus: set up encoder: %w", err)
		}
	}
	return enc, nil
}

// NewRecorder returns an encoder for a file, where nothing is lost and every frame is kept: it
// makes no pauses.
func NewRecorder() (*Encoder, error) {
	return newEncoder(opus.AppAudio, recordBitrate, recordComplexity)
}

func newEncoder(app opus.Application, bitrate, complexity int) (*Encoder, error) {
	enc, err := opus.NewEncoder(audio.Rate, 1, app)
	if err != nil {
		return nil, fmt.Errorf("opus: new encoder: %w", err)
	}
	if err := enc.SetBitrate(bitrate); err != nil {
		return nil, fmt.Errorf("opus: set bitrate: %w", err)
	}
	if err := enc.SetComplexity(complexity); err != nil {
		return nil, fmt.Errorf("opus: set complexity: %w", err)
	}
	return &Encoder{enc: enc}, nil
}

// Encode encodes audio.FrameSize samples into dst, of at least audio.MaxPayload bytes, and returns
// the length. A length of audio.MaxPause or less is a pause, and need not be sent.
func (e *Encoder) Encode(pcm []float32, dst []byte) (int, error) {
	if len(pcm) != audio.FrameSize || len(dst) < audio.MaxPayload {
		return 0, fmt.Errorf("opus: encode %d samples into %d bytes: want %d into %d",
			len(pcm), len(dst), audio.FrameSize, audio.MaxPayload)
	}
	// The binding goes by capacity; neither slice may be used beyond its length.
	n, err := e.enc.EncodeFloat32(pcm, dst[:audio.MaxPayload:audio.MaxPayload])
	if err != nil {
		return 0, fmt.Errorf("opus: encode: %w", err)
	}
	return n, nil
}

// SetBitrate says how many bits a second of speech should take, 6000 to 510000.
func (e *Encoder) SetBitrate(bits int) error {
	if bits < 6000 || bits > 510000 {
		return fmt.Errorf("opus: bitrate of %d", bits)
	}
	if err := e.enc.SetBitrate(bits); err != nil {
		return fmt.Errorf("opus: set bitrate: %w", err)
	}
	return nil
}

// SetLoss says which share of packets is expected to be lost, 0 to 100 percent. At 0 no bits are
// spent on forward error correction.
func (e *Encoder) SetLoss(percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("opus: loss of %d percent", percent)
	}
	if err := e.enc.SetPacketLossPerc(percent); err != nil {
		return fmt.Errorf("opus: set loss: %w", err)
	}
	return nil
}
