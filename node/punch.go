// Direct connections: by QUIC to who can be reached, by calls from both sides at once
// through NATs, by TCP where no UDP gets through, and by QUIC again later.
//
// Whoever calls sends QUIC's first packet from the socket that he listens on. That opens
// his NAT for the far end's answer, and for the far end's own first packet. QUIC repeats
// the packet after 0.2, 0.6, 1.4 and 3 s, so whoever calls second gets through at once, and
// nobody need agree on a moment. Two who both get through have two connections; the link
// keeps one of them (see keeps). Where the two have no relay in common to learn of one
// another's addresses, libp2p's hole punching tells them over a circuit.

package node

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// punchPatience bounds one attempt of libp2p's, and the plain dial that it makes
	// before: by then QUIC has sent its first packet four times.
	punchPatience = 1500 * time.Millisecond

	// A link that does not go by QUIC tries whether it could, first after climbFirst, both
	// ends at the same age of the link, then each time after twice as long.
	climbFirst  = 5 * time.Second
	climbRarely = 5 * time.Minute
	climbLasts  = 5 * time.Second

	newsEvery = 200 * time.Millisecond // a call looks for further addresses
)

// WebPort is the one that networks which let next to nothing out do let out to.
const WebPort = 443

// startPunching starts libp2p's hole punching on the addresses that we know to be seen at,
// which libp2p itself believes in only when four peers have said so.
func (n *Node) startPunching() (io.Closer, error) {
	h, ok := n.host.(interface{ IDService() identify.IDService })
	if !ok {
		return nil, fmt.Errorf("hole punching: host %T does not identify", n.host)
	}
	s, err := holepunch.NewService(n.host, h.IDService(), n.punchAddrs, holepunch.DirectDialTimeout(punchPatience), holepunch.WithAddrFilter(punchFilter{}))
	if err != nil {
		return nil, fmt.Errorf("hole punching: %w", err)
	}
	return s, nil
}

// punchFilter bounds whom a peer at the far end of a circuit, who may be anybody, can have us
// call: itself, at a few addresses.
type punchFilter struct{}

const punchMost = 4 // addresses

func (punchFilter) FilterLocal(_ peer.ID, addrs []ma.Multiaddr) []ma.Multiaddr {
	return addrs[:min(len(addrs), punchMost)]
}

func (punchFilter) FilterRemote(_ peer.ID, addrs []ma.Multiaddr) []ma.Multiaddr {
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(a ma.Multiaddr) bool { return !isQUIC(a) || !manet.IsPublicAddr(a) })
	return addrs[:min(len(addrs), punchMost)]
}

