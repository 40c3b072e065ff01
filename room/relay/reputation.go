// Whom not to choose: relays that failed us, for a time, and those that fail others, in part.

package relay

import (
	"slices"
	"time"

	"stoa/identity"
)

const (
	maxBars       = 256
	maxComplained = 256 // relays
	maxSubtrees   = 64  // that complain of one relay

	complaintLife = 10 * time.Minute

	// leastSubtrees is how many invite subtrees the median is taken over at the least. With three, no single one moves it.
	leastSubtrees = 3

	// eighths is the unit of a weight that is lowered.
	eighths = 8
)

// sentence is how long a fault bars a relay, the first time and at most.
type sentence struct{ first, most time.Duration }

// sentences by fault. What may have been the path, or a restart, is forgiven soon; what no honest relay can do is not.
var sentences = [faultEnd]sentence{
	Dead:    {4 * time.Second, time.Minute},
	Silent:  {4 * time.Second, time.Minute},
	Drops:   {30 * time.Second, 10 * time.Minute},
	Delays:  {30 * time.Second, 10 * time.Minute},
	Censors: {time.Minute, 20 * time.Minute},
	Replays: {10 * time.Minute, 2 * time.Hour},
	Forges:  {time.Hour, 24 * time.Hour},
}

// grievance is what a complaint takes from a relay's weight, in eighths.
var grievance = [faultEnd]uint8{Drops: 3, Delays: 3, Censors: 5, Replays: 7, Forges: 7}

// Reputation is what one member thinks of the relays. It is a pure machine, not safe for concurrent use. The zero Reputation is ready.
type Reputation struct {
	bars       map[identity.ID]bar
	complaints map[identity.ID]map[identity.Hash]heardOf
	complained time.Time // when this member did so last
}

type bar struct {
	until time.Time
	last  time.Duration
}

type heardOf struct {
	eighths uint8
	until   time.Time
}

// Blame bars a relay that failed us, for seconds or minutes, and for twice as long as before when it was barred not long ago.
func (r *Reputation) Blame(relay identity.ID, f Fault, now time.Time) {
	if f == 0 || f >= faultEnd {
		return
	}
	s := sentences[f]
	length := s.first
	if b, ok := r.bars[relay]; ok && now.Before(b.until.Add(4*b.last)) {
		length = min(max(2*b.last, s.first), max(s.most, b.last))
	}
	if r.bars == nil {
		r.bars = make(map[identity.ID]bar)
	}
	if len(r.bars) >= maxBars {
		r.forgive(now)
	}
	r.bars[relay] = bar{now.Add(length), length}
}

// forgive makes room for a bar: it takes those that are not even remembered any more, or the one that ends first.
func (r *Reputation) forgive(now time.Time) {
	var soonest identity.ID
	for id, b := range r.bars {
		if !now.Before(b.until.Add(4 * b.last)) {
			delete(r.bars, id)
		} else if s, ok := r.bars[soonest]; !ok || b.until.Before(s.until) {
			soonest = id
		}
	}
	if len(r.bars) >= maxBars {
		delete(r.bars, soonest)
	}
}

// Barred returns who of an order is barred now, for [Choose]. When that would be everybody, the one whose time is over first is not: a bad relay
// can do no worse than none, since nothing is played that its speaker did not sign.
func (r *Reputation) Barred(order []Candidate, now time.Time) func(identity.ID) bool {
	var pardoned identity.ID
	var soonest time.Time
	for i := range order {
		b := r.bars[order[i].ID]
		if !now.Before(b.until) {
			pardoned = identity.ID{}
			break
		}
		if soonest.IsZero() || b.until.Before(soonest) {
			pardoned, soonest = order[i].ID, b.until
		}
	}
	return func(id identity.ID) bool { return id != pardoned && now.Before(r.bars[id].until) }
}

// Until returns when a relay is not barred any more: a time that is past when it is not.
func (r *Reputation) Until(relay identity.ID) time.Time { return r.bars[relay].until }

// Complain notes the complaint of somebody else that came at a time. subtree names the invite by which its author came in: the first grant below
// an owner. The caller has checked that the author is in the room and that the complaint's time is about now.
func (r *Reputation) Complain(c *Complaint, subtree identity.Hash, at time.Time) {
	if !c.Fault.Complains() {
		return
	}
	by := r.complaints[c.Relay]
	if by == nil {
		if len(r.complaints) >= maxComplained {
			return
		}
		if r.complaints == nil {
			r.complaints = make(map[identity.ID]map[identity.Hash]heardOf)
		}
		by = make(map[identity.Hash]heardOf)
		r.complaints[c.Relay] = by
	}
	old, known := by[subtree]
	if !known && len(by) >= maxSubtrees {
		return
	}
	worth := grievance[c.Fault]
	if known && at.Before(old.until) {
		worth = max(worth, old.eighths)
	}
	by[subtree] = heardOf{worth, at.Add(complaintLife)}
}

// Weigh returns the candidates with their slots as the complaints of the last ten minutes leave them: less by the median of what each invite
// subtree has against a relay, where at least three subtrees count, complain or not. Elections by members who heard different complaints differ
// in the share of that relay and in nothing else. cs is not changed.
func (r *Reputation) Weigh(cs []Candidate, now time.Time) []Candidate {
	out := slices.Clone(cs)
	for i := range out {
		if less := r.median(out[i].ID, now); less > 0 && out[i].Slots > 0 {
			out[i].Slots = uint16(max(1, int(out[i].Slots)*(eighths-less)/eighths))
		}
	}
	return out
}

func (r *Reputation) median(relay identity.ID, now time.Time) int {
	by := r.complaints[relay]
	var all []uint8
	for subtree, h := range by {
		if now.Before(h.until) {
			all = append(all, h.eighths)
		} else {
			delete(by, subtree)
		}
	}
	if by != nil && len(all) == 0 {
		delete(r.complaints, relay)
	}
	for len(all) < leastSubtrees {
		all = append(all, 0)
	}
	slices.Sort(all)
	return int(all[(len(all)-1)/2])
}

// MayComplain tells whether this member may publish a complaint now, and counts it if so: one in 30 s.
func (r *Reputation) MayComplain(now time.Time) bool {
	if !r.complained.IsZero() && now.Sub(r.complained) < ComplaintEvery {
		return false
	}
	r.complained = now
	return true
}
