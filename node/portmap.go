// Ports that a router lends: by PCP if it speaks that, which libp2p does not, and otherwise by
// libp2p's UPnP and NAT-PMP. libp2p takes this for its NAT manager, so what was lent is
// announced and tested by AutoNAT like every other address.

package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-netroute"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	pcpPatience = 2 * time.Second // then the router does not speak it
	pcpLook     = time.Second     // whether anything is due
	routeLook   = time.Minute     // whether there is another router, when nobody tells
	routeSettle = time.Second     // after a move: addresses come before routes, and some go again

	otherPatience = 10*time.Second + 500*time.Millisecond // libp2p looks for a router for 10 s
)

// router is where to ask.
type router struct {
	gateway, own netip.Addr
}

// A portMapper asks the router for the ports that a host listens on, over IPv4.
type portMapper struct {
	net    network.Network
	log    *slog.Logger
	route  func() (router, error)
	dial   func(router) (net.Conn, error)
	others func() basichost.NATManager // libp2p's
	news   func()                      // something was lent or taken back

	cancel context.CancelFunc
	work   sync.WaitGroup
	look   chan struct{} // one slot: the machine has moved

	mu     sync.Mutex
	leases []*portLease
	other  basichost.NATManager // nil when PCP will do
	over   time.Time            // by then this router has said what it will
}

// newPortMapper starts asking; Close ends it.
func newPortMapper(n network.Network, log *slog.Logger, news func()) *portMapper {
	m := &portMapper{
		net: n, log: log, news: news,
		route:  defaultRoute,
		dial:   dialPCP,
		others: func() basichost.NATManager { return basichost.NewNATManager(n) },
	}
	m.start()
	return m
}

func (m *portMapper) start() {
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	m.look = make(chan struct{}, 1)
	m.patient(otherPatience)
	m.work.Go(func() { m.run(ctx) })
}

// moved has the router asked that there is now, which may have the address of the one before.
// It never blocks.
func (m *portMapper) moved() {
	if m == nil {
		return
	}
	poke(m.look)
}

// defaultRoute finds the router that leads to the internet.
func defaultRoute() (router, error) {
	table, err := netroute.New()
	if err != nil {
		return router{}, err
	}
	_, gateway, own, err := table.Route(net.IPv4(8, 8, 8, 8)) // any address out there; nothing is sent
	if err != nil {
		return router{}, err
	}
	g, ok := netip.AddrFromSlice(gateway.To4())
	o, isOwn := netip.AddrFromSlice(own.To4())
	if !ok || !isOwn {
		return router{}, errors.New("no router to the internet")
	}
	return router{g, o}, nil
}

func dialPCP(r router) (net.Conn, error) {
	return net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.own, 0)), net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.gateway, pcpPort)))
}

// run asks router after router until ctx ends: each by PCP and, until that has given a port, in
// libp2p's way as well, whose search takes seconds and is made only once.
func (m *portMapper) run(ctx context.Context) {
	for ctx.Err() == nil {
		r, err := m.route()
		if err != nil || isPublic(r.own) {
			m.patient(0)
			m.stay(ctx, r)
			continue
		}
		m.patient(otherPatience)
		m.askOthers(true)
		if err := m.ask(ctx, r); err != nil && !errors.Is(err, errNewRoute) {
			m.log.Debug("no port by PCP", "err", err)
			m.stay(ctx, r)
		}
		m.askOthers(false)
	}
}

// askOthers has libp2p ask, or give back what it got.
func (m *portMapper) askOthers(on bool) {
	m.mu.Lock()
	other := m.other
	if on && other == nil {
		m.other = m.others()
	} else if !on {
		m.other = nil
	}
	m.mu.Unlock()
	if other != nil && !on {
		if err := other.Close(); err != nil {
			m.log.Debug("giving back ports", "err", err)
		}
		m.news()
	}
}

// stay waits until the router is not r any more, as far as is known, or ctx ends.
func (m *portMapper) stay(ctx context.Context, r router) {
	tick := time.NewTicker(routeLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.look:
			sleep(ctx, routeSettle)
			return
		case <-tick.C:
			if at, _ := m.route(); at != r {
				return
			}
		}
	}
}

// patient sets how long it may take from now on until there is a port.
func (m *portMapper) patient(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = time.Now().Add(d)
}

var errNewRoute = errors.New("there is another router")

// ask keeps leases of one router until ctx ends, and gives them back then. It fails when the
// router does not speak PCP, lends nothing, or is not the router any more. Whoever is on the
// local network can send answers in the router's name: until one to our nonce has come they
// can end it, and nothing but that.
func (m *portMapper) ask(ctx context.Context, r router) error {
	conn, err := m.dial(r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.leases = m.wanted()
	m.mu.Unlock()
	answers, old, broken := make(chan pcpAnswer), make(chan struct{}, 1), make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() { broken <- readPCP(reading, conn, answers, old) })
	defer reader.Wait()
	defer conn.Close()
	defer stop()
	defer m.giveBack(conn, r)
	tick := time.NewTicker(pcpLook)
	defer tick.Stop()
	began, looked, spoke := time.Now(), time.Now(), false
	var clock pcpClock
	for {
		now := time.Now()
		m.send(conn, r, now)
		select {
		case <-ctx.Done():
			return nil
		case err := <-broken:
			return err
		case <-old:
			if !spoke {
				return errOldPCP
			}
		case a := <-answers:
			if !m.take(a, &clock) {
				continue
			}
			spoke = true
			switch {
			case a.lends():
				m.askOthers(false) // one of the two will do
			case m.refused():
				return fmt.Errorf("the router refuses ports: PCP result %d", a.result)
			}
		case <-m.look:
			sleep(ctx, routeSettle)
			return errNewRoute
		case <-tick.C:
			if !spoke && time.Since(began) >= pcpPatience {
				return errors.New("the router does not answer")
			}
			if time.Since(looked) >= routeLook {
				looked = time.Now()
				if at, err := m.route(); err != nil || at != r {
					return errNewRoute
				}
			}
		}
	}
}

