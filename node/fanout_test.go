// The fanout: what each child gets, over sockets of the system and others.

package node

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fanWorld is a fanout with children that listen on sockets of their own.
type fanWorld struct {
	t     testing.TB
	node  *Node
	fan   *fanout
	near  net.Addr // the relay's
	seats []*fanSeat
	far   []net.PacketConn
}

func newFanWorld(t testing.TB, listen func(network string, at *net.UDPAddr) (net.PacketConn, error), local string, up int) *fanWorld {
	t.Helper()
	n := &Node{born: time.Now()}
	n.sockets.listen = listen
	at, network := netip.MustParseAddrPort(local), "udp4" // as libp2p asks for them
	if at.Addr().Is6() {
		network = "udp6"
	}
	c, err := n.sockets.listenUDP(network, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &fanWorld{t: t, node: n, fan: newFanout(n, up), near: c.LocalAddr()}
}

// child adds one that is reached by RAW at an address.
func (w *fanWorld) child(far net.Addr, media bool) *fanSeat {
	p := idlePath()
	p.node = w.node
	p.out = token{byte(len(w.seats)), 'o', 'u', 't'}
	p.raw.Store(true)
	to := target{}
	if !w.node.sockets.point(&to, w.near, far) {
		w.t.Fatal("no socket for a child")
	}
	p.aim = func(t *target) bool {
		if t.socket == nil {
			*t = to
		}
		return true
	}
	s := w.fan.add(p, media)
	w.seats = append(w.seats, s)
	return s
}

// listener adds a child with a socket of the system to read from.
func (w *fanWorld) listener(ip string, media bool) *fanSeat {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	w.far = append(w.far, c)
	return w.child(c.LocalAddr(), media)
}

// got reads the next message at a listener, or nil when there is none.
func (w *fanWorld) got(i int) []byte {
	buf := make([]byte, 2048)
	w.far[i].SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // it is here already, on loopback
	n, _, err := w.far[i].ReadFrom(buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}

func (w *fanWorld) say(kid uint64, packet string) {
	w.fan.forward([]byte(packet), Voice{KID: kid, Frames: 2, Level: 30})
}

// notSystem hides that a socket is the system's.
func notSystem(network string, at *net.UDPAddr) (net.PacketConn, error) {
	c, err := net.ListenUDP(network, at)
	return struct{ net.PacketConn }{c}, err
}

func TestFanoutSharesABundle(t *testing.T) {
	for name, tt := range map[string]struct {
		listen    func(string, *net.UDPAddr) (net.PacketConn, error)
		near, far string
	}{
		"sendmmsg":      {listenSystem, "127.0.0.1:0", "127.0.0.1"},
		"sendmmsg IPv6": {listenSystem, "[::1]:0", "::1"},
		"one by one":    {notSystem, "127.0.0.1:0", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFanWorld(t, tt.listen, tt.near, 0)
			const children = batchPackets + 7 // more than one batch
			for i := range children {
				w.listener(tt.far, i%10 != 9) // every tenth stands by
			}
			w.say(1, "first")
			w.fan.step()
			w.say(1, "second")
			w.fan.step()
			for i := range children {
				if i%10 == 9 {
					if b := w.got(i); b != nil {
						t.Fatalf("child %d stands by and got % x", i, b)
					}
					continue
				}
				for seq, want := range []string{"first", "second"} {
					b := w.got(i)
					u, ok := parseBundle(b)
					if !ok || token(b[1:]) != w.seats[i].path.out || int(u.seq) != seq+1 || u.fresh != 1 {
						t.Fatalf("child %d got % x", i, b)
					}
					for _, packet := range u.all() {
						if string(packet) != want {
							t.Fatalf("child %d got %q", i, packet)
						}
					}
				}
			}
			if s := w.fan.stats(); s.Packets != 2 || s.Bundles != 2*64 || s.Raw != s.Bundles || s.Failed != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestFanoutSpeaksFromTheAddressThatWasSpokenTo(t *testing.T) {
	w := newFanWorld(t, listenSystem, "0.0.0.0:0", 0)
	w.near = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 5), Port: w.near.(*net.UDPAddr).Port}
	w.listener("127.0.0.1", true)
	w.say(1, "x")
	w.fan.step()
	_, from, err := w.far[0].ReadFrom(make([]byte, 2048))
	if err != nil || from.String() != w.near.String() {
		t.Errorf("from %v, want %v: %v", from, w.near, err)
	}
}

func TestStaleChildGetsNothing(t *testing.T) {
	w := newFanWorld(t, listenSystem, "127.0.0.1:0", 0)
	s := w.listener("127.0.0.1", true)
	s.heard.Store(int64(w.fan.now() - linkSilence - time.Millisecond))
	w.say(1, "x")
	w.fan.digest([]byte("digest"))
	w.fan.step()
	if b := w.got(0); b != nil {
		t.Errorf("got % x after 3 s without a report", b)
	}
	if n := w.fan.stats().Stale; n == 0 {
		t.Error("not counted")
	}
	w.fan.report(s, appendReport(nil, report{stamp: 1}), time.Now())
	w.say(1, "y")
	w.fan.step()
	if w.got(0) == nil {
		t.Error("got nothing after a report")
	}
}

// Only who reports shows that it listens: probes, or letters, renew no lease.
func TestOnlyReportsRenewALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFanout(&Node{}, 0), idlePath()
		p.sink = func([]byte, time.Time) {}
		c := &child{relay: &Relay{fan: f}, path: p}
		c.seat.Store(f.add(p, true))
		time.Sleep(leaseSilence)
		if c.silent() {
			t.Error("silent too soon")
		}
		p.receive(make([]byte, mediaHead), Datagram, time.Now())
		c.report(append([]byte{kindFiller}, p.in[:]...), time.Now())
		time.Sleep(time.Millisecond)
		if !c.silent() {
			t.Error("something that is no report was taken for one")
		}
		c.report(newMeter(f.node, time.Now()).appendReport(nil, false, time.Now()), time.Now())
		if c.silent() {
			t.Error("silent after a report")
		}
	})
}

