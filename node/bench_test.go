// What it costs to forward, a window to many children beside bare sendmmsg of the same
// bytes to the same addresses in the same run; and what a packet costs on each carrier.

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

	"stoa/identity"
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

// BenchmarkLink sends packets over one link, one every 2 ms, and counts the processor time
// of both ends and all that libp2p does for them.
func BenchmarkLink(b *testing.B) {
	for _, carrier := range []Carrier{Raw, Datagram, Stream} {
		b.Run(string(carrier), func(b *testing.B) { benchmarkLink(b, carrier) })
	}
}

func benchmarkLink(b *testing.B, carrier Carrier) {
	listen := overQUIC
	if carrier == Stream {
		listen = overTCP
	}
	near, far := openLoopback(b, listen), openLoopback(b, listen)
	if carrier != Raw {
		near.sockets.forget()
		far.sockets.forget()
	}
	from, to := enterTest(b, near), enterTest(b, far)
	got := make(chan bool, 1024)
	to.OnPacket(func(identity.ID, []byte, time.Time) { got <- true })
	from.Meet(to.key.ID(), far.Addrs())
	if err := from.Link(b.Context(), to.key.ID()); err != nil {
		b.Fatal(err)
	}
	time.Sleep(time.Second) // the probes are answered, libp2p has said all that it says at first
	if got := from.Links()[0].Carrier; got != carrier {
		b.Fatalf("carrier %s, want %s", got, carrier)
	}
	packet, whom := make([]byte, 150), []identity.ID{to.key.ID()}
	began := processTime()
	for b.Loop() {
		from.Send(packet, whom)
		<-got
		time.Sleep(2 * time.Millisecond)
	}
	took := processTime() - began
	began = processTime()
	for range b.N { // the same without packets, to be taken off
		time.Sleep(2 * time.Millisecond)
	}
	took -= processTime() - began
	b.ReportMetric(float64(took.Microseconds())/float64(b.N), "cpu-us/packet")
}

// forget leaves the sockets to QUIC alone.
func (ss *sockets) forget() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.open = nil
}

func processTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
