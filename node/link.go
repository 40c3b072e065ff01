// link: one media link to one peer of one person.
//
//	Room.Send -> enqueue (drop oldest) -> sendLoop -> datagram | stream
//	datagram reader (wire.go) | stream reader -> receive -> Room.deliver
//
// Two goroutines a link: sendLoop, which also writes the reports, and readLoop, on
// which voice arrives when there are no datagrams and which sees the link end.

package node

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/quic-go/quic-go"

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
	dialled bool    // by us
	conn    network.Conn
	stream  stream
	wire    *wire  // nil: packets go over the stream
	inTag   uint32 // on what we receive
	outTag  uint32 // on what we send
	born    time.Time

	up     atomic.Bool   // admitted: packets flow both ways
	wake   chan struct{} // one slot: the queue is not empty
	done   chan struct{}
	ending sync.Once

	packets, bytes bucket

	mu    sync.Mutex
	queue packetQueue
	seq   uint16
	in    arrivals
	heard time.Time   // of the last report
	last  report      // the last report
	loss  lossAverage // of what we send
	rtt   time.Duration
	stats linkStats

	before     [MaxPacket]byte // the packet sent last
	beforeSize int
	beforeAt   time.Time
}

type linkStats struct {
	sent, received, dropped uint64
	lossIn                  float64
}

func (r *Room) newLink(p peer.ID, s stream, dialled bool) *link {
	now := time.Now()
	return &link{
		room:    r,
		key:     linkKey{peer: p},
		dialled: dialled,
		conn:    s.Conn(),
		stream:  s,
		born:    now,
		heard:   now,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		packets: bucket{rate: linkPackets},
		bytes:   bucket{rate: linkBytes},
	}
}

// packetQueue holds the newest few packets. Not safe for concurrent use.
type packetQueue struct {
	slots [queuePackets][MaxPacket]byte
	sizes [queuePackets]int
	first int
	count int
}

// push copies a packet in and says whether the oldest had to give way.
func (q *packetQueue) push(packet []byte) (dropped bool) {
	if q.count == queuePackets {
		q.first = (q.first + 1) % queuePackets
		q.count--
		dropped = true
	}
	at := (q.first + q.count) % queuePackets
	q.sizes[at] = copy(q.slots[at][:], packet)
	q.count++
	return dropped
}

// pop returns the oldest packet, valid until the next push, or nil.
func (q *packetQueue) pop() []byte {
	if q.count == 0 {
		return nil
	}
	at := q.first
	q.first = (q.first + 1) % queuePackets
	q.count--
	return q.slots[at][:q.sizes[at]]
}

