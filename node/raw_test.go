// RAW on sockets of the system: beside QUIC, without harm to it.

package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"stoa/identity"
)

// linked makes two nodes on the loopback, the second linked to the first, and waits until
// both ends of the link go by RAW.
func linked(t *testing.T, listen string) (near, far *Room) {
	t.Helper()
	a, b := openLoopback(t, listen), openLoopback(t, listen)
	near, far = enterTest(t, b), enterTest(t, a)
	near.Meet(far.key.ID(), a.Addrs())
	if err := near.Link(t.Context(), far.key.ID()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Room{near, far} {
		eventually(t, "RAW", func() bool {
			links := r.Links()
			return len(links) == 1 && links[0].Carrier == Raw
		})
	}
	return near, far
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within 20 s", what)
		}
	}
}

func TestRAWBesideQUIC(t *testing.T) {
	for _, listen := range []string{overQUIC, "/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::1/udp/0/quic-v1"} {
		t.Run(listen, func(t *testing.T) {
			near, far := linked(t, listen)
			got := make(chan []byte, 64)
			far.OnPacket(func(_ identity.ID, packet []byte, _ time.Time) { got <- bytes.Clone(packet) })
			reply := bytes.Repeat([]byte("x"), 1<<20) // QUIC goes on in between, in many packets
			far.HandleAsk(echoes(reply))
			asked := make(chan error, 1)
			go func() {
				rep, err := near.Ask(t.Context(), far.key.ID(), []byte("?"))
				if err == nil && !bytes.Equal(rep, reply) {
					t.Errorf("the reply has %d bytes", len(rep))
				}
				asked <- err
			}()
			for i := range 50 {
				want := bytes.Repeat([]byte{byte(i)}, 1+i*(MaxPacket-1)/49)
				near.Send(want, []identity.ID{far.key.ID()})
				if packet := <-got; !bytes.Equal(packet, want) {
					t.Fatalf("packet %d of %d bytes came as %d", i, len(want), len(packet))
				}
			}
			if err := <-asked; err != nil {
				t.Error(err)
			}
			if info := near.Links()[0]; info.Carrier != Raw || info.Dropped != 0 {
				t.Errorf("%+v", info)
			}
		})
	}
}

// Hole punching sends 64 random bytes, and anybody may send anything.
func TestJunkOnTheSocketHarmsNothing(t *testing.T) {
	near, far := linked(t, overQUIC)
	to := far.node.sockets.open[0].conn.LocalAddr()
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 64)
	for i := range 2000 {
		rand.Read(buf)
		buf[0] = byte(i)
		c.WriteTo(buf[:i%65], to)
	}
	got := make(chan bool, 1)
	far.OnPacket(func(identity.ID, []byte, time.Time) { got <- true })
	near.Send([]byte("x"), []identity.ID{far.key.ID()})
	<-got
	if links := far.Links(); len(links) != 1 || links[0].Received != 1 || links[0].Carrier != Raw {
		t.Errorf("%+v", links)
	}
}

