// The configuration of a node, and the errors that a caller can tell apart.

package node

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net"

	"github.com/libp2p/go-libp2p"
	"github.com/prometheus/client_golang/prometheus"

	"stoa/identity"
)

// Config says how a node meets the network. The zero Config is a node on the
// public network with a fresh transport key, listening on every interface.
type Config struct {
	// Key is the transport key, from which the peer ID follows. Nil means a
	// fresh one, so that strangers cannot recognise the node from run to run.
	Key ed25519.PrivateKey

	// Listen holds the multiaddrs to listen on. Empty means QUIC, TCP and
	// WebSocket on free ports of all interfaces, IPv4 and IPv6.
	Listen []string

	// Network says where rooms are announced and looked for. Empty means Public.
	Network Network

	// Bootstrap holds the multiaddrs, each with its /p2p part, of the first
	// peers of a private DHT. Empty on a private network means that this node
	// is the first and waits for others. It must be empty elsewhere.
	Bootstrap []string

	// Server makes the node a host for others: it takes thousands of connections,
	// holds a part of the DHT, helps those behind a NAT to find one another, and
	// tells others whether they can be reached. Its Key should be kept.
	Server bool

	// Metrics is where libp2p registers its figures. They are of the whole
	// process: a program gives it to one node. Nil keeps none.
	Metrics prometheus.Registerer

	// Log receives what went wrong but stopped nothing. Nil discards it. What
	// libp2p logs, for the whole process, goes to the first node's at level debug.
	Log *slog.Logger

	// ListenUDP opens the sockets of QUIC and media, one for each address and family.
	// Nil means net.ListenUDP. nodetest puts a simulated network here; QUIC then takes
	// the address of the socket opened last for that of the host.
	ListenUDP func(network string, laddr *net.UDPAddr) (net.PacketConn, error)

	// Machine tells of changes of the machine's addresses, and of its sleep. Nil means the
	// system's, or nothing when ListenUDP is set.
	Machine Machine

	// Options are put behind the node's own libp2p options. They must not set QUICReuse,
	// by which the node has its sockets.
	Options []libp2p.Option
}

// Network is the world in which rooms are announced and found.
type Network string

const (
	Public  Network = "public"  // the Amino DHT, and mDNS
	LAN     Network = "lan"     // mDNS alone
	Private Network = "private" // a DHT of our own under /stoa, loopback allowed
	Links   Network = "links"   // nowhere: who has a link has the addresses in it
)

// RoomConfig is what a node must know to act in a room.
type RoomConfig struct {
	ID         identity.RoomID
	Rendezvous [16]byte      // the room's rendezvous key: who has it can find and enter
	Key        *identity.Key // the person that this node speaks for in the room
	Session    [8]byte       // this run of the program; zero means random
}

// Errors that a caller branches on.
var (
	ErrUnreachable = errors.New("cannot be reached")
	ErrRefused     = errors.New("was reached and refused")
	ErrImpostor    = errors.New("the peer that answered is somebody else")
	ErrTooLarge    = errors.New("message is too large")
	ErrBusy        = errors.New("too many requests at once") // here or there: try again
	ErrEntered     = errors.New("room is already entered")
	ErrFull        = errors.New("has no free slot")
	ErrServing     = errors.New("room is already served")
	ErrClosed      = errors.New("closed")
	ErrMoved       = errors.New("lost when the machine moved or slept") // try again at once
)
