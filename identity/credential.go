// Credentials: the chain of grants, from an owner down, that proves what somebody may do.

package identity

import (
	"crypto/rand"
	"fmt"
	"time"
)

const (
	// ClockSlack is by how much whoever decides about a credential may be late or early.
	ClockSlack = 2 * time.Minute

	// ClockSkew is how far apart the clocks of two people may be, each of which is up to a quarter of an
	// hour wrong.
	ClockSkew = 30 * time.Minute
)

// Link is one step of a chain.
type Link struct {
	_      struct{} `cbor:",toarray"`
	Grant  Grant
	Redeem *Redeem // with an invite's grant: who took it up; nil on the last step of a link not yet redeemed
}

// Credential is a chain of one to three grants: the first by an owner, each further one by the holder of
// the one before. Whoever holds the charter verifies it without asking anybody. Owners need none: theirs
// is nil.
type Credential []Link

// Step names one grant of a chain and who holds it.
type Step struct {
	Grant  Hash
	Holder ID
}

// ParseCredential reads the form of [Credential.Bytes], of at most [MaxRecord] bytes. It checks form and
// bounds, and no signature. The error wraps [ErrMalformed], [ErrWidened] or [ErrTooDeep].
func ParseCredential(raw []byte) (Credential, error) {
	var c Credential
	if err := Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	if err := c.sized(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c Credential) sized() error {
	if len(c) == 0 {
		return fmt.Errorf("%w: a credential without a grant", ErrMalformed)
	}
	if len(c) > MaxChain {
		return ErrTooDeep
	}
	return nil
}

// Bytes gives the wire form: a CBOR array of steps, each an array of the grant and its redemption or null.
func (c Credential) Bytes() []byte { return Marshal(c) }

// Leaf gives the last grant: the one that the holder acts under. It is the zero Grant for a nil c.
func (c Credential) Leaf() Grant {
	if len(c) == 0 {
		return Grant{}
	}
	return c[len(c)-1].Grant
}

// Holder gives the person that the chain ends at; zero for a nil c or an invite not yet redeemed.
func (c Credential) Holder() ID {
	if len(c) == 0 {
		return ID{}
	}
	return c[len(c)-1].holder()
}

func (l *Link) holder() ID {
	switch {
	case !l.Grant.Invite:
		return l.Grant.Subject
	case l.Redeem != nil:
		return l.Redeem.Person
	}
	return ID{}
}

// RedeemedAt gives the time at which the last step says that it was redeemed, which lies in its invite's
// time. It is the zero time when that step is not a redeemed invite. Verify at this time leaves out the one
// question that is over for somebody who is in already: whether the invite still opens the room.
func (c Credential) RedeemedAt() time.Time {
	if len(c) == 0 || c[len(c)-1].Redeem == nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(c[len(c)-1].Redeem.Time))
}

// Lineage gives the grants of the chain with their holders, the owner's first and the leaf last.
func (c Credential) Lineage() []Step {
	steps := make([]Step, len(c))
	for i := range c {
		steps[i] = Step{Grant: c[i].Grant.Hash(), Holder: c[i].holder()}
	}
	return steps
}

// Verify says whether c proves at the time now, give or take [ClockSlack], that its holder has the rights
// of its leaf in the room of charter. It asks nobody: what the room decided since (a revocation, a ban, a
// used-up count) is for the room's log to say.
//
// Every redemption must lie in its own invite's time. That time is its maker's claim and is compared with
// no clock: the leaf must be in force at now, so a redemption that claims an earlier time does not open an
// expired invite, and one by a wrong clock does not close an open one. The error wraps
// [ErrMalformed], [ErrWrongRoom], [ErrNotOwner], [ErrForged], [ErrWidened], [ErrTooDeep], [ErrNotForYou],
// [ErrNotYet] or [ErrExpired].
func (c Credential) Verify(charter *Charter, now time.Time) error {
	if err := c.fits(charter.ID()); err != nil {
		return err
	}
	if !charter.IsOwner(c[0].Grant.Issuer) {
		return ErrNotOwner
	}
	leaf := &c[len(c)-1]
	if leaf.Grant.Invite && leaf.Redeem == nil {
		return fmt.Errorf("%w: an invite that nobody redeemed", ErrMalformed)
	}
	if err := leaf.Grant.inForce(millis(now), ClockSlack); err != nil {
		return err
	}
	return c.verifySigs()
}

// fits asks of the whole chain what costs no signature check and needs no clock.
func (c Credential) fits(room RoomID) error {
	if err := c.sized(); err != nil {
		return err
	}
	for i := range c {
		if err := c.fitsAt(i, room); err != nil {
			return err
		}
	}
	return nil
}

func (c Credential) fitsAt(i int, room RoomID) error {
	g := &c[i].Grant
	if g.Room != room {
		return ErrWrongRoom
	}
	if err := g.check(); err != nil {
		return err
	}
	if err := c.hangsTogether(i); err != nil {
		return err
	}
	switch redeem := c[i].Redeem; {
	case redeem != nil:
		return redeem.fits(g)
	case g.Invite && i < len(c)-1:
		return fmt.Errorf("%w: a grant under an invite that nobody redeemed", ErrMalformed)
	}
	return nil
}

