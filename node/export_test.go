// What the tests of the package from outside need of its inside.

package node

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

// PublishAnew publishes as an edited client may: under a nonce of its choice, so
// that a message which everybody has seen is other bytes to gossip.
func (r *Room) PublishAnew(ctx context.Context, channel string, msg []byte) error {
	return r.channels[channel].topic.Publish(ctx, r.door.seal(gossipPurpose(channel), msg))
}

// PushAs pushes a message to a peer as an edited client may: as often as it likes, and, if
// anew, under a nonce of its choice.
func (r *Room) PushAs(addr, channel string, msg []byte, anew bool) error {
	at, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return err
	}
	seal := r.door.sealSame
	if anew {
		seal = r.door.seal
	}
	r.push(at.ID, r.channels[channel].index, seal(gossipPurpose(channel), msg))
	return nil
}

// Proved counts the peers that are taken to speak for somebody.
func (r *Room) Proved() int { return len(r.book.connected()) }

// ProveLate records a proof that was read from a connection that has ended since.
func (r *Room) ProveLate(addr string, id identity.ID) error {
	at, err := peer.AddrInfoFromString(addr)
	if err == nil {
		r.prove(id, at.ID)
	}
	return err
}

// LinkAs says hello at an address as a person of the caller's choice, as an edited client
// may, and leaves the link to itself.
func (r *Room) LinkAs(ctx context.Context, key *identity.Key, id identity.ID, addr string) error {
	at, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return err
	}
	if err := r.node.host.Connect(ctx, *at); err != nil {
		return err
	}
	s, err := r.node.openDirect(ctx, at.ID, protoMedia)
	if err != nil {
		return err
	}
	mask := &Room{node: r.node, id: r.id, key: key, session: r.session, door: r.door, book: newBook(), seating: make(chan struct{})}
	l, err := mask.newLink(at.ID, s, true)
	if err != nil {
		return err
	}
	return mask.greetLink(l, id)
}

// Stall begins an ask and never says what it wants.
func (r *Room) Stall(ctx context.Context, addr string) error {
	at, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return err
	}
	if err := r.node.host.Connect(ctx, *at); err != nil {
		return err
	}
	s, err := r.node.open(ctx, at.ID, protoAsk)
	if err != nil {
		return err
	}
	_, err = s.Write([]byte{0, 0, 1})
	return err
}

// Waiting counts the links of people who may not be let in any moment.
func (r *Room) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending()
}

// AttachMute attaches to a relay as an edited client may: it gets what it is sent until mute
// is called, and from then on says nothing more, but keeps its connection and its seat.
func (r *Room) AttachMute(ctx context.Context, relay identity.ID, addr string) (mute func(), err error) {
	at, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return nil, err
	}
	if err := r.node.host.Connect(ctx, *at); err != nil {
		return nil, err
	}
	k := knock{relay: relay, say: attach{Media: true}, path: pathConfig{sink: func([]byte, time.Time) {}}}
	_, path, got, err := k.at(ctx, r, at.ID)
	if err != nil {
		return nil, err
	}
	path.begin(got.Token)
	tick := time.NewTicker(reportEvery)
	go func() {
		for meter := newMeter(r.node, time.Now()); ; <-tick.C {
			if !path.send(meter.appendReport(nil, false, time.Now())) {
				return
			}
		}
	}()
	return path.close, nil
}

// WriteLetter writes a letter without sending it.
func (r *Room) WriteLetter(to identity.ID, body []byte) []byte {
	_, sealed, err := sealLetter(r.door, r.key, to, body, time.Now())
	if err != nil {
		panic(err)
	}
	return sealed
}

// PostLetter has the relay carry any letter, and reports whether it was answered.
func (a *Attachment) PostLetter(ctx context.Context, to identity.ID, letter []byte) bool {
	what, _ := a.line.ask(ctx, to, letter)
	return what == letterAnswered
}

// ConnectedSince says whether a connection to a peer is older than a time.
func (n *Node) ConnectedSince(addr string, t time.Time) bool {
	at, err := peer.AddrInfoFromString(addr)
	if err != nil {
		panic(err)
	}
	return slices.ContainsFunc(n.host.Network().ConnsToPeer(at.ID), func(c network.Conn) bool {
		return c.Stat().Opened.Before(t)
	})
}

// Overwork takes up all there is to answer asks with.
func (n *Node) Overwork() (release func()) {
	for range cap(n.asking) {
		n.asking <- struct{}{}
	}
	return func() {
		for range cap(n.asking) {
			<-n.asking
		}
	}
}

// Turn is how often the node has given up connections.
func (n *Node) Turn() uint32 { return n.turn.Load() }
