// Moving, the doing: connections are looked at, those that are dead are closed, and rooms
// dial anew whom they lost.
//
// A connection that QUIC dialled follows us to another address: the far end sees where we
// send from, asks us there, and sends there (RFC 9000 section 9). One that the far end dialled
// does not, for only clients may move; nor does TCP. libp2p dials nobody with whom it has
// a connection, so a dead one must go before another can come.

package node

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/quic-go/quic-go"

	"stoa/identity"
)

// closeTime is how long connections may take to close before others go on.
const closeTime = 100 * time.Millisecond

// hearEvery is how often is looked whether the far end of a connection was heard.
const hearEvery = 20 * time.Millisecond

// A mover is what a node knows of where it is. Its loop owns it, but for place.
type mover struct {
	machine  Machine
	vigil    vigil
	bearings map[network.Conn]bearing // as they were
}

// keepMoving watches where the machine is, and whether it slept, until the node is closed.
func (n *Node) keepMoving() {
	changed := make(chan struct{}, 1)
	n.work.Go(func() {
		n.mover.machine.Watch(n.ctx, func() { poke(changed) })
	})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
			n.lookAtClock()
		case <-changed:
			n.lookAround(0)
			select {
			case <-n.ctx.Done():
				return
			case <-time.After(settleTime):
			}
		}
	}
}

// lookAtClock finds out whether nothing has run here for a while. When that was for longer
// than links bear silence, their far ends have ended them. After less all goes on, unless
// the machine is elsewhere: mostly it had no time, and would have less if it dialled anew.
func (n *Node) lookAtClock() {
	now := time.Since(n.born)
	stood := n.mover.vigil.look(now, n.mover.machine.Suspended())
	if stood > 0 {
		n.deafUntil.Store(int64(now + deafFor))
		n.log.Info("nothing has run here for a while", "for", stood.Round(time.Millisecond))
		if stood < linkSilence {
			stood = 0
		}
		n.lookAround(stood)
	}
	n.looked.Store(int64(now))
}

// slept says whether what arrives at a time may be from before a sleep.
func (n *Node) slept(at time.Time) bool {
	now := at.Sub(n.born)
	return now < time.Duration(n.deafUntil.Load()) || now-time.Duration(n.looked.Load()) > stoodLeast+lookEvery
}

// lookAround finds out where the machine is now, what that does to each connection, and
// tells the rooms when it is news. It is when nothing has run here for as long as stood,
// linkSilence at least, or 0.
func (n *Node) lookAround(stood time.Duration) {
	m := &n.mover
	before := n.place.Load()
	now := before.next(m.machine)
	n.place.Store(&now)
	was := m.bearings
	m.bearings = make(map[network.Conn]bearing)
	same := now.equal(*before)
	var lost, unsure []network.Conn
	for _, c := range n.host.Network().Conns() {
		b, direct := m.bearing(c)
		switch {
		case stood > 0:
			lost = append(lost, c)
			continue
		case !direct:
			continue // it goes with the connection that it runs over
		}
		m.bearings[c] = b
		old, known := was[c]
		if !known && same {
			old = b // it was made here
		}
		switch judge(old, b, now) {
		case dead:
			lost = append(lost, c)
		case doubtful:
			unsure = append(unsure, c)
		}
	}
	if stood == 0 && same && len(lost)+len(unsure) == 0 {
		return // routes to others
	}
	n.log.Info("the network has changed", "lost", len(lost), "asked", len(unsure))
	n.here.Swap(newStay(n.ctx)).cancel(ErrMoved)
	if now.v4 != before.v4 || now.v6 != before.v6 {
		n.forgetOutside()
	}
	if now.v4 != before.v4 {
		n.ports.moved()
	}
	if n.lan != nil && !same {
		n.lan.renew()
	}
	n.giveUp(lost)
	for _, c := range unsure {
		n.check(c)
	}
	for _, r := range n.allRooms() {
		r.tellMoved()
	}
}

