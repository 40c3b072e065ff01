// Whom a node dials at all.

package node

import (
	"net/netip"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func TestWhomANodeDials(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("fd00::1")}
	outward, house, machine := dialRules{outward: true, own: own}, dialRules{own: own}, dialRules{loopback: true}
	const circuit = "/p2p/12D3KooWLpnGbnSXLPV4gvRpH4BDNrRoZGoEyCmVmoacwJ7Y6vVL/p2p-circuit"
	for _, tt := range []struct {
		addr                    string
		outward, house, machine bool
	}{
		{"/ip4/9.9.9.9/udp/4001/quic-v1", true, true, true},
		{"/ip4/9.9.9.9/udp/443/quic-v1", true, true, true},
		{"/ip4/9.9.9.9/tcp/443/tls/ws", true, true, true},
		{"/ip4/9.9.9.9/udp/53/quic-v1", false, true, true},
		{"/ip4/9.9.9.9/tcp/25", false, true, true},
		{"/ip4/127.0.0.1/udp/4001/quic-v1", true, true, true},
		{"/ip4/127.0.0.1/tcp/6379", false, false, true},
		{"/ip4/127.0.0.1/tcp/6379/ws", false, false, true},
		{"/ip6/::1/tcp/6379", false, false, true},
		{"/ip4/192.168.1.9/udp/4001/quic-v1", true, true, true},
		{"/ip4/192.168.1.1/tcp/80/ws", false, true, true},
		{"/ip4/192.168.1.1/tcp/4001", true, true, true},
		{"/ip4/10.0.0.1/tcp/4001", false, true, true},
		{"/ip6/fd00::9/tcp/4001", true, true, true},
		{"/ip4/10.0.0.1/udp/4001/quic-v1", true, true, true},
		{"/ip4/224.0.0.251/udp/5353/quic-v1", false, false, false},
		{"/ip4/255.255.255.255/udp/5000/quic-v1", false, false, false},
		{"/dns4/a.example/tcp/4001", false, false, false},
		{circuit, true, true, true},
		{"/ip4/9.9.9.9/udp/4001/quic-v1" + circuit, true, true, true},
		{"/ip4/127.0.0.1/tcp/6379" + circuit, false, false, true},
	} {
		a := ma.StringCast(tt.addr)
		for name, rules := range map[string]struct {
			rules dialRules
			want  bool
		}{"outward": {outward, tt.outward}, "house": {house, tt.house}, "machine": {machine, tt.machine}} {
			if got := rules.rules.allow(a); got != rules.want {
				t.Errorf("%s %s: %v", name, tt.addr, got)
			}
		}
	}
}
