// wire: the datagrams of one QUIC connection, which the links of all rooms share.

package node

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/quic-go/quic-go"
)

// A wire has the one goroutine that may read a connection's datagrams. quic-go
// drops the newest of 128 waiting, so it must not dawdle.
type wire struct {
	quic   *quic.Conn
	cancel context.CancelFunc

	mu    sync.RWMutex
	links map[uint32]*link // by the tag on what they receive
}

// datagrams returns the QUIC connection under a direct libp2p connection, or nil
// when packets must go over a stream. WebTransport answers As too, but its datagrams
// are HTTP/3's.
func datagrams(c network.Conn) *quic.Conn {
	if c.ConnState().Transport != "quic-v1" || c.Stat().Limited {
		return nil
	}
	var q *quic.Conn
	if !c.As(&q) {
		return nil
	}
	supported := q.ConnectionState().SupportsDatagrams
	if !supported.Local || !supported.Remote {
		return nil
	}
	return q
}

// attach gives a link its tag, and the wire when its connection has datagrams.
func (n *Node) attach(l *link) error {
	l.inTag = rand.Uint32()
	q := datagrams(l.conn)
	if q == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	w := n.wires[q]
	if w == nil {
		ctx, cancel := context.WithCancel(n.ctx)
		w = &wire{quic: q, cancel: cancel, links: make(map[uint32]*link)}
		n.wires[q] = w
		n.work.Go(func() { w.readLoop(ctx) })
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.links[l.inTag] != nil {
		l.inTag = rand.Uint32()
	}
	w.links[l.inTag] = l
	l.wire = w
	return nil
}

// detach takes the link off its wire and stops a wire without links.
func (n *Node) detach(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := l.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.links, l.inTag)
	if len(w.links) == 0 {
		w.cancel()
		if n.wires[w.quic] == w {
			delete(n.wires, w.quic)
		}
	}
}

// readLoop hands each datagram to its link until the connection ends. Datagrams of
// nobody are dropped: a link that was just cut, or junk.
func (w *wire) readLoop(ctx context.Context) {
	defer w.cancel()
	for {
		b, err := w.quic.ReceiveDatagram(ctx)
		if err != nil {
			return
		}
		tag, ok := linkTag(b)
		if !ok {
			continue
		}
		w.mu.RLock()
		l := w.links[tag]
		w.mu.RUnlock()
		if l != nil {
			l.receive(b, time.Now())
		}
	}
}
