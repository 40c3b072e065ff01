// This file holds the log: the causal graph of operations, what it takes in, what it waits for, how two logs are compared. What the set of
// operations means is in evaluate.go.

package room

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"time"

	"stoa/identity"
)

// Bounds of one log.
const (
	MaxOps     = 10000   // operations
	MaxBytes   = 3 << 20 // bytes of signed records
	MaxPending = 512     // operations that wait for others
)

// Errors of Log.Add and Log.Compose, beside identity's.
var (
	ErrLogFull    = errors.New("the room's log is full")
	ErrNotAllowed = errors.New("not allowed to do that in this room") // void whatever else is known: the author never held the right
	ErrEarly      = errors.New("from the future: check the clocks")   // beyond SetHorizon; the same operation is welcome later
)

// Log is the set of operations of one room, and the state that follows from it. It is a pure machine: no clock, no goroutine, no lock,
// and not safe for concurrent use; the States and Ops it hands out are immutable.
type Log struct {
	charter *identity.Charter
	room    identity.RoomID
	verify  func(identity.Credential, time.Time) error // Credential.Verify; a seam, since simulations verify the same few over and over
	horizon uint64
	toll    func(*Op) error // asked before an operation joins; nil lets all join
	joined  func(*Op)       // told of each that has joined; may be nil

	nodes    []*node
	byHash   map[identity.Hash]*node
	byAuthor map[identity.ID][]*node
	byPerson map[identity.ID][]*conferral   // conferrals on a person
	byGrant  map[identity.Hash][]*conferral // conferrals of the grant and of all that descends from it
	epochs   []*node
	heads    map[identity.Hash]*node
	bytes    int
	pending  pending

	order  []*node // canonical; current unless dirty, like eval
	eval   evaluation
	dirty  bool   // operations joined that eval has not judged
	state  *State // of eval; nil until asked for
	shared bool   // state shares eval.rules
}

// NewLog starts an empty log of the room that c founded.
func NewLog(c *identity.Charter) *Log {
	return &Log{
		charter:  c,
		room:     c.ID(),
		verify:   func(cred identity.Credential, at time.Time) error { return cred.Verify(c, at) },
		byHash:   map[identity.Hash]*node{},
		byAuthor: map[identity.ID][]*node{},
		byPerson: map[identity.ID][]*conferral{},
		byGrant:  map[identity.Hash][]*conferral{},
		heads:    map[identity.Hash]*node{},
		pending:  newPending(),
		eval:     newEvaluation(newRules()),
	}
}

// SetHorizon sets the latest operation time that Add takes, unix ms: callers pass their clock plus as far as clocks may be apart, so that
// nobody drives everyone's hybrid clock away. 0, the start, means no limit.
func (l *Log) SetHorizon(ms uint64) { l.horizon = ms }

// Add takes one signed record. added are the operations that joined the log by it, in causal order: none when it was known or has to wait,
// several when others waited for it. missing names the operations to ask for before it can join. Errors: those of ParseOp, identity's for
// the credential inside, identity.ErrWrongRoom, ErrNotAllowed, ErrEarly, ErrLogFull, ErrLater; all but the last three prove the record bad
// for good.
// An operation is in the log whether or not it is valid: that may change with operations still to come.
func (l *Log) Add(raw []byte) (added []*Op, missing []identity.Hash, err error) {
	if h, ok := nameOf(raw); ok && l.Has(h) {
		return nil, nil, nil
	}
	o, err := ParseOp(raw)
	if err != nil {
		return nil, nil, err
	}
	return l.add(o)
}

// nameOf is the hash of a record's body, without further checks.
func nameOf(raw []byte) (h identity.Hash, ok bool) {
	body, _, err := identity.Unpack(raw, 1)
	return identity.HashOf(body), err == nil
}

// add takes an operation whose signature is known to be true.
func (l *Log) add(o *Op) (added []*Op, missing []identity.Hash, err error) {
	switch {
	case l.Has(o.hash):
		return nil, nil, nil
	case o.Room != l.room:
		return nil, nil, identity.ErrWrongRoom
	case l.horizon != 0 && o.Time > l.horizon:
		return nil, nil, ErrEarly
	case l.full(o):
		return nil, nil, ErrLogFull
	}
	if l.waits(o) {
		l.pending.put(o)
		return nil, l.wanted(o), nil
	}
	if err := l.join(o); err != nil {
		if !errors.Is(err, ErrLater) {
			l.pending.dropAfter(o.hash)
		}
		return nil, nil, err
	}
	return append([]*Op{o}, l.settle(o)...), nil, nil
}

func (l *Log) full(o *Op) bool { return !l.fits(o, 16) }

// fits tells whether there is space for o in so many sixteenths of the bounds.
func (l *Log) fits(o *Op, sixteenths int) bool {
	return len(l.nodes) < MaxOps*sixteenths/16 && l.bytes+len(o.raw) <= MaxBytes*sixteenths/16
}

// admitted tells whether a person was admitted by a grant before, with effect or without.
func (l *Log) admitted(who identity.ID, grant identity.Hash) bool {
	return slices.ContainsFunc(l.byPerson[who], func(c *conferral) bool { return c.admits() && c.own().grant == grant })
}

