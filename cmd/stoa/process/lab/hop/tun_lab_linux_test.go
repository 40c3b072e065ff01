//go:build lab

// The pump between two real devices in two namespaces: root alone can have them. In the lab
// every scenario with a hop does this too; this test is quicker.

package hop

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDevices(t *testing.T) {
	ip := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	var ends [2]End
	for i := range ends {
		name := fmt.Sprintf("hop-%d-%d", os.Getpid(), i)
		ip("netns add " + name)
		t.Cleanup(func() { ip("netns del " + name) })
		ends[i] = End{filepath.Join("/run/netns", name), "line"}
	}
	p, err := Open(Config{A: ends[0], B: ends[1], There: parse(t, "delay=20ms"), Back: parse(t, "delay=20ms"), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i, end := range ends {
		name := filepath.Base(end.Namespace)
		ip(fmt.Sprintf("-n %s addr add 10.0.0.%d/24 dev line", name, i+1))
		ip(fmt.Sprintf("-n %s link set line up", name))
	}
	if _, err := net.InterfaceByName("line"); err == nil {
		t.Error("a device is in this namespace")
	}
	asks, answers := listenIn(t, ends[0].Namespace, "10.0.0.1"), listenIn(t, ends[1].Namespace, "10.0.0.2")
	b := make([]byte, 1)
	for i := range 20 {
		begin := time.Now()
		if _, err := asks.WriteTo([]byte{byte(i)}, answers.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		_, from, err := answers.ReadFrom(b)
		if err != nil || from.String() != asks.LocalAddr().String() {
			t.Fatalf("from %v: %v", from, err)
		}
		if _, err := answers.WriteTo(b, from); err != nil {
			t.Fatal(err)
		}
		if _, _, err := asks.ReadFrom(b); err != nil || b[0] != byte(i) {
			t.Fatalf("%d came back as %d: %v", i, b[0], err)
		}
		if took := time.Since(begin); took < 40*time.Millisecond {
			t.Errorf("%d was back after %v", i, took)
		}
	}
	there, back := p.Reports()
	t.Logf("there %v, back %v", &there.Late, &back.Late)
	if there.Released < 20 || back.Released < 20 {
		t.Errorf("%+v, %+v", there, back)
	}
}

// listenIn returns a socket in a network namespace. Its reads fail after 5 s.
func listenIn(t *testing.T, namespace, addr string) (conn net.PacketConn) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		done <- func() error {
			ns, err := os.Open(namespace)
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			if conn, err = net.ListenPacket("udp", addr+":0"); err != nil {
				return err
			}
			return conn.SetDeadline(time.Now().Add(5 * time.Second))
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
