// The door of a room: every name and key that only those who hold the room's
// rendezvous key can compute. Pure.

package node

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"stoa/identity"
)

const (
	tagSize  = 8  // names a room on the wire
	sealSize = 28 // AES-GCM: 12 bytes of nonce before, 16 of tag behind

	// rendezvousPeriod is how long a DHT key of a room lives. It changes so that
	// somebody who saw one key cannot watch the room for ever.
	rendezvousPeriod = 6 * time.Hour
)

var errDoor = errors.New("not sealed with the key of this room")

type roomTag [tagSize]byte

// A door seals what members of a room say to one another outside the log, so that
// who merely squats the room's DHT key, or sits in its gossip mesh, reads nothing.
// Safe for concurrent use.
type door struct {
	room       identity.RoomID
	rendezvous [16]byte
	tag        roomTag
	key        []byte
	nonceKey   []byte // makes nonces of gossip, see sealSame
	aead       cipher.AEAD
}

func newDoor(room identity.RoomID, rendezvous [16]byte) *door {
	d := &door{
		room:       room,
		rendezvous: rendezvous,
		key:        derive(rendezvous, "stoa/door/1", room),
		nonceKey:   derive(rendezvous, "stoa/gossip-nonce/1", room),
	}
	sum := sha256.Sum256(append([]byte("stoa/tag/1"), d.key...))
	copy(d.tag[:], sum[:])
	block, err := aes.NewCipher(d.key)
	if err != nil {
		panic(err) // the key is 32 bytes by construction
	}
	if d.aead, err = cipher.NewGCM(block); err != nil {
		panic(err)
	}
	return d
}

func derive(rendezvous [16]byte, label string, room identity.RoomID) []byte {
	key, err := hkdf.Key(sha256.New, rendezvous[:], nil, label+string(room[:]), 32)
	if err != nil {
		panic(err) // only for lengths beyond 255 hashes
	}
	return key
}

// seal encrypts plain under a random nonce; purpose keeps the kinds of message apart.
func (d *door) seal(purpose string, plain []byte) []byte {
	nonce := make([]byte, 12, sealSize+len(plain))
	rand.Read(nonce)
	return d.aead.Seal(nonce, nonce, plain, []byte(purpose))
}

// sealSame encrypts like seal, but gives the same bytes for the same message whoever
// seals it, so that gossip recognises an operation published by two members. The
// nonce is a keyed hash of the message, so no nonce meets two messages.
func (d *door) sealSame(purpose string, plain []byte) []byte {
	nonce := append(make([]byte, 0, sealSize+len(plain)), d.nonceOf(purpose, plain)...)
	return d.aead.Seal(nonce, nonce, plain, []byte(purpose))
}

func (d *door) nonceOf(purpose string, plain []byte) []byte {
	mac := hmac.New(sha256.New, d.nonceKey)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write(plain)
	return mac.Sum(nil)[:12]
}

// openSame opens what sealSame has sealed and nothing else: under another nonce an
// old message would be a new one to gossip, as often as somebody likes.
func (d *door) openSame(purpose string, sealed []byte) ([]byte, error) {
	plain, err := d.open(purpose, sealed)
	if err != nil || !bytes.Equal(sealed[:12], d.nonceOf(purpose, plain)) {
		return nil, errDoor
	}
	return plain, nil
}

func (d *door) open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealSize {
		return nil, errDoor
	}
	plain, err := d.aead.Open(nil, sealed[:12], sealed[12:], []byte(purpose))
	if err != nil {
		return nil, errDoor
	}
	return plain, nil
}

// topic names a gossip channel of the room.
func (d *door) topic(channel string) string {
	h := sha256.New()
	h.Write([]byte("stoa/topic/1"))
	h.Write(d.key)
	h.Write([]byte(channel))
	return topicPrefix + hex.EncodeToString(h.Sum(nil)[:16])
}

// rendezvousKey is the DHT key of the room in the given period.
func (d *door) rendezvousKey(period uint64) cid.Cid {
	return dhtKey([]byte("stoa/rv/1"), d.rendezvous[:], periodBytes(period))
}

// publicKey is the DHT key under which public rooms of a topic and language are listed.
func publicKey(topic, lang string, period uint64) cid.Cid {
	return dhtKey([]byte("stoa/public/1"), lengthPrefixed(topic), lengthPrefixed(lang), periodBytes(period))
}

func periodAt(t time.Time) uint64 { return uint64(t.Unix()) / uint64(rendezvousPeriod/time.Second) }

// periodsAbout are the periods under which to look for what is announced by somebody whose
// clock, or ours, is wrong: that of our clock, and near its end the next one. Who announces
// does so for the next period too, so it is found by a clock that is ahead of theirs anyway.
func periodsAbout(t time.Time) []uint64 {
	now, next := periodAt(t), periodAt(t.Add(identity.ClockSkew))
	if next == now {
		return []uint64{now}
	}
	return []uint64{now, next}
}

func periodBytes(period uint64) []byte { return binary.BigEndian.AppendUint64(nil, period) }

func lengthPrefixed(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func dhtKey(parts ...[]byte) cid.Cid {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	mh, err := multihash.Encode(h.Sum(nil), multihash.SHA2_256)
	if err != nil {
		panic(err) // the digest has the size of its code
	}
	return cid.NewCidV1(cid.Raw, mh)
}
