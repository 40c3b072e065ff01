// What Reach is reckoned from, gathered from libp2p's events: where others see us, what
// AutoNAT found out, which ports a router gave us, who could be connected over what.

package node

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	reachEvery = 5 * time.Second  // Reach is looked at without a reason
	aloneAfter = 10 * time.Second // without a connection to anybody outside
	noUDPAfter = 3 * time.Second  // with one by TCP and none by QUIC
)

// internet says what a node has to do with the internet.
type internet struct {
	there bool // people are met over it
	ports bool // a router may be asked for ports
}

// internetOf: on a private network it depends on where its first peers are. A node on
// sockets that are not the system's never asks anybody outside.
func internetOf(cfg *Config, first []peer.AddrInfo) internet {
	if cfg.ListenUDP != nil {
		return internet{}
	}
	switch cfg.Network {
	case Public:
		return internet{there: true, ports: true}
	case Private:
		out := onPublicAddrs(first)
		return internet{there: out || len(first) == 0 && onPublicInterface(cfg.listen()), ports: out}
	}
	return internet{}
}

// onPublicInterface says whether a node that listens there does so on the internet.
func onPublicInterface(listen []string) bool {
	faces, err := manet.InterfaceMultiaddrs()
	if err != nil {
		return false
	}
	for _, text := range listen {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			continue
		}
		at, err := manet.ResolveUnspecifiedAddress(a, faces)
		if err == nil && slices.ContainsFunc(at, manet.IsPublicAddr) {
			return true
		}
	}
	return false
}

// outside is what a node knows of how the world reaches it. Its fields below mu are
// guarded by it.
type outside struct {
	internet
	loopback bool                       // we listen on this machine alone
	first    map[peer.ID][]ma.Multiaddr // peers that we were told to meet first, and where
	look     chan struct{}              // one slot: something may have changed

	telling sync.Mutex // held during the call of told

	mu          sync.Mutex
	told        func(Reach)
	reach       Reach
	sights      sightings
	quic        bool           // a connection to somebody outside has been up
	met         time.Time      // when one last was, or one by TCP
	tcpSince    time.Time      // one by TCP has been up
	confirmed   []ma.Multiaddr // by AutoNAT
	unreachable []ma.Multiaddr
	seen        []ma.Multiaddr // where we may be called
	circuits    []ma.Multiaddr // where we can be asked
}

// Reach says how the world reaches this node now.
func (n *Node) Reach() Reach {
	n.out.mu.Lock()
	defer n.out.mu.Unlock()
	return n.out.reach
}

// OnReach sets who hears when Reach has changed, and tells what it is now. Calls come one
// at a time and must not block or call OnReach. A node that has nothing to do with the
// internet makes none.
func (n *Node) OnReach(f func(Reach)) {
	n.out.telling.Lock()
	defer n.out.telling.Unlock()
	n.out.mu.Lock()
	n.out.told = f
	r := n.out.reach
	n.out.mu.Unlock()
	if n.out.there {
		f(r)
	}
}

// nudgeReach has Reach reckoned again soon. It never blocks.
func (n *Node) nudgeReach() { poke(n.out.look) }

// watchReach keeps Reach up to date until the node closes.
func (n *Node) watchReach() error {
	events, err := n.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted),
		new(event.EvtHostReachableAddrsChanged),
		new(event.EvtLocalAddressesUpdated),
	}, eventbus.Name("stoa/reach"), eventbus.BufSize(256))
	if err != nil {
		return err
	}
	n.work.Go(func() {
		defer events.Close()
		tick := time.NewTicker(reachEvery)
		defer tick.Stop()
		for {
			n.reckonReach()
			select {
			case <-n.ctx.Done():
				return
			case e := <-events.Out():
				n.heed(e)
			case <-n.out.look:
			case <-tick.C:
			}
		}
	})
	return nil
}

