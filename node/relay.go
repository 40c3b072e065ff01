// Relay: one room's voice, taken once and sent on to many. Here is what the program
// sees of it; child.go has what happens to each listener.

package node

import (
	"context"
	"time"

	"stoa/identity"
)

// Admission is what a relay's program says of somebody who wants to be carried.
type Admission int

const (
	NotYet Admission = iota // the news may be on its way: ask again, up to 5 s
	Yes
	No
)

// Voice is what a relay must know of a packet to choose whom it carries: what
// stands open in it.
type Voice struct {
	KID    uint64 // of the speaker and the epoch
	Index  uint32 // of the packet's first frame
	Frames int
	Level  uint8 // 0 is the loudest
	End    bool  // the speaker falls silent
}

// ServeConfig says how a room is served. Every function must be quick and may be called
// from any goroutine.
type ServeConfig struct {
	// Slots is how many children get voice. As many again, and a quarter more, may
	// stand by: they get the control feed and the digests alone. When a child that
	// stands by asks for voice because its other relay died, a quarter more than
	// Slots are served.
	Slots int

	// Up bounds what all children together are sent, in bytes a second; 0 is no bound.
	Up int

	// Admit judges who is carried, by the proof (at most 4 KiB) that he brought along.
	Admit func(who identity.ID, proof []byte) Admission

	// Feed says which gossip children are told, as it arrives; nil is all of it.
	Feed func(channel string, msg []byte) bool

	// Hears lists the members outside the audience who may be asked in the name of a
	// child that asks somebody, the best first or in no order; nil is nobody.
	Hears func() []identity.ID

	// Commit names the secret for which such a child asks: those children that said
	// they hold it are asked first. nil asks no children.
	Commit func() [8]byte
}

// ChildInfo describes one child of a relay.
type ChildInfo struct {
	ID      identity.ID
	Session [8]byte // of its run of the program
	Peer    string  // its peer ID
	Addr    string  // its address
	Carrier Carrier
	Media   bool // gets voice; otherwise it stands by
	RTT     time.Duration
	Loss    float64   // share of what was sent to it that did not arrive
	Since   time.Time // when it was admitted
}

// RelayStats counts what a relay did. All but the first three only grow.
type RelayStats struct {
	Children int // admitted
	Media    int // of these, those that get voice
	Waiting  int // may not be carried yet

	Admitted uint64
	Refused  uint64 // by Admit, in time or because it never said Yes
	Full     uint64 // turned away for want of a slot
	Cut      uint64 // by Review and Cut
	Lost     uint64 // stopped reporting, or too slow for the control feed

	Fed       uint64 // gossip messages told to children, each once for all
	Published uint64 // messages of children published in the room
	Unwelcome uint64 // messages of children that were refused
	Letters   uint64 // carried there and back
	Returned  uint64 // letters that found nobody, or nobody in time
}

// A Relay serves one room. Its methods may be called from any goroutine.
type Relay struct {
	room *Room
	cfg  ServeConfig
}

// Serve makes the node a relay of the room until Close or [Room.Close].
// It fails with [ErrServing] while there is another.
func (r *Room) Serve(cfg ServeConfig) (*Relay, error) {
	return &Relay{room: r, cfg: cfg}, nil
}

// Forward sends a speaker's packet to every child that gets voice. It never blocks and
// keeps nothing of packet, whose signature the caller has verified.
func (rl *Relay) Forward(packet []byte, v Voice) {}

// SendDigest sends a signed digest of at most 1100 bytes to every child.
func (rl *Relay) SendDigest(b []byte) {}

// Children describes the admitted children, in no order.
func (rl *Relay) Children() []ChildInfo { return nil }

// Review asks Admit about every child now. Those that it refuses are cut before
// Review returns.
func (rl *Relay) Review() {}

// Cut ends what is carried to a person.
func (rl *Relay) Cut(id identity.ID) {}

// Drain tells every child to move to another relay within a time, takes no more, and
// waits until the last has left or ctx ends.
func (rl *Relay) Drain(ctx context.Context) error { return nil }

// Stats counts what happened so far.
func (rl *Relay) Stats() RelayStats { return RelayStats{} }

// Close cuts all children and waits for the relay's goroutines.
func (rl *Relay) Close() error { return nil }
