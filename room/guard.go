// What is checked before a message is passed on or a question is looked at.
// It runs on the network's goroutines and sees the room through its snapshot.

package room

import (
	"slices"
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
	remarks   [2]buckets // messages, reactions
	commons   [2]bucket  // of them, those of all together who may do no more than hear

	last  [recordReaction + 1]moments // what everybody said last, by kind
	known map[identity.Hash]bool      // operations in the log
}

// opFresh is how old an operation may be that is passed on by whoever has it.
const opFresh = 2 * time.Minute

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
		// A little more than an author may send: what was sent in time may come at once.
		remarks: [2]buckets{{burst: sayBurst + 3, every: sayEvery}, {burst: reactBurst + 3, every: reactEvery}},
		// A thousand listeners who write must not take more of each other's lines than a voice does.
		commons: [2]bucket{{burst: 40, every: time.Second / 5}, {burst: 40, every: time.Second / 10}},
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
	recordRemark   // to be read, or to hide what was to be read
	recordReaction // for the moment
)

// overtaken is how many messages of a kind, by one author, are taken although a later one was faster: of what is written each counts, of all
// else the last.
func (k record) overtaken() int {
	if k >= recordRemark {
		return 16
	}
	return 0
}

// sent counts a message that was not sent before.
func (g *guard) sent(m said, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.kind == recordOp {
		return g.ops.take(m.who, now)
	}
	if !g.last[m.kind].news(m.who, m.moment) || !g.counts(m, now) {
		return false
	}
	g.last[m.kind].take(m.who, m.moment, m.kind.overtaken(), now)
	return true
}

// counts takes a message from what its author may send. The caller holds mu.
func (g *guard) counts(m said, now time.Time) bool {
	switch m.kind {
	case recordPresence:
		return g.presences.take(m.who, now)
	case recordHand:
		return g.hands.take(m.who, now)
	case recordComplaint:
		return g.reports[recordComplaint-recordAttendance].take(m.who, now) && g.outcry.take(now)
	case recordRemark, recordReaction:
		which := m.kind - recordRemark
		return g.remarks[which].take(m.who, now) && (!m.listens || g.commons[which].take(now))
	default:
		return g.reports[m.kind-recordAttendance].take(m.who, now)
	}
}

// said is what a message shows of itself.
type said struct {
	kind record
	who  identity.ID
	room identity.RoomID
	moment
	op identity.Hash // of an operation

	listens bool // the author may do no more than hear
}

// moment is the place of a message among those of its author.
type moment struct{ time, seq uint64 }

func (m moment) after(o moment) bool { return m.time > o.time || m.time == o.time && m.seq > o.seq }

// moments are the last ones of each author. Whoever repeats what an author has said before gets nothing by it: neither does it seem to be said
// again, nor does it count against the author.
type moments map[identity.ID]trail

// trail is the last moments of one author.
type trail struct {
	until  moment   // all up to it have come, or are too late
	beyond []moment // what has come since, ascending
}

// news tells whether a message has not come before, and is not too late.
func (l moments) news(who identity.ID, m moment) bool {
	t, known := l[who]
	return !known || m.after(t.until) && !slices.Contains(t.beyond, m)
}

// take remembers a message that is news; so many before it may come yet. What was remembered is forgotten when nobody's clock takes it for new
// any more; of too many people nobody new is remembered.
func (l *moments) take(who identity.ID, m moment, before int, now time.Time) {
	t, known := (*l)[who]
	if !known && len(*l) >= maxBuckets {
		for id, o := range *l {
			if now.Sub(time.UnixMilli(int64(o.newest().time))) > 2*maxSkew {
				delete(*l, id)
			}
		}
	}
	if *l == nil {
		*l = make(moments)
	}
	if known || len(*l) < maxBuckets {
		(*l)[who] = t.add(m, before)
	}
}

func (t trail) newest() moment {
	if len(t.beyond) > 0 {
		return t.beyond[len(t.beyond)-1]
	}
	return t.until
}

