// How the world reaches a node, from what it has seen.

package node

import (
	"net/netip"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func TestReach(t *testing.T) {
	at := func(text string) []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast(text)} }
	const (
		public = "/ip4/9.9.9.9/udp/5000/quic-v1"
		inner  = "/ip4/100.64.0.9/udp/5000/quic-v1"
	)
	home := []netip.Addr{netip.MustParseAddr("192.168.1.2")}
	internet := []netip.Addr{netip.MustParseAddr("9.9.9.9")}
	tests := []struct {
		name   string
		facts  reachFacts
		kind   ReachKind
		nat    NAT
		mapped string
	}{
		{"nothing is known", reachFacts{own: home}, ReachUnknown, NATUnknown, ""},
		{"alone", reachFacts{own: home, alone: true}, ReachLocal, NATUnknown, ""},
		{"alone with what was confirmed before", reachFacts{own: home, alone: true, confirmed: at(public)}, ReachLocal, NATUnknown, ""},
		{"a public address", reachFacts{own: internet}, ReachOpen, NATNone, ""},
		{"a public address behind a firewall", reachFacts{own: internet, unreachable: at(public), quic: true}, ReachPunch, NATNone, ""},
		{"confirmed", reachFacts{own: home, quic: true, nat: NATCone, confirmed: at(public)}, ReachOpen, NATCone, ""},
		{"one address for all", reachFacts{own: home, quic: true, nat: NATCone, seen: at(public)}, ReachPunch, NATCone, ""},
		{"another for each", reachFacts{own: home, quic: true, nat: NATSymmetric}, ReachRelayed, NATSymmetric, ""},
		{"another for each, but a port of the router's", reachFacts{own: home, quic: true, nat: NATSymmetric, mapped: at(public), mapper: "pcp"}, ReachOpen, NATSymmetric, "pcp"},
		{"a port of the router's that AutoNAT has tried", reachFacts{own: home, quic: true, confirmed: at(public), mapped: at(public), mapper: "pcp"}, ReachOpen, NATUnknown, "pcp"},
		{"a port of a router behind a router", reachFacts{own: home, quic: true, nat: NATCone, mapped: at(inner), mapper: "pcp"}, ReachPunch, NATCone, ""},
		{"a port that leads nowhere", reachFacts{own: home, quic: true, mapped: at(public), unreachable: at(public), mapper: "pcp"}, ReachPunch, NATUnknown, ""},
		{"TCP, and QUIC may come yet", reachFacts{own: home}, ReachUnknown, NATUnknown, ""},
		{"TCP alone", reachFacts{own: home, noUDP: true}, ReachRelayed, NATUnknown, ""},
		{"TCP alone where QUIC worked before", reachFacts{own: home, noUDP: true, quic: true}, ReachPunch, NATUnknown, ""},
	}
	for _, tt := range tests {
		r := tt.facts.reach()
		if r.Kind != tt.kind || r.NAT != tt.nat || r.Mapped != tt.mapped {
			t.Errorf("%s: %s %q %q, want %s %q %q", tt.name, r.Kind, r.NAT, r.Mapped, tt.kind, tt.nat, tt.mapped)
		}
		if open := len(r.Public) > 0; open && r.Kind != ReachOpen && r.Kind != ReachLocal {
			t.Errorf("%s: %s with public addresses %v", tt.name, r.Kind, r.Public)
		}
	}
}

func TestWebTwin(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/1.2.3.4/udp/443/quic-v1":       "/ip4/1.2.3.4/tcp/443/tls/ws",
		"/ip6/2600::1/udp/443/quic-v1":       "/ip6/2600::1/tcp/443/tls/ws",
		"/ip4/1.2.3.4/udp/4001/quic-v1":      "",
		"/ip4/1.2.3.4/tcp/443":               "",
		"/ip4/1.2.3.4/udp/443/webrtc-direct": "",
		"/ip4/1.2.3.4/udp/443/quic-v1/p2p/12D3KooWLpnGbnSXLPV4gvRpH4BDNrRoZGoEyCmVmoacwJ7Y6vVL/p2p-circuit": "",
	} {
		got := ""
		if twin := webTwin(ma.StringCast(addr)); twin != nil {
			got = twin.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}

func TestTheBestAddressOfARelayIsLent(t *testing.T) {
	const relay = "12D3KooWLpnGbnSXLPV4gvRpH4BDNrRoZGoEyCmVmoacwJ7Y6vVL"
	p, err := peer.Decode(relay)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		addrs []string
		want  string
	}{
		{nil, ""},
		{[]string{"/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/udp/1/quic-v1"}, "/ip4/1.2.3.4/udp/1/quic-v1"},
		{[]string{"/ip4/1.2.3.4/udp/1/quic-v1", "/ip4/1.2.3.4/udp/443/quic-v1"}, "/ip4/1.2.3.4/udp/443/quic-v1"},
		{[]string{"/ip4/10.0.0.1/udp/443/quic-v1", "/ip4/1.2.3.4/tcp/1"}, "/ip4/1.2.3.4/tcp/1"},
		{[]string{"/dns/a.example/tcp/1", "/ip4/1.2.3.4/tcp/1/p2p/" + relay + "/p2p-circuit"}, ""},
	} {
		var addrs []ma.Multiaddr
		for _, a := range tt.addrs {
			addrs = append(addrs, ma.StringCast(a))
		}
		got := ""
		if a := circuitVia(addrs, p); a != nil {
			got = a.String()
		}
		want := tt.want
		if want != "" {
			want += "/p2p/" + relay + "/p2p-circuit"
		}
		if got != want {
			t.Errorf("%v: %q, want %q", tt.addrs, got, want)
		}
	}
}