// metOutside notes over what somebody outside could be connected.
func (n *Node) metOutside(c network.Conn) {
	if !isOutside(c) {
		return
	}
	if p := c.RemotePeer(); !isQUIC(c.RemoteMultiaddr()) {
		if !n.dials.tcp.Swap(true) {
			n.out.mu.Lock()
			n.out.tcpSince = time.Now()
			n.out.mu.Unlock()
		}
		if c.Stat().Direction == network.DirOutbound && slices.ContainsFunc(n.host.Peerstore().Addrs(p), isQUIC) {
			n.dials.vain.Add(1) // it had its chance
		}
	} else {
		n.dials.vain.Store(0)
		n.out.mu.Lock()
		n.out.quic = true
		n.out.mu.Unlock()
	}
	n.nudgeReach()
}

// forgetOutside forgets what was true of another network.
func (n *Node) forgetOutside() {
	n.dials.tcp.Store(false)
	n.dials.vain.Store(0)
	n.out.mu.Lock()
	n.out.sights.forget()
	n.out.quic, n.out.tcpSince, n.out.met = false, time.Time{}, time.Now()
	n.out.confirmed, n.out.unreachable = nil, nil
	n.out.mu.Unlock()
	n.nudgeReach()
}

// heed takes one of libp2p's events.
func (n *Node) heed(e any) {
	switch e := e.(type) {
	case event.EvtPeerIdentificationCompleted:
		n.sighted(e)
		n.nudgeCircuits()
	case event.EvtHostReachableAddrsChanged:
		n.out.mu.Lock()
		n.out.confirmed, n.out.unreachable = e.Reachable, e.Unreachable
		n.out.mu.Unlock()
	}
}

// sighted takes what a peer says about where it sees us, if that is the socket that we
// listen on: what goes out by another leads nowhere.
func (n *Node) sighted(e event.EvtPeerIdentificationCompleted) {
	local, far := e.Conn.LocalMultiaddr(), e.Conn.RemoteMultiaddr()
	seen := udpOf(e.ObservedAddr)
	if !isQUIC(far) || !isPublic(seen.Addr()) || !n.listensAt(local) {
		return
	}
	observer := ipOf(far)
	if !isPublic(observer) {
		return // what somebody in our own network sees is no use to others
	}
	n.sightedBy(e.Conn, seen)
}

// sightedBy notes where the far end of a connection sees us.
func (n *Node) sightedBy(c network.Conn, seen netip.AddrPort) {
	n.out.mu.Lock()
	defer n.out.mu.Unlock()
	n.out.sights.put(c.ID(), sighting{by: c.RemotePeer(), observer: ipOf(c.RemoteMultiaddr()), seen: seen})
	if c.IsClosed() {
		n.out.sights.end(c.ID(), time.Now())
	}
}

// seenAt takes where the far end of a media path sees us: unlike identify it says so again
// and again, and so after QUIC has followed us to another address.
func (n *Node) seenAt(c network.Conn, seen netip.AddrPort) {
	if !isPublic(seen.Addr()) || !isPublic(ipOf(c.RemoteMultiaddr())) || !n.listensAt(c.LocalMultiaddr()) {
		return
	}
	n.out.mu.Lock()
	known := n.out.sights.m[c.ID()].seen == seen
	n.out.mu.Unlock()
	if !known {
		n.sightedBy(c, seen)
		n.nudgeReach()
	}
}

// listensAt says whether a local address is of a UDP socket that peers can come to.
func (n *Node) listensAt(local ma.Multiaddr) bool {
	protocol, port := portIn(local)
	return protocol == ma.P_UDP && slices.ContainsFunc(n.host.Network().ListenAddresses(), func(a ma.Multiaddr) bool {
		itsProtocol, its := portIn(a)
		return itsProtocol == protocol && its == port
	})
}

// knownObservers are the peers that have told where they see us and whose word counts
// alone: those whom our rooms admit, and those that we were told to meet first.
func (n *Node) knownObservers() map[peer.ID]bool {
	n.out.mu.Lock()
	observers := n.out.sights.observers()
	n.out.mu.Unlock()
	known := make(map[peer.ID]bool)
	for _, p := range observers {
		known[p] = len(n.out.first[p]) > 0 || n.admittedSomewhere(p) || n.servesUs(p)
	}
	return known
}

