// Nodes that get another address.

package nodetest

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/marcopolo/simnet"
)

// endpoint is the socket of one node. Others see it at an address that may change.
type endpoint struct {
	world *World
	near  net.Addr // as the node sees it

	mu  sync.Mutex
	out *simnet.SimConn
}

// endpoint opens a socket at an address of the network.
func (w *World) endpoint(at *net.UDPAddr) net.PacketConn {
	e := &endpoint{world: w, near: at, out: w.socket(at)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.endpoints == nil {
		w.endpoints = make(map[string]*endpoint)
	}
	w.endpoints[at.String()] = e
	return e
}

func (w *World) socket(at *net.UDPAddr) *simnet.SimConn {
	w.opening.Lock() // simnet keeps a list without one
	defer w.opening.Unlock()
	link := simnet.LinkSettings{BitsPerSecond: 100e6}
	return w.net.NewEndpoint(at, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link})
}

// Rebind makes a NAT give the node at ip:port another address, from which nobody hears
// anything but what the node sends, and to which the old one does not lead.
func (w *World) Rebind(at, to string) {
	w.t.Helper()
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	e := w.endpoints[at]
	w.mu.Unlock()
	out := w.socket(addr)
	e.mu.Lock()
	old := e.out
	e.out = out
	e.mu.Unlock()
	old.Close()
}

// Reroute does the same, and tells the node that its packets leave from elsewhere, as when a
// VPN comes up. Unless the old address is gone the node has both.
func (w *World) Reroute(at, to string, gone bool) {
	w.t.Helper()
	w.Rebind(at, to)
	m := w.machine(at)
	m.mu.Lock()
	m.from = netip.MustParseAddrPort(to).Addr()
	if gone {
		m.addrs = nil
	}
	m.addrs = append(m.addrs, m.from)
	m.mu.Unlock()
	m.changed <- struct{}{}
}

// Suspend has the node at ip:port believe that nothing ran there for a while.
func (w *World) Suspend(at string, d time.Duration) {
	m := w.machine(at)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.suspended += d
}

func (e *endpoint) current() *simnet.SimConn {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.out
}

func (e *endpoint) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		c := e.current()
		n, from, err := c.ReadFrom(b)
		if err == nil || c == e.current() {
			return n, from, err
		}
	}
}

func (e *endpoint) WriteTo(b []byte, to net.Addr) (int, error) {
	if len(b) > 0 && b[0] < 0x40 && e.world.sendsRAW(to) {
		return len(b), nil
	}
	return e.current().WriteTo(b, to)
}

func (e *endpoint) LocalAddr() net.Addr                { return e.near }
func (e *endpoint) Close() error                       { return e.current().Close() }
func (e *endpoint) SetDeadline(t time.Time) error      { return e.current().SetDeadline(t) }
func (e *endpoint) SetReadDeadline(t time.Time) error  { return e.current().SetReadDeadline(t) }
func (e *endpoint) SetWriteDeadline(t time.Time) error { return e.current().SetWriteDeadline(t) }

// machine is what the node at one address believes it runs on.
type machine struct {
	changed chan struct{}

	mu        sync.Mutex
	addrs     []netip.Addr
	from      netip.Addr
	suspended time.Duration
}

// machine returns that of the node at ip:port.
func (w *World) machine(at string) *machine {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.machines[at]
	if m == nil {
		ip := netip.MustParseAddrPort(at).Addr()
		m = &machine{changed: make(chan struct{}), addrs: []netip.Addr{ip}, from: ip}
		if w.machines == nil {
			w.machines = make(map[string]*machine)
		}
		w.machines[at] = m
	}
	return m
}

func (m *machine) Watch(ctx context.Context, changed func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.changed:
			changed()
		}
	}
}

func (m *machine) Addrs() []netip.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]netip.Addr(nil), m.addrs...)
}

func (m *machine) Source(netip.AddrPort) (netip.Addr, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.from, true
}

func (m *machine) Suspended() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.suspended
}
