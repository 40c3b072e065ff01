//go:build lab && linux

// The networks themselves, which only root can make: that each NAT and each firewall is
// what it is called. make lab runs this before any scenario: on a NAT of another kind
// than it says, a scenario would show nothing.

package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stoa/cmd/stoa/process/lab/scenario"
)

const (
	// soon is how long something that must come may take.
	soon = 5 * time.Second

	// never is how long is waited for what must not come. It comes within a millisecond if it
	// does.
	never = 200 * time.Millisecond
)

var number atomic.Int32

// build makes a network of lines; what a scenario needs beside is added.
func build(t *testing.T, lines string) *Network {
	t.Helper()
	all, err := scenario.Parse(t.Name()+".lab", "about a test\n"+lines+"\nstart a\nexpect a prints ready within=1s\n")
	if err != nil {
		t.Fatal(err)
	}
	n, err := Build(context.Background(), all[0], int(number.Add(1)), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// on runs f on a node's machine: what sockets it opens stay there.
func on(t *testing.T, n *Network, node int, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		ns, err := os.Open(filepath.Join(netnsDir, n.space(machine(n.sc.Nodes[node]))))
		if err == nil {
			err = errors.Join(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET), ns.Close())
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("on %s: %v", n.sc.Nodes[node].Name, err)
	}
}

// A wire is a UDP socket on a machine.
type wire struct {
	t *testing.T
	*net.UDPConn
}

func open(t *testing.T, n *Network, node int) wire {
	t.Helper()
	w := wire{t: t}
	on(t, n, node, func() (err error) {
		w.UDPConn, err = net.ListenUDP("udp", nil)
		return err
	})
	t.Cleanup(func() { w.Close() })
	return w
}

// at is where a socket on a public machine is reached.
func (w wire) at(n *Network, node int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(n.public4(node)), w.LocalAddr().(*net.UDPAddr).AddrPort().Port())
}

// send sends a word. That there is no way is no failure here.
func (w wire) send(word string, to netip.AddrPort) { _, _ = w.WriteToUDPAddrPort([]byte(word), to) }

// gets returns from where a word comes, nothing when it does not.
func (w wire) gets(word string, patience time.Duration) (from netip.AddrPort, ok bool) {
	w.t.Helper()
	_ = w.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	for {
		k, from, err := w.ReadFromUDPAddrPort(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return from, false
		case err != nil:
			continue // an answer of ICMP to something sent before
		case string(b[:k]) == word:
			return netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), true
		}
	}
}

// must returns from where a word comes, which it must.
func (w wire) must(word string) netip.AddrPort {
	w.t.Helper()
	from, ok := w.gets(word, soon)
	if !ok {
		w.t.Fatalf("%q does not come", word)
	}
	return from
}

// TestNATs is RFC 4787's questions to each router: does another destination see another
// address, and who may send to it?
func TestNATs(t *testing.T) {
	for _, tt := range []struct {
		nat                    scenario.NAT
		sameMapping, strangers bool
	}{
		{scenario.NoNAT, true, true},
		{scenario.FullCone, true, true},
		{scenario.PortNAT, true, false},
		{scenario.Symmetric, false, false},
		{scenario.DoubleNAT, true, false},
	} {
		t.Run(string(tt.nat), func(t *testing.T) {
			t.Parallel()
			n := build(t, "site home nat="+string(tt.nat)+"\nsite cloud\nnode a at home visits\nnode x at cloud visits\nnode y at cloud visits\nnode z at cloud visits")
			a, x, y, z := open(t, n, 0), open(t, n, 1), open(t, n, 2), open(t, n, 3)
			other := open(t, n, 1) // another port of x
			meet := func(w wire, node int) netip.AddrPort {
				a.send("hello", w.at(n, node))
				return w.must("hello")
			}
			seen := meet(x, 1)
			if same := meet(y, 2) == seen; same != tt.sameMapping {
				t.Errorf("the mapping is the same: %v", same)
			}
			if again := meet(x, 1); again != seen {
				t.Errorf("the mapping to one address was %v and is %v", seen, again)
			}
			x.send("answer", seen)
			a.must("answer")

			for name, w := range map[string]wire{"a stranger": z, "another port": other} {
				w.send("knock", seen)
				if _, in := a.gets("knock", never); in != tt.strangers {
					t.Errorf("%s gets in: %v", name, in)
				}
			}
			// What came unasked must not change what is mapped later.
			if now := meet(z, 3); tt.sameMapping && now != seen {
				t.Errorf("after a knock the mapping was %v and is %v", seen, now)
			}
			z.send("in", meet(z, 3))
			a.must("in")

			if tt.nat == scenario.NoNAT {
				return
			}
			if err := n.Rebind(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			x.send("late", seen)
			if _, in := a.gets("late", never); in {
				t.Error("the old mapping lives after it was rebound")
			}
			now := meet(x, 1)
			if now == seen {
				t.Error("the mapping is as before it was rebound")
			}
			if same := meet(y, 2) == now; same != tt.sameMapping {
				t.Errorf("after it was rebound the mapping is the same: %v", same)
			}
		})
	}
}

// reaches checks whether a TCP connection from one machine to a port of another is made.
func reaches(t *testing.T, want bool, what string, n *Network, from, to int, addr, port string) {
	t.Helper()
	var l net.Listener
	on(t, n, to, func() (err error) {
		l, err = net.Listen("tcp", ":"+port)
		return err
	})
	defer l.Close()
	patience := never
	if want {
		patience = soon // IPv6 needs up to a second when its interfaces are new
	}
	on(t, n, from, func() error {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(addr, port), patience)
		if err == nil {
			c.Close()
		}
		if made := err == nil; made != want {
			t.Errorf("%s: %v", what, made)
		}
		return nil
	})
}

