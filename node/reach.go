// Reach: how a node is connected to the world, and how two nodes to each other, as
// values that a program can show.

package node

import (
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
	Mapped   string   // how the router was asked for a port: upnp, nat-pmp or pcp; empty: it was not, or in vain
	UDP      bool     // QUIC got through to somebody outside
	IPv6     bool     // we have an address of the IPv6 internet
	Circuits int      // relays through which we can be asked
}

// Reach says how the world reaches this node now.
func (n *Node) Reach() Reach { return Reach{Kind: ReachUnknown} }

// OnReach sets who hears when Reach has changed, and calls it with what it is now. Calls
// come one at a time and must not block.
func (n *Node) OnReach(f func(Reach)) { f(n.Reach()) }

// wayOf says how a direct connection goes.
func wayOf(c network.Conn) Way {
	switch a := c.RemoteMultiaddr(); {
	case hasProtocol(a, ma.P_QUIC_V1):
		return Direct
	case hasProtocol(a, ma.P_WS), hasProtocol(a, ma.P_WSS):
		return WebSocket
	}
	return OverTCP
}
