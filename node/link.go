// link: one media link to one peer of one person.
//
//	Room.Send -> send -> path (path.go) -> the far side's path -> receive -> Room.deliver
//
// Two goroutines a link: reportLoop, and readLoop, on which voice arrives when there is
// nothing better than a stream and which sees the link end.

package node

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

// linkKey: a person may be linked from several devices.
type linkKey struct {
	id   identity.ID
	peer peer.ID
}

type link struct {
	room    *Room
	key     linkKey
	session [8]byte // of the far run
	behind  bool    // strangers cannot reach it
	dialled bool    // by us
	conn    network.Conn
	stream  stream
	path    *path
	out     token  // on what we send
	ours    uint32 // our turn when it was made
	theirs  uint32 // the far end's
	born    time.Time

	up     atomic.Bool // admitted: packets flow both ways
	flip   atomic.Bool // what our reports advise
	spare  atomic.Bool // nothing is sent twice, whatever gets lost
	done   chan struct{}
	ending sync.Once

	meter *meter

	rungs     int       // attempts to climb so far; keepLinks alone touches these two
	nextClimb time.Time // zero until the first is set

	mu       sync.Mutex
	seq      uint16
	sent     uint64
	buf      [packetHead + MaxPacket]byte
	before   [MaxPacket]byte // the packet sent last
	size     int             // of it
	beforeAt time.Time
}

func (r *Room) newLink(p peer.ID, s stream, dialled bool) (*link, error) {
	now := time.Now()
	l := &link{
		room:    r,
		key:     linkKey{peer: p},
		dialled: dialled,
		conn:    s.Conn(),
		stream:  s,
		ours:    r.node.turn.Load(),
		born:    now,
		done:    make(chan struct{}),
		meter:   newMeter(r.node, now),
	}
	path, err := r.node.openPath(pathConfig{
		conn:    l.conn,
		dialled: dialled,
		sink:    l.receive,
		down:    func(error) { l.end() },
	})
	if err != nil {
		return nil, err
	}
	l.path = path
	if path.wire == nil && !path.useStream(s) {
		path.close()
		return nil, ErrClosed
	}
	return l, nil
}

// know notes who is at the far end.
func (l *link) know(h hello) {
	l.key.id, l.session, l.out, l.behind, l.theirs = h.From, h.Session, h.Token, h.Behind, h.Turn
}

// turns counts the turns of both ends: of two links of the same pair the one with more was
// made after either end had given up the other.
func (l *link) turns() uint64 { return uint64(l.ours) + uint64(l.theirs) }

// send gives a packet to the path. It never blocks for long and never allocates.
func (l *link) send(packet []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	l.sent++
	now := time.Now()
	h := packetHeader{seq: l.seq, stamp: uint16(now.Sub(l.born).Milliseconds())}
	var b []byte
	if before := l.repeat(packet, now); before == nil {
		b = appendPacket(l.buf[:0], h, packet)
	} else {
		b = appendPair(l.buf[:0], h, before, packet)
	}
	l.size, l.beforeAt = copy(l.before[:], packet), now
	l.path.send(b)
}

// repeat returns the packet before this one if it should be sent once more with it:
// packets get lost, and it is not too late and not too large for that, and not more than
// the way bears. A stream loses nothing.
func (l *link) repeat(packet []byte, now time.Time) []byte {
	before := l.before[:l.size]
	if now.Sub(l.beforeAt) > repeatWithin || !pairFits(before, packet) ||
		l.spare.Load() || l.meter.lossOut() < repeatLoss || l.path.carrier() == Stream {
		return nil
	}
	return before
}

// reportLoop sends a report at once and every 500 ms.
func (l *link) reportLoop() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var buf [reportSize]byte
	for {
		l.path.send(l.meter.appendReport(buf[:0], l.flip.Load(), time.Now()))
		select {
		case <-l.done:
			return
		case <-tick.C:
		}
	}
}

// readLoop takes what arrives on the stream until it ends, and the link with it.
func (l *link) readLoop() {
	defer l.end()
	l.path.readStream(l.stream)
}

// receive takes one packet or report off the path.
func (l *link) receive(b []byte, at time.Time) {
	if rep, ok := parseReport(b); ok {
		l.meter.take(rep, at)
		return
	}
	h, before, packet, ok := parsePacket(b)
	if !ok || !l.up.Load() {
		return
	}
	news, missed := l.meter.arrived(h.seq, h.stamp, before != nil, at)
	if missed {
		l.room.deliver(l.key.id, before, at)
	}
	if news {
		l.room.deliver(l.key.id, packet, at)
	}
}

// silent says whether reports have stopped.
func (l *link) silent(now time.Time) bool { return l.meter.silent(now) }

// end cuts the link, once. It does not wait.
func (l *link) end() {
	l.ending.Do(func() {
		close(l.done)
		l.stream.Reset()
		l.path.close()
		l.room.remove(l)
	})
}

func (l *link) info() LinkInfo {
	path := l.path.info()
	l.mu.Lock()
	sent := l.sent
	l.mu.Unlock()
	m := l.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	return LinkInfo{
		ID:       l.key.id,
		Session:  l.session,
		Peer:     l.key.peer.String(),
		Addr:     l.conn.RemoteMultiaddr().String(),
		Way:      wayOf(l.conn, l.behind && l.room.node.behind()),
		Carrier:  path.carrier,
		RTT:      m.rtt,
		LossOut:  m.loss.share(),
		LossIn:   m.lossIn,
		Jitter:   m.in.jitter,
		Reports:  m.reports,
		Arrived:  m.last.received,
		Probed:   m.probed,
		Queue:    m.queue,
		Missed:   float64(m.last.loss) / 65535,
		Scatter:  time.Duration(m.last.jitter) * (100 * time.Microsecond),
		Sent:     sent,
		Received: m.received,
		Dropped:  path.dropped,
		Quiet:    l.path.quietFor(),
		Flip:     m.last.flip,
	}
}
