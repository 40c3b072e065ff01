// The listeners: each a libp2p node with an identity and a seat, attached to the
// relay. They decode nothing, and open only every so often what they receive:
// what is measured is the relay.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/seal"
)

// sampled is how many packets there are for each that is opened, signature and all.
const sampled = 500

// listener is one of them.
type listener struct {
	theatre *theatre
	node    *node.Node
	net     *node.Room
	at      *node.Attachment
	began   time.Time

	first chan struct{} // closed when the first voice comes
	once  sync.Once
	heard time.Time // when it did

	measuring *atomic.Bool
	bundles   atomic.Uint64
	bad       *atomic.Uint64

	mu     sync.Mutex
	delays []time.Duration
	frames uint64
	opener *seal.Opener
}

// audience is all listeners of a run.
type audience struct {
	theatre   *theatre
	all       []*listener
	measuring atomic.Bool
	bad       atomic.Uint64 // packets that were opened and found wrong
}

// attend brings one listener in: by the gate, or, where the seat is given here, as
// somebody who has passed it.
func (a *audience) attend(ctx context.Context, gate bool) (*listener, error) {
	t := a.theatre
	key, err := identity.NewKey()
	if err != nil {
		return nil, err
	}
	cred, err := t.links[identity.RoleListener].Redeem(key, time.Now())
	if err != nil {
		return nil, err
	}
	l := &listener{theatre: t, first: make(chan struct{}), measuring: &a.measuring, bad: &a.bad, opener: seal.NewOpener(t.record.Room)}
	if l.node, err = node.Open(ctx, node.Config{Network: node.Links, Listen: []string{loopback}}); err != nil {
		return nil, err
	}
	if l.net, err = l.node.Enter(node.RoomConfig{ID: t.record.Room, Rendezvous: t.record.Rendezvous, Key: key}); err != nil {
		return l, err
	}
	l.net.Quiet(true)
	if err := l.tune(); err != nil {
		return l, err
	}
	seat := a.seat(key.ID(), cred)
	l.began = time.Now()
	if gate {
		w, err := knock(ctx, l.net, t.addrs, t.record.Room, key.ID(), cred)
		if err != nil {
			return l, fmt.Errorf("at the gate: %w", err)
		}
		seat = w.Seat
	}
	l.net.Meet(t.relay, t.addrs)
	l.at, err = l.net.Attach(ctx, node.AttachConfig{
		Relay: t.relay, Proof: identity.Marshal(room.Proof{Credential: cred.Bytes(), Seat: seat}), Media: true,
		OnBundle: func(uint32, time.Time) { l.count() },
		OnPacket: l.packet,
	})
	return l, err
}

// seat is what the owner's gate would give.
func (a *audience) seat(who identity.ID, cred identity.Credential) []byte {
	o := a.theatre.owner
	return identity.SignRecord(o.key, "stoa/seat/1", &room.Seat{
		Room: a.theatre.record.Room, Who: who, Grant: cred.Leaf().Hash(), Time: uint64(time.Now().UnixMilli()), By: o.key.ID(),
	})
}

// tune gives the opener the room's secrets and its speakers.
func (l *listener) tune() error {
	var epochs []seal.Epoch
	for _, e := range l.theatre.owner.room.Snapshot().Epochs {
		if e.Known {
			epochs = append(epochs, seal.Epoch{Commit: e.Commit, Secret: e.Secret})
		}
	}
	var streams []seal.Stream
	for _, p := range l.theatre.people {
		streams = append(streams, seal.Stream{Speaker: p.key.ID(), Session: p.session})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.opener.SetEpochs(epochs); err != nil {
		return err
	}
	return l.opener.SetStreams(streams)
}

func (l *listener) count() {
	if l.measuring.Load() {
		l.bundles.Add(1)
	}
}

// packet takes a packet of a speaker.
func (l *listener) packet(b []byte, at time.Time) {
	g, ok := seal.Glimpse(b)
	if !ok {
		l.bad.Add(1)
		return
	}
	l.once.Do(func() { l.heard = at; close(l.first) })
	if !l.measuring.Load() {
		return
	}
	said := l.theatre.saidAt(g)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delays = append(l.delays, at.Sub(said))
	l.frames += uint64(g.Frames)
	if rand.N(sampled) == 0 {
		if _, frames, err := l.opener.Open(b, identity.ID{}); err != nil || len(frames) != g.Frames || len(frames[0].Payload) != payloadSize {
			l.bad.Add(1)
		}
	}
}

// waits returns how long the first voice took.
func (l *listener) waits(ctx context.Context) (time.Duration, bool) {
	select {
	case <-l.first:
		return l.heard.Sub(l.began), true
	case <-time.After(15 * time.Second):
	case <-ctx.Done():
	}
	return 0, false
}

func (l *listener) close() {
	if l.at != nil {
		_ = l.at.Close()
	}
	if l.net != nil {
		_ = l.net.Close()
	}
	if l.node != nil {
		_ = l.node.Close()
	}
}

// fill brings so many in, a few at a time, and returns how long each took, sorted.
func (a *audience) fill(ctx context.Context, n, atOnce int) (joins []time.Duration, failed error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			l, err := a.attend(ctx, false)
			var took time.Duration
			if err == nil {
				var ok bool
				if took, ok = l.waits(ctx); !ok {
					err = fmt.Errorf("no voice")
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if l != nil {
				a.all = append(a.all, l)
			}
			if err != nil {
				failed = err
				return
			}
			joins = append(joins, took)
		})
	}
	wg.Wait()
	slices.Sort(joins)
	return joins, failed
}

// probe has a few join the full room, one after the other, through its gate.
func (a *audience) probe(ctx context.Context, n int) (joins []time.Duration, failed error) {
	for range n {
		l, err := a.attend(ctx, true)
		if err == nil {
			if took, ok := l.waits(ctx); ok {
				joins = append(joins, took)
			}
		} else {
			failed = err
		}
		if l != nil {
			l.close()
		}
	}
	slices.Sort(joins)
	return joins, failed
}
