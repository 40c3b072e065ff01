// This file holds the people of the log's tests and what they hand each other. Everything follows from seeds, so a failure can be repeated.

package room

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"stoa/identity"
)

// dawn is when tests begin, unix ms.
const dawn = 1_800_000_000_000

// cast is a room's charter and eight people, the first two its owners.
type cast struct {
	keys     []*identity.Key
	charter  *identity.Charter
	grants   map[string]identity.Grant // by what they say
	redeems  map[holding]*identity.Redeem
	invites  map[string]*identity.Key // by their maker and label
	verified map[identity.Hash]error  // by leaf and redemption
}

func newCast(tb testing.TB, threshold uint8) *cast {
	c := &cast{
		grants: map[string]identity.Grant{}, redeems: map[holding]*identity.Redeem{}, invites: map[string]*identity.Key{},
		verified: map[identity.Hash]error{},
	}
	for i := range 8 {
		c.keys = append(c.keys, identity.KeyFromSeed([32]byte{1, byte(i)}))
	}
	founders := identity.Charter{Owners: []identity.ID{c.id(0), c.id(1)}, Threshold: threshold, Created: dawn}
	var err error
	if c.charter, err = identity.SignCharter(founders, c.keys[0], c.keys[1]); err != nil {
		tb.Fatal(err)
	}
	return c
}

func (c *cast) id(who int) identity.ID { return c.keys[who].ID() }

// log is an empty log of the room. It verifies each credential for real, but only once.
func (c *cast) log() *Log {
	l := NewLog(c.charter)
	l.verify = func(cred identity.Credential, at time.Time) error {
		h := cred.Leaf().Hash()
		if r := cred[len(cred)-1].Redeem; r != nil {
			h = sha256.Sum256(binary.BigEndian.AppendUint64(append(h[:], r.Person[:]...), r.Time))
		}
		err, known := c.verified[h]
		if !known {
			err = cred.Verify(c.charter, at)
			c.verified[h] = err
		}
		return err
	}
	return l
}

// give makes a grant of role by who under their credential own. label tells apart grants that say the same.
func (c *cast) give(tb testing.TB, who int, own identity.Credential, subject identity.ID, label string, g identity.Grant) identity.Credential {
	g.Room, g.Subject = c.charter.ID(), subject
	if g.Caps == 0 {
		g.Caps = g.Role.Caps()
	}
	if g.Rank == 0 {
		g.Rank = g.Role.Rank()
	}
	key := c.id(who).String() + g.Subject.String() + label
	depth := uint8(2)
	if len(own) > 0 {
		g.Parent, depth = own.Leaf().Hash(), own.Leaf().Depth-1
		key += g.Parent.String()
	}
	g.Depth = min(g.Role.Depth(), depth)
	signed, ok := c.grants[key]
	if !ok {
		sum := sha256.Sum256([]byte(key))
		copy(g.Nonce[:], sum[:])
		var err error
		if signed, err = identity.SignGrant(c.keys[who], g); err != nil {
			tb.Fatal(err)
		}
		c.grants[key] = signed
	}
	return append(slices.Clone(own), identity.Link{Grant: signed})
}

// invite is give to a one-time key, which follows from the label.
func (c *cast) invite(tb testing.TB, who int, own identity.Credential, label string, g identity.Grant) identity.Credential {
	g.Invite = true
	return c.give(tb, who, own, c.inviteKey(who, label).ID(), label, g)
}

func (c *cast) inviteKey(who int, label string) *identity.Key {
	name := fmt.Sprint(who, label)
	if c.invites[name] == nil {
		c.invites[name] = identity.KeyFromSeed(sha256.Sum256([]byte(name)))
	}
	return c.invites[name]
}

// redeem has a person take up an invite that issuer made.
func (c *cast) redeem(tb testing.TB, invite identity.Credential, issuer int, label string, person int) identity.Credential {
	h := holding{c.id(person), invite.Leaf().Hash()}
	if c.redeems[h] == nil {
		r := identity.Redeem{Room: c.charter.ID(), Grant: h.grant, Time: dawn}
		var err error
		if c.redeems[h], err = identity.SignRedeem(c.inviteKey(issuer, label), c.keys[person], r); err != nil {
			tb.Fatal(err)
		}
	}
	cred := slices.Clone(invite)
	cred[len(cred)-1].Redeem = c.redeems[h]
	return cred
}

// unsigned turns a draft into what ParseOp would return for it, without the cost of a signature.
func unsigned(o *Op) (*Op, error) {
	body := identity.Marshal(o)
	parsed, err := parseBody(body)
	if err == nil {
		parsed.raw = body
	}
	return parsed, err
}

// verdicts lists hash, validity and reason of every operation.
func verdicts(l *Log) []Entry { return slices.Collect(l.Ops()) }

// requireSame fails unless both logs hold the same operations, verdicts and state.
func requireSame(tb testing.TB, what string, a, b *Log) {
	tb.Helper()
	va, vb := verdicts(a), verdicts(b)
	if len(va) != len(vb) {
		tb.Fatalf("%s: %d operations and %d", what, len(va), len(vb))
	}
	for i := range va {
		if va[i].Op.hash != vb[i].Op.hash || va[i].Why != vb[i].Why {
			tb.Fatalf("%s: operation %d: %s %v, and %s %v", what, i, va[i].Op.Kind, va[i].Why, vb[i].Op.Kind, vb[i].Why)
		}
	}
	sa, sb := a.State(), b.State()
	if !bytes.Equal(sa.Root[:], sb.Root[:]) || sa.Epoch != sb.Epoch {
		tb.Fatalf("%s: two states of the same operations:\n%+v\n%+v", what, sa, sb)
	}
}
