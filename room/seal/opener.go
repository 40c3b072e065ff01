// The listener's side: packets in, frames out, and nothing that its speaker
// did not say.

package seal

import (
	"errors"
	"slices"

	"stoa/identity"
)

// Why a packet was not opened, beside [ErrMalformed].
var (
	// ErrUnknownKey: no stream and epoch that we were given has this key. The
	// speaker may not speak, or we do not have the epoch's secret yet.
	ErrUnknownKey = errors.New("voice packet of an unknown key")
	// ErrNotSpeaker: an unsigned packet came on somebody else's link.
	ErrNotSpeaker = errors.New("unsigned voice packet from somebody else than its speaker")
	// ErrForged: tag or signature does not hold.
	ErrForged = errors.New("forged voice packet")
	// ErrReplay: the packet was opened before, or is too old to tell.
	ErrReplay = errors.New("voice packet seen before")
)

// Counts is how many packets an Opener opened, and refused for which reason.
type Counts struct {
	Opened     uint64
	Malformed  uint64
	UnknownKey uint64
	NotSpeaker uint64
	Forged     uint64
	Replayed   uint64
}

// Opener opens the packets of the streams of one room. It is not safe for
// concurrent use.
type Opener struct {
	room    identity.RoomID
	epochs  []Epoch
	streams []Stream
	keys    map[uint64]*openKey // by KID: each epoch with each stream

	memory memory[windows]

	counts Counts
	nonce  [nonceSize]byte
	aad    [aadSize]byte
	plain  [MaxPacket]byte
	signed [signedSize]byte
	frames [MaxFrames]Frame
}

// windows are what was opened of a stream: a window for its unsigned packets
// and one for its signed packets, since both carry the same indices.
type windows [2]window

// openKey is a media key with the memory of its stream.
type openKey struct {
	*mediaKey
	opened *windows
}

// NewOpener returns an Opener for room that knows no epoch and no stream.
func NewOpener(room identity.RoomID) *Opener {
	return &Opener{
		room:   room,
		keys:   make(map[uint64]*openKey),
		memory: newMemory[windows](),
	}
}

// SetEpochs makes epochs the only ones whose packets are opened: the current
// one, and those before it for as long as late packets may come. It returns
// [ErrSecret] and changes nothing when a secret is not the one committed to.
func (o *Opener) SetEpochs(epochs []Epoch) error {
	for _, e := range epochs {
		if err := e.check(); err != nil {
			return err
		}
	}
	return o.rekey(slices.Clone(epochs), o.streams)
}

// SetStreams makes streams the only ones whose packets are opened: those of
// the people who may speak now. A stream that stays, or comes back, is
// remembered with what it has said, so none of it is played again.
func (o *Opener) SetStreams(streams []Stream) error {
	return o.rekey(o.epochs, slices.Clone(streams))
}

// rekey derives the keys of each epoch with each stream, keeping those that it
// has. Should two share a KID, which takes 2^64 tries to bring about, the
// first keeps it and the other is not heard.
func (o *Opener) rekey(epochs []Epoch, streams []Stream) error {
	keys := make(map[uint64]*openKey, len(epochs)*len(streams))
	for _, e := range epochs {
		for _, s := range streams {
			k, err := o.keyFor(e, s)
			if err != nil {
				return err
			}
			if keys[k.kid] == nil {
				keys[k.kid] = k
			}
		}
	}
	o.epochs, o.streams, o.keys = epochs, streams, keys
	o.memory.forget(streams)
	return nil
}

// keyFor returns the key of s in e, deriving it if it is new.
func (o *Opener) keyFor(e Epoch, s Stream) (*openKey, error) {
	b := bind(o.room, s, e.Commit)
	if k := o.keys[keyID(&b)]; k != nil && k.bound == b {
		return k, nil
	}
	media, err := newMediaKey(o.room, e, s)
	if err != nil {
		return nil, err
	}
	return &openKey{mediaKey: media, opened: o.memory.of(s)}, nil
}

// Counts returns what has been opened and refused so far.
func (o *Opener) Counts() Counts { return o.counts }

// Open opens a packet that came on the link of from, whom the link has
// authenticated. It returns the speaker's stream and one frame or more, in
// order, or one of the errors above and nothing else.
//
// The frames and their payloads belong to the Opener and hold until the next
// call. Neither the packet nor from is kept.
func (o *Opener) Open(b []byte, from identity.ID) (Stream, []Frame, error) {
	p, ok := parsePacket(b)
	if !ok {
		o.counts.Malformed++
		return Stream{}, nil, ErrMalformed
	}
	k := o.keys[p.kid]
	if k == nil {
		o.counts.UnknownKey++
		return Stream{}, nil, ErrUnknownKey
	}
	if !p.signed() && from != k.stream.Speaker {
		o.counts.NotSpeaker++
		return Stream{}, nil, ErrNotSpeaker
	}
	plain, err := o.decrypt(k, &p)
	if err != nil {
		o.counts.Forged++
		return Stream{}, nil, ErrForged
	}
	// A member made this packet. Copies of one that was opened are common,
	// since they come by several ways, and a look at the window is a thousand
	// times cheaper than a signature.
	opened := &k.opened[p.ctr&1]
	if !opened.fresh(p.index()) {
		o.counts.Replayed++
		return Stream{}, nil, ErrReplay
	}
	if p.signed() && !p.signedBy(k.stream.Speaker, &k.bound, o.signed[:]) {
		o.counts.Forged++
		return Stream{}, nil, ErrForged
	}
	n, ok := p.parsePlaintext(plain, &o.frames)
	if !ok {
		o.counts.Malformed++
		return Stream{}, nil, ErrMalformed
	}
	opened.mark(p.index())
	o.counts.Opened++
	return k.stream, o.frames[:n:n], nil
}

// decrypt opens the SFrame of p into the Opener's own buffer.
func (o *Opener) decrypt(k *openKey, p *packet) ([]byte, error) {
	o.nonce = k.nonce(p.ctr)
	aad := appendAAD(o.aad[:0], p.sframe[:p.headerSize], &k.bound, p.fixed)
	return k.aead.Open(o.plain[:0], o.nonce[:], p.sframe[p.headerSize:], aad)
}

// Vouched reports whether the speaker whose key b names has signed b. It tells
// somebody who forges, or lets forgeries pass, from a speaker who signs what
// cannot be opened: [ErrForged] and [ErrMalformed] stand for both.
func (o *Opener) Vouched(b []byte) bool {
	p, ok := parsePacket(b)
	if !ok || !p.signed() {
		return false
	}
	k := o.keys[p.kid]
	return k != nil && p.signedBy(k.stream.Speaker, &k.bound, o.signed[:])
}