// bearing is that of a connection now. direct is false for a circuit.
func (m *mover) bearing(c network.Conn) (b bearing, direct bool) {
	if c.Stat().Limited {
		return b, false
	}
	near, far := c.LocalMultiaddr(), c.RemoteMultiaddr()
	to, ok := addrPort(manet.ToNetAddr(far))
	if q := quicUnder(c); q != nil {
		to, ok = addrPort(q.RemoteAddr(), nil)
		if at, known := addrPort(q.LocalAddr(), nil); known && !at.Addr().IsUnspecified() {
			b.tied = at.Addr()
		}
	} else if at, known := addrPort(manet.ToNetAddr(near)); known && !at.Addr().IsUnspecified() {
		b.tied = at.Addr()
	}
	if ok {
		b.from, _ = m.machine.Source(to)
	}
	return b, ok
}

func addrPort(a net.Addr, err error) (at netip.AddrPort, ok bool) {
	if err != nil {
		return at, false
	}
	switch a := a.(type) {
	case *net.UDPAddr:
		at = a.AddrPort()
	case *net.TCPAddr:
		at = a.AddrPort()
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), at.IsValid()
}

// giveUp ends connections, and at once what runs over them. It returns the rooms that lose
// something by it.
func (n *Node) giveUp(conns []network.Conn) (losers []*Room) {
	if len(conns) == 0 {
		return nil
	}
	n.turn.Add(1)
	for _, r := range n.allRooms() {
		if r.lose(conns) {
			losers = append(losers, r)
		}
	}
	var closing sync.WaitGroup
	for _, c := range conns {
		if n.begin() {
			closing.Go(func() {
				defer n.work.Done()
				c.Close()
			})
		}
	}
	closed := make(chan struct{})
	go func() {
		closing.Wait()
		close(closed)
	}()
	select { // or whoever dials anew would be given them
	case <-closed:
	case <-time.After(closeTime):
	}
	return losers
}

// lose ends what of a room runs over connections, and says whether there was anything.
func (r *Room) lose(conns []network.Conn) (any bool) {
	for _, l := range r.allLinks() {
		if slices.Contains(conns, l.conn) {
			l.end()
			any = true
		}
	}
	for _, a := range r.attachments() {
		if slices.Contains(conns, a.path.conn) {
			a.end(ErrMoved)
			any = true
		}
	}
	return any
}

// check finds out whether a QUIC connection still works, and gives it up otherwise. It does
// not wait. TCP finds out by itself, later.
func (n *Node) check(c network.Conn) {
	q := quicUnder(c)
	if !hasDatagrams(q) || !n.begin() {
		return
	}
	go func() {
		defer n.work.Done()
		if n.lives(q, func() { n.askSight(c) }) {
			n.metOutside(c)
			n.askSight(c)
			return
		}
		n.log.Debug("connection given up", "peer", c.RemotePeer())
		for _, r := range n.giveUp([]network.Conn{c}) {
			r.tellMoved()
		}
	}()
}

// askSight asks over one path of a connection where we are seen now.
func (n *Node) askSight(c network.Conn) {
	for _, p := range n.paths.all() {
		if p.conn == c && p.ready() && p.wire != nil {
			p.ask(p.now(), Datagram)
			return
		}
	}
}

// lives checks a connection, and calls heard once when the far end was heard.
func (n *Node) lives(q *quic.Conn, heard func()) bool {
	ctx, cancel := context.WithCancel(q.Context())
	defer cancel()
	touch := make(chan struct{}, 1)
	n.work.Go(func() { // a queue of datagrams that is full keeps who adds to it
		for {
			select {
			case <-touch:
				q.SendDatagram(touchMessage[:])
			case <-ctx.Done():
				return
			}
		}
	})
	stats := q.ConnectionStats()
	c, began, was := newCheck(stats.SmoothedRTT), time.Now(), false
	for {
		is := q.ConnectionStats().PacketsReceived > stats.PacketsReceived
		if is && !was {
			heard()
		}
		was = is
		do := c.step(time.Since(began), is)
		if do.over {
			return !do.dead
		}
		if do.touch {
			poke(touch)
		}
		wait, slept := min(do.next-time.Since(began), hearEvery), time.Now()
		select {
		case <-ctx.Done():
			return true // it is gone, and who has to know is told
		case <-n.ctx.Done():
			return true
		case <-time.After(wait):
		}
		// In the time that this program did not get it could hear nobody.
		began = began.Add(max(0, time.Since(slept)-wait-hearEvery))
	}
}

