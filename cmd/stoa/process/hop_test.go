// A bad network in user space: a hop between two real processes that delays and
// loses what passes. The kernel of many machines has no netem, and a laboratory
// with network namespaces wants root.

package process

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stoa/cmd/stoa/process/lab/hop"
	"stoa/identity"
)

const hopDatagram = 1500 // bytes; larger ones are cut off, which no QUIC packet is

// lossyHop stands between one client and a server on this machine. Each direction
// delays every datagram by the same time, so that none overtakes another, and
// loses some at random, each on its own: which ones depends on the seed alone.
type lossyHop struct {
	front, back *net.UDPConn
	client      atomic.Pointer[netip.AddrPort] // who sent to front last
	lanes       [2]hopLane                     // from the client and to it
}

// newLossyHop makes one to the server's port of 127.0.0.1, which works until the test
// ends. delay is one way, loss the share of datagrams lost in each direction.
func newLossyHop(t testing.TB, server uint16, delay time.Duration, loss float64, seed uint64) *lossyHop {
	t.Helper()
	line := hop.Line{Delay: delay, Loss: hop.Percent(100 * loss)}
	if err := line.Check(); err != nil {
		t.Fatal(err)
	}
	here := net.IPv4(127, 0, 0, 1)
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: here})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: here, Port: int(server)})
	if err != nil {
		t.Fatal(err)
	}
	h := &lossyHop{front: front, back: back}
	t.Cleanup(func() { front.Close(); back.Close() })
	for i := range h.lanes {
		h.lanes[i] = hopLane{lane: hop.NewLane(line, seed, uint64(i)), born: time.Now(), came: make(chan struct{}, 1), over: make(chan struct{})}
	}
	go h.lanes[0].take(h.fromClient)
	go h.lanes[0].release(func(b []byte) { _, _ = back.Write(b) })
	go h.lanes[1].take(back.Read)
	go h.lanes[1].release(h.toClient)
	return h
}

// port is where the client finds the hop.
func (h *lossyHop) port() uint16 { return h.front.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

func (h *lossyHop) fromClient(b []byte) (int, error) {
	n, from, err := h.front.ReadFromUDPAddrPort(b)
	if known := h.client.Load(); err == nil && (known == nil || *known != from) {
		h.client.Store(&from)
	}
	return n, err
}

func (h *lossyHop) toClient(b []byte) {
	if client := h.client.Load(); client != nil {
		_, _ = h.front.WriteToUDPAddrPort(b, *client)
	}
}

// counts tells of datagrams that passed, were lost, and were too many, in both directions
// together.
func (h *lossyHop) counts() (passed, lost, full uint64) {
	for i := range h.lanes {
		c := h.lanes[i].counts()
		passed, lost, full = passed+c.Released, lost+c.Lost, full+c.Full
	}
	return passed, lost, full
}

// hopLane is one direction: a lane with a clock.
type hopLane struct {
	born time.Time
	came chan struct{} // one slot: a datagram
	over chan struct{} // closed when take has ended

	mu   sync.Mutex
	lane *hop.Lane
}

func (l *hopLane) counts() hop.Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lane.Counts()
}

// take puts what is read into the lane until the socket is closed.
func (l *hopLane) take(read func([]byte) (int, error)) {
	defer close(l.over)
	b := make([]byte, hopDatagram)
	for {
		n, err := read(b)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED): // of something sent before, while the server was not there
			continue
		case err != nil:
			return
		}
		l.mu.Lock()
		l.lane.Push(b[:n], time.Since(l.born))
		l.mu.Unlock()
		select {
		case l.came <- struct{}{}:
		default:
		}
	}
}

// release writes what comes out of the lane, when it is due, until take has ended.
func (l *hopLane) release(write func([]byte)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		l.mu.Lock()
		b, _, ok := l.lane.Pop(time.Since(l.born)) // valid until the next Pop, which is ours
		due, waits := l.lane.Next()
		l.mu.Unlock()
		if ok {
			write(b)
			continue
		}
		if waits {
			timer.Reset(due - time.Since(l.born))
		}
		select {
		case <-timer.C:
		case <-l.came:
		case <-l.over:
			return
		}
	}
}

// udp4Loopback is how the binary form of /ip4/127.0.0.1/udp/PORT/quic-v1 begins, up
// to the port, and what follows that (multiaddr: protocols 4, 273 and 461).
const (
	udp4Loopback = "\x04\x7f\x00\x00\x01\x91\x02"
	quicV1       = "\xcd\x03"
)

// through returns the link with one hint only: the QUIC address of the first one on
// loopback, moved to the hop that connect makes for its port.
func through(t testing.TB, link string, connect func(port uint16) *lossyHop) (string, *lossyHop) {
	t.Helper()
	inv, err := identity.ParseInvite(link)
	if err != nil {
		t.Fatal(err)
	}
	const at = len(udp4Loopback)
	for _, hint := range inv.Hints {
		if len(hint) > at+4 && string(hint[:at]) == udp4Loopback && string(hint[at+2:at+4]) == quicV1 {
			h := connect(uint16(hint[at])<<8 | uint16(hint[at+1]))
			hint[at], hint[at+1] = byte(h.port()>>8), byte(h.port())
			inv.Hints = [][]byte{hint}
			return inv.String(), h
		}
	}
	t.Fatalf("no address of QUIC on loopback in the link: %x", inv.Hints)
	return "", nil
}

// TestHop sends datagrams through a hop to somebody who sends them back, and counts:
// what returns is what the seed says, no sooner than the delays allow.
func TestHop(t *testing.T) {
	const (
		n     = 150
		delay = 10 * time.Millisecond
		loss  = 0.2
		seed  = 5
	)
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		b := make([]byte, 16)
		for {
			k, from, err := server.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDPAddrPort(b[:k], from)
		}
	}()
	h := newLossyHop(t, server.LocalAddr().(*net.UDPAddr).AddrPort().Port(), delay, loss, seed)
	client, err := net.DialUDP("udp4", nil, h.front.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	line := hop.Line{Loss: 100 * loss}
	there, back := hop.NewLane(line, seed, 0), hop.NewLane(line, seed, 1)
	loses := func(l *hop.Lane) bool {
		before := l.Counts().Lost
		l.Push(nil, 0)
		return l.Counts().Lost > before
	}
	b := make([]byte, 16)
	for i := range n {
		begin := time.Now()
		if _, err := client.Write([]byte{byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
		if loses(there) || loses(back) {
			continue
		}
		_ = client.SetReadDeadline(time.Now().Add(patience))
		if k, err := client.Read(b); err != nil || k != 2 || int(b[0])|int(b[1])<<8 != i {
			t.Fatalf("datagram %d came back as %x, %v", i, b[:k], err)
		}
		if took := time.Since(begin); took < 2*delay {
			t.Fatalf("datagram %d was back after %v", i, took)
		}
	}
	if _, lost, full := h.counts(); full != 0 || lost == 0 {
		t.Errorf("%d overflowed, %d lost", full, lost)
	}
}
