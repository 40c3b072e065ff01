// Keeping enough members connected for gossip, with or without media.

package node

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
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
	meshRarely  = time.Minute             // at most, before somebody who has not been there lately is; twice as long each time
	meshLately  = 10 * time.Minute        // for which addresses of somebody who was there are tried like those of a friend
	meshLost    = 6 * time.Hour           // for which somebody who was there is looked for beyond meshPeers
)

func (r *Room) nudgeMesh() { poke(r.mesh) }

// keepMesh greets people known by Meet until meshPeers of them are connected for gossip. While the
// room is quiet it does the contrary.
func (r *Room) keepMesh() {
	tick := time.NewTicker(meshEvery)
	defer tick.Stop()
	g := greeter{tried: make(map[identity.ID]greeting), slots: make(chan struct{}, meshDials)}
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
			r.fillMesh(&g)
		}
	}
}

// A greeter is what keepMesh remembers.
type greeter struct {
	tried   map[identity.ID]greeting
	slots   chan struct{} // one for each greeting on its way
	reunion time.Time     // when somebody who was lost was last greeted beyond meshPeers
}

// A greeting was tried, and is not again before pause is over: whoever makes up addresses must
// not have a room call them without end.
type greeting struct {
	at    time.Time
	pause time.Duration
}

func (g greeting) over(now time.Time) bool { return now.Sub(g.at) >= g.pause }

// fillMesh starts greetings of a random few and does not wait for them: somebody
// who does not answer must not keep the others waiting. When nobody is lacking, it greets
// now and then one of those who were connected and are not: a part of a room that was cut in
// two may have neighbours enough, and would never look for the other part.
func (r *Room) fillMesh(g *greeter) {
	if r.afresh.Swap(false) {
		clear(g.tried)
	}
	now := time.Now()
	maps.DeleteFunc(g.tried, func(id identity.ID, t greeting) bool {
		return now.Sub(t.at) > 2*meshRarely || r.book.hasMet(id, meshLately) && t.over(now)
	})
	if want := meshPeers - r.meshed() - len(g.slots); want > 0 {
		r.greetSome(g, r.apart(), want, now)
	} else if len(g.slots) == 0 && now.Sub(g.reunion) >= meshRetry && r.greetSome(g, r.lost(), 1, now) {
		g.reunion = now
	}
}

// greetSome starts greetings of at most want of the people, at random, and says whether it
// started any.
func (r *Room) greetSome(g *greeter, ids []identity.ID, want int, now time.Time) (any bool) {
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids {
		last := g.tried[id]
		if !last.over(now) {
			continue
		}
		if want <= 0 || len(g.slots) == cap(g.slots) || !r.begin() {
			break
		}
		want--
		any = true
		g.tried[id] = greeting{now, min(max(2*last.pause, meshRetry), meshRarely)}
		g.slots <- struct{}{}
		go func() {
			defer r.work.Done()
			r.greet(id)
			<-g.slots
			r.nudgeMesh()
		}()
	}
	return any
}

// lost lists those of apart who were connected, and are looked for still.
func (r *Room) lost() []identity.ID {
	return slices.DeleteFunc(r.apart(), func(id identity.ID) bool { return !r.book.hasMet(id, meshLost) })
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