// hangsTogether says whether step i was issued under the step before it, and within it.
func (c Credential) hangsTogether(i int) error {
	g := &c[i].Grant
	if i == 0 {
		if !g.Parent.IsZero() {
			return fmt.Errorf("%w: a chain without its beginning", ErrMalformed)
		}
		return nil
	}
	parent := &c[i-1]
	if g.Parent != parent.Grant.Hash() {
		return fmt.Errorf("%w: a grant under another parent", ErrMalformed)
	}
	if g.Issuer != parent.holder() {
		return fmt.Errorf("%w: issued by somebody who does not hold its parent", ErrForged)
	}
	return g.narrows(&parent.Grant)
}

func (c Credential) verifySigs() error {
	for i := range c {
		if err := c[i].Grant.Verify(); err != nil {
			return err
		}
		if c[i].Redeem == nil {
			continue
		}
		if err := c[i].Redeem.verifySigs(&c[i].Grant); err != nil {
			return err
		}
	}
	return nil
}

// Terms say what an issuer wants to give. Only Role must be set: what is zero follows from the role and
// from what the issuer has.
type Terms struct {
	Role      Role
	Caps      Caps      // zero: the role's, as far as the issuer has them
	Rank      uint16    // zero: the role's, or the next below the issuer's when that is lower
	Depth     uint8     // zero: the role's, as far as the issuer may pass on
	NotBefore time.Time // zero: no limit
	Expires   time.Time // zero: no limit, or the issuer's own
	Uses      uint32    // invites: how many people; zero: any number
	Exact     bool      // invites: only the issuer admits
	For       ID        // invites: only this person; zero: anyone
	Slots     uint32    // relays: how many slots they count for at most; zero: DefaultSlots, or the issuer's own when that is lower
}

// IssueGrant gives subject a grant of issuer in room, and returns the chain that proves it. own is the
// issuer's credential, nil for an owner; it is not verified. The error wraps [ErrWidened] or [ErrTooDeep]
// when the issuer cannot give that much, [ErrNotForYou] when own is another's, else [ErrMalformed].
func IssueGrant(issuer *Key, own Credential, subject ID, terms Terms, room RoomID) (Credential, error) {
	g, err := terms.grant(own, room)
	if err != nil {
		return nil, err
	}
	g.Subject = subject
	return own.extend(issuer, g)
}

// IssueInvite makes an invite of issuer in room: a chain whose last step is not yet redeemed, and the seed
// of the one-time key that redeems it. Put both into an [Invite]. own and the errors are as for
// [IssueGrant].
func IssueInvite(issuer *Key, own Credential, terms Terms, room RoomID) (chain Credential, seed [32]byte, err error) {
	g, err := terms.grant(own, room)
	if err != nil {
		return nil, seed, err
	}
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, seed, err
	}
	g.Invite, g.Subject = true, KeyFromSeed(seed).ID()
	chain, err = own.extend(issuer, g)
	return chain, seed, err
}

// grant fills in the defaults. Whether the result may be issued is asked in extend.
func (t Terms) grant(own Credential, room RoomID) (Grant, error) {
	g := Grant{
		Room: room, Role: t.Role, Caps: t.Caps, Rank: t.Rank, Depth: t.Depth, For: t.For, Uses: t.Uses, Exact: t.Exact,
		NotBefore: limit(t.NotBefore), Expires: limit(t.Expires), Slots: t.Slots,
	}
	parent := Grant{Caps: AllCaps, Depth: MaxChain, Invite: true, Slots: MaxSlots} // an owner's
	if len(own) > 0 {
		parent = own.Leaf()
		g.Parent = parent.Hash()
	}
	if g.Caps == 0 {
		g.Caps = t.Role.Caps() & parent.Caps
	}
	if g.Rank == 0 {
		g.Rank = max(t.Role.Rank(), parent.Rank+1)
	}
	if g.Depth == 0 && parent.Depth > 0 {
		g.Depth = min(t.Role.Depth(), parent.Depth-1)
	}
	if most := parent.RelaySlots(); g.Slots == 0 && g.RelaySlots() > most {
		g.Slots = most
	}
	if !parent.Invite {
		g.NotBefore = max(g.NotBefore, parent.NotBefore)
		if g.Expires == 0 {
			g.Expires = parent.Expires
		}
	}
	_, err := rand.Read(g.Nonce[:])
	return g, err
}

// extend signs g and hangs it under c, which holds issuer's own rights or, for an owner, nothing.
func (c Credential) extend(issuer *Key, g Grant) (Credential, error) {
	if len(c) > 0 && c.Holder() != issuer.ID() {
		return nil, fmt.Errorf("%w: a grant is issued under one's own credential", ErrNotForYou)
	}
	signed, err := SignGrant(issuer, g)
	if err != nil {
		return nil, err
	}
	chain := append(c[:len(c):len(c)], Link{Grant: signed})
	if err := chain.fits(g.Room); err != nil {
		return nil, err
	}
	return chain, nil
}

// limit gives t in unix milliseconds as a record holds it, where 0 is no limit: the zero time and only that.
func limit(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return max(1, millis(t))
}

// millis gives t in unix milliseconds, and 0 for everything before 1970.
func millis(t time.Time) uint64 { return uint64(max(0, t.UnixMilli())) }