// admittedSomewhere says whether a peer speaks for somebody whom one of our rooms admits.
func (n *Node) admittedSomewhere(p peer.ID) bool {
	return slices.ContainsFunc(n.allRooms(), func(r *Room) bool { return slices.ContainsFunc(r.book.of(p), r.admitted) })
}

// servesUs says whether we are a child of a peer.
func (n *Node) servesUs(p peer.ID) bool {
	for _, r := range n.allRooms() {
		for _, a := range r.attachments() {
			if a.peer == p {
				return true
			}
		}
	}
	return false
}

// reckonReach brings Reach up to date and tells of a change.
func (n *Node) reckonReach() {
	own := n.ownAddrs()
	mapped, mapper := n.ports.mapped()
	known, outside := n.knownObservers(), n.connectedOutside()
	n.out.mu.Lock()
	n.out.sights.expire(time.Now())
	n.out.seen = quicAddrs(slices.DeleteFunc(n.out.sights.candidates(func(p peer.ID) bool { return known[p] }),
		func(at netip.AddrPort) bool { return slices.Contains(own, at.Addr()) }))
	facts := reachFacts{
		own: own, nat: n.out.sights.nat(own), seen: n.out.seen,
		confirmed: n.out.confirmed, unreachable: n.out.unreachable, mapped: mapped, mapper: mapper,
		quic: n.out.quic, circuits: len(n.out.circuits),
		noUDP: !n.out.tcpSince.IsZero() && time.Since(n.out.tcpSince) >= noUDPAfter,
	}
	if outside {
		n.out.met = time.Now()
	}
	facts.alone = time.Since(n.out.met) > aloneAfter
	r := facts.reach()
	changed := !r.equal(n.out.reach)
	n.out.reach = r
	n.out.mu.Unlock()
	if !changed {
		return
	}
	n.log.Info("reach", "kind", r.Kind, "nat", r.NAT, "public", r.Public, "seen", r.Seen, "mapped", r.Mapped, "circuits", r.Circuits)
	n.nudgeCircuits()
	n.out.telling.Lock()
	defer n.out.telling.Unlock()
	n.out.mu.Lock()
	told := n.out.told
	n.out.mu.Unlock()
	if told != nil && n.out.there {
		told(r)
	}
}

// connectedOutside says whether there is a connection to anybody on the internet.
func (n *Node) connectedOutside() bool {
	return slices.ContainsFunc(n.host.Network().Conns(), isOutside)
}

// isOutside says whether a connection is to somebody on the internet, and no circuit.
func isOutside(c network.Conn) bool {
	return !c.Stat().Limited && manet.IsPublicAddr(c.RemoteMultiaddr())
}

// mayDial says whether an address of a peer may be dialled. Those of first peers are the
// person's own choice.
func (n *Node) mayDial(p peer.ID, a ma.Multiaddr) bool {
	var own []netip.Addr
	if now := n.place.Load(); now != nil {
		own = now.addrs
	}
	return contains(n.out.first[p], a) || dialRules{n.out.there, n.out.loopback, own}.allow(a)
}

// onLoopback says whether a node that listens there does so on this machine alone.
func onLoopback(listen []string) bool {
	return !slices.ContainsFunc(listen, func(text string) bool {
		a, err := ma.NewMultiaddr(text)
		return err != nil || !manet.IsIPLoopback(a)
	})
}

// ownAddrs are the addresses of our interfaces that we listen on, without loopback.
func (n *Node) ownAddrs() (own []netip.Addr) {
	now := n.place.Load()
	for _, a := range n.host.Network().ListenAddresses() {
		ips := []netip.Addr{ipOf(a)}
		if now != nil && ips[0].IsUnspecified() {
			ips = now.addrs
		}
		for _, ip := range ips {
			if ip.IsValid() && ip.Is4() == ipOf(a).Is4() && !ip.IsLoopback() && !ip.IsUnspecified() && !slices.Contains(own, ip) {
				own = append(own, ip)
			}
		}
	}
	return own
}

// behind says that strangers cannot reach this node, as far as it knows.
func (n *Node) behind() bool {
	n.out.mu.Lock()
	defer n.out.mu.Unlock()
	return n.out.reach.Kind == ReachPunch || n.out.reach.Kind == ReachRelayed
}
