// This file holds the state of a room: an immutable picture of who is in, what they may do, and what the room is called.

package room

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"stoa/identity"
)

// State is a pure function of the charter and the set of operations. Nobody changes it, so goroutines may share it.
type State struct {
	Room     identity.RoomID
	Title    string
	Locked   bool // admissions of ranks below the lock's author are void
	Door     Mark // who locked it or, unless it is Locked, unlocked it last; zero when nobody has
	Closed   bool // enough owners ended the room
	Members  map[identity.ID]Member
	Muted    map[identity.ID]Mark
	Lowered  map[identity.ID]Lowered // whose raised hands were taken down, and by whom last
	Unmuted  map[identity.ID]Mark    // who was muted before; nobody who is in Muted
	Banned   map[identity.ID]Mark
	Kicked   map[identity.ID]Mark // put out, and not let back; nobody who is in Banned
	Epoch    EpochMark
	Schedule Schedule
	Root     identity.Hash // SHA-256 of the canonical CBOR of all this but Door, Unmuted and Epoch.Stale: equal roots, equal states

	records records // see Recording
	charter *identity.Charter
	live    map[identity.ID][]*conferral // what Members hold
	origin  map[identity.ID]origin
	adverts map[identity.ID]*node   // by relay
	audits  map[identity.ID][]*node // of a relay: the newest by each auditor
	epochs  []*node                 // the valid ones, in no order
	rules   *rules
	now     *node // an operation that has seen all that this state has
}

// Mark says who did something to a person.
type Mark struct {
	By     identity.ID
	Op     identity.Hash
	Reason string
	Time   uint64 // unix ms as the author claims
}

// EpochMark is the current commitment to a media secret. The zero value: none yet.
type EpochMark struct {
	Commit identity.Hash
	N      uint32
	Op     identity.Hash
	By     identity.ID
	Time   uint64 // unix ms as its author claims
	// Stale: somebody who is out may hold this secret, since its author had not seen what put them out. True after every removal, after a
	// personal grant has lapsed, and after a partition in which one side removed whom the other still trusted. Whoever may compose an
	// epoch should.
	Stale bool
}

// Member is somebody who is in: the charter's owners always, others while a grant of theirs lives.
type Member struct {
	ID         identity.ID
	Role       identity.Role       // of the strongest live grant
	Caps       identity.Caps       // of all live grants together
	Rank       uint16              // of the strongest live grant; lower is stronger
	Grant      identity.Hash       // the strongest live grant; zero for a charter owner
	Credential identity.Credential // proves the strongest grant; nil for a charter owner
	Via        identity.Hash       // the invite they last came in by, though its grant may have been replaced since; zero when none
	By         identity.ID         // who brought them: the issuer of that invite, else of their strongest grant; zero for a charter owner
	Expires    uint64              // unix ms when the strongest grant lapses, 0 never. See State.At
}

// origin is how somebody came in.
type origin struct {
	via identity.Hash
	by  identity.ID
}

// snapshot draws the state of the evaluated operations.
func (l *Log) snapshot() *State {
	e := &l.eval
	s := &State{
		Room: l.room, Closed: len(e.enders) >= int(l.charter.Threshold),
		Members: map[identity.ID]Member{}, Muted: map[identity.ID]Mark{}, Unmuted: map[identity.ID]Mark{}, Lowered: map[identity.ID]Lowered{}, Banned: map[identity.ID]Mark{}, Kicked: map[identity.ID]Mark{},
		charter: l.charter, live: map[identity.ID][]*conferral{}, origin: map[identity.ID]origin{}, epochs: e.epochs, rules: e.rules, now: l.next(),
	}
	if n := winner(e.titles); n != nil {
		s.Title = n.op.args.title
	}
	for _, id := range l.charter.Owners {
		s.Members[id] = Member{ID: id, Role: identity.RoleOwner, Caps: identity.AllCaps}
	}
	for id, cs := range l.byPerson {
		l.enroll(s, id, cs)
	}
	locks := s.rules.locksOut(s.newcomer())
	s.Locked, s.Door = len(locks) > 0, lastWord(locks, s.rules.unlocks)
	l.mark(s)
	l.lowered(s)
	if e.epoch != nil {
		o := e.epoch.op
		s.Epoch = EpochMark{Commit: o.args.epoch.Commit, N: o.args.epoch.N, Op: o.hash, By: o.Author, Time: o.Time, Stale: l.stale(s)}
	}
	l.report(s)
	l.tape(s)
	s.Root = s.root()
	return s
}

