// wire: the datagrams of one QUIC connection, which the paths of all rooms share.

package node

import (
	"context"
	"time"

	"github.com/quic-go/quic-go"
)

// A wire has the one goroutine that may read a connection's datagrams. quic-go
// drops the newest of 128 waiting, so it must not dawdle.
type wire struct {
	quic   *quic.Conn
	cancel context.CancelFunc
	paths  int // that use it; guarded by Node.mu
}

// attach gives a path the wire of its connection, if that has datagrams both ways.
func (n *Node) attach(p *path) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	if !hasDatagrams(p.quic) {
		return nil
	}
	w := n.wires[p.quic]
	if w == nil {
		ctx, cancel := context.WithCancel(n.ctx)
		w = &wire{quic: p.quic, cancel: cancel}
		n.wires[p.quic] = w
		n.work.Go(func() { n.readDatagrams(ctx, w) })
	}
	w.paths++
	p.wire = w
	return nil
}

func hasDatagrams(q *quic.Conn) bool {
	if q == nil {
		return false
	}
	supported := q.ConnectionState().SupportsDatagrams
	return supported.Local && supported.Remote
}

// detach takes a path off its wire and stops a wire without paths.
func (n *Node) detach(p *path) {
	w := p.wire
	if w == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if w.paths--; w.paths > 0 {
		return
	}
	w.cancel()
	if n.wires[w.quic] == w {
		delete(n.wires, w.quic)
	}
}

// readDatagrams hands each datagram to its path until the connection ends. Datagrams of
// nobody are dropped: of a path that was just closed, or junk.
func (n *Node) readDatagrams(ctx context.Context, w *wire) {
	defer w.cancel()
	for {
		b, err := w.quic.ReceiveDatagram(ctx)
		if err != nil {
			return
		}
		if p := n.paths.find(b); p != nil && p.quic == w.quic && isMedia(b) {
			p.receive(b, Datagram, time.Now())
		}
	}
}
