// The simulated network: delay, loss, repetition, reordering, partitions.

package roomtest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"stoa/identity"
	"stoa/room"
)

const (
	maxQuestion = 64 << 10
	maxAnswer   = 4 << 20
	maxInbox    = 1024 // messages
)

// Errors of a node's Ask.
var (
	ErrUnreachable = errors.New("roomtest: nobody there")
	ErrTooLarge    = errors.New("roomtest: question or answer too large")
)

// Conditions say how well a network works. The zero value loses nothing and
// takes no time.
type Conditions struct {
	Delay     time.Duration // of every message, one way
	Jitter    time.Duration // added at random, so that messages overtake one another
	Loss      float64       // share of published messages that reach a given member not at all
	Duplicate float64       // share that reach it twice
}

// Net is a network that several rooms can be run on in one process. Its
// random choices follow from the seed, as far as the order of calls does. It
// is safe for concurrent use.
type Net struct {
	mu    sync.Mutex // guards all below
	cond  Conditions
	rand  *rand.Rand
	nodes map[identity.ID]*Node
	side  map[identity.ID]int // of a partition; empty when there is none
}

// NewNet makes a network without nodes.
func NewNet(seed uint64, c Conditions) *Net {
	return &Net{
		cond:  c,
		rand:  rand.New(rand.NewPCG(seed, seed)),
		nodes: make(map[identity.ID]*Node),
		side:  make(map[identity.ID]int),
	}
}

// Node connects a person, in place of whoever was connected as the same
// person before.
func (n *Net) Node(id identity.ID) *Node {
	node := &Node{net: n, id: id, inbox: make(chan message, maxInbox), met: make(map[identity.ID][]string)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[id] = node
	return node
}

// Cut unplugs a node: as if its machine had died.
func (n *Net) Cut(id identity.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.nodes, id)
}

// Split divides the network: who is in different sides does not hear of the
// other. Nodes that are in none stay with the first.
func (n *Net) Split(sides ...[]identity.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.side)
	for i, side := range sides {
		for _, id := range side {
			n.side[id] = i
		}
	}
}

// Heal ends a partition.
func (n *Net) Heal() { n.Split() }

// Change sets new conditions for what is sent from now on.
func (n *Net) Change(c Conditions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cond = c
}

// reach returns a node, if from can reach it.
func (n *Net) reach(from *Node, to identity.ID) *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[from.id] != from || n.side[from.id] != n.side[to] {
		return nil
	}
	return n.nodes[to]
}

// delay returns how long one message takes.
func (n *Net) delay() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.oneDelay()
}

func (n *Net) oneDelay() time.Duration {
	if n.cond.Jitter == 0 {
		return n.cond.Delay
	}
	return n.cond.Delay + time.Duration(n.rand.Int64N(int64(n.cond.Jitter)))
}

// draw returns a random number below n.
func (n *Net) draw(below int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rand.IntN(below)
}

// deliveries draws when a published message arrives: not at all, once, or
// twice.
func (n *Net) deliveries() []time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rand.Float64() < n.cond.Loss {
		return nil
	}
	at := []time.Duration{n.oneDelay()}
	if n.rand.Float64() < n.cond.Duplicate {
		at = append(at, n.oneDelay())
	}
	return at
}

// others returns everybody but id, in no order.
func (n *Net) others(id identity.ID) []identity.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ids []identity.ID
	for other := range n.nodes {
		if other != id {
			ids = append(ids, other)
		}
	}
	return ids
}

// Node is one person's connection.
type Node struct {
	net   *Net
	id    identity.ID
	inbox chan message

	mu      sync.Mutex // guards all below
	check   func(channel string, msg []byte) (accept, bad bool)
	handler func(ctx context.Context, from identity.ID, req []byte) ([]byte, error)
	met     map[identity.ID][]string
	bad     int
	quiet   bool
	serves  *service // nil: is no relay
	seen    seen     // what came by relays, or through this one
}

