// Who is here: signed heartbeats, and the roster that is made of them.

package room

import (
	"slices"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

const (
	presenceDomain = "stoa/presence/1"

	// MaxName is the length of the longest name, in bytes of UTF-8.
	MaxName = 48

	maxAddrs    = 6   // addresses in a presence
	maxAddr     = 192 // bytes of one: that of a circuit, with the peer IDs of both, has some 165
	maxHeads    = 16  // hashes in a presence
	maxPresence = 2560
	maxShift    = int64(24 * time.Hour / time.Millisecond)

	minBeat   = 2 * time.Second        // between the heartbeats of a small room
	maxBeat   = 5 * time.Second        // and of any other
	beatShare = 100 * time.Millisecond // added by each person here
	beatSlack = 20                     // per cent that a heartbeat may be early or late
	// minPatience is five heartbeats of a small room, since a bad network loses
	// three in a row too often.
	minPatience = 10 * time.Second
	maxPatience = 3 * maxBeat
	soonest     = 250 * time.Millisecond // between two heartbeats, also when things change

	maxDeparted = 256 // heartbeats kept of people who are not here any more
	maxFarewell = 32  // of them handed on
)

// Presence is a heartbeat: a member says that it is here, how it is called
// and reached, what it knows of the log, and whether its hand is up. It is
// signed under "stoa/presence/1" and at most 2,560 bytes long.
type Presence struct {
	Room    identity.RoomID `cbor:"1,keyasint"`
	Who     identity.ID     `cbor:"2,keyasint"`
	Session [8]byte         `cbor:"3,keyasint"` // differs for each run of the program
	Name    string          `cbor:"4,keyasint"` // at most MaxName bytes, printable
	Mic     bool            `cbor:"5,keyasint"`
	Addrs   []string        `cbor:"6,keyasint"` // at most 6 of 192 bytes
	Heads   []identity.Hash `cbor:"7,keyasint"` // of the log: at most 16
	Hand    []byte          `cbor:"8,keyasint"` // the raised hand as signed; empty without one
	Time    uint64          `cbor:"9,keyasint"` // Unix milliseconds
	Seq     uint64          `cbor:"10,keyasint"`
	Bye     bool            `cbor:"11,keyasint"`           // the last one of its session
	Synced  bool            `cbor:"12,keyasint"`           // has heard from others in this session: an empty Hand means that it is down
	Hears   []Heard         `cbor:"13,keyasint"`           // how it hears those on the stage: at most 32, ascending
	Relay   relay.Prefix    `cbor:"14,keyasint"`           // of who brings it voices; zeros for nobody
	Helps   bool            `cbor:"15,keyasint"`           // would carry the voices of two who cannot connect
	Shift   int64           `cbor:"16,keyasint,omitempty"` // Time less what its author's own clock says, in milliseconds: at most a day
	Deaf    bool            `cbor:"17,keyasint,omitempty"` // has no loudspeaker: nothing that comes is played
	Feeds   uint32          `cbor:"18,keyasint,omitempty"` // a relay: listeners who report that what it sends arrives, at most 65,536
	Wrote   uint64          `cbor:"19,keyasint,omitempty"` // which remarks it knows: see shelf.sum
	Aside   bool            `cbor:"20,keyasint,omitempty"` // has left the stage by its own will, and may come back
}

// signPresence returns a heartbeat as it travels.
func signPresence(k *identity.Key, p *Presence) []byte { return pack(k, presenceDomain, p) }

// ParsePresence decodes a heartbeat and checks its signature and limits, but
// not whether its author is a member, nor the hand in it.
func ParsePresence(raw []byte) (*Presence, error) {
	p := new(Presence)
	if err := unpack(raw, maxPresence, presenceDomain, p, func() identity.ID { return p.Who }); err != nil {
		return nil, err
	}
	if !plain(p.Name, MaxName) || len(p.Addrs) > maxAddrs || len(p.Heads) > maxHeads || len(p.Hand) > maxHand || !validHears(p.Hears) {
		return nil, identity.ErrMalformed
	}
	for _, a := range p.Addrs {
		if !plain(a, maxAddr) {
			return nil, identity.ErrMalformed
		}
	}
	if p.Feeds > maxFeeds || p.Time > maxTime || p.Shift > maxShift || p.Shift < -maxShift {
		return nil, identity.ErrMalformed
	}
	return p, nil
}

// dated is the time of the heartbeat by its author's own clock.
func (p *Presence) dated() uint64 { return uint64(max(0, int64(p.Time)-p.Shift)) }

// after tells whether p was made later than what was made at (t, seq).
func (p *Presence) after(t, seq uint64) bool {
	return p.Time > t || p.Time == t && p.Seq > seq
}

// roster is who is here, by the heartbeats that arrived. It is a pure
// machine.
type roster struct {
	here map[identity.ID]*attendee
	// last is the latest heartbeat of people who are not here any more, so
	// that an old one cannot call them back.
	last map[identity.ID]departed

	looked time.Time // when expire was last called
}

type attendee struct {
	Presence
	raw   []byte
	seen  time.Time // when it arrived
	hears hearsay   // what it says, and since when
}

type departed struct {
	time, seq uint64
	seen      time.Time
	raw       []byte // for those who come next; nil when too many have gone
}

func newRoster() roster {
	return roster{here: make(map[identity.ID]*attendee), last: make(map[identity.ID]departed)}
}

// news is what a heartbeat changed.
type news uint8

const (
	stale   news = iota // older than what is known: nothing
	repeat              // still here, as before, but for figures
	hearing             // hears others, or the others hear, by another way
	changed             // came, went, or says something else that is new
)

// put takes a heartbeat that arrived at seen, here or at who has handed it on.
func (t *roster) put(p *Presence, raw []byte, seen time.Time) news {
	old, was := t.here[p.Who]
	if was && !p.after(old.Time, old.Seq) {
		return stale
	}
	if d, ok := t.last[p.Who]; ok && !p.after(d.time, d.seq) {
		return stale
	}
	if p.Bye {
		t.forget(p, raw, seen)
		if was {
			return changed
		}
		return stale
	}
	now := &attendee{Presence: *p, raw: raw, seen: seen}
	t.here[p.Who] = now
	delete(t.last, p.Who)
	if !was || old.Session != p.Session {
		now.hears = hearsay(nil).next(p.Hears, seen)
		return changed
	}
	now.hears = old.hears.next(p.Hears, seen)
	switch {
	case old.Name != p.Name || old.Mic != p.Mic || old.Aside != p.Aside || !slices.Equal(old.Addrs, p.Addrs):
		return changed
	case old.Relay != p.Relay || old.Helps != p.Helps || old.Deaf != p.Deaf || old.hears.differs(now.hears):
		return hearing
	}
	return repeat
}

// forget remembers of somebody only the last heartbeat.
func (t *roster) forget(p *Presence, raw []byte, seen time.Time) {
	delete(t.here, p.Who)
	if len(t.last) >= maxDeparted {
		raw = nil
	}
	t.last[p.Who] = departed{p.Time, p.Seq, seen, raw}
}

// gone takes the last heartbeat of somebody who is not here any more, as far as
// is known.
func (t *roster) gone(p *Presence, raw []byte, seen time.Time) {
	if t.here[p.Who] != nil {
		return
	}
	if d, ok := t.last[p.Who]; !ok || p.after(d.time, d.seq) {
		t.forget(p, raw, seen)
	}
}

// drop removes somebody at once, as a removal from the room does.
func (t *roster) drop(who identity.ID) bool {
	a, ok := t.here[who]
	if ok {
		t.forget(&a.Presence, a.raw, a.seen)
	}
	return ok
}

// expire removes those who have been silent for too long and says whether there were any. It is called at least once a heartbeat. When it is
// not, this machine has slept or stalled and heard nobody meanwhile, which is
// not held against them: their messages may be waiting to be read.
func (t *roster) expire(now time.Time) bool {
	if stalled := now.Sub(t.looked) - t.beat()*(100+beatSlack)/100; stalled > 0 && !t.looked.IsZero() {
		for _, a := range t.here {
			a.seen = a.seen.Add(stalled)
		}
	}
	t.looked = now
	any := false
	for who, a := range t.here {
		if now.Sub(a.seen) >= t.patience() {
			any = t.drop(who) || any
		}
	}
	for who, d := range t.last {
		// Longer than anybody's clock takes it for a new one.
		if now.Sub(time.UnixMilli(int64(d.time))) > 2*maxSkew {
			delete(t.last, who)
		}
	}
	return any
}

// next is when expire will have something to do.
func (t *roster) next(now time.Time) time.Time {
	next := now.Add(maxBeat)
	for _, a := range t.here {
		if at := a.seen.Add(t.patience()); at.Before(next) {
			next = at
		}
	}
	return next
}

// beat is the mean time between the heartbeats of one member. The roster
// does not hold this member, so it counts one more.
func (t *roster) beat() time.Duration {
	return min(max(minBeat, time.Duration(len(t.here)+1)*beatShare), maxBeat)
}

// patience is how long somebody is believed to be here without a heartbeat:
// at most 15 seconds.
func (t *roster) patience() time.Duration { return max(3*t.beat(), minPatience) }

// keeps returns the heartbeats of those who are here, in the order of their
// authors.
func (t *roster) keeps() []kept {
	list := make([]kept, 0, len(t.here))
	for _, id := range sortedIDs(t.here) {
		list = append(list, kept{t.here[id].raw, t.here[id].seen})
	}
	return list
}

// farewells returns the last heartbeats of some who are not here any more, so
// that nobody can call them back to people who come later: of those first who
// matter most, then of who went last.
func (t *roster) farewells(matters func(identity.ID) bool) []kept {
	gone := slices.DeleteFunc(sortedIDs(t.last), func(id identity.ID) bool { return t.last[id].raw == nil })
	slices.SortStableFunc(gone, func(a, b identity.ID) int {
		if x, y := matters(a), matters(b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return t.last[b].seen.Compare(t.last[a].seen)
	})
	var list []kept
	for _, id := range gone[:min(len(gone), maxFarewell)] {
		list = append(list, kept{t.last[id].raw, t.last[id].seen})
	}
	return list
}
