// This file holds a codec in pure Go: 8-bit mu-law with a coarse copy of the previous frame.

package audiotest

import (
	"errors"
	"math"

	"stoa/audio"
)

var (
	_ audio.Encoder = (*Encoder)(nil)
	_ audio.Decoder = (*Decoder)(nil)
)

const (
	fecStep     = 4 // the copy of the previous frame has every fourth sample
	payloadSize = audio.FrameSize + audio.FrameSize/fecStep
)

var errPayload = errors.New("audiotest: payload is not of this codec")

// An Encoder makes payloads of 1200 bytes: 960 samples, then 240 of the frame before. Digital
// silence becomes a payload of one byte, as DTX makes it.
type Encoder struct {
	Loss       int  // what SetLoss was last told
	Bitrate    int  // what SetBitrate was last told
	Complexity int  // what SetComplexity was last told
	Music      bool // what SetMusic was last told

	last [audio.FrameSize / fecStep]byte
}

// Encode is part of audio.Encoder.
func (e *Encoder) Encode(pcm []float32, dst []byte) (int, error) {
	if len(pcm) != audio.FrameSize || len(dst) < payloadSize {
		return 0, errors.New("audiotest: wrong size")
	}
	silent := true
	for i, v := range pcm {
		dst[i] = compress(v)
		silent = silent && v == 0
	}
	copy(dst[audio.FrameSize:], e.last[:])
	for i := range e.last {
		e.last[i] = dst[i*fecStep]
	}
	if silent {
		return 1, nil
	}
	return payloadSize, nil
}

// SetLoss is part of audio.Encoder.
func (e *Encoder) SetLoss(percent int) error {
	e.Loss = percent
	return nil
}

// SetBitrate is part of audio.Encoder. The payloads stay as they are.
func (e *Encoder) SetBitrate(bits int) error {
	e.Bitrate = bits
	return nil
}

// SetComplexity is part of audio.Encoder. The payloads stay as they are.
func (e *Encoder) SetComplexity(level int) error {
	e.Complexity = level
	return nil
}

// SetMusic is part of audio.Encoder. The payloads stay as they are.
func (e *Encoder) SetMusic(on bool) error {
	e.Music = on
	return nil
}

// A Decoder decodes what Encoder makes. It conceals by repeating the last frame 6 dB quieter each
// time, and counts what it was asked for.
type Decoder struct {
	Decoded, Repaired, Concealed int

	last [audio.FrameSize]float32
}

// Decode is part of audio.Decoder.
func (d *Decoder) Decode(payload []byte, pcm []float32) error {
	d.Decoded++
	switch len(payload) {
	case 1:
		clear(pcm)
	case payloadSize:
		for i := range pcm {
			pcm[i] = expand(payload[i])
		}
	default:
		return errPayload
	}
	copy(d.last[:], pcm)
	return nil
}

// DecodeFEC is part of audio.Decoder.
func (d *Decoder) DecodeFEC(next []byte, pcm []float32) error {
	if len(next) != payloadSize {
		return d.Conceal(pcm)
	}
	d.Repaired++
	coarse := next[audio.FrameSize:]
	for i := range pcm {
		at := i / fecStep
		a := expand(coarse[at])
		b := expand(coarse[min(at+1, len(coarse)-1)])
		pcm[i] = a + (b-a)*float32(i%fecStep)/fecStep
	}
	copy(d.last[:], pcm)
	return nil
}

// Conceal is part of audio.Decoder.
func (d *Decoder) Conceal(pcm []float32) error {
	d.Concealed++
	for i := range pcm {
		d.last[i] /= 2
		pcm[i] = d.last[i]
	}
	return nil
}

// Reset is part of audio.Decoder.
func (d *Decoder) Reset() error {
	clear(d.last[:])
	return nil
}

const mu = 255

// compress maps a sample to 8 bits along the mu-law curve, symmetric about 128.
func compress(v float32) byte {
	x := math.Min(math.Abs(float64(v)), 1)
	y := math.Round(127 * math.Log1p(mu*x) / math.Log1p(mu))
	return byte(128 + int(math.Copysign(y, float64(v))))
}

var expanded = func() (t [256]float32) {
	for i := range t {
		y := float64(i-128) / 127
		t[i] = float32(math.Copysign(math.Expm1(math.Abs(y)*math.Log1p(mu))/mu, y))
	}
	return t
}()

func expand(b byte) float32 { return expanded[b] }
