// Relay: one room's voice, taken once and sent on to many.
//
//	Forward, SendDigest -> fanout (fanout.go) -> paths to the children
//	gossip -> feed -> feedLoop -> control streams of the children
//	a child's stream -> greet -> admission -> table -> read (child.go) until the end
//	keep: the lease of each child, and whether it may still be carried
//
// What a packet is worth is for the program to say, which has the room's log: it forwards
// only what it has verified, and Admit decides who is carried.

package node

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

const (
	attachPatience = 5 * time.Second // until a child must have said who it is
	admissionEvery = 100 * time.Millisecond
	admissionLasts = 5 * time.Second // until Admit must have said Yes
	leaseSilence   = 3 * time.Second // without a report: a child gets nothing more
	leaseEnd       = 15 * time.Second
	relayTick      = 250 * time.Millisecond
	reconsider     = 10 * time.Second // a child that nobody reviews is reviewed so often
	beatEvery      = time.Second      // children hear from a relay that has nothing to send
	drainDefault   = 3 * time.Second

	childrenPerAddr = 256 // admitted or waiting, from one IPv4 address or IPv6 /56
	waitingPerAddr  = 96  // more than a busload that joins at once
	waitingPerPeer  = 2   // one attach that was given up, and the one after it
	waitingChildren = 1024
	childrenEach    = 2 // of one person

	feedDelay  = 250 * time.Millisecond // until what is not urgent is fed, in one packet with what follows
	feedBytes  = 512 << 10              // that wait to be fed, of the log and of the rest
	feedRate   = fedBytes / 2           // bytes a second; letters go beside it
	feedPiece  = 64 << 10               // of the rest at a time, so that the log need not wait for more
	feedAtOnce = 64                     // children, and then voice has its turn
	feedPause  = time.Millisecond

	lettersAtOnce  = 256 // that a relay carries; others wait until theirs has no time left
	lettersToNamed = 128 // of these: who asks somebody need not wait for who asks a slow friend
	lettersEach    = 4   // of one person
	somebodyPeers  = 3   // fellow listeners, and as many members, whom a letter to somebody tries
)

// Admission is what a relay's program says of somebody who wants to be carried.
type Admission int

const (
	NotYet Admission = iota // the news may be on its way: ask again, up to 5 s
	Yes
	No
)

// Voice is what a relay must know of a packet to choose whom it carries: what stands
// open in it.
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
	// Slots is how many children get voice. Twice as many may be attached, for most
	// listeners have a second relay that stands by. When a child that stands by asks for
	// voice because its other relay died, a quarter more than Slots are served.
	Slots int

	// Up bounds what all children together are sent, in bytes a second; 0 is no bound.
	Up int

	// Admit judges who is carried, by the proof (at most 4 KiB) that he brought along.
	// It is asked again on [Relay.Review] and every 10 s.
	Admit func(who identity.ID, proof []byte) Admission

	// VoiceOnly keeps everything else from children, who are in gossip themselves: they
	// are told none of it, nothing of theirs is published, their letters are turned away,
	// and nobody may measure this relay. Feed, Hears and Commit are not asked then.
	VoiceOnly bool

	// Feed says which gossip children are told, as it arrives; nil is all of it.
	Feed func(channel string, msg []byte) bool

	// Hears lists the members outside the audience who may be asked in the name of a
	// child that asks somebody; nil is nobody.
	Hears func() []identity.ID

	// Commit names the secret for which such a child asks: those children that said
	// they hold it are asked first, every other time after a member, for they may lie.
	// nil asks no children.
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

// RelayStats counts what a relay did besides forwarding. All but the first three only grow.
type RelayStats struct {
	Children int // admitted
	Media    int // of these, those that get voice
	Waiting  int // may not be carried yet

	Admitted uint64
	Refused  uint64 // by Admit, at once or because it never said Yes
	Full     uint64 // turned away for want of a slot
	Cut      uint64 // by Review and Cut
	Lost     uint64 // stopped reporting, or were too slow for the control feed

	Fed       uint64 // gossip messages told to children, each counted once
	Published uint64 // messages of children published in the room
	Unwelcome uint64 // messages of children that were refused
	Letters   uint64 // carried there and back
	Returned  uint64 // letters that found nobody, or nobody in time
}

