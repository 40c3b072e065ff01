// Moving: how a node notices that its machine has other addresses or routes than before,
// or has slept.
//
//	system: netlink, or looks at the interfaces (moved_linux.go, moved_other.go)
//	    -> Machine -> keepMoving: what has changed, how long did nothing run here
//	                  -> moving.go: what becomes of each connection
//	                  -> rooms: dial anew, see OnMove

package node

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

// A Machine is what a node runs on, as far as that changes under way: its addresses, its
// routes, its sleep. Its methods may be called from any goroutine.
type Machine interface {
	// Watch calls changed soon after addresses or routes have changed, and perhaps without
	// a reason, from one goroutine at a time, until ctx ends.
	Watch(ctx context.Context, changed func())

	// Addrs lists the addresses of all interfaces that are up, without zones, in order.
	Addrs() []netip.Addr

	// Source is the address from which a packet to a far one would leave. ok is false when
	// there is no way.
	Source(to netip.AddrPort) (from netip.Addr, ok bool)

	// Suspended is for how long the machine has been suspended in all, while clocks that
	// Go calls monotonic stood still. Only differences count.
	Suspended() time.Duration
}

const (
	lookEvery  = 200 * time.Millisecond // at the clock
	pollEvery  = 250 * time.Millisecond // at the addresses, where nobody tells of changes
	settleTime = 50 * time.Millisecond  // changes come in handfuls: the first is acted upon, and what came of all

	// stoodLeast is for how long nothing must have run here for what came meanwhile to be too
	// old to be heard. Less is for the jitter buffers.
	stoodLeast = time.Second
	deafFor    = 100 * time.Millisecond // after that, until what lay in buffers is through
)

// A vigil notices that nothing has run here for a while: the process was stopped, or the
// machine slept. Pure. Not safe for concurrent use.
type vigil struct {
	looked    time.Duration // when it looked last; 0: never
	suspended time.Duration // in all, by then
}

// look takes the time, above 0, and for how long the machine has been suspended in all. It
// says how much longer than it should be the last look is ago; less than stoodLeast is 0.
func (v *vigil) look(now, suspended time.Duration) (stood time.Duration) {
	if v.looked > 0 {
		stood = now - v.looked - lookEvery + max(0, suspended-v.suspended)
	}
	v.looked, v.suspended = now, suspended
	if stood < stoodLeast {
		return 0
	}
	return stood
}

// system is the machine that this program runs on.
type system struct{ born time.Time }

func (system) Addrs() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range all {
		if p, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(p.IP); ok {
				addrs = append(addrs, ip.Unmap())
			}
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// Source asks the system's routes, which is what connecting a UDP socket does; nothing is
// sent.
func (system) Source(to netip.AddrPort) (netip.Addr, bool) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}, false
	}
	defer c.Close()
	from, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	return from.AddrPort().Addr().Unmap().WithZone(""), true
}

// A place is where a machine is on the network: it has moved when this is another.
type place struct {
	addrs  []netip.Addr
	v4, v6 netip.Addr   // from which it would send out of here; zero: it could not
	former []netip.Addr // that it had and has no more, the latest first, at most maxFormer
}

const maxFormer = 32

// Addresses of nobody (RFC 5737, RFC 3849), to which the default routes lead.
var (
	outside4 = netip.MustParseAddrPort("192.0.2.1:9")
	outside6 = netip.MustParseAddrPort("[2001:db8::1]:9")
)

func placeOf(m Machine) place {
	p := place{addrs: m.Addrs()}
	p.v4, _ = m.Source(outside4)
	p.v6, _ = m.Source(outside6)
	return p
}

// next is where the machine is now, if it was there before.
func (p place) next(m Machine) place {
	q := placeOf(m)
	for _, a := range slices.Concat(p.addrs, p.former) {
		if !q.has(a) && !slices.Contains(q.former, a) && len(q.former) < maxFormer {
			q.former = append(q.former, a)
		}
	}
	return q
}

func (p place) equal(q place) bool {
	return p.v4 == q.v4 && p.v6 == q.v6 && slices.Equal(p.addrs, q.addrs)
}

func (p place) has(a netip.Addr) bool {
	_, found := slices.BinarySearchFunc(p.addrs, a, netip.Addr.Compare)
	return found || a.IsLoopback()
}

// poll calls changed whenever the place is another one, until ctx ends.
func poll(ctx context.Context, m Machine, changed func()) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for last := placeOf(m); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if p := placeOf(m); !p.equal(last) {
			last = p
			changed()
		}
	}
}

// unmoving is the machine under a simulated network, unless the simulation has one.
type unmoving struct{}

func (unmoving) Watch(ctx context.Context, _ func())         { <-ctx.Done() }
func (unmoving) Addrs() []netip.Addr                         { return nil }
func (unmoving) Source(to netip.AddrPort) (netip.Addr, bool) { return to.Addr(), true }
func (unmoving) Suspended() time.Duration                    { return 0 }
