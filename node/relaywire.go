// What crosses a relay's control stream: the two messages of the attach, then small
// frames both ways. Pure, fuzzed.

package node

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"stoa/identity"
)

const (
	maxProof    = 4 << 10
	maxAttach   = maxProof + wireSlack     // a sealed attach with its tag
	maxAttached = wireSlack                // a sealed answer to it
	maxLetter   = maxRequest + 2*wireSlack // a sealed letter
	maxAnswer   = 256 << 10                // body of the answer to a letter
	maxControl  = maxAnswer + 2*wireSlack  // a frame after the attach
)

// attach is the inside of what a child says first.
type attach struct {
	From    identity.ID `cbor:"1,keyasint"`
	Session [8]byte     `cbor:"2,keyasint"`
	Token   token       `cbor:"3,keyasint"` // put this on the media that you send me
	Media   bool        `cbor:"4,keyasint"`
	Audit   uint16      `cbor:"5,keyasint"` // kbit/s of filler for 2 s in place of a seat; 0 is a seat
	Proof   []byte      `cbor:"6,keyasint"`
	Sig     [64]byte    `cbor:"7,keyasint"`
}

// attachStatus is how a relay decided.
type attachStatus uint8

const (
	attachOK attachStatus = iota
	attachFull
	attachRefused
	attachBusy
)

// attached is the inside of the relay's answer.
type attached struct {
	From   identity.ID  `cbor:"1,keyasint"`
	Token  token        `cbor:"2,keyasint"` // put this on the reports that you send me
	Status attachStatus `cbor:"3,keyasint"`
	Sig    [64]byte     `cbor:"4,keyasint"`
}

func sealAttach(d *door, k *identity.Key, ch channel, a attach) []byte {
	a.From = k.ID()
	a.Sig = ch.sign(k, domainAttach, a.signed()...)
	return append(d.tag[:], d.seal(domainAttach, identity.Marshal(a))...)
}

// openAttach reads an attach whose tag has been cut off.
func openAttach(d *door, ch channel, sealed []byte) (attach, error) {
	var a attach
	if err := openInto(d, domainAttach, sealed, &a, maxProof); err != nil {
		return attach{}, err
	}
	if len(a.Proof) > maxProof {
		return attach{}, errWire
	}
	if !ch.verify(a.From, domainAttach, a.Sig, a.signed()...) {
		return attach{}, fmt.Errorf("attach: %w", identity.ErrForged)
	}
	return a, nil
}

func (a *attach) signed() [][]byte {
	sum := sha256.Sum256(a.Proof)
	return [][]byte{a.Session[:], a.Token[:], {flag(a.Media)}, binary.BigEndian.AppendUint16(nil, a.Audit), sum[:]}
}

// sealAttached answers the attach that chose tok.
func sealAttached(d *door, k *identity.Key, ch channel, tok token, a attached) []byte {
	a.From = k.ID()
	a.Sig = ch.sign(k, domainAttached, tok[:], a.Token[:], []byte{byte(a.Status)})
	return d.seal(domainAttached, identity.Marshal(a))
}

func openAttached(d *door, ch channel, tok token, sealed []byte) (attached, error) {
	var a attached
	if err := openInto(d, domainAttached, sealed, &a, maxAttached); err != nil {
		return attached{}, err
	}
	if a.Status > attachBusy {
		return attached{}, errWire
	}
	if !ch.verify(a.From, domainAttached, a.Sig, tok[:], a.Token[:], []byte{byte(a.Status)}) {
		return attached{}, fmt.Errorf("attached: %w", identity.ErrForged)
	}
	return a, nil
}

// controlKind is the first byte of a control frame. A reader skips kinds that it does not know.
type controlKind byte

const (
	controlMedia  controlKind = 1 + iota // on u8                         child: send me voice, or do not
	controlGossip                        // channel u8 | sealed message    both: child publishes, relay feeds
	controlLetter                        // id u32 | to 32 | sealed letter both
	controlAnswer                        // id u32 | fate u8 | answer      both
	controlHolds                         // commit 8                       child: I have this secret
	controlDrain                         // ms u32                         relay: be gone by then
	controlFull                          // nothing                        relay: no voice to be had here
)

// fate is what became of a letter.
type fate byte

const (
	letterAnswered fate = iota
	letterLost          // nobody there, or no answer in time
	letterBusy          // too many at once
)

// A control is one frame read off a control stream. body aliases the frame.
type control struct {
	kind    controlKind
	on      bool
	channel byte // in roomChannels
	id      uint32
	to      identity.ID
	fate    fate
	commit  [8]byte
	ms      uint32
	body    []byte
}

// append writes the frame with its length behind b.
func (c control) append(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(c.kind))
	switch c.kind {
	case controlMedia:
		b = append(b, flag(c.on))
	case controlGossip:
		b = append(append(b, c.channel), c.body...)
	case controlLetter:
		b = binary.BigEndian.AppendUint32(b, c.id)
		b = append(append(b, c.to[:]...), c.body...)
	case controlAnswer:
		b = binary.BigEndian.AppendUint32(b, c.id)
		b = append(append(b, byte(c.fate)), c.body...)
	case controlHolds:
		b = append(b, c.commit[:]...)
	case controlDrain:
		b = binary.BigEndian.AppendUint32(b, c.ms)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// parseControl reads a frame without its length.
func parseControl(b []byte) (c control, err error) {
	if len(b) == 0 {
		return c, errWire
	}
	c.kind, b = controlKind(b[0]), b[1:]
	need, open := c.size()
	if len(b) < need || !open && len(b) > need {
		return control{}, errWire
	}
	switch c.kind {
	case controlMedia:
		c.on = b[0] == 1
		if b[0] > 1 {
			return control{}, errWire
		}
	case controlGossip:
		c.channel, c.body = b[0], b[1:]
		if int(c.channel) >= len(roomChannels) {
			return control{}, errWire
		}
	case controlLetter:
		c.id, c.to, c.body = binary.BigEndian.Uint32(b), identity.ID(b[4:36]), b[36:]
	case controlAnswer:
		c.id, c.fate, c.body = binary.BigEndian.Uint32(b), fate(b[4]), b[5:]
		if c.fate > letterBusy {
			return control{}, errWire
		}
	case controlHolds:
		c.commit = [8]byte(b)
	case controlDrain:
		c.ms = binary.BigEndian.Uint32(b)
	}
	return c, nil
}

// size is how many bytes a frame has behind its kind, at least where it is open.
func (c control) size() (need int, open bool) {
	switch c.kind {
	case controlMedia:
		return 1, false
	case controlGossip:
		return 1, true
	case controlLetter:
		return 36, true
	case controlAnswer:
		return 5, true
	case controlHolds:
		return 8, false
	case controlDrain:
		return 4, false
	case controlFull:
		return 0, false
	}
	return 0, true
}
