// A bad network in user space: a hop between two real processes that delays and
// loses what passes. The kernel of many machines has no netem.

package process

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stoa/identity"
)

const (
	hopQueue    = 512  // datagrams under way in one direction; more are dropped
	hopDatagram = 1500 // bytes; larger ones are cut off, which no QUIC packet is
)

// lossyHop stands between one client and a server on this machine. Each direction
// delays every datagram by the same time, so that none overtakes another, and
// loses some at random, each on its own: which ones depends on the seed alone.
type lossyHop struct {
	front, back *net.UDPConn
	client      atomic.Pointer[netip.AddrPort] // who sent to front last

	passed, lost, overflowed atomic.Uint64 // datagrams, both directions together
}

// newLossyHop makes one to the server's port of 127.0.0.1, which works until the test
// ends. delay is one way, loss the share of datagrams lost in each direction.
func newLossyHop(t testing.TB, server uint16, delay time.Duration, loss float64, seed uint64) *lossyHop {
	t.Helper()
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
	go h.carry(delay, loss, rand.New(rand.NewPCG(seed, 1)), h.fromClient, func(b []byte) { _, _ = back.Write(b) })
	go h.carry(delay, loss, rand.New(rand.NewPCG(seed, 2)), back.Read, h.toClient)
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

// carry takes datagrams from one side to the other until the socket is closed. It
// allocates everything at the start.
func (h *lossyHop) carry(delay time.Duration, loss float64, random *rand.Rand, read func([]byte) (int, error), write func([]byte)) {
	type datagram struct {
		due  time.Time
		size int
		b    [hopDatagram]byte
	}
	slots := make([]datagram, hopQueue)
	free, queue := make(chan *datagram, hopQueue), make(chan *datagram, hopQueue)
	for i := range slots {
		free <- &slots[i]
	}
	defer close(queue)
	go func() {
		for d := range queue {
			time.Sleep(time.Until(d.due))
			write(d.b[:d.size])
			h.passed.Add(1)
			free <- d
		}
	}()
	d := <-free
	for {
		n, err := read(d.b[:])
		switch {
		case errors.Is(err, syscall.ECONNREFUSED): // of something sent before, while the server was not there
			continue
		case err != nil:
			return
		case random.Float64() < loss:
			h.lost.Add(1)
			continue
		}
		d.due, d.size = time.Now().Add(delay), n
		select {
		case next := <-free:
			queue <- d
			d = next
		default:
			h.overflowed.Add(1)
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

	there, back := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, 16)
	for i := range n {
		begin := time.Now()
		if _, err := client.Write([]byte{byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
		if there.Float64() < loss || back.Float64() < loss {
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
	if h.overflowed.Load() != 0 || h.lost.Load() == 0 {
		t.Errorf("%d overflowed, %d lost", h.overflowed.Load(), h.lost.Load())
	}
}
