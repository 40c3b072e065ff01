// Pulse: for how long nothing has come of a room.

package app

import (
	"context"
	"time"

	"stoa/node"
)

const (
	// staleAfter is how long nothing may come over links and from relays, which
	// bring something every 500 ms at least, until a page says so. With lookTick
	// it says so within 2 s.
	staleAfter = 1250 * time.Millisecond

	// linkedLately is for how long links that have ended count as such: until then
	// whoever was at their far end still is among the people, see room's presence.
	linkedLately = 20 * time.Second
)

// A pulse knows when something last came of a room. It is a pure machine, ready
// when it is zero.
type pulse struct {
	heard  time.Time // when anything last came, by whatever way
	linked time.Time // when there last was a link, or a place at a relay
}

// step takes for how long each link and relay has brought nothing, when the last
// heartbeat came and how far apart they are, and returns for how long nothing has
// come, 0 while that is no wonder. Of two who have no link but for gossip only
// heartbeats come.
func (p *pulse) step(quiet []time.Duration, beat time.Time, every time.Duration, now time.Time) time.Duration {
	if p.heard.IsZero() {
		p.heard = now
	}
	for _, q := range quiet {
		p.linked = now
		if at := now.Add(-q); at.After(p.heard) {
			p.heard = at
		}
	}
	if beat.After(p.heard) {
		p.heard = beat
	}
	patience := staleAfter
	if now.Sub(p.linked) > linkedLately {
		patience += silentBeats * every
	}
	if d := now.Sub(p.heard); d >= patience {
		return d
	}
	return 0
}

// feel takes the pulse of the room.
func (h *hall) feel(ctx context.Context, now time.Time) time.Duration {
	s := h.room.Snapshot()
	if len(s.People) < 2 && s.Audience == 0 {
		return 0 // nobody is there of whom anything could come
	}
	var quiet []time.Duration
	for _, l := range h.net.Links() {
		quiet = append(quiet, l.Quiet)
	}
	held := h.seats.tether.state()
	for _, a := range []*node.AttachmentInfo{held.Primary, held.Shadow} {
		if a != nil {
			quiet = append(quiet, a.Quiet)
		}
	}
	receipts, every, err := h.room.Receipts(ctx)
	if err != nil {
		return 0 // the room has ended
	}
	var beat time.Time
	for _, r := range receipts {
		if r.Who != h.me && r.At.After(beat) {
			beat = r.At
		}
	}
	return h.glance.pulse.step(quiet, beat, every, now)
}
