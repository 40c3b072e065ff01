// This file judges operations. evaluate judges all of them from nothing; extend judges one that has seen all others, and comes to the same
// result (tested), because an operation that has seen everything can end what people hold but void nothing that was done before.
//
// evaluate is well founded because every rule asks only about operations acted under a stronger rank: whatever ends a conferral has a
// stronger rank than it, an act rests on a conferral of its own rank, and a grant is weaker than the one it was given under. So ranks
// are judged from the strongest down, at each the conferrals before the acts, and the order within makes no difference.

package room

import (
	"bytes"
	"container/heap"
	"maps"
	"slices"

	"stoa/identity"
)

// evaluation is what is known of the operations of a log. Slices are by position.
type evaluation struct {
	rules *rules
	ends  [][]*node // the valid operations that ended the conferral of that operation
	blame [][]*node // of a void operation: those that it is void for, any of which would have sufficed
	// Registers, of valid operations only.
	titles []*node // those that no other title has seen
	mutes  map[identity.ID][]*node
	epoch  *node
	epochs []*node              // all of them
	enders map[identity.ID]bool // owners who want the room to end

	adverts map[identity.ID][]*node // by relay: those that no other of its has seen
	audits  map[report][]*node      // those that no other by the same auditor of the same relay has seen

	schedules []*node                // those that no other schedule has seen
	records   []*node                // beginnings of recordings that no other by a rank as strong has seen
	stopped   map[identity.Hash]bool // recordings that somebody ended
	consents  map[answerer][]*node   // those that no other by the same person to the same recording has seen

	lowers map[identity.ID][]*node // by whose hand they lower
}

// report is who says something of a relay.
type report struct{ relay, auditor identity.ID }

// answerer is who answers whether they may be recorded.
type answerer struct {
	recording identity.Hash
	who       identity.ID
}

func newEvaluation(r *rules) evaluation {
	return evaluation{
		rules: r, mutes: map[identity.ID][]*node{}, enders: map[identity.ID]bool{},
		adverts: map[identity.ID][]*node{}, audits: map[report][]*node{},
		stopped: map[identity.Hash]bool{}, consents: map[answerer][]*node{}, lowers: map[identity.ID][]*node{},
	}
}

// stratum is what has to be judged at one rank.
type stratum struct {
	conferrals []*conferral
	acts       []*node
}

// evaluate judges all operations from nothing.
func (l *Log) evaluate() {
	l.order = canonical(l.nodes, l.children())
	r := newRules()
	r.given = l.eval.rules.given
	r.void = make([]Void, len(l.nodes))
	l.eval = newEvaluation(r)
	l.eval.ends = make([][]*node, len(l.nodes))
	l.eval.blame = make([][]*node, len(l.nodes))
	strata := map[uint16]*stratum{}
	at := func(rank uint16) *stratum {
		if strata[rank] == nil {
			strata[rank] = &stratum{}
		}
		return strata[rank]
	}
	for _, n := range l.order {
		if n.gives != nil {
			s := at(n.gives.rank())
			s.conferrals = append(s.conferrals, n.gives)
		}
		if n.op.Kind == KindAdmit {
			r.count(n.gives)
		} else {
			s := at(n.rank)
			s.acts = append(s.acts, n)
		}
	}
	for _, rank := range slices.Sorted(maps.Keys(strata)) {
		for _, c := range strata[rank].conferrals {
			l.judgeConferral(c)
		}
		for _, n := range strata[rank].acts {
			l.judgeAct(n)
		}
	}
	l.dirty = false
}

// extend judges n, which has seen every other operation.
func (l *Log) extend(n *node) {
	e := &l.eval
	l.order = append(l.order, n)
	e.rules.void = append(e.rules.void, Void{})
	e.ends = append(e.ends, nil)
	e.blame = append(e.blame, nil)
	if n.op.Kind == KindAdmit {
		e.rules.count(n.gives)
	} else {
		l.judgeAct(n)
		if e.rules.valid(n) {
			l.endSeen(n)
		}
	}
	if n.gives != nil {
		l.judgeConferral(n.gives)
	}
}

// endSeen applies a valid removal to conferrals that are judged already.
func (l *Log) endSeen(n *node) {
	end := func(cs []*conferral) {
		for _, c := range cs {
			if ends := &l.eval.ends[c.node.at]; !slices.Contains(*ends, n) && l.eval.rules.ends(n, c) {
				*ends = append(*ends, n)
			}
		}
	}
	if n.removes() {
		end(l.byPerson[n.op.Target])
	}
	if grant, _, ok := n.closes(); ok {
		end(l.byGrant[grant])
	}
}

// judgeConferral finds what ended c, and of an admit whether it ever held.
func (l *Log) judgeConferral(c *conferral) {
	e := &l.eval
	ends := e.rules.endings(c)
	e.ends[c.node.at] = ends
	if !c.admits() {
		return
	}
	if late := slices.DeleteFunc(slices.Clone(ends), func(n *node) bool { return n.sees(c.node) }); len(late) > 0 {
		e.spoil(c.node, Void{VoidShutOut, winner(late).op.Kind}, late)
	} else if full := e.rules.crowdedOut(c); full != nil {
		e.spoil(c.node, Void{Code: VoidUsedUp}, []*node{full})
	} else if locks := e.rules.locksOut(c); len(locks) > 0 {
		e.spoil(c.node, Void{Code: VoidLocked}, locks)
	}
}

// spoil makes n void.
func (e *evaluation) spoil(n *node, why Void, blame []*node) {
	e.rules.void[n.at], e.blame[n.at] = why, blame
}

