// Grants: who gives whom what, until when.

package identity

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// DomainGrant is the purpose under which a grant is signed.
const DomainGrant = "stoa/grant/1"

const (
	// MaxChain is the greatest number of grants in a chain.
	MaxChain = 3
	// maxDepth is what a grant by an owner may leave to be passed on.
	maxDepth = MaxChain - 1
	// maxTime is the last millisecond of the year 9999, so that every time in a record can be shown.
	maxTime = 253402300799999

	// DefaultSlots is what a relay may carry whose grant does not say: 4 Mbit/s of upload.
	DefaultSlots = 64
	// MaxSlots is the most that a grant can say.
	MaxSlots = 1<<16 - 1
)

var errUnsigned = errors.New("identity: a record that was never signed has no bytes")

// Grant gives Subject rights in a room. Make one with [SignGrant], [IssueGrant], [IssueInvite] or
// [ParseGrant]; its fields are for reading, and [Grant.Verify] notices when they were changed.
//
// A grant to a person ends at Expires. A grant to an invite's one-time key bounds with NotBefore, Expires
// and Uses its redemption only: who came in by then stays.
type Grant struct {
	Room      RoomID  `cbor:"1,keyasint"`
	Issuer    ID      `cbor:"2,keyasint"`
	Subject   ID      `cbor:"3,keyasint"`           // a person's key, or an invite's
	Invite    bool    `cbor:"4,keyasint,omitzero"`  // Subject is an invite's one-time key
	For       ID      `cbor:"5,keyasint,omitzero"`  // only this person may redeem; zero: anyone. Invites only
	Role      Role    `cbor:"6,keyasint"`           // any but RoleOwner
	Caps      Caps    `cbor:"7,keyasint"`           // at least one
	Rank      uint16  `cbor:"8,keyasint"`           // at least 1: 0 is the owners'
	NotBefore uint64  `cbor:"9,keyasint,omitzero"`  // unix milliseconds; 0: no limit
	Expires   uint64  `cbor:"10,keyasint,omitzero"` // unix milliseconds; 0: no limit
	Uses      uint32  `cbor:"11,keyasint,omitzero"` // how many people may redeem; 0: any number. Invites only
	Exact     bool    `cbor:"12,keyasint,omitzero"` // only Issuer admits, so that the count is exact. Invites only
	Depth     uint8   `cbor:"13,keyasint,omitzero"` // how many more grants may follow below, at most 2
	Parent    Hash    `cbor:"14,keyasint,omitzero"` // the grant under which Issuer acts; zero: Issuer is an owner
	Nonce     [8]byte `cbor:"15,keyasint"`
	Slots     uint32  `cbor:"16,keyasint,omitzero"` // of CapRelay: how many listeners at most, see RelaySlots. 0: DefaultSlots

	body []byte // as received; what is signed and hashed
	sig  []byte
}

// grantBody is what is encoded and signed: the exported fields without the methods.
type grantBody Grant

// SignGrant makes k the issuer of g and signs it. It fails when a field is out of bounds; whether k may
// issue it is for [Credential.Verify] to say.
func SignGrant(k *Key, g Grant) (Grant, error) {
	g.Issuer = k.ID()
	if err := g.check(); err != nil {
		return Grant{}, err
	}
	return signGrant(k, g), nil
}

func signGrant(k *Key, g Grant) Grant {
	g.body = Marshal(grantBody(g))
	g.sig = k.Sign(DomainGrant, g.body)
	return g
}

// ParseGrant reads the form of [Grant.Bytes]. It checks the form and bounds of the fields and no
// signature, so that callers can ask cheaper questions first. The error wraps [ErrMalformed],
// [ErrWidened] or [ErrTooDeep].
func ParseGrant(raw []byte) (Grant, error) {
	body, sigs, err := Unpack(raw, 1)
	if err != nil {
		return Grant{}, err
	}
	var g Grant
	if err := Unmarshal(body, (*grantBody)(&g)); err != nil {
		return Grant{}, err
	}
	if err := g.check(); err != nil {
		return Grant{}, err
	}
	g.body, g.sig = body, sigs[0]
	return g, nil
}