// What quic-go reads must be QUIC's alone, in its own buffers, and never nothing at all.
func TestReadBatchSiftsMediaOut(t *testing.T) {
	var media []string
	ss := &sockets{listen: listenSystem, take: func(b []byte, _ net.Addr, _ time.Time) { media = append(media, string(b)) }}
	c, err := ss.listenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	from, err := net.DialUDP("udp4", nil, c.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	sent := []string{"\x04a", "\x0fb", "\x40quic 1", "\x05c", "\xc0quic 2", "\x10zrtp", "\x03stun", "\x07d", "\x40quic 3", "\x0fe"}
	want := []string{"\x40quic 1", "\xc0quic 2", "\x10zrtp", "\x03stun", "\x40quic 3"}
	for _, packet := range sent {
		from.Write([]byte(packet))
	}
	ms := make([]ipv4.Message, 8)
	own := make([]*byte, len(ms))
	for i := range ms {
		ms[i].Buffers, ms[i].OOB = [][]byte{make([]byte, 1500)}, make([]byte, 128)
		own[i] = &ms[i].Buffers[0][0]
	}
	var got []string
	for len(got) < len(want) {
		n, err := c.(*sharedUDP).ReadBatch(ms, 0)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		for i := range n {
			if &ms[i].Buffers[0][0] != own[i] {
				t.Error("a buffer left its message")
			}
			if ms[i].Addr.String() != from.LocalAddr().String() {
				t.Errorf("from %v", ms[i].Addr)
			}
			got = append(got, string(ms[i].Buffers[0][:ms[i].N]))
		}
	}
	for i, packet := range want {
		if got[i] != packet {
			t.Errorf("QUIC got %q, want %q", got, want)
			break
		}
	}
	from.Write([]byte("\x40end"))
	if _, err := c.(*sharedUDP).ReadBatch(ms, 0); err != nil { // the last media come before it
		t.Fatal(err)
	}
	if len(media) != 5 || media[0] != "\x04a" || media[4] != "\x0fe" {
		t.Errorf("media %q", media)
	}
}

func TestSocketOfAConnection(t *testing.T) {
	udp := func(s string) net.Addr {
		a, err := net.ResolveUDPAddr("udp", s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ss := &sockets{}
	for _, local := range []string{"0.0.0.0:1", "[::]:1", "127.0.0.1:1", "0.0.0.0:2", "10.0.0.1:3"} {
		ss.open = append(ss.open, ss.socket(nil, udp(local).(*net.UDPAddr)))
	}
	for local, want := range map[string]int{
		"127.0.0.1:1": 2, "10.0.0.1:1": 0, "0.0.0.0:1": 0, "[2001:db8::1]:1": 1, "[::]:1": 1,
		"10.0.0.1:2": 3, "10.0.0.1:3": 4, "10.0.0.2:3": -1, "[::1]:2": -1, "10.0.0.1:9": -1,
	} {
		got := -1
		for i, s := range ss.open {
			if s == ss.of(udp(local)) {
				got = i
			}
		}
		if got != want {
			t.Errorf("%s is of socket %d, want %d", local, got, want)
		}
	}
	if ss.of(&net.TCPAddr{}) != nil {
		t.Error("a socket for TCP")
	}
}

func echoes(reply []byte) func(context.Context, identity.ID, []byte) ([]byte, error) {
	return func(context.Context, identity.ID, []byte) ([]byte, error) { return reply, nil }
}

// A machine that has lost an address sends from another; what has no way out is lost and
// ends no connection.
func TestPacketsFromAnAddressThatIsGone(t *testing.T) {
	ss := &sockets{listen: listenSystem, take: func([]byte, net.Addr, time.Time) {}}
	c, err := ss.listenUDP("udp4", &net.UDPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	to, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	foreign := net.IPv4(192, 0, 2, 1)
	var at target
	if !ss.point(&at, &net.UDPAddr{IP: foreign, Port: c.LocalAddr().(*net.UDPAddr).Port}, to.LocalAddr()) || len(at.source) == 0 {
		t.Fatal("no target with a source")
	}
	sends := map[string]func(packet string) error{
		"quic": func(packet string) error {
			_, _, err := c.(*sharedUDP).WriteMsgUDP([]byte(packet), at.source, to.LocalAddr().(*net.UDPAddr))
			return err
		},
		"one": func(packet string) error { return at.socket.write([]byte(packet), &at) },
		"many": func(packet string) error {
			b := newBatch(at.socket)
			b.add(&at, []byte(packet), nil)
			if b.flush(time.Second) != 1 {
				return errors.New("not sent")
			}
			return nil
		},
	}
	buf := make([]byte, 16)
	for by, send := range sends {
		if err := send(by); err != nil {
			t.Errorf("%s: %v", by, err)
			continue
		}
		if n, _, err := to.ReadFrom(buf); err != nil || string(buf[:n]) != by {
			t.Errorf("%s came as %q, %v", by, buf[:n], err)
		}
	}
	for no, want := range map[syscall.Errno][2]bool{ // gone, noWay
		syscall.EINVAL: {true, false}, syscall.EADDRNOTAVAIL: {true, true}, syscall.ENODEV: {true, true},
		syscall.ENETUNREACH: {true, true}, syscall.EHOSTUNREACH: {true, true}, syscall.ENETDOWN: {true, true}, syscall.EPERM: {true, true},
		syscall.EMSGSIZE: {}, syscall.EIO: {}, syscall.EBADF: {},
	} {
		err := &net.OpError{Op: "write", Err: os.NewSyscallError("sendmsg", no)}
		if got := [2]bool{gone(err), noWay(err)}; got != want {
			t.Errorf("%v: %v, want %v", no, got, want)
		}
	}
	if gone(net.ErrClosed) || noWay(net.ErrClosed) {
		t.Error("a closed socket is taken for a lost packet")
	}
}
