// This file holds the causal graph: an operation with all it has seen, and the conferral of a grant on a person, which is what authority
// rests on.

package room

import "stoa/identity"

// bitset is a set of positions in one log.
type bitset []uint64

func (b bitset) has(i int) bool { return i>>6 < len(b) && b[i>>6]&(1<<(i&63)) != 0 }

// set returns b with i in it; the receiver may be reused or not, as with append.
func (b bitset) set(i int) bitset {
	for i>>6 >= len(b) {
		b = append(b, 0)
	}
	b[i>>6] |= 1 << (i & 63)
	return b
}

// allOf is the set of the first n positions.
func allOf(n int) bitset {
	b := make(bitset, (n+63)/64)
	for i := range b {
		b[i] = ^uint64(0)
	}
	if n%64 != 0 {
		b[len(b)-1] = 1<<(n%64) - 1
	}
	return b
}

// or returns b with all of o in it.
func (b bitset) or(o bitset) bitset {
	for len(b) < len(o) {
		b = append(b, 0)
	}
	for i, w := range o {
		b[i] |= w
	}
	return b
}

// node is an operation in its place. It never changes once it is in the log; verdicts are kept apart, in rules.
type node struct {
	op    *Op
	at    int    // position in this log, after everything it has seen; differs from peer to peer and decides nothing
	past  bitset // positions of everything it has seen
	rank  uint16 // acted under: 0 for owners, the leaf's rank for an admit
	caps  identity.Caps
	gives *conferral // of admit and grant
}

// sees reports whether m is among what n has seen.
func (n *node) sees(m *node) bool { return n.past.has(m.at) }

// knew reports whether what n did was done in knowledge of c.
func (n *node) knew(c *conferral) bool {
	return n.sees(c.node) || c.seated != 0 && n.op.Time > c.seated
}

// removes reports whether n, if valid, ends what its target holds: a kick, a ban, a replacing grant.
func (n *node) removes() bool {
	return n.op.Kind == KindKick || n.op.Kind == KindBan || n.replaces()
}

func (n *node) replaces() bool { return n.op.Kind == KindGrant && n.op.args.replace }

// closes names the grant that n, if valid, ends (keep false) or closes for newcomers (keep true).
func (n *node) closes() (grant identity.Hash, keep, ok bool) {
	switch n.op.Kind {
	case KindRevoke:
		return n.op.args.revoke.Grant, n.op.args.revoke.Keep, true
	case KindKick, KindBan:
		grant = n.op.args.remove.Closes
		return grant, true, !grant.IsZero()
	}
	return grant, false, false
}

// holding is a grant in a person's hands.
type holding struct {
	person identity.ID
	grant  identity.Hash
}

// step is one grant of a lineage, and who holds it.
type step struct {
	holding
	issuer identity.ID
	rank   uint16
	uses   uint32 // of an invite; 0 unlimited
	exact  bool   // an invite that only its issuer counts
}

// conferral is an operation that gives a person a grant: an admit or a grant.
type conferral struct {
	node  *node
	grant identity.Grant
	line  []step              // the grants it descends from, ancestors first, its own last
	cred  identity.Credential // proves it offline
	// seated, of a seat that is judged like an admission, is its time in unix ms: everything done later counts as having seen it.
	seated uint64
}

func (c *conferral) own() step           { return c.line[len(c.line)-1] }
func (c *conferral) person() identity.ID { return c.own().person }
func (c *conferral) rank() uint16        { return c.own().rank }
func (c *conferral) admits() bool        { return c.node.op.Kind == KindAdmit }

// lineage lists the steps of a credential. An invite not yet redeemed is its own holder.
func lineage(cred identity.Credential) []step {
	line := make([]step, len(cred))
	for i, link := range cred {
		g := &link.Grant
		s := step{holding: holding{g.Subject, g.Hash()}, issuer: g.Issuer, rank: g.Rank}
		if link.Redeem != nil {
			s.person = link.Redeem.Person
		}
		s.uses, s.exact = g.Uses, g.Exact
		line[i] = s
	}
	return line
}
