// bundle: the voice packets of several people in one message, for listeners of a relay.
// Pure, fuzzed.
//
// A packet costs what it costs whatever it holds: so all speakers of a moment go together,
// and what was sent a moment before once more to those who lose packets.

package node

import (
	"encoding/binary"
	"iter"
	"time"
)

const (
	bundleHead = mediaHead + 4 // before what all children share: kind, token 8, seq u16, stamp u16 ms
	maxBundle  = 1200          // bytes with the head, so that it passes wherever QUIC does
	maxPayload = maxBundle - bundleHead
	maxFresh   = 15 // packets, and as many repeats
)

// A parcel is what the children share of a bundle:
//
//	counts u8: fresh<<4 | repeats | fresh+repeats times: size u16, packet | digest, or nothing
//
// Fresh packets come first. Repeats are those of the bundle before, whose seq is one less.
type parcel struct {
	buf [maxPayload]byte
	n   int
}

func (p *parcel) reset() {
	p.buf[0] = 0
	p.n = 1
}

// add appends a packet and reports whether there was room. Fresh ones must come first.
func (p *parcel) add(packet []byte, repeat bool) bool {
	one, count := byte(1<<4), p.buf[0]>>4
	if repeat {
		one, count = 1, p.buf[0]&0x0F
	}
	if len(packet) == 0 || count == maxFresh || p.n+2+len(packet) > len(p.buf) {
		return false
	}
	p.buf[0] += one
	binary.BigEndian.PutUint16(p.buf[p.n:], uint16(len(packet)))
	p.n += 2 + copy(p.buf[p.n+2:], packet)
	return true
}

// finish appends the digest and reports whether there was room. Nothing may follow.
func (p *parcel) finish(digest []byte) bool {
	if p.n+len(digest) > len(p.buf) {
		return false
	}
	p.n += copy(p.buf[p.n:], digest)
	return true
}

// bytes is the parcel as it is sent, valid until reset.
func (p *parcel) bytes() []byte { return p.buf[:p.n] }

// putBundleHead writes what stands before the parcel. The token is the path's to write.
func putBundleHead(b *[bundleHead]byte, seq uint16, at time.Duration) {
	b[0] = kindBundle
	binary.BigEndian.PutUint16(b[mediaHead:], seq)
	binary.BigEndian.PutUint16(b[mediaHead+2:], uint16(at.Milliseconds()))
}

// A bundle is one that came. Its parts alias the message.
type bundle struct {
	seq, stamp     uint16
	fresh, repeats int
	packets        []byte // each with its size
	digest         []byte // empty: none
}

// parseBundle reads a message of kindBundle. Every byte of it is accounted for.
func parseBundle(b []byte) (u bundle, ok bool) {
	if len(b) <= bundleHead || len(b) > maxBundle || b[0] != kindBundle {
		return u, false
	}
	u.seq = binary.BigEndian.Uint16(b[mediaHead:])
	u.stamp = binary.BigEndian.Uint16(b[mediaHead+2:])
	u.fresh, u.repeats = int(b[bundleHead]>>4), int(b[bundleHead]&0x0F)
	rest := b[bundleHead+1:]
	u.packets = rest
	for range u.fresh + u.repeats {
		if len(rest) < 2 {
			return bundle{}, false
		}
		n := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; n == 0 || n > len(rest) {
			return bundle{}, false
		}
		rest = rest[n:]
	}
	u.packets, u.digest = u.packets[:len(u.packets)-len(rest)], rest
	return u, true
}

// all yields the packets, with whether each is a repeat.
func (u bundle) all() iter.Seq2[bool, []byte] {
	return func(yield func(repeat bool, packet []byte) bool) {
		rest := u.packets
		for i := range u.fresh + u.repeats {
			n := 2 + int(binary.BigEndian.Uint16(rest))
			if !yield(i >= u.fresh, rest[2:n:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}
