// What is checked before a message is passed on or a question is looked at.
// It runs on the network's goroutines and sees the room through its snapshot.

package room

import (
	"sync"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// guard counts what people send and ask.
type guard struct {
	mu        sync.Mutex // guards all below
	asks      buckets
	answers   buckets // bytes
	pushes    buckets
	joins     bucket
	seats     bucket
	reports   [3]buckets // attendance, floors, complaints
	outcry    bucket     // of all complaints
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
		seats:     bucket{burst: 500, every: time.Second / 100},
		reports: [3]buckets{
			{burst: 4, every: relay.AttendanceEvery * 4 / 5},
			{burst: 4, every: relay.FloorEvery / 2},
			{burst: 2, every: relay.ComplaintEvery * 9 / 10},
		},
		outcry: bucket{burst: 64, every: time.Second / 5},
		hands:  buckets{burst: handBurst, every: handEvery},
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

// seated counts people who were given a seat.
func (g *guard) seated(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seats.take(now)
}

// record is what kind of message it is, whatever channel it came by.
type record uint8

const (
	recordOp record = iota
	recordPresence
	recordHand
	recordAttendance
	recordFloor
	recordComplaint
)

// sent counts a message.
func (g *guard) sent(kind record, who identity.ID, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch kind {
	case recordOp:
		return g.ops.take(who, now)
	case recordPresence:
		return g.presences.take(who, now)
	case recordHand:
		return g.hands.take(who, now)
	case recordComplaint:
		return g.reports[recordComplaint-recordAttendance].take(who, now) && g.outcry.take(now)
	default:
		return g.reports[kind-recordAttendance].take(who, now)
	}
}

// said is what a message shows of itself.
type said struct {
	kind  record
	who   identity.ID
	room  identity.RoomID
	fresh bool // its time is credible
}

// entitles tells whether the log lets its author say such a thing.
func (s *State) entitles(m said) bool {
	member, in := s.Members[m.who]
	switch m.kind {
	case recordAttendance:
		return member.Caps.Has(identity.CapRelay)
	case recordFloor:
		return member.Caps&hosts != 0
	}
	return in
}

// check is what [Network.Check] is given. A message is bad when nobody honest
// can have passed it on: wrong size, form, signature or room. Whose author is
// unknown here, or out of step with the clock here, is only not passed on,
// since others may know better.
func (r *Room) check(channel string, msg []byte) (accept, bad bool) {
	now := time.Now()
	m, err := inspect(channel, msg, now)
	if err != nil || m.room != r.id {
		return false, true
	}
	if !m.fresh || !r.Snapshot().State.entitles(m) {
		return false, false
	}
	return m.who == r.me || r.guard.sent(m.kind, m.who, now), false
}

// inspect decodes a message and verifies its signature.
func inspect(channel string, msg []byte, now time.Time) (m said, err error) {
	switch channel {
	case ChannelLog:
		var op *Op
		if op, err = ParseOp(msg); err == nil {
			// What is old comes by sync. Otherwise anybody could publish the history
			// again, which its authors would pay for.
			return said{recordOp, op.Author, op.Room, apart(op.Time, now) <= maxSkew}, nil
		}
	case ChannelPresence:
		return inspectPresence(msg, now)
	case ChannelHands:
		var h *Hand
		if h, err = ParseHand(msg); err == nil {
			return said{recordHand, h.Who, h.Room, apart(h.Time, now) <= handSkew}, nil
		}
	default:
		err = identity.ErrMalformed
	}
	return m, err
}

// inspectPresence is inspect for the channel on which four kinds of record travel. A record of one kind is none of another: each reader
// demands all fields and no other ones, and a domain of its own, and says so before it verifies anything.
func inspectPresence(msg []byte, now time.Time) (m said, err error) {
	p, err := ParsePresence(msg)
	if err == nil {
		return said{recordPresence, p.Who, p.Room, apart(p.Time, now) <= maxSkew}, nil
	}
	if a, err := relay.ParseAttendance(msg); err == nil {
		return said{recordAttendance, a.Relay, a.Room, apart(a.Time, now) <= maxSkew}, nil
	}
	if f, err := relay.ParseFloor(msg); err == nil {
		return said{recordFloor, f.Host, f.Room, apart(f.Time, now) <= maxSkew}, nil
	}
	if c, err := relay.ParseComplaint(msg); err == nil {
		return said{recordComplaint, c.Who, c.Room, apart(c.Time, now) <= maxSkew}, nil
	}
	return m, err
}