// relayCounts are the counters behind RelayStats.
type relayCounts struct {
	admitted, refused, full, cut, lost atomic.Uint64
	fed, published, unwelcome          atomic.Uint64
	letters, returned                  atomic.Uint64
}

// A Relay serves one room. Its methods may be called from any goroutine.
type Relay struct {
	room   *Room
	cfg    ServeConfig
	fan    *fanout
	counts relayCounts

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	feeding chan struct{} // one slot: something waits to be fed
	urgent  chan struct{} // one slot: it may not wait for more
	posting chan struct{} // a slot for each letter on its way
	named   chan struct{} // a slot for each of these that is to one person
	credit  credit        // which children hold the secret that others ask for
	turn    atomic.Uint64 // whose it is to answer somebody
	beat    atomic.Int64  // when something last went to all children, unix ns

	mu       sync.Mutex
	closed   bool
	draining bool
	children map[identity.ID][]*child // the newest first
	count    int                      // of children
	media    int                      // of these
	perAddr  map[netip.Prefix]int     // of these, by address
	waiting  map[netip.Prefix]int     // by address; all of them are waited
	waited   int
	knocking map[peer.ID]int     // of waiting, by peer
	letters  map[identity.ID]int // on their way, by who asks
	reviewed chan struct{}       // closed and replaced when those who wait should be judged again
	emptied  chan struct{}       // closed when a draining relay has no child left
	log      backlog             // frames to feed
	rest     backlog             // once there is none in log
	audits   map[identity.ID]time.Time
	auditing int
}

// Serve makes the node a relay of the room until Close or [Room.Close]. It fails with
// [ErrServing] while there is another.
func (r *Room) Serve(cfg ServeConfig) (*Relay, error) {
	if cfg.Slots <= 0 || cfg.Admit == nil {
		return nil, fmt.Errorf("serve: %d slots, and somebody must say who may have one", cfg.Slots)
	}
	rl := &Relay{
		room:     r,
		cfg:      cfg,
		fan:      newFanout(r.node, cfg.Up),
		feeding:  make(chan struct{}, 1),
		urgent:   make(chan struct{}, 1),
		posting:  make(chan struct{}, lettersAtOnce),
		named:    make(chan struct{}, lettersToNamed),
		letters:  make(map[identity.ID]int),
		children: make(map[identity.ID][]*child),
		perAddr:  make(map[netip.Prefix]int),
		waiting:  make(map[netip.Prefix]int),
		knocking: make(map[peer.ID]int),
		reviewed: make(chan struct{}),
		emptied:  make(chan struct{}),
		audits:   make(map[identity.ID]time.Time),
	}
	rl.ctx, rl.cancel = context.WithCancel(r.ctx)
	if r.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if !r.serving.CompareAndSwap(nil, rl) {
		rl.cancel()
		return nil, ErrServing
	}
	rl.work.Go(rl.keep)
	rl.work.Go(rl.feedLoop)
	rl.work.Go(func() { rl.fan.run(rl.ctx) })
	return rl, nil
}

// Close cuts all children and waits for the relay's goroutines.
func (rl *Relay) Close() error {
	rl.mu.Lock()
	closed := rl.closed
	rl.closed = true
	rl.mu.Unlock()
	if !closed {
		rl.cancel()
		for _, c := range rl.all() {
			rl.end(c, network.StreamShutdown)
		}
		rl.room.serving.CompareAndSwap(rl, nil)
	}
	rl.work.Wait()
	return nil
}

// begin counts one more goroutine that Close waits for, unless the relay is closed.
// The caller must call rl.work.Done.
func (rl *Relay) begin() bool {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	if rl.closed {
		return false
	}
	rl.work.Add(1)
	return true
}

