// Pushing gossip to newcomers. Gossipsub sends to peers whose subscription it has
// heard of, which takes identify and a hello, and never repeats what it has sent: what
// a newcomer says first, or what is said to him first, would be lost.

package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// newcomerFor is how long a peer that has proved itself is pushed to, unless
	// gossipsub knows it earlier.
	newcomerFor  = 5 * time.Second
	pushPatience = 2 * time.Second
	pushesAtOnce = 32 // in one room
)

// pushToNewcomers gives a sealed message to each proved peer that gossip would miss.
func (r *Room) pushToNewcomers(c *gossipChannel, sealed []byte) {
	newcomers := r.book.provedSince(time.Now().Add(-newcomerFor))
	if len(newcomers) == 0 {
		return
	}
	known := c.topic.ListPeers()
	for _, p := range newcomers {
		if slices.Contains(known, p) || !r.begin() {
			continue
		}
		select {
		case r.pushing <- struct{}{}:
			go func() {
				defer r.work.Done()
				r.push(p, c.index, sealed)
				<-r.pushing
			}()
		default:
			r.work.Done()
		}
	}
}

func (r *Room) push(p peer.ID, index byte, sealed []byte) {
	ctx, cancel := context.WithTimeout(r.ctx, pushPatience)
	defer cancel()
	s, err := r.node.open(network.WithAllowLimitedConn(ctx, "push"), p, protoPush)
	if err != nil {
		return
	}
	s.SetDeadline(time.Now().Add(pushPatience))
	frame := append(append(r.door.tag[:], index), sealed...)
	if err := writeFrame(s, frame); err != nil {
		s.Reset()
		return
	}
	s.CloseWrite()
	s.Read(make([]byte, 1)) // until the far end has read it, or time is up
	s.Reset()
}

// handlePush takes one pushed message, from a peer that has proved itself.
func (n *Node) handlePush(s network.Stream) {
	if !n.begin() {
		s.Reset()
		return
	}
	defer n.work.Done()
	if !n.asks.take(s.Conn().RemotePeer(), time.Now()) {
		s.ResetWithError(network.StreamRateLimited)
		return
	}
	if err := n.acceptPush(s); err != nil {
		n.log.Debug("push refused", "peer", s.Conn().RemotePeer(), "err", err)
		s.Reset()
		return
	}
	s.Close()
}

func (n *Node) acceptPush(s network.Stream) error {
	s.SetDeadline(time.Now().Add(pushPatience))
	frame, err := readFrame(s, maxMessage+wireSlack)
	if err != nil {
		return err
	}
	tag, rest, err := cutTag(frame)
	if err != nil || len(rest) < 1 || int(rest[0]) >= len(roomChannels) {
		return errWire
	}
	r := n.roomByTag(tag)
	if r == nil || !r.book.has(s.Conn().RemotePeer()) {
		return errDoor
	}
	c, sealed := r.channels[roomChannels[rest[0]]], rest[1:]
	plain, err := r.takeIn(c, sealed)
	if errors.Is(err, errKnown) {
		return nil
	} else if err != nil {
		return err
	}
	return r.passOn(c, plain, sealed)
}