// next is an admission that has seen all that l has; only its sight counts.
func (l *Log) next() *node {
	return &node{op: &Op{Kind: KindAdmit}, at: len(l.nodes), past: allOf(len(l.nodes))}
}

// enroll makes a person a member if a conferral of theirs lives.
func (l *Log) enroll(s *State, id identity.ID, cs []*conferral) {
	var live []*conferral
	var came *conferral // the latest valid admission by an invite
	for _, c := range cs {
		if !l.eval.rules.valid(c.node) {
			continue
		}
		if len(l.eval.ends[c.node.at]) == 0 {
			live = append(live, c)
		}
		if c.admits() && c.grant.Invite && (came == nil || cameAfter(c, came)) {
			came = c
		}
	}
	if came != nil {
		s.origin[id] = origin{via: came.own().grant, by: came.own().issuer}
	}
	if len(live) == 0 {
		return
	}
	slices.SortFunc(live, stronger)
	s.live[id] = live
	s.Members[id] = s.member(id, live)
}

func cameAfter(a, b *conferral) bool {
	if x, y := a.node.op.Time, b.node.op.Time; x != y {
		return x > y
	}
	return compareHashes(a.node.op.hash, b.node.op.hash) < 0
}

// stronger orders conferrals of one person: the lower rank first, then by what is equal for everybody.
func stronger(a, b *conferral) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), compareHashes(a.own().grant, b.own().grant), compareHashes(a.node.op.hash, b.node.op.hash))
}

// member describes somebody by what they hold, strongest first.
func (s *State) member(id identity.ID, live []*conferral) Member {
	best, from := live[0], s.origin[id]
	m := Member{
		ID: id, Role: best.grant.Role, Rank: best.rank(), Grant: best.own().grant, Credential: best.cred,
		Via: from.via, By: from.by, Expires: lapses(best),
	}
	if m.By.IsZero() {
		m.By = best.own().issuer
	}
	for _, c := range live {
		m.Caps |= c.grant.Caps
	}
	return m
}

// lapses is when a conferral ends by itself, unix ms, 0 never: an invite's expiry bounds only its redemption.
func lapses(c *conferral) uint64 {
	if c.grant.Invite {
		return 0
	}
	return c.grant.Expires
}

// mark fills in who is muted, banned, kicked.
func (l *Log) mark(s *State) {
	for id, ns := range l.eval.mutes {
		rank := s.rank(id)
		binding := slices.DeleteFunc(slices.Clone(ns), func(n *node) bool { return n.rank >= rank })
		switch n := winner(binding); {
		case n == nil:
		case n.op.Kind == KindMute:
			s.Muted[id] = markOf(n)
		default:
			s.Unmuted[id] = markOf(n)
		}
	}
	for id, ns := range s.rules.removals {
		if _, in := s.Members[id]; in {
			continue
		}
		if n := s.standing(ns, KindBan); n != nil {
			s.Banned[id] = markOf(n)
		} else if n := s.standing(ns, KindKick); n != nil {
			s.Kicked[id] = markOf(n)
		}
	}
}

// standing is the weightiest of the removals of that kind that nobody pardoned; nil if there is none.
func (s *State) standing(ns []*node, kind Kind) *node {
	return winner(slices.DeleteFunc(slices.Clone(ns), func(n *node) bool {
		return n.op.Kind != kind || s.rules.pardoned(n, s.now, step{holding: holding{person: n.op.Target}, rank: nobody})
	}))
}

// newcomer is the admission of somebody unknown at the lowest of all ranks.
func (s *State) newcomer() *conferral {
	return &conferral{node: s.now, line: []step{{rank: nobody}}}
}

func markOf(n *node) Mark {
	return Mark{By: n.op.Author, Op: n.op.hash, Reason: n.op.args.remove.Reason, Time: n.op.Time}
}

