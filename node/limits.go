// Every limit of the node in one place, and the token bucket that keeps some of them.

package node

import (
	"sync"
	"time"
)

const (
	asksPerSecond  = 40  // from one peer
	asksAtOnce     = 256 // all peers together
	cardsPerSecond = 2   // from one peer

	askHandling = 5 * time.Second  // for the handler of a request
	askPatience = 8 * time.Second  // for dialling, asking and the first byte of the reply
	askTransfer = 20 * time.Second // for the rest of a long reply

	linksPerRoom   = 256
	linksPerPerson = 3 // several devices, or a run that has not been buried yet
	pendingLinks   = 64
	helloPatience  = 5 * time.Second
	admitPatience  = 5 * time.Second // until a stranger must have been let in

	linkPackets = 500       // packets a second that one link may bring
	linkBytes   = 128 << 10 // bytes a second

	queuePackets  = 3                     // that wait for one path
	queueLasts    = 60 * time.Millisecond // then a packet is too late
	repeatLoss    = 0.01                  // from which on each packet is sent twice
	repeatWithin  = 60 * time.Millisecond // from one packet to the next: later it helps nobody
	reportEvery   = 500 * time.Millisecond
	linkSilence   = 3 * time.Second // without a report: the link is dead
	reviewEvery   = 250 * time.Millisecond
	writePatience = 2 * time.Second // for one packet on a stream

	maxMessage    = 60 << 10 // one gossip message
	inboxMessages = 1024
	meshPeers     = 12 // connections kept up for gossip
	bookPersons   = 4096
	peerPersons   = 3 // for whom one peer speaks: one, unless a program changes hands while it runs
	personAddrs   = 8
	personPeers   = 2   // that one may name: this run, and one that was not buried yet
	maxAddr       = 256 // bytes of an address in text
	lanPeers      = 256
	maxCards      = 16
	maxCard       = 8 << 10
)

// A bucket is a token bucket. The zero bucket with a rate is full. Safe for concurrent use.
type bucket struct {
	rate  float64 // tokens a second
	burst float64 // that may be saved up; 0 is one second's worth
	mu    sync.Mutex
	spent float64
	last  time.Time
}

func (b *bucket) take(n float64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-b.rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.spent+n > max(b.rate, b.burst) {
		return false
	}
	b.spent += n
	return true
}

// buckets holds a bucket for each of a bounded number of keys.
type buckets[K comparable] struct {
	rate  float64
	burst float64 // as of a bucket
	mu    sync.Mutex
	m     map[K]*bucket
}

const maxBuckets = 4096

func (bs *buckets[K]) take(k K, now time.Time) bool {
	bs.mu.Lock()
	b := bs.m[k]
	if b == nil {
		if bs.m == nil || len(bs.m) >= maxBuckets {
			bs.m = make(map[K]*bucket) // forgets debts, once in 4096 peers
		}
		b = &bucket{rate: bs.rate, burst: bs.burst}
		bs.m[k] = b
	}
	bs.mu.Unlock()
	return b.take(1, now)
}
