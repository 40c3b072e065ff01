// Relays on the simulated network, as simply as they can be: a child gets what its relay is told, publishes through it, and asks through it.

package roomtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"time"

	"stoa/identity"
	"stoa/room"
)

// ErrRefused is returned by Attach when the relay does not admit who asks.
var ErrRefused = errors.New("roomtest: the relay refused")

const (
	admitTime  = 5 * time.Second // within which NotYet has to become Yes
	admitEvery = 250 * time.Millisecond
	maxSeen    = 1 << 12 // messages that are known to be doubles
)

// Serving is what a relay decides by, as of node.ServeConfig.
type Serving struct {
	Admit  func(who identity.ID, proof []byte) room.Admission
	Feed   func(channel string, msg []byte) bool
	Hears  func() []identity.ID // outside the audience
	Commit func() [8]byte       // of the secret that is asked for
}

// service is the relay's side.
type service struct {
	Serving
	children map[identity.ID]*child
}

type child struct {
	node  *Node
	proof []byte
	holds [8]byte
}

// seen is what has come already, of two generations.
type seen struct{ fresh, old map[[32]byte]bool }

func (s *seen) twice(channel string, msg []byte) bool {
	sum := sha256.Sum256(append([]byte(channel+"\x00"), msg...))
	if s.fresh[sum] || s.old[sum] {
		return true
	}
	if s.fresh == nil || len(s.fresh) >= maxSeen {
		s.old, s.fresh = s.fresh, make(map[[32]byte]bool)
	}
	s.fresh[sum] = true
	return false
}

// Serve makes a relay of the node.
func (d *Node) Serve(s Serving) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serves = &service{Serving: s, children: make(map[identity.ID]*child)}
}

// Children returns whom the node carries, in order.
func (d *Node) Children() []identity.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.serves == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(d.serves.children), func(a, b identity.ID) int { return bytes.Compare(a[:], b[:]) })
}

// Review asks about every child again, and cuts those who are refused.
func (d *Node) Review() {
	d.mu.Lock()
	s := d.serves
	children := maps.Clone(s.children)
	d.mu.Unlock()
	for id, c := range children {
		if s.Admit(id, c.proof) == room.No {
			d.mu.Lock()
			delete(s.children, id)
			d.mu.Unlock()
		}
	}
}

// Quiet leaves or rejoins gossip. Who is quiet hears from the relays that it is attached to, and of nobody else.
func (d *Node) Quiet(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quiet = on
}

func (d *Node) isQuiet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.quiet
}

// Attach makes the node a child of a relay until it detaches, is cut, or one of the two dies. It waits for as long as the relay cannot tell.
func (d *Node) Attach(ctx context.Context, relay identity.ID, proof []byte) error {
	for end := time.Now().Add(admitTime); ; {
		if err := sleep(ctx, d.net.delay()+d.net.delay()); err != nil {
			return err
		}
		peer := d.net.reach(d, relay)
		if peer == nil {
			return ErrUnreachable
		}
		peer.mu.Lock()
		s := peer.serves
		peer.mu.Unlock()
		if s == nil {
			return ErrUnreachable
		}
		switch s.Admit(d.id, proof) {
		case room.Yes:
			peer.mu.Lock()
			s.children[d.id] = &child{node: d, proof: proof}
			peer.mu.Unlock()
			return nil
		case room.No:
			return ErrRefused
		}
		if time.Now().After(end) {
			return ErrRefused
		}
		if err := sleep(ctx, admitEvery); err != nil {
			return err
		}
	}
}

// Detach leaves a relay.
func (d *Node) Detach(relay identity.ID) {
	if peer := d.net.reach(d, relay); peer != nil {
		peer.mu.Lock()
		defer peer.mu.Unlock()
		if peer.serves != nil {
			delete(peer.serves.children, d.id)
		}
	}
}

// Holds tells the relays that this child has a secret.
func (d *Node) Holds(commit [8]byte) {
	for _, peer := range d.relays() {
		peer.mu.Lock()
		if c := peer.serves.children[d.id]; c != nil {
			c.holds = commit
		}
		peer.mu.Unlock()
	}
}

// Attached returns the relays that carry the node now.
func (d *Node) Attached() []identity.ID {
	var ids []identity.ID
	for _, peer := range d.relays() {
		ids = append(ids, peer.id)
	}
	return ids
}

// relays are those that carry the node, in order.
func (d *Node) relays() []*Node {
	var list []*Node
	for _, id := range d.net.others(d.id) {
		peer := d.net.reach(d, id)
		if peer == nil {
			continue
		}
		peer.mu.Lock()
		if peer.serves != nil && peer.serves.children[d.id] != nil && peer.serves.children[d.id].node == d {
			list = append(list, peer)
		}
		peer.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b *Node) int { return bytes.Compare(a.id[:], b.id[:]) })
	return list
}

// feed passes on to the children what the relay was told.
func (d *Node) feed(channel string, data []byte) {
	d.mu.Lock()
	var children []*Node
	var s *service
	if s = d.serves; s != nil {
		for _, c := range s.children {
			children = append(children, c.node)
		}
	}
	d.mu.Unlock()
	if len(children) == 0 || !s.Feed(channel, data) {
		return
	}
	for _, c := range children {
		time.AfterFunc(d.net.delay(), func() {
			if d.net.reach(d, c.id) == c && !c.double(channel, data) {
				c.deliver(channel, data)
			}
		})
	}
}

func (d *Node) double(channel string, data []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.twice(channel, data)
}

// forward publishes what a child has sent, if the relay's own validator lets it.
func (d *Node) forward(channel string, data []byte) {
	if !d.double(channel, data) && d.deliver(channel, bytes.Clone(data)) {
		d.gossip(channel, data)
	}
}

// AskSomebody implements room.Network: one of the relays finds somebody, first a child that holds the secret.
func (d *Node) AskSomebody(ctx context.Context, req []byte) ([]byte, error) {
	relays := d.relays()
	if len(relays) == 0 {
		return nil, ErrUnreachable
	}
	relay := relays[d.net.draw(len(relays))]
	relay.mu.Lock()
	s := relay.serves
	var list []identity.ID
	for id, c := range s.children {
		if id != d.id && c.holds != [8]byte{} && c.holds == s.Commit() {
			list = append(list, id)
		}
	}
	relay.mu.Unlock()
	if len(list) == 0 {
		list = s.Hears()
	}
	if len(list) == 0 {
		return nil, ErrUnreachable
	}
	slices.SortFunc(list, func(a, b identity.ID) int { return bytes.Compare(a[:], b[:]) })
	return d.Ask(ctx, list[d.net.draw(len(list))], req)
}
