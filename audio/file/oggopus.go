// Reading Opus in Ogg (RFC 7845): headers, pre-skip, output gain, end trimming.

package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"stoa/audio/opus"
)

// opusHead is the identification header, the first packet (RFC 7845 section 5.1):
//
//	0  8 "OpusHead"
//	8  1 version; the upper four bits must be zero
//	9  1 channels
//	10 2 pre-skip: samples at 48 kHz to throw away at the start
//	12 4 rate of the original, for information
//	16 2 output gain, 1/256 dB, signed
//	18 1 mapping family; 0 is mono or stereo with nothing after it
type opusHead struct {
	preSkip int     // samples
	gain    float32 // factor for every sample
}

const opusHeadSize = 19

func isOpusHead(packet []byte) bool {
	return len(packet) >= 8 && string(packet[:8]) == "OpusHead"
}

func parseOpusHead(b []byte) (opusHead, error) {
	switch {
	case len(b) < opusHeadSize:
		return opusHead{}, errors.New("the Opus header is too short")
	case b[8]&0xF0 != 0:
		return opusHead{}, errors.New("the Opus header has an unknown version")
	case b[9] != 1 && b[9] != 2, b[18] != 0:
		return opusHead{}, errors.New("only mono and stereo Opus is supported")
	}
	dB := float64(int16(binary.LittleEndian.Uint16(b[16:]))) / 256
	return opusHead{
		preSkip: int(binary.LittleEndian.Uint16(b[10:])),
		gain:    float32(math.Pow(10, dB/20)),
	}, nil
}

// appendOpusHead appends the header of a mono stream without gain.
func appendOpusHead(b []byte, preSkip uint16, rate uint32) []byte {
	b = append(b, "OpusHead\x01\x01"...)
	b = binary.LittleEndian.AppendUint16(b, preSkip)
	b = binary.LittleEndian.AppendUint32(b, rate)
	return append(b, 0, 0, 0)
}

// appendOpusTags appends the comment header (RFC 7845 section 5.2) with no comments.
func appendOpusTags(b []byte, vendor string) []byte {
	b = append(b, "OpusTags"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(vendor)))
	b = append(b, vendor...)
	return binary.LittleEndian.AppendUint32(b, 0)
}

// oggReader yields the samples of an Ogg/Opus file at 48 kHz. libopus mixes
// stereo to mono as it decodes.
type oggReader struct {
	packets oggPackets
	dec     *opus.Decoder
	head    opusHead

	pcm     [opus.MaxPacketSamples]float32
	ready   []float32 // the part of pcm that was not read yet
	decoded int64     // samples decoded so far, with those of the pre-skip
	skip    int       // samples still to throw away
}

// parseOgg reads up to the first sound packet.
func parseOgg(r *bufio.Reader) (*oggReader, error) {
	o := &oggReader{packets: oggPackets{pages: oggPages{r: r}}}
	head, err := o.packets.begin(isOpusHead)
	if err != nil {
		return nil, err
	}
	if o.head, err = parseOpusHead(head); err != nil {
		return nil, err
	}
	o.skip = o.head.preSkip
	// Comments may hold pictures of any size; nothing beyond the first bytes is kept.
	tags, err := o.packets.read(8)
	if err != nil && err != errLongPacket {
		return nil, cutOff(err)
	}
	if string(tags) != "OpusTags" {
		return nil, errors.New("the Opus comment header is missing")
	}
	if o.dec, err = opus.NewDecoder(); err != nil {
		return nil, err
	}
	// The first packet with sound is read here: a file without any is refused when opened.
	if err := o.decode(); err == io.EOF {
		return nil, errors.New("the Ogg/Opus file holds no sound")
	} else if err != nil {
		return nil, err
	}
	return o, nil
}

func (o *oggReader) read(dst []float32) (int, error) {
	for len(o.ready) == 0 {
		if err := o.decode(); err != nil {
			return 0, err
		}
	}
	n := copy(dst, o.ready)
	o.ready = o.ready[n:]
	return n, nil
}

// decode makes ready what the next packet that is not skipped or trimmed holds.
func (o *oggReader) decode() error {
	for {
		packet, err := o.packets.read(maxPacket)
		if err != nil {
			return err
		}
		n, err := o.dec.DecodePacket(packet, o.pcm[:])
		if err != nil {
			return errors.New("the Ogg/Opus file is damaged: a packet cannot be decoded")
		}
		n = o.trim(n)
		skipped := min(o.skip, n)
		o.skip -= skipped
		o.ready = o.pcm[skipped:n]
		for i, s := range o.ready {
			o.ready[i] = bounded(float64(s * o.head.gain))
		}
		if len(o.ready) > 0 {
			return nil
		}
	}
}

// trim is how many of the packet's n samples are to be heard. The last page's
// granule position says where the sound ends (RFC 7845 section 4.4); it counts
// from the first sample decoded, pre-skip and all.
func (o *oggReader) trim(n int) int {
	o.decoded += int64(n)
	page := &o.packets.page
	if page.flags&oggLast == 0 || page.granule == oggNoGranule {
		return n
	}
	over := o.decoded - int64(min(page.granule, math.MaxInt64))
	return int(int64(n) - max(0, min(over, int64(n))))
}