// punchAddrs are where others should call us: public, by QUIC.
func (n *Node) punchAddrs() []ma.Multiaddr {
	n.out.mu.Lock()
	addrs := slices.Clone(n.out.seen)
	n.out.mu.Unlock()
	for _, a := range n.host.Addrs() {
		if isQUIC(a) && manet.IsPublicAddr(a) && !contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// openDirect opens a stream on a direct connection, by QUIC if there is one, and makes one
// if there is none.
func (n *Node) openDirect(ctx context.Context, p peer.ID, proto protocol.ID) (stream, error) {
	c := n.direct(p)
	if c == nil {
		if err := n.call(ctx, p); err != nil {
			return stream{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		if c = n.direct(p); c == nil {
			return stream{}, fmt.Errorf("%w: the connection is gone", ErrUnreachable)
		}
	}
	s, err := c.NewStream(ctx)
	if err != nil {
		return stream{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return negotiate(s, proto)
}

// direct returns the best direct connection to a peer, or nil.
func (n *Node) direct(p peer.ID) (best network.Conn) {
	for _, c := range n.directConns(p) {
		switch {
		case hasDatagrams(quicUnder(c)):
			return c
		case best == nil || isQUIC(c.RemoteMultiaddr()):
			best = c
		}
	}
	return best
}

// call dials a peer at all its addresses but circuits, and waits until it is connected,
// whoever of the two got through.
func (n *Node) call(ctx context.Context, p peer.ID) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	came, leave := n.comings.await(p)
	defer leave()
	if n.direct(p) != nil {
		return nil
	}
	known := n.host.Peerstore().Addrs(p)
	dialled := make(chan error, 1)
	dial := func(done chan<- error) {
		_, err := n.host.Network().DialPeer(network.WithForceDirectDial(ctx, "media"), p)
		done <- err
	}
	go dial(dialled)
	news := time.NewTicker(newsEvery)
	defer news.Stop()
	for {
		select {
		case err := <-dialled:
			return err
		case <-came:
			return nil
		case <-news.C:
			// libp2p's dial goes on with the addresses that it began with. Another one
			// joins it and adds what was heard since.
			if now := n.host.Peerstore().Addrs(p); len(now) > len(known) {
				known, dialled = now, make(chan error, 1)
				go dial(dialled)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// comings lets goroutines wait for a direct connection to a peer.
type comings struct {
	mu sync.Mutex
	m  map[peer.ID][]chan struct{}
}

// await returns a channel that is closed when a direct connection to the peer comes up.
// Call leave when done.
func (a *comings) await(p peer.ID) (came <-chan struct{}, leave func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = make(map[peer.ID][]chan struct{})
	}
	ch := make(chan struct{})
	a.m[p] = append(a.m[p], ch)
	return ch, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.m[p] = slices.DeleteFunc(a.m[p], func(o chan struct{}) bool { return o == ch }); len(a.m[p]) == 0 {
			delete(a.m, p)
		}
	}
}

func (a *comings) tell(c network.Conn) {
	if c.Stat().Limited {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ch := range a.m[c.RemotePeer()] {
		close(ch)
	}
	delete(a.m, c.RemotePeer())
}

// endCircuits closes circuits to a peer that has a direct connection, when what is asked over
// them has been answered: their relay can use them for others.
func (n *Node) endCircuits(p peer.ID) {
	for _, c := range n.host.Network().ConnsToPeer(p) {
		if c.Stat().Limited && n.begin() {
			go func() {
				defer n.work.Done()
				sleep(n.ctx, askPatience)
				c.Close()
			}()
		}
	}
}

// climbs says whether it is time for a link to try whether it could go by QUIC.
func (l *link) climbs(now time.Time) bool {
	if isQUIC(l.conn.RemoteMultiaddr()) {
		return false
	}
	if l.nextClimb.IsZero() {
		l.nextClimb = l.born.Add(climbFirst)
	}
	if now.Before(l.nextClimb) {
		return false
	}
	l.rungs++
	l.nextClimb = now.Add(min(climbFirst<<min(l.rungs, 10), climbRarely))
	return true
}

// climb tries to put a link by QUIC in the place of one by TCP, on a goroutine of its own.
func (r *Room) climb(l *link) {
	if !r.begin() {
		return
	}
	go func() {
		defer r.work.Done()
		ctx, cancel := context.WithTimeout(r.ctx, climbLasts)
		defer cancel()
		err := r.node.callByQUIC(ctx, l.key.peer)
		if err == nil {
			err = r.dialLink(ctx, l.key.id, l.key.peer)
		}
		if err != nil {
			r.log.Debug("no better way", "to", l.key.id.Short(), "err", err)
		}
	}()
}

// callByQUIC makes sure of a connection by QUIC beside whatever there is.
func (n *Node) callByQUIC(ctx context.Context, p peer.ID) error {
	defer n.dials.climb(p)()
	_, err := n.host.Network().DialPeer(network.WithForceDirectDial(ctx, "climb"), p)
	return err
}

// remember puts addresses into libp2p's book for dialling.
func (n *Node) remember(p peer.AddrInfo, ttl time.Duration) {
	for _, a := range p.Addrs {
		if relay := relayIn(a); relay != nil {
			n.remember(*relay, ttl)
		}
	}
	n.host.Peerstore().AddAddrs(p.ID, withTwins(p.Addrs), ttl)
}

// believe has a peer dialled where one person says that it is. While it is not connected,
// nothing that others have said of it is kept: libp2p holds few addresses of a peer, and who
// likes could fill its book with such as lead nowhere. What this person says too stays
// throughout, for somebody else may be about to dial it.
func (n *Node) believe(p peer.AddrInfo) {
	if len(n.out.first[p.ID]) == 0 && len(p.Addrs) > 0 && n.host.Network().Connectedness(p.ID) == network.NotConnected {
		book, said := n.host.Peerstore(), withTwins(p.Addrs)
		others := slices.DeleteFunc(book.Addrs(p.ID), func(a ma.Multiaddr) bool { return slices.ContainsFunc(said, a.Equal) })
		book.SetAddrs(p.ID, others, 0)
	}
	n.remember(p, foundTTL)
}

// withTwins adds the webTwin of each address that has one.
func withTwins(addrs []ma.Multiaddr) []ma.Multiaddr {
	all := slices.Clone(addrs)
	for _, a := range addrs {
		if twin := webTwin(a); twin != nil {
			all = append(all, twin)
		}
	}
	return all
}

// webTwin returns the secure WebSocket address that goes with a QUIC address on port 443,
// or nil: who listens on the one listens on the other, and need not say so.
func webTwin(a ma.Multiaddr) ma.Multiaddr {
	if _, port := portIn(a); port != WebPort || !isQUIC(a) {
		return nil
	}
	ip, _ := ma.SplitFirst(a)
	if ip == nil {
		return nil
	}
	return ip.Multiaddr().Encapsulate(ma.StringCast("/tcp/" + strconv.Itoa(WebPort) + "/tls/ws"))
}

// relayIn returns the peer that lends the circuit which an address is, or nil.
func relayIn(a ma.Multiaddr) *peer.AddrInfo {
	before, circuit := ma.SplitFunc(a, func(c ma.Component) bool { return c.Protocol().Code == ma.P_CIRCUIT })
	if circuit == nil || before == nil {
		return nil
	}
	info, err := peer.AddrInfoFromP2pAddr(before)
	if err != nil {
		return nil
	}
	return info
}
