// Nodes on the real loopback: TCP, goroutines, forged answers.

package node

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"stoa/identity"
)

func openLoopback(t testing.TB, listen string, bootstrap ...string) *Node {
	t.Helper()
	n, err := Open(t.Context(), Config{Network: Private, Listen: []string{listen}, Bootstrap: bootstrap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

const (
	overQUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
	overTCP  = "/ip4/127.0.0.1/tcp/0"
	overWS   = "/ip4/127.0.0.1/tcp/0/ws"
)

func enterTest(t testing.TB, n *Node) *Room {
	t.Helper()
	r, err := n.Enter(RoomConfig{ID: identity.RoomID{1}, Rendezvous: [16]byte{2}, Key: testKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	r.Admit(func(identity.ID) bool { return true })
	r.Check(func(string, []byte) (bool, bool) { return true, false })
	return r
}

func testKey(t testing.TB) *identity.Key {
	t.Helper()
	k, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestVoiceFallsBackToAStream(t *testing.T) {
	for _, listen := range []string{overTCP, overWS} {
		t.Run(listen, func(t *testing.T) {
			a, b := openLoopback(t, listen), openLoopback(t, listen)
			ra, rb := enterTest(t, a), enterTest(t, b)
			got := make(chan []byte, 64)
			ra.OnPacket(func(_ identity.ID, packet []byte, _ time.Time) { got <- bytes.Clone(packet) })
			rb.Meet(ra.key.ID(), a.Addrs())
			if err := rb.Link(t.Context(), ra.key.ID()); err != nil {
				t.Fatal(err)
			}
			if c := rb.Links()[0].Carrier; c != Stream {
				t.Errorf("carrier %q", c)
			}
			for _, size := range []int{1, 100, MaxPacket} {
				want := bytes.Repeat([]byte{7}, size)
				if rb.Send(want, []identity.ID{ra.key.ID()}) != 1 {
					t.Fatal("not taken")
				}
				if p := <-got; !bytes.Equal(p, want) {
					t.Errorf("%d bytes came as %d", size, len(p))
				}
			}
			if rb.Send(make([]byte, MaxPacket+1), []identity.ID{ra.key.ID()}) != 0 {
				t.Error("took more than MaxPacket")
			}
		})
	}
}

// A peer that knows the room, but not the person's key, cannot answer for him.
func TestForgedReplyIsRefused(t *testing.T) {
	a, b := openLoopback(t, overQUIC), openLoopback(t, overQUIC)
	victim := testKey(t)
	rb := enterTest(t, b)
	forge := func(s network.Stream, sign *identity.Key, claim identity.ID, to channel) {
		frame, err := readFrame(s, maxRequest)
		if err != nil {
			t.Error(err)
			return
		}
		_, sealed, _ := cutTag(frame)
		req, err := openRequest(rb.door, channel{rb.id, s.Conn().RemotePeer(), a.host.ID()}, sealed)
		if err != nil {
			t.Error(err)
			return
		}
		rep := reply{From: claim, Body: []byte("welcome")}
		sum := hash(rep.Body)
		rep.Sig = to.sign(sign, domainReply, req.Nonce[:], []byte{0}, sum[:])
		writeFrame(s, rb.door.seal(domainReply, identity.Marshal(rep)))
		s.Close()
	}
	here := channel{rb.id, a.host.ID(), b.host.ID()}
	cases := map[string]func(network.Stream){
		"another's name":     func(s network.Stream) { forge(s, testKey(t), victim.ID(), here) },
		"another connection": func(s network.Stream) { forge(s, victim, victim.ID(), here.back()) },
		"another room": func(s network.Stream) {
			forge(s, victim, victim.ID(), channel{identity.RoomID{9}, here.from, here.to})
		},
	}
	for name, handler := range cases {
		t.Run(name, func(t *testing.T) {
			a.host.SetStreamHandler(protoAsk, handler)
			_, rep, err := rb.AskPeer(t.Context(), a.Addrs()[0], []byte("x"))
			if !errors.Is(err, ErrImpostor) || rep != nil {
				t.Errorf("got %q, %v", rep, err)
			}
			if rb.book.has(a.host.ID()) {
				t.Error("a forger counts as proved")
			}
		})
	}
	// Somebody honest, but not the one asked for.
	honest := enterTest(t, a)
	a.host.SetStreamHandler(protoAsk, a.handleAsk)
	honest.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) { return []byte("ok"), nil })
	rb.Meet(victim.ID(), a.Addrs())
	if _, err := rb.Ask(t.Context(), victim.ID(), []byte("x")); !errors.Is(err, ErrImpostor) {
		t.Errorf("another answered for the victim: %v", err)
	}
	if err := rb.Link(t.Context(), victim.ID()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("the peer of another is still tried for the victim: %v", err)
	}
	rc := enterTest(t, openLoopback(t, overQUIC)) // to whom nobody has proved anything yet
	rc.Meet(victim.ID(), a.Addrs())
	if err := rc.Link(t.Context(), victim.ID()); !errors.Is(err, ErrImpostor) {
		t.Errorf("linked to another for the victim: %v", err)
	}
}

func TestEnterTwiceAndAfterClose(t *testing.T) {
	n := openLoopback(t, overQUIC)
	r := enterTest(t, n)
	cfg := RoomConfig{ID: identity.RoomID{1}, Rendezvous: [16]byte{2}, Key: testKey(t)}
	if _, err := n.Enter(cfg); !errors.Is(err, ErrEntered) {
		t.Errorf("twice: %v", err)
	}
	r.Close()
	again, err := n.Enter(cfg)
	if err != nil {
		t.Fatalf("after leaving: %v", err)
	}
	again.Close()
	n.Close()
	if _, err := n.Enter(cfg); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Two members that link, gossip and leave end every goroutine they had.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 2 {
		a := openLoopback(t, overQUIC)
		b := openLoopback(t, overQUIC, a.Addrs()...)
		ra, rb := enterTest(t, a), enterTest(t, b)
		announced := make(chan struct{})
		go func() { defer close(announced); ra.Announce(t.Context()) }()
		rb.Meet(ra.key.ID(), a.Addrs())
		if err := rb.Link(t.Context(), ra.key.ID()); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			rb.Send(make([]byte, 100), []identity.ID{ra.key.ID()})
		}
		rb.Publish(t.Context(), "log", []byte("x"))
		if err := errors.Join(b.Close(), a.Close()); err != nil {
			t.Error(err)
		}
		<-announced // Close ends it, not its context
	}
	// libp2p's own event goroutines need a moment after Close returned.
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	if strings.Contains(stacks, "stoa/node.") || runtime.NumGoroutine() > before+2 {
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks)
	}
}

func TestCardsAreHandedToAnybody(t *testing.T) {
	a := openLoopback(t, overQUIC)
	b := openLoopback(t, overQUIC, a.Addrs()...)
	want := []byte("signed card")
	a.HandleCards(func() [][]byte { return [][]byte{make([]byte, maxCard+1), want} })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go a.Announce(ctx, "music", "en")
	for card := range b.Cards(ctx, "music", "en") {
		if !bytes.Equal(card, want) {
			t.Errorf("got a card of %d bytes", len(card))
		}
		return
	}
	t.Error("no card")
}

// On no network at all a room is found by nobody, and reached by its address.
func TestLinksAlone(t *testing.T) {
	open := func() *Node {
		n, err := Open(t.Context(), Config{Network: Links, Listen: []string{overQUIC}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		return n
	}
	a, b := open(), open()
	ra, rb := enterTest(t, a), enterTest(t, b)
	ra.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) { return []byte("ok"), nil })
	if a.lan != nil || b.lan != nil {
		t.Error("looks for others on the local network")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for addr := range rb.Find(ctx) {
		t.Errorf("found %s", addr)
	}
	who, _, err := rb.AskPeer(t.Context(), a.Addrs()[0], []byte("x"))
	if err != nil || who != ra.key.ID() {
		t.Errorf("asked by its address: %v, %v", who, err)
	}
}

func TestConfigRefusesNonsense(t *testing.T) {
	for name, cfg := range map[string]Config{
		"network":           {Network: "moon"},
		"bootstrap":         {Network: Private, Bootstrap: []string{"/ip4/127.0.0.1/tcp/1"}},
		"bootstrap on lan":  {Network: LAN, Bootstrap: []string{"/ip4/127.0.0.1/tcp/1"}},
		"listen":            {Network: Private, Listen: []string{"127.0.0.1:80"}},
		"key":               {Network: Private, Listen: []string{overQUIC}, Key: make([]byte, 5)},
		"bootstrap garbage": {Network: Private, Bootstrap: []string{"none"}},
	} {
		if n, err := Open(t.Context(), cfg); err == nil {
			n.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestKeyFixesThePeerAndHintsRoundTrip(t *testing.T) {
	_, key, _ := newTransportKey()
	var peers []string
	for range 2 {
		n, err := Open(t.Context(), Config{Network: Private, Listen: []string{overQUIC, overTCP}, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, n.Peer())
		for _, h := range n.Hints() {
			text, err := HintAddr(h)
			if err != nil || !strings.HasSuffix(text, n.Peer()) || !strings.Contains(text, "quic-v1") {
				t.Errorf("hint %q: %v", text, err)
			}
		}
		if len(n.Hints()) == 0 {
			t.Error("no hints")
		}
		n.Close()
	}
	if peers[0] != peers[1] {
		t.Errorf("one key, two peers: %v", peers)
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, {4, 127, 0, 0, 1, 6, 0, 80}} {
		if text, err := HintAddr(bad); err == nil {
			t.Errorf("%x taken as %q", bad, text)
		}
	}
}

// From a known address to the first packet heard: dial, ask, link, send.
func BenchmarkFirstPacket(b *testing.B) {
	a := openLoopback(b, overQUIC)
	ra := enterTest(b, a)
	ra.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) { return make([]byte, 4096), nil })
	got := make(chan struct{}, 1)
	ra.OnPacket(func(identity.ID, []byte, time.Time) { got <- struct{}{} })
	for b.Loop() {
		b.StopTimer()
		n, err := Open(b.Context(), Config{Network: Private, Listen: []string{overQUIC}})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		r := enterTest(b, n)
		who, _, err := r.AskPeer(b.Context(), a.Addrs()[0], []byte("join"))
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Link(b.Context(), who); err != nil {
			b.Fatal(err)
		}
		r.Send([]byte("voice"), []identity.ID{who})
		<-got
		b.StopTimer()
		n.Close()
		b.StartTimer()
	}
}

// Several who look for the same peer at once must not take its address from one another.
func TestWhatIsSaidAgainStaysInTheBook(t *testing.T) {
	a, b := openLoopback(t, overTCP), openLoopback(t, overTCP)
	at, err := peer.AddrInfoFromString(a.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	other := *at
	other.Addrs = []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.2/tcp/1")}
	b.believe(other)
	b.believe(*at)
	if known := b.host.Peerstore().Addrs(at.ID); len(known) != 1 || !known[0].Equal(at.Addrs[0]) {
		t.Errorf("what another said is kept: %v", known)
	}
	ctx, enough := context.WithCancel(t.Context())
	var saying sync.WaitGroup
	saying.Go(func() {
		for ctx.Err() == nil {
			b.believe(*at)
		}
	})
	for range 10_000 {
		if len(b.host.Peerstore().Addrs(at.ID)) == 0 {
			t.Error("for a moment nobody could dial it")
			break
		}
	}
	enough()
	saying.Wait()
}
