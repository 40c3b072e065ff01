// This file holds the decoder.

package opus

import (
	"errors"
	"fmt"

	"github.com/hraban/opus"

	"stoa/audio"
)

// MaxPacketSamples is the longest packet that Opus knows, in samples: 120 ms.
const MaxPacketSamples = 120 * audio.Rate / 1000

// ErrPacket means that a payload is not an Opus packet of the length that is wanted.
var ErrPacket = errors.New("not a usable Opus packet")

// A Decoder decodes one voice to mono; a stereo packet is mixed down. It belongs to one goroutine
// at a time.
type Decoder struct {
	dec *opus.Decoder
}

var _ audio.Decoder = (*Decoder)(nil)

// NewDecoder returns a decoder that has heard nothing.
func NewDecoder() (*Decoder, error) {
	d := new(Decoder)
	return d, d.Reset()
}

// Decode decodes a payload of 20 ms into pcm, which holds audio.FrameSize samples. The error is
// ErrPacket for a payload that holds anything else; the decoder is as if it had not been called.
func (d *Decoder) Decode(payload []byte, pcm []float32) error {
	if err := check(payload, pcm); err != nil {
		return err
	}
	if _, err := d.dec.DecodeFloat32(payload, bounded(pcm)); err != nil {
		return fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return nil
}

// DecodeFEC makes the frame before next out of the error correction that next carries, and conceals
// it where next carries none. Decode(next) follows.
func (d *Decoder) DecodeFEC(next []byte, pcm []float32) error {
	if err := check(next, pcm); err != nil {
		return err
	}
	if err := d.dec.DecodeFECFloat32(next, bounded(pcm)); err != nil {
		return fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return nil
}

// Conceal makes a frame that continues what was heard, fading when asked again and again.
func (d *Decoder) Conceal(pcm []float32) error {
	if len(pcm) != audio.FrameSize {
		return fmt.Errorf("opus: conceal %d samples: want %d", len(pcm), audio.FrameSize)
	}
	if err := d.dec.DecodePLCFloat32(bounded(pcm)); err != nil {
		return fmt.Errorf("opus: conceal: %w", err)
	}
	return nil
}

// Reset forgets everything heard. It allocates.
func (d *Decoder) Reset() error {
	dec, err := opus.NewDecoder(audio.Rate, 1)
	if err != nil {
		return fmt.Errorf("opus: new decoder: %w", err)
	}
	d.dec = dec
	return nil
}

// DecodePacket decodes a packet of any length, as files hold them, into pcm, which has room for
// MaxPacketSamples, and returns the number of samples.
func (d *Decoder) DecodePacket(packet []byte, pcm []float32) (int, error) {
	n := Samples(packet)
	if n == 0 || n > len(pcm) {
		return 0, ErrPacket
	}
	if _, err := d.dec.DecodeFloat32(packet, bounded(pcm[:n])); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return n, nil
}

// check refuses a payload that is not one frame of audio.
func check(payload []byte, pcm []float32) error {
	if len(pcm) != audio.FrameSize {
		return fmt.Errorf("opus: decode into %d samples: want %d", len(pcm), audio.FrameSize)
	}
	if Samples(payload) != audio.FrameSize {
		return ErrPacket
	}
	return nil
}

// bounded keeps the binding, which goes by capacity, from writing behind pcm.
func bounded(pcm []float32) []float32 { return pcm[:len(pcm):len(pcm)] }
