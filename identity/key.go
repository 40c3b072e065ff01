// Signing keys: making, signing, verifying.

package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"slices"
)

// SigSize is the size of a signature in bytes.
const SigSize = ed25519.SignatureSize

// Key is an Ed25519 signing key. It does not change and is safe for concurrent use.
type Key struct {
	private ed25519.PrivateKey
	id      ID
}

// NewKey makes a key from the system's randomness.
func NewKey() (*Key, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	return KeyFromSeed(seed), nil
}

// KeyFromSeed gives the key of a seed (RFC 8032 section 5.1.5): the same seed, the same key.
func KeyFromSeed(seed [32]byte) *Key {
	k := &Key{private: ed25519.NewKeyFromSeed(seed[:])}
	copy(k.id[:], k.private[32:])
	return k
}

// ID gives the public half.
func (k *Key) ID() ID { return k.id }

// Seed gives the secret half. Whoever has it is the person.
func (k *Key) Seed() (seed [32]byte) {
	copy(seed[:], k.private.Seed())
	return seed
}

// String gives the ID, so that a key printed by mistake gives nothing away.
func (k *Key) String() string { return k.id.String() }

// GoString guards %#v as String guards %v.
func (k *Key) GoString() string { return "identity.Key(" + k.id.String() + ")" }

// Sign signs the parts for one purpose. domain names the purpose, as in "stoa/grant/1", and holds no zero
// byte. Signed are: domain, 0x00, then each part behind its length (u32, big endian); so neither another
// purpose nor another division of the same bytes has the same signature.
func (k *Key) Sign(domain string, parts ...[]byte) []byte {
	return ed25519.Sign(k.private, signedBytes(domain, parts))
}

// Verify reports whether sig is the signature of id over what [Key.Sign] says. It never panics, whatever
// it is given. Keys of small order are refused, since for them a signature over one message also holds
// for others; so are keys whose encoding is not the canonical one, since one key must have one name.
func Verify(id ID, domain string, sig []byte, parts ...[]byte) bool {
	return VerifyIn(nil, id, domain, sig, parts...)
}

// VerifyRoom is the room that [VerifyIn] needs beside what was signed.
const VerifyRoom = 32 + SigSize

// VerifyIn is [Verify] for those who verify all day: it lays out what was signed in buf, whose contents it
// overwrites, and allocates nothing when that has the room: len(domain) + 1, 4 + len of each part, and [VerifyRoom].
func VerifyIn(buf []byte, id ID, domain string, sig []byte, parts ...[]byte) bool {
	if len(sig) != SigSize || weak(id) {
		return false
	}
	msg := appendSigned(buf[:0], domain, parts)
	shared := memo.Load()
	if shared == nil {
		return ed25519.Verify(id[:], msg, sig)
	}
	name := nameOf(msg, id, sig)
	if shared.has(name) {
		return true
	}
	ok := ed25519.Verify(id[:], msg, sig)
	if ok {
		shared.add(name)
	}
	return ok
}

func signedBytes(domain string, parts [][]byte) []byte { return appendSigned(nil, domain, parts) }

func appendSigned(msg []byte, domain string, parts [][]byte) []byte {
	n := len(domain) + 1
	for _, p := range parts {
		n += 4 + len(p)
	}
	msg = append(append(slices.Grow(msg, n), domain...), 0)
	for _, p := range parts {
		msg = binary.BigEndian.AppendUint32(msg, uint32(len(p)))
		msg = append(msg, p...)
	}
	return msg
}

// fieldPrime is p = 2^255-19, little endian, the modulus of the curve's field.
var fieldPrime = [32]byte{
	0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
}

// smallOrder holds the y coordinates, little endian, of the eight points whose order divides the cofactor
// 8: orders 4, 1, 2, 8, 8. Each y stands for both signs of x.
var smallOrder = [...][32]byte{
	{0},
	{1},
	{
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	},
	{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	},
	{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	},
}

// weak reports whether id is of small order or not canonical. A canonical y is below p; the remaining
// non-canonical form, x = 0 with its sign set, belongs to y = 1 and y = -1, which are of small order.
func weak(id ID) bool {
	y := [32]byte(id)
	y[31] &= 0x7f
	for i := range smallOrder {
		if y == smallOrder[i] {
			return true
		}
	}
	// y >= p only when all bytes above the lowest are those of p, which is rare: compare from there.
	return bytes.Equal(y[1:], fieldPrime[1:]) && y[0] >= fieldPrime[0]
}