// Forward sends a speaker's packet to every child that gets voice. It never blocks and
// keeps nothing of packet, whose signature the caller has verified.
func (rl *Relay) Forward(packet []byte, v Voice) { rl.fan.forward(packet, v) }

// SendDigest sends a signed digest of at most 1100 bytes to every child.
func (rl *Relay) SendDigest(digest []byte) {
	rl.beat.Store(time.Now().UnixNano())
	rl.fan.digest(digest)
}

// Children describes the admitted children, in no order.
func (rl *Relay) Children() []ChildInfo {
	var infos []ChildInfo
	for _, c := range rl.all() {
		infos = append(infos, c.info())
	}
	return infos
}

func (rl *Relay) all() []*child {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	cs := make([]*child, 0, rl.count)
	for _, of := range rl.children {
		cs = append(cs, of...)
	}
	return cs
}

// of lists the children of one person, the newest first.
func (rl *Relay) of(id identity.ID) []*child {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	return slices.Clone(rl.children[id])
}

// Review asks Admit about every child now. Those that it refuses are cut before Review
// returns, and those that waited for the news go on at once.
func (rl *Relay) Review() {
	rl.mu.Lock()
	close(rl.reviewed)
	rl.reviewed = make(chan struct{})
	rl.mu.Unlock()
	now := time.Now()
	for _, c := range rl.all() {
		rl.review(c, now)
	}
}

// review asks about one child. NotYet of a child that was admitted means that the room's
// state is being put together anew: it has as long as a newcomer.
func (rl *Relay) review(c *child, now time.Time) {
	verdict := rl.cfg.Admit(c.key.id, c.proof)
	if c.judge(verdict, now) {
		rl.end(c, network.StreamGated)
	}
}

// Cut ends what is carried to a person.
func (rl *Relay) Cut(id identity.ID) {
	for _, c := range rl.of(id) {
		rl.end(c, network.StreamGated)
	}
}

// Drain tells every child to be gone by ctx's deadline, or in 3 s when it has none, takes
// no more, and waits until the last has left or ctx ends, which is its error. The room is
// served until Close all the same.
func (rl *Relay) Drain(ctx context.Context) error {
	left := drainDefault
	if end, ok := ctx.Deadline(); ok {
		left = time.Until(end)
	}
	rl.mu.Lock()
	if !rl.draining && rl.count == 0 {
		close(rl.emptied)
	}
	rl.draining = true
	rl.mu.Unlock()
	frame := control{kind: controlDrain, ms: uint32(max(0, left.Milliseconds()))}.append(nil)
	for _, c := range rl.all() {
		c.send(frame)
	}
	select {
	case <-rl.emptied:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-rl.ctx.Done():
		return nil // Close has cut them
	}
}

// Stats counts what happened so far.
func (rl *Relay) Stats() RelayStats {
	rl.mu.Lock()
	children, media, waiting := rl.count, rl.media, rl.waited
	rl.mu.Unlock()
	n := &rl.counts
	return RelayStats{
		Children: children, Media: media, Waiting: waiting,
		Admitted: n.admitted.Load(), Refused: n.refused.Load(), Full: n.full.Load(),
		Cut: n.cut.Load(), Lost: n.lost.Load(),
		Fed: n.fed.Load(), Published: n.published.Load(), Unwelcome: n.unwelcome.Load(),
		Letters: n.letters.Load(), Returned: n.returned.Load(),
	}
}

// keep watches over the children until the relay closes.
func (rl *Relay) keep() {
	tick := time.NewTicker(relayTick)
	defer tick.Stop()
	for {
		select {
		case <-rl.ctx.Done():
			return
		case now := <-tick.C:
			rl.keepOnce(now)
		}
	}
}

func (rl *Relay) keepOnce(now time.Time) {
	for _, c := range rl.all() {
		switch {
		case c.unreported() > leaseEnd:
			rl.end(c, network.StreamGarbageCollected)
		case c.due(now):
			rl.review(c, now)
		}
	}
	if now.UnixNano()-rl.beat.Load() > int64(beatEvery) {
		rl.SendDigest(nil) // a sign of life
	}
}
