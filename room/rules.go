// This file holds the rules by which one operation undoes another, as functions of who has seen whom and of rank alone. The package
// documentation states them in words.

package room

import (
	"bytes"
	"maps"
	"slices"

	"stoa/identity"
)

// tally counts the persons whom an invite brought in.
type tally struct {
	n     int
	limit int   // 0 unlimited
	full  *node // the operation that took the last use; nil while some are left
}

// rules is what the operations found valid so far say about others. A State shares it, so a log that has handed it out clones it before
// it changes: slices only grow, maps are copied.
type rules struct {
	void     []Void                   // by position: why the operation is void, zero if valid or not judged yet
	given    map[holding][]*conferral // all conferrals, valid or not
	removals map[identity.ID][]*node  // valid kicks, bans and replacing grants by target
	closings map[identity.Hash][]*node
	pardons  map[identity.ID][]*node
	locks    []*node
	unlocks  []*node
	turns    map[holding]int // an invite's holders, numbered as they came in canonical order
	tallies  map[identity.Hash]tally
}

func newRules() *rules {
	return &rules{
		given: map[holding][]*conferral{}, removals: map[identity.ID][]*node{}, closings: map[identity.Hash][]*node{},
		pardons: map[identity.ID][]*node{}, turns: map[holding]int{}, tallies: map[identity.Hash]tally{},
	}
}

func (r *rules) clone() *rules {
	c := *r
	c.given, c.removals, c.closings = maps.Clone(r.given), maps.Clone(r.removals), maps.Clone(r.closings)
	c.pardons, c.turns, c.tallies = maps.Clone(r.pardons), maps.Clone(r.turns), maps.Clone(r.tallies)
	return &c
}

func (r *rules) valid(n *node) bool { return r.void[n.at] == (Void{}) }

// seen reports whether past holds a conferral of this grant on this person, valid or not.
func (r *rules) seen(past bitset, h holding) bool {
	return slices.ContainsFunc(r.given[h], func(c *conferral) bool { return past.has(c.node.at) })
}

// note files a valid operation under what it may undo.
func (r *rules) note(n *node) {
	t := n.op.Target
	if n.removes() {
		r.removals[t] = append(r.removals[t], n)
	}
	if g, _, ok := n.closes(); ok {
		r.closings[g] = append(r.closings[g], n)
	}
	switch n.op.Kind {
	case KindPardon:
		r.pardons[t] = append(r.pardons[t], n)
	case KindLock:
		r.locks = append(r.locks, n)
	case KindUnlock:
		r.unlocks = append(r.unlocks, n)
	}
}

// count gives the holders of every invite in an admit's lineage their turn. Called in canonical order.
func (r *rules) count(c *conferral) {
	for i, s := range c.line {
		if c.cred[i].Redeem == nil {
			continue
		}
		if _, ok := r.turns[s.holding]; ok {
			continue
		}
		t := r.tallies[s.grant]
		r.turns[s.holding] = t.n
		t.limit = int(s.uses)
		if t.n++; t.n == t.limit {
			t.full = c.node
		}
		r.tallies[s.grant] = t
	}
}

// crowdedOut returns the operation that took the last use of an invite in c's lineage before its holder came; nil if there was room.
func (r *rules) crowdedOut(c *conferral) *node {
	for _, s := range c.line {
		if s.uses == 0 {
			continue
		}
		t := r.tallies[s.grant]
		turn, ok := r.turns[s.holding]
		if !ok {
			turn = t.n
		}
		if turn >= int(s.uses) {
			return t.full
		}
	}
	return nil
}

// locksOut lists the locks that keep an admission out: of stronger rank, without sight of the admission, and no unlock between the two.
func (r *rules) locksOut(c *conferral) []*node {
	var locks []*node
	unlocked := r.unlockedBefore(c)
	for _, lock := range r.locks {
		if lock.rank < c.rank() && !lock.knew(c) && !unlocked.has(lock.at) {
			locks = append(locks, lock)
		}
	}
	return locks
}

// unlockedBefore is everything that the unlocks which c has seen had seen.
func (r *rules) unlockedBefore(c *conferral) bitset {
	var seen bitset
	for _, u := range slices.Backward(r.unlocks) {
		if u.rank < c.rank() && c.node.sees(u) && !seen.has(u.at) {
			seen = seen.or(u.past)
		}
	}
	return seen
}

// endings lists the valid operations that end c, among those noted so far.
func (r *rules) endings(c *conferral) []*node {
	var ends []*node
	add := func(candidates []*node) {
		for _, n := range candidates {
			if !slices.Contains(ends, n) && r.ends(n, c) {
				ends = append(ends, n)
			}
		}
	}
	for _, s := range c.line {
		add(r.removals[s.person])
		add(r.closings[s.grant])
	}
	return ends
}

