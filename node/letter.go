// Letters: asks that go through a relay, for people who have no connection to whom
// they ask. Here is what is in them; post.go carries them. Pure, fuzzed.
//
// A relay has the room's key as every member has, so it can open a letter, which says
// who asks whom for what. It cannot change it, for the asker has signed it, and it
// cannot read the answer, which is encrypted to a key that the letter carries.

package node

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"stoa/identity"
)

// letterAge is how far the time in a letter may be off ours, since clocks are wrong. What is
// older is somebody's copy; what is younger is known again by its nonce, for as long as we
// remember that, and who copies it can read no answer.
const letterAge = identity.ClockSkew

// letter is the inside of a sealed letter.
type letter struct {
	From  identity.ID `cbor:"1,keyasint"`
	To    identity.ID `cbor:"2,keyasint"` // zero: whoever the relay finds
	Nonce [16]byte    `cbor:"3,keyasint"`
	Time  uint64      `cbor:"4,keyasint"` // unix ms
	Reply [32]byte    `cbor:"5,keyasint"` // X25519 key to encrypt the answer to
	Sig   [64]byte    `cbor:"6,keyasint"`
	Body  []byte      `cbor:"7,keyasint"`
}

// letterAnswer is what comes back. Sealed is AES-256-GCM with a key of this answer alone,
// so its nonce is zero; inside is refused u8 | body.
type letterAnswer struct {
	From   identity.ID `cbor:"1,keyasint"`
	Key    [32]byte    `cbor:"2,keyasint"` // the answerer's fresh X25519 key
	Sig    [64]byte    `cbor:"3,keyasint"`
	Sealed []byte      `cbor:"4,keyasint"`
}

// A question is what the asker keeps until the answer comes.
type question struct {
	room  identity.RoomID
	from  identity.ID
	to    identity.ID
	nonce [16]byte
	key   *ecdh.PrivateKey
}

// sealLetter writes a letter, to nobody in particular when to is zero.
func sealLetter(d *door, k *identity.Key, to identity.ID, body []byte, now time.Time) (question, []byte, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return question{}, nil, fmt.Errorf("letter: %w", err)
	}
	q := question{room: d.room, from: k.ID(), to: to, key: key}
	rand.Read(q.nonce[:])
	l := letter{
		From:  q.from,
		To:    to,
		Nonce: q.nonce,
		Time:  uint64(now.UnixMilli()),
		Reply: [32]byte(key.PublicKey().Bytes()),
		Body:  body,
	}
	l.Sig = [64]byte(k.Sign(domainLetter, l.signed(d.room)...))
	return q, d.seal(domainLetter, identity.Marshal(l)), nil
}

// openLetter reads a letter and checks its signature and its time.
func openLetter(d *door, sealed []byte, now time.Time) (letter, error) {
	var l letter
	if err := openInto(d, domainLetter, sealed, &l, maxRequest); err != nil {
		return letter{}, err
	}
	if age := now.Sub(time.UnixMilli(int64(l.Time))).Abs(); l.Time > 1<<50 || age > letterAge {
		return letter{}, fmt.Errorf("letter: %w: its time is off by %v", errWire, age)
	}
	if !identity.Verify(l.From, domainLetter, l.Sig[:], l.signed(d.room)...) {
		return letter{}, fmt.Errorf("letter: %w", identity.ErrForged)
	}
	return l, nil
}

func (l *letter) signed(room identity.RoomID) [][]byte {
	sum := sha256.Sum256(l.Body)
	at := binary.BigEndian.AppendUint64(nil, l.Time)
	return [][]byte{room[:], l.From[:], l.To[:], l.Nonce[:], at, l.Reply[:], sum[:]}
}

// answer encrypts and signs the answer to the letter.
func (l *letter) answer(room identity.RoomID, k *identity.Key, refused bool, body []byte) ([]byte, error) {
	reply, err := ecdh.X25519().NewPublicKey(l.Reply[:])
	if err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	a := letterAnswer{From: k.ID(), Key: [32]byte(key.PublicKey().Bytes())}
	aead, err := answerCipher(key, reply, room, l.Reply, a.Key)
	if err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	plain := append([]byte{flag(refused)}, body...)
	a.Sealed = aead.Seal(nil, make([]byte, aead.NonceSize()), plain, nil)
	a.Sig = [64]byte(k.Sign(domainAnswer, a.signed(room, l.From, l.Nonce)...))
	return identity.Marshal(a), nil
}

// open reads the answer to the question: who gave it, and what it says unless refused.
func (q *question) open(b []byte) (from identity.ID, refused bool, body []byte, err error) {
	var a letterAnswer
	if err := identity.UnmarshalLimit(b, &a, maxAnswer+wireSlack); err != nil {
		return from, false, nil, fmt.Errorf("%w: %w", errWire, err)
	}
	if !q.to.IsZero() && a.From != q.to {
		return from, false, nil, ErrImpostor
	}
	if !identity.Verify(a.From, domainAnswer, a.Sig[:], a.signed(q.room, q.from, q.nonce)...) {
		return from, false, nil, fmt.Errorf("answer: %w", identity.ErrForged)
	}
	theirs, err := ecdh.X25519().NewPublicKey(a.Key[:])
	if err != nil {
		return from, false, nil, fmt.Errorf("answer: %w", err)
	}
	ours := [32]byte(q.key.PublicKey().Bytes())
	aead, err := answerCipher(q.key, theirs, q.room, ours, a.Key)
	if err != nil {
		return from, false, nil, fmt.Errorf("answer: %w", err)
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), a.Sealed, nil)
	if err != nil || len(plain) == 0 || plain[0] > 1 {
		return from, false, nil, fmt.Errorf("answer: %w", errWire)
	}
	return a.From, plain[0] == 1, plain[1:], nil
}

func (a *letterAnswer) signed(room identity.RoomID, asker identity.ID, nonce [16]byte) [][]byte {
	sum := sha256.Sum256(a.Sealed)
	return [][]byte{room[:], asker[:], nonce[:], a.Key[:], sum[:]}
}

// answerCipher derives the cipher that the two X25519 keys agree on. The asker's public
// key comes first at both ends.
func answerCipher(mine *ecdh.PrivateKey, theirs *ecdh.PublicKey, room identity.RoomID, asker, answerer [32]byte) (cipher.AEAD, error) {
	shared, err := mine.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	info := domainAnswer + string(room[:]) + string(asker[:]) + string(answerer[:])
	key, err := hkdf.Key(sha256.New, shared, nil, info, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
