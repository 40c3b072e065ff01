// Room: one room as the network sees it.

package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/singleflight"

	"stoa/identity"
)

// A Room is one room as the network sees it: its gossip channels, its asks and its
// media links. It satisfies room.Network. Its methods may be called from any
// goroutine; callbacks must be set before what they are called for can happen.
type Room struct {
	node    *Node
	id      identity.RoomID
	key     *identity.Key
	session [8]byte
	door    *door
	book    *book
	log     *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	channels map[string]*gossipChannel
	inbox    chan gossip
	pushing  chan struct{} // a slot for each push on its way
	known    memory        // gossip that was here, by whatever way
	lettered memory        // letters that were answered
	mesh     chan struct{} // one slot: look at the connections for gossip now
	afresh   atomic.Bool   // and try everybody, also who was tried lately

	joining sync.Mutex            // one Quiet at a time
	quiet   atomic.Bool           // gossip comes through relays
	serving atomic.Pointer[Relay] // set while we are a relay

	onAsk    atomic.Pointer[func(context.Context, identity.ID, []byte) ([]byte, error)]
	onCheck  atomic.Pointer[func(string, []byte) (bool, bool)]
	onPacket atomic.Pointer[func(identity.ID, []byte, time.Time)]
	onLink   atomic.Pointer[func(LinkInfo, bool)]
	admit    atomic.Pointer[func(identity.ID) bool]
	onMove   atomic.Pointer[func()]

	published  atomic.Pointer[time.Time] // when we last said something
	checking   sync.Mutex                // serialises onCheck
	delivering sync.RWMutex              // held for reading during onPacket, so that Close can wait
	dials      singleflight.Group
	relink     chan struct{}                           // one slot: there are events for onLink
	linked     atomic.Pointer[map[identity.ID][]*link] // those that are up; the map is never changed

	mu      sync.Mutex
	closed  bool
	links   map[linkKey]*link
	calling map[identity.ID]int // attempts to link to them
	events  []linkEvent
	seats   []*Attachment // relays that serve us
	seating chan struct{} // closed, and made anew, when there is one more
}

// Enter makes the node act in a room: it subscribes to the room's channels and
// answers asks and links for it. It fails with [ErrEntered] when the node is
// already in.
func (n *Node) Enter(cfg RoomConfig) (*Room, error) {
	if cfg.Key == nil {
		return nil, errors.New("enter room: no key to speak with")
	}
	if cfg.Session == ([8]byte{}) {
		rand.Read(cfg.Session[:])
	}
	r := &Room{
		node:    n,
		id:      cfg.ID,
		key:     cfg.Key,
		session: cfg.Session,
		door:    newDoor(cfg.ID, cfg.Rendezvous),
		book:    newBook(),
		log:     n.log.With("room", cfg.ID.Short()),
		inbox:   make(chan gossip, inboxMessages),
		pushing: make(chan struct{}, pushesAtOnce),
		mesh:    make(chan struct{}, 1),
		relink:  make(chan struct{}, 1),
		links:   make(map[linkKey]*link),
		calling: make(map[identity.ID]int),
		seating: make(chan struct{}),
	}
	r.linked.Store(new(map[identity.ID][]*link))
	r.ctx, r.cancel = context.WithCancel(n.ctx)
	n.entering.Lock()
	defer n.entering.Unlock()
	if n.roomByTag(r.door.tag) != nil {
		return nil, ErrEntered
	}
	if err := errors.Join(r.join(), n.register(r)); err != nil {
		r.Close()
		return nil, fmt.Errorf("enter room: %w", err)
	}
	r.work.Go(r.keepMesh)
	r.work.Go(r.keepLinks)
	return r, nil
}

// register makes the room answer; it must be whole by then.
func (n *Node) register(r *Room) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	n.rooms[r.door.tag] = r
	return nil
}

