// Who hears by relays and who directly, and who feeds and measures the relays,
// as each member reckons it for himself from what everybody knows. All here are
// pure functions.

package app

import (
	"slices"
	"time"

	"stoa/identity"
	"stoa/room"
	"stoa/room/relay"
)

const (
	// linkPatience is how long somebody on the stage may be without a link to
	// this node before it looks for others to hear them by. Links that need no
	// more than a dial are there sooner; who has to punch goes on with that.
	linkPatience = 500 * time.Millisecond

	// crowdGrace is how long after a room has become a crowd links to listeners
	// are kept, so that everybody finds relays before the voices cease.
	crowdGrace = 5 * time.Second
)

// levels are the relays that are alive, by who feeds them.
type levels struct {
	fed   []relay.Candidate // by the speakers
	serve []relay.Candidate // listeners
}

// levelsOf divides the relays of a room. Few are fed by the speakers and serve
// listeners; of many, the trunk is fed by the speakers and serves only the
// others, which serve the listeners.
func levelsOf(s *room.Snapshot) levels {
	var all, weighed []relay.Candidate
	for _, r := range s.Relays {
		if !r.Alive {
			continue
		}
		c := relay.Candidate{ID: r.ID, Slots: r.Slots, Beacon: r.Beacon}
		if len(r.Addrs) > 0 {
			c.Net = relay.NetworkOf(r.Addrs[0])
		}
		all = append(all, c)
		c.Slots = r.Weight
		weighed = append(weighed, c)
	}
	// The trunk is what all must agree on, so nobody's complaints change it.
	trunk := relay.Trunk(all)
	if trunk == nil {
		return levels{fed: all, serve: weighed}
	}
	l := levels{}
	for i, c := range all {
		if slices.Contains(trunk, c.ID) {
			l.fed = append(l.fed, c)
		} else {
			l.serve = append(l.serve, weighed[i])
		}
	}
	return l
}

// without returns the candidates but for one.
func without(cs []relay.Candidate, id identity.ID) []relay.Candidate {
	return slices.DeleteFunc(slices.Clone(cs), func(c relay.Candidate) bool { return c.ID == id })
}

// firstLevel lists the relays that speakers hold links to, always: so that the
// first one who needs a relay need not wait for these.
func firstLevel(s *room.Snapshot) []identity.ID {
	var ids []identity.ID
	for _, c := range levelsOf(s).fed {
		ids = append(ids, c.ID)
	}
	return ids
}

// fedBy lists those whom this node sends to, beside the listeners, when it
// speaks: the relays of the first level, as long as there is a crowd, any relay
// carries somebody, or anybody says that they have no link to a speaker; and
// whoever helps.
func fedBy(s *room.Snapshot, now time.Time) (ids []identity.ID) {
	if s.Crowd || slices.ContainsFunc(s.Relays, func(r room.RelayView) bool { return r.Carries > 0 }) || someoneLacks(s, now) {
		ids = append(firstLevel(s), sortedIDs(helpers(s, now))...)
	}
	return slices.DeleteFunc(ids, func(id identity.ID) bool { return id == s.Me.ID })
}

// isRelay says whether somebody is a relay that is alive.
func isRelay(s *room.Snapshot, id identity.ID) bool {
	return slices.ContainsFunc(s.Relays, func(r room.RelayView) bool { return r.ID == id && r.Alive })
}

// overfull says that more people listen in a crowd than its relays can carry,
// so that the stage has to bear some of them: all, when no relay is alive,
// though nobody here may know of any.
func overfull(s *room.Snapshot) bool {
	places, listeners := 0, s.Audience
	for _, c := range levelsOf(s).serve {
		for _, r := range s.Relays {
			if r.ID == c.ID {
				places += int(r.Most)
			}
		}
	}
	for _, p := range s.People {
		if !p.Stage && p.Caps.Has(identity.CapHear) {
			listeners++
		}
	}
	return places == 0 || listeners > places
}

// mayHoldLink says whether somebody may hold a media link to this node. settled
// says that a crowd has had the time to find its relays.
func mayHoldLink(s *room.Snapshot, id identity.ID, settled bool) bool {
	m, in := s.State.Members[id]
	switch {
	case !in:
		return false
	case s.Me.Caps&(identity.CapHear|identity.CapSpeak) == 0:
		// One that only carries has no use for those who only listen: these are its children.
		return m.Caps&^identity.CapHear != 0
	case !s.Crowd || !settled:
		return true
	case isRelay(s, id) || isRelay(s, s.Me.ID):
		return true
	case m.Caps.Has(identity.CapSpeak) && s.Me.Stage:
		return true
	}
	return (m.Caps.Has(identity.CapSpeak) || s.Me.Stage) && overfull(s)
}

