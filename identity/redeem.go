// Redemption: a person takes up an invite.

package identity

import (
	"bytes"
	"fmt"
)

// DomainRedeem is the purpose under which a redemption is signed.
const DomainRedeem = "stoa/redeem/1"

// Redeem binds an invite to the person who took it up. It is signed twice, by the invite's one-time key
// and by the person: whoever copies it off the wire can only let in the same person again. Make one with
// [Invite.Redeem], [SignRedeem] or [ParseRedeem].
type Redeem struct {
	Room   RoomID  `cbor:"1,keyasint"`
	Grant  Hash    `cbor:"2,keyasint"` // of the invite's grant
	Person ID      `cbor:"3,keyasint"`
	Time   uint64  `cbor:"4,keyasint"` // unix milliseconds, by the person's clock as far as the invite allows
	Nonce  [8]byte `cbor:"5,keyasint"`

	body []byte // as received; what is signed and hashed
	sigs [][]byte
}

// redeemBody is what is encoded and signed: the exported fields without the methods.
type redeemBody Redeem

// SignRedeem makes person the one who takes up the invite, and signs for both.
func SignRedeem(invite, person *Key, r Redeem) (*Redeem, error) {
	r.Person = person.ID()
	if err := r.check(); err != nil {
		return nil, err
	}
	return signRedeem(invite, person, r), nil
}

func signRedeem(invite, person *Key, r Redeem) *Redeem {
	r.body = Marshal(redeemBody(r))
	r.sigs = [][]byte{invite.Sign(DomainRedeem, r.body), person.Sign(DomainRedeem, r.body)}
	return &r
}

// ParseRedeem reads the form of [Redeem.Bytes]. It checks the form and bounds of the fields and no
// signature. The error wraps [ErrMalformed].
func ParseRedeem(raw []byte) (*Redeem, error) {
	body, sigs, err := Unpack(raw, 2)
	if err != nil {
		return nil, err
	}
	var r Redeem
	if err := Unmarshal(body, (*redeemBody)(&r)); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	r.body, r.sigs = body, sigs
	return &r, nil
}

// Hash gives the name of the redemption: the SHA-256 of its body.
func (r *Redeem) Hash() Hash { return HashOf(r.body) }

// Bytes gives the wire form: [Pack] of the body, the invite's signature and the person's.
func (r *Redeem) Bytes() []byte { return Pack(r.body, r.sigs...) }

// Verify checks that r redeems g at a time and by a person that g allows, and both signatures. The error
// wraps [ErrWrongRoom], [ErrNotForYou], [ErrNotYet], [ErrExpired], [ErrForged] or [ErrMalformed].
func (r *Redeem) Verify(g Grant) error {
	if err := r.fits(&g); err != nil {
		return err
	}
	return r.verifySigs(&g)
}

// fits asks everything that costs no signature check.
func (r *Redeem) fits(g *Grant) error {
	switch {
	case !g.Invite || r.Grant != g.Hash():
		return fmt.Errorf("%w: redeems another invite", ErrMalformed)
	case r.Room != g.Room:
		return ErrWrongRoom
	case r.Person == g.Subject:
		return fmt.Errorf("%w: an invite redeemed by itself", ErrMalformed)
	case !g.For.IsZero() && g.For != r.Person:
		return ErrNotForYou
	}
	if err := r.check(); err != nil {
		return err
	}
	return g.inForce(r.Time, 0)
}

func (r *Redeem) verifySigs(g *Grant) error {
	if len(r.sigs) != 2 || !bytes.Equal(Marshal(redeemBody(*r)), r.body) ||
		!Verify(g.Subject, DomainRedeem, r.sigs[0], r.body) ||
		!Verify(r.Person, DomainRedeem, r.sigs[1], r.body) {
		return ErrForged
	}
	return nil
}

// MarshalCBOR gives Bytes, so that records can carry redemptions.
func (r *Redeem) MarshalCBOR() ([]byte, error) {
	if r.body == nil {
		return nil, errUnsigned
	}
	return r.Bytes(), nil
}

// UnmarshalCBOR is [ParseRedeem].
func (r *Redeem) UnmarshalCBOR(raw []byte) error {
	parsed, err := ParseRedeem(raw)
	if err == nil {
		*r = *parsed
	}
	return err
}

func (r *Redeem) check() error {
	switch {
	case r.Room.IsZero() || r.Grant.IsZero():
		return fmt.Errorf("%w: redemption of nothing", ErrMalformed)
	case weak(r.Person):
		return fmt.Errorf("%w: redemption by a key that cannot sign", ErrMalformed)
	case r.Time == 0 || r.Time > maxTime:
		return fmt.Errorf("%w: redemption at a time out of range", ErrMalformed)
	}
	return nil
}
