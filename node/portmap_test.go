// Ports by PCP, from a router that a test plays.

package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	ma "github.com/multiformats/go-multiaddr"
)

// fakeRouter answers requests on one end of a pipe.
type fakeRouter struct {
	began   time.Time
	mute    bool // says nothing
	old     bool // speaks version 0
	refuses byte // with this result
	lends   time.Duration
	only    byte   // refuses all but this protocol
	forge   []byte // somebody else says this after each answer

	mu     sync.Mutex
	asked  []time.Time
	given  map[uint16]netip.AddrPort // by the inner port
	nonces [][]byte
}

var routerOutside = netip.MustParseAddr("9.9.9.9")

func (f *fakeRouter) serve(c net.Conn) {
	says := make(chan []byte, 64) // a pipe has no buffer, unlike UDP
	defer close(says)
	go func() {
		for b := range says {
			c.Write(b)
		}
	}()
	buf := make([]byte, pcpMost)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if f.mute {
			continue
		}
		says <- f.answer(buf[:n])
		if f.forge != nil {
			says <- f.forge
		}
	}
}

func (f *fakeRouter) answer(req []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, time.Now())
	rep := slices.Clone(req)
	rep[1] |= pcpResponse
	rep[2], rep[3] = 0, f.refuses
	if f.old {
		rep[0], rep[3] = 0, 1
		return rep[:4]
	}
	m := rep[pcpHeader:]
	if f.only != 0 && m[12] != f.only {
		rep[3] = 2
	}
	inside := binary.BigEndian.Uint16(m[16:])
	f.nonces = append(f.nonces, slices.Clone(m[:12]))
	if lifetime := binary.BigEndian.Uint32(req[4:]); lifetime == 0 {
		delete(f.given, inside)
	} else {
		f.given[inside] = netip.AddrPortFrom(routerOutside, inside+1000)
	}
	binary.BigEndian.PutUint32(rep[4:], uint32(f.lends/time.Second))
	binary.BigEndian.PutUint32(rep[8:], uint32(time.Since(f.began)/time.Second))
	binary.BigEndian.PutUint16(m[18:], inside+1000)
	outside := routerOutside.As16()
	copy(m[20:], outside[:])
	return rep
}

// requests counts them so far.
func (f *fakeRouter) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// restart forgets what was given.
func (f *fakeRouter) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.began = time.Now()
	clear(f.given)
}

func (f *fakeRouter) lent() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.given)
}

type fakeHost struct {
	network.Network
	addrs []ma.Multiaddr
}

func (h fakeHost) ListenAddresses() []ma.Multiaddr { return h.addrs }

// upnp is what libp2p would do.
type upnp struct {
	basichost.NATManager
	open *int // how many there are; nil: this one finds a router
}

func (u upnp) GetMapping(ma.Multiaddr) ma.Multiaddr {
	if u.open != nil {
		return nil
	}
	return ma.StringCast("/ip4/9.9.9.9/udp/7/quic-v1")
}

func (u upnp) Close() error {
	if u.open != nil {
		*u.open--
	}
	return nil
}

var listenHere = ma.StringCast("/ip4/0.0.0.0/udp/5000/quic-v1")

// mapper asks the router; calls runs inside a bubble.
func mapper(t *testing.T, f *fakeRouter, calls func(m *portMapper)) {
	synctest.Test(t, func(t *testing.T) {
		f.began, f.given = time.Now().Add(-time.Hour), make(map[uint16]netip.AddrPort)
		m := &portMapper{
			net:  fakeHost{addrs: []ma.Multiaddr{listenHere, ma.StringCast("/ip6/::/udp/5000/quic-v1"), ma.StringCast("/ip4/0.0.0.0/tcp/6000/ws")}},
			log:  slog.New(slog.DiscardHandler),
			news: func() {},
			route: func() (router, error) {
				return router{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("192.168.1.2")}, nil
			},
			dial: func(router) (net.Conn, error) {
				here, there := net.Pipe()
				go f.serve(there)
				return here, nil
			},
			others: func() basichost.NATManager { return upnp{} },
		}
		m.start()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		calls(m)
		m.Close()
		synctest.Wait()
	})
}

