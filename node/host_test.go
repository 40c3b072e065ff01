// When which address of a peer is dialled.

package node

import (
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
)

func TestQUICHasAHeadStart(t *testing.T) {
	const (
		quic    = "/ip4/10.0.0.1/udp/1/quic-v1"
		quic6   = "/ip6/fd00::1/udp/1/quic-v1"
		tcp     = "/ip4/10.0.0.1/tcp/1"
		ws      = "/ip4/10.0.0.1/tcp/1/ws"
		public  = "/ip4/1.2.3.4/tcp/1"
		circuit = "/ip4/1.2.3.4/udp/1/quic-v1/p2p/12D3KooWLpnGbnSXLPV4gvRpH4BDNrRoZGoEyCmVmoacwJ7Y6vVL/p2p-circuit"
	)
	tests := []struct {
		name   string
		addrs  []string
		behind []string // by the head start at least
	}{
		{"both", []string{tcp, quic}, []string{tcp}},
		{"everything", []string{ws, tcp, quic6, quic, public, circuit}, []string{tcp, ws, public, circuit}},
		{"no QUIC", []string{tcp, ws}, nil},
		{"QUIC through a circuit alone", []string{tcp, circuit}, nil},
	}
	for _, tt := range tests {
		var addrs []ma.Multiaddr
		for _, a := range tt.addrs {
			addrs = append(addrs, ma.StringCast(a))
		}
		at := map[string]time.Duration{}
		first := time.Hour
		for _, d := range rankDials(addrs) {
			at[d.Addr.String()] = d.Delay
			first = min(first, d.Delay)
		}
		if first != 0 || len(at) != len(addrs) {
			t.Errorf("%s: %v", tt.name, at)
		}
		if d := at[quic]; d >= udpHeadStart {
			t.Errorf("%s: QUIC waits %v", tt.name, d)
		}
		for _, a := range tt.behind {
			if at[a] < udpHeadStart {
				t.Errorf("%s: %s waits %v", tt.name, a, at[a])
			}
		}
		if tt.behind == nil && at[tcp] >= udpHeadStart {
			t.Errorf("%s: TCP waits %v for nothing", tt.name, at[tcp])
		}
	}
}
