// Who helps two who cannot connect, as everybody reckons it for himself, and
// alike, from what all say of how they hear (room.Hearing). All here are pure
// functions.
//
//	0.5 s without a link ─► "I do not hear ben" ─► relays of the room are fed
//	                                          └─ 0.5 s later, where none brings him:
//	                                             a member linked with both helps

package app

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"stoa/identity"
	"stoa/room"
)

const (
	// helpAfter is how long somebody has been deaf before a member helps: most
	// links that are on their way are there by then.
	helpAfter = 500 * time.Millisecond

	// helpLead is how much later the one in need turns to the helper, who has to
	// learn of it first.
	helpLead = 200 * time.Millisecond

	// relaysFirst is how long relays that could bring a voice have for it before
	// a member helps all the same: the one in need may not reach them.
	relaysFirst = 2 * time.Second

	// nextHelper is how long a helper has to bring what is missed before it is
	// the turn of the next one.
	nextHelper = 3 * time.Second

	// maxHelpers bounds who is fed for the sake of others: whatever people say,
	// a speaker sends no more than so many streams more. No more people are helped
	// than these have slots for, and beyond nobody's need is even looked at.
	maxHelpers = 3
	maxHelped  = maxHelpers * helpSlots
)

// need is whom somebody on the stage or below has no link to.
type need struct {
	of   []*room.Person
	deaf time.Duration // for how long one of them has not been heard at all; 0: all are
}

// needOf is what somebody lacks, as they say.
func needOf(s *room.Snapshot, x *room.Person, now time.Time) (n need) {
	if !x.Caps.Has(identity.CapHear) {
		return n
	}
	for _, h := range x.Hears {
		if h.Way.Linked() || h.Who == x.ID {
			continue
		}
		p := find(s, h.Who)
		if p == nil || !p.Stage {
			continue
		}
		n.of = append(n.of, p)
		if h.Way == room.Unheard {
			n.deaf = max(n.deaf, now.Sub(h.Since), 1)
		}
	}
	return n
}

// someoneLacks says that anybody here, this node included, has no link to
// somebody on the stage.
func someoneLacks(s *room.Snapshot, now time.Time) bool {
	for i := range s.People {
		if len(needOf(s, &s.People[i], now).of) > 0 {
			return true
		}
	}
	return false
}

// linked says that two have a link: that one of them says so and the other does
// not deny it.
func linked(a, b *room.Person) bool {
	there, saidThere := a.Hearing(b.ID)
	back, saidBack := b.Hearing(a.ID)
	return (saidThere || saidBack) && (!saidThere || there.Way.Linked()) && (!saidBack || back.Way.Linked())
}

// coverage counts those of a need whose voices a carrier has.
func (n need) coverage(carrier *room.Person) (covered int) {
	for _, p := range n.of {
		if h, said := carrier.Hearing(p.ID); p.ID == carrier.ID || said && h.Way != room.Unheard {
			covered++
		}
	}
	return covered
}

// mayHelp says whether somebody would carry for another, and can.
func mayHelp(s *room.Snapshot, h, x *room.Person) bool {
	return h.Helps && h.Stage && h.ID != x.ID && s.State.CanHear(h.ID) && !isRelay(s, h.ID) && linked(h, x)
}

// helperOf names the member who should carry for somebody now, if any should.
// Whoever carries already goes on until there are links.
func helperOf(s *room.Snapshot, x *room.Person, now time.Time) (helper identity.ID, found bool) {
	return helperIn(s, x, needOf(s, x, now))
}

// helperIn is helperOf for a need.
func helperIn(s *room.Snapshot, x *room.Person, n need) (helper identity.ID, found bool) {
	if len(n.of) == 0 || s.Crowd {
		return helper, false // in a crowd there are relays, and who is deaf finds another one
	}
	if h := find(s, x.Relay); h != nil && mayHelp(s, h, x) {
		helper, found = h.ID, true
	}
	if n.deaf < helpAfter || !found && n.deaf < relaysFirst && byRelays(s, n) {
		return helper, found
	}
	if order := helpersFor(s, x, n); len(order) > 0 {
		turn := int((n.deaf - helpAfter) / nextHelper)
		return order[turn%len(order)], true
	}
	return helper, found
}

// byRelays says that a relay of the room has every voice of a need.
func byRelays(s *room.Snapshot, n need) bool {
	return slices.ContainsFunc(s.People, func(p room.Person) bool { return isRelay(s, p.ID) && n.coverage(&p) == len(n.of) })
}

// helpersFor lists who could carry for somebody: those first who have most of
// what is needed, and of equals by a draw that is the same for all in the room, so
// that few help many.
func helpersFor(s *room.Snapshot, x *room.Person, n need) []identity.ID {
	type candidate struct {
		id     identity.ID
		covers int
		draw   identity.Hash
	}
	var all []candidate
	for i := range s.People {
		h := &s.People[i]
		if !mayHelp(s, h, x) {
			continue
		}
		c := candidate{id: h.ID, draw: identity.HashOf(slices.Concat([]byte("stoa/helper/1"), s.Room[:], h.ID[:]))}
		for _, p := range n.of {
			if p.ID == h.ID || linked(h, p) {
				c.covers++
			}
		}
		if c.covers == 0 {
			continue
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.covers, a.covers), bytes.Compare(a.draw[:], b.draw[:]))
	})
	ids := make([]identity.ID, len(all))
	for i, c := range all {
		ids[i] = c.id
	}
	return ids
}

// helpers are the members who should carry for others now, maxHelpers at most,
// and for whom, helpSlots each. They are given out in the order of the room: the
// stage comes before those who only listen, of whom one link can bring any number.
func helpers(s *room.Snapshot, now time.Time) map[identity.ID][]identity.ID {
	all := map[identity.ID][]identity.ID{}
	needy := 0
	for i := range s.People {
		x := &s.People[i]
		n := needOf(s, x, now)
		if len(n.of) == 0 {
			continue
		}
		if needy++; needy > maxHelped {
			break
		}
		h, found := helperIn(s, x, n)
		if those := all[h]; found && len(those) < helpSlots && (those != nil || len(all) < maxHelpers) {
			all[h] = append(those, x.ID)
		}
	}
	return all
}

// find returns somebody who is here, or nil.
func find(s *room.Snapshot, id identity.ID) *room.Person {
	for i := range s.People {
		if s.People[i].ID == id {
			return &s.People[i]
		}
	}
	return nil
}
