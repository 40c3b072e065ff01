// The packet: its fixed bytes, its plaintext, and where the parts lie. See the
// package documentation for the layout.

package seal

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"math"

	"stoa/identity"
)

// MaxPacket is the size of the largest packet, in bytes: what fits in one UDP
// packet on nearly every path, with the headers of QUIC around it.
const MaxPacket = 1200

// Silence is the quietest [Frame.Level].
const Silence = 127

// Frame is 20 ms of one speaker's voice.
type Frame struct {
	Index   uint32 // media time, in steps of 20 ms since the stream began
	Since   uint8  // steps since the frame sent before; 1 contiguous, 0 unknown
	Level   uint8  // 0 full scale .. Silence, in -dBov; that of the packet's loudest frame after opening
	End     bool   // last frame of a stretch of talk
	Payload []byte // one Opus frame; may be empty in a lone frame with End
}

// ErrMalformed says that bytes are not a packet, or frames cannot be one.
var ErrMalformed = errors.New("malformed voice packet")

const (
	version     = 1 << 4
	versionMask = 0xf0

	flagSigned  = 0x01
	flagEnd     = 0x02
	framesMask  = 0x0c // frames - 1
	framesShift = 2
)

// MaxFrames is how many frames an unsigned packet holds at most, and
// maxSignedFrames a signed one.
const (
	MaxFrames       = framesMask>>framesShift + 1
	maxSignedFrames = 2
)

const (
	fixedSize  = 2 // byte 0 and 1
	sigSize    = ed25519.SignatureSize
	lengthSize = 2 // before each frame but the last

	// aadSize is the most that SFrame authenticates beyond the plaintext.
	aadSize = maxHeader + len(binding{}) + fixedSize
)

// packet is a received packet taken apart. Its slices alias the packet.
type packet struct {
	fixed      []byte // byte 0 and 1
	sframe     []byte // header, ciphertext and tag
	headerSize int
	kid        uint64
	ctr        uint64
	signature  []byte // nil when unsigned
}

// parsePacket takes b apart without any key. What it accepts has one form only.
func parsePacket(b []byte) (p packet, ok bool) {
	if len(b) < fixedSize || len(b) > MaxPacket {
		return packet{}, false
	}
	p.fixed, p.sframe = b[:fixedSize], b[fixedSize:]
	flags := p.fixed[0]
	if flags&versionMask != version || p.fixed[1] > Silence {
		return packet{}, false
	}
	if p.signed() {
		at := len(p.sframe) - sigSize
		if at < 0 || p.frames() > maxSignedFrames {
			return packet{}, false
		}
		p.sframe, p.signature = p.sframe[:at], p.sframe[at:]
	}
	p.kid, p.ctr, p.headerSize, ok = parseHeader(p.sframe)
	if !ok || len(p.sframe) < p.headerSize+1+tagSize || !p.counterFits() {
		return packet{}, false
	}
	return p, true
}

func (p *packet) signed() bool { return p.fixed[0]&flagSigned != 0 }
func (p *packet) frames() int  { return int(p.fixed[0]&framesMask)>>framesShift + 1 }
func (p *packet) end() bool    { return p.fixed[0]&flagEnd != 0 }

// index is the media time of the packet's first frame.
func (p *packet) index() uint32 { return uint32(p.ctr >> 1) }

// counterFits reports whether the counter is one that a Sealer makes: its low
// bit tells the form, and the index of every frame fits 32 bits.
func (p *packet) counterFits() bool {
	last := p.ctr>>1 + uint64(p.frames()-1)
	return (p.ctr&1 == 1) == p.signed() && last <= math.MaxUint32
}

// counter is the CTR of a packet whose first frame has this index.
func counter(index uint32, signed bool) uint64 {
	ctr := uint64(index) << 1
	if signed {
		ctr |= 1
	}
	return ctr
}

// signedSize is the most that a signature covers, with the domain and the
// lengths of the parts, and what else [identity.VerifyIn] needs.
const signedSize = len(signDomain) + 1 + 6*4 + len(binding{}) + MaxPacket + identity.VerifyRoom

// signedBy reports whether speaker signed p as bound to b. It uses buf, which
// must have [signedSize] bytes.
func (p *packet) signedBy(speaker identity.ID, b *binding, buf []byte) bool {
	return identity.VerifyIn(buf, speaker, signDomain, p.signature,
		b.room(), b.speaker(), b.session(), b.commit(), p.fixed, p.sframe)
}

// appendAAD appends what SFrame authenticates without encrypting it: the
// header, then the metadata.
func appendAAD(dst, header []byte, b *binding, fixed []byte) []byte {
	dst = append(dst, header...)
	dst = append(dst, b[:]...)
	return append(dst, fixed...)
}

// appendPlaintext appends the plaintext of frames that follow one another.
func appendPlaintext(dst []byte, frames []Frame) []byte {
	dst = append(dst, frames[0].Since)
	for i := range frames {
		if i < len(frames)-1 {
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(frames[i].Payload)))
		}
		dst = append(dst, frames[i].Payload...)
	}
	return dst
}

// parsePlaintext fills frames from the plaintext of p and returns how many
// there are. The payloads alias plain.
func (p *packet) parsePlaintext(plain []byte, frames *[MaxFrames]Frame) (n int, ok bool) {
	n = p.frames()
	since, rest := plain[0], plain[1:]
	for i := range n {
		f := Frame{Index: p.index() + uint32(i), Since: 1, Level: p.fixed[1]}
		size := len(rest)
		if i < n-1 {
			if len(rest) < lengthSize {
				return 0, false
			}
			size = int(binary.BigEndian.Uint16(rest))
			rest = rest[lengthSize:]
			if size == 0 || size >= len(rest) {
				return 0, false
			}
		}
		f.Payload, rest = rest[:size:size], rest[size:]
		frames[i] = f
	}
	frames[0].Since = since
	last := &frames[n-1]
	last.End = p.end()
	return n, len(last.Payload) > 0 || n == 1 && last.End
}