func TestPortByPCP(t *testing.T) {
	f := &fakeRouter{lends: time.Hour}
	mapper(t, f, func(m *portMapper) {
		addrs, how := m.mapped()
		if len(addrs) != 1 || addrs[0].String() != "/ip4/9.9.9.9/udp/6000/quic-v1" || how != "pcp" {
			t.Errorf("mapped to %v by %s", addrs, how)
		}
		if at := m.GetMapping(ma.StringCast("/ip4/0.0.0.0/tcp/6000/ws")); at == nil || at.String() != "/ip4/9.9.9.9/tcp/7000/ws" {
			t.Errorf("TCP is mapped to %v", at)
		}
		before := f.requests()
		time.Sleep(29 * time.Minute)
		synctest.Wait()
		if f.requests() != before {
			t.Error("renewed before half of the time was over")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if f.requests() != before+2 || !bytes.Equal(f.nonces[0], f.nonces[len(f.nonces)-2]) {
			t.Errorf("%d requests after half of the time, with the nonces %x", f.requests()-before, f.nonces)
		}
	})
	if f.lent() != 0 {
		t.Errorf("%d not given back", f.lent())
	}
}

func TestPortIsAskedForAgainWhenTheRouterForgot(t *testing.T) {
	f := &fakeRouter{lends: time.Hour}
	mapper(t, f, func(m *portMapper) {
		f.restart() // the next answer, to the renewal, tells
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		if f.lent() != 2 {
			t.Errorf("%d given after a restart", f.lent())
		}
	})
}

func TestWithoutPCPLibp2pAsks(t *testing.T) {
	for name, f := range map[string]*fakeRouter{"mute": {mute: true}, "old": {old: true}, "refuses": {refuses: 2, lends: time.Minute}} {
		mapper(t, f, func(m *portMapper) {
			time.Sleep(pcpPatience + pcpLook)
			synctest.Wait()
			if addrs, how := m.mapped(); len(addrs) != 1 || how == "pcp" {
				t.Errorf("%s: mapped to %v by %s", name, addrs, how)
			}
		})
	}
}

// TestNobodyElseEndsPCP: an answer that is not to our nonce changes nothing.
func TestNobodyElseEndsPCP(t *testing.T) {
	foreign := &fakeRouter{lends: time.Hour, given: make(map[uint16]netip.AddrPort)}
	for name, forge := range map[string][]byte{
		"another version": {0, 0x81, 0, 1},
		"another epoch":   foreign.answer(newPortLease(protocolUDP, 5000).request(netip.MustParseAddr("192.168.1.2"), time.Hour)),
	} {
		f := &fakeRouter{lends: time.Hour, forge: forge}
		mapper(t, f, func(m *portMapper) {
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if addrs, how := m.mapped(); len(addrs) != 1 || how != "pcp" || f.requests() != 2 {
				t.Errorf("%s: mapped to %v by %s, after %d requests", name, addrs, how, f.requests())
			}
		})
	}
}

func TestOneRefusedPortLeavesTheOthers(t *testing.T) {
	mapper(t, &fakeRouter{lends: time.Hour, only: protocolUDP}, func(m *portMapper) {
		time.Sleep(time.Minute)
		synctest.Wait()
		if addrs, how := m.mapped(); len(addrs) != 1 || how != "pcp" {
			t.Errorf("mapped to %v by %s", addrs, how)
		}
	})
}

// TestPortsAreAskedForAfterAMove: begun without a network, in a café without ports, at home,
// where the router has the same address, and last where there is another one and nobody tells.
func TestPortsAreAskedForAfterAMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := &fakeRouter{lends: time.Hour, began: time.Now().Add(-time.Hour), given: make(map[uint16]netip.AddrPort)}
		work := &fakeRouter{lends: time.Hour, began: time.Now().Add(-time.Hour), given: make(map[uint16]netip.AddrPort)}
		var mu sync.Mutex
		var at *fakeRouter // nil: no network
		gateway := "192.168.1.1"
		asked, open := 0, 0
		m := &portMapper{
			net: fakeHost{addrs: []ma.Multiaddr{listenHere}}, log: slog.New(slog.DiscardHandler), news: func() {},
			route: func() (router, error) {
				mu.Lock()
				defer mu.Unlock()
				if at == nil {
					return router{}, errors.New("no way out")
				}
				return router{netip.MustParseAddr(gateway), netip.MustParseAddr("192.168.1.2")}, nil
			},
			dial: func(router) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				here, there := net.Pipe()
				go at.serve(there)
				return here, nil
			},
			others: func() basichost.NATManager { asked++; open++; return upnp{open: &open} },
		}
		goTo := func(f *fakeRouter, through string, told bool, after time.Duration) {
			mu.Lock()
			at, gateway = f, through
			mu.Unlock()
			if told {
				m.moved()
			}
			time.Sleep(after)
			synctest.Wait()
		}
		m.start()
		time.Sleep(time.Second)
		synctest.Wait()
		if m.asking() {
			t.Error("asks where there is no network")
		}
		goTo(&fakeRouter{mute: true}, gateway, true, routeSettle+time.Second)
		if !m.asking() || asked != 1 {
			t.Errorf("asks %t in the café, in libp2p's way %d times", m.asking(), asked)
		}
		time.Sleep(pcpPatience + otherPatience)
		synctest.Wait()
		if m.asking() || asked != 1 || open != 1 {
			t.Errorf("asks %t when it is too late; in libp2p's way %d times, of which %d go on", m.asking(), asked, open)
		}
		goTo(home, gateway, true, routeSettle+time.Millisecond)
		if addrs, how := m.mapped(); len(addrs) != 1 || how != "pcp" || open != 0 || m.asking() {
			t.Errorf("at home mapped to %v by %s; %d in libp2p's way", addrs, how, open)
		}
		goTo(work, "10.0.0.1", false, routeLook+pcpLook)
		if home.lent() != 0 || work.lent() != 1 || asked != 3 || open != 0 {
			t.Errorf("lent by the one router %d, by the other %d; asked in libp2p's way %d times", home.lent(), work.lent(), asked)
		}
		m.Close()
		synctest.Wait()
	})
}