// add is the trail with one moment more, and at most so many beyond its end.
func (t trail) add(m moment, most int) trail {
	i := len(t.beyond)
	for i > 0 && t.beyond[i-1].after(m) {
		i--
	}
	t.beyond = slices.Insert(t.beyond, i, m)
	if len(t.beyond) > most {
		t.until = t.beyond[0]
		t.beyond = slices.Delete(t.beyond, 0, 1)
	}
	return t
}

// fresh tells whether a message may be about now. Of operations only those of the last minutes are passed on by everybody: what is older is
// news of a member with a slow clock to those who lack it, and to all others somebody's copy.
func (g *guard) fresh(m said, now time.Time) bool {
	if !credible(m.time, now) {
		return false
	}
	if m.kind != recordOp || apart(m.time, now) <= opFresh {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.known[m.op]
}

// knows notes that an operation is in the log.
func (g *guard) knows(op identity.Hash) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		g.known = make(map[identity.Hash]bool)
	}
	g.known[op] = true
}

// entitles tells whether the log lets its author say such a thing.
func (s *State) entitles(m said) bool {
	member, in := s.Members[m.who]
	switch m.kind {
	case recordAttendance:
		return member.Caps.Has(identity.CapRelay)
	case recordFloor:
		return member.Caps&hosts != 0
	case recordRemark, recordReaction:
		return s.CanWrite(m.who)
	}
	return in
}

// check is what [Network.Check] is given. A message is bad when nobody honest
// can have passed it on: wrong size, form, signature or room. Whose author is
// unknown here, or out of step with every clock there may be, or has said it
// before, is only not passed on, since others may know better.
func (r *Room) check(channel string, msg []byte) (accept, bad bool) {
	m, err := inspect(channel, msg)
	if err != nil || m.room != r.id {
		return false, true
	}
	now, state := r.clock(), r.Snapshot().State
	if !r.guard.fresh(m, r.common(now)) || !state.entitles(m) {
		return false, false
	}
	m.listens = state.Members[m.who].Caps&^identity.CapHear == 0
	return m.who == r.me || r.guard.sent(m, now), false
}

// inspect decodes a message and verifies its signature.
func inspect(channel string, msg []byte) (m said, err error) {
	switch channel {
	case ChannelLog:
		var op *Op
		if op, err = ParseOp(msg); err == nil {
			// What is old comes by sync. Otherwise anybody could publish the history
			// again, which its authors would pay for.
			return said{kind: recordOp, who: op.Author, room: op.Room, moment: moment{op.Time, op.Seq}, op: op.Hash()}, nil
		}
	case ChannelPresence:
		return inspectPresence(msg)
	case ChannelHands:
		var h *Hand
		if h, err = ParseHand(msg); err == nil {
			return said{kind: recordHand, who: h.Who, room: h.Room, moment: moment{h.Time, h.Seq}}, nil
		}
	case ChannelChat:
		var w *Remark
		if w, err = ParseRemark(msg); err == nil {
			m = said{kind: recordRemark, who: w.Who, room: w.Room, moment: w.moment()}
			if w.Kind == RemarkReact {
				m.kind = recordReaction
			}
			return m, nil
		}
	default:
		err = identity.ErrMalformed
	}
	return m, err
}

// inspectPresence is inspect for the channel on which four kinds of record travel. A record of one kind is none of another: each reader
// demands all fields and no other ones, and a domain of its own, and says so before it verifies anything.
func inspectPresence(msg []byte) (m said, err error) {
	p, err := ParsePresence(msg)
	if err == nil {
		return said{kind: recordPresence, who: p.Who, room: p.Room, moment: moment{p.Time, p.Seq}}, nil
	}
	if a, err := relay.ParseAttendance(msg); err == nil {
		return said{kind: recordAttendance, who: a.Relay, room: a.Room, moment: moment{a.Time, uint64(a.Seq)}}, nil
	}
	if f, err := relay.ParseFloor(msg); err == nil {
		return said{kind: recordFloor, who: f.Host, room: f.Room, moment: moment{f.Time, uint64(f.Seq)}}, nil
	}
	if c, err := relay.ParseComplaint(msg); err == nil {
		return said{kind: recordComplaint, who: c.Who, room: c.Room, moment: moment{time: c.Time}}, nil
	}
	return m, err
}
