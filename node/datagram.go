// What crosses a media link: voice packets and receiver reports. Pure, fuzzed.

package node

import (
	"encoding/binary"
	"time"
)

const (
	kindPacket = 0x01 // tag 4, seq 2, stamp 2, packet
	kindReport = 0x02 // see report

	packetHead = 9
	reportSize = 29

	// MaxPacket is the size of the largest voice packet in bytes. With its header
	// it fits into the first datagram of any QUIC connection (1243 bytes).
	MaxPacket = 1200
)

// packetHeader stands before each voice packet.
type packetHeader struct {
	tag   uint32 // chosen by the receiver in its hello
	seq   uint16 // counts packets sent on this link
	stamp uint16 // sender's clock in ms, for jitter
}

func appendPacket(b []byte, h packetHeader, packet []byte) []byte {
	b = append(b, kindPacket)
	b = binary.BigEndian.AppendUint32(b, h.tag)
	b = binary.BigEndian.AppendUint16(b, h.seq)
	b = binary.BigEndian.AppendUint16(b, h.stamp)
	return append(b, packet...)
}

// parsePacket returns the header and the packet, which aliases b.
func parsePacket(b []byte) (h packetHeader, packet []byte, ok bool) {
	if len(b) <= packetHead || len(b) > packetHead+MaxPacket || b[0] != kindPacket {
		return h, nil, false
	}
	h.tag = binary.BigEndian.Uint32(b[1:])
	h.seq = binary.BigEndian.Uint16(b[5:])
	h.stamp = binary.BigEndian.Uint16(b[7:])
	return h, b[packetHead:], true
}

// A report tells the sender of packets how they arrive. It is also the sign of life
// of the link, keeps NAT mappings open and carries what both need for the round
// trip time.
type report struct {
	tag      uint32 // chosen by the receiver of the report in its hello
	highest  uint32 // highest sequence number received, with its wraps
	received uint32 // packets received since the link came up
	loss     uint16 // share lost since the last report, in 1/65535
	jitter   uint16 // RFC 3550 interarrival jitter in 1/10 ms
	stamp    uint32 // reporter's clock in us, wraps
	echo     uint32 // stamp of the last report received, 0 for none
	held     uint32 // us between receiving that report and sending this one
}

func appendReport(b []byte, r report) []byte {
	b = append(b, kindReport)
	b = binary.BigEndian.AppendUint32(b, r.tag)
	b = binary.BigEndian.AppendUint32(b, r.highest)
	b = binary.BigEndian.AppendUint32(b, r.received)
	b = binary.BigEndian.AppendUint16(b, r.loss)
	b = binary.BigEndian.AppendUint16(b, r.jitter)
	b = binary.BigEndian.AppendUint32(b, r.stamp)
	b = binary.BigEndian.AppendUint32(b, r.echo)
	return binary.BigEndian.AppendUint32(b, r.held)
}

func parseReport(b []byte) (r report, ok bool) {
	if len(b) != reportSize || b[0] != kindReport {
		return r, false
	}
	return report{
		tag:      binary.BigEndian.Uint32(b[1:]),
		highest:  binary.BigEndian.Uint32(b[5:]),
		received: binary.BigEndian.Uint32(b[9:]),
		loss:     binary.BigEndian.Uint16(b[13:]),
		jitter:   binary.BigEndian.Uint16(b[15:]),
		stamp:    binary.BigEndian.Uint32(b[17:]),
		echo:     binary.BigEndian.Uint32(b[21:]),
		held:     binary.BigEndian.Uint32(b[25:]),
	}, true
}

// linkTag reads the tag of either kind, by which a connection finds the link.
func linkTag(b []byte) (tag uint32, ok bool) {
	if len(b) < 5 || (b[0] != kindPacket && b[0] != kindReport) {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[1:]), true
}

// arrivals counts what comes in on one link. Times are durations since the link
// came up. Not safe for concurrent use.
type arrivals struct {
	started  bool
	highest  uint32 // extended sequence number
	received uint32

	lastHighest, lastReceived uint32 // at the last report

	transit uint16 // of the last packet: arrival minus stamp in ms, wraps
	jitter  time.Duration
}

func (a *arrivals) packet(h packetHeader, at time.Duration) {
	a.received++
	if !a.started {
		a.started = true
		a.highest = uint32(h.seq)
		a.lastHighest = a.highest - 1
	} else if d := int16(h.seq - uint16(a.highest)); d > 0 {
		a.highest += uint32(d)
	}
	a.observe(uint16(at.Milliseconds()) - h.stamp)
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