// ends reports whether the valid removal n ends the conferral c, at whatever step of its lineage. Only a rank stronger than the step's does.
func (r *rules) ends(n *node, c *conferral) bool {
	if n == c.node {
		return false
	}
	for i, s := range c.line {
		if n.rank >= s.rank {
			continue
		}
		if n.removes() && n.op.Target == s.person && r.removed(n, c, i) {
			return true
		}
		if grant, keep, ok := n.closes(); ok && grant == s.grant && r.closed(n, c, i, keep) {
			return true
		}
	}
	return false
}

// removed: n puts out, or replaces the grants of, the holder of step i.
func (r *rules) removed(n *node, c *conferral, i int) bool {
	if i < len(c.line)-1 {
		return r.removedAbove(n, c, i)
	}
	switch {
	case n.knew(c):
		return true
	case c.node.sees(n):
		return r.outlasts(n, c)
	}
	if c.admits() || n.rank < c.node.rank {
		return true
	}
	return n.rank == c.node.rank && (!n.replaces() || !c.node.replaces() || takesPrecedence(n, c.node))
}

// outlasts: c came after n and knew of it. Does n still hold?
func (r *rules) outlasts(n *node, c *conferral) bool {
	switch {
	case !c.admits() && n.op.Kind != KindBan:
		return false // a grant by somebody who knew is how people are let back
	case n.replaces() && within(c.grant, n.op.args.grant):
		return false // gives no more than the replacing grant left them
	}
	return !r.pardoned(n, c.node, c.own())
}

// within reports whether g gives nothing that limit does not.
func within(g, limit identity.Grant) bool { return g.Rank >= limit.Rank && g.Caps&^limit.Caps == 0 }

// pardoned reports whether somebody pardoned s.person for n, before what at has seen.
func (r *rules) pardoned(n, at *node, s step) bool {
	need := identity.CapKick | identity.CapBan
	if n.op.Kind == KindBan {
		need = identity.CapBan
	}
	return slices.ContainsFunc(r.pardons[s.person], func(q *node) bool {
		return q.rank < s.rank && q.caps&need != 0 && q.sees(n) && at.sees(q)
	})
}

// removedAbove: n is against an ancestor. It ends admissions that it had not seen, unless it had seen the branch they came by, or the
// ancestor was back when they came. A grant needs no such rule: its author's own standing decides.
func (r *rules) removedAbove(n *node, c *conferral, i int) bool {
	s := c.line[i]
	if !c.admits() || n.knew(c) || r.branchSeen(n, c, i+1) {
		return false
	}
	if n.replaces() && n.gives.own().grant == s.grant {
		return false
	}
	if c.node.sees(n) && r.pardoned(n, c.node, s) {
		return false
	}
	return !slices.ContainsFunc(r.given[s.holding], func(a *conferral) bool {
		return c.node.sees(a.node) && r.valid(a.node) && !r.ends(n, a)
	})
}

// branchSeen reports whether n had seen c's lineage reach step i or beyond.
func (r *rules) branchSeen(n *node, c *conferral, i int) bool {
	return slices.ContainsFunc(c.line[i:], func(s step) bool { return r.seen(n.past, s.holding) })
}

// closed: n revokes the grant of step i, or closes it (keep).
func (r *rules) closed(n *node, c *conferral, i int, keep bool) bool {
	if !mayRevoke(n, c.line[:i+1]) {
		return false
	}
	own, apart := i == len(c.line)-1, !n.sees(c.node) && !c.node.sees(n)
	if own && apart && n.rank > c.node.rank {
		return false // given by somebody stronger who did not know
	}
	return !keep || !n.knew(c) && !r.branchSeen(n, c, i)
}

// mayRevoke: the author issued the last grant of line or one that it descends from, or may put people out.
func mayRevoke(n *node, line []step) bool {
	return n.caps&(identity.CapKick|identity.CapBan) != 0 ||
		slices.ContainsFunc(line, func(s step) bool { return s.issuer == n.op.Author })
}

// takesPrecedence decides between two operations on the same thing that did not know of each other: the stronger rank, then the one that
// denies, then the lower hash.
func takesPrecedence(a, b *node) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	if d, e := denial(a), denial(b); d != e {
		return d > e
	}
	return bytes.Compare(a.op.hash[:], b.op.hash[:]) < 0
}

// denial is greater for what allows less.
func denial(n *node) int {
	switch n.op.Kind {
	case KindMute:
		return 1
	case KindGrant:
		return int(n.op.args.grant.Rank)
	}
	return 0
}