// shouldLink says whether this node should see to it that there is a link to
// somebody who is here. carried says that relays bring it all voices.
func shouldLink(s *room.Snapshot, p *room.Person, carried bool) bool {
	if p.ID == s.Me.ID {
		return false
	}
	toMe, toThem := p.Stage && s.Me.Caps.Has(identity.CapHear), s.Me.Stage && p.Caps.Has(identity.CapHear)
	switch {
	case !s.Crowd && (toMe || toThem), s.Crowd && p.Stage && s.Me.Stage:
		return true
	case p.Stage || s.Me.Stage:
		if first := firstLevel(s); slices.Contains(first, p.ID) || slices.Contains(first, s.Me.ID) {
			return true
		}
	}
	// Of the two the listener knows whether he lacks anything.
	return toMe && !carried && overfull(s)
}

// wantsRelays says whether this node should be carried: because it is of those
// whom nobody sends to directly, or because somebody on the stage is out of its
// reach. unlinked is for how long the one has been who was longest.
func wantsRelays(s *room.Snapshot, unlinked time.Duration) bool {
	if !s.Live || s.State.Closed || !s.Me.Caps.Has(identity.CapHear) {
		return false
	}
	return s.InAudience() || s.Crowd && !s.Me.Stage || unlinked >= linkPatience
}

// unlinkedSince notes since when each of those on the stage has had no link to
// this node that brings anything, given what was noted before. Of a link that has
// died there is nothing to wait for: they have been without one for long enough.
func unlinkedSince(s *room.Snapshot, at linkage, before map[identity.ID]time.Time, now time.Time) map[identity.ID]time.Time {
	since := map[identity.ID]time.Time{}
	for _, p := range s.People {
		if _, linked := at.alive[p.ID]; linked || !p.Stage || p.ID == s.Me.ID {
			continue
		}
		since[p.ID] = now
		if at.dead[p.ID] {
			since[p.ID] = now.Add(-linkPatience)
		}
		if was, ok := before[p.ID]; ok {
			since[p.ID] = was
		}
	}
	return since
}

// bearersOf lists by whom this node may be carried: the relays of the room, in a
// small one those that have most of whom it lacks; or the member who helps.
func bearersOf(s *room.Snapshot, unlinked map[identity.ID]time.Time, now time.Time) []relay.Candidate {
	if h, found := helperOf(s, &s.Me, now.Add(-helpLead)); found {
		return []relay.Candidate{{ID: h, Slots: 1}}
	}
	if h := find(s, s.Me.Relay); h != nil && !s.Crowd && mayHelp(s, h, &s.Me) {
		return []relay.Candidate{{ID: h.ID, Slots: 1}} // as long as it goes on
	}
	all := without(levelsOf(s).serve, s.Me.ID)
	if s.Crowd {
		return all
	}
	has := func(c relay.Candidate) (n int) {
		for id := range unlinked {
			if brings(s, c.ID, id) {
				n++
			}
		}
		return n
	}
	most := 0
	for _, c := range all {
		most = max(most, has(c))
	}
	return slices.DeleteFunc(all, func(c relay.Candidate) bool { return has(c) < most })
}

// longestOf is how long ago the earliest of the instants was.
func longestOf(since map[identity.ID]time.Time, now time.Time) time.Duration {
	var longest time.Duration
	for _, t := range since {
		longest = max(longest, now.Sub(t))
	}
	return longest
}

// holdsOf names the newest secret that this node has and hands out.
func holdsOf(s *room.Snapshot) (commit [8]byte) {
	if len(s.Epochs) > 0 && s.Epochs[0].Known {
		copy(commit[:], s.Epochs[0].Commit[:])
	}
	return commit
}

// auditorsOf names the three members who measure a relay when it has said, by a
// new advert, what it can bear. They follow from that advert, so the relay
// cannot choose them and everybody knows who they are.
func auditorsOf(s *room.Snapshot, r *room.RelayView) []identity.ID {
	type auditor struct {
		id   identity.ID
		draw identity.Hash
	}
	var all []auditor
	for _, p := range s.People {
		if p.ID != r.ID && p.Stage {
			draw := identity.HashOf(slices.Concat([]byte("stoa/auditor/1"), r.Advert[:], r.ID[:], p.ID[:]))
			all = append(all, auditor{p.ID, draw})
		}
	}
	slices.SortFunc(all, func(a, b auditor) int { return slices.Compare(a.draw[:], b.draw[:]) })
	var ids []identity.ID
	for _, a := range all[:min(len(all), auditors)] {
		ids = append(ids, a.id)
	}
	return ids
}

// auditors is how many members measure a relay.
const auditors = 3
