// Server: what a node does for others that is no room's business. It takes thousands of
// connections, holds a part of the DHT, and lends nodes behind a NAT a circuit, so that
// they can be found and can open a direct connection. Circuits carry no voice.

package node

import (
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	circuits        = 256 // reservations
	circuitsPerAddr = 64  // of these, from one address
	circuitsPerASN  = 128 // of these, from one provider
	circuitPeers    = 64  // circuits at once to one peer
	circuitBytes    = 512 << 10
	circuitLasts    = 2 * time.Minute

	guestFor  = 10 * time.Minute // a peer that knew a room's key may reserve
	maxGuests = 4096

	// Of the circuits, those for peers of no room of ours: whoever opens a room behind a NAT
	// has nobody else to ask.
	circuitsForStrangers = 64
	strangersPerAddr     = 4

	// How often circuits may be opened, a second and at once: from one address, to one
	// stranger, and to all strangers together. Their bytes are bounded one by one only.
	circuitsFrom, circuitsFromBurst               = 2, 120
	circuitsTo, circuitsToBurst                   = 0.2, 8
	circuitsToStrangers, circuitsToStrangersBurst = 4, 16
	circuitFor                                    = time.Hour // one reservation
)

// A scale is how much of the machine a node may take up.
type scale struct {
	conns        int // at once, both ways
	handshakes   int // of these, not finished
	streams      int
	memory       int64 // bytes that libp2p may book, in all and for one protocol
	perAddr      int   // connections from one IPv4 address or IPv6 /56
	newPerSecond float64
	newAtOnce    int // from one address
	trimTo       int // unneeded connections are closed down to this
	trimAt       int // when there are so many
}

// perSite is how many connections may come from one IPv6 /48, which is one customer: never so
// many that nobody else gets in.
func (s scale) perSite() int { return min(4*s.perAddr, s.conns/2) }

func (cfg *Config) scale() scale {
	if cfg.Server {
		return scale{
			conns: 12288, handshakes: 2048, streams: 98304, memory: 4 << 30,
			perAddr: 512, newPerSecond: 50, newAtOnce: 512, trimTo: 8192, trimAt: 10240,
		}
	}
	return scale{
		conns: 1024, handshakes: 512, streams: 16384,
		perAddr: 256, newPerSecond: 10, newAtOnce: 256, trimTo: 160, trimAt: 320,
	}
}

// widen raises libp2p's limits to the scale, and leaves what it does not name.
func (s scale) widen(limits *rcmgr.ScalingLimitConfig) {
	system := &limits.SystemBaseLimit
	system.Conns, system.ConnsInbound, system.ConnsOutbound = s.conns, s.conns*3/4, s.conns/2
	system.Streams, system.StreamsInbound, system.StreamsOutbound = s.streams, s.streams/2, s.streams/2
	system.FD = s.conns
	transient := &limits.TransientBaseLimit
	transient.Conns, transient.ConnsInbound, transient.ConnsOutbound = s.handshakes, s.handshakes/2, s.handshakes/2
	transient.Streams, transient.StreamsInbound, transient.StreamsOutbound = 2*s.handshakes, s.handshakes, s.handshakes
	transient.FD = s.handshakes / 2
	if s.memory == 0 {
		return
	}
	system.Memory = s.memory
	transient.Memory = s.memory / 4
	protocol := &limits.ProtocolBaseLimit // every child speaks the same few
	protocol.Streams, protocol.StreamsInbound, protocol.StreamsOutbound = s.streams/2, s.streams/4, s.streams/4
	protocol.Memory = s.memory
}

