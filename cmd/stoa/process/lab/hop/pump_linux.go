// Pump: two lanes between two TUN devices.
//
//	device of A ─► lane there ─► device of B        one thread
//	device of A ◄─ lane back  ◄─ device of B        one thread
//
// A thread waits in ppoll(2), to the nanosecond, for a packet to come or to be due. Both have a
// goroutine of their own locked to them, at real-time priority where that may be had: what
// else runs on the machine shall not be taken for a bad line.

package hop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxPacket is the largest packet of a device, in bytes.
const maxPacket = 65535

// readsMost is how many packets one direction takes before it looks what is due.
const readsMost = 32

// An End is where a TUN device is made.
type End struct {
	Namespace string // path of a network namespace, as /run/netns/name; "" is the caller's own
	Device    string // name of the device, 1 to 15 bytes
}

// Config says what a pump is between.
type Config struct {
	A, B        End
	There, Back Line // from A to B, and from B to A
	Seed        uint64
}

// A Pump carries packets between two devices. Set and the reports may be called from any
// goroutine.
type Pump struct {
	there, back direction
	wake        int // an eventfd, readable once Run shall end
	born        time.Time
}

// direction is one of a pump's two. Only mu's holder touches the lane and the reports.
type direction struct {
	from, to int // descriptors

	mu     sync.Mutex
	lane   *Lane
	late   Lateness
	failed uint64
}

// Report is what one direction of a pump did.
type Report struct {
	Counts
	Failed uint64   `json:"failed"` // packets that the device did not take, for it was down
	Late   Lateness `json:"late"`
}

// Open makes both devices, which are down and have no address: that is for the caller to
// change. They last until Close. It needs CAP_NET_ADMIN.
func Open(cfg Config) (*Pump, error) {
	a, err := openTUN(cfg.A)
	if err != nil {
		return nil, err
	}
	b, err := openTUN(cfg.B)
	if err != nil {
		return nil, errors.Join(err, unix.Close(a))
	}
	return newPump(a, b, cfg)
}

// newPump makes a pump of two descriptors, each of which gives and takes a packet at a time
// and does not block. They belong to the pump, also after an error.
func newPump(a, b int, cfg Config) (*Pump, error) {
	err := errors.Join(cfg.There.Check(), cfg.Back.Check())
	var wake int
	if err == nil {
		wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hop: %w", err), unix.Close(a), unix.Close(b))
	}
	p := &Pump{wake: wake, born: time.Now()}
	p.there.from, p.there.to, p.there.lane = a, b, NewLane(cfg.There, cfg.Seed, 0)
	p.back.from, p.back.to, p.back.lane = b, a, NewLane(cfg.Back, cfg.Seed, 1)
	return p, nil
}

// Close removes the devices. It is for after Run, or instead of it.
func (p *Pump) Close() error {
	return errors.Join(unix.Close(p.there.from), unix.Close(p.back.from), unix.Close(p.wake))
}

// Set changes what both directions do to the packets that come from now on.
func (p *Pump) Set(there, back Line) error {
	if err := errors.Join(there.Check(), back.Check()); err != nil {
		return err
	}
	p.there.set(there)
	p.back.set(back)
	return nil
}

func (d *direction) set(line Line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lane.Set(line)
}

// Reports tells what was done until now.
func (p *Pump) Reports() (there, back Report) { return p.there.report(), p.back.report() }

func (d *direction) report() Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Report{d.lane.Counts(), d.failed, d.late}
}

// Run carries packets until ctx ends, and then returns nil; an error is one of a device. Call
// it once. In a busy program GOMAXPROCS should leave two processors more than it needs, or
// the pump waits for its turn, which Late shows.
func (p *Pump) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _, _ = unix.Write(p.wake, []byte{7: 1}) })
	defer stop()
	var work sync.WaitGroup
	var errs [2]error
	for i, d := range []*direction{&p.there, &p.back} {
		work.Go(func() {
			defer cancel()
			errs[i] = d.run(p.wake, p.born)
		})
	}
	work.Wait()
	return errors.Join(errs[:]...)
}

// run carries one direction until wake can be read. Its thread ends with it.
func (d *direction) run(wake int, born time.Time) error {
	runtime.LockOSThread()
	hurry()
	buf := make([]byte, maxPacket)
	for {
		wait := d.release(born)
		fds := []unix.PollFd{{Fd: int32(d.from), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		if _, err := unix.Ppoll(fds, wait, nil); err != nil && err != unix.EINTR {
			return fmt.Errorf("hop: ppoll: %w", err)
		}
		if fds[1].Revents != 0 {
			return nil
		}
		if fds[0].Revents != 0 {
			if err := d.take(buf, born); err != nil {
				return err
			}
		}
	}
}

// hurry puts the thread before all others, but for those of the system. Where that is not
// allowed it stays as it is.
func hurry() {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_FIFO,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: 2,
	}, 0)
}

// take reads what has come.
func (d *direction) take(buf []byte, born time.Time) error {
	for range readsMost {
		n, err := unix.Read(d.from, buf)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			return nil
		case err != nil || n == 0: // gone, as with its namespace
			return fmt.Errorf("hop: the device is gone: %w", errors.Join(err, io.EOF))
		}
		d.mu.Lock()
		d.lane.Push(buf[:n], time.Since(born))
		d.mu.Unlock()
	}
	return nil
}

// release writes what is due, and says how long until more is: nil when nothing is held.
func (d *direction) release(born time.Time) *unix.Timespec {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		now := time.Since(born)
		packet, due, ok := d.lane.Pop(now)
		if !ok {
			break
		}
		d.late.add(now - due)
		if _, err := unix.Write(d.to, packet); err != nil {
			d.failed++
		}
	}
	due, any := d.lane.Next()
	if !any {
		return nil
	}
	wait := unix.NsecToTimespec(int64(max(0, due-time.Since(born))))
	return &wait
}

// openTUN makes a TUN device without any header before the packets, and returns its
// descriptor.
func openTUN(e End) (fd int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: a thread in another namespace is of no use to anybody
		fd, err = makeTUN(e)
	}()
	<-done
	if err != nil {
		return -1, fmt.Errorf("hop: device %s in %q: %w", e.Device, e.Namespace, err)
	}
	return fd, nil
}

// makeTUN leaves the thread in the namespace.
func makeTUN(e End) (int, error) {
	if e.Namespace != "" {
		ns, err := os.Open(e.Namespace)
		if err != nil {
			return -1, err
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return -1, fmt.Errorf("setns: %w", err)
		}
	}
	request, err := unix.NewIfreq(e.Device)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return -1, errors.Join(fmt.Errorf("TUNSETIFF: %w", err), unix.Close(fd))
	}
	return fd, nil
}
