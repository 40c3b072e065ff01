// Remarks: what people write, react with and hide, as it travels. Who carries a remark sees who wrote when, of which kind and how much, and
// nothing of what it says.

package room

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"stoa/identity"
)

const (
	remarkDomain = "stoa/remark/1"
	remarkLabel  = "stoa/remark-key/1"

	// MaxText is the length of the longest message, in bytes of UTF-8.
	MaxText = 1 << 10

	maxRemark = 1408                  // bytes, as signed
	sealing   = 28                    // bytes that AES-GCM adds: the nonce and the tag
	maxBody   = 1 + MaxName + MaxText // bytes of what is sealed

	maxMarks = 8 // combining marks on one letter: no script stacks more
)

// RemarkKind says what a remark is.
type RemarkKind uint8

const (
	RemarkSay   RemarkKind = 1 // a message to read
	RemarkReact RemarkKind = 2 // one of Reactions
	RemarkHide  RemarkKind = 3 // a message is not to be read any more
)

// Reactions are all that there are: a remark holds the place of one in this list, so that there is nothing to abuse.
var Reactions = [...]string{"👍", "❤️", "😂", "👏", "🎉", "😮", "🤔", "🙏"}

// Remark is something that a person has written, signed under "stoa/remark/1", at most 1,408 bytes long.
type Remark struct {
	Room  identity.RoomID `cbor:"1,keyasint"`
	Who   identity.ID     `cbor:"2,keyasint"`
	Kind  RemarkKind      `cbor:"3,keyasint"`
	Time  uint64          `cbor:"4,keyasint"` // Unix milliseconds
	Seq   uint64          `cbor:"5,keyasint"`
	Epoch identity.Hash   `cbor:"6,keyasint"` // the commitment to the secret under which Body is sealed
	Body  []byte          `cbor:"7,keyasint"` // see seal
}

func (m *Remark) moment() moment { return moment{m.Time, m.Seq} }

// name is that of the remark: SHA-256 of what is signed.
func (m *Remark) name() identity.Hash { return identity.HashOf(identity.Marshal(m)) }

// ParseRemark decodes a remark and checks its signature and size, but not whether its author may write, nor what is sealed in it.
func ParseRemark(raw []byte) (*Remark, error) {
	m := new(Remark)
	if err := unpack(raw, maxRemark, remarkDomain, m, func() identity.ID { return m.Who }); err != nil {
		return nil, err
	}
	if m.Time > maxTime || !m.Kind.fits(len(m.Body)-sealing) {
		return nil, identity.ErrMalformed
	}
	return m, nil
}

// fits tells whether a body of a kind may have so many bytes.
func (k RemarkKind) fits(size int) bool {
	switch k {
	case RemarkSay:
		return size > 1 && size <= maxBody
	case RemarkReact:
		return size == 1
	case RemarkHide:
		return size == len(identity.Hash{})
	}
	return false
}

// cipher is AES-256-GCM under a key for this remark alone:
//
//	HKDF-SHA256(secret, no salt, "stoa/remark-key/1" room epoch who kind time seq, 32 bytes)
//
// where kind is one byte, time and seq are eight, big endian. So the body of one author is nothing under the name of another, and the signature,
// which names the epoch, binds the key: nobody makes a remark that two people open to different words. The nonce is random, because a program
// that was killed may date two remarks alike.
func (m *Remark) cipher(secret [32]byte) (cipher.AEAD, error) {
	info := append([]byte(remarkLabel), m.Room[:]...)
	info = append(info, m.Epoch[:]...)
	info = append(info, m.Who[:]...)
	info = append(info, byte(m.Kind))
	info = binary.BigEndian.AppendUint64(info, m.Time)
	info = binary.BigEndian.AppendUint64(info, m.Seq)
	key, err := hkdf.Key(sha256.New, secret[:], nil, string(info), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal puts plain into the body.
func (m *Remark) seal(secret [32]byte, plain []byte) error {
	c, err := m.cipher(secret)
	if err == nil {
		m.Body = c.Seal(nil, nil, plain, nil)
	}
	return err
}

// open is what is sealed in the body. It fails with identity.ErrForged.
func (m *Remark) open(secret [32]byte) ([]byte, error) {
	c, err := m.cipher(secret)
	if err != nil {
		return nil, err
	}
	plain, err := c.Open(nil, nil, m.Body, nil)
	if err != nil {
		return nil, identity.ErrForged
	}
	return plain, nil
}

// encodeSay is what is sealed in a message: the length of its author's name in one byte, the name, the text. The name is there because nobody
// else says what somebody in the audience is called.
func encodeSay(name, text string) []byte {
	name = cut(name, MaxName)
	return append(append([]byte{byte(len(name))}, name...), text...)
}

// decodeSay reads what an author has sealed, who may be anybody: what it returns may be shown to a person. ok is false where there is nothing
// to read.
func decodeSay(plain []byte) (name, text string, ok bool) {
	if len(plain) == 0 || len(plain) < 1+int(plain[0]) {
		return "", "", false
	}
	name, text = string(plain[1:1+plain[0]]), string(plain[1+plain[0]:])
	text = tidy(text)
	return cut(name, MaxName), text, text != ""
}

// tidy is the one place where what others write becomes fit to be read: at most MaxText bytes of UTF-8 without control characters, without
// those that turn the direction of the text or show nothing, with at most one empty line between two others and a bounded heap of marks on a
// letter. Joiners stay between what they join, since Persian and many emoji need them.
func tidy(text string) string {
	out := make([]byte, 0, min(len(text), MaxText))
	marks, breaks := 0, 0
	after := ' ' // what stands before c
	for _, c := range text {
		if c == '\t' || unicode.Is(unicode.Zs, c) {
			c = ' '
		}
		loose := after == ' ' || after == '\n' // there is nothing to join, or to carry a mark
		switch {
		case c == '\n':
			if breaks++; breaks > 2 {
				continue
			}
		case joins(c):
			if loose || joins(after) {
				continue
			}
		case c == utf8.RuneError || !unicode.IsPrint(c) || strings.ContainsRune(blanks, c):
			continue
		case unicode.In(c, unicode.Mn, unicode.Me):
			if marks++; loose || marks > maxMarks {
				continue
			}
		case c != ' ':
			marks, breaks = 0, 0
		}
		if len(out)+utf8.RuneLen(c) > MaxText {
			break
		}
		out, after = utf8.AppendRune(out, c), c
	}
	return strings.Trim(string(out), " \n\u200c\u200d")
}

// joins tells whether c joins two letters or keeps them from being joined.
func joins(c rune) bool { return c == '\u200c' || c == '\u200d' }

// blanks are letters and symbols of Unicode that show nothing: a message of them would seem empty.
const blanks = "\u115f\u1160\u2800\u3164\uffa0"
