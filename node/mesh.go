// Keeping enough members connected for gossip, with or without media.

package node

import (
	"context"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"stoa/identity"
)

const (
	meshEvery   = time.Second             // looks at the connections at least so often
	meshDials   = 6                       // at once
	meshTimeout = 2500 * time.Millisecond // less than meshRetry: QUIC repeats its first packet ever more rarely
	meshRetry   = 3 * time.Second         // before somebody who was away is tried again
	meshRarely  = time.Minute             // at most, before somebody who never was there is; twice as long each time
)

func (r *Room) nudgeMesh() {
	select {
	case r.mesh <- struct{}{}:
	default:
	}
}

// keepMesh greets people known by Meet until meshPeers of them are connected for gossip. While the
// room is quiet it does the contrary.
func (r *Room) keepMesh() {
	tick := time.NewTicker(meshEvery)
	defer tick.Stop()
	tried := make(map[identity.ID]greeting)
	slots := make(chan struct{}, meshDials)
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.mesh:
		case <-tick.C:
		}
		if r.quiet.Load() {
			r.shed()
		} else {
			r.fillMesh(tried, slots)
		}
	}
}

// A greeting was tried, and is not again before pause is over: whoever makes up addresses must
// not have a room call them without end.
type greeting struct {
	at    time.Time
	pause time.Duration
}

func (g greeting) over(now time.Time) bool { return now.Sub(g.at) >= g.pause }

// fillMesh starts greetings of a random few and does not wait for them: somebody
// who does not answer must not keep the others waiting.
func (r *Room) fillMesh(tried map[identity.ID]greeting, slots chan struct{}) {
	if r.afresh.Swap(false) {
		clear(tried)
	}
	now := time.Now()
	want := meshPeers - r.meshed() - len(slots)
	ids := r.apart()
	maps.DeleteFunc(tried, func(id identity.ID, g greeting) bool {
		return now.Sub(g.at) > 2*meshRarely || r.book.hasMet(id) && g.over(now)
	})
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids {
		g := tried[id]
		if !g.over(now) {
			continue
		}
		if want <= 0 || len(slots) == cap(slots) || !r.begin() {
			return
		}
		want--
		tried[id] = greeting{now, min(max(2*g.pause, meshRetry), meshRarely)}
		slots <- struct{}{}
		go func() {
			defer r.work.Done()
			r.greet(id)
			<-slots
			r.nudgeMesh()
		}()
	}
}

// apart lists people who can be reached and have no direct connection to us.
func (r *Room) apart() []identity.ID {
	return r.book.strangers(func(p peer.ID) bool { return r.node.host.Network().Connectedness(p) == network.Connected })
}

// meshed counts the connected peers that are in gossip, or came so lately that gossip may
// not know them yet. A relay's children are connected and quiet.
func (r *Room) meshed() (n int) {
	in := make(map[peer.ID]bool)
	for _, p := range r.channels["log"].topic.ListPeers() {
		in[p] = true
	}
	for _, p := range r.book.provedSince(time.Now().Add(-newcomerFor)) {
		in[p] = true
	}
	for _, p := range r.book.connected() {
		if in[p] {
			n++
		}
	}
	return n
}

// greet connects to a person and makes both ends prove themselves, so that each
// lets the other into its mesh.
func (r *Room) greet(id identity.ID) {
	ctx, cancel := context.WithTimeout(r.ctx, meshTimeout)
	defer cancel()
	at := r.book.candidates(id)
	r.node.forgive(at)
	_, err := r.Ask(ctx, id, nil)
	for _, p := range at {
		if err == nil && r.node.host.Network().Connectedness(p.ID) == network.Limited {
			err = r.node.call(ctx, p.ID) // gossip does not go over circuits
		}
	}
	if err != nil {
		r.log.Debug("greet", "who", id.Short(), "err", err)
	}
}

// forgive clears libp2p's memory of failed dials, which would keep two halves of a
// healed partition apart for longer than meshRetry.
func (n *Node) forgive(at []peer.AddrInfo) {
	if s, ok := n.host.Network().(*swarm.Swarm); ok {
		for _, p := range at {
			s.Backoff().Clear(p.ID)
		}
	}
}
