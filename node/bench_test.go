// What it costs to forward: a window to many children, beside bare sendmmsg of the same
// bytes to the same addresses in the same run.

//go:build linux

package node

import (
	"fmt"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bareBatch sends prepared packets with sendmmsg and nothing else: the floor.
type bareBatch struct {
	conn  syscall.RawConn
	hdrs  []mmsghdr
	iovs  []unix.Iovec
	names []sockaddr
	call  func(fd uintptr)
}

func newBareBatch(b *testing.B, c *net.UDPConn, to []net.Addr, size int) *bareBatch {
	conn, err := c.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	bare := &bareBatch{conn: conn, hdrs: make([]mmsghdr, len(to)), iovs: make([]unix.Iovec, len(to)), names: make([]sockaddr, len(to))}
	bare.call = bare.sendmmsg
	body := make([]byte, size)
	for i, addr := range to {
		bare.names[i].set(addr.(*net.UDPAddr).AddrPort(), false)
		bare.iovs[i].Base = &body[0]
		bare.iovs[i].SetLen(size)
		h := &bare.hdrs[i].hdr
		h.Iov = &bare.iovs[i]
		h.SetIovlen(1)
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&bare.names[i].raw)), bare.names[i].size
	}
	return bare
}

func (b *bareBatch) send() { b.conn.Control(b.call) }

func (b *bareBatch) sendmmsg(fd uintptr) {
	for at := 0; at < len(b.hdrs); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.hdrs[at])), uintptr(min(batchPackets, len(b.hdrs)-at)), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			n = 1
		}
		at += int(n)
	}
}

// threadTime is the processor time of this thread, which others on the machine do not
// lengthen as they do the time of day.
func threadTime() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// BenchmarkForward sends one window a turn. The sinks are not read: what a receiver costs
// is the same for both and not the relay's.
func BenchmarkForward(b *testing.B) {
	for _, speakers := range []int{1, 4} {
		for _, children := range []int{50, 200, 500, 1000} {
			b.Run(fmt.Sprintf("speakers=%d/children=%d", speakers, children), func(b *testing.B) {
				benchmarkForward(b, speakers, children)
			})
		}
	}
}

func benchmarkForward(b *testing.B, speakers, children int) {
	const size = 260 // two frames of 20 ms at 32 kbit/s, sealed and signed
	var sinks []net.Addr
	for range 16 {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		sinks = append(sinks, c.LocalAddr())
	}
	w := newFanWorld(b, listenSystem, "127.0.0.1:0", 0)
	var to []net.Addr
	for i := range children {
		to = append(to, sinks[i%len(sinks)])
		w.child(to[i], true)
	}
	bare := newBareBatch(b, w.node.sockets.open[0].udp, to, bundleHead+1+speakers*(2+size))
	packet := make([]byte, size)
	var ours, floor time.Duration
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	for b.Loop() {
		began := threadTime()
		for kid := range speakers {
			w.fan.forward(packet, Voice{KID: uint64(kid), Frames: 2, Level: 30})
		}
		w.fan.step()
		between := threadTime()
		bare.send()
		ours += between - began
		floor += threadTime() - between
		for _, s := range w.seats {
			s.heard.Store(int64(w.fan.now()))
		}
	}
	per := float64(b.N * children)
	b.ReportMetric(float64(ours.Nanoseconds())/per, "ns/packet")
	b.ReportMetric(float64(floor.Nanoseconds())/per, "bare-ns/packet")
	b.ReportMetric(float64(ours)/float64(floor), "x-bare")
	if s := w.fan.stats(); s.Failed > 0 || s.Raw != uint64(b.N*children) {
		b.Errorf("%+v", s)
	}
}
