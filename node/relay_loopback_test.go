// Relays and circuits over the real loopback: what the simulated network does not have.

package node

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"

	"stoa/identity"
)

// One relay serves a listener over QUIC and one that has nothing but TCP.
func TestServedOverQUICAndTCP(t *testing.T) {
	relay, err := Open(t.Context(), Config{Network: Private, Listen: []string{overQUIC, overTCP}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Close() })
	rr := enterTest(t, relay)
	rl, err := rr.Serve(ServeConfig{Slots: 2, Admit: func(identity.ID, []byte) Admission { return Yes }})
	if err != nil {
		t.Fatal(err)
	}
	type got struct {
		what string
		b    []byte
	}
	want := make([]byte, 300)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	for _, listen := range []string{overQUIC, overTCP} {
		t.Run(listen, func(t *testing.T) {
			child := openLoopback(t, listen)
			rc := enterTest(t, child)
			var addrs []string
			for _, a := range relay.Addrs() {
				if bytes.Contains([]byte(a), []byte("tcp")) == (listen == overTCP) {
					addrs = append(addrs, a)
				}
			}
			rc.Meet(rr.key.ID(), addrs)
			heard := make(chan got, 64)
			tell := func(g got) {
				select {
				case heard <- g:
				default: // there is enough to look at
				}
			}
			a, err := rc.Attach(t.Context(), AttachConfig{
				Relay:    rr.key.ID(),
				OnPacket: func(b []byte, _ time.Time) { tell(got{"packet", bytes.Clone(b)}) },
				OnDigest: func(b []byte, _ time.Time) { tell(got{"digest", bytes.Clone(b)}) },
			})
			if err != nil {
				t.Fatal(err)
			}
			until := func(what string) {
				t.Helper()
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for i := uint32(0); ; i += 2 {
					rl.Forward(want, Voice{KID: 1, Index: i, Frames: 2})
					rl.SendDigest(want[:100])
					select {
					case g := <-heard:
						if g.what == "packet" && !bytes.Equal(g.b, want) || g.what == "digest" && !bytes.Equal(g.b, want[:100]) {
							t.Fatalf("a %s came as % x", g.what, g.b)
						}
						if g.what == what {
							return
						}
					case <-tick.C:
					case <-a.Done():
						t.Fatal(a.Err())
					}
				}
			}
			until("digest")
			if n := a.Info().Packets; n != 0 {
				t.Errorf("%d packets to who stands by", n)
			}
			a.SetMedia(true)
			until("packet")
			info := a.Info()
			if (info.Carrier == Stream) != (listen == overTCP) {
				t.Errorf("carrier %q", info.Carrier)
			}
			children := rl.Children()
			if len(children) != 1 || children[0].ID != rc.key.ID() || (children[0].Carrier == Stream) != (listen == overTCP) {
				t.Errorf("children: %+v", children)
			}
			a.Close()
			for len(rl.Children()) > 0 {
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

// A server lends circuits to those of its rooms, and a few to strangers.
func TestCircuitsAreForGuests(t *testing.T) {
	server, err := Open(t.Context(), Config{Network: Private, Listen: []string{overQUIC}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	rs := enterTest(t, server)
	rl, err := rs.Serve(ServeConfig{Slots: 1, Admit: func(identity.ID, []byte) Admission { return No }})
	if err != nil {
		t.Fatal(err)
	}
	defer rl.Close()
	at := peer.AddrInfo{ID: server.host.ID(), Addrs: server.host.Addrs()}
	reserve := func(n *Node) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := n.host.Connect(ctx, at); err != nil {
			t.Fatal(err)
		}
		_, err := client.Reserve(ctx, n.host, at)
		return err
	}
	stranger := openLoopback(t, overQUIC)
	if err := reserve(stranger); err != nil {
		t.Errorf("a stranger: %v", err)
	}
	for i := range circuitsForStrangers {
		server.guests.spare(peer.ID([]byte{byte(i)}), houseAt(i), time.Now())
	}
	if err := reserve(openLoopback(t, overQUIC)); err == nil {
		t.Error("one stranger more than there are circuits for has one")
	}
	if err := reserve(stranger); err != nil {
		t.Errorf("a stranger who renews: %v", err)
	}
	member := openLoopback(t, overQUIC)
	if _, _, err := enterTest(t, member).AskPeer(t.Context(), server.Addrs()[0], nil); err != nil {
		t.Fatal(err)
	}
	if err := reserve(member); err != nil {
		t.Errorf("a member: %v", err)
	}
	guest := openLoopback(t, overQUIC)
	rg := enterTest(t, guest)
	rg.Meet(rs.key.ID(), server.Addrs())
	if _, err := rg.Attach(t.Context(), AttachConfig{Relay: rs.key.ID()}); !errors.Is(err, ErrRefused) {
		t.Errorf("attached: %v", err)
	}
	if err := reserve(guest); err != nil {
		t.Errorf("who may be admitted in a moment: %v", err)
	}
	desktop := openLoopback(t, overQUIC)
	at = peer.AddrInfo{ID: desktop.host.ID(), Addrs: desktop.host.Addrs()}
	if err := reserve(member); err == nil {
		t.Error("a desktop node lends circuits")
	}
}

func TestGuestsAreForgotten(t *testing.T) {
	var g guests
	now := time.Unix(1, 0)
	g.note("a", now)
	if !g.lately("a", now.Add(guestFor-1)) || g.lately("a", now.Add(guestFor)) || g.lately("b", now) {
		t.Error("a guest is not one for 10 minutes")
	}
	for i := range 3 * maxGuests {
		g.note(peer.ID([]byte{byte(i), byte(i >> 8)}), now)
		if len(g.last) > maxGuests {
			t.Fatalf("%d guests", len(g.last))
		}
	}
}

// houseAt is the i-th household.
func houseAt(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{1, 2, byte(i >> 8), byte(i)}), 32)
}

func TestCircuitsOfStrangersComeBack(t *testing.T) {
	var g guests
	now := time.Unix(1, 0)
	for i := range circuitsForStrangers {
		if !g.spare(peer.ID([]byte{byte(i)}), houseAt(i), now) {
			t.Fatalf("number %d", i)
		}
	}
	far := houseAt(999)
	if g.spare("late", far, now) || !g.spare(peer.ID([]byte{0}), houseAt(0), now) {
		t.Error("a stranger too many, or one refused who has a circuit")
	}
	g.forget(peer.ID([]byte{1}))
	if !g.spare("late", far, now) || g.spare("later", far, now) {
		t.Error("the circuit of one who is gone")
	}
	if !g.spare("later", far, now.Add(circuitFor+1)) {
		t.Error("circuits that ran out")
	}
}

func TestOneHouseDoesNotTakeAllCircuits(t *testing.T) {
	g := newGuests(func(peer.ID) bool { return false })
	got := 0
	for i := range 20 {
		if g.spare(peer.ID([]byte{byte(i)}), houseAt(1), time.Unix(1, 0)) {
			got++
		}
	}
	if got != strangersPerAddr {
		t.Errorf("%d circuits", got)
	}
	from := ma.StringCast("/ip4/1.2.3.4/udp/5000/quic-v1")
	asked := 0
	for range 1000 {
		if g.AllowConnect("a", from, peer.ID([]byte{0})) {
			asked++
		}
	}
	if asked < circuitsToBurst || asked > circuitsToBurst+2 {
		t.Errorf("%d circuits to one stranger", asked)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	rl := &Relay{waiting: make(map[netip.Prefix]int), knocking: make(map[peer.ID]int)}
	addr := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{1, 2, byte(i >> 8), byte(i)}), 32)
	}
	who := func(i int) peer.ID { return peer.ID([]byte{byte(i >> 8), byte(i)}) }
	for i := range waitingPerAddr {
		if !rl.startWaiting(addr(0), who(i)) {
			t.Fatalf("%d wait at one address", i)
		}
	}
	if rl.startWaiting(addr(0), who(5000)) {
		t.Error("one more waits at that address")
	}
	for i := waitingPerAddr; i < waitingChildren; i++ {
		if !rl.startWaiting(addr(i), who(i)) {
			t.Fatalf("%d wait", i)
		}
	}
	if rl.startWaiting(addr(5000), who(5000)) {
		t.Error("one more waits")
	}
	for i := range waitingPerAddr {
		rl.stopWaiting(addr(0), who(i))
	}
	if _, kept := rl.waiting[addr(0)]; kept || rl.waited != waitingChildren-waitingPerAddr {
		t.Errorf("%d wait, and the address is known: %v", rl.waited, kept)
	}
	// On loopback nobody needs a bound on himself.
	rl = &Relay{waiting: make(map[netip.Prefix]int), knocking: make(map[peer.ID]int)}
	for i := range 2 * waitingPerAddr {
		if !rl.startWaiting(netip.Prefix{}, who(i)) {
			t.Fatal("too many on loopback")
		}
	}
	// Wherever it is, one peer waits twice at most.
	if !rl.startWaiting(netip.Prefix{}, who(0)) || rl.startWaiting(netip.Prefix{}, who(0)) {
		t.Error("one peer does not wait exactly twice")
	}
}