// lendCircuits starts the circuit service of a server.
func lendCircuits(h host.Host, allow *guests) (*relay.Relay, error) {
	r, err := relay.New(h,
		relay.WithResources(relay.Resources{
			Limit:                 &relay.RelayLimit{Duration: circuitLasts, Data: circuitBytes},
			ReservationTTL:        circuitFor,
			MaxReservations:       circuits,
			MaxCircuits:           circuitPeers,
			BufferSize:            2048,
			MaxReservationsPerIP:  circuitsPerAddr,
			MaxReservationsPerASN: circuitsPerASN,
		}),
		relay.WithACL(allow),
		// On a private network our address may be private.
		relay.WithReservationAddressFilter(func(ma.Multiaddr) bool { return true }),
	)
	if err != nil {
		return nil, fmt.Errorf("lend circuits: %w", err)
	}
	return r, nil
}

// guests are the peers that may have a circuit: those that have shown lately that they hold
// the key of a room of ours, and a few others.
// Safe for concurrent use.
type guests struct {
	proved func(peer.ID) bool

	mu        sync.Mutex
	last      map[peer.ID]time.Time
	strangers map[peer.ID]stranger // who has a circuit

	from buckets[netip.Prefix]
	to   buckets[peer.ID]
	all  bucket
}

// A stranger has a circuit of those for strangers.
type stranger struct {
	at    netip.Prefix
	until time.Time
}

func newGuests(proved func(peer.ID) bool) *guests {
	return &guests{
		proved: proved,
		from:   buckets[netip.Prefix]{rate: circuitsFrom, burst: circuitsFromBurst},
		to:     buckets[peer.ID]{rate: circuitsTo, burst: circuitsToBurst},
		all:    bucket{rate: circuitsToStrangers, burst: circuitsToStrangersBurst},
	}
}

// note records that a peer has signed an attach, wherever that led.
func (g *guests) note(p peer.ID, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last == nil || len(g.last) >= maxGuests {
		g.last = make(map[peer.ID]time.Time) // they attach again
	}
	g.last[p] = now
}

func (g *guests) lately(p peer.ID, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.last[p]
	return ok && now.Sub(at) < guestFor
}

// AllowReserve lets those reserve who are of a room of ours, and a few strangers.
func (g *guests) AllowReserve(p peer.ID, addr ma.Multiaddr) bool {
	now := time.Now()
	return g.proved(p) || g.lately(p, now) || g.spare(p, houseOf(addr), now)
}

// spare gives a stranger one of the circuits that are meant for strangers.
func (g *guests) spare(p peer.ID, at netip.Prefix, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.strangers, func(_ peer.ID, s stranger) bool { return now.After(s.until) })
	neighbours := 0
	for q, s := range g.strangers {
		if q != p && s.at == at && at.IsValid() {
			neighbours++
		}
	}
	if _, has := g.strangers[p]; !has && len(g.strangers) >= circuitsForStrangers || neighbours >= strangersPerAddr {
		return false
	}
	if g.strangers == nil {
		g.strangers = make(map[peer.ID]stranger)
	}
	g.strangers[p] = stranger{at, now.Add(circuitFor)}
	return true
}

// forget notes that a peer is gone, and its circuit with it.
func (g *guests) forget(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.strangers, p)
}

// AllowConnect lets everybody ask for who has reserved, now and then: a newcomer with a link
// has proved nothing yet, and the door is at the far end.
func (g *guests) AllowConnect(_ peer.ID, from ma.Multiaddr, to peer.ID) bool {
	now := time.Now()
	if at := houseOf(from); at.IsValid() && !g.from.take(at, now) {
		return false
	}
	g.mu.Lock()
	_, stranger := g.strangers[to]
	g.mu.Unlock()
	return !stranger || g.to.take(to, now) && g.all.take(1, now)
}

// proved says whether a peer is somebody of a room that we are in, or our child there.
func (n *Node) provedSomewhere(p peer.ID) bool {
	for _, r := range n.allRooms() {
		if r.book.has(p) {
			return true
		}
		if rl := r.serving.Load(); rl != nil && rl.carries(p) {
			return true
		}
	}
	return false
}

// carries says whether a peer is a child.
func (rl *Relay) carries(p peer.ID) bool {
	for _, c := range rl.all() {
		if c.key.peer == p {
			return true
		}
	}
	return false
}
