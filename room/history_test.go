// This file holds the simulation: random histories of eight people who grant, kick, ban, pardon and lock at the same time, merged in
// random orders. Whatever the order, everybody must come to the same verdicts and the same state.

package room

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"stoa/identity"
)

// history is a growing graph of operations and what each person has seen of it.
type history struct {
	tb    testing.TB
	c     *cast
	rng   *rand.Rand
	graph *Log     // holds everything, judges nothing
	views []bitset // by person
	time  uint64
}

func newHistory(tb testing.TB, c *cast, seed uint64, size int) *history {
	h := &history{tb: tb, c: c, rng: rand.New(rand.NewPCG(seed, 1)), graph: c.log(), views: make([]bitset, len(c.keys)), time: dawn}
	h.graph.dirty = true // never judge: only verdicts of merged logs matter here
	for _, o := range []*Op{
		h.draft(0, KindTitle, identity.Hash{}, identity.ID{}, TitleArgs{"the stoa"}),
		h.draft(0, KindEpoch, identity.Hash{}, identity.ID{}, EpochArgs{identity.Hash{1}, 1}),
	} {
		h.put(0, o)
	}
	for i := range h.views {
		h.views[i] = bitset(nil).or(h.views[0])
	}
	for range 40 * size {
		if len(h.graph.nodes) >= size {
			break
		}
		h.step()
	}
	return h
}

// step has somebody hear of others, or act.
func (h *history) step() {
	who := h.rng.IntN(len(h.views))
	if h.rng.IntN(3) == 0 {
		h.views[who] = h.views[who].or(h.views[h.rng.IntN(len(h.views))])
		return
	}
	target := h.rng.IntN(len(h.c.keys))
	if o := h.act(who, target); o != nil {
		h.put(who, o)
	}
}

// put joins o and shows it to its author. What may not join is forgotten.
func (h *history) put(who int, o *Op) {
	if o == nil {
		return
	}
	if err := h.graph.join(o); err == nil {
		n := h.graph.byHash[o.hash]
		h.views[who] = h.views[who].or(n.past).set(n.at)
	}
}

func (h *history) act(who, target int) *Op {
	if h.rng.IntN(4) == 0 {
		return h.admit(who, target)
	}
	grant, cred, ok := h.authority(who)
	if !ok {
		return nil
	}
	kinds := []Kind{KindGrant, KindGrant, KindGrant, KindRevoke, KindMute, KindUnmute, KindKick, KindKick, KindBan, KindPardon,
		KindLock, KindUnlock, KindTitle, KindEpoch, KindClose, KindAdvert, KindAudit, KindAudit,
		KindSchedule, KindRecord, KindRecord, KindConsent, KindConsent, KindLower}
	var args any
	kind, id := kinds[h.rng.IntN(len(kinds))], h.c.id(target)
	if !kind.onPerson() {
		id = identity.ID{}
	}
	switch kind {
	case KindGrant:
		if who == target || len(cred) >= identity.MaxChain || len(cred) > 0 && cred.Leaf().Depth == 0 {
			return nil
		}
		replace := h.rng.IntN(2) == 0
		g := h.pick(cred)
		args = GrantArgs{h.c.give(h.tb, who, cred, id, g.Role.String(), g).Leaf().Bytes(), replace}
	case KindRevoke:
		args = RevokeArgs{h.someGrant(), h.rng.IntN(2) == 0}
	case KindKick, KindBan:
		args = RemoveArgs{"", h.someGrantOrNone()}
	case KindTitle:
		args = TitleArgs{fmt.Sprint(h.rng.IntN(1000))}
	case KindEpoch:
		args = EpochArgs{identity.Hash{byte(h.rng.IntN(255)), 1}, uint32(h.graph.lastEpoch(h.views[who])) + 1}
	case KindAdvert:
		args = AdvertArgs{uint16(h.rng.IntN(100)), uint32(h.rng.IntN(8000)), []string{fmt.Sprint("/at/", who)}}
	case KindAudit:
		args = AuditArgs{uint32(h.rng.IntN(8000))}
	case KindSchedule:
		args = ScheduleArgs{h.time, h.time + 1 + uint64(h.rng.IntN(1000)), ""}
	case KindRecord:
		args = RecordArgs{h.someRecording()}
	case KindConsent:
		of := h.someRecording()
		if of.IsZero() {
			return nil
		}
		args = ConsentArgs{of, h.rng.IntN(2) == 0}
	case KindLower:
		args = LowerArgs{h.time - uint64(h.rng.IntN(10))}
	case KindClose:
		grant = identity.Hash{}
	}
	return h.draft(who, kind, grant, id, args)
}

