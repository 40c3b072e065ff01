//go:build edited

// A crooked relay for the tests: see crooked.go. STOA_CROOKED says in what way:
// drops, delays, censors, forges or replays. Its digests are true, as those of a
// relay that wants to seem honest are.

package app

import (
	"bytes"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"stoa/node"
)

func bend(out fanout) fanout {
	how := os.Getenv("STOA_CROOKED")
	if how == "" {
		return out
	}
	return &crooked{fanout: out, how: how}
}

type crooked struct {
	fanout
	how string

	mu     sync.Mutex
	victim uint64 // the voice that is swallowed
	old    []byte // a packet of two seconds ago or more
	of     node.Voice
	since  time.Time // when old was new
	n      int
}

func (c *crooked) Forward(packet []byte, v node.Voice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
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
		if c.n%10 == 0 {
			packet = bytes.Clone(packet)
			packet[len(packet)/2] ^= 1
		}
	case "replays":
		if c.old == nil {
			c.old, c.of, c.since = bytes.Clone(packet), v, time.Now()
		}
		if time.Since(c.since) > 2*time.Second && c.n%10 == 0 {
			c.fanout.Forward(c.old, c.of)
		}
	}
	c.fanout.Forward(packet, v)
}
