// child: one listener, as the relay that serves it sees it.

package node

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

const (
	childPublish     = 5 // messages a second
	childPublishMany = 20
)

// childKey: a person may be served on two devices.
type childKey struct {
	id   identity.ID
	peer peer.ID
}

type child struct {
	relay   *Relay
	key     childKey
	session [8]byte
	proof   []byte
	conn    network.Conn
	addr    netip.Prefix // what it counts against
	line    *line
	path    *path
	since   time.Time

	seat  atomic.Pointer[fanSeat] // in the fanout, once it is in the relay's table
	media bool                    // under the relay's mu

	expelled  atomic.Bool // it may not be carried any more
	publishes bucket

	mu      sync.Mutex
	holds   [8]byte   // the commitment of a secret that it hands out
	doubted time.Time // since when Admit says NotYet of it; zero when it says Yes
	judged  time.Time // when Admit was last asked
}

func (rl *Relay) newChild(s stream, a attach) (*child, error) {
	now := time.Now()
	c := &child{
		relay:     rl,
		key:       childKey{a.From, s.Conn().RemotePeer()},
		session:   a.Session,
		proof:     a.Proof,
		conn:      s.Conn(),
		addr:      addrOf(s.Conn()),
		line:      newChildLine(s, rl.begin, rl.work.Done),
		since:     now,
		judged:    now,
		publishes: bucket{rate: childPublish, burst: childPublishMany},
	}
	c.line.held = true // until the attach is answered
	var err error
	c.path, err = rl.room.node.openPath(pathConfig{conn: c.conn, sink: c.report, down: func(error) { c.line.cut(network.StreamNoError) }})
	return c, err
}

// report takes what the child says about the media that it gets.
func (c *child) report(b []byte, at time.Time) {
	if seat := c.seat.Load(); seat != nil {
		c.relay.fan.report(seat, b, at)
	}
}

// silent says whether the child gets nothing now, for it has not reported for so long.
func (c *child) silent() bool { return c.unreported() > leaseSilence }

// unreported is for how long the child, which has its seat, has not reported. Whatever
// else it sends renews no lease.
func (c *child) unreported() time.Duration { return c.relay.fan.unreported(c.seat.Load()) }

// send queues control frames, unless the child is silent. A child that is too slow for
// them is cut.
func (c *child) send(frames []byte) {
	if !c.silent() && !c.line.send(frames) {
		c.relay.end(c, network.StreamGarbageCollected)
	}
}

// judge notes what Admit said and reports whether the child must go.
func (c *child) judge(verdict Admission, now time.Time) (out bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judged = now
	switch {
	case verdict == Yes:
		c.doubted = time.Time{}
	case verdict == No:
		return true
	case c.doubted.IsZero():
		c.doubted = now
	}
	return !c.doubted.IsZero() && now.Sub(c.doubted) > admissionLasts
}

// due says whether Admit must be asked again.
func (c *child) due(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.doubted.IsZero() || now.Sub(c.judged) > reconsider
}

func (c *child) commit() [8]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holds
}

// take handles one frame of the child's. Its error ends the child.
func (c *child) take(f control) error {
	if c.relay.cfg.VoiceOnly && f.kind == controlLetter {
		c.send(control{kind: controlAnswer, id: f.id, fate: letterBusy}.append(nil))
		return nil
	}
	if c.relay.cfg.VoiceOnly && f.kind != controlMedia {
		return nil
	}
	switch f.kind {
	case controlMedia:
		c.relay.setMedia(c, f.on)
	case controlGossip:
		c.relay.publishFor(c, f)
	case controlLetter:
		c.relay.post(c, f)
	case controlHolds:
		c.mu.Lock()
		c.holds = f.commit
		c.mu.Unlock()
	}
	return nil
}

func (c *child) info() ChildInfo {
	c.relay.mu.Lock()
	media := c.media
	c.relay.mu.Unlock()
	on := c.path.info()
	return ChildInfo{
		ID:      c.key.id,
		Session: c.session,
		Peer:    c.key.peer.String(),
		Addr:    c.conn.RemoteMultiaddr().String(),
		Carrier: on.carrier,
		Media:   media,
		RTT:     on.rtt,
		Loss:    c.relay.fan.loss(c.seat.Load()),
		Since:   c.since,
	}
}

// quietFor is how long nothing came from the far end.
func (p *path) quietFor() time.Duration { return p.now() - time.Duration(p.heard.Load()) }
