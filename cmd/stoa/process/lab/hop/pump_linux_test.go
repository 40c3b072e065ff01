// The pump between two pairs of sockets, which stand in for devices: no privilege is needed.

package hop

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openPump returns a running pump and the far ends of what it is between.
func openPump(t testing.TB, there, back string) (p *Pump, a, b int) {
	t.Helper()
	pair := func() (near, far int) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.SetNonblock(fds[0], true); err != nil {
			t.Fatal(err)
		}
		timeout := unix.Timeval{Sec: 5} // so that a pump that gives nothing fails the test
		if err := unix.SetsockoptTimeval(fds[1], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			t.Fatal(err)
		}
		return fds[0], fds[1]
	}
	near, a := pair()
	other, b := pair()
	p, err := newPump(near, other, Config{There: parse(t, there), Back: parse(t, back), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, p.Close(), unix.Close(a), unix.Close(b)); err != nil {
			t.Error(err)
		}
	})
	return p, a, b
}

// What goes through the pump is what the same lane lets through, in its order, each way by
// itself, and no sooner than it may.
func TestPump(t *testing.T) {
	const n = 200
	lines := [2]string{"delay=20ms loss=20%", "delay=5ms loss=40%"}
	p, a, b := openPump(t, lines[0], lines[1])
	for i, ends := range [2][2]int{{a, b}, {b, a}} {
		lane, sent := NewLane(parse(t, lines[i]), 1, uint64(i)), [n]time.Time{}
		packet, got := make([]byte, 100), make([]byte, 200)
		for k := range n {
			binary.BigEndian.PutUint32(packet, uint32(k))
			lane.Push(packet, 0)
			sent[k] = time.Now()
			if _, err := unix.Write(ends[0], packet); err != nil {
				t.Fatal(err)
			}
		}
		for {
			want, _, ok := lane.Pop(time.Hour)
			if !ok {
				break
			}
			size, err := unix.Read(ends[1], got)
			if err != nil || string(got[:size]) != string(want) {
				t.Fatalf("got packet %x, %v; want %x", got[:min(max(size, 0), 4)], err, want[:4])
			}
			if took := time.Since(sent[binary.BigEndian.Uint32(got)]); took < parse(t, lines[i]).Delay {
				t.Fatalf("packet %d took %v", binary.BigEndian.Uint32(got), took)
			}
		}
	}
	there, back := p.Reports()
	for _, r := range []Report{there, back} {
		if r.Taken != n || r.Released+r.Lost != n || r.Lost == 0 || r.Failed != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// A pump whose device is taken away says so and does not spin.
func TestPumpLosesItsDevice(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := unix.Dup(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPump(fds[0], other, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(fds[1]); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil {
		t.Error("no error")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestPumpRefusesLines(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := newPump(fds[0], fds[1], Config{Back: Line{Loss: 101}}); err == nil {
		t.Errorf("%+v", p)
	}
	p, _, _ := openPump(t, "", "")
	if err := p.Set(Line{}, Line{Delay: -1}); err == nil {
		t.Error("a delay below 0 was taken")
	}
}

// BenchmarkPump tells how late packets are that come every 20 ms, in real time.
func BenchmarkPump(b *testing.B) {
	p, near, far := openPump(b, "delay=7300us", "")
	packet := make([]byte, 200)
	for b.Loop() {
		if _, err := unix.Write(near, packet); err != nil {
			b.Fatal(err)
		}
		if _, err := unix.Read(far, packet); err != nil {
			b.Fatal(err)
		}
	}
	there, _ := p.Reports()
	b.ReportMetric(100*there.Late.Over(), "%over1ms")
	b.ReportMetric(float64(there.Late.Worst.Microseconds()), "us-worst")
}
