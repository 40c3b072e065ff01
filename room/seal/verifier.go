// The relay's side: whose packet this is, and whether it is genuine and new,
// without being able to open it.

package seal

import (
	"errors"

	"stoa/identity"
)

// ErrUnsigned says that a packet has no signature, so nobody but its speaker
// may bring it.
var ErrUnsigned = errors.New("unsigned voice packet where others carry them")

// Glance is what a packet tells everybody who carries it.
type Glance struct {
	KID    uint64 // names the key: a speaker's run in an epoch
	Index  uint32 // media time of the first frame, in steps of 20 ms
	Frames int    // 1 or more: see MaxFrames
	Level  uint8  // of the loudest frame: 0 full scale .. Silence, in -dBov
	End    bool   // ends a stretch of talk
	Signed bool
}

// Glimpse reads what a packet tells without any key. ok is false when it is no
// packet. Nothing in it is proven. It allocates nothing.
func Glimpse(b []byte) (g Glance, ok bool) {
	p, ok := parsePacket(b)
	if !ok {
		return Glance{}, false
	}
	return p.glance(), true
}

func (p *packet) glance() Glance {
	return Glance{KID: p.kid, Index: p.index(), Frames: p.frames(), Level: p.fixed[1], End: p.end(), Signed: p.signed()}
}

// Checks is how many packets a Verifier let through, and refused for which
// reason.
type Checks struct {
	Passed     uint64
	Malformed  uint64
	Unsigned   uint64
	UnknownKey uint64
	Replayed   uint64
	Forged     uint64
}

// Verifier checks the signed packets of one room for somebody who carries them
// and holds none of its secrets: the KID of a key and what its packets are
// bound to follow from the room, the speaker, the session and the commit, which
// are in the room's log and in what its members say of themselves. It is not
// safe for concurrent use.
type Verifier struct {
	room   identity.RoomID
	keys   map[uint64]*verifyKey // by KID: each commit with each stream
	memory memory[window]
	counts Checks
	signed [signedSize]byte
}

// verifyKey is what the packets of one KID must hold to.
type verifyKey struct {
	stream Stream
	bound  binding
	passed *window // of the stream, so that a change of epoch opens no second chance
}

// NewVerifier returns a Verifier for room that lets nobody through.
func NewVerifier(room identity.RoomID) *Verifier {
	return &Verifier{room: room, keys: make(map[uint64]*verifyKey), memory: newMemory[window]()}
}

// SetSpeakers makes streams under commits the only ones whose packets pass:
// those of the people who may speak now, in the current epoch and those before
// it for as long as late packets may come. A stream that stays, or comes back,
// is remembered with what has passed of it, so none of it passes again.
func (v *Verifier) SetSpeakers(streams []Stream, commits []identity.Hash) {
	keys := make(map[uint64]*verifyKey, len(streams)*len(commits))
	for _, c := range commits {
		for _, s := range streams {
			k := &verifyKey{stream: s, bound: bind(v.room, s, c), passed: v.memory.of(s)}
			// Two that share a KID, which takes 2^64 tries to bring about: the
			// first keeps it, as with an Opener.
			if kid := keyID(&k.bound); keys[kid] == nil {
				keys[kid] = k
			}
		}
	}
	v.keys = keys
	v.memory.forget(streams)
}

// Check says whose packet b is, if it may be passed on: well formed, signed, of
// somebody who may speak, not passed before, genuine. These are tested in the
// order of their cost, and only a genuine packet moves the replay window. The
// error is one of [ErrMalformed], [ErrUnsigned], [ErrUnknownKey], [ErrReplay]
// and [ErrForged]; with one the Stream is zero, while the Glance says what the
// packet claims, and is zero only for [ErrMalformed]. It allocates nothing, but
// for the error that crypto/ed25519 makes of a forged packet.
func (v *Verifier) Check(b []byte) (Stream, Glance, error) {
	p, ok := parsePacket(b)
	if !ok {
		v.counts.Malformed++
		return Stream{}, Glance{}, ErrMalformed
	}
	g := p.glance()
	if !g.Signed {
		v.counts.Unsigned++
		return Stream{}, g, ErrUnsigned
	}
	k := v.keys[p.kid]
	if k == nil {
		v.counts.UnknownKey++
		return Stream{}, g, ErrUnknownKey
	}
	if !k.passed.fresh(g.Index) {
		v.counts.Replayed++
		return Stream{}, g, ErrReplay
	}
	if !p.signedBy(k.stream.Speaker, &k.bound, v.signed[:]) {
		v.counts.Forged++
		return Stream{}, g, ErrForged
	}
	k.passed.mark(g.Index)
	v.counts.Passed++
	return k.stream, g, nil
}

// Knows reports whether packets of this KID could pass.
func (v *Verifier) Knows(kid uint64) bool { return v.keys[kid] != nil }

// Counts returns what has passed and been refused so far.
func (v *Verifier) Counts() Checks { return v.counts }
