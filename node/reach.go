// Reach: how a node is connected to the world, and how two nodes to each other, as
// values that a program can show. Pure; reachable.go gathers the facts.

package node

import (
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// Way says how two are connected directly.
type Way string

const (
	Direct    Way = "direct"    // QUIC: one of the two can be reached, or both are on one network
	Punched   Way = "punched"   // QUIC through the NATs of both, opened from both sides at once
	OverTCP   Way = "tcp"       // no UDP between the two
	WebSocket Way = "websocket" // not even TCP that is not a web server's
)

// ReachKind says in one word who can reach a node.
type ReachKind string

const (
	ReachUnknown ReachKind = "unknown" // too little was seen yet
	ReachOpen    ReachKind = "open"    // strangers can dial us
	ReachPunch   ReachKind = "punch"   // behind a NAT that can be crossed when both sides try at once
	ReachRelayed ReachKind = "relayed" // behind one that cannot, or without UDP
	ReachLocal   ReachKind = "local"   // no way out of the local network
)

// NAT says how a NAT maps our sockets (RFC 4787 section 4.1).
type NAT string

const (
	NATUnknown   NAT = ""
	NATNone      NAT = "none"
	NATCone      NAT = "endpoint-independent" // one address for all whom we talk to
	NATSymmetric NAT = "address-dependent"    // another one for each
)

// Reach is how the world reaches a node, as far as it knows.
type Reach struct {
	Kind     ReachKind
	NAT      NAT      // of UDP over IPv4
	Public   []string // addresses that others were seen to reach, or that a router gave us
	Seen     []string // where others see us: those who are called at the same time get in
	Mapped   string   // how a router gave us a port: "pcp", or "upnp or nat-pmp"; empty: none did
	UDP      bool     // QUIC got through to somebody outside
	IPv6     bool     // we have an address of the IPv6 internet
	Circuits int      // relays through which we can be asked
}

func (r Reach) equal(o Reach) bool {
	return r.Kind == o.Kind && r.NAT == o.NAT && slices.Equal(r.Public, o.Public) && slices.Equal(r.Seen, o.Seen) &&
		r.Mapped == o.Mapped && r.UDP == o.UDP && r.IPv6 == o.IPv6 && r.Circuits == o.Circuits
}

// reachFacts is what Reach is reckoned from.
type reachFacts struct {
	own         []netip.Addr   // of our interfaces, loopback left out
	confirmed   []ma.Multiaddr // AutoNAT v2 reached us there
	unreachable []ma.Multiaddr // and not there
	mapped      []ma.Multiaddr // a router says that these lead to us
	mapper      string         // how it was asked
	seen        []ma.Multiaddr // see sightings
	nat         NAT
	quic        bool // a connection to somebody outside has been up
	noUDP       bool // by TCP alone, for a while
	alone       bool // there was none for a while
	circuits    int
}

// reach is pure.
func (f *reachFacts) reach() Reach {
	r := Reach{NAT: f.nat, UDP: f.quic, Circuits: f.circuits, Seen: texts(f.seen)}
	public4 := false
	for _, a := range f.own {
		r.IPv6 = r.IPv6 || a.Is6() && isPublic(a)
		public4 = public4 || a.Is4() && isPublic(a)
	}
	public := slices.Clone(f.confirmed)
	for _, a := range f.mapped {
		// A router behind another NAT gives us an address of its own that leads nowhere.
		if !isPublic(ipOf(a)) || contains(f.unreachable, a) {
			continue
		}
		r.Mapped = f.mapper
		if !contains(public, a) {
			public = append(public, a)
		}
	}
	if public4 && f.nat == NATUnknown {
		r.NAT = NATNone
	}
	r.Public = texts(public)
	switch {
	case f.alone:
		r.Kind = ReachLocal
	case len(public) > 0, public4 && r.NAT == NATNone && len(f.unreachable) == 0:
		r.Kind = ReachOpen
	case !f.quic && f.noUDP, r.NAT == NATSymmetric:
		r.Kind = ReachRelayed
	case f.quic:
		r.Kind = ReachPunch
	default:
		r.Kind = ReachUnknown
	}
	return r
}

// wayOf says how a direct connection goes. crossed says that neither end can be reached by
// strangers.
func wayOf(c network.Conn, crossed bool) Way {
	a := c.RemoteMultiaddr()
	switch wayTo(a) {
	case byQUIC:
		if crossed && isPublic(ipOf(a)) {
			return Punched
		}
		return Direct
	case byWeb:
		return WebSocket
	}
	return OverTCP
}
