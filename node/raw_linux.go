// Many packets with one system call: sendmmsg(2) on the socket that QUIC reads.

package node

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is an address as the kernel takes it.
type sockaddr struct {
	raw  unix.RawSockaddrInet6 // a sockaddr_in lies in its first 16 bytes
	size uint32
}

func (s *sockaddr) set(to netip.AddrPort, six bool) {
	if !six {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		in.Family = unix.AF_INET
		in.Addr = to.Addr().As4()
		putPort(&in.Port, to.Port())
		s.size = unix.SizeofSockaddrInet4
		return
	}
	s.raw.Family = unix.AF_INET6
	s.raw.Addr = to.Addr().As16()
	s.raw.Scope_id = zone(to.Addr().Zone())
	putPort(&s.raw.Port, to.Port())
	s.size = unix.SizeofSockaddrInet6
}

func putPort(at *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(at))[:], port)
}

func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index)
	}
	index, _ := strconv.ParseUint(name, 10, 32)
	return uint32(index)
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// A batch collects packets for one socket and sends them with few system calls. A packet
// is a head of its own and a body that many share; neither is copied, so both must stay
// as they are until flush. It allocates nothing once it is made. Not safe for concurrent
// use.
type batch struct {
	socket *socket
	conn   syscall.RawConn
	hdrs   [batchPackets]mmsghdr
	iovs   [batchPackets][2]unix.Iovec
	n      int

	from  int           // the first that has not been sent
	errno syscall.Errno // of the last call
	sent  int           // by the last call
	send  func(fd uintptr)
	ready func(fd uintptr)
	wait  time.Duration

	slow slowBatch // for sockets that are not the system's
}

func newBatch(s *socket) *batch {
	b := &batch{socket: s}
	if s.udp != nil {
		b.conn, _ = s.udp.SyscallConn() // fails only for a nil conn
	}
	b.send, b.ready = b.sendmmsg, b.poll // bound once: a method value allocates
	return b
}

// add reports whether the batch is full now.
func (b *batch) add(t *target, head, body []byte) (full bool) {
	if b.conn == nil {
		return b.slow.add(t, head, body)
	}
	iov, h := &b.iovs[b.n], &b.hdrs[b.n].hdr
	iov[0].Base, iov[1].Base = &head[0], nil
	iov[0].SetLen(len(head))
	h.SetIovlen(1)
	if len(body) > 0 {
		iov[1].Base = &body[0]
		iov[1].SetLen(len(body))
		h.SetIovlen(2)
	}
	h.Iov = &iov[0]
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&t.name.raw)), t.name.size
	h.Control = nil
	if len(t.source) > 0 {
		h.Control = &t.source[0]
	}
	h.SetControllen(len(t.source))
	b.n++
	return b.n == batchPackets
}

// len is how many packets wait.
func (b *batch) len() int { return b.n + len(b.slow.items) }

// flush sends what was added and says how many packets went out. When the send buffer is
// full it waits, but at most patience altogether: what is not out by then is dropped.
func (b *batch) flush(patience time.Duration) (sent int) {
	if b.conn == nil {
		return b.slow.flush(b.socket)
	}
	defer func() { b.n = 0 }()
	for b.from = 0; b.from < b.n; {
		if b.conn.Control(b.send) != nil {
			return sent // closed
		}
		switch b.errno {
		case 0:
			sent += b.sent
			b.from += b.sent
		case unix.EAGAIN:
			if patience <= 0 {
				return sent
			}
			began := time.Now()
			b.wait = patience
			if b.conn.Control(b.ready) != nil {
				return sent
			}
			patience -= max(time.Since(began), time.Millisecond)
		case unix.EINTR:
		default: // the error is that of the first packet
			if h := &b.hdrs[b.from].hdr; h.Control != nil && gone(b.errno) {
				h.Control = nil // the address is gone that it should leave from
				h.SetControllen(0)
				continue
			}
			b.from++ // no route, or too long for the path
		}
	}
	return sent
}

// sendmmsg goes round the lock that net has for each socket: QUIC may write in between.
func (b *batch) sendmmsg(fd uintptr) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.hdrs[b.from])), uintptr(b.n-b.from), unix.MSG_DONTWAIT, 0, 0)
	b.sent, b.errno = int(n), errno
}

// poll waits until the socket takes packets again.
func (b *batch) poll(fd uintptr) {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	unix.Poll(fds[:], max(1, int(b.wait.Milliseconds())))
}

// withoutSource returns control messages, but for those that say from which address and
// interface to send.
func withoutSource(control []byte) []byte {
	var rest []byte
	for left := control; len(left) > 0; {
		if len(left) < unix.SizeofCmsghdr {
			return nil // the parser looks at a whole header before it counts the bytes
		}
		head, _, after, err := unix.ParseOneSocketControlMessage(left)
		if err != nil {
			return nil
		}
		source := head.Level == unix.IPPROTO_IP && head.Type == unix.IP_PKTINFO ||
			head.Level == unix.IPPROTO_IPV6 && head.Type == unix.IPV6_PKTINFO
		if !source {
			rest = append(rest, left[:len(left)-len(after)]...)
		}
		left = after
	}
	return rest
}
