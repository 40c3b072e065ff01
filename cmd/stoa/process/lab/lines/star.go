//go:build linux

// The world of a scene: machines around a router, each on a line of its own.
//
//	10.77.N.2 ─ line ─ hop ─ nN ─ 10.77.N.1, the router
//
// Nothing leaves it.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"stoa/cmd/stoa/process/lab/hop"
)

// ends are what one machine's line does, as text.
type ends struct{ up, down string }

// A star is such a world. close ends it.
type star struct {
	names []string // of namespaces: the router's last
	pumps []*hop.Pump
	stop  context.CancelFunc
	work  sync.WaitGroup
}

// newStar makes a world of so many machines as there are lines. Worlds of different numbers
// may be there at once.
func newStar(ctx context.Context, lines []ends, seed uint64, number int) (s *star, err error) {
	ctx, stop := context.WithCancel(ctx)
	s = &star{stop: stop}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for i := range len(lines) + 1 {
		name := fmt.Sprintf("lines-%d-%d-%d", os.Getpid(), number, i)
		if err := ip("netns", "add", name); err != nil {
			return nil, err
		}
		s.names = append(s.names, name)
		// A machine that asks for IPv6 routers would spend the seed's luck at random.
		for _, setting := range []string{"net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.ip_forward=1"} {
			if err := ip("netns", "exec", name, "sysctl", "-q", "-w", setting); err != nil {
				return nil, err
			}
		}
		if err := ip("-n", name, "link", "set", "lo", "up"); err != nil {
			return nil, err
		}
	}
	for i, l := range lines {
		if err := s.connect(ctx, i, l, seed); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// connect lays the line of a machine and gives it its address.
func (s *star) connect(ctx context.Context, i int, l ends, seed uint64) error {
	up, err := hop.Parse(l.up)
	if err != nil {
		return err
	}
	down, err := hop.Parse(l.down)
	if err != nil {
		return err
	}
	router := s.names[len(s.names)-1]
	port := fmt.Sprint("n", i)
	pump, err := hop.Open(hop.Config{
		A:     hop.End{Namespace: filepath.Join("/run/netns", s.names[i]), Device: "line"},
		B:     hop.End{Namespace: filepath.Join("/run/netns", router), Device: port},
		There: up, Back: down, Seed: seed + uint64(i)<<32,
	})
	if err != nil {
		return err
	}
	s.pumps = append(s.pumps, pump)
	s.work.Go(func() { _ = pump.Run(ctx) }) // an error is that the device is gone, which shows
	for _, args := range [][]string{
		{"-n", router, "addr", "add", fmt.Sprintf("10.77.%d.1/24", i), "dev", port},
		{"-n", router, "link", "set", port, "up"},
		{"-n", s.names[i], "addr", "add", s.addr(i) + "/24", "dev", "line"},
		{"-n", s.names[i], "link", "set", "line", "up"},
		{"-n", s.names[i], "route", "add", "default", "via", fmt.Sprintf("10.77.%d.1", i)},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	return nil
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

// addr is the address of a machine.
func (s *star) addr(i int) string { return fmt.Sprintf("10.77.%d.2", i) }

// command prepares a program to run on a machine, before all others: it is the lines that
// are measured, not what else this computer does. It keeps its process ID.
func (s *star) command(i int, program string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", s.names[i], "chrt", "--rr", "1", program}, args...)...)
}

// carried is how many bytes a machine's line has carried up.
func (s *star) carried(i int) uint64 {
	up, _ := s.pumps[i].Reports()
	return up.Bytes
}

// lateness is the worst that the lines did against their own times.
func (s *star) lateness() string {
	var worst hop.Lateness
	for _, p := range s.pumps {
		up, down := p.Reports()
		for _, l := range []hop.Lateness{up.Late, down.Late} {
			if l.Over() >= worst.Over() {
				worst = l
			}
		}
	}
	return worst.String()
}

// close removes the world. Programs on it should have ended.
func (s *star) close() error {
	s.stop()
	s.work.Wait()
	var errs []error
	for _, p := range s.pumps {
		errs = append(errs, p.Close())
	}
	for _, name := range s.names {
		errs = append(errs, ip("netns", "del", name))
	}
	return errors.Join(errs...)
}
