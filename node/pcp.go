// Port Control Protocol (RFC 6887): asking a router for a port, and keeping it. Here is what
// is said and when; portmap.go has the socket. Pure but for the nonce, fuzzed.

package node

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

const (
	pcpPort     = 5351
	pcpVersion  = 2
	pcpMap      = 1
	pcpResponse = 0x80
	pcpHeader   = 24 // section 7.1
	pcpSize     = pcpHeader + 36
	pcpMost     = 1100 // section 7

	pcpLifetime = 2 * time.Hour // section 15: recommended for what has no better idea
	pcpLongest  = 24 * time.Hour
	pcpLeast    = 10 * time.Second // a port that is lent for less is of no use
	pcpRefused  = 2 * time.Minute  // the least until what was refused is asked for again

	// Section 8.1.1: the first repetition, and the slowest.
	pcpFirst = 3 * time.Second
	pcpSlow  = 1024 * time.Second
	pcpTries = 4 // in a row; a router that speaks PCP is next door
)

// protocols are IANA's numbers, which PCP uses.
const (
	protocolTCP = 6
	protocolUDP = 17
)

// A portLease is one port that we want, and what the router gave.
type portLease struct {
	protocol byte
	inside   uint16
	nonce    [12]byte

	outside netip.AddrPort // the router's; not valid while there is none
	refused bool           // by the last answer
	until   time.Time
	next    time.Time // when to ask
	tries   int       // since the last answer
}

func newPortLease(protocol byte, inside uint16) *portLease {
	l := &portLease{protocol: protocol, inside: inside}
	rand.Read(l.nonce[:])
	return l
}

// request is a MAP request for a lease from our address (section 11.1). With a lifetime of 0
// it gives the port back.
func (l *portLease) request(own netip.Addr, lifetime time.Duration) []byte {
	b := make([]byte, 0, pcpSize)
	b = append(b, pcpVersion, pcpMap, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(lifetime/time.Second))
	at := own.As16()
	b = append(b, at[:]...)
	b = append(b, l.nonce[:]...)
	b = append(b, l.protocol, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, l.inside)
	wish, port := netip.IPv4Unspecified(), l.inside
	if own.Is6() {
		wish = netip.IPv6Unspecified()
	}
	if l.outside.IsValid() {
		wish, port = l.outside.Addr(), l.outside.Port()
	}
	b = binary.BigEndian.AppendUint16(b, port)
	at = wish.As16()
	return append(b, at[:]...)
}

// pcpAnswer is a MAP response (section 11.1).
type pcpAnswer struct {
	result   byte
	lifetime time.Duration
	epoch    uint32 // seconds since the router began
	nonce    [12]byte
	protocol byte
	inside   uint16
	outside  netip.AddrPort
}

var (
	errNotPCP = errors.New("not an answer in PCP")
	errOldPCP = errors.New("the router speaks another version")
)

func parsePCP(b []byte) (a pcpAnswer, err error) {
	switch {
	case len(b) < 4 || len(b) > pcpMost || b[1] != pcpResponse|pcpMap:
		return a, errNotPCP
	case b[0] != pcpVersion || b[3] == 1: // UNSUPP_VERSION
		return a, errOldPCP
	case len(b) < pcpSize || len(b)%4 != 0:
		return a, errNotPCP
	}
	a.result = b[3]
	a.lifetime = time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Second
	a.epoch = binary.BigEndian.Uint32(b[8:])
	m := b[pcpHeader:]
	copy(a.nonce[:], m)
	a.protocol = m[12]
	a.inside = binary.BigEndian.Uint16(m[16:])
	a.outside = netip.AddrPortFrom(netip.AddrFrom16([16]byte(m[20:36])).Unmap(), binary.BigEndian.Uint16(m[18:]))
	return a, nil
}

// isFor says whether an answer is to a request for this lease (section 11.4): nobody who
// cannot hear us knows the nonce.
func (l *portLease) isFor(a pcpAnswer) bool {
	return a.nonce == l.nonce && a.protocol == l.protocol && a.inside == l.inside
}

// lends says whether an answer lends something that is of use.
func (a pcpAnswer) lends() bool {
	at := a.outside
	return a.result == 0 && a.lifetime >= pcpLeast && at.Port() > 0 && at.Addr().IsGlobalUnicast()
}

// take heeds an answer to a request for this lease, and says whether the lease has changed.
func (l *portLease) take(a pcpAnswer, now time.Time) (changed bool) {
	before, lifetime := l.outside, min(a.lifetime, pcpLongest)
	l.tries, l.refused = 0, !a.lends()
	if l.refused {
		l.outside = netip.AddrPort{}
		l.next = now.Add(max(lifetime, pcpRefused)) // section 11.4: so long there is no use in asking
		return before.IsValid()
	}
	l.outside, l.until = a.outside, now.Add(lifetime)
	l.next = now.Add(lifetime / 2) // section 11.2.1
	return before != a.outside
}

// due says whether to ask now, and what it costs to have asked.
func (l *portLease) due(now time.Time) bool {
	if now.Before(l.next) {
		return false
	}
	wait := min(pcpFirst<<l.tries, pcpSlow)
	if l.tries++; l.tries >= pcpTries {
		wait, l.tries = pcpSlow, 0
	}
	l.next = now.Add(wait)
	return true
}

// expire gives up what the router has not prolonged.
func (l *portLease) expire(now time.Time) (changed bool) {
	if !l.outside.IsValid() || now.Before(l.until) {
		return false
	}
	l.outside = netip.AddrPort{}
	return true
}

// pcpClock sees by a router's epochs that it has forgotten what it gave (section 8.5).
type pcpClock struct {
	epoch uint32
	at    time.Time
}

// restarted takes the epoch of an answer.
func (c *pcpClock) restarted(epoch uint32, now time.Time) bool {
	before := *c
	*c = pcpClock{epoch, now}
	if before.at.IsZero() {
		return false
	}
	theirs := time.Duration(int64(epoch)-int64(before.epoch)) * time.Second
	ours := now.Sub(before.at)
	if theirs < -time.Second {
		return true
	}
	slack := 2 * time.Second
	return ours+slack < theirs-theirs/16 || theirs+slack < ours-ours/16
}
