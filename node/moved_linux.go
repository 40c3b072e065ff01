// Changes of addresses and routes as Linux tells of them, and its sleep.

package node

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watch listens to rtnetlink(7). Where that is forbidden, as on Android, it polls.
func (s system) Watch(ctx context.Context, changed func()) {
	told, err := openNetlink()
	if err != nil {
		poll(ctx, s, changed)
		return
	}
	defer context.AfterFunc(ctx, func() { told.Close() })()
	buf := make([]byte, 8<<10)
	for {
		// What it says is of no interest: everything is looked at again. ENOBUFS is news that
		// was lost, which is news.
		if _, err := told.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) {
			break
		}
		changed()
	}
	if ctx.Err() == nil {
		told.Close()
		poll(ctx, s, changed)
	}
}

// openNetlink returns a file from which one message can be read for each change of an
// interface, an address or a route.
func openNetlink() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	var groups uint32
	for _, g := range []int{
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE,
	} {
		groups |= 1 << (g - 1)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "rtnetlink"), nil
}

// Suspended compares the clock that goes on in sleep with the one that does not. Unlike the
// time of day nobody sets them. The one that goes on is read last: to be stopped in between
// is then one sleep and not two.
func (system) Suspended() time.Duration {
	var with, without unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &without) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &with) != nil {
		return 0
	}
	return time.Duration(with.Nano() - without.Nano())
}
