// What becomes of a connection when the machine has moved or slept: pure.

package node

import (
	"net/netip"
	"time"
)

// A bearing is how a connection lies to the addresses of the machine.
type bearing struct {
	tied netip.Addr // the only address that it works from: TCP, and QUIC that the far end began; zero: it follows the routes
	from netip.Addr // where packets to its far end would leave from; zero: there is no way
}

// A verdict is what becomes of a connection.
type verdict int

const (
	stays    verdict = iota
	doubtful         // it is asked whether it still works
	dead
)

// judge says what becomes of a connection whose bearing was another before, zero when it
// was not looked at. Without a way out there is nothing to be won: what was lost is perhaps
// found again.
func judge(before, now bearing, at place) verdict {
	switch {
	case !now.from.IsValid():
		return stays
	case now.tied.IsValid() && !at.has(now.tied):
		return dead
	case before.from == now.from:
		return stays
	}
	return doubtful
}

// A check finds out whether a QUIC connection works, perhaps from a new address. Something
// is sent by QUIC that the far end must acknowledge, and again, for two things can be lost:
// it, and what the far end sends to see whether we are where we seem to be (RFC 9000 section
// 8.2). Not safe for concurrent use.
type check struct {
	patience time.Duration // with a far end that was not heard
	touches  int           // so far
}

// touchAfter is when the far end is touched, counted from the first.
var touchAfter = [...]time.Duration{0, 50 * time.Millisecond, 120 * time.Millisecond, 250 * time.Millisecond, 450 * time.Millisecond, 700 * time.Millisecond}

const (
	checkLeast = 250 * time.Millisecond
	checkMost  = 1200 * time.Millisecond
)

// newCheck begins a check of a connection with a round trip, 0 when it is not known. Two
// round trips is what it takes when something is lost; the way may have become longer.
func newCheck(rtt time.Duration) check {
	return check{patience: min(max(checkLeast, 3*rtt+100*time.Millisecond), checkMost)}
}

// checkStep says what to do now, and when to come back.
type checkStep struct {
	touch bool
	over  bool
	dead  bool // when it is over
	next  time.Duration
}

// step takes the time since the check began and whether the far end was heard since.
func (c *check) step(now time.Duration, heard bool) (do checkStep) {
	if !heard && now >= c.patience {
		return checkStep{over: true, dead: true}
	}
	if c.touches < len(touchAfter) && now >= touchAfter[c.touches] {
		c.touches++
		do.touch = true
	}
	switch {
	case c.touches < len(touchAfter):
		do.next = touchAfter[c.touches]
		if !heard {
			do.next = min(do.next, c.patience)
		}
	case heard:
		do.over = true
	default:
		do.next = c.patience
	}
	return do
}