// enqueue never blocks and never allocates.
func (l *link) enqueue(packet []byte) {
	l.mu.Lock()
	if l.queue.push(packet) {
		l.stats.dropped++
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// sendLoop writes packets as they come and a report at once and every 500 ms.
func (l *link) sendLoop() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	buf := make([]byte, 0, 2+packetHead+MaxPacket)
	err := l.carry(l.report(buf))
	for err == nil {
		select {
		case <-l.done:
			return
		case <-tick.C:
			err = l.carry(l.report(buf))
		case <-l.wake:
			err = l.flush(buf)
		}
	}
	l.end()
}

func (l *link) flush(buf []byte) error {
	for {
		b := l.next(buf)
		if b == nil {
			return nil
		}
		if err := l.carry(b); err != nil {
			return err
		}
	}
}

// Both next and report leave two bytes for the length that a stream needs.
func (l *link) next(buf []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	packet := l.queue.pop()
	if packet == nil {
		return nil
	}
	l.seq++
	l.stats.sent++
	now := time.Now()
	h, before := packetHeader{l.outTag, l.seq, uint16(now.Sub(l.born).Milliseconds())}, l.repeat(packet, now)
	l.beforeSize, l.beforeAt = len(packet), now
	if before == nil {
		buf = appendPacket(buf[:2], h, packet)
	} else {
		buf = appendPair(buf[:2], h, before, packet)
	}
	copy(l.before[:], packet)
	return buf
}

// repeat returns the packet before this one if it should be sent once more with it:
// packets get lost, and it is not too late and not too large for that. A stream loses
// nothing.
func (l *link) repeat(packet []byte, now time.Time) []byte {
	before := l.before[:l.beforeSize]
	if l.wire == nil || l.loss.share() < repeatLoss || now.Sub(l.beforeAt) > repeatWithin || !pairFits(before, packet) {
		return nil
	}
	return before
}

func (l *link) report(buf []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.lossIn = l.in.interval()
	now := time.Now()
	rep := report{
		tag:      l.outTag,
		highest:  l.in.highest,
		received: l.in.received,
		loss:     uint16(l.stats.lossIn * 65535),
		jitter:   uint16(min(l.in.jitter/(100*time.Microsecond), 65535)),
		stamp:    l.room.node.clock(now),
	}
	if l.last.stamp != 0 {
		rep.echo, rep.held = l.last.stamp, uint32(now.Sub(l.heard).Microseconds())
	}
	return appendReport(buf[:2], rep)
}

// clock is the node's time in microseconds for reports; never 0, which means none.
func (n *Node) clock(now time.Time) uint32 { return uint32(now.Sub(n.born).Microseconds()) | 1 }

// carry sends what next or report made. b begins with two free bytes.
func (l *link) carry(b []byte) error {
	if l.wire != nil {
		err := l.wire.quic.SendDatagram(b[2:])
		if tooLarge := new(quic.DatagramTooLargeError); errors.As(err, &tooLarge) {
			return nil // the path shrank; counted by the far side as loss
		}
		return err
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	l.stream.SetWriteDeadline(time.Now().Add(writePatience))
	_, err := l.stream.Write(b)
	return err
}

// readLoop takes what arrives on the stream until it ends, and the link with it.
func (l *link) readLoop() {
	defer l.end()
	r := bufio.NewReader(l.stream)
	var head [2]byte
	var buf [packetHead + MaxPacket]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(head[:]))
		if n > len(buf) {
			return
		}
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return
		}
		l.receive(buf[:n], time.Now())
	}
}

// receive takes one packet or report off either carrier.
func (l *link) receive(b []byte, now time.Time) {
	if !l.packets.take(1, now) || !l.bytes.take(float64(len(b)), now) {
		return
	}
	if h, before, packet, ok := parsePacket(b); ok && h.tag == l.inTag {
		if !l.up.Load() {
			return
		}
		l.mu.Lock()
		l.stats.received++
		news := l.in.packet(h, now.Sub(l.born))
		missed := before != nil && l.in.note(h.seq-1)
		l.mu.Unlock()
		if missed {
			l.room.deliver(l.key.id, before, now)
		}
		if news {
			l.room.deliver(l.key.id, packet, now)
		}
	} else if rep, ok := parseReport(b); ok && rep.tag == l.inTag {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.last.stamp != 0 && int32(rep.stamp-l.last.stamp) <= 0 {
			return // overtaken by a later one, or here already
		}
		if l.last.received > 0 { // before its first packet the far side may not have been up
			l.loss.add(rep.highest-l.last.highest, rep.received-l.last.received)
		}
		l.heard, l.last = now, rep
		if rtt, ok := roundTrip(rep, l.room.node.clock(now)); ok {
			l.rtt = rtt
		}
	}
}

// silent says whether reports have stopped.
func (l *link) silent(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Sub(l.heard) > linkSilence
}

// end cuts the link, once. It does not wait: sendLoop may be stuck in a datagram
// queue until the connection ends.
func (l *link) end() {
	l.ending.Do(func() {
		close(l.done)
		l.stream.Reset()
		if l.wire != nil {
			l.room.node.detach(l)
		}
		l.room.remove(l)
	})
}

func (l *link) info() LinkInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	carrier := Stream
	if l.wire != nil {
		carrier = Datagram
	}
	return LinkInfo{
		ID:       l.key.id,
		Session:  l.session,
		Peer:     l.key.peer.String(),
		Addr:     l.conn.RemoteMultiaddr().String(),
		Carrier:  carrier,
		RTT:      l.rtt,
		LossOut:  l.loss.share(),
		LossIn:   l.stats.lossIn,
		Jitter:   l.in.jitter,
		Sent:     l.stats.sent,
		Received: l.stats.received,
		Dropped:  l.stats.dropped,
	}
}
