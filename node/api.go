// Node: the libp2p host and everything that lives as long as the process.

package node

import (
	"context"
	"iter"
	"time"

	"stoa/identity"
)

// Node is one libp2p host: a transport identity, its sockets, the DHT and the
// gossip router. Rooms are entered on it. Its methods may be called from any
// goroutine.
type Node struct{}

// Open starts a node. libp2p works from here on until Close; ctx bounds only the start.
func Open(ctx context.Context, cfg Config) (*Node, error) { return nil, ErrClosed }

// Close leaves every room, closes every connection and waits for all goroutines.
func (n *Node) Close() error { return nil }

// Peer returns the peer ID in its text form.
func (n *Node) Peer() string { return "" }

// Addrs returns the addresses at which the node believes it can be dialled, each
// ending in /p2p/<peer ID>, the best first. At most 16.
func (n *Node) Addrs() []string { return nil }

// Hints returns the best few of Addrs in binary, each at most 128 bytes, for an invite link.
func (n *Node) Hints() [][]byte { return nil }

// HintAddr returns the text of a binary address from an invite link.
func HintAddr(hint []byte) (string, error) { return "", ErrClosed }

// Enter makes the node act in a room: it subscribes to the room's channels and
// answers asks and links for it.
func (n *Node) Enter(cfg RoomConfig) (*Room, error) { return nil, ErrClosed }

// HandleCards sets what the node answers when somebody asks for the public rooms it knows.
func (n *Node) HandleCards(cards func() [][]byte) {}

// Announce tells the DHT, until ctx ends, that this node knows public rooms of the topic and language.
func (n *Node) Announce(ctx context.Context, topic, lang string) error { return nil }

// Cards yields the raw signed cards that providers of the topic and language
// hand out, until ctx ends. The caller verifies them.
func (n *Node) Cards(ctx context.Context, topic, lang string) iter.Seq[[]byte] { return nil }

// Room is a room as the network sees it. It satisfies room.Network.
type Room struct{}

// Close leaves the room.
func (r *Room) Close() error { return nil }

func (r *Room) Publish(ctx context.Context, channel string, msg []byte) error { return nil }
func (r *Room) Next(ctx context.Context) (channel string, msg []byte, err error) {
	return "", nil, ErrClosed
}
func (r *Room) Check(func(channel string, msg []byte) (accept, bad bool)) {}
func (r *Room) Ask(ctx context.Context, to identity.ID, req []byte) ([]byte, error) {
	return nil, ErrClosed
}
func (r *Room) HandleAsk(func(ctx context.Context, from identity.ID, req []byte) ([]byte, error)) {}
func (r *Room) Meet(id identity.ID, addrs []string)                                               {}

// AskPeer asks whoever answers at addr (text multiaddr with its /p2p part; one
// that Find yielded, a hint, or a remembered address) and says who that was.
func (r *Room) AskPeer(ctx context.Context, addr string, req []byte) (who identity.ID, reply []byte, err error) {
	return
}

// Find yields addresses for AskPeer of peers that say they know the room, from
// the DHT and mDNS, each once, until ctx ends or the caller breaks.
func (r *Room) Find(ctx context.Context) iter.Seq[string] { return nil }

// Announce tells the DHT, until ctx ends, that this node knows the room.
func (r *Room) Announce(ctx context.Context) error { return nil }

// OnPacket sets who receives voice packets: called on the reader's goroutine, must not
// block, packet is valid only during the call. Set before the first link.
func (r *Room) OnPacket(func(from identity.ID, packet []byte, at time.Time)) {}

// OnLink sets who hears of links that came up or went down. Must not block.
func (r *Room) OnLink(func(info LinkInfo, up bool)) {}

// Admit sets who may hold a link. Asked again at least every 250 ms and on Review.
func (r *Room) Admit(func(id identity.ID) bool) {}

// Review asks Admit again about every link at once; call it when the room's state changed.
func (r *Room) Review() {}

// Link makes sure that there is a media link to a person: it dials when there is none.
func (r *Room) Link(ctx context.Context, id identity.ID) error { return nil }

// Send queues a packet (at most MaxPacket bytes) on the links to the given people. Never
// blocks; full queues drop their oldest; people without a link are skipped. The
// bytes are copied. Returns how many links took it.
func (r *Room) Send(packet []byte, to []identity.ID) int { return 0 }

// Drop cuts a person's links; they come back only if Admit says so.
func (r *Room) Drop(id identity.ID) {}

// Links describes the links that are up.
func (r *Room) Links() []LinkInfo { return nil }

// MaxPacket is the size of the largest voice packet in bytes.
const MaxPacket = 1200

// LinkInfo describes one media link to one peer of one person.
type LinkInfo struct {
	ID       identity.ID
	Session  [8]byte // the far run of the program
	Peer     string  // the far peer ID
	Addr     string  // the far address
	Carrier  string  // "datagram" or "stream"
	RTT      time.Duration
	LossOut  float64       // share of our packets that the far side missed, last report
	LossIn   float64       // share of theirs that we missed, last interval
	Jitter   time.Duration // of what we receive, RFC 3550
	Sent     uint64        // packets
	Received uint64
	Dropped  uint64 // packets dropped from our own queue because newer ones came
}
