// Borrowed circuits: a node that strangers cannot reach has relays let it be asked. Not
// libp2p's autorelay, which begins only when AutoNAT is sure, after half a minute or never.

package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	maxBorrowed   = 2
	borrowEvery   = 15 * time.Second // looks at what it has at least so often
	borrowLasts   = 5 * time.Second  // one request
	borrowFor     = time.Hour        // as libp2p's relays lend; theirs is not our clock
	borrowRenewal = 20 * time.Minute // before the end
	borrowRest    = time.Minute      // after a refusal
	maxRefused    = 1024

	circuitTag = "stoa/circuit" // protects the connection to the lender
)

// borrowed are the circuits that relays lend us. One goroutine owns all but look.
type borrowed struct {
	look    chan struct{} // one slot
	held    map[peer.ID]reservation
	refused map[peer.ID]time.Time
}

type reservation struct {
	addr  ma.Multiaddr // up to /p2p-circuit
	until time.Time
}

// nudgeCircuits has the circuits looked after soon. It never blocks.
func (n *Node) nudgeCircuits() { poke(n.borrowed.look) }

// startBorrowing keeps maxBorrowed circuits for as long as strangers cannot reach us.
func (n *Node) startBorrowing() error {
	// libp2p makes addresses that it announces out of what it takes for its autorelay's.
	tell, err := n.host.EventBus().Emitter(new(event.EvtAutoRelayAddrsUpdated), eventbus.Stateful)
	if err != nil {
		return fmt.Errorf("borrow circuits: %w", err)
	}
	n.borrowed.held, n.borrowed.refused = make(map[peer.ID]reservation), make(map[peer.ID]time.Time)
	n.work.Go(func() {
		defer tell.Close()
		tick := time.NewTicker(borrowEvery)
		defer tick.Stop()
		for {
			select {
			case <-n.ctx.Done():
				return
			case <-n.borrowed.look:
			case <-tick.C:
			}
			if addrs, changed := n.borrow(time.Now()); changed {
				tell.Emit(event.EvtAutoRelayAddrsUpdated{RelayAddrs: addrs})
				n.nudgeReach()
			}
		}
	})
	return nil
}

// borrow gives up what is over, asks for what is lacking, and says where we can be asked.
func (n *Node) borrow(now time.Time) (addrs []ma.Multiaddr, changed bool) {
	b := &n.borrowed
	for p, r := range b.held {
		if now.After(r.until) || n.direct(p) == nil || !n.behind() {
			delete(b.held, p)
			n.host.ConnManager().Unprotect(p, circuitTag)
		}
	}
	if n.behind() {
		n.askLenders(now)
	}
	for _, r := range b.held {
		addrs = append(addrs, r.addr)
	}
	slices.SortFunc(addrs, ma.Multiaddr.Compare)
	n.out.mu.Lock()
	defer n.out.mu.Unlock()
	changed = !slices.EqualFunc(addrs, n.out.circuits, ma.Multiaddr.Equal)
	n.out.circuits = addrs
	return addrs, changed
}

// askLenders renews what runs out and asks further peers until there is enough. Peers of
// our rooms come before strangers: whoever has business with us is connected to them.
func (n *Node) askLenders(now time.Time) {
	b := &n.borrowed
	for _, p := range n.lenders() {
		if !b.asks(p, now) {
			continue
		}
		r, err := n.reserve(p)
		if err != nil {
			n.log.Debug("no circuit", "from", p, "err", err)
			if len(b.refused) >= maxRefused {
				clear(b.refused)
			}
			b.refused[p] = now
			continue
		}
		b.held[p] = r
		n.host.ConnManager().Protect(p, circuitTag)
	}
}

// asks says whether a peer is to be asked for a circuit now, or for more time.
func (b *borrowed) asks(p peer.ID, now time.Time) bool {
	r, held := b.held[p]
	switch {
	case now.Sub(b.refused[p]) < borrowRest:
		return false
	case held:
		return r.until.Sub(now) <= borrowRenewal
	}
	return len(b.held) < maxBorrowed
}

// lenders are the peers that we have a direct connection to and that may lend, the likeliest
// first.
func (n *Node) lenders() []peer.ID {
	rank := func(p peer.ID) int {
		switch {
		case n.servesUs(p), n.provedSomewhere(p):
			return 0
		case len(n.out.first[p]) > 0:
			return 1
		}
		return 2
	}
	type lender struct {
		peer.ID
		rank int
	}
	var all []lender
	for _, p := range n.host.Network().Peers() {
		lends, err := n.host.Peerstore().SupportsProtocols(p, proto.ProtoIDv2Hop)
		if err == nil && len(lends) > 0 && n.direct(p) != nil {
			all = append(all, lender{p, rank(p)})
		}
	}
	slices.SortStableFunc(all, func(a, b lender) int { return a.rank - b.rank })
	peers := make([]peer.ID, 0, len(all))
	for _, l := range all {
		peers = append(peers, l.ID)
	}
	return peers
}

// reserve asks one peer for a circuit.
func (n *Node) reserve(p peer.ID) (reservation, error) {
	ctx, cancel := context.WithTimeout(n.ctx, borrowLasts)
	defer cancel()
	got, err := client.Reserve(ctx, n.host, peer.AddrInfo{ID: p})
	if err != nil {
		return reservation{}, err
	}
	c := n.direct(p)
	if c == nil {
		return reservation{}, fmt.Errorf("lent and gone: %w", ErrUnreachable)
	}
	addrs := got.Addrs
	if len(n.out.first[p]) == 0 && !n.admittedSomewhere(p) { // else it could have others dial whom it likes
		addrs = slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool { return ipOf(a) != ipOf(c.RemoteMultiaddr()) })
	}
	at := circuitVia(addrs, p)
	if at == nil {
		at = circuitVia([]ma.Multiaddr{c.RemoteMultiaddr()}, p)
	}
	if at == nil {
		return reservation{}, errors.New("lent at no address")
	}
	return reservation{at, time.Now().Add(borrowFor)}, nil
}

// circuitVia makes the address of a circuit out of those of the relay: the one that most
// people can dial.
func circuitVia(relay []ma.Multiaddr, p peer.ID) ma.Multiaddr {
	var best ma.Multiaddr
	score := func(a ma.Multiaddr) (s int) {
		switch {
		case webTwin(a) != nil:
			s = 3
		case isQUIC(a):
			s = 2
		case wayTo(a) == byTCP:
			s = 1
		}
		if manet.IsPublicAddr(a) {
			s += 4
		}
		if ipOf(a).Is4() {
			s += 4 // of a relay in both worlds
		}
		return s
	}
	for _, a := range relay {
		if !hasProtocol(a, ma.P_CIRCUIT) && ipOf(a).IsValid() && (best == nil || score(a) > score(best)) {
			best = a
		}
	}
	if best == nil {
		return nil
	}
	if id, err := peer.IDFromP2PAddr(best); err != nil || id != p {
		best = best.Encapsulate(ma.StringCast("/p2p/" + p.String()))
	}
	return best.Encapsulate(ma.StringCast("/p2p-circuit"))
}
