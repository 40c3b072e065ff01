// This file holds the encoder, in its three settings: for a voice that is sent, for music that is
// sent, and for a recording.

package opus

import (
	"errors"
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

// An Encoder encodes what one person says or plays. It belongs to one goroutine at a time.
type Encoder struct {
	enc    *opus.Encoder    // the one in use
	apart  [2]*opus.Encoder // for a voice, for music; libopus cannot change from one to the other
	chosen settings
	onset  onset
	loud   bool // as onset has said last: no pause is made
}

// settings are what both encoders are told when they come into use.
type settings struct{ bitrate, complexity, loss int }

var _ audio.Encoder = (*Encoder)(nil)

// Places of Encoder.apart.
const (
	forVoice = iota
	forMusic
)

// NewEncoder returns an encoder for a voice that is sent packet by packet over a network that
// loses some.
func NewEncoder() (*Encoder, error) {
	e := &Encoder{chosen: settings{voiceBitrate, voiceComplexity, initialLoss}, onset: newOnset()}
	for i, app := range [...]opus.Application{forVoice: opus.AppVoIP, forMusic: opus.AppAudio} {
		enc, err := opus.NewEncoder(audio.Rate, 1, app)
		if err == nil {
			err = errors.Join(enc.SetDTX(i == forVoice), enc.SetInBandFEC(true))
		}
		if err != nil {
			return nil, fmt.Errorf("opus: set up encoder: %w", err)
		}
		e.apart[i] = enc
	}
	return e, e.use(forVoice)
}

// NewRecorder returns an encoder for a file, where nothing is lost and every frame is kept: it
// makes no pauses.
func NewRecorder() (*Encoder, error) {
	enc, err := opus.NewEncoder(audio.Rate, 1, opus.AppAudio)
	if err != nil {
		return nil, fmt.Errorf("opus: new encoder: %w", err)
	}
	e := &Encoder{apart: [2]*opus.Encoder{enc, enc}, chosen: settings{recordBitrate, recordComplexity, 0}}
	return e, e.use(forMusic)
}

// use goes on with one of the encoders, which begins anew.
func (e *Encoder) use(which int) error {
	enc := e.apart[which]
	err := errors.Join(enc.Reset(), enc.SetBitrate(e.chosen.bitrate), enc.SetComplexity(e.chosen.complexity),
		enc.SetPacketLossPerc(e.chosen.loss))
	if err != nil {
		return fmt.Errorf("opus: set up encoder: %w", err)
	}
	e.enc = enc
	return nil
}

// Encode encodes audio.FrameSize samples into dst, of at least audio.MaxPayload bytes, and returns
// the length. A length of audio.MaxPause or less is a pause, and need not be sent.
func (e *Encoder) Encode(pcm []float32, dst []byte) (int, error) {
	if len(pcm) != audio.FrameSize || len(dst) < audio.MaxPayload {
		return 0, fmt.Errorf("opus: encode %d samples into %d bytes: want %d into %d",
			len(pcm), len(dst), audio.FrameSize, audio.MaxPayload)
	}
	if err := e.begin(pcm); err != nil {
		return 0, fmt.Errorf("opus: pauses: %w", err)
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
	e.chosen.bitrate = bits
	return nil
}

// SetComplexity says how much work a frame may cost, 1 to 10. On a current core a frame takes from
// 0.1 ms to 0.3 ms.
func (e *Encoder) SetComplexity(level int) error {
	if level < 1 || level > 10 {
		return fmt.Errorf("opus: complexity of %d", level)
	}
	if err := e.enc.SetComplexity(level); err != nil {
		return fmt.Errorf("opus: set complexity: %w", err)
	}
	e.chosen.complexity = level
	return nil
}

// SetMusic says whether what comes is music. Then the whole spectrum is kept, and the silence too;
// above 50 kbit/s or so libopus gives up forward error correction for it. The switch is heard as a
// short gap, if anything is.
func (e *Encoder) SetMusic(on bool) error {
	which := forVoice
	if on {
		which = forMusic
	}
	if e.enc == e.apart[which] {
		return nil
	}
	return e.use(which)
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
	e.chosen.loss = percent
	return nil
}