// wanted are leases for what the host listens on to everybody.
func (m *portMapper) wanted() (leases []*portLease) {
	for _, a := range m.net.ListenAddresses() {
		protocol, port, ok := portOf(a)
		known := slices.ContainsFunc(leases, func(l *portLease) bool { return l.protocol == protocol && l.inside == port })
		if ok && !known {
			leases = append(leases, newPortLease(protocol, port))
		}
	}
	return leases
}

// portOf reads the port that an address of all interfaces, or of one in a private network,
// listens on over IPv4.
func portOf(a ma.Multiaddr) (protocol byte, port uint16, ok bool) {
	ip := ipOf(a)
	if !ip.Is4() || ip.IsLoopback() {
		return 0, 0, false
	}
	code, port := portIn(a)
	protocol = protocolTCP
	if code == ma.P_UDP {
		protocol = protocolUDP
	}
	return protocol, port, port > 0
}

// send asks for every lease that is due.
func (m *portMapper) send(conn net.Conn, r router, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.leases {
		if l.expire(now) {
			defer m.news()
		}
		if l.due(now) {
			conn.Write(l.request(r.own, pcpLifetime))
		}
	}
}

// take heeds an answer, and says whether it is one to us: only then does it tell the router's
// time (RFC 6887 section 8.3).
func (m *portMapper) take(a pcpAnswer, clock *pcpClock) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.leases, func(l *portLease) bool { return l.isFor(a) })
	if i < 0 {
		return false
	}
	now := time.Now()
	if clock.restarted(a.epoch, now) {
		for _, l := range m.leases {
			l.next = time.Time{} // it has forgotten what it gave
		}
	}
	l := m.leases[i]
	if l.take(a, now) {
		m.log.Info("the router lends a port", "inside", l.inside, "outside", l.outside)
		m.news()
	}
	return true
}

// refused says that the router lends nothing at all by PCP: another protocol may be allowed.
func (m *portMapper) refused() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !slices.ContainsFunc(m.leases, func(l *portLease) bool { return !l.refused })
}

// giveBack ends the leases (section 15.1), with one packet each: there is nobody left to
// repeat it.
func (m *portMapper) giveBack(conn net.Conn, r router) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.leases {
		if l.outside.IsValid() {
			conn.Write(l.request(r.own, 0))
		}
	}
	m.leases = nil
}

// readPCP hands on answers, and that one came in another version, until ctx ends or there is
// no more to come.
func readPCP(ctx context.Context, conn net.Conn, answers chan<- pcpAnswer, old chan<- struct{}) error {
	buf := make([]byte, pcpMost+1)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		a, err := parsePCP(buf[:n])
		if errors.Is(err, errOldPCP) {
			poke(old)
		}
		if err != nil {
			continue
		}
		select {
		case answers <- a:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// GetMapping returns the router's address for one that the host listens on, or nil.
func (m *portMapper) GetMapping(a ma.Multiaddr) ma.Multiaddr {
	m.mu.Lock()
	other := m.other
	m.mu.Unlock()
	if other != nil {
		if at := other.GetMapping(a); at != nil { // which may wait for the router
			return at
		}
	}
	protocol, port, ok := portOf(a)
	if !ok {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.leases {
		if l.protocol != protocol || l.inside != port || !l.outside.IsValid() {
			continue
		}
		_, rest := ma.SplitFirst(a)
		_, rest = ma.SplitFirst(rest)
		name := "udp"
		if protocol == protocolTCP {
			name = "tcp"
		}
		at := addrAt(l.outside, name)
		if len(rest) > 0 {
			at = at.Encapsulate(rest)
		}
		return at
	}
	return nil
}

// HasDiscoveredNAT says whether a router has answered.
func (m *portMapper) HasDiscoveredNAT() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.other != nil && m.other.HasDiscoveredNAT() ||
		slices.ContainsFunc(m.leases, func(l *portLease) bool { return l.outside.IsValid() })
}

// Close gives back what was lent.
func (m *portMapper) Close() error {
	m.cancel()
	m.work.Wait()
	return nil
}

// mapped lists the addresses by QUIC that lead to us by a router, and how it was asked.
func (m *portMapper) mapped() (addrs []ma.Multiaddr, how string) {
	if m == nil {
		return nil, ""
	}
	for _, a := range m.net.ListenAddresses() {
		if at := m.GetMapping(a); at != nil && isQUIC(at) && !contains(addrs, at) {
			addrs = append(addrs, at)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.other != nil {
		return addrs, "upnp or nat-pmp"
	}
	return addrs, "pcp"
}

// asking says whether a router has not lent a port yet and may still do so.
func (m *portMapper) asking() bool {
	if m == nil {
		return false
	}
	addrs, _ := m.mapped()
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(addrs) == 0 && time.Now().Before(m.over)
}

// AsksRouter says whether it is not known yet if a router lends this node a port. That takes
// 11 s at most after the start and after a move.
func (n *Node) AsksRouter() bool { return n.ports.asking() }
