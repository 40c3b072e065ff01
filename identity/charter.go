// The charter: the signed founding document of a room.

package identity

import (
	"bytes"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// DomainCharter is the purpose under which a charter is signed.
const DomainCharter = "stoa/charter/1"

// Bounds of a charter.
const (
	MaxOwners     = 5
	MaxSuccessors = 5
	MaxTopic      = 32 // bytes, of Policy.Topic and of Policy.Lang
)

// Charter founds a room: the SHA-256 of its body is the room's name, so a room's owners cannot be
// exchanged, and nobody can found the same room twice. Make one with [SignCharter] or [ParseCharter];
// its fields are for reading.
type Charter struct {
	Owners     []ID     `cbor:"1,keyasint"`           // 1 to 5, no one twice
	Threshold  uint8    `cbor:"2,keyasint"`           // how many owners it takes to end the room, 1 to len(Owners)
	Successors []ID     `cbor:"3,keyasint,omitempty"` // up to 5, in the order in which they may claim
	Policy     Policy   `cbor:"4,keyasint"`
	Created    uint64   `cbor:"5,keyasint"` // unix milliseconds
	Nonce      [16]byte `cbor:"6,keyasint"` // so that the same people can found many rooms

	body []byte // as received; what is signed and hashed
	sigs [][]byte
	id   RoomID
}

// Policy is what a room's founders fix for its life.
type Policy struct {
	Listed     bool   `cbor:"1,keyasint,omitzero"` // announced among the public rooms
	Topic      string `cbor:"2,keyasint,omitzero"` // up to 32 bytes of printable UTF-8
	Lang       string `cbor:"3,keyasint,omitzero"` // BCP 47, up to 32 bytes
	Reclaim    uint32 `cbor:"4,keyasint,omitzero"` // seconds of the owners' silence after which successors may claim; 0: never
	Volunteers bool   `cbor:"5,keyasint,omitzero"` // relays of people whom nobody invited as such are welcome
}

// charterBody is what is encoded and signed: the exported fields without the methods.
type charterBody Charter

// SignCharter signs c with the keys of all its owners, given in any order. c itself is not changed. It
// fails when a key is missing or one too many, or when a field is out of bounds.
func SignCharter(c Charter, keys ...*Key) (*Charter, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(keys) != len(c.Owners) {
		return nil, fmt.Errorf("%w: %d keys for %d owners", ErrNotOwner, len(keys), len(c.Owners))
	}
	c.seal(Marshal(charterBody(c)), make([][]byte, len(c.Owners)))
	for _, k := range keys {
		i := slices.Index(c.Owners, k.ID())
		if i < 0 {
			return nil, fmt.Errorf("%w: %s", ErrNotOwner, k.ID().Short())
		}
		c.sigs[i] = k.Sign(DomainCharter, c.body)
	}
	if slices.ContainsFunc(c.sigs, func(sig []byte) bool { return sig == nil }) {
		return nil, fmt.Errorf("%w: an owner has not signed", ErrNotOwner)
	}
	return &c, nil
}

func (c *Charter) seal(body []byte, sigs [][]byte) {
	c.Owners, c.Successors = slices.Clone(c.Owners), slices.Clone(c.Successors)
	c.body, c.sigs, c.id = body, sigs, RoomID(HashOf(body))
}

// ParseCharter reads the form of [Charter.Bytes] and verifies every owner's signature. The error wraps
// [ErrMalformed] or [ErrForged].
func ParseCharter(raw []byte) (*Charter, error) {
	body, sigs, err := unpack(raw)
	if err != nil {
		return nil, err
	}
	var c Charter
	if err := Unmarshal(body, (*charterBody)(&c)); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(sigs) != len(c.Owners) {
		return nil, fmt.Errorf("%w: %d signatures of %d owners", ErrMalformed, len(sigs), len(c.Owners))
	}
	for i, owner := range c.Owners {
		if !Verify(owner, DomainCharter, sigs[i], body) {
			return nil, ErrForged
		}
	}
	c.seal(body, sigs)
	return &c, nil
}

// ID gives the name of the room.
func (c *Charter) ID() RoomID { return c.id }

// Bytes gives the wire form: [Pack] of the body and one signature an owner, in the order of Owners.
func (c *Charter) Bytes() []byte { return Pack(c.body, c.sigs...) }

// IsOwner reports whether id founded the room.
func (c *Charter) IsOwner(id ID) bool { return slices.Contains(c.Owners, id) }

// MarshalCBOR gives Bytes, so that records can carry charters.
func (c *Charter) MarshalCBOR() ([]byte, error) {
	if c.body == nil {
		return nil, errUnsigned
	}
	return c.Bytes(), nil
}

// UnmarshalCBOR is [ParseCharter].
func (c *Charter) UnmarshalCBOR(raw []byte) error {
	parsed, err := ParseCharter(raw)
	if err == nil {
		*c = *parsed
	}
	return err
}

func (c *Charter) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: charter: %s", ErrMalformed, what) }
	people := slices.Concat(c.Owners, c.Successors)
	switch {
	case len(c.Owners) == 0 || len(c.Owners) > MaxOwners:
		return bad("one to five owners belong in it")
	case len(c.Successors) > MaxSuccessors:
		return bad("more than five successors")
	case slices.ContainsFunc(people, weak):
		return bad("a key that cannot sign")
	case repeats(people):
		return bad("somebody is named twice")
	case c.Threshold == 0 || int(c.Threshold) > len(c.Owners):
		return bad("the threshold is not a number of its owners")
	case !printable(c.Policy.Topic) || !printable(c.Policy.Lang):
		return bad("topic or language is too long or not printable")
	case c.Created == 0 || c.Created > maxTime:
		return bad("a time out of range")
	}
	return nil
}

func repeats(ids []ID) bool {
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return len(slices.Compact(sorted)) != len(ids)
}

func printable(s string) bool {
	if len(s) > MaxTopic || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
