// Pushing gossip to newcomers. Gossipsub sends to peers whose subscription it has
// heard of, which takes identify and a hello, and never repeats what it has sent: what
// a newcomer says first, or what is said to him first, would be lost.

package node

import (
	"context"
	"errors"
	"slices"
	"sync"
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
	pushMemory   = 4096
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
	name, sealed := roomChannels[rest[0]], rest[1:]
	plain, err := r.door.openSame(gossipPurpose(name), sealed)
	if err != nil {
		return err
	}
	if !r.pushed.add(pushName(sealed)) {
		return nil // here already
	}
	if accept, _ := r.check(name, plain); !accept {
		r.pushed.remove(pushName(sealed)) // it may be welcome later
		return errors.New("refused by the room's check")
	}
	r.receive(gossip{name, plain})
	// Passed on under the ID that it has anyway, so that who has seen it drops it.
	return r.channels[name].topic.Publish(r.ctx, sealed)
}

// pushName is the nonce of a message that openSame has opened: a hash of it.
func pushName(sealed []byte) [12]byte { return [12]byte(sealed[:12]) }

// pushed remembers the pushed messages that were accepted, at least the last pushMemory of
// them. Gossip does that for itself; here, who repeats another's message would spend what
// its author is allowed to say. The zero value is empty. Safe for concurrent use.
type pushed struct {
	mu         sync.Mutex
	young, old map[[12]byte]bool
}

// add reports whether the message is new.
func (p *pushed) add(name [12]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.young[name] || p.old[name] {
		return false
	}
	if p.young == nil || len(p.young) >= pushMemory {
		p.young, p.old = make(map[[12]byte]bool), p.young
	}
	p.young[name] = true
	return true
}

func (p *pushed) remove(name [12]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.young, name)
	delete(p.old, name)
}