// pick is a role that the holder of cred may pass on.
func (h *history) pick(cred identity.Credential) identity.Grant {
	g := identity.Grant{Role: []identity.Role{identity.RoleModerator, identity.RoleSpeaker, identity.RoleListener}[h.rng.IntN(3)]}
	if len(cred) > 0 {
		g.Rank = max(g.Role.Rank(), cred.Leaf().Rank+uint16(10))
		g.Caps = g.Role.Caps() & cred.Leaf().Caps
	}
	return g
}

// admit lets somebody in by an invite of an owner or of a moderator, whom nobody need have heard of.
func (h *history) admit(who, person int) *Op {
	issuer, own := h.rng.IntN(2), identity.Credential(nil)
	if h.rng.IntN(2) == 0 {
		moderator := 2 + h.rng.IntN(3)
		invite := h.c.invite(h.tb, issuer, nil, "moderators", identity.Grant{Role: identity.RoleModerator, Uses: 2})
		own = h.c.redeem(h.tb, invite, issuer, "moderators", moderator)
		if h.rng.IntN(3) == 0 {
			return h.draft(who, KindAdmit, identity.Hash{}, h.c.id(moderator), AdmitArgs{Credential: own.Bytes()})
		}
		issuer = moderator
	}
	g := h.pick(own)
	g.Uses = uint32(h.rng.IntN(3))
	label := fmt.Sprint("invite ", g.Role, g.Uses)
	invite := h.c.invite(h.tb, issuer, own, label, g)
	if issuer == person {
		return nil
	}
	args := AdmitArgs{Credential: h.c.redeem(h.tb, invite, issuer, label, person).Bytes()}
	if h.rng.IntN(4) == 0 {
		gate := h.rng.IntN(5) // of whom some may not seat
		args.Seat = signSeat(h.c.keys[gate], &Seat{h.graph.room, h.c.id(person), invite.Leaf().Hash(), h.time, h.c.id(gate)})
	}
	return h.draft(who, KindAdmit, identity.Hash{}, h.c.id(person), args)
}

// authority is a grant that the person has seen themselves be given, whether or not it still holds.
func (h *history) authority(who int) (grant identity.Hash, cred identity.Credential, ok bool) {
	if h.graph.charter.IsOwner(h.c.id(who)) {
		return grant, nil, true
	}
	var held []*conferral
	for _, c := range h.graph.byPerson[h.c.id(who)] {
		if h.views[who].has(c.node.at) && allows(c.grant.Caps, KindKick) {
			held = append(held, c)
		}
	}
	if len(held) == 0 {
		return grant, nil, false
	}
	c := held[h.rng.IntN(len(held))]
	return c.own().grant, c.cred, true
}

func (h *history) someGrant() identity.Hash {
	var all []identity.Hash
	for _, n := range h.graph.nodes {
		if n.gives != nil {
			for _, s := range n.gives.line {
				all = append(all, s.grant)
			}
		}
	}
	if len(all) == 0 {
		return identity.Hash{9}
	}
	return all[h.rng.IntN(len(all))]
}

// someRecording is one that began; none when there is none, and now and then.
func (h *history) someRecording() identity.Hash {
	names := []identity.Hash{{}}
	for _, n := range h.graph.nodes {
		if n.op.begins() {
			names = append(names, n.op.hash)
		}
	}
	return names[h.rng.IntN(len(names))]
}

func (h *history) someGrantOrNone() identity.Hash {
	if h.rng.IntN(2) == 0 {
		return identity.Hash{}
	}
	return h.someGrant()
}

