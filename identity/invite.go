// Invite links: the text that lets somebody in.
//
//	1. strip        the prefix, and the white space that copying leaves round it
//	2. open frame   version, length, check: is the text whole?
//	3. read payload strict CBOR
//	4. Redeem       is it for me, now? then sign for the invite and for myself

package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Bounds of an invite.
const (
	MaxHints    = 4
	MaxHintSize = 128 // bytes
)

const (
	invitePrefix    = "stoa:j/"
	invitePrefixURL = "stoa://j/" // what some programs make of it
	inviteVersion   = 1
	inviteHeader    = 1 + 2 + 4 // version, length, check
	// maxPayload leaves the top four bits of the length zero, so that a text whose second character is
	// damaged, which holds these and part of the version, can be told from one that is cut off.
	maxPayload = 1<<12 - 1
	// maxInviteText is the length in characters of the longest link, without its prefix.
	maxInviteText = ((inviteHeader+maxPayload)*8 + 5) / 6

	base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" // RFC 4648 section 5
)

// Invite is what a link carries. Whoever has the link has Seed, and so the right to redeem; the seed never
// crosses the network, since what the seed signs is shown and not the seed.
type Invite struct {
	Room       RoomID     // the room of Chain; not in the link a second time
	Rendezvous [16]byte   // what the room is found by; see package node
	Seed       [32]byte   // of the one-time key
	Chain      Credential // ends in the invite's grant, not yet redeemed
	Hints      [][]byte   // binary multiaddrs of members, up to 4 of up to 128 bytes; opaque here
}

// payload is the CBOR inside the frame.
type payload struct {
	Rendezvous [16]byte   `cbor:"1,keyasint"`
	Seed       [32]byte   `cbor:"2,keyasint"`
	Chain      Credential `cbor:"3,keyasint"`
	Hints      [][]byte   `cbor:"4,keyasint,omitempty"`
}

// String gives the link. It panics when the invite is out of bounds, which is the maker's mistake: chain
// and seed come from [IssueInvite], hints are at most [MaxHints] of [MaxHintSize] bytes.
func (i *Invite) String() string {
	if err := i.check(); err != nil {
		panic("identity: " + err.Error())
	}
	return invitePrefix + base64.RawURLEncoding.EncodeToString(frame(inviteVersion, i.payload()))
}

func (i *Invite) payload() []byte {
	return Marshal(payload{i.Rendezvous, i.Seed, i.Chain, i.Hints})
}

func frame(version byte, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{version}, uint16(len(payload)))
	b = append(b, inviteCheck(version, payload)...)
	return append(b, payload...)
}

// inviteCheck finds accidents, not attacks: those the signatures find.
func inviteCheck(version byte, payload []byte) []byte {
	h := sha256.New()
	h.Write([]byte{version})
	h.Write(payload)
	return h.Sum(nil)[:4]
}

// ParseInvite reads the form of [Invite.String], of which there is exactly one for an invite, and tolerates
// only white space around it and "stoa://j/" for "stoa:j/". It verifies no signature: [Invite.Redeem] does.
// The error wraps [ErrCutOff] when the end is missing, [ErrDamaged] when one character or more is not
// what it was, [ErrMalformed] when it is no link or one of a newer version, or what [ParseCredential] returns.
func ParseInvite(text string) (*Invite, error) {
	text, err := stripInvite(text)
	if err != nil {
		return nil, err
	}
	body, err := openFrame(text)
	if err != nil {
		return nil, err
	}
	var p payload
	if err := Unmarshal(body, &p); err != nil {
		return nil, err
	}
	i := &Invite{Room: p.Chain.Leaf().Room, Rendezvous: p.Rendezvous, Seed: p.Seed, Chain: p.Chain, Hints: p.Hints}
	if err := i.check(); err != nil {
		return nil, err
	}
	return i, nil
}

func stripInvite(text string) (string, error) {
	text = strings.TrimSpace(text)
	prefixes := [...]string{invitePrefix, invitePrefixURL}
	for _, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return rest, nil
		}
	}
	for _, prefix := range prefixes {
		if text != "" && strings.HasPrefix(prefix, text) {
			return "", ErrCutOff
		}
	}
	for _, prefix := range prefixes {
		if len(text) >= len(prefix) && differ(text[:len(prefix)], prefix) == 1 {
			return "", ErrDamaged
		}
	}
	return "", fmt.Errorf("%w: a link begins with %s", ErrMalformed, invitePrefix)
}