// touchMessage is a probe of nobody, which is not answered.
var touchMessage = [probeSize]byte{kindProbe}

// tellMoved has everybody tried again who was out of reach, and tells the program.
func (r *Room) tellMoved() {
	r.node.forgive(r.book.everybody())
	r.afresh.Store(true)
	r.nudgeMesh()
	if f := r.onMove.Load(); f != nil {
		(*f)()
	}
}

// A stay is the time in which the machine does not move.
type stay struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func newStay(ctx context.Context) *stay {
	ctx, cancel := context.WithCancelCause(ctx)
	return &stay{ctx, cancel}
}

// whileHere returns a context that ends, with [ErrMoved] as its cause, when the machine
// moves: what is under way then goes to the wrong place, or comes from there.
func (n *Node) whileHere(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	here := n.here.Load().ctx
	stop := context.AfterFunc(here, func() { cancel(context.Cause(here)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// OnMove sets who is told that the machine has come to another place in the network or has
// slept, or that connections of the room were found dead: what went over them is gone, and
// it is time to dial anew. It is called from any goroutine and must not block.
func (r *Room) OnMove(f func()) { r.onMove.Store(&f) }

// checkOlder looks after the older connections of a peer that has made another: it would
// not have, had it not lost them. libp2p would go on to use them.
func (n *Node) checkOlder(c network.Conn) {
	if c.Stat().Limited {
		return
	}
	for _, old := range n.directConns(c.RemotePeer()) {
		if old != c {
			n.check(old)
		}
	}
}

// directConns lists the direct connections with a peer, the newest first: a peer that has
// made another one has perhaps lost the others.
func (n *Node) directConns(p peer.ID) []network.Conn {
	conns := slices.DeleteFunc(n.host.Network().ConnsToPeer(p), func(c network.Conn) bool {
		return c.Stat().Limited || c.IsClosed()
	})
	slices.SortStableFunc(conns, func(a, b network.Conn) int { return b.Stat().Opened.Compare(a.Stat().Opened) })
	return conns
}

// present returns what libp2p believes to be our addresses, without those that have gone
// and with those that have come: it looks at the interfaces once a minute.
func (n *Node) present(addrs []ma.Multiaddr) []ma.Multiaddr {
	at := n.place.Load()
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(a ma.Multiaddr) bool { return slices.Contains(at.former, ipOf(a)) })
	for _, a := range n.listenAddrs() {
		if !contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// listenAddrs are the addresses of the machine's interfaces that we listen on.
func (n *Node) listenAddrs() []ma.Multiaddr {
	var faces []ma.Multiaddr
	for _, a := range n.place.Load().addrs {
		if m, err := manet.FromIP(a.AsSlice()); err == nil && !a.IsLinkLocalUnicast() { // which would need its zone
			faces = append(faces, m)
		}
	}
	addrs, err := manet.ResolveUnspecifiedAddresses(n.host.Network().ListenAddresses(), faces)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool { return hasProtocol(a, ma.P_CIRCUIT) })
}

// missedAfter is for how long a link must be silent for us to doubt it when the person at
// its far end says to be reached elsewhere.
const missedAfter = 200 * time.Millisecond

// missed looks after the links with somebody who is reached elsewhere now: where our NAT
// lets nobody in whom we did not call, they cannot tell us that ours are dead.
func (r *Room) missed(id identity.ID) {
	for _, l := range r.allLinks() {
		if l.key.id == id && l.path.quietFor() > missedAfter {
			r.node.check(l.conn)
		}
	}
}
