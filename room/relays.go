// This file holds what the log says of relays: who offers to carry listeners, what that is believed to be worth, and the beacon by which
// listeners are given to them. Who carries whom follows from it in package relay.

package room

import (
	"cmp"
	"maps"
	"slices"

	"stoa/identity"
)

const (
	slotKbps     = 64 // kbit/s of upload: what one listener takes of three voices at worst, of which one speaks most of the time
	slotsOnTrust = 16 // of a relay that nobody has measured
	enoughAudits = 3  // branches from which audits have to come before those of people who only speak count
)

// RelayMember is a member who offers to carry listeners.
type RelayMember struct {
	ID       identity.ID
	Admitted identity.Hash // the operation that made it a relay; zero for an owner
	Beacon   identity.Hash // the oldest epoch whose author had seen that; zero: there is none yet
	Slots    uint16        // listeners that it counts for: of its grant, its advert and the audits whatever says least
	Addrs    []string      // where it says it is reached
	Advert   identity.Hash // the operation that says so
	Audits   int           // members whose audits count
}

// report fills in what the valid adverts and audits say.
func (l *Log) report(s *State) {
	s.adverts, s.audits = map[identity.ID]*node{}, map[identity.ID][]*node{}
	for id, ns := range l.eval.adverts {
		s.adverts[id] = winner(ns)
	}
	for by, ns := range l.eval.audits {
		s.audits[by.relay] = append(s.audits[by.relay], winner(ns))
	}
}

// Relays lists the members who may carry listeners and offer at least one slot, by ID.
func (s *State) Relays() []RelayMember {
	var list []RelayMember
	for _, id := range sortedIDs(s.adverts) {
		offer := s.adverts[id].op.args.advert
		r := RelayMember{ID: id, Addrs: slices.Clone(offer.Addrs), Advert: s.adverts[id].op.hash}
		most, since := s.relayGrant(id)
		audited, n := s.audited(id)
		slots := min(most, uint32(offer.Slots), audited/slotKbps)
		if offer.Kbps != 0 {
			slots = min(slots, offer.Kbps/slotKbps)
		}
		if slots == 0 {
			continue
		}
		r.Slots, r.Audits, r.Beacon = uint16(slots), n, s.beacon(since)
		if since != nil {
			r.Admitted = since.op.hash
		}
		list = append(list, r)
	}
	return list
}

// relayGrant is the most that a member's grants let it count for, 0 when none lets it carry anybody, and the first operation that gave it
// one of them; nil for an owner, whom no grant bounds.
func (s *State) relayGrant(id identity.ID) (slots uint32, since *node) {
	if s.charter.IsOwner(id) {
		return identity.MaxSlots, nil
	}
	for _, c := range s.live[id] {
		if !c.grant.Caps.Has(identity.CapRelay) {
			continue
		}
		slots = max(slots, c.grant.RelaySlots())
		if since == nil || earlier(c.node, since) {
			since = c.node
		}
	}
	return slots, since
}

// earlier orders operations of which neither need have seen the other in a way that is the same for everybody.
func earlier(a, b *node) bool {
	return cmp.Or(cmp.Compare(a.op.Time, b.op.Time), compareHashes(a.op.hash, b.op.hash)) < 0
}

// beacon is the oldest epoch with since in its past. A relay had its key before anybody could know the hash of that operation, so it cannot
// have chosen the key to be near somebody. It is not the newest one, because every kick makes an epoch, and must not deal everybody other relays.
func (s *State) beacon(since *node) identity.Hash {
	var best *node
	for _, e := range s.epochs {
		if (since == nil || e.sees(since)) && (best == nil || newer(best, e)) {
			best = e
		}
	}
	if best == nil {
		return identity.Hash{}
	}
	return best.op.hash
}

// audited is what a relay is believed to send, in kbit/s, and by how many members' measurements: the median over the branches of invites
// from which its auditors came, of the median in each, so that nobody wins by bringing friends. Of fewer than three branches only those who
// moderate count, and they take from a relay nothing of the little with which it is trusted unmeasured: of two, one alone would decide.
func (s *State) audited(id identity.ID) (kbps uint32, auditors int) {
	all := s.auditsOf(id, needs[KindAudit])
	if len(all) >= enoughAudits {
		return all.median()
	}
	kbps, auditors = s.auditsOf(id, moderates).median()
	return max(kbps, slotsOnTrust*slotKbps), auditors
}

// measured is what audits say of a relay, in kbit/s, by the branches of their authors.
type measured map[identity.Hash][]uint32

// auditsOf collects the audits of a relay by members with any of the capabilities.
func (s *State) auditsOf(id identity.ID, by identity.Caps) measured {
	m := measured{}
	for _, n := range s.audits[id] {
		if s.Members[n.op.Author].Caps&by == 0 {
			continue
		}
		branch := s.Subtree(n.op.Author)
		m[branch] = append(m[branch], n.op.args.audit.Kbps)
	}
	return m
}

// median is the median of the branches' medians, 0 without any, and of how many audits.
func (m measured) median() (kbps uint32, audits int) {
	var medians []uint32
	for _, of := range m {
		medians = append(medians, median(of))
		audits += len(of)
	}
	if audits == 0 {
		return 0, 0
	}
	return median(medians), audits
}

// median of an even number is the lower of the two in the middle.
func median(values []uint32) uint32 {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// Subtree names the branch to which a member belongs by their strongest grant: the invite of an owner at its beginning; or the person whom an
// owner chose in person for more than to listen; or the owner. Members of one branch may all be one person, so where members are counted
// they count as one. It is zero for who is not in.
func (s *State) Subtree(id identity.ID) identity.Hash {
	if s.charter.IsOwner(id) {
		return identity.Hash(id)
	}
	held := s.live[id]
	if len(held) == 0 {
		return identity.Hash{}
	}
	switch first := &held[0].cred[0].Grant; {
	case first.Invite:
		return held[0].line[0].grant
	case first.Caps == identity.CapHear: // which the program of an owner gives by itself: see promote
		return identity.Hash(first.Issuer)
	default:
		return identity.Hash(first.Subject)
	}
}

// waitsForBeacon reports whether a relay has been made since the last epoch, and whether it is the first.
func (s *State) waitsForBeacon() (waits, first bool) {
	first = true
	for id := range maps.Keys(s.adverts) {
		most, since := s.relayGrant(id)
		switch {
		case most == 0 || s.adverts[id].op.args.advert.Slots == 0:
		case s.beacon(since).IsZero():
			waits = true
		default:
			first = false
		}
	}
	return waits, first
}