// differ counts the bytes in which two strings of one length differ.
func differ(a, b string) (n int) {
	for i := range len(a) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// openFrame tells a text that lost its end from one that was altered. Version and length fill the first
// four characters exactly, so any one altered character either leaves the length right, and the check
// fails; or leaves payload and check right, and they still agree; or makes the length impossible.
func openFrame(text string) ([]byte, error) {
	b, ok := decodeLoose(text)
	if !ok {
		return nil, ErrDamaged
	}
	if len(b) >= 3 && binary.BigEndian.Uint16(b[1:3]) > maxPayload {
		return nil, ErrDamaged
	}
	if len(b) < inviteHeader {
		return nil, ErrCutOff
	}
	version, declared := b[0], int(binary.BigEndian.Uint16(b[1:3]))
	check, body := b[3:inviteHeader], b[inviteHeader:]
	whole := bytes.Equal(check, inviteCheck(version, body))
	switch {
	case len(body) < declared && !whole:
		return nil, ErrCutOff
	case len(body) != declared || !whole || base64.RawURLEncoding.EncodeToString(b) != text:
		return nil, ErrDamaged
	case version != inviteVersion:
		return nil, fmt.Errorf("%w: the link needs a newer version of this program", ErrMalformed)
	}
	return body, nil
}

// decodeLoose decodes base64url as far as it goes: a text that was cut may end in bits that make no byte.
// It is not ok when a character is none of the 64; the decoder alone would skip line ends.
func decodeLoose(text string) (b []byte, ok bool) {
	if strings.Trim(text, base64Alphabet) != "" || len(text) > maxInviteText {
		return nil, false
	}
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	return b, err == nil
}

func (i *Invite) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: invite: %s", ErrMalformed, what) }
	if err := i.Chain.fits(i.Room); err != nil {
		return err
	}
	leaf := &i.Chain[len(i.Chain)-1]
	switch {
	case !leaf.Grant.Invite || leaf.Redeem != nil:
		return bad("does not end in an open grant")
	case KeyFromSeed(i.Seed).ID() != leaf.Grant.Subject:
		return bad("the seed is of another grant")
	case len(i.Hints) > MaxHints:
		return bad("too many hints")
	}
	for _, h := range i.Hints {
		if len(h) == 0 || len(h) > MaxHintSize {
			return bad("a hint of no or too many bytes")
		}
	}
	if len(i.payload()) > maxPayload {
		return bad("too long")
	}
	return nil
}

// Redeem takes up the invite for k at the time now, and returns the credential to show at the door. It
// verifies the whole chain but for the one thing that needs the charter, that it begins with an owner.
// Whether the invite is in its time is for who opens the door to say, whose clock may be right where ours
// is wrong: only one that is out of it by more than [ClockSkew] is not even shown. The same invite can be
// redeemed again by the same person; each time gives another record. The error
// wraps [ErrNotForYou], [ErrExpired], [ErrNotYet], [ErrForged] or what [ParseInvite] returns.
func (i *Invite) Redeem(k *Key, now time.Time) (Credential, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	leaf := i.Chain[len(i.Chain)-1]
	if !leaf.Grant.For.IsZero() && leaf.Grant.For != k.ID() {
		return nil, ErrNotForYou
	}
	if err := leaf.Grant.inForce(millis(now), ClockSkew); err != nil {
		return nil, err
	}
	if err := i.Chain.verifySigs(); err != nil {
		return nil, err
	}
	r := Redeem{Room: i.Room, Grant: leaf.Grant.Hash(), Time: leaf.Grant.clamp(millis(now))}
	if _, err := rand.Read(r.Nonce[:]); err != nil {
		return nil, err
	}
	redeem, err := SignRedeem(KeyFromSeed(i.Seed), k, r)
	if err != nil {
		return nil, err
	}
	chain := append(Credential(nil), i.Chain...)
	chain[len(chain)-1].Redeem = redeem
	return chain, chain.fits(i.Room)
}

// clamp moves a time outside that of the invite to its nearer end, since the time in a redemption is checked
// without slack: two members must not differ about it.
func (g *Grant) clamp(now uint64) uint64 {
	now = max(now, g.NotBefore)
	if g.Expires != 0 {
		now = min(now, g.Expires)
	}
	return now
}
