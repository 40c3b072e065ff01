//go:build edited

// A crooked relay for the tests: see crooked.go. STOA_CROOKED says in what way:
// drops, delays, censors, forges or replays. It begins on SIGUSR1. Its digests are
// true, as those of a relay that wants to seem honest are.

package app

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"stoa/node"
)

func bend(out fanout) fanout {
	how := os.Getenv("STOA_CROOKED")
	if how == "" {
		return out
	}
	c := &crooked{fanout: out, how: how}
	begin := make(chan os.Signal, 1)
	signal.Notify(begin, syscall.SIGUSR1)
	go func() { <-begin; c.on.Store(true) }()
	return c
}

type crooked struct {
	fanout
	how string
	on  atomic.Bool

	mu     sync.Mutex
	victim uint64 // the voice that is swallowed
	old    []byte // the first packet of all
	of     node.Voice
	n      int
}

func (c *crooked) Forward(packet []byte, v node.Voice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if c.how == "replays" && c.old == nil {
		c.old, c.of = bytes.Clone(packet), v
	}
	if !c.on.Load() {
		c.fanout.Forward(packet, v)
		return
	}
	switch c.how {
	case "drops":
		if rand.IntN(10) < 3 {
			return
		}
	case "delays":
		packet = bytes.Clone(packet)
		time.AfterFunc(300*time.Millisecond, func() { c.fanout.Forward(packet, v) })
		return
	case "censors":
		if c.victim == 0 {
			c.victim = v.KID
		}
		if v.KID == c.victim {
			return
		}
	case "forges":
		if c.n%2 == 0 {
			packet = bytes.Clone(packet)
			packet[len(packet)/2] ^= 1
		}
	case "replays":
		if c.n%2 == 0 {
			c.fanout.Forward(c.old, c.of)
		}
	}
	c.fanout.Forward(packet, v)
}