func TestDigestGoesAlongWithABundle(t *testing.T) {
	w := newFanWorld(t, listenSystem, "127.0.0.1:0", 0)
	w.listener("127.0.0.1", true)
	w.listener("127.0.0.1", false)
	w.fan.digest([]byte("digest"))
	w.fan.step()
	if b := w.got(1); len(b) == 0 || b[0] != kindDigest || string(b[mediaHead:]) != "digest" {
		t.Errorf("who stands by got % x", b)
	}
	w.say(1, "x")
	w.fan.step()
	if u, ok := parseBundle(w.got(0)); !ok || string(u.digest) != "digest" || u.fresh != 1 {
		t.Errorf("who gets voice got %+v", u)
	}
	if s := w.fan.stats(); s.Digests != 1 || s.Bundles != 1 {
		t.Errorf("%+v", s)
	}
	// When nobody speaks it goes by itself, a little later.
	w.fan.digest([]byte("again"))
	w.fan.step()
	w.fan.mu.Lock()
	w.fan.digestBy = 1
	w.fan.mu.Unlock()
	w.fan.step()
	if b := w.got(0); len(b) == 0 || b[0] != kindDigest || string(b[mediaHead:]) != "again" {
		t.Errorf("in silence it got % x", b)
	}
	// And beside a bundle that has no room for it.
	w.fan.digest(bytes.Repeat([]byte{'d'}, maxDigest))
	w.fan.step()
	w.say(1, string(make([]byte, 300)))
	w.fan.step()
	first, _ := parseBundle(w.got(0))
	second, _ := parseBundle(w.got(0))
	if first.fresh != 1 || len(first.digest) != 0 || second.fresh != 0 || len(second.digest) != maxDigest {
		t.Errorf("%d packets and %d bytes, then %d and %d", first.fresh, len(first.digest), second.fresh, len(second.digest))
	}
}

// Who loses packets gets the last ones once more, and who loses too many gets fewer.
func TestVarieties(t *testing.T) {
	w := newFanWorld(t, listenSystem, "127.0.0.1:0", 0)
	kinds := []uint32{varietyOf(4, false), varietyOf(4, true), varietyOf(2, true), varietyOf(1, true), varietyOf(1, false)}
	for _, kind := range kinds {
		w.listener("127.0.0.1", true).kind.Store(kind)
	}
	speak := func(what string) {
		for kid := range uint64(4) {
			w.fan.forward(fmt.Appendf(nil, "%s%d", what, kid), Voice{KID: kid, Frames: 2, Level: uint8(10 + 20*kid)})
		}
		w.fan.step()
	}
	speak("a")
	speak("b")
	want := [][2]string{
		{"a0a1a2a3|", "b0b1b2b3|"},
		{"a0a1a2a3|", "b0b1b2b3|a0a1a2a3"},
		{"a0a1|", "b0b1|a0a1"},
		{"a0|", "b0|a0"},
		{"a0|", "b0|"},
	}
	for i := range kinds {
		for j := range 2 {
			u, ok := parseBundle(w.got(i))
			if !ok {
				t.Fatalf("child %d: no bundle", i)
			}
			var got [2]string
			for repeat, packet := range u.all() {
				got[flag(repeat)] += string(packet)
			}
			if s := got[0] + "|" + got[1]; s != want[i][j] {
				t.Errorf("child %d: %s, want %s", i, s, want[i][j])
			}
		}
	}
}

