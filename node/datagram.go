// What crosses a media link: voice packets and receiver reports. Pure, fuzzed.

package node

import (
	"encoding/binary"
	"time"
)

const (
	packetHead = mediaHead + 4  // kindPacket: token 8, seq 2, stamp 2, packet
	pairHead   = packetHead + 2 // kindPair: token 8, seq 2, stamp 2, size 2 of the packet before, that one, packet
	reportSize = mediaHead + 25 // kindReport: see report

	// MaxPacket is the size of the largest voice packet in bytes. With its header
	// it fits into the first datagram of any QUIC connection (1243 bytes).
	MaxPacket = 1200
)

// packetHeader stands before each voice packet.
type packetHeader struct {
	token token  // chosen by the receiver in its hello
	seq   uint16 // counts packets sent on this link
	stamp uint16 // sender's clock in ms, for jitter
}

func appendPacket(b []byte, h packetHeader, packet []byte) []byte {
	b = append(b, kindPacket)
	b = append(b, h.token[:]...)
	b = binary.BigEndian.AppendUint16(b, h.seq)
	b = binary.BigEndian.AppendUint16(b, h.stamp)
	return append(b, packet...)
}

// appendPair appends a packet with the one before it, whose seq is one less.
func appendPair(b []byte, h packetHeader, before, packet []byte) []byte {
	at := len(b)
	b = appendPacket(b, h, nil)
	b[at] = kindPair
	b = binary.BigEndian.AppendUint16(b, uint16(len(before)))
	return append(append(b, before...), packet...)
}

// pairFits says whether two packets may travel together: what they make is no larger
// than a packet may be alone.
func pairFits(before, packet []byte) bool {
	return len(before) > 0 && pairHead+len(before)+len(packet) <= packetHead+MaxPacket
}

// parsePacket returns the header, the packet and, of a pair, the one before it. Both
// alias b.
func parsePacket(b []byte) (h packetHeader, before, packet []byte, ok bool) {
	if len(b) <= packetHead || len(b) > packetHead+MaxPacket || b[0] != kindPacket && b[0] != kindPair {
		return h, nil, nil, false
	}
	h.token = token(b[1:])
	h.seq = binary.BigEndian.Uint16(b[mediaHead:])
	h.stamp = binary.BigEndian.Uint16(b[mediaHead+2:])
	if b[0] == kindPacket {
		return h, nil, b[packetHead:], true
	}
	if len(b) < pairHead {
		return h, nil, nil, false
	}
	size, rest := int(binary.BigEndian.Uint16(b[packetHead:])), b[pairHead:]
	if size == 0 || size >= len(rest) {
		return h, nil, nil, false
	}
	return h, rest[:size], rest[size:], true
}

// A report tells the sender of packets how they arrive. It is also the sign of life
// of the link, keeps NAT mappings open and carries what both need for the round
// trip time.
type report struct {
	token    token  // chosen by the receiver of the report in its hello
	highest  uint32 // highest sequence number received, with its wraps
	received uint32 // packets received since the link came up
	loss     uint16 // share lost since the last report, in 1/65535
	jitter   uint16 // RFC 3550 interarrival jitter in 1/10 ms
	stamp    uint32 // reporter's clock in us, wraps
	echo     uint32 // stamp of the last report received, 0 for none
	held     uint32 // us between receiving that report and sending this one
	flip     bool   // bit 0 of the flags: see [LinkInfo.Flip]
}

func appendReport(b []byte, r report) []byte {
	b = append(b, kindReport)
	b = append(b, r.token[:]...)
	b = binary.BigEndian.AppendUint32(b, r.highest)
	b = binary.BigEndian.AppendUint32(b, r.received)
	b = binary.BigEndian.AppendUint16(b, r.loss)
	b = binary.BigEndian.AppendUint16(b, r.jitter)
	b = binary.BigEndian.AppendUint32(b, r.stamp)
	b = binary.BigEndian.AppendUint32(b, r.echo)
	b = binary.BigEndian.AppendUint32(b, r.held)
	return append(b, flag(r.flip))
}

