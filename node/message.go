// What crosses a stream: length-prefixed frames, the messages of an ask and the
// hello of a link. Pure, fuzzed.

package node

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

const (
	maxRequest = 64 << 10 // body of a request
	maxReply   = 4 << 20  // body of a reply
	maxHello   = 512      // a sealed hello with its tag
	wireSlack  = 512      // room for tag, seal and signature around a body
)

var errWire = errors.New("malformed message")

// request is the inside of a sealed ask.
type request struct {
	From  identity.ID `cbor:"1,keyasint"`
	Nonce [16]byte    `cbor:"2,keyasint"`
	Sig   [64]byte    `cbor:"3,keyasint"`
	Body  []byte      `cbor:"4,keyasint"`
}

// reply is the inside of a sealed answer.
type reply struct {
	From    identity.ID `cbor:"1,keyasint"`
	Sig     [64]byte    `cbor:"2,keyasint"`
	Refused bool        `cbor:"3,keyasint"`
	Body    []byte      `cbor:"4,keyasint"`
}

// hello is what each end of a link says first.
type hello struct {
	From    identity.ID `cbor:"1,keyasint"`
	Session [8]byte     `cbor:"2,keyasint"`
	Token   token       `cbor:"3,keyasint"` // put this on what you send me
	Sig     [64]byte    `cbor:"4,keyasint"`
	Behind  bool        `cbor:"5,keyasint"` // strangers cannot reach me
	Turn    uint32      `cbor:"6,keyasint"` // how often I have given up connections
}

// signed lists what of a hello its signature covers.
func (h *hello) signed() [][]byte {
	return [][]byte{h.Session[:], h.Token[:], {flag(h.Behind)}, binary.BigEndian.AppendUint32(nil, h.Turn)}
}

// A channel names the two ends of an authenticated connection, the sender of the
// message first. Every signature covers it, so a message taken from one
// connection proves nothing on another.
type channel struct {
	room     identity.RoomID
	from, to peer.ID
}

func (c channel) back() channel { return channel{c.room, c.to, c.from} }

func (c channel) sign(k *identity.Key, domain string, parts ...[]byte) (sig [64]byte) {
	copy(sig[:], k.Sign(domain, c.parts(parts)...))
	return sig
}

func (c channel) verify(id identity.ID, domain string, sig [64]byte, parts ...[]byte) bool {
	return identity.Verify(id, domain, sig[:], c.parts(parts)...)
}

func (c channel) parts(parts [][]byte) [][]byte {
	return append([][]byte{c.room[:], []byte(c.from), []byte(c.to)}, parts...)
}

func sealRequest(d *door, k *identity.Key, ch channel, nonce [16]byte, body []byte) []byte {
	sum := sha256.Sum256(body)
	req := request{From: k.ID(), Nonce: nonce, Body: body}
	req.Sig = ch.sign(k, domainAsk, nonce[:], sum[:])
	return append(d.tag[:], d.seal(domainAsk, identity.Marshal(req))...)
}

// openRequest reads a request whose tag has been cut off.
func openRequest(d *door, ch channel, sealed []byte) (request, error) {
	var req request
	if err := openInto(d, domainAsk, sealed, &req, maxRequest); err != nil {
		return request{}, err
	}
	sum := sha256.Sum256(req.Body)
	if !ch.verify(req.From, domainAsk, req.Sig, req.Nonce[:], sum[:]) {
		return request{}, fmt.Errorf("request: %w", identity.ErrForged)
	}
	return req, nil
}

func sealReply(d *door, k *identity.Key, ch channel, nonce [16]byte, refused bool, body []byte) []byte {
	sum := sha256.Sum256(body)
	rep := reply{From: k.ID(), Refused: refused, Body: body}
	rep.Sig = ch.sign(k, domainReply, nonce[:], []byte{flag(refused)}, sum[:])
	return d.seal(domainReply, identity.Marshal(rep))
}

func openReply(d *door, ch channel, nonce [16]byte, sealed []byte) (reply, error) {
	var rep reply
	if err := openInto(d, domainReply, sealed, &rep, maxReply); err != nil {
		return reply{}, err
	}
	sum := sha256.Sum256(rep.Body)
	if !ch.verify(rep.From, domainReply, rep.Sig, nonce[:], []byte{flag(rep.Refused)}, sum[:]) {
		return reply{}, fmt.Errorf("reply: %w", identity.ErrForged)
	}
	return rep, nil
}

func sealHello(d *door, k *identity.Key, ch channel, h hello) []byte {
	h.From = k.ID()
	h.Sig = ch.sign(k, domainHello, h.signed()...)
	return append(d.tag[:], d.seal(domainHello, identity.Marshal(h))...)
}

// openHello reads a hello whose tag has been cut off.
func openHello(d *door, ch channel, sealed []byte) (hello, error) {
	var h hello
	if err := openInto(d, domainHello, sealed, &h, maxHello); err != nil {
		return hello{}, err
	}
	if !ch.verify(h.From, domainHello, h.Sig, h.signed()...) {
		return hello{}, fmt.Errorf("hello: %w", identity.ErrForged)
	}
	return h, nil
}

func openInto(d *door, purpose string, sealed []byte, v any, limit int) error {
	plain, err := d.open(purpose, sealed)
	if err != nil {
		return err
	}
	if err := identity.UnmarshalLimit(plain, v, limit+wireSlack); err != nil {
		return fmt.Errorf("%w: %w", errWire, err)
	}
	return nil
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// cutTag splits the room tag off a message.
func cutTag(b []byte) (tag roomTag, rest []byte, err error) {
	if len(b) < tagSize {
		return tag, nil, errWire
	}
	return roomTag(b[:tagSize]), b[tagSize:], nil
}

// writeFrame writes a 4-byte big-endian length and the bytes, in one write.
func writeFrame(w io.Writer, b []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	_, err := w.Write(append(frame, b...))
	return err
}

// readFrame reads what writeFrame wrote. Memory grows with what arrives, not with
// what the length claims.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(limit) {
		return nil, ErrTooLarge
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(b) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}
