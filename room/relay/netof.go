// Networks: which addresses are likely to fail, or to lie, together.

package relay

import (
	"net/netip"
	"strings"
)

// NetworkOf names the network of an address as libp2p writes it (a multiaddress that begins with /ip4 or /ip6): its /16 of IPv4, its /32 of
// IPv6. An address that is not public is a network of its own, whole, since a machine in a laboratory or behind one router would otherwise
// have no two; so is everything that is no IP address, a DNS name for instance. The name of nothing is "".
func NetworkOf(multiaddr string) string {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(multiaddr, "/"), "/")
	value, _, _ := strings.Cut(rest, "/")
	if kind == "ip6zone" { // /ip6zone/eth0/ip6/fe80::1/...
		_, rest, _ = strings.Cut(rest, "/")
		return NetworkOf(rest)
	}
	ip, err := netip.ParseAddr(value)
	if err != nil || kind != "ip4" && kind != "ip6" || ip.Is4In6() {
		return multiaddr
	}
	if ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return multiaddr
	}
	size := 16
	if ip.Is6() {
		size = 32
	}
	net, err := ip.Prefix(size)
	if err != nil {
		return multiaddr
	}
	return net.String()
}