func parseReport(b []byte) (r report, ok bool) {
	if len(b) != reportSize || b[0] != kindReport || b[reportSize-1] > 1 {
		return r, false
	}
	r.token = token(b[1:])
	r.flip = b[reportSize-1] == 1
	b = b[mediaHead:]
	r.highest = binary.BigEndian.Uint32(b)
	r.received = binary.BigEndian.Uint32(b[4:])
	r.loss = binary.BigEndian.Uint16(b[8:])
	r.jitter = binary.BigEndian.Uint16(b[10:])
	r.stamp = binary.BigEndian.Uint32(b[12:])
	r.echo = binary.BigEndian.Uint32(b[16:])
	r.held = binary.BigEndian.Uint32(b[20:])
	return r, true
}

// arrivals counts what comes in on one link. Times are durations since the link
// came up. Not safe for concurrent use.
type arrivals struct {
	started  bool
	highest  uint32 // extended sequence number
	received uint32
	recent   uint64 // bit n: highest-n is here, by itself or in a pair

	lastHighest, lastReceived uint32 // at the last report

	transit uint16 // of the last packet: arrival minus stamp in ms, wraps
	jitter  time.Duration
}

// packet counts what came and says whether it is news: not here already, by itself or
// with the packet after it.
func (a *arrivals) packet(h packetHeader, at time.Duration) (news bool) {
	a.received++
	if !a.started {
		a.started = true
		a.highest = uint32(h.seq)
		a.lastHighest = a.highest - 1
	}
	news = a.note(h.seq)
	a.observe(uint16(at.Milliseconds()) - h.stamp)
	return news
}

// note marks a sequence number as here and says whether that is news. What is older
// than the memory is news: it is for others to judge.
func (a *arrivals) note(seq uint16) (news bool) {
	d := int16(seq - uint16(a.highest))
	if d > 0 {
		a.highest += uint32(d)
		a.recent = a.recent<<d | 1
		return true
	}
	bit := uint64(1) << -int(d)
	news = a.recent&bit == 0
	a.recent |= bit
	return news
}

// observe updates the jitter by RFC 3550 section 6.4.1: an average of the change in
// transit time, one sixteenth at a time.
func (a *arrivals) observe(transit uint16) {
	if a.received > 1 {
		d := time.Duration(int16(transit-a.transit)) * time.Millisecond
		a.jitter += (max(d, -d) - a.jitter) / 16
	}
	a.transit = transit
}

// interval returns the share of packets lost since it was last called. Duplicates
// and late arrivals can hide losses, never invent them.
func (a *arrivals) interval() float64 {
	expected := a.highest - a.lastHighest
	got := a.received - a.lastReceived
	a.lastHighest, a.lastReceived = a.highest, a.received
	if expected == 0 || got >= expected {
		return 0
	}
	return float64(expected-got) / float64(expected)
}

// lossMemory is over how many packets a loss is averaged, 4 s of speech. At a loss of
// 5 % every fourth report, of 25 packets, tells of none.
const lossMemory = 200

// lossAverage is the share of packets lost lately. Until lossMemory packets were sent all
// count the same.
type lossAverage struct {
	sent, lost float64
}

// add takes what happened between two reports. Packets that came twice can make more
// received than were sent.
func (l *lossAverage) add(sent, received uint32) {
	keep := 1.0
	if l.sent > 0 {
		keep = min(1, max(0, lossMemory-float64(sent))/l.sent)
	}
	l.sent = l.sent*keep + float64(sent)
	l.lost = l.lost*keep + float64(max(0, int64(sent)-int64(received)))
}

func (l *lossAverage) share() float64 {
	if l.sent == 0 {
		return 0
	}
	return l.lost / l.sent
}

// roundTrip computes the time there and back from a report that echoes ours.
func roundTrip(r report, now uint32) (time.Duration, bool) {
	if r.echo == 0 {
		return 0, false
	}
	us := int32(now - r.echo - r.held)
	if us < 0 || us > 60e6 {
		return 0, false
	}
	return time.Duration(us) * time.Microsecond, true
}