var _ room.Network = (*Node)(nil)

type message struct {
	channel string
	data    []byte
}

// Publish sends msg to everybody who can be reached, itself included, as soon
// as its own validator has accepted it. Who is quiet has its relays do so.
func (d *Node) Publish(ctx context.Context, channel string, msg []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.isQuiet() {
		d.spread(channel, msg)
		return nil
	}
	d.double(channel, msg)
	d.deliver(channel, bytes.Clone(msg))
	for _, relay := range d.relays() {
		data := bytes.Clone(msg)
		time.AfterFunc(d.net.delay(), func() {
			if d.net.reach(d, relay.id) == relay {
				relay.forward(channel, data)
			}
		})
	}
	return nil
}

// spread is gossip: everybody who takes part in it gets msg.
func (d *Node) spread(channel string, msg []byte) {
	d.deliver(channel, bytes.Clone(msg))
	d.gossip(channel, msg)
}

// gossip brings msg to everybody else who takes part in gossip.
func (d *Node) gossip(channel string, msg []byte) {
	for _, to := range d.net.others(d.id) {
		for _, after := range d.net.deliveries() {
			data := bytes.Clone(msg)
			time.AfterFunc(after, func() {
				if peer := d.net.reach(d, to); peer != nil && !peer.isQuiet() {
					peer.deliver(channel, data)
				}
			})
		}
	}
}

// deliver puts a message into the inbox if it passes the validator, and tells
// whether it did; it drops the oldest one there when it is full.
func (d *Node) deliver(channel string, data []byte) bool {
	d.mu.Lock()
	check := d.check
	d.mu.Unlock()
	if check == nil {
		return false
	}
	accept, bad := check(channel, data)
	if bad {
		d.mu.Lock()
		d.bad++
		d.mu.Unlock()
	}
	if !accept {
		return false
	}
	d.feed(channel, data)
	for {
		select {
		case d.inbox <- message{channel, data}:
			return true
		default:
		}
		select {
		case <-d.inbox:
		default:
		}
	}
}

// Bad counts the messages that the validator called wrong beyond doubt.
func (d *Node) Bad() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bad
}

// Next implements room.Network.
func (d *Node) Next(ctx context.Context) (string, []byte, error) {
	select {
	case m := <-d.inbox:
		return m.channel, m.data, nil
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
}

// Ask implements room.Network. Questions and answers are never lost, as on a
// stream, but do not cross a partition.
func (d *Node) Ask(ctx context.Context, to identity.ID, req []byte) ([]byte, error) {
	if len(req) > maxQuestion {
		return nil, ErrTooLarge
	}
	if err := sleep(ctx, d.net.delay()); err != nil {
		return nil, err
	}
	peer := d.net.reach(d, to)
	if peer == nil {
		return nil, ErrUnreachable
	}
	peer.mu.Lock()
	handler := peer.handler
	peer.mu.Unlock()
	if handler == nil {
		return nil, ErrUnreachable
	}
	reply, err := handler(ctx, d.id, bytes.Clone(req))
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, d.net.delay()); err != nil {
		return nil, err
	}
	if d.net.reach(d, to) != peer {
		return nil, ErrUnreachable
	}
	if len(reply) > maxAnswer {
		return nil, ErrTooLarge
	}
	return bytes.Clone(reply), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HandleAsk implements room.Network.
func (d *Node) HandleAsk(f func(ctx context.Context, from identity.ID, req []byte) ([]byte, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handler = f
}

// Check implements room.Network.
func (d *Node) Check(f func(channel string, msg []byte) (accept, bad bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.check = f
}

// Meet implements room.Network. The simulated network needs no addresses.
func (d *Node) Meet(id identity.ID, addrs []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.met[id] = addrs
}

// Met returns what Meet was told about a person.
func (d *Node) Met(id identity.ID) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.met[id]
}
