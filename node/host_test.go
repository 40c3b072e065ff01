// When which address of a peer is dialled, and how many peers a host takes.

package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
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

// What libp2p counts must not keep out the children of a relay host.
func TestServerTakesThousands(t *testing.T) {
	limits, err := resourceManager(Config{Server: true})
	if err != nil {
		t.Fatal(err)
	}
	defer limits.Close()
	const children = 4000
	for i := range children {
		addr := ma.StringCast(fmt.Sprintf("/ip4/8.%d.%d.1/udp/1/quic-v1", i>>8, i&255))
		conn, err := limits.OpenConnection(network.DirInbound, false, addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		p := peer.ID(fmt.Sprint(i))
		if err := conn.SetPeer(p); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		for _, s := range []struct {
			proto protocol.ID
			dir   network.Direction
		}{{protoRelay, network.DirInbound}, {protoMesh, network.DirInbound}, {protoMesh, network.DirOutbound}} {
			stream, err := limits.OpenStream(p, s.dir)
			if err != nil {
				t.Fatalf("stream %s of %d: %v", s.proto, i, err)
			}
			if err := stream.SetProtocol(s.proto); err != nil {
				t.Fatalf("stream %s of %d: %v", s.proto, i, err)
			}
		}
	}
}