// Hash gives the name of the grant: the SHA-256 of its body.
func (g Grant) Hash() Hash { return HashOf(g.body) }

// Bytes gives the wire form: [Pack] of the body and the issuer's signature.
func (g Grant) Bytes() []byte { return Pack(g.body, g.sig) }

// Verify checks the issuer's signature, and that the fields are the ones signed. It does not say whether
// the issuer had the right to issue: [Credential.Verify] does. The error wraps [ErrForged], or what
// [ParseGrant] returns.
func (g Grant) Verify() error {
	if err := g.check(); err != nil {
		return err
	}
	if !bytes.Equal(Marshal(grantBody(g)), g.body) || !Verify(g.Issuer, DomainGrant, g.sig, g.body) {
		return ErrForged
	}
	return nil
}

// MarshalCBOR gives Bytes, so that records can carry grants.
func (g Grant) MarshalCBOR() ([]byte, error) {
	if g.body == nil {
		return nil, errUnsigned
	}
	return g.Bytes(), nil
}

// UnmarshalCBOR is [ParseGrant].
func (g *Grant) UnmarshalCBOR(raw []byte) (err error) {
	*g, err = ParseGrant(raw)
	return err
}

// RelaySlots gives the most that the holder counts for as a relay, in slots of 64 kbit/s of upload, each of
// which carries one listener. Without CapRelay it is 0.
func (g *Grant) RelaySlots() uint32 {
	switch {
	case !g.Caps.Has(CapRelay):
		return 0
	case g.Slots == 0:
		return DefaultSlots
	}
	return g.Slots
}

// check says whether the fields make sense by themselves.
func (g *Grant) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: grant: %s", ErrMalformed, what) }
	switch {
	case g.Room.IsZero():
		return bad("no room")
	case weak(g.Issuer) || weak(g.Subject) || !g.For.IsZero() && weak(g.For):
		return bad("a key that cannot sign")
	case g.Issuer == g.Subject:
		return bad("issued to its issuer")
	case !g.Role.Valid():
		return bad("unknown role")
	case g.Caps == 0 || !AllCaps.Has(g.Caps):
		return bad("unknown or no capabilities")
	case g.NotBefore > maxTime || g.Expires > maxTime || g.Expires != 0 && g.Expires < g.NotBefore:
		return bad("times out of range")
	case !g.Invite && (!g.For.IsZero() || g.Uses != 0 || g.Exact):
		return bad("a condition of redemption on what is not an invite")
	case g.Slots > MaxSlots || g.Slots != 0 && !g.Caps.Has(CapRelay):
		return bad("too many slots, or slots of what is not a relay")
	case g.Role == RoleOwner || g.Rank == 0:
		return fmt.Errorf("%w: nobody is made an owner", ErrWidened)
	case g.Depth > maxDepth:
		return ErrTooDeep
	}
	return nil
}

// narrows says whether child gives no more than parent, under which it was issued, allows.
func (g *Grant) narrows(parent *Grant) error {
	wider := func(what string) error { return fmt.Errorf("%w: %s", ErrWidened, what) }
	issues := CapInvite
	if !g.Invite {
		issues |= CapStage
	}
	switch {
	case parent.Depth == 0:
		return ErrTooDeep
	case g.Depth >= parent.Depth:
		return wider("depth")
	case parent.Caps&issues == 0:
		return wider("its issuer may not issue it")
	case !parent.Caps.Has(g.Caps):
		return wider("capabilities")
	case g.Rank <= parent.Rank:
		return wider("rank")
	case g.RelaySlots() > parent.RelaySlots():
		return wider("slots")
	case !parent.Invite && parent.Expires != 0 && (g.Expires == 0 || g.Expires > parent.Expires):
		return wider("expiry")
	case !parent.Invite && g.NotBefore < parent.NotBefore:
		return wider("begin")
	}
	return nil
}

// inForce says whether now, in unix ms, lies between NotBefore and Expires, each end widened by slack.
func (g *Grant) inForce(now uint64, slack time.Duration) error {
	ms := uint64(slack.Milliseconds())
	if now+ms < g.NotBefore {
		return ErrNotYet
	}
	if g.Expires != 0 && now > g.Expires+ms {
		return ErrExpired
	}
	return nil
}
