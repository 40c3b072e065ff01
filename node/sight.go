// Sightings: where others see our sockets. Every peer that we meet tells by identify from
// which address our packets came. Out of what they say follow the addresses at which we
// may be called, and what kind of NAT we are behind. Pure, no lock.

package node

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	maxSightings  = 512             // the oldest gives way
	sightingLasts = 2 * time.Minute // after its connection ended: so long do NATs keep what is in use (RFC 4787, REQ-5)
	maxOfNetwork  = 8               // of these, from observers of one network
	maxSeen       = 2               // addresses of one family that we go by
	firstSeenPort = 1024            // NATs map to none below; services that answer strangers are there
)

// A sighting is what one observer says. They all are of the socket that we listen on.
type sighting struct {
	by       peer.ID
	observer netip.Addr     // its address
	seen     netip.AddrPort // where it sees us
	gone     time.Time      // when the connection ended; zero while it lasts
}

// appendSight appends where a far end is seen, as the answer to its probe says: port 2, then
// the IP address, 4 or 16.
func appendSight(b []byte, at netip.AddrPort) []byte {
	return append(binary.BigEndian.AppendUint16(b, at.Port()), at.Addr().AsSlice()...)
}

// parseSight reads what appendSight wrote, or returns the zero value.
func parseSight(b []byte) (at netip.AddrPort) {
	if len(b) < 2 {
		return at
	}
	ip, ok := netip.AddrFromSlice(b[2:])
	if !ok {
		return at
	}
	return netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(b))
}

// sightings holds them by the name of the connection, which is the caller's choice.
type sightings struct {
	m     map[string]sighting
	order []string // the oldest first
}

// put records what the peer at the far end of a connection sees. Who talks to us over one
// family knows nothing of the other.
func (s *sightings) put(conn string, what sighting) {
	if what.seen.Addr().Is4() != what.observer.Is4() {
		return
	}
	if s.m == nil {
		s.m = make(map[string]sighting)
	}
	if _, known := s.m[conn]; !known {
		s.makeRoom(networkOf(what.observer))
		s.order = append(s.order, conn)
	}
	s.m[conn] = what
}

// makeRoom forgets the oldest sighting, of the same network where that has enough: who changes
// his mind quickly must not push out the others.
func (s *sightings) makeRoom(network netip.Prefix) {
	first, of := 0, 0
	for i, conn := range slices.Backward(s.order) {
		if networkOf(s.m[conn].observer) == network {
			first = i
			of++
		}
	}
	switch {
	case of >= maxOfNetwork:
	case len(s.order) >= maxSightings:
		first = 0
	default:
		return
	}
	delete(s.m, s.order[first])
	s.order = slices.Delete(s.order, first, first+1)
}

// end notes that a connection has ended.
func (s *sightings) end(conn string, now time.Time) {
	if what, ok := s.m[conn]; ok {
		what.gone = now
		s.m[conn] = what
	}
}

// expire forgets what may have changed meanwhile.
func (s *sightings) expire(now time.Time) {
	s.order = slices.DeleteFunc(s.order, func(conn string) bool {
		what := s.m[conn]
		old := !what.gone.IsZero() && now.Sub(what.gone) > sightingLasts
		if old {
			delete(s.m, conn)
		}
		return old
	})
}

// forget drops everything: we have moved to another network.
func (s *sightings) forget() { s.m, s.order = nil, nil }

// observers lists who has said something, some of them twice.
func (s *sightings) observers() []peer.ID {
	var all []peer.ID
	for _, what := range s.m {
		all = append(all, what.by)
	}
	return all
}

// A view is one address and who sees us there.
type view struct {
	at       netip.AddrPort
	trusted  bool
	networks int // of observers
	by       []netip.Prefix
}

// views counts who sees us where, over IPv4 or over IPv6, what most say first. known says
// whether a peer is of a room of ours, or one that we were told to meet first.
func (s *sightings) views(v6 bool, known func(peer.ID) bool) []view {
	type key struct {
		at netip.AddrPort
		by netip.Prefix
	}
	counted := make(map[key]bool)
	at := make(map[netip.AddrPort]*view)
	for _, what := range s.m {
		if what.seen.Addr().Is6() != v6 {
			continue
		}
		v := at[what.seen]
		if v == nil {
			v = &view{at: what.seen}
			at[what.seen] = v
		}
		v.trusted = v.trusted || known(what.by)
		if k := (key{what.seen, networkOf(what.observer)}); !counted[k] {
			counted[k] = true
			v.networks++
			v.by = append(v.by, k.by)
		}
	}
	all := make([]view, 0, len(at))
	for _, v := range at {
		all = append(all, *v)
	}
	slices.SortFunc(all, func(a, b view) int {
		return cmp.Or(cmp.Compare(b.networks, a.networks), int(flag(b.trusted))-int(flag(a.trusted)), a.at.Compare(b.at))
	})
	return all
}

// networkOf is what one operator is thought to have: who has many addresses in it is
// still one observer.
func networkOf(a netip.Addr) netip.Prefix { return prefixOf(a, 16, 32) }

// candidates are the addresses to be called at: those that somebody known sees, or
// strangers in two networks. Who lies must not make a room call a third party, so there
// are few, none below port 1024, and a few voices do not stand against three times as many.
func (s *sightings) candidates(known func(peer.ID) bool) (addrs []netip.AddrPort) {
	for _, v6 := range []bool{false, true} {
		views := s.views(v6, known)
		if mapping(views) == NATSymmetric {
			continue // each of them is good for its observer alone
		}
		n := 0
		for _, v := range views {
			few := 3*v.networks <= views[0].networks
			if (v.trusted || v.networks > 1 && !few) && !(v.networks == 1 && few) && v.at.Port() >= firstSeenPort && n < maxSeen {
				addrs = append(addrs, v.at)
				n++
			}
		}
	}
	return addrs
}

// nat says how IPv4 packets of ours are mapped, given the addresses of our own interfaces.
func (s *sightings) nat(own []netip.Addr) NAT {
	views := s.views(false, func(peer.ID) bool { return false })
	if len(views) > 0 && slices.Contains(own, views[0].at.Addr()) {
		return NATNone
	}
	return mapping(views)
}

// mapping tells one address for all from one for each (RFC 4787 section 4.1). Two
// observers that see different addresses may also have seen us at different times, so
// it takes as many networks where it differs as those where it does not.
func mapping(views []view) NAT {
	observers := make(map[netip.Prefix]bool)
	for _, v := range views {
		for _, by := range v.by {
			observers[by] = true
		}
	}
	networks := len(observers)
	switch {
	case networks < 2:
		return NATUnknown
	case 2*views[0].networks > networks:
		return NATCone
	}
	return NATSymmetric
}
