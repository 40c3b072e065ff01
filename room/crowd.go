// What a member knows of a crowd: how many people the relays carry, what the acting host hears, who complains of whom.

package room

import (
	"bytes"
	"cmp"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

const (
	countEvery  = 500 * time.Millisecond // between two counts of everybody, which cost as much as there are people
	floorLife   = 3 * relay.FloorEvery   // how long what the host heard is worth showing
	maxAcquaint = 8192                   // people whose name or invite is remembered
)

// attendance is who is here beyond the roster. It is a pure machine.
type attendance struct {
	people  relay.Audience
	trusted relay.Reputation // what others complain of; this member's own judgement is the program's
	count   int              // of people, without those of the roster
	stale   bool             // people have come or gone since they were counted, also in the roster
	countAt time.Time        // when they may be counted again
	crowd   crowding
	floor   *relay.Floor
	floorAt time.Time
	raws    map[identity.ID]kept // the last attendance of each relay, for those who come next

	known map[identity.ID]acquaintance
}

// kept is a record as it was signed, and when it came.
type kept struct {
	raw  []byte
	seen time.Time
}

// acquaintance is what is remembered of somebody who is not in the roster.
type acquaintance struct {
	name  string
	grant identity.Hash
}

// meet remembers how somebody who may be in the audience later is called and by which invite they are seated, and adds to g what it
// remembers. Loop only.
func (r *Room) meet(g *Guest) {
	if _, known := r.known[g.ID]; !known && len(r.known) >= maxAcquaint {
		return
	}
	if r.known == nil {
		r.known = make(map[identity.ID]acquaintance)
	}
	a := r.known[g.ID]
	a.name, a.grant = cmp.Or(g.Name, a.name), g.Grant
	r.known[g.ID], g.Name = a, a.name
}

// seated tells whether somebody who is no member is known to hear here, and by which invite if that is known too. Loop only.
func (r *Room) seatedHere(who identity.ID) (via identity.Hash, ok bool) {
	if p := r.proofs.get(who); p != nil && p.seat != nil {
		return p.seat.Grant, true
	}
	if a := r.known[who]; !a.grant.IsZero() {
		return a.grant, true
	}
	_, ok = r.people.By(who)
	return via, ok
}

// takeReport takes a record of package relay that came by the presence channel, or from who has kept it since it was seen. Loop only.
func (r *Room) takeReport(raw []byte, seen, now time.Time) {
	if a, err := relay.ParseAttendance(raw); err == nil {
		r.takeAttendance(a, raw, seen, now)
	} else if f, err := relay.ParseFloor(raw); err == nil {
		r.takeFloor(f, now)
	} else if c, err := relay.ParseComplaint(raw); err == nil {
		r.takeComplaint(c, now)
	}
}

func (r *Room) takeAttendance(a *relay.Attendance, raw []byte, seen, now time.Time) {
	most := r.state.carries(a.Relay)
	if most == 0 || a.Room != r.id || !credible(a.Time, r.common(now)) || !r.people.Put(a, most, seen) {
		return
	}
	if r.raws == nil {
		r.raws = make(map[identity.ID]kept)
	}
	r.raws[a.Relay] = kept{raw, seen}
	r.stale = true
}

// carries is the most people that somebody may claim to carry: what their grant allows and their advert, where it is here already, offers.
// Nothing measured bounds it, for a relay that has not been measured carries people all the same.
func (s *State) carries(id identity.ID) uint16 {
	most, _ := s.relayGrant(id)
	if n := s.adverts[id]; n != nil {
		most = min(most, uint32(n.op.args.advert.Slots))
	}
	return uint16(most)
}

// takeFloor takes what somebody hears if that is the acting host, as far as this machine knows: any other moderator could replace it otherwise.
func (r *Room) takeFloor(f *relay.Floor, now time.Time) {
	if f.Room != r.id || f.Host != r.host() || !credible(f.Time, r.common(now)) {
		return
	}
	if r.floor != nil && r.floor.Host == f.Host && f.Seq <= r.floor.Seq && f.Time <= r.floor.Time {
		return
	}
	r.floor, r.floorAt, r.dirty = f, now, true
}

func (r *Room) takeComplaint(c *relay.Complaint, now time.Time) {
	if c.Room != r.id || !r.member(c.Who) || !r.member(c.Relay) || !credible(c.Time, r.common(now)) {
		return
	}
	r.trusted.Complain(c, r.state.Subtree(c.Who), now)
	r.dirty = true
}

// attend counts the people and decides whether they are a crowd. Loop only.
func (r *Room) attend(now time.Time) {
	if gone, _ := r.people.Expire(now); gone {
		r.stale = true
		for id := range r.raws {
			if _, ok := r.people.Carries(id); !ok {
				delete(r.raws, id)
			}
		}
	}
	if r.floor != nil && now.Sub(r.floorAt) >= floorLife {
		r.floor, r.dirty = nil, true
	}
	if r.stale && now.Before(r.countAt) {
		return // half of it known, people who move from the roster to a relay would seem to have gone
	}
	if r.stale {
		here := map[relay.Prefix]bool{relay.PrefixOf(r.me): r.member(r.me)}
		for id := range r.roster.here {
			here[relay.PrefixOf(id)] = true
		}
		r.count, r.stale, r.dirty = r.people.Count(func(p relay.Prefix) bool { return here[p] }), false, true
		r.countAt = now.Add(countEvery)
	}
	was := r.crowd.on
	r.crowd = r.crowd.next(r.listening()+r.count, r.carriers(), now)
	r.dirty = r.dirty || r.crowd.on != was
}

// crowding is whether the people are a crowd. It is a pure machine.
type crowding struct {
	on    bool
	until time.Time // when a crowd ends that has lost its reason; zero while it has one
}

// next is what follows now that so many people and relays are here. Without a relay there is nobody to carry them. A crowd outlives its
// reason by crowdDwell, so that thousands do not come into gossip and leave it again because one relay starts anew.
func (c crowding) next(people, relays int, now time.Time) crowding {
	switch {
	case relays > 0 && (people >= crowdFrom || c.on && people >= crowdUntil):
		return crowding{on: true}
	case !c.on:
		return c
	case c.until.IsZero():
		c.until = now.Add(crowdDwell)
	case !now.Before(c.until):
		return crowding{}
	}
	return c
}

// host is the acting host: the strongest person here who has one of the hosts' capabilities; zero when there is none. Loop only.
func (r *Room) host() identity.ID {
	var best Member
	stand := func(who identity.ID) {
		m := r.state.Members[who]
		if m.Caps&hosts != 0 && (best.ID.IsZero() || cmp.Or(cmp.Compare(m.Rank, best.Rank), bytes.Compare(who[:], best.ID[:])) < 0) {
			best = m
		}
	}
	for who := range r.roster.here {
		stand(who)
	}
	if !r.left {
		stand(r.me)
	}
	return best.ID
}

// listening counts the people of the roster who hear, this one included. Loop only.
func (r *Room) listening() int {
	n := 0
	for id := range r.roster.here {
		if r.state.CanHear(id) {
			n++
		}
	}
	if r.state.CanHear(r.me) {
		n++
	}
	return n
}

// carriers counts the relays that are alive. Loop only.
func (r *Room) carriers() (n int) {
	for i := range r.relays {
		if r.here(r.relays[i].ID) {
			n++
		}
	}
	return n
}

// viewRelays describes the relays for a snapshot. Loop only.
func (r *Room) viewRelays(now time.Time) []RelayView {
	cs := make([]relay.Candidate, len(r.relays))
	for i := range r.relays {
		cs[i] = relay.Candidate{ID: r.relays[i].ID, Slots: r.relays[i].Slots}
	}
	cs = r.trusted.Weigh(cs, now)
	views := make([]RelayView, len(r.relays))
	for i := range r.relays {
		m := r.relays[i]
		v := RelayView{RelayMember: m, Weight: cs[i].Slots, Most: r.state.carries(m.ID), Alive: r.here(m.ID)}
		v.Carries, _ = r.people.Carries(m.ID)
		if a := r.roster.here[m.ID]; a != nil {
			v.Name = a.Name
		} else if m.ID == r.me {
			v.Name = r.name
		}
		views[i] = v
	}
	return views
}

// next is when attend will have something to do; zero when it will not.
func (a *attendance) next(now time.Time) time.Time {
	_, next := a.people.Expire(now)
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if a.stale {
		sooner(a.countAt)
	} else if !a.crowd.until.IsZero() {
		sooner(a.crowd.until)
	}
	if a.floor != nil {
		sooner(a.floorAt.Add(floorLife))
	}
	return next
}
