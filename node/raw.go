// RAW: media on the UDP sockets of QUIC, beside it and not inside it.
//
// QUIC costs a sender 27 us a packet: two goroutines, acknowledgements, congestion
// control that voice has no use for. A bare UDP packet costs 4 us, and nothing where many
// go out at once. It needs a socket that both ends' NATs let through, and that is the one
// QUIC has: its packets begin with a byte of 0x40 or more (RFC 9000 section 17, the fixed
// bit), STUN, ZRTP and DTLS with 0x00-0x03, 0x10-0x13 and 0x14-0x3F (RFC 7983), so media
// takes 0x04-0x0F, which RFC 9443 gives to nobody.
//
//	socket --read--> media, by its token --> path (path.go)
//	       \-------> everything else --> quic-go
//
// Where to send is QUIC's to say: [quic.Conn.RemoteAddr] changes only to an address that
// has answered a challenge (RFC 9000 section 9), so nobody is sent what he did not ask for.
//
// A machine that moves is for a moment without a way out, or told to send from an address
// that it has no more. That is loss like any other: see [sharedUDP.WriteMsgUDP].

package node

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// isMedia says whether a packet on a socket is media, by its first byte.
func isMedia(b []byte) bool { return len(b) > 0 && b[0] >= 0x04 && b[0] <= 0x0F }

// sockets are the UDP sockets of one node, which libp2p opens and closes as it needs
// them: one for IPv4 and one for IPv6, or one for each address listened on.
type sockets struct {
	listen func(network string, laddr *net.UDPAddr) (net.PacketConn, error)
	take   func(b []byte, from net.Addr, at time.Time) // media; b is valid during the call

	mu   sync.RWMutex
	open []*socket
	last net.IP // that a socket was bound to
}

// listenSystem opens a socket of the system.
func listenSystem(network string, laddr *net.UDPAddr) (net.PacketConn, error) {
	return net.ListenUDP(network, laddr)
}

// listenUDP opens a socket for QUIC to read; libp2p calls it.
func (ss *sockets) listenUDP(network string, laddr *net.UDPAddr) (net.PacketConn, error) {
	c, err := ss.listen(network, laddr)
	if err != nil {
		return nil, err
	}
	local, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return c, nil // no media on whatever that is
	}
	s := ss.socket(c, local)
	var shared net.PacketConn
	if udp, ok := c.(*net.UDPConn); ok {
		s.udp = udp
		shared = &sharedUDP{UDPConn: udp, socket: s, batch: ipv4.NewPacketConn(udp)}
	} else {
		shared = &sharedConn{PacketConn: c, socket: s}
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.open = append(ss.open, s)
	ss.last = laddr.IP
	return shared, nil
}

// socket describes one that is bound to an address.
func (ss *sockets) socket(c net.PacketConn, local *net.UDPAddr) *socket {
	at := local.AddrPort()
	s := &socket{owner: ss, conn: c, local: netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())}
	s.wild = s.local.Addr().IsUnspecified()
	return s
}

// of finds the socket that a connection with this local address uses, or nil. QUIC says
// on which address of the host a packet came in even if the socket is bound to all.
func (ss *sockets) of(local net.Addr) *socket {
	udp, ok := local.(*net.UDPAddr)
	if !ok {
		return nil
	}
	at := udp.AddrPort()
	ip := at.Addr().Unmap().WithZone("")
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	var wild *socket
	for _, s := range ss.open {
		own := s.local.Addr()
		switch {
		case s.local.Port() != at.Port() || own.Is4() != ip.Is4():
		case own == ip:
			return s
		case s.wild:
			wild = s
		}
	}
	return wild
}

// PreferredSourceIPForDestination makes sockets that are not the system's a source of
// addresses for libp2p, which otherwise asks the system's routes.
func (ss *sockets) PreferredSourceIPForDestination(*net.UDPAddr) (net.IP, error) {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	return ss.last, nil
}

// A socket is one UDP socket that QUIC and media share.
type socket struct {
	owner *sockets
	local netip.AddrPort // without zone; the family is that of the packets
	wild  bool           // bound to every address of the host
	conn  net.PacketConn // the socket itself
	udp   *net.UDPConn   // the same, when it is the system's
}

// closed takes the socket out of the list.
func (s *socket) closed() {
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	s.owner.open = slices.DeleteFunc(s.owner.open, func(o *socket) bool { return o == s })
}

// write sends one packet. It waits only while the system's send buffer is full.
func (s *socket) write(b []byte, t *target) error {
	if s.udp == nil {
		_, err := s.conn.WriteTo(b, t.addr)
		return err
	}
	_, _, err := s.udp.WriteMsgUDPAddrPort(b, t.source, t.to)
	if err != nil && len(t.source) > 0 && gone(err) {
		_, _, err = s.udp.WriteMsgUDPAddrPort(b, nil, t.to)
	}
	return err
}

// sharedUDP is what QUIC gets for a socket of the system. It embeds *net.UDPConn, so that
// quic-go still has its control messages, and takes media out of what is read.
type sharedUDP struct {
	*net.UDPConn
	socket *socket
	batch  *ipv4.PacketConn // reads many at once, of either family
}

// ReadBatch is what quic-go's one reader calls where it can (Linux, macOS, FreeBSD). What
// it gets is only QUIC's; it takes 0 packets without an error for the end of the world, so
// it waits until there is one. Its buffers must stay with their messages.
func (c *sharedUDP) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	for {
		n, err := c.batch.ReadBatch(ms, flags)
		if err != nil {
			return n, err
		}
		if n = c.sift(ms[:n]); n > 0 {
			return n, nil
		}
	}
}

