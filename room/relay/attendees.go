// Who is here, in a room where nobody has heartbeats: relays tell whom they carry, by what changed.

package relay

import (
	"bytes"
	"slices"
	"time"

	"stoa/identity"
)

const (
	// MaxAttendees is how many people one relay lists. It may carry more, which its count shows.
	MaxAttendees = 8192

	// attendanceFull is how often a list begins anew, for those who missed a part or came later.
	attendanceFull = time.Minute

	// attendanceLife is how long a list holds without news: two that are due in calm, and some.
	attendanceLife = 45 * time.Second

	maxAudienceRelays = 512
	maxAudience       = 1 << 16 // prefixes known, of all relays
)

// Attendees is the relay's own list of the people it carries. It is a pure machine, not safe for concurrent use.
type Attendees struct {
	room    identity.RoomID
	relay   identity.ID
	session [8]byte
	seq     uint32

	here map[Prefix]int  // how many of those with this prefix
	told map[Prefix]bool // who is in the list as the others have it
	// changed holds whose place in told is wrong, so that what is due costs what has changed.
	changed map[Prefix]bool
	count   int
	last    time.Time // of the attendance before
	full    time.Time // of the last one that began anew
}

// NewAttendees returns an empty list. session differs for each run of the relay.
func NewAttendees(room identity.RoomID, relay identity.ID, session [8]byte) *Attendees {
	return &Attendees{
		room: room, relay: relay, session: session,
		here: make(map[Prefix]int), told: make(map[Prefix]bool), changed: make(map[Prefix]bool),
	}
}

// Join notes that the relay carries somebody. Each Join is followed by one Leave.
func (l *Attendees) Join(who identity.ID) {
	l.count++
	p := PrefixOf(who)
	if l.here[p] > 0 || len(l.here) < MaxAttendees {
		l.here[p]++
		l.compare(p)
	}
}

// Leave notes that the relay does not carry somebody any more.
func (l *Attendees) Leave(who identity.ID) {
	l.count = max(0, l.count-1)
	p := PrefixOf(who)
	switch l.here[p] {
	case 0:
		return
	case 1:
		delete(l.here, p)
	default:
		l.here[p]--
	}
	l.compare(p)
}

func (l *Attendees) compare(p Prefix) {
	if (l.here[p] > 0) != l.told[p] {
		l.changed[p] = true
	} else {
		delete(l.changed, p)
	}
}

// Next returns the attendance that is due now, or nil, and when to ask again. Of more than [MaxMoves] changes it tells the rest the next time.
func (l *Attendees) Next(now time.Time) (*Attendance, time.Time) {
	if next := l.due(); now.Before(next) {
		return nil, next
	}
	a := &Attendance{
		Room: l.room, Relay: l.relay, Session: l.session, Seq: l.seq, Time: uint64(now.UnixMilli()), Count: uint32(l.count),
	}
	if l.full.IsZero() || now.Sub(l.full) >= attendanceFull {
		l.full, a.Full = now, true
		clear(l.told)
		clear(l.changed)
		for p := range l.here {
			l.changed[p] = true
		}
	}
	for _, p := range sortedPrefixes(l.changed)[:min(len(l.changed), MaxMoves)] {
		if l.here[p] > 0 {
			a.Joins = append(a.Joins, p)
			l.told[p] = true
		} else {
			a.Leaves = append(a.Leaves, p)
			delete(l.told, p)
		}
		delete(l.changed, p)
	}
	l.seq++
	l.last = now
	return a, l.due()
}

func (l *Attendees) due() time.Time {
	switch {
	case l.seq == 0:
		return time.Time{}
	case len(l.changed) > 0:
		return l.last.Add(AttendanceEvery)
	}
	return l.last.Add(AttendanceCalm)
}

func sortedPrefixes(set map[Prefix]bool) []Prefix {
	list := make([]Prefix, 0, len(set))
	for p := range set {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Prefix) int { return bytes.Compare(a[:], b[:]) })
	return list
}

// Audience is what everybody knows of the people that relays carry. It is a pure machine, not safe for concurrent use. The zero Audience is
// ready.
type Audience struct {
	relays map[identity.ID]*carried
	known  int // prefixes, of all relays
}

type carried struct {
	session [8]byte
	seq     uint32
	time    uint64
	count   int
	who     map[Prefix]struct{}
	seen    time.Time
}

// Put takes an attendance that came at a time and tells whether it was news. slots is how many listeners its relay is believed to carry:
// whatever it claims, it counts for no more. The caller has checked that its author is a relay of the room and that its time is about now.
func (l *Audience) Put(a *Attendance, slots uint16, at time.Time) bool {
	c := l.relays[a.Relay]
	switch {
	case c == nil && len(l.relays) >= maxAudienceRelays:
		return false
	case c == nil:
		c = &carried{who: make(map[Prefix]struct{})}
		if l.relays == nil {
			l.relays = make(map[identity.ID]*carried)
		}
		l.relays[a.Relay] = c
	case c.session == a.Session && a.Seq <= c.seq, c.session != a.Session && a.Time <= c.time:
		return false
	}
	if a.Full || c.session != a.Session {
		l.forget(c)
	}
	c.session, c.seq, c.time, c.seen = a.Session, a.Seq, a.Time, at
	c.count = min(int(a.Count), int(slots))
	for _, p := range a.Leaves {
		if _, ok := c.who[p]; ok {
			delete(c.who, p)
			l.known--
		}
	}
	for _, p := range a.Joins {
		if _, ok := c.who[p]; !ok && len(c.who) < c.count && l.known < maxAudience {
			c.who[p] = struct{}{}
			l.known++
		}
	}
	return true
}

func (l *Audience) forget(c *carried) {
	l.known -= len(c.who)
	clear(c.who)
}

// Expire forgets the relays that were silent for 45 s. It tells whether there were any, and when to ask again, which is never when the time is
// zero.
func (l *Audience) Expire(now time.Time) (any bool, next time.Time) {
	for id, c := range l.relays {
		end := c.seen.Add(attendanceLife)
		if !now.Before(end) {
			l.Drop(id)
			any = true
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return any, next
}

// Drop forgets a relay at once, as its removal from the room does.
func (l *Audience) Drop(relay identity.ID) {
	if c := l.relays[relay]; c != nil {
		l.forget(c)
		delete(l.relays, relay)
	}
}

// Count is how many people are carried by relays, each of those who are known by prefix once, and without those whom counted tells were
// counted otherwise. counted may be nil.
func (l *Audience) Count(counted func(Prefix) bool) int {
	all := make(map[Prefix]struct{}, l.known)
	n := 0
	for _, c := range l.relays {
		n += max(0, c.count-len(c.who))
		for p := range c.who {
			if _, twice := all[p]; !twice && (counted == nil || !counted(p)) {
				n++
			}
			all[p] = struct{}{}
		}
	}
	return n
}

// Carries returns how many people a relay carries, and false when nothing is known of it.
func (l *Audience) Carries(relay identity.ID) (int, bool) {
	c := l.relays[relay]
	if c == nil {
		return 0, false
	}
	return c.count, true
}

// By returns the relay that carries somebody, the lowest ID if there are more.
func (l *Audience) By(who identity.ID) (relay identity.ID, ok bool) {
	p := PrefixOf(who)
	for id, c := range l.relays {
		if _, here := c.who[p]; here && (!ok || bytes.Compare(id[:], relay[:]) < 0) {
			relay, ok = id, true
		}
	}
	return relay, ok
}
