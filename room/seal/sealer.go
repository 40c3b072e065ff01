// The speaker's side: frames in, packets out.

package seal

import (
	"errors"
	"fmt"

	"stoa/identity"
)

// ErrNoEpoch says that a Sealer has no key yet.
var ErrNoEpoch = errors.New("no key to speak with yet")

// ErrRewound says that a frame is not later than one sealed before it. To seal
// it would use a nonce twice, which gives the key away.
var ErrRewound = errors.New("the frame is not later than the last one sealed")

// signDomain separates packet signatures from all others.
const signDomain = "stoa/pkt/1"

// Sealer makes the packets of one stream. There must be one Sealer only for a
// stream, for as long as the stream lives: it is what keeps a nonce from being
// used twice. It is not safe for concurrent use.
type Sealer struct {
	room   identity.RoomID
	key    *identity.Key
	stream Stream
	media  *mediaKey // nil until SetEpoch

	// The least index that may come next, in unsigned and in signed packets.
	// They hold across epochs, so returning to an old one is safe.
	next [2]uint64

	nonce [nonceSize]byte
	aad   [aadSize]byte
	plain [MaxPacket]byte
}

// NewSealer returns the Sealer of one run of key's program in room. Session is
// random for every run; using one again after a restart gives the media keys
// away. Nothing can be sealed before [Sealer.SetEpoch].
func NewSealer(room identity.RoomID, key *identity.Key, session [8]byte) *Sealer {
	return &Sealer{room: room, key: key, stream: Stream{Speaker: key.ID(), Session: session}}
}

// Stream names what s seals, as the others must know it.
func (s *Sealer) Stream() Stream { return s.stream }

// SetEpoch makes all further packets use e. It returns [ErrSecret] and changes
// nothing when the secret is not the one that e commits to.
func (s *Sealer) SetEpoch(e Epoch) error {
	if err := e.check(); err != nil {
		return err
	}
	media, err := newMediaKey(s.room, e, s.stream)
	if err != nil {
		return err
	}
	s.media = media
	return nil
}

// Seal appends to dst the packet of up to [MaxFrames] frames that follow one
// another, for listeners that they go to on the speaker's own link: others
// cannot pass it on. Indices must rise from call to call. It allocates nothing
// when dst has [MaxPacket] bytes of room.
func (s *Sealer) Seal(dst []byte, frames ...Frame) ([]byte, error) {
	return s.seal(dst, frames, false)
}

// SealSigned appends to dst the packet of one frame, or of two that follow one
// another, that anybody may carry. Indices must rise from call to call, but
// frames that [Sealer.Seal] has sent may be sent here again.
func (s *Sealer) SealSigned(dst []byte, frames ...Frame) ([]byte, error) {
	return s.seal(dst, frames, true)
}

func (s *Sealer) seal(dst []byte, frames []Frame, signed bool) ([]byte, error) {
	if s.media == nil {
		return dst, ErrNoEpoch
	}
	if err := checkFrames(frames, signed); err != nil {
		return dst, err
	}
	form := 0
	if signed {
		form = 1
	}
	if uint64(frames[0].Index) < s.next[form] {
		return dst, ErrRewound
	}
	s.next[form] = uint64(frames[len(frames)-1].Index) + 1

	start := len(dst)
	dst = append(dst, flagsOf(frames, signed), levelOf(frames))
	dst = s.appendSFrame(dst, frames, counter(frames[0].Index, signed))
	if !signed {
		return dst, nil
	}
	fixed, sframe := dst[start:start+fixedSize], dst[start+fixedSize:]
	b := &s.media.bound
	sig := s.key.Sign(signDomain, b.room(), b.speaker(), b.session(), b.commit(), fixed, sframe)
	return append(dst, sig...), nil
}

// appendSFrame appends header, ciphertext and tag to dst, which ends in the
// packet's fixed bytes.
func (s *Sealer) appendSFrame(dst []byte, frames []Frame, ctr uint64) []byte {
	at := len(dst)
	fixed := dst[at-fixedSize:]
	dst = appendHeader(dst, s.media.kid, ctr)
	aad := appendAAD(s.aad[:0], dst[at:], &s.media.bound, fixed)
	plain := appendPlaintext(s.plain[:0], frames)
	s.nonce = s.media.nonce(ctr)
	return s.media.aead.Seal(dst, s.nonce[:], plain, aad)
}

// checkFrames reports why frames cannot be one packet.
func checkFrames(frames []Frame, signed bool) error {
	most, size := MaxFrames, fixedSize+maxHeader+1+tagSize
	if signed {
		most, size = maxSignedFrames, size+sigSize
	}
	if len(frames) < 1 || len(frames) > most {
		return fmt.Errorf("%w: %d frames", ErrMalformed, len(frames))
	}
	size += lengthSize * (len(frames) - 1)
	for i := range frames {
		f := &frames[i]
		if f.Level > Silence {
			return fmt.Errorf("%w: level %d", ErrMalformed, f.Level)
		}
		if len(f.Payload) == 0 && (len(frames) > 1 || !f.End) {
			return fmt.Errorf("%w: an empty frame", ErrMalformed)
		}
		if i > 0 && (uint64(f.Index) != uint64(frames[0].Index)+uint64(i) || frames[i-1].End) {
			return fmt.Errorf("%w: the frames do not follow one another", ErrMalformed)
		}
		size += len(f.Payload)
	}
	if size > MaxPacket {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, size)
	}
	return nil
}

func flagsOf(frames []Frame, signed bool) byte {
	flags := byte(version) | byte(len(frames)-1)<<framesShift
	if signed {
		flags |= flagSigned
	}
	if frames[len(frames)-1].End {
		flags |= flagEnd
	}
	return flags
}

// levelOf is the level of the loudest frame: the smallest number.
func levelOf(frames []Frame) byte {
	level := frames[0].Level
	for i := range frames {
		level = min(level, frames[i].Level)
	}
	return level
}
