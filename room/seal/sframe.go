// SFrame (RFC 9605): the header, the key derivation and the nonce, for the one
// cipher suite that stoa speaks. Nothing in this file knows of rooms or voice.

package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// AES_128_GCM_SHA256_128, RFC 9605 section 4.5.
const (
	suiteID   = 0x0004
	keySize   = 16 // Nk
	nonceSize = 12 // Nn
	tagSize   = 16 // Nt

	maxHeader = 17 // config byte, KID of 8 bytes, CTR of 8 bytes
)

// The labels of RFC 9605 section 4.4.2, to which KID and suite are appended.
const (
	keyLabel  = "SFrame 1.0 Secret key "
	saltLabel = "SFrame 1.0 Secret salt "
)

// appendHeader appends the SFrame header of kid and ctr to dst (RFC 9605
// section 4.3). Values below 8 live in the config byte; others follow it in as
// few bytes as hold them.
func appendHeader(dst []byte, kid, ctr uint64) []byte {
	at := len(dst)
	dst = append(dst, 0)
	dst, k := appendField(dst, kid)
	dst, c := appendField(dst, ctr)
	dst[at] = k<<4 | c
	return dst
}

// appendField appends v to dst unless it fits in the config byte, and returns
// the four bits that stand for it there.
func appendField(dst []byte, v uint64) ([]byte, byte) {
	if v < 8 {
		return dst, byte(v)
	}
	n := (bits.Len64(v) + 7) / 8
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst, 8 | byte(n-1)
}

// parseHeader reads the SFrame header at the start of b and returns its length.
// It refuses an encoding that is longer than it must be, so that a header has
// one form only.
func parseHeader(b []byte) (kid, ctr uint64, size int, ok bool) {
	if len(b) == 0 {
		return 0, 0, 0, false
	}
	kid, rest, ok := parseField(b[0]>>4, b[1:])
	if !ok {
		return 0, 0, 0, false
	}
	ctr, rest, ok = parseField(b[0]&0x0f, rest)
	if !ok {
		return 0, 0, 0, false
	}
	return kid, ctr, len(b) - len(rest), true
}

// parseField reads the value that the four bits conf of the config byte stand
// for, taking its bytes from the start of b where it has any.
func parseField(conf byte, b []byte) (v uint64, rest []byte, ok bool) {
	if conf&8 == 0 {
		return uint64(conf), b, true
	}
	n := int(conf&7) + 1
	if len(b) < n {
		return 0, nil, false
	}
	for _, x := range b[:n] {
		v = v<<8 | uint64(x)
	}
	if v < 8 || b[0] == 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

// cryptor is the AEAD and the salt of one SFrame key.
type cryptor struct {
	aead cipher.AEAD
	salt [nonceSize]byte
}

// newCryptor derives key and salt from baseKey for kid (RFC 9605 section
// 4.4.2). It fails only where the platform forbids the algorithms.
func newCryptor(baseKey []byte, kid uint64) (cryptor, error) {
	key, salt, err := deriveKeys(baseKey, kid)
	if err != nil {
		return cryptor{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return cryptor{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return cryptor{}, err
	}
	return cryptor{aead: aead, salt: [nonceSize]byte(salt)}, nil
}

// deriveKeys returns sframe_key and sframe_salt of RFC 9605 section 4.4.2.
func deriveKeys(baseKey []byte, kid uint64) (key, salt []byte, err error) {
	secret, err := hkdf.Extract(sha256.New, baseKey, nil)
	if err != nil {
		return nil, nil, err
	}
	key, err = hkdf.Expand(sha256.New, secret, derivationInfo(keyLabel, kid), keySize)
	if err != nil {
		return nil, nil, err
	}
	salt, err = hkdf.Expand(sha256.New, secret, derivationInfo(saltLabel, kid), nonceSize)
	if err != nil {
		return nil, nil, err
	}
	return key, salt, nil
}

// derivationInfo is label, then KID in 8 bytes, then the suite in 2.
func derivationInfo(label string, kid uint64) string {
	b := binary.BigEndian.AppendUint64([]byte(label), kid)
	return string(binary.BigEndian.AppendUint16(b, suiteID))
}

// nonce is the salt with ctr XORed into its low end (RFC 9605 section 4.4.3).
func (c *cryptor) nonce(ctr uint64) [nonceSize]byte {
	n := c.salt
	low := n[nonceSize-8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^ctr)
	return n
}