func TestPortLease(t *testing.T) {
	l := newPortLease(protocolUDP, 5000)
	now := time.Unix(1000, 0)
	var asked []time.Duration
	for d := time.Duration(0); d < time.Hour; d += time.Second {
		if l.due(now.Add(d)) {
			asked = append(asked, d)
		}
	}
	if want := []time.Duration{0, 3 * time.Second, 9 * time.Second, 21 * time.Second}; len(asked) > 20 || !slices.Equal(asked[:4], want) {
		t.Errorf("asked a silent router after %v", asked)
	}
	good := pcpAnswer{nonce: l.nonce, protocol: protocolUDP, inside: 5000, lifetime: time.Hour, outside: netip.MustParseAddrPort("9.9.9.9:1")}
	for name, spoil := range map[string]func(*pcpAnswer){
		"nonce":    func(a *pcpAnswer) { a.nonce[0]++ },
		"protocol": func(a *pcpAnswer) { a.protocol = protocolTCP },
		"port":     func(a *pcpAnswer) { a.inside++ },
	} {
		a := good
		spoil(&a)
		if l.isFor(a) {
			t.Errorf("another %s", name)
		}
	}
	if !l.isFor(good) || !l.take(good, now) {
		t.Error("lent")
	}
	if l.take(good, now) {
		t.Error("lent again is no change")
	}
	for name, spoil := range map[string]func(*pcpAnswer){
		"a refusal":       func(a *pcpAnswer) { a.result = 2 },
		"port 0":          func(a *pcpAnswer) { a.outside = netip.MustParseAddrPort("9.9.9.9:0") },
		"address 0":       func(a *pcpAnswer) { a.outside = netip.MustParseAddrPort("0.0.0.0:1") },
		"for no time":     func(a *pcpAnswer) { a.lifetime = 0 },
		"for a short one": func(a *pcpAnswer) { a.lifetime = pcpLeast - time.Second },
	} {
		l := *l
		a := good
		spoil(&a)
		if !l.take(a, now) || l.outside.IsValid() || !l.refused || l.next.Before(now.Add(pcpRefused)) {
			t.Errorf("%s: %+v", name, l)
		}
	}
	short := *l
	if good := good; short.take(func() pcpAnswer { good.lifetime = 30 * time.Second; return good }(), now) || !short.expire(now.Add(30*time.Second)) {
		t.Error("believed for longer than it was lent")
	}
	if l.expire(now.Add(time.Hour-1)) || !l.expire(now.Add(time.Hour)) || l.outside.IsValid() {
		t.Error("a lease that was not prolonged")
	}
}

func TestARouterThatForgot(t *testing.T) {
	for _, tt := range []struct {
		theirs uint32
		ours   time.Duration
		want   bool
	}{
		{1000 + 600, 10 * time.Minute, false},
		{1000 + 620, 10 * time.Minute, false}, // its clock is a little fast
		{1000 + 900, 10 * time.Minute, true},
		{1000 + 300, 10 * time.Minute, true},
		{5, 10 * time.Minute, true},
	} {
		var c pcpClock
		now := time.Unix(5000, 0)
		if c.restarted(1000, now) {
			t.Fatal("at the first answer")
		}
		if got := c.restarted(tt.theirs, now.Add(tt.ours)); got != tt.want {
			t.Errorf("%d s of the router's, %v of ours: %v", tt.theirs-1000, tt.ours, got)
		}
	}
}

func FuzzPCP(f *testing.F) {
	l := newPortLease(protocolUDP, 5000)
	r := &fakeRouter{lends: time.Hour, given: make(map[uint16]netip.AddrPort)}
	f.Add(r.answer(l.request(netip.MustParseAddr("192.168.1.2"), time.Hour)))
	f.Add([]byte{0, 0x81, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parsePCP(b)
		if err != nil {
			return
		}
		l := &portLease{protocol: a.protocol, inside: a.inside, nonce: a.nonce}
		now := time.Unix(1000, 0)
		if l.take(a, now); l.until.Sub(now) > pcpLongest || l.next.Before(now.Add(pcpLeast/2)) || l.refused == l.outside.IsValid() {
			t.Errorf("until %v, asked again at %v", l.until, l.next)
		}
	})
}