// lastWord is who closed the door, or who opened it last if nobody keeps it closed.
func lastWord(locks, unlocks []*node) Mark {
	if len(locks) == 0 {
		locks = unlocks
	}
	if n := winner(locks); n != nil {
		return markOf(n)
	}
	return Mark{}
}

// stale reports whether somebody who is out now might have been handed the epoch's secret: their conferral let them hear, or they may have
// been seated, and the epoch's author had not seen what ended or voided it.
func (l *Log) stale(s *State) bool {
	epoch := l.eval.epoch
	if l.unseated(s, epoch) {
		return true
	}
	for id, cs := range l.byPerson {
		if s.CanHear(id) {
			continue
		}
		for _, c := range cs {
			if c.grant.Caps.Has(identity.CapHear) && !l.knewOut(epoch, c) {
				return true
			}
		}
	}
	return false
}

// unseated reports whether somebody was put out, or a grant was revoked, without the sight of the epoch's author: whom that took a seat
// from is not in the log.
func (l *Log) unseated(s *State, epoch *node) bool {
	for id, ns := range s.rules.removals {
		if !s.CanHear(id) && slices.ContainsFunc(ns, func(n *node) bool { return !epoch.sees(n) }) {
			return true
		}
	}
	for _, ns := range s.rules.closings {
		if slices.ContainsFunc(ns, func(n *node) bool { _, keep, _ := n.closes(); return !keep && !epoch.sees(n) }) {
			return true
		}
	}
	return false
}

func (l *Log) knewOut(epoch *node, c *conferral) bool {
	if !l.eval.rules.valid(c.node) {
		return slices.ContainsFunc(l.eval.blame[c.node.at], epoch.sees)
	}
	return slices.ContainsFunc(l.eval.ends[c.node.at], epoch.sees)
}

// At is the state as it stands at a time, unix ms: members whose personal grants have lapsed by then fall back to the
// grants that are left, or are out. It returns s itself when nothing has lapsed. Root stays: it says what was agreed, not when.
func (s *State) At(now uint64) *State {
	t := s
	for id, live := range s.live {
		left := slices.DeleteFunc(slices.Clone(live), func(c *conferral) bool { return lapses(c) != 0 && lapses(c) <= now })
		if len(left) == len(live) {
			continue
		}
		if t == s {
			later := *s
			later.Members, later.live = maps.Clone(s.Members), maps.Clone(s.live)
			t = &later
		}
		if len(left) == 0 {
			delete(t.Members, id)
			delete(t.live, id)
		} else {
			t.Members[id], t.live[id] = s.member(id, left), left
		}
		if !t.Epoch.Op.IsZero() && !t.Members[id].Caps.Has(identity.CapHear) && outlived(live, s.Epoch.Time, now) {
			t.Epoch.Stale = true
		}
	}
	return t
}

// outlived reports whether one of the conferrals let its holder hear when the epoch was made and has lapsed since.
func outlived(live []*conferral, epoch, now uint64) bool {
	return slices.ContainsFunc(live, func(c *conferral) bool {
		end := lapses(c)
		return c.grant.Caps.Has(identity.CapHear) && end > epoch && end <= now
	})
}

// CanSpeak reports whether the person's voice is to be heard: in, allowed to speak, not muted, room not closed.
func (s *State) CanSpeak(id identity.ID) bool {
	_, muted := s.Muted[id]
	return s.Members[id].Caps.Has(identity.CapSpeak) && !muted && !s.Closed
}

// CanHear reports whether the person may have the epoch secrets.
func (s *State) CanHear(id identity.ID) bool {
	return s.Members[id].Caps.Has(identity.CapHear) && !s.Closed
}

// Uses counts the persons whom the invite grant has admitted.
func (s *State) Uses(grant identity.Hash) int {
	t := s.rules.tallies[grant]
	if t.limit != 0 {
		return min(t.n, t.limit)
	}
	return t.n
}

// Refuses says why an admission on this credential, seeing all this state has seen, would be void; nil when it would stand.
// Errors: identity.ErrRevoked, identity.ErrUsedUp, ErrBanned, ErrKicked, ErrLocked, ErrClosed. It does not verify the credential.
func (s *State) Refuses(cred identity.Credential) error {
	if s.Closed {
		return ErrClosed
	}
	if len(cred) == 0 {
		return nil // an owner's
	}
	return s.refuses(&conferral{node: s.now, grant: cred.Leaf(), line: lineage(cred), cred: cred})
}