// sift delivers the media among the messages and moves the rest to the front.
func (c *sharedUDP) sift(ms []ipv4.Message) (kept int) {
	var now time.Time
	for i := range ms {
		from := &ms[i]
		b := from.Buffers[0][:from.N]
		if isMedia(b) {
			if now.IsZero() {
				now = time.Now()
			}
			c.socket.owner.take(b, from.Addr, now)
			continue
		}
		if to := &ms[kept]; to != from {
			to.N = copy(to.Buffers[0], b)
			to.NN = copy(to.OOB, from.OOB[:from.NN])
			to.Flags, to.Addr = from.Flags, from.Addr
		}
		kept++
	}
	return kept
}

// WriteMsgUDP is what quic-go sends with. It ends a connection when it fails, but for a
// packet that is too long; yet what has no way out now may have one in a second, and the
// connection lives on for 30. So such a packet is lost, as if further on. And QUIC answers
// from the address where it was reached, though the machine may not have that any more:
// then the packet leaves from whichever it has, which a client takes as well.
func (c *sharedUDP) WriteMsgUDP(b, control []byte, to *net.UDPAddr) (n, controls int, err error) {
	n, controls, err = c.UDPConn.WriteMsgUDP(b, control, to)
	if err != nil && gone(err) {
		n, controls, err = c.UDPConn.WriteMsgUDP(b, withoutSource(control), to)
	}
	if err != nil && noWay(err) {
		return len(b), len(control), nil
	}
	return n, controls, err
}

// gone says whether a packet could not be sent from the address, or out of the interface,
// that was asked for.
func gone(err error) bool {
	return isOneOf(err, syscall.EINVAL, syscall.EADDRNOTAVAIL, syscall.ENODEV, syscall.ENXIO) || noWay(err)
}

// noWay says whether a packet could not be sent because there is no way at the moment, or
// a rule of this machine against it, as while a VPN comes up.
func noWay(err error) bool {
	return isOneOf(err, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN,
		syscall.EADDRNOTAVAIL, syscall.ENODEV, syscall.ENOBUFS, syscall.EPERM, syscall.EACCES)
}

func isOneOf(err error, these ...syscall.Errno) bool {
	var no syscall.Errno
	return errors.As(err, &no) && slices.Contains(these, no)
}

// ReadFrom is what quic-go calls elsewhere (Windows).
func (c *sharedUDP) ReadFrom(b []byte) (int, net.Addr, error) {
	return readFrom(c.UDPConn, c.socket, b)
}

// Close is called by libp2p alone.
func (c *sharedUDP) Close() error {
	c.socket.closed()
	return c.UDPConn.Close()
}

// sharedConn is what QUIC gets for any other socket, as those of a simulated network.
type sharedConn struct {
	net.PacketConn
	socket *socket
}

func (c *sharedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	return readFrom(c.PacketConn, c.socket, b)
}

// SetReadBuffer spares quic-go a warning about sockets that have none.
func (c *sharedConn) SetReadBuffer(n int) error {
	if s, ok := c.PacketConn.(interface{ SetReadBuffer(int) error }); ok {
		return s.SetReadBuffer(n)
	}
	return nil
}

// SetWriteBuffer is like SetReadBuffer.
func (c *sharedConn) SetWriteBuffer(n int) error {
	if s, ok := c.PacketConn.(interface{ SetWriteBuffer(int) error }); ok {
		return s.SetWriteBuffer(n)
	}
	return nil
}

func (c *sharedConn) Close() error {
	c.socket.closed()
	return c.PacketConn.Close()
}

// readFrom reads until there is a packet that is not media.
func readFrom(c net.PacketConn, s *socket, b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil || !isMedia(b[:n]) {
			return n, from, err
		}
		s.owner.take(b[:n], from, time.Now())
	}
}

// A target is where to send on which socket: what is worked out once for an address and
// used for many packets. The zero target aims at nothing.
type target struct {
	socket *socket
	addr   net.Addr       // as QUIC gave it, to see that it changed
	to     netip.AddrPort // the same
	source []byte         // control message that names our address, nil where the socket has one
	name   sockaddr       // to, as the system takes it
}

// aim makes t the present address of the connection's far end and reports whether there
// is a socket for it. It costs a few nanoseconds when nothing changed.
func (ss *sockets) aim(t *target, q *quic.Conn) bool {
	addr := q.RemoteAddr()
	if addr == t.addr && t.socket != nil {
		return true
	}
	return ss.point(t, q.LocalAddr(), addr)
}

// point makes t the far address as it is reached from the near one.
func (ss *sockets) point(t *target, near, addr net.Addr) bool {
	*t = target{}
	s := ss.of(near)
	far, ok := addr.(*net.UDPAddr)
	if !ok || s == nil {
		return false
	}
	to := far.AddrPort()
	six := s.local.Addr().Is6()
	if !six {
		to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	}
	*t = target{socket: s, addr: addr, to: to}
	if near, ok := near.(*net.UDPAddr); ok && s.wild && s.udp != nil {
		t.source = sourceAddr(near.IP, six)
	}
	t.name.set(to, six)
	return true
}

// sourceAddr is the control message that sends a packet from one of the host's addresses.
// Without it the system picks one, and a host with several may answer from one to which
// the far side's NAT has never sent anything. RFC 3542 section 6.2 for IPv6.
func sourceAddr(ip net.IP, six bool) []byte {
	switch {
	case ip == nil || ip.IsUnspecified():
		return nil
	case six:
		return (&ipv6.ControlMessage{Src: ip}).Marshal()
	default:
		return (&ipv4.ControlMessage{Src: ip}).Marshal()
	}
}