// waits reports whether something that o has seen is not here.
func (l *Log) waits(o *Op) bool {
	return slices.ContainsFunc(o.Deps, func(h identity.Hash) bool { return !l.Has(h) })
}

// settle joins whatever waited for o, and for that in turn. Of these, what may not join is dropped silently: nobody brought it just now.
func (l *Log) settle(o *Op) []*Op {
	var joined []*Op
	for next := []*Op{o}; len(next) > 0; next = next[1:] {
		for _, w := range l.pending.waitingFor(next[0].hash) {
			if l.waits(w) {
				continue
			}
			l.pending.drop(w.hash)
			if l.full(w) || l.join(w) != nil {
				l.pending.dropAfter(w.hash)
				continue
			}
			joined, next = append(joined, w), append(next, w)
		}
	}
	return joined
}

// wanted names what has to come before o can join: what it and the operations it waits for have seen that is neither here nor waiting.
func (l *Log) wanted(o *Op) []identity.Hash {
	var want []identity.Hash
	asked := map[identity.Hash]bool{}
	for next := []*Op{o}; len(next) > 0; next = next[1:] {
		for _, h := range next[0].Deps {
			if asked[h] || l.Has(h) {
				continue
			}
			asked[h] = true
			if w := l.pending.ops[h]; w != nil {
				next = append(next, w)
			} else {
				want = append(want, h)
			}
		}
	}
	return want
}

// join gives o its place in the graph. All it has seen must be here.
func (l *Log) join(o *Op) error {
	n, err := l.place(o)
	if err == nil && l.toll != nil {
		err = l.toll(o)
	}
	if err != nil {
		return err
	}
	last := true // n has seen all others
	for h := range l.heads {
		if _, seen := slices.BinarySearchFunc(o.Deps, h, compareHashes); seen {
			delete(l.heads, h)
		} else {
			last = false
		}
	}
	l.heads[o.hash] = n
	l.index(n)
	if l.dirty = l.dirty || !last; !l.dirty {
		l.extend(n)
	}
	l.state = nil
	if l.joined != nil {
		l.joined(o)
	}
	return nil
}

func (l *Log) index(n *node) {
	if l.shared {
		l.eval.rules, l.shared = l.eval.rules.clone(), false
	}
	l.nodes = append(l.nodes, n)
	l.byHash[n.op.hash] = n
	l.byAuthor[n.op.Author] = append(l.byAuthor[n.op.Author], n)
	l.bytes += len(n.op.raw)
	if n.op.Kind == KindEpoch {
		l.epochs = append(l.epochs, n)
	}
	c := n.gives
	if c == nil {
		return
	}
	own := c.own()
	l.eval.rules.given[own.holding] = append(l.eval.rules.given[own.holding], c)
	l.byPerson[own.person] = append(l.byPerson[own.person], c)
	for _, s := range c.line {
		l.byGrant[s.grant] = append(l.byGrant[s.grant], c)
	}
}

// children lists, by position, the operations that name each one as seen.
func (l *Log) children() [][]*node {
	children := make([][]*node, len(l.nodes))
	for _, n := range l.nodes {
		for _, h := range n.op.Deps {
			d := l.byHash[h].at
			children[d] = append(children[d], n)
		}
	}
	return children
}

// Has reports whether the operation is in the log (waiting ones are not).
func (l *Log) Has(h identity.Hash) bool { return l.byHash[h] != nil }

// Get returns the operation of that hash, or nil.
func (l *Log) Get(h identity.Hash) *Op {
	if n := l.byHash[h]; n != nil {
		return n.op
	}
	return nil
}

// Heads are the operations that no other follows, ascending.
func (l *Log) Heads() []identity.Hash {
	heads := make([]identity.Hash, 0, len(l.heads))
	for h := range l.heads {
		heads = append(heads, h)
	}
	slices.SortFunc(heads, compareHashes)
	return heads
}

func compareHashes(a, b identity.Hash) int { return bytes.Compare(a[:], b[:]) }

// Len counts the operations in the log.
func (l *Log) Len() int { return len(l.nodes) }

// Missing compares with another's heads: mine are the records the other lacks, in causal order; unknown are the heads this log lacks.
func (l *Log) Missing(theirHeads []identity.Hash) (mine [][]byte, unknown []identity.Hash) {
	var known bitset
	for _, h := range theirHeads {
		if n := l.byHash[h]; n != nil {
			known = known.or(n.past).set(n.at)
		} else {
			unknown = append(unknown, h)
		}
	}
	for _, n := range l.nodes {
		if !known.has(n.at) {
			mine = append(mine, n.op.raw)
		}
	}
	return mine, unknown
}

// Entry is one operation with its verdict.
type Entry struct {
	Op    *Op
	Valid bool
	Why   Void // why it is void; zero when valid
}

// Ops yields every operation in canonical order (causal; ties by lower hash) with its verdict. The log must not change meanwhile.
func (l *Log) Ops() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		l.judge()
		for _, n := range l.order {
			why := l.eval.rules.void[n.at]
			if !yield(Entry{Op: n.op, Valid: why == (Void{}), Why: why}) {
				return
			}
		}
	}
}

