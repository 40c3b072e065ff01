// Routers that translate addresses (RFC 4787), for nodes on a simulated network.

package nodetest

import (
	"net"
	"os"
	"sync"
	"time"

	"stoa/node"
)

// NAT is what a router does to the packets of those behind it.
type NAT int

const (
	FullCone       NAT = iota // one address for all, and everybody gets in by it
	PortRestricted            // one address for all; who was sent something gets in
	Symmetric                 // another address for each, and he alone gets in by it
)

// OpenBehind starts a node at ip:port of a private network whose router has a public
// address of its own. It is closed with the test.
func (w *World) OpenBehind(kind NAT, router, ip string, port int, bootstrap ...string) *node.Node {
	w.t.Helper()
	return w.open(ip, port, func(at *net.UDPAddr) net.PacketConn {
		r := &natted{world: w, kind: kind, router: net.ParseIP(router), local: at, next: port,
			outer: make(map[string]*outer), in: make(chan arrival, 256), closed: make(chan struct{})}
		r.deadline, r.expired, r.rearmed = time.AfterFunc(0, func() {}), make(chan struct{}), make(chan struct{})
		r.deadline.Stop()
		return r
	}, bootstrap)
}

// natted is the socket of a node behind a router, and the router.
type natted struct {
	world  *World
	kind   NAT
	router net.IP
	local  *net.UDPAddr
	in     chan arrival

	mu       sync.Mutex
	outer    map[string]*outer // by the destination; all the same unless Symmetric
	next     int               // port of the router's
	readers  sync.WaitGroup
	deadline *time.Timer
	expired  chan struct{} // closed when the deadline for reading is over; another for each deadline
	rearmed  chan struct{} // closed when there is another deadline
	closed   chan struct{}
	once     sync.Once
}

// outer is one public address of the router.
type outer struct {
	conn net.PacketConn
	sent map[string]bool // to whom
}

type arrival struct {
	b    []byte
	from net.Addr
}

func (r *natted) LocalAddr() net.Addr { return r.local }

// WriteTo sends from the address that the router has, or now takes, for the destination.
func (r *natted) WriteTo(b []byte, to net.Addr) (int, error) {
	r.mu.Lock()
	o := r.outerFor(to.String())
	o.sent[to.String()] = true
	r.mu.Unlock()
	return o.conn.WriteTo(b, to)
}

// outerFor finds or makes the router's address for a destination. The caller holds mu.
func (r *natted) outerFor(to string) *outer {
	if r.kind != Symmetric {
		to = ""
	}
	if o := r.outer[to]; o != nil {
		return o
	}
	o := &outer{conn: r.world.endpoint(&net.UDPAddr{IP: r.router, Port: r.next}), sent: make(map[string]bool)}
	r.next++
	r.outer[to] = o
	r.readers.Go(func() { r.read(o) })
	return o
}

// read lets in what comes to one of the router's addresses.
func (r *natted) read(o *outer) {
	buf := make([]byte, 2048)
	for {
		n, from, err := o.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		pass := r.kind == FullCone || o.sent[from.String()]
		r.mu.Unlock()
		if !pass {
			continue
		}
		select {
		case r.in <- arrival{append([]byte(nil), buf[:n]...), from}:
		case <-r.closed:
			return
		default: // full
		}
	}
}

func (r *natted) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		r.mu.Lock()
		expired, rearmed := r.expired, r.rearmed
		r.mu.Unlock()
		select {
		case a := <-r.in:
			return copy(b, a.b), a.from, nil
		case <-expired:
			return 0, nil, os.ErrDeadlineExceeded
		case <-rearmed:
		case <-r.closed:
			return 0, nil, net.ErrClosed
		}
	}
}

func (r *natted) Close() error {
	r.once.Do(func() {
		close(r.closed)
		r.mu.Lock()
		for _, o := range r.outer {
			o.conn.Close()
		}
		r.mu.Unlock()
	})
	r.readers.Wait()
	return nil
}

func (r *natted) SetDeadline(t time.Time) error    { return r.SetReadDeadline(t) }
func (r *natted) SetWriteDeadline(time.Time) error { return nil }
func (r *natted) SetReadBuffer(int) error          { return nil }
func (r *natted) SetWriteBuffer(int) error         { return nil }

func (r *natted) SetReadDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline.Stop()
	close(r.rearmed) // who reads looks again
	r.expired, r.rearmed = make(chan struct{}), make(chan struct{})
	if !t.IsZero() {
		expired := r.expired
		r.deadline = time.AfterFunc(time.Until(t), func() { close(expired) })
	}
	return nil
}
