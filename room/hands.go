// Raised hands: signed, one a person, in a queue that everybody can verify.

package room

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"time"

	"stoa/identity"
)

const (
	handDomain = "stoa/hand/1"
	maxHand    = 256 // bytes, as signed

	handLife  = 10 * time.Minute // how long a hand stays up by itself
	handSkew  = 30 * time.Second // by how much a fresh hand may claim to be older than it is
	handGrace = time.Minute      // how long somebody may be away and keep the place
	handEvery = 3 * time.Second  // between the changes of one hand, in the long run
	handBurst = 3                // changes at once
)

// Hand is a hand going up or down, signed under "stoa/hand/1", at most 256
// bytes long. Of one person's hands the one with the highest (Time, Seq)
// counts.
type Hand struct {
	Room identity.RoomID `cbor:"1,keyasint"`
	Who  identity.ID     `cbor:"2,keyasint"`
	Up   bool            `cbor:"3,keyasint"`
	Time uint64          `cbor:"4,keyasint"` // Unix milliseconds: the place in the queue
	Seq  uint64          `cbor:"5,keyasint"`
}

func signHand(k *identity.Key, h *Hand) []byte { return pack(k, handDomain, h) }

// ParseHand decodes a hand and checks its signature, but not whether its
// author is a member.
func ParseHand(raw []byte) (*Hand, error) {
	h := new(Hand)
	if err := unpack(raw, maxHand, handDomain, h, func() identity.ID { return h.Who }); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *Hand) after(o *Hand) bool {
	return h.Time > o.Time || h.Time == o.Time && h.Seq > o.Seq
}

// queue is the hands that are up, and those that were until lately. It is a
// pure machine.
type queue struct {
	hands map[identity.ID]*held
}

type held struct {
	Hand
	raw   []byte
	hash  [32]byte  // of raw: who comes first at the same instant
	spent bool      // its wish was granted, or its owner went
	since time.Time // what its life counts from
	seen  time.Time // its owner, last
}

// up tells whether the hand is in the queue.
func (h *held) up() bool { return h.Up && !h.spent }

// put takes a hand that has been up since a time and tells whether the queue
// has changed. Whether its own time can be right is for the caller to say.
func (q *queue) put(h *Hand, raw []byte, since, now time.Time) bool {
	old := q.hands[h.Who]
	if old != nil && !h.after(&old.Hand) || now.Sub(since) >= handLife {
		return false
	}
	if q.hands == nil {
		q.hands = make(map[identity.ID]*held)
	}
	q.hands[h.Who] = &held{Hand: *h, raw: raw, hash: sha256.Sum256(raw), since: since, seen: now}
	return h.Up || old != nil && old.up()
}

// raised returns a person's hand if it is up.
func (q *queue) raised(who identity.ID) *held {
	if h := q.hands[who]; h != nil && h.up() {
		return h
	}
	return nil
}

// show takes a hand that its owner's own heartbeat of a time, in Unix
// milliseconds, shows as up. The owner knows best: what was taken down here,
// because the owner seemed to be away, comes up again, and a later hand that
// the owner lost in a crash makes way.
func (q *queue) show(h *Hand, raw []byte, by uint64, since, now time.Time) bool {
	old := q.hands[h.Who]
	switch {
	case old == nil || h.after(&old.Hand):
		return q.put(h, raw, since, now)
	case !bytes.Equal(old.raw, raw) && old.Time < by:
		delete(q.hands, h.Who)
		return q.put(h, raw, since, now)
	case bytes.Equal(old.raw, raw) && old.spent:
		old.spent, old.seen = false, now
		return true
	}
	return false
}

// lower takes a person's hand down if it was raised by then, in Unix
// milliseconds: as a heartbeat of that time without the hand does.
func (q *queue) lower(who identity.ID, by uint64) bool {
	h := q.raised(who)
	if h == nil || h.Time > by {
		return false
	}
	h.spent = true
	return true
}

// settle takes down the hands that are over, and those of people who have been
// away for too long, and forgets old ones.
func (q *queue) settle(now time.Time, over func(*Hand) bool, here func(identity.ID) bool) bool {
	any := false
	for who, h := range q.hands {
		if here(who) {
			h.seen = now
		}
		old := now.Sub(h.since) >= handLife
		if h.up() && (old || over(&h.Hand) || now.Sub(h.seen) >= handGrace) {
			h.spent = true
			any = true
		}
		if old {
			delete(q.hands, who)
		}
	}
	return any
}

// timely tells whether a hand may have been raised when it says, for one that
// is heard of so long after at most. By the room's clock, and by that of each
// who moderates: they need not agree. One that seems to be early only waits
// longer.
func (r *Room) timely(h *Hand, after time.Duration, now time.Time) bool {
	made := time.UnixMilli(int64(h.Time))
	return made.After(r.clocks.earliest(r.state, r.common(now), now).Add(-after)) && credible(h.Time, r.common(now))
}

// upSince is what the life of a hand counts from: when it came, or for one that
// somebody hands on the time it names, where that is past.
func (r *Room) upSince(h *Hand, now time.Time, direct bool) time.Time {
	if direct {
		return now
	}
	return now.Add(-max(0, r.common(now).Sub(time.UnixMilli(int64(h.Time)))))
}

// list returns the queue in order: by the time of raising, then by hash.
func (q *queue) list() []Raised {
	var up []*held
	for _, h := range q.hands {
		if h.up() {
			up = append(up, h)
		}
	}
	slices.SortFunc(up, func(a, b *held) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), bytes.Compare(a.hash[:], b.hash[:]))
	})
	list := make([]Raised, len(up))
	for i, h := range up {
		list[i] = Raised{Who: h.Who, Place: i + 1, Since: time.UnixMilli(int64(h.Time))}
	}
	return list
}

// raws returns the hands that are up as they were signed, in order.
func (q *queue) raws() [][]byte {
	var raws [][]byte
	for _, r := range q.list() {
		raws = append(raws, q.hands[r.Who].raw)
	}
	return raws
}