func TestWindowTooLargeForOneBundle(t *testing.T) {
	w := newFanWorld(t, listenSystem, "127.0.0.1:0", 0)
	w.listener("127.0.0.1", true)
	for kid := range uint64(4) {
		w.fan.forward(make([]byte, 700), Voice{KID: kid, Frames: 2, Level: 30})
	}
	w.fan.step()
	for range 2 {
		b := w.got(0)
		if u, ok := parseBundle(b); !ok || u.fresh != 1 || len(b) > maxBundle {
			t.Errorf("%d bytes", len(b))
		}
	}
	if b := w.got(0); b != nil {
		t.Errorf("a third of %d bytes", len(b))
	}
	if n := w.fan.stats().Crowded; n != 2 {
		t.Errorf("%d crowded out, want 2", n)
	}
}

// memoryConn takes what is sent and counts it by address.
type memoryConn struct {
	net.PacketConn
	at   *net.UDPAddr
	mu   sync.Mutex
	sent map[string]int // bytes with IP and UDP
}

func (c *memoryConn) LocalAddr() net.Addr { return c.at }
func (c *memoryConn) Close() error        { return nil }
func (c *memoryConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[to.String()] += len(b) + udpHead
	return len(b), nil
}

func TestUploadCapIsKeptAndShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const children, up = 200, 400_000
		conn := &memoryConn{at: &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, sent: make(map[string]int)}
		w := newFanWorld(t, func(string, *net.UDPAddr) (net.PacketConn, error) { return conn, nil }, "10.0.0.1:1", up)
		for i := range children {
			w.child(&net.UDPAddr{IP: net.IPv4(10, 0, 1, byte(i)), Port: 1}, true)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.fan.run(ctx) })
		const lasts = 10 * time.Second
		for range int(lasts / pairTime) {
			w.say(1, string(make([]byte, 259)))
			for _, s := range w.seats {
				s.heard.Store(int64(w.fan.now()))
			}
			time.Sleep(pairTime)
		}
		cancel()
		wg.Wait()
		total, least, most := 0, 1<<30, 0
		for _, n := range conn.sent {
			total += n
			least, most = min(least, n), max(most, n)
		}
		rate := float64(total) / lasts.Seconds()
		if rate > up*1.02 || rate < up*0.4 {
			t.Errorf("%.0f bytes a second with a cap of %d", rate, up)
		}
		if len(conn.sent) != children || most > least*3/2 {
			t.Errorf("%d of %d children got between %d and %d bytes", len(conn.sent), children, least, most)
		}
		if w.fan.stats().Capped == 0 {
			t.Error("what was kept back was not counted")
		}
	})
}

func TestForwardingAllocatesNothing(t *testing.T) {
	w := newFanWorld(t, listenSystem, "127.0.0.1:0", 0)
	for range 100 {
		w.child(w.near, true)
	}
	packet := make([]byte, 260)
	turn := func() {
		w.fan.forward(packet, Voice{KID: 1, Frames: 2, Level: 30})
		w.fan.forward(packet, Voice{KID: 2, Frames: 2, Level: 40})
		w.fan.digest(packet)
		w.fan.step()
		w.fan.step()
	}
	turn() // makes the batch
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations for two packets to 100 children", n)
	}
	if s := w.fan.stats(); s.Failed > 0 || s.Raw == 0 {
		t.Errorf("%+v", s)
	}
}

// Seats come and go while others are served.
func TestSeatsMayChangeAtAnyTime(t *testing.T) {
	w := newFanWorld(t, listenSystem, "127.0.0.1:0", 0)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.fan.run(ctx) })
	for i := range 200 {
		s := w.child(w.near, i%2 == 0)
		w.say(uint64(i%3), "x")
		w.fan.setMedia(s, i%3 == 0)
		w.fan.digest([]byte("d"))
		w.fan.report(s, appendReport(nil, report{stamp: uint32(i + 1), loss: uint16(i)}), time.Now())
		w.fan.flips()
		w.fan.loss(s)
		if i%4 != 0 {
			w.fan.remove(s)
		}
	}
	cancel()
	wg.Wait()
	if n := len(*w.fan.seats.Load()); n != 50 {
		t.Errorf("%d seats are left, want 50", n)
	}
}
