// The floor: the bytes that a relay sends, sent by nothing but sendmmsg.

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	bundleHead   = 14  // bytes before the packets of a bundle
	signedPacket = 260 // bytes of a signed packet of two frames, about, with its length

	hello     = 'j' // first byte of who wants to be sent to
	batchMost = 64  // packets for one call
)

// bundleSize is how long a bundle with a packet of each speaker is that relays
// carry.
func bundleSize(speakers int) int { return bundleHead + min(speakers, loudest)*signedPacket }

// spread is a server that sends every packet it gets to all who have said hello.
// It prints its address.
func spread() error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	_ = conn.SetWriteBuffer(4 << 20)
	fmt.Println(conn.LocalAddr())
	out := ipv4.NewPacketConn(conn)
	known := map[netip.AddrPort]bool{}
	var batch []ipv4.Message
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		if n > 0 && buf[0] == hello {
			if !known[from] {
				known[from] = true
				batch = append(batch, ipv4.Message{Buffers: [][]byte{nil}, Addr: net.UDPAddrFromAddrPort(from)})
			}
			continue
		}
		for i := range batch {
			batch[i].Buffers[0] = buf[:n]
		}
		for i := 0; i < len(batch); {
			sent, err := out.WriteBatch(batch[i:min(i+batchMost, len(batch))], 0)
			if err != nil {
				sent = 1 // this one is lost
			}
			i += sent
		}
	}
}

func measureBare(ctx context.Context, o options) (*result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	server := exec.CommandContext(ctx, self, "spread")
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	var where string
	if _, err := fmt.Fscanln(out, &where); err != nil {
		return nil, err
	}
	at, err := net.ResolveUDPAddr("udp4", where)
	if err != nil {
		return nil, err
	}
	f := &floor{ready: make(chan struct{}, o.listeners)}
	empty, err := used(server.Process.Pid)
	if err != nil {
		return nil, err
	}
	for range o.listeners {
		conn, err := net.DialUDP("udp4", nil, at)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		go f.listen(conn)
	}
	mouth, err := net.DialUDP("udp4", nil, at)
	if err != nil {
		return nil, err
	}
	defer mouth.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go f.speak(ctx, mouth, bundleSize(o.speakers))
	for range o.listeners {
		select {
		case <-f.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	time.Sleep(time.Second)
	r := &result{Peer: "sendmmsg", Speakers: o.speakers, Listeners: o.listeners, Joined: o.listeners}
	before := f.sent.Load()
	from, err := look(server.Process.Pid)
	if err != nil {
		return nil, err
	}
	f.measuring.Store(true)
	time.Sleep(o.window)
	f.measuring.Store(false)
	to, err := look(server.Process.Pid)
	if err != nil {
		return nil, err
	}
	r.RSS = float64(to.server.rss-empty.rss) / float64(o.listeners)
	f.mu.Lock()
	defer f.mu.Unlock()
	got := uint64(len(f.delays))
	frames := 2 * uint64(min(o.speakers, loudest))
	r.charge(from, to, f.delays, got, got*frames, uint64(f.sent.Load()-before)*uint64(o.listeners)*frames)
	return r, nil
}

// floor is the speaker and the listeners of the bare server.
type floor struct {
	ready     chan struct{}
	measuring atomic.Bool
	sent      atomic.Int64

	mu     sync.Mutex
	delays []time.Duration
}

// speak sends what stands for a bundle every 40 ms, with the time in it.
func (f *floor) speak(ctx context.Context, conn *net.UDPConn, size int) {
	b := make([]byte, size)
	for next := time.Now(); ctx.Err() == nil; next = next.Add(packetTime) {
		time.Sleep(time.Until(next))
		binary.BigEndian.PutUint64(b[1:], uint64(time.Now().UnixNano()))
		if _, err := conn.Write(b); err == nil {
			f.sent.Add(1)
		}
	}
}

// listen says hello until something comes, and then counts.
func (f *floor) listen(conn *net.UDPConn) {
	buf := make([]byte, 2048)
	for heard := false; ; {
		if !heard {
			_, _ = conn.Write([]byte{hello})
			_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		}
		n, err := conn.Read(buf)
		now := time.Now()
		switch {
		case err != nil && !heard:
			continue
		case err != nil:
			return
		case !heard:
			heard = true
			_ = conn.SetReadDeadline(time.Time{})
			f.ready <- struct{}{}
		}
		if f.measuring.Load() && n > 9 {
			d := now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(buf[1:]))))
			f.mu.Lock()
			f.delays = append(f.delays, d)
			f.mu.Unlock()
		}
	}
}
