// Whom a node dials at all: addresses come from other people, from strangers in the DHT and
// from whoever is at the far end of a circuit, and none of them should choose which machine
// or service hears from us. Pure.

package node

import (
	"net/netip"
	"slices"

	ma "github.com/multiformats/go-multiaddr"
)

// dialRules are of one node.
type dialRules struct {
	outward  bool         // people are met over the internet: local networks are not theirs to name
	loopback bool         // it listens on this machine alone
	own      []netip.Addr // of our interfaces
}

// allow says whether an address may be dialled. There are services below port 1024, so only
// 443 of the internet, which our servers use, and none of the local network. There, TCP goes
// only to who is as near as can be told without a netmask: most that listens on TCP on a
// machine or in a house answers whatever it is told.
func (r dialRules) allow(a ma.Multiaddr) bool {
	ip := ipOf(a)
	if !ip.IsValid() {
		return hasProtocol(a, ma.P_CIRCUIT) // by a peer that is known; names have been resolved
	}
	_, port := portIn(a)
	quic := isQUIC(a)
	switch {
	case ip.IsMulticast() || ip.IsUnspecified() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case ip.IsLoopback():
		return r.loopback || quic && port >= firstSeenPort
	case !r.outward:
		return true
	case isPublic(ip):
		return port >= firstSeenPort || port == WebPort
	}
	return port >= firstSeenPort && (quic || slices.ContainsFunc(r.own, func(own netip.Addr) bool { return near(own, ip) }))
}

// near guesses whether two addresses are of one local network.
func near(a, b netip.Addr) bool { return prefixOf(a, 16, 64).Contains(b) }
