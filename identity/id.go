// The three 32-byte names: a person, a room, a record. All share one text form.

package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
)

// ID is an Ed25519 public key (RFC 8032): a person, or the one-time key of an invite.
type ID [32]byte

// RoomID is the SHA-256 of the body of a room's [Charter].
type RoomID [32]byte

// Hash is the SHA-256 of the body of a signed record.
type Hash [32]byte

// textSize is the length of the text form: 256 bits in groups of 5.
const textSize = 52

// shortSize is the length of the form shown to people beside a name. 40 bits tell people in one room
// apart; they are no proof of anything.
const shortSize = 8

var text32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// HashOf gives the name of a record whose body is b.
func HashOf(body []byte) Hash { return sha256.Sum256(body) }

// String gives 52 characters of lower-case base32 (RFC 4648) without padding.
func (id ID) String() string { return text32.EncodeToString(id[:]) }

// Short gives the first 8 characters of String.
func (id ID) Short() string { return id.String()[:shortSize] }

// IsZero reports whether id names nobody.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText gives the form of String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what [ParseID] reads.
func (id *ID) UnmarshalText(text []byte) error { return parse32(string(text), (*[32]byte)(id)) }

// ParseID reads the form of [ID.String], and no other spelling of it. It judges the text only: whether
// the key can sign is for [Verify] to say. The error wraps [ErrMalformed].
func ParseID(s string) (id ID, err error) { return id, parse32(s, (*[32]byte)(&id)) }

// String gives 52 characters of lower-case base32 (RFC 4648) without padding.
func (r RoomID) String() string { return text32.EncodeToString(r[:]) }

// Short gives the first 8 characters of String.
func (r RoomID) Short() string { return r.String()[:shortSize] }

// IsZero reports whether r names no room.
func (r RoomID) IsZero() bool { return r == RoomID{} }

// MarshalText gives the form of String.
func (r RoomID) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [ParseRoomID] reads.
func (r *RoomID) UnmarshalText(text []byte) error { return parse32(string(text), (*[32]byte)(r)) }

// ParseRoomID reads the form of [RoomID.String]. The error wraps [ErrMalformed].
func ParseRoomID(s string) (r RoomID, err error) { return r, parse32(s, (*[32]byte)(&r)) }

// String gives 52 characters of lower-case base32 (RFC 4648) without padding.
func (h Hash) String() string { return text32.EncodeToString(h[:]) }

// Short gives the first 8 characters of String.
func (h Hash) Short() string { return h.String()[:shortSize] }

// IsZero reports whether h names no record.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText gives the form of String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what [ParseHash] reads.
func (h *Hash) UnmarshalText(text []byte) error { return parse32(string(text), (*[32]byte)(h)) }

// ParseHash reads the form of [Hash.String]. The error wraps [ErrMalformed].
func ParseHash(s string) (h Hash, err error) { return h, parse32(s, (*[32]byte)(&h)) }

// parse32 leaves out untouched when s is not the one spelling of 32 bytes. The last character carries one
// bit of data and four of nothing; encoding again catches an s in which the four are not zero.
func parse32(s string, out *[32]byte) error {
	if len(s) != textSize {
		return fmt.Errorf("%w: a name has %d characters, this has %d", ErrMalformed, textSize, len(s))
	}
	raw, err := text32.DecodeString(s)
	if err != nil || text32.EncodeToString(raw) != s {
		return fmt.Errorf("%w: not a name in lower-case base32", ErrMalformed)
	}
	copy(out[:], raw)
	return nil
}
