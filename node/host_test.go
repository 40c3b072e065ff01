// When which address of a peer is dialled, and how many peers a host takes.

package node

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
)

func TestWhichAddressIsDialledWhen(t *testing.T) {
	const (
		local   = "/ip4/10.0.0.1/udp/1/quic-v1"
		public  = "/ip4/1.2.3.4/udp/1/quic-v1"
		public6 = "/ip6/2600::1/udp/1/quic-v1"
		tcp     = "/ip4/1.2.3.4/tcp/1"
		ws      = "/ip4/1.2.3.4/tcp/1/ws"
		wss     = "/ip4/1.2.3.4/tcp/443/tls/ws"
		circuit = "/ip4/1.2.3.5/udp/1/quic-v1/p2p/12D3KooWLpnGbnSXLPV4gvRpH4BDNrRoZGoEyCmVmoacwJ7Y6vVL/p2p-circuit"
	)
	const step = 250 * time.Millisecond
	tests := []struct {
		name  string
		noUDP bool
		at    map[string]time.Duration
	}{
		{"QUIC first", false, map[string]time.Duration{public: 0, tcp: 2 * step, ws: 3 * step}},
		{"local and public at once", false, map[string]time.Duration{local: 0, public: 0, tcp: 2 * step}},
		{"two families", false, map[string]time.Duration{public: 0, public6: step, wss: 3 * step}},
		{"a circuit while it is not clear", false, map[string]time.Duration{public: 0, circuit: step, tcp: 2 * step}},
		{"no QUIC", false, map[string]time.Duration{tcp: 0, wss: step}},
		{"no UDP gets out", true, map[string]time.Duration{public: 0, tcp: 0, wss: step}},
	}
	for _, tt := range tests {
		var d dialler
		if tt.noUDP {
			d.tcp.Store(true)
			d.vain.Store(noUDPSuspects)
		}
		var addrs []ma.Multiaddr
		for _, a := range slices.Sorted(maps.Keys(tt.at)) {
			addrs = append(addrs, ma.StringCast(a))
		}
		for _, got := range d.rank(addrs) {
			if want := tt.at[got.Addr.String()]; got.Delay != want {
				t.Errorf("%s: %s after %v, want %v", tt.name, got.Addr, got.Delay, want)
			}
		}
	}
}

func TestWhileClimbingQUICAloneIsDialled(t *testing.T) {
	var d dialler
	const p = peer.ID("p")
	tcp, quic := ma.StringCast("/ip4/1.2.3.4/tcp/1"), ma.StringCast("/ip4/1.2.3.4/udp/1/quic-v1")
	first, second := d.climb(p), d.climb(p)
	first()
	if d.InterceptAddrDial(p, tcp) || !d.InterceptAddrDial(p, quic) || !d.InterceptAddrDial("q", tcp) {
		t.Error("while one climb goes on")
	}
	second()
	if !d.InterceptAddrDial(p, tcp) {
		t.Error("TCP is still refused afterwards")
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

// TestLimitsAreAsDocumented holds the table in doc.go to what the constants say.
func TestLimitsAreAsDocumented(t *testing.T) {
	raw, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, limits, _ := strings.Cut(string(raw), "// # Limits")
	limits = strings.Join(strings.Fields(strings.ReplaceAll(limits, "//", "")), " ")
	desktop, server := (&Config{}).scale(), (&Config{Server: true}).scale()
	for _, s := range []scale{desktop, server} {
		if s.perSite() > s.conns/2 {
			t.Errorf("one site takes %d of %d connections", s.perSite(), s.conns)
		}
	}
	for _, want := range []string{
		fmt.Sprintf("connections %d; %d from one IPv4 address or IPv6 /56, %d from a /48; %g new a second with a burst of %d",
			desktop.conns, desktop.perAddr, desktop.perSite(), desktop.newPerSecond, desktop.newAtOnce),
		fmt.Sprintf("of a server %d; %d, %d; %g new a second with a burst of %d",
			server.conns, server.perAddr, server.perSite(), server.newPerSecond, server.newAtOnce),
		fmt.Sprintf("asks, hellos %d a second from one peer; %d asks handled at once", asksPerSecond, asksAtOnce),
		fmt.Sprintf("links %d a room, %d a person, %d of people whom Admit refuses", linksPerRoom, linksPerPerson, pendingLinks),
		fmt.Sprintf("circuits lent %d of %d KiB and %g min, %d from one address; %d at once to one peer; %d a second opened from one address with a burst of %d",
			circuits, circuitBytes>>10, circuitLasts.Minutes(), circuitsPerAddr, circuitPeers, circuitsFrom, circuitsFromBurst),
		fmt.Sprintf("to strangers %d, %d from one address; 1 in %g s opened to one with a burst of %d, %d a second to all with a burst of %d",
			circuitsForStrangers, strangersPerAddr, 1/circuitsTo, circuitsToBurst, circuitsToStrangers, circuitsToStrangersBurst),
		fmt.Sprintf("sightings %d, %d from one network; %d addresses of each family", maxSightings, maxOfNetwork, maxSeen),
		fmt.Sprintf("hole punching %d addresses of one peer", punchMost),
		fmt.Sprintf("people %d with %d addresses of %d bytes", bookPersons, personAddrs, maxAddr),
	} {
		if !strings.Contains(limits, want) {
			t.Errorf("doc.go does not say %q", want)
		}
	}
	if maxBorrowed != 2 || borrowFor != time.Hour {
		t.Error("borrowed circuits are not as doc.go says")
	}
}