func TestFirewalls(t *testing.T) {
	for _, tt := range []struct {
		site          string
		udp, any, web bool
	}{
		{"nat=port", true, true, true},
		{"nat=port block=udp", false, true, true},
		{"nat=port only=443", false, false, true},
		{"nat=double only=443", false, false, true},
	} {
		t.Run(tt.site, func(t *testing.T) {
			t.Parallel()
			n := build(t, "site home "+tt.site+"\nsite cloud\nnode a at home visits\nnode x at cloud visits")
			a, x := open(t, n, 0), open(t, n, 1)
			a.send("hello", x.at(n, 1))
			if _, udp := x.gets("hello", map[bool]time.Duration{true: soon, false: never}[tt.udp]); udp != tt.udp {
				t.Errorf("UDP passes: %v", udp)
			}
			reaches(t, tt.any, "TCP passes", n, 0, 1, n.public4(1), "4001")
			reaches(t, tt.web, "TCP to port 443 passes", n, 0, 1, n.public4(1), "443")
			reaches(t, false, "TCP passes from outside", n, 1, 0, n.public4(0), "443")
		})
	}
}

// TestIPv6: the router lets in what was asked for, and there is no IPv4.
func TestIPv6(t *testing.T) {
	t.Parallel()
	n := build(t, "site home nat=port ip=6\nsite cloud ip=both\nnode a at home visits\nnode x at cloud visits")
	reaches(t, true, "IPv6 passes from inside", n, 0, 1, n.public6(1), "4001")
	reaches(t, false, "IPv6 passes from outside", n, 1, 0, n.public6(0), "4001")
	reaches(t, false, "IPv4 passes", n, 0, 1, n.public4(1), "4001")
}

// TestChanges: cuts, machines kept apart, and a machine that moves.
func TestChanges(t *testing.T) {
	t.Parallel()
	n := build(t, "site one\nsite two\nsite three nat=port\nsite hall uplink=none\nnode a at one visits\nnode b at two visits\nnode c at hall visits\nnode d at hall visits\napart a b")
	ctx := t.Context()
	passes := func(want bool, what string) {
		t.Helper()
		reaches(t, want, what+": a reaches b", n, 0, 1, n.public4(1), "4001")
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	passes(false, "kept apart")
	do(n.Join(ctx, [2]int{0, 1}))
	passes(true, "joined")
	do(n.Cut(ctx, 1))
	passes(false, "cut")
	do(n.Restore(ctx, 1))
	passes(true, "restored")
	do(n.Move(ctx, 0, 2))
	passes(true, "moved")
	reaches(t, false, "behind a NAT now: b reaches a", n, 1, 0, n.public4(0), "4001")
	reaches(t, true, "in one hall: c reaches d", n, 2, 3, n.public4(3), "4001")
	reaches(t, false, "from the hall: c reaches b", n, 2, 1, n.public4(1), "4001")
}

// TestNothingLeaves: no way leads out of the laboratory, and nothing stays of it.
func TestNothingLeaves(t *testing.T) {
	n := build(t, "site home nat=port\nnode a at home visits")
	on(t, n, 0, func() error {
		c, err := net.DialTimeout("tcp", "192.0.2.1:80", never)
		if err == nil {
			c.Close()
			t.Error("a connection to another network was made")
		}
		return nil
	})
	n.Close()
	left, err := filepath.Glob(filepath.Join(netnsDir, n.id+"-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("namespaces are left: %v, %v", left, err)
	}
}