// draft makes an operation that has seen what its author has, or now and then less, as somebody would who hides what they know.
func (h *history) draft(who int, kind Kind, grant identity.Hash, target identity.ID, args any) *Op {
	h.time++
	o := &Op{Room: h.graph.room, Author: h.c.id(who), Time: h.time, Kind: kind, Grant: grant, Target: target}
	if args != nil {
		o.Args = identity.Marshal(args)
	}
	var past bitset
	for _, n := range slices.Backward(h.graph.nodes) {
		if h.views[who].has(n.at) && !past.has(n.at) && len(o.Deps) < MaxDeps && h.rng.IntN(20) > 0 {
			o.Deps = append(o.Deps, n.op.hash)
			past = past.or(n.past).set(n.at)
		}
	}
	slices.SortFunc(o.Deps, compareHashes)
	o.Seq = h.graph.lastSeq(o.Author, past) + 1
	parsed, err := unsigned(o)
	if err != nil {
		h.tb.Fatalf("%s: %v", kind, err)
	}
	return parsed
}

// merged adds all operations to a new log in an order. looking draws the state after each, which judges one by one where it can.
func (h *history) merged(order []int, looking bool) *Log {
	l := h.c.log()
	for _, i := range order {
		if _, _, err := l.add(h.graph.nodes[i].op); err != nil {
			h.tb.Fatalf("operation %d: %v", i, err)
		}
		if looking {
			l.State()
		}
	}
	if l.Len() != len(order) {
		h.tb.Fatalf("%d of %d operations joined", l.Len(), len(order))
	}
	return l
}

// TestHistories is the promise that a room's members need no server: 10,000 histories, each merged in causal order, every second one with
// a look after each operation, and in two random orders.
func TestHistories(t *testing.T) {
	t.Parallel()
	histories := uint64(10000)
	if testing.Short() {
		histories = 100
	}
	c := newCast(t, 2)
	voids, kinds := 0, map[Kind]int{}
	for seed := range histories {
		h := newHistory(t, c, seed, 12+int(seed%20))
		causal := make([]int, len(h.graph.nodes))
		for i := range causal {
			causal[i] = i
		}
		first := h.merged(causal, seed%2 == 0)
		for range 2 {
			h.rng.Shuffle(len(causal), func(i, j int) { causal[i], causal[j] = causal[j], causal[i] })
			requireSame(t, fmt.Sprint("history ", seed), first, h.merged(causal, false))
		}
		for e := range first.Ops() {
			if e.Valid {
				kinds[e.Op.Kind]++
			} else {
				voids++
			}
		}
	}
	for kind := KindAdmit; kind <= lastKind; kind++ {
		if kinds[kind] < int(histories/10) {
			t.Errorf("only %d valid operations of kind %s: the histories do not try it", kinds[kind], kind)
		}
	}
	if voids < int(histories) {
		t.Errorf("only %d void operations: the histories hold no conflicts", voids)
	}
	t.Logf("void %d, valid %v", voids, kinds)
}

// TestOneByOne compares, after every operation that has seen all others, judging it alone with judging all from nothing, and what becomes of
// an admission with what State.Refuses foretold.
func TestOneByOne(t *testing.T) {
	c := newCast(t, 2)
	histories := uint64(300)
	if testing.Short() {
		histories = 40
	}
	for seed := range histories {
		rng := rand.New(rand.NewPCG(seed, 2))
		h := newHistory(t, c, seed, 10)
		one, all := h.c.log(), h.c.log()
		for _, n := range h.graph.nodes {
			one.add(n.op)
			all.add(n.op)
		}
		for range 30 {
			for i := range h.views { // everybody hears of everything
				h.views[i] = allOf(len(h.graph.nodes))
			}
			who, before := rng.IntN(8), len(h.graph.nodes)
			if o := h.act(who, rng.IntN(8)); o != nil {
				h.put(who, o)
			}
			for _, n := range h.graph.nodes[before:] {
				foretold := one.State().Refuses(n.op.args.credential)
				closed := one.State().Closed
				one.add(n.op)
				all.add(n.op)
				if n.op.Kind == KindAdmit && !closed && len(one.heads) == 1 {
					one.judge()
					mine := one.byHash[n.op.hash]
					stands := one.eval.rules.valid(mine) && len(one.eval.ends[mine.at]) == 0
					if stands != (foretold == nil) {
						t.Fatalf("history %d: stands %v, foretold %v", seed, stands, foretold)
					}
				}
				all.dirty, all.state = true, nil
				requireSame(t, fmt.Sprint("history ", seed), one, all)
			}
		}
	}
}
