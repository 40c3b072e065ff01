// What is checked before a message is passed on or a question is looked at.
// It runs on the network's goroutines and sees the room through its snapshot.

package room

import (
	"sync"
	"time"

	"stoa/identity"
)

// guard counts what people send and ask.
type guard struct {
	mu        sync.Mutex // guards all below
	asks      buckets
	answers   buckets // bytes
	pushes    buckets
	joins     bucket
	ops       buckets
	presences buckets
	hands     buckets
}

func newGuard() guard {
	return guard{
		asks:      buckets{burst: 60, every: time.Second / 30},
		answers:   buckets{burst: maxAnswer, every: time.Second / (256 << 10)},
		pushes:    buckets{burst: 256, every: time.Second / 32}, // a push is what fits into one question
		joins:     bucket{burst: 60, every: time.Second / 10},   // a roomful at once, then ten a second
		ops:       buckets{burst: 80, every: time.Second / 4},   // a gate writes one for each who enters
		presences: buckets{burst: 8, every: time.Second / 4},
		hands:     buckets{burst: handBurst, every: handEvery},
	}
}

func (g *guard) asked(who identity.ID, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asks.take(who, now)
}

// answered counts the bytes of an answer.
func (g *guard) answered(who identity.ID, bytes int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.answers.takeMany(who, min(bytes, maxAnswer), now)
}

// pushed counts operations that somebody brings unasked.
func (g *guard) pushed(who identity.ID, ops int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pushes.takeMany(who, ops, now)
}

func (g *guard) joined(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.joins.take(now)
}

// sent counts a message of a channel.
func (g *guard) sent(channel string, who identity.ID, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch channel {
	case ChannelLog:
		return g.ops.take(who, now)
	case ChannelPresence:
		return g.presences.take(who, now)
	default:
		return g.hands.take(who, now)
	}
}

// check is what [Network.Check] is given. A message is bad when nobody honest
// can have passed it on: wrong size, form, signature or room. Whose author is
// unknown here, or out of step with the clock here, is only not passed on,
// since others may know better.
func (r *Room) check(channel string, msg []byte) (accept, bad bool) {
	now := time.Now()
	who, room, fresh, err := r.inspect(channel, msg, now)
	if err != nil || room != r.id {
		return false, true
	}
	if _, in := r.Snapshot().State.Members[who]; !in || !fresh {
		return false, false
	}
	return who == r.me || r.guard.sent(channel, who, now), false
}

// inspect decodes a message as far as it tells whose it is, of which room,
// and whether its time is credible.
func (r *Room) inspect(channel string, msg []byte, now time.Time) (who identity.ID, room identity.RoomID, fresh bool, err error) {
	switch channel {
	case ChannelLog:
		var op *Op
		if op, err = ParseOp(msg); err == nil {
			// What is old comes by sync. Otherwise anybody could publish the history
			// again, which its authors would pay for.
			return op.Author, op.Room, apart(op.Time, now) <= maxSkew, nil
		}
	case ChannelPresence:
		var p *Presence
		if p, err = ParsePresence(msg); err == nil {
			return p.Who, p.Room, apart(p.Time, now) <= maxSkew, nil
		}
	case ChannelHands:
		var h *Hand
		if h, err = ParseHand(msg); err == nil {
			return h.Who, h.Room, apart(h.Time, now) <= handSkew, nil
		}
	default:
		err = identity.ErrMalformed
	}
	return
}
