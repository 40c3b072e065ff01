// Feed: gossip for those who are not in it. A listener among thousands is quiet: it leaves
// the topics, hears through the relays that serve it, and speaks through them.
//
//	relay: gossip, pushes, own messages -> spread -> feeding (child.go) -> control streams
//	child: control stream -> takeFed -> doubles out, open, check -> Next
//	child: Publish -> control streams -> relay: publishFor -> check -> gossip

package node

import (
	"errors"
	"fmt"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Quiet leaves the gossip of the room, for a listener among thousands, or rejoins it.
// While quiet, gossip comes by the attachments and Publish goes through them, asks to
// people who are not connected go as letters through them, connections that nothing uses
// are closed, and nobody is dialled for the sake of gossip. Asks and letters of others are
// answered as before.
func (r *Room) Quiet(on bool) {
	r.joining.Lock()
	defer r.joining.Unlock()
	if r.quiet.Load() == on || r.ctx.Err() != nil {
		return
	}
	r.quiet.Store(on)
	for _, c := range r.channels {
		if on {
			c.sub.Cancel()
			c.sub = nil
		} else if err := r.subscribe(c); err != nil {
			r.log.Warn("gossip not joined again", "channel", c.name, "err", err)
		}
	}
	r.nudgeMesh()
}

// subscribe joins the mesh of a channel. The caller holds joining, or is alone.
func (r *Room) subscribe(c *gossipChannel) (err error) {
	if c.sub, err = c.topic.Subscribe(pubsub.WithBufferSize(256)); err != nil {
		return err
	}
	sub := c.sub
	r.work.Go(func() { r.readChannel(c, sub) })
	return nil
}

// errKnown is for a message that came before by another way.
var errKnown = errors.New("message is known")

// takeIn takes a message that did not come by gossip: it must be new, open, and pass the
// room's check.
func (r *Room) takeIn(c *gossipChannel, sealed []byte) (plain []byte, err error) {
	plain, err = r.door.openSame(gossipPurpose(c.name), sealed)
	if err != nil {
		return nil, err
	}
	if !r.known.add(messageName(sealed)) {
		return nil, errKnown
	}
	if accept, _ := r.check(c.name, plain); !accept {
		r.known.remove(messageName(sealed)) // it may be welcome later
		return nil, errors.New("refused by the room's check")
	}
	r.receive(gossip{c.name, plain})
	return plain, nil
}

// passOn publishes what takeIn took, under the ID that it has anyway, so that who has seen
// it drops it.
func (r *Room) passOn(c *gossipChannel, plain, sealed []byte) error {
	if r.quiet.Load() {
		return nil
	}
	r.spread(c, plain, sealed)
	return c.topic.Publish(r.ctx, sealed)
}

// spread gives a message to the children of the relay, if we are one.
func (r *Room) spread(c *gossipChannel, plain, sealed []byte) {
	if rl := r.serving.Load(); rl != nil {
		rl.feed(c, plain, sealed)
	}
}

// takeFed takes a message that a relay fed us. Each of the relays that serve us feeds
// every message, and what we hear by gossip too.
func (r *Room) takeFed(index byte, sealed []byte) {
	if !r.quiet.Load() {
		return
	}
	if _, err := r.takeIn(r.channels[roomChannels[index]], sealed); err != nil && !errors.Is(err, errKnown) {
		r.log.Debug("fed message dropped", "err", err)
	}
}

// publishFor publishes what a child said, if it is as welcome as gossip would be.
func (rl *Relay) publishFor(ch *child, f control) {
	r := rl.room
	c := r.channels[roomChannels[f.channel]]
	if !ch.publishes.take(1, time.Now()) {
		rl.counts.unwelcome.Add(1)
		return
	}
	plain, err := r.takeIn(c, f.body)
	if errors.Is(err, errKnown) {
		return // its other relay was faster
	}
	if err == nil {
		err = r.passOn(c, plain, f.body)
	}
	if err != nil {
		rl.counts.unwelcome.Add(1)
		r.log.Debug("child's message not published", "child", ch.key.id.Short(), "err", err)
		return
	}
	rl.counts.published.Add(1)
}

// feed queues a message for all children. The log is what tells them who may be heard, so
// it goes at once; the rest waits a moment for more of it, since packets cost and bytes
// hardly.
func (rl *Relay) feed(c *gossipChannel, plain, sealed []byte) {
	if rl.cfg.VoiceOnly || rl.cfg.Feed != nil && !rl.cfg.Feed(c.name, plain) {
		return
	}
	log := c.name == "log"
	frame := control{kind: controlGossip, channel: c.index, body: sealed}.append(nil)
	rl.mu.Lock()
	fits := false
	if log {
		fits = rl.log.push(frame)
	} else {
		fits = rl.rest.push(frame)
	}
	rl.mu.Unlock()
	if !fits {
		return // more than anybody could take in; the log is repaired by asking
	}
	rl.counts.fed.Add(1)
	poke(rl.feeding)
	if log {
		poke(rl.urgent)
	}
}

// A backlog holds frames that wait to be fed.
type backlog struct {
	frames [][]byte
	size   int
}

// push says whether there was room.
func (b *backlog) push(frame []byte) bool {
	if b.size+len(frame) > feedBytes {
		return false
	}
	b.frames = append(b.frames, frame)
	b.size += len(frame)
	return true
}

// pop appends frames to piece, which becomes no longer than most unless by its first frame.
func (b *backlog) pop(piece []byte, most int) []byte {
	n := 0
	for n < len(b.frames) && (len(piece) == 0 || len(piece)+len(b.frames[n]) <= most) {
		piece = append(piece, b.frames[n]...)
		b.size -= len(b.frames[n])
		n++
	}
	if b.frames = b.frames[n:]; len(b.frames) == 0 {
		b.frames = nil
	}
	return piece
}

// nextFeed takes what is to be fed next, the log first, and says whether there is more.
func (rl *Relay) nextFeed() (piece []byte, more bool) {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	piece = rl.log.pop(nil, feedPiece)
	if len(rl.log.frames) == 0 {
		piece = rl.rest.pop(piece, feedPiece)
	}
	return piece, rl.log.size+rl.rest.size > 0
}

// feedLoop gives what is queued to every child, a piece at a time, and no more than a child
// takes.
func (rl *Relay) feedLoop() {
	for {
		select {
		case <-rl.ctx.Done():
			return
		case <-rl.feeding:
		}
		select {
		case <-rl.ctx.Done():
			return
		case <-rl.urgent:
		case <-time.After(feedDelay):
		}
		for more := true; more; {
			var piece []byte
			if piece, more = rl.nextFeed(); len(piece) == 0 {
				break // went along with the last
			}
			rl.feedAll(piece)
			select {
			case <-rl.ctx.Done():
				return
			case <-time.After(time.Duration(len(piece)) * time.Second / feedRate):
			}
		}
	}
}

// feedAll gives frames to every child, a few at a time: thousands of writes at once would
// keep voice waiting.
func (rl *Relay) feedAll(frames []byte) {
	for i, c := range rl.all() {
		if i%feedAtOnce == feedAtOnce-1 {
			time.Sleep(feedPause)
		}
		c.send(frames)
	}
}

// publishQuietly sends a message through the relays that serve us.
func (r *Room) publishQuietly(c *gossipChannel, sealed []byte) error {
	r.known.add(messageName(sealed)) // it would come back from each relay
	frame := control{kind: controlGossip, channel: c.index, body: sealed}.append(nil)
	sent := false
	for _, a := range r.attachments() {
		sent = a.line.send(frame) || sent
	}
	if !sent {
		return fmt.Errorf("publish: %w: no relay serves us", ErrUnreachable)
	}
	return nil
}

// unusedFor is how long a quiet room keeps a connection that nothing runs over: the one
// just asked may be asked again.
const unusedFor = 5 * time.Second

// shed closes connections that only gossip would have a use for.
func (r *Room) shed() {
	recent := r.book.provedSince(time.Now().Add(-unusedFor))
	skip := make(map[peer.ID]bool, len(recent))
	for _, p := range recent {
		skip[p] = true
	}
	for _, p := range r.book.connected() {
		if !skip[p] && r.node.unneeded(r, p) {
			r.node.host.Network().ClosePeer(p)
		}
	}
}

// unneeded says whether nothing of ours runs over the connections to a peer, and no other
// room gossips with it.
func (n *Node) unneeded(than *Room, p peer.ID) bool {
	for _, r := range n.allRooms() {
		if r != than && !r.quiet.Load() && r.book.has(p) {
			return false
		}
	}
	for _, c := range n.host.Network().ConnsToPeer(p) {
		if busy(c) {
			return false
		}
	}
	return true
}