// Close leaves the room: it cuts the links, unsubscribes, and waits for the room's
// goroutines and running packet callbacks. A link's sender that is stuck on a dead
// connection ends with that connection; [Node.Close] waits for it. What was published
// in the last moment is given 100 ms to leave.
func (r *Room) Close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return nil
	}
	r.linger()
	if rl := r.serving.Load(); rl != nil {
		rl.Close()
	}
	r.cancel()
	r.closeLinks()
	r.closeAttachments()
	r.part()
	r.work.Wait()
	for _, p := range r.book.connected() {
		r.node.host.ConnManager().Unprotect(p, r.protection())
	}
	r.node.mu.Lock()
	if r.node.rooms[r.door.tag] == r {
		delete(r.node.rooms, r.door.tag)
	}
	r.node.mu.Unlock()
	r.delivering.Lock() // waits for callbacks that began before the links were cut
	defer r.delivering.Unlock()
	return nil
}

// lastWords is how long a message needs to get from gossip's queues onto the wire.
const lastWords = 100 * time.Millisecond

// linger lets a goodbye out. Gossip gives no sign when its queues are empty, and
// closing a QUIC connection discards what waits in it.
func (r *Room) linger() {
	if at := r.published.Load(); at != nil {
		time.Sleep(lastWords - time.Since(*at))
	}
}

// begin counts one more goroutine that Close waits for, unless the room is closed.
// The caller must call r.work.Done.
func (r *Room) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.work.Add(1)
	return true
}

// Meet says where a person may be reached (text multiaddrs with their /p2p part, at
// most 8 are kept, of 2 peers), replacing what was known. Addresses that do not parse, or
// are of somebody else's peer, are ignored: they come from other people.
func (r *Room) Meet(id identity.ID, addrs []string) {
	if id == r.key.ID() {
		return
	}
	var at []peer.AddrInfo
	for _, text := range addrs[:min(len(addrs), personAddrs)] {
		if len(text) > maxAddr {
			continue
		}
		info, err := peer.AddrInfoFromString(text)
		if err != nil || info.ID == r.node.host.ID() || !plainAddrs(info.Addrs) {
			continue
		}
		at = addAddr(at, *info)
	}
	at, news := r.book.meet(id, at)
	if news {
		r.missed(id)
	}
	r.mu.Lock()
	calling := r.calling[id] > 0
	r.mu.Unlock()
	if calling { // the call on its way should have the news
		for _, p := range at {
			r.node.remember(p, foundTTL)
		}
	}
	r.nudgeMesh()
}

// plainAddrs says whether addresses need no name server: whose, another person would choose.
func plainAddrs(addrs []ma.Multiaddr) bool {
	return !slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool { return !hasProtocol(a, ma.P_CIRCUIT) && !ipOf(a).IsValid() })
}

// addAddr groups addresses by peer.
func addAddr(at []peer.AddrInfo, info peer.AddrInfo) []peer.AddrInfo {
	for i := range at {
		if at[i].ID == info.ID {
			at[i].Addrs = append(at[i].Addrs, info.Addrs...)
			return at
		}
	}
	return append(at, info)
}

// prove records who speaks for whom and keeps the connection from being trimmed.
func (r *Room) prove(id identity.ID, p peer.ID) {
	if id == r.key.ID() && p == r.node.host.ID() {
		return
	}
	if r.book.prove(id, p) {
		r.node.host.ConnManager().Protect(p, r.protection())
		r.node.nudgeReach() // what it says of where it sees us counts now
	}
	if r.node.host.Network().Connectedness(p) == network.NotConnected {
		r.forget(p) // it went meanwhile, and nobody will say so again
	}
}

// forget drops what a peer has proved: it held only for the connection.
func (r *Room) forget(p peer.ID) {
	r.book.gone(p)
	r.node.host.ConnManager().Unprotect(p, r.protection())
}

func (r *Room) protection() string { return "stoa/" + string(r.door.tag[:]) }

// Announce tells the DHT, until ctx ends, that this node knows the room. It
// returns why it ended.
func (r *Room) Announce(ctx context.Context) error {
	return r.node.announce(ctx, r.door.rendezvousKey)
}

// Find yields addresses for [Room.AskPeer] of peers that say they know the room,
// from the DHT and mDNS, until ctx ends or the caller breaks. They are hints from
// strangers; a peer that stays announced is yielded again every 10 s or later.
func (r *Room) Find(ctx context.Context) iter.Seq[string] {
	return peerTexts(r.node.seek(ctx, r.door.rendezvousKey))
}

func peerTexts(peers iter.Seq[peer.ID]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for p := range peers {
			if !yield("/p2p/" + p.String()) {
				return
			}
		}
	}
}
