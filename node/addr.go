// Addresses: what is read out of multiaddrs, and made of them. Pure.

package node

import (
	"net/netip"
	"slices"
	"strconv"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

func hasProtocol(a ma.Multiaddr, code int) bool {
	_, err := a.ValueForProtocol(code)
	return err == nil
}

// ipOf is the IP address that a multiaddr begins with, or none.
func ipOf(a ma.Multiaddr) netip.Addr {
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}
	}
	at, _ := netip.AddrFromSlice(ip)
	return at.Unmap()
}

// prefixOf is the network that an IP address is in, of so many bits in each family; none for none.
func prefixOf(ip netip.Addr, bits4, bits6 int) netip.Prefix {
	bits := bits4
	if ip.Is6() {
		bits = bits6
	}
	p, _ := ip.Prefix(bits)
	return p
}

// portIn is the first port that an address names, and of which protocol, ma.P_UDP or ma.P_TCP;
// 0 where there is none.
func portIn(a ma.Multiaddr) (protocol int, port uint16) {
	for _, c := range a {
		if code := c.Protocol().Code; code == ma.P_UDP || code == ma.P_TCP {
			n, err := strconv.ParseUint(c.Value(), 10, 16)
			if err != nil {
				return 0, 0
			}
			return code, uint16(n)
		}
	}
	return 0, 0
}

// udpOf is the UDP socket that an address is of, or none: a circuit leads to another.
func udpOf(a ma.Multiaddr) (at netip.AddrPort) {
	protocol, port := portIn(a)
	if ip := ipOf(a); protocol == ma.P_UDP && ip.IsValid() && !hasProtocol(a, ma.P_CIRCUIT) {
		at = netip.AddrPortFrom(ip, port)
	}
	return at
}

// addrAt is the address of a socket; protocol is udp or tcp.
func addrAt(at netip.AddrPort, protocol string) ma.Multiaddr {
	ip := "/ip4/"
	if at.Addr().Is6() {
		ip = "/ip6/"
	}
	return ma.StringCast(ip + at.Addr().String() + "/" + protocol + "/" + strconv.Itoa(int(at.Port())))
}

// quicAddrs are those of QUIC at UDP sockets.
func quicAddrs(at []netip.AddrPort) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, ap := range at {
		addrs = append(addrs, addrAt(ap, "udp").Encapsulate(ma.StringCast("/quic-v1")))
	}
	return addrs
}

// isPublic says whether an address is of the internet.
func isPublic(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	m, err := manet.FromIP(a.AsSlice())
	return err == nil && manet.IsPublicAddr(m)
}

func texts(addrs []ma.Multiaddr) []string {
	var all []string
	for _, a := range addrs {
		all = append(all, a.String())
	}
	return all
}

func contains(addrs []ma.Multiaddr, a ma.Multiaddr) bool { return slices.ContainsFunc(addrs, a.Equal) }
