// Package nodetest runs nodes on a simulated network, for tests inside a
// testing/synctest bubble: real libp2p over QUIC, with virtual time and packets
// that never leave the process.
package nodetest

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/marcopolo/simnet"

	"stoa/identity"
	"stoa/node"
)

// lost is a latency that no test outlives.
const lost = 1000 * time.Hour

// World is a simulated network. Its methods may be called from any goroutine.
type World struct {
	t   testing.TB
	net *simnet.Simnet

	opening sync.Mutex

	mu    sync.Mutex
	delay time.Duration
	block func(from, to string) bool

	rawLost bool
	raw     map[string]int // packets by where they go

	endpoints map[string]*endpoint // these two by the address that the node was opened at
	machines  map[string]*machine
}

// New starts a network in which every packet takes delay. It ends with the test.
// It must be called inside a synctest bubble.
func New(t testing.TB, delay time.Duration) *World {
	w := &World{t: t, delay: delay, block: func(string, string) bool { return false }}
	w.net = &simnet.Simnet{LatencyFunc: w.latency, Logger: slog.New(slog.DiscardHandler)}
	w.net.Start()
	t.Cleanup(w.net.Close)
	return w
}

func (w *World) latency(p *simnet.Packet) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.block(p.From.String(), p.To.String()) {
		return lost
	}
	return w.delay
}

// Open starts a node on the private network at ip:port. It is closed with the test.
func (w *World) Open(ip string, port int, bootstrap ...string) *node.Node {
	w.t.Helper()
	return w.open(ip, port, w.endpoint, bootstrap)
}

// open starts a node at ip:port on sockets of the caller's.
func (w *World) open(ip string, port int, socket func(at *net.UDPAddr) net.PacketConn, bootstrap []string) *node.Node {
	w.t.Helper()
	n, err := node.Open(w.t.Context(), node.Config{
		Network:   node.Private,
		Listen:    []string{fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", ip, port)},
		Bootstrap: bootstrap,
		ListenUDP: func(_ string, at *net.UDPAddr) (net.PacketConn, error) { return socket(at), nil },
		Machine:   w.machine(fmt.Sprintf("%s:%d", ip, port)),
		Options:   []libp2p.Option{libp2p.DisableIdentifyAddressDiscovery()}, // its timers stall a bubble
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { n.Close() })
	return n
}

// Block loses from now on the packets for which lose says so; the addresses have the
// form ip:port. Nil loses nothing.
func (w *World) Block(lose func(from, to string) bool) {
	if lose == nil {
		lose = func(string, string) bool { return false }
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.block = lose
}

// LoseRAW loses from now on, or no longer, the media that goes beside QUIC, as a network
// does that lets only known protocols through.
func (w *World) LoseRAW(lose bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rawLost = lose
}

// RAW counts the packets beside QUIC that were sent so far to an address.
func (w *World) RAW(to string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.raw[to]
}

// sendsRAW counts a packet beside QUIC and says whether it is lost.
func (w *World) sendsRAW(to net.Addr) (lost bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.raw == nil {
		w.raw = make(map[string]int)
	}
	w.raw[to.String()]++
	return w.rawLost
}

// Around is for Block: everything from and to one address.
func Around(addr string) func(from, to string) bool {
	return func(from, to string) bool { return from == addr || to == addr }
}

// Past is for Block: everything neither from nor to one address, as if the others could reach
// that one alone.
func Past(addr string) func(from, to string) bool {
	return func(from, to string) bool { return from != addr && to != addr }
}

// Enter makes the node act in the test room as a fresh person, whom everybody lets in
// and whose messages everybody accepts. It is left with the test.
func Enter(t testing.TB, n *node.Node, rendezvous [16]byte) (*node.Room, identity.ID) {
	t.Helper()
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.Enter(node.RoomConfig{ID: RoomID, Rendezvous: rendezvous, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	r.Check(func(string, []byte) (accept, bad bool) { return true, false })
	r.Admit(func(identity.ID) bool { return true })
	return r, key.ID()
}

// RoomID is the room that Enter enters.
var RoomID = identity.RoomID{'t', 'e', 's', 't'}

// A Host is a node with the one person that acts on it in the test room.
type Host struct {
	*node.Node
	Room *node.Room
	ID   identity.ID
}

// Rendezvous is the rendezvous key of the room that Hosts enter.
var Rendezvous = [16]byte{'r', 'v'}

// Hosts opens count nodes on a network of their own, at 1.0.0.1:8000, 1.0.0.2:8000 and so
// on. Each acts in the room RoomID as a fresh person.
func Hosts(t testing.TB, delay time.Duration, count int) (*World, []Host) {
	t.Helper()
	w := New(t, delay)
	var hosts []Host
	for i := range count {
		h := Host{Node: w.Open(fmt.Sprintf("1.0.0.%d", i+1), 8000)}
		h.Room, h.ID = Enter(t, h.Node, Rendezvous)
		hosts = append(hosts, h)
	}
	return w, hosts
}