func (l *Log) judge() {
	if l.dirty {
		l.evaluate()
	}
}

// State is what the operations amount to now. The value is immutable and shared until the next Add that changes something.
func (l *Log) State() *State {
	l.judge()
	if l.state == nil {
		l.state, l.shared = l.snapshot(), true
	}
	return l.state
}

// Compose signs the next operation of k: it fills sequence, deps and time (now, unix ms, or just after the latest dep). args is the kind's
// Args struct, or nil for kinds without. The operation is not in the log before Add(op.Raw()). Errors: as of Add, for what Add would refuse.
func (l *Log) Compose(k *identity.Key, kind Kind, grant identity.Hash, target identity.ID, args any, now uint64) (*Op, error) {
	o := l.draft(k.ID(), kind, grant, target, args, now)
	signed, err := o.sign(k)
	if err != nil {
		return nil, err
	}
	if l.full(signed) {
		return nil, ErrLogFull
	}
	if _, err := l.place(signed); err != nil {
		return nil, err
	}
	return signed, nil
}

func (l *Log) draft(author identity.ID, kind Kind, grant identity.Hash, target identity.ID, args any, now uint64) *Op {
	o := &Op{Room: l.room, Author: author, Kind: kind, Grant: grant, Target: target}
	if args != nil {
		o.Args = identity.Marshal(args)
	}
	var past bitset
	o.Time = l.hybrid(author, grant, now)
	for _, n := range l.choose(author, grant) {
		o.Deps = append(o.Deps, n.op.hash)
		past = past.or(n.past).set(n.at)
	}
	slices.SortFunc(o.Deps, compareHashes)
	o.Seq = l.lastSeq(author, past) + 1
	return o
}

// hybrid is the time of the author's next operation at now, unix ms: later than that of all it will have seen.
func (l *Log) hybrid(author identity.ID, grant identity.Hash, now uint64) uint64 {
	for _, n := range l.choose(author, grant) {
		now = max(now, n.op.Time+1)
	}
	return now
}

// choose picks what the author's next operation names as seen: all heads, if they fit. Else first those that show the author's own last
// operation and what their authority rests on, then the latest.
func (l *Log) choose(author identity.ID, grant identity.Hash) []*node {
	var heads, vital []*node
	for _, n := range l.heads {
		heads = append(heads, n)
	}
	if own := l.byAuthor[author]; len(own) > 0 {
		vital = append(vital, own[len(own)-1])
	}
	for _, c := range l.byPerson[author] {
		if grant.IsZero() || c.own().grant == grant {
			vital = append(vital, c.node)
		}
	}
	shows := func(n *node) bool {
		return slices.ContainsFunc(vital, func(v *node) bool { return n == v || n.sees(v) })
	}
	slices.SortFunc(heads, func(a, b *node) int {
		if x, y := shows(a), shows(b); x != y {
			if x {
				return -1
			}
			return 1
		}
		if a.op.Time != b.op.Time {
			if a.op.Time > b.op.Time {
				return -1
			}
			return 1
		}
		return compareHashes(a.op.hash, b.op.hash)
	})
	return heads[:min(len(heads), MaxDeps)]
}

// pending holds operations that wait for others, a bounded number of them, the oldest dropped first.
type pending struct {
	ops     map[identity.Hash]*Op
	arrived []identity.Hash
	waiters map[identity.Hash][]identity.Hash // by what they wait for
}

func newPending() pending {
	return pending{ops: map[identity.Hash]*Op{}, waiters: map[identity.Hash][]identity.Hash{}}
}

func (p *pending) put(o *Op) {
	if p.ops[o.hash] != nil {
		return
	}
	if len(p.arrived) >= MaxPending {
		p.drop(p.arrived[0])
	}
	p.ops[o.hash] = o
	p.arrived = append(p.arrived, o.hash)
	for _, h := range o.Deps {
		p.waiters[h] = append(p.waiters[h], o.hash)
	}
}

func (p *pending) drop(h identity.Hash) {
	o := p.ops[h]
	delete(p.ops, h)
	p.arrived = slices.DeleteFunc(p.arrived, func(x identity.Hash) bool { return x == h })
	for _, d := range o.Deps {
		p.waiters[d] = slices.DeleteFunc(p.waiters[d], func(x identity.Hash) bool { return x == h })
		if len(p.waiters[d]) == 0 {
			delete(p.waiters, d)
		}
	}
}

// waitingFor lists the operations that wait for h, oldest first.
func (p *pending) waitingFor(h identity.Hash) []*Op {
	var ops []*Op
	for _, w := range p.waiters[h] {
		ops = append(ops, p.ops[w])
	}
	return ops
}

// dropAfter drops whatever waits for h, which will never join.
func (p *pending) dropAfter(h identity.Hash) {
	for _, o := range p.waitingFor(h) {
		if p.ops[o.hash] == nil {
			continue
		}
		p.drop(o.hash)
		p.dropAfter(o.hash)
	}
}
