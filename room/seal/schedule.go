// The key schedule: which media key belongs to a speaker's run in an epoch.

package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"stoa/identity"
)

// Stream is everything that one run of one speaker's program says.
type Stream struct {
	Speaker identity.ID
	Session [8]byte // random for every run, so that a nonce is never used twice
}

// Epoch is one secret of the room. The room's log holds Commit; members hand
// Secret to one another.
type Epoch struct {
	Commit identity.Hash // SHA-256 of Secret
	Secret [32]byte
}

// NewEpoch returns the epoch of secret, with its commit.
func NewEpoch(secret [32]byte) Epoch {
	return Epoch{Commit: sha256.Sum256(secret[:]), Secret: secret}
}

// ErrSecret says that a secret is not the one that its epoch commits to.
var ErrSecret = errors.New("the secret is not the one the room agreed on")

// check reports whether the secret is the committed one. It must be: the
// signature of a packet binds the key only through the commit.
func (e Epoch) check() error {
	if sha256.Sum256(e.Secret[:]) != e.Commit {
		return ErrSecret
	}
	return nil
}

// binding is what every packet of a key is bound to without carrying it: room,
// speaker, session and commit, in this order.
type binding [32 + 32 + 8 + 32]byte

func bind(room identity.RoomID, s Stream, commit identity.Hash) (b binding) {
	copy(b[0:], room[:])
	copy(b[32:], s.Speaker[:])
	copy(b[64:], s.Session[:])
	copy(b[72:], commit[:])
	return b
}

func (b *binding) room() []byte    { return b[0:32] }
func (b *binding) speaker() []byte { return b[32:64] }
func (b *binding) session() []byte { return b[64:72] }
func (b *binding) commit() []byte  { return b[72:104] }

// Labels of the key schedule; the package documentation has the layout.
const (
	baseKeyLabel = "stoa/sframe/1"
	kidLabel     = "stoa/kid/1"
	baseKeySize  = 32
)

// mediaKey seals and opens the packets of one stream in one epoch.
type mediaKey struct {
	cryptor
	kid    uint64
	stream Stream
	bound  binding
}

// newMediaKey derives the key of s in epoch e of room, which has been checked.
// It fails only where the platform forbids the algorithms.
func newMediaKey(room identity.RoomID, e Epoch, s Stream) (*mediaKey, error) {
	k := &mediaKey{stream: s, bound: bind(room, s, e.Commit)}
	k.kid = keyID(&k.bound)
	base, err := baseKey(e.Secret, &k.bound)
	if err != nil {
		return nil, fmt.Errorf("derive a media key: %w", err)
	}
	if k.cryptor, err = newCryptor(base, k.kid); err != nil {
		return nil, fmt.Errorf("derive a media key: %w", err)
	}
	return k, nil
}

// keyID names a key to those who may know of it, and to nobody else: it needs
// room and commit, which only members know.
func keyID(b *binding) uint64 {
	sum := sha256.Sum256(append([]byte(kidLabel), b[:]...))
	return binary.BigEndian.Uint64(sum[:])
}

func baseKey(secret [32]byte, b *binding) ([]byte, error) {
	return hkdf.Key(sha256.New, secret[:], nil, baseKeyLabel+string(b[:]), baseKeySize)
}