func (s *State) refuses(c *conferral) error {
	if s.Closed {
		return ErrClosed
	}
	if ends := s.rules.endings(c); len(ends) > 0 {
		return whyOut(ends, c.person())
	}
	if s.rules.crowdedOut(c) != nil {
		return identity.ErrUsedUp
	}
	if len(s.rules.locksOut(c)) > 0 {
		return ErrLocked
	}
	return nil
}

// whyOut words what ends an admission of the person, the gravest first.
func whyOut(ends []*node, person identity.ID) error {
	worst := identity.ErrRevoked
	for _, n := range ends {
		switch {
		case n.op.Target != person:
		case n.op.Kind == KindBan:
			return ErrBanned
		case n.op.Kind == KindKick:
			worst = ErrKicked
		}
	}
	return worst
}

// root hashes the state in a form that is the same for everybody.
func (s *State) root() identity.Hash {
	type person struct {
		_     struct{} `cbor:",toarray"`
		ID    identity.ID
		Role  identity.Role
		Caps  identity.Caps
		Rank  uint16
		Via   identity.Hash
		By    identity.ID
		Holds []identity.Hash // the operations that confer what they hold
	}
	type marked struct {
		_  struct{} `cbor:",toarray"`
		ID identity.ID
		Op identity.Hash
	}
	type used struct {
		_     struct{} `cbor:",toarray"`
		Grant identity.Hash
		N     int
	}
	type carrier struct {
		_                        struct{} `cbor:",toarray"`
		ID                       identity.ID
		Advert, Admitted, Beacon identity.Hash
		Slots                    uint16
	}
	var all struct {
		_              struct{} `cbor:",toarray"`
		Room           identity.RoomID
		Title          string
		Locked, Closed bool
		Members        []person
		Marks          [3][]marked
		Epoch          identity.Hash
		Uses           []used
		Relays         []carrier
		Schedule       identity.Hash
		Recording      identity.Hash
		Answers        []marked
		Lowered        []marked
	}
	all.Room, all.Title, all.Locked, all.Closed, all.Epoch = s.Room, s.Title, s.Locked, s.Closed, s.Epoch.Op
	for _, id := range sortedIDs(s.Members) {
		m := s.Members[id]
		p := person{ID: id, Role: m.Role, Caps: m.Caps, Rank: m.Rank, Via: m.Via, By: m.By}
		for _, c := range s.live[id] {
			p.Holds = append(p.Holds, c.node.op.hash)
		}
		all.Members = append(all.Members, p)
	}
	for i, marks := range []map[identity.ID]Mark{s.Muted, s.Banned, s.Kicked} {
		for _, id := range sortedIDs(marks) {
			all.Marks[i] = append(all.Marks[i], marked{ID: id, Op: marks[id].Op})
		}
	}
	for _, g := range slices.SortedFunc(maps.Keys(s.rules.tallies), compareHashes) {
		all.Uses = append(all.Uses, used{Grant: g, N: s.Uses(g)})
	}
	for _, r := range s.Relays() {
		all.Relays = append(all.Relays, carrier{ID: r.ID, Advert: r.Advert, Admitted: r.Admitted, Beacon: r.Beacon, Slots: r.Slots})
	}
	all.Schedule = s.Schedule.Op
	if on := s.Recording(); on != nil {
		all.Recording = on.ID
		for _, id := range sortedIDs(on.Answers) {
			all.Answers = append(all.Answers, marked{ID: id, Op: on.Answers[id].Op})
		}
	}
	for _, id := range sortedIDs(s.Lowered) {
		all.Lowered = append(all.Lowered, marked{ID: id, Op: s.Lowered[id].Op})
	}
	return identity.HashOf(identity.Marshal(all))
}

func sortedIDs[V any](m map[identity.ID]V) []identity.ID {
	return slices.SortedFunc(maps.Keys(m), func(a, b identity.ID) int { return bytes.Compare(a[:], b[:]) })
}