// judgeAct judges an operation that rests on its author's standing and, if valid, notes what it does.
func (l *Log) judgeAct(n *node) {
	e := &l.eval
	if n.op.Kind == KindConsent {
		e.register(n) // their own word about themselves, whatever became of their grant: a withdrawal must never be lost
		return
	}
	if why, blame := e.standing(n); why != (Void{}) {
		e.spoil(n, why, blame)
		return
	}
	if shields := e.shields(n, l.byPerson[n.op.Target]); n.op.Kind.overPerson() && len(shields) > 0 {
		e.spoil(n, Void{Code: VoidOutranked}, shields)
		return
	}
	e.rules.note(n)
	e.register(n)
}

// standing says why the author of n could not act under its grant, zero if they could, and which operations are to blame.
func (e *evaluation) standing(n *node) (why Void, blame []*node) {
	if n.op.Grant.IsZero() {
		return Void{}, nil
	}
	why.Code = VoidGrantVoid
	for _, c := range e.rules.given[holding{n.op.Author, n.op.Grant}] {
		if !n.sees(c.node) {
			continue
		}
		if !e.rules.valid(c.node) {
			blame = append(blame, e.blame[c.node.at]...)
			continue
		}
		late := slices.DeleteFunc(slices.Clone(e.ends[c.node.at]), func(r *node) bool { return r.sees(n) })
		if len(late) == 0 {
			return Void{}, nil
		}
		why.Code, blame = VoidGrantEnded, append(blame, late...)
	}
	if why.Code == VoidGrantEnded {
		why.By = winner(blame).op.Kind
	}
	return why, blame
}

// shields lists what made the target of n, as far as n had seen, as strong as its author.
func (e *evaluation) shields(n *node, held []*conferral) []*node {
	var shields []*node
	for _, c := range held {
		if c.rank() <= n.rank && n.sees(c.node) && e.rules.valid(c.node) && !slices.ContainsFunc(e.ends[c.node.at], n.sees) {
			shields = append(shields, c.node)
		}
	}
	return shields
}

// register files a valid operation in the register it writes.
func (e *evaluation) register(n *node) {
	switch n.op.Kind {
	case KindTitle:
		e.titles = latest(append(e.titles, n))
	case KindMute, KindUnmute:
		e.mutes[n.op.Target] = append(e.mutes[n.op.Target], n)
	case KindAdvert:
		e.adverts[n.op.Author] = latest(append(e.adverts[n.op.Author], n))
	case KindAudit:
		by := report{n.op.Target, n.op.Author}
		e.audits[by] = latest(append(e.audits[by], n))
	case KindSchedule:
		e.schedules = latest(append(e.schedules, n))
	case KindRecord:
		if n.op.begins() {
			e.records = replacing(append(e.records, n))
		} else {
			e.stopped[n.op.args.record.Ends] = true
		}
	case KindConsent:
		by := answerer{n.op.args.consent.Recording, n.op.Author}
		e.consents[by] = latest(append(e.consents[by], n))
	case KindLower:
		e.lowers[n.op.Target] = append(e.lowers[n.op.Target], n)
	case KindEpoch:
		e.epochs = append(e.epochs, n)
		if e.epoch == nil || newer(n, e.epoch) {
			e.epoch = n
		}
	case KindClose:
		e.enders[n.op.Author] = true
	}
}

// newer: the higher number wins; it has seen all lower ones of its own line.
func newer(a, b *node) bool {
	if x, y := a.op.args.epoch.N, b.op.args.epoch.N; x != y {
		return x > y
	}
	return takesPrecedence(a, b)
}

// latest keeps those of the operations that no other of them has seen.
func latest(ns []*node) []*node {
	var seen bitset
	for _, n := range ns {
		seen = seen.or(n.past)
	}
	return slices.DeleteFunc(slices.Clone(ns), func(n *node) bool { return seen.has(n.at) })
}

// replacing keeps those of the recordings that no other of them, of a rank as strong, has seen.
func replacing(ns []*node) []*node {
	return slices.DeleteFunc(slices.Clone(ns), func(n *node) bool {
		return slices.ContainsFunc(ns, func(m *node) bool { return m.rank <= n.rank && m.sees(n) })
	})
}

// winner decides a register among the operations that wrote it; nil if there are none.
func winner(ns []*node) *node {
	var best *node
	for _, n := range latest(ns) {
		if best == nil || takesPrecedence(n, best) {
			best = n
		}
	}
	return best
}

// canonical is the order in which everybody lists the same operations: each after all it has seen, else by hash.
func canonical(nodes []*node, children [][]*node) []*node {
	order := make([]*node, 0, len(nodes))
	waits := make([]int, len(nodes))
	var ready hashHeap
	for _, n := range nodes {
		if waits[n.at] = len(n.op.Deps); waits[n.at] == 0 {
			ready = append(ready, n)
		}
	}
	heap.Init(&ready)
	for len(ready) > 0 {
		n := heap.Pop(&ready).(*node)
		order = append(order, n)
		for _, child := range children[n.at] {
			if waits[child.at]--; waits[child.at] == 0 {
				heap.Push(&ready, child)
			}
		}
	}
	return order
}

// hashHeap is a heap of nodes, lowest hash first.
type hashHeap []*node

func (h hashHeap) Len() int           { return len(h) }
func (h hashHeap) Less(i, j int) bool { return bytes.Compare(h[i].op.hash[:], h[j].op.hash[:]) < 0 }
func (h hashHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *hashHeap) Push(x any)        { *h = append(*h, x.(*node)) }

func (h *hashHeap) Pop() any {
	last := len(*h) - 1
	n := (*h)[last]
	*h = (*h)[:last]
	return n
}
