// Signatures: what holds, and the keys under which anything would.

package identity

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// TestSeed is the first vector of RFC 8032 section 7.1: the key is the RFC's, not some other derivation.
func TestSeed(t *testing.T) {
	seed := [32]byte(unhex(t, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
	k := KeyFromSeed(seed)
	id := k.ID()
	if got := hex.EncodeToString(id[:]); got != "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" {
		t.Errorf("public key %s", got)
	}
	if k.Seed() != seed {
		t.Error("the seed is not the one given")
	}
}

// TestSignedBytes pins the layout, since every other implementation must build the same bytes.
func TestSignedBytes(t *testing.T) {
	got := hex.EncodeToString(signedBytes("stoa/x/1", [][]byte{{0xaa}, nil, {0xbb, 0xcc}}))
	if want := "73746f612f782f31" + "00" + "00000001aa" + "00000000" + "00000002bbcc"; got != want {
		t.Errorf("signed bytes %s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	sig := ana.Sign("stoa/x/1", []byte("ab"), []byte("c"))
	if !Verify(ana.ID(), "stoa/x/1", sig, []byte("ab"), []byte("c")) {
		t.Fatal("a true signature was refused")
	}
	flipped := append([]byte(nil), sig...)
	flipped[0] ^= 1
	for why, ok := range map[string]bool{
		"another person":          Verify(ben.ID(), "stoa/x/1", sig, []byte("ab"), []byte("c")),
		"another domain":          Verify(ana.ID(), "stoa/y/1", sig, []byte("ab"), []byte("c")),
		"parts divided elsewhere": Verify(ana.ID(), "stoa/x/1", sig, []byte("a"), []byte("bc")),
		"parts joined":            Verify(ana.ID(), "stoa/x/1", sig, []byte("abc")),
		"a bit flipped":           Verify(ana.ID(), "stoa/x/1", flipped, []byte("ab"), []byte("c")),
		"no signature":            Verify(ana.ID(), "stoa/x/1", nil, []byte("ab"), []byte("c")),
		"a byte more":             Verify(ana.ID(), "stoa/x/1", append(sig, 0), []byte("ab"), []byte("c")),
		"nobody":                  Verify(ID{}, "stoa/x/1", sig, []byte("ab"), []byte("c")),
	} {
		if ok {
			t.Errorf("accepted: %s", why)
		}
	}
}

// TestWeakKeys forges a signature for each key of small order, as anybody could: R = the identity, S = 0
// holds whenever the hash is a multiple of the order. Plain Ed25519 accepts it; Verify must not.
func TestWeakKeys(t *testing.T) {
	sig := make([]byte, SigSize)
	sig[0] = 1
	tried := 0
	for _, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			id := ID(y)
			id[31] |= sign
			n, ok := forge(id, sig)
			if !ok {
				if y != [32]byte{1} && y != smallOrder[2] || sign == 0 { // x = 0 has no other sign
					t.Errorf("%x is not of small order", id)
				}
				continue
			}
			tried++
			if Verify(id, "stoa/x/1", sig, []byte(n)) {
				t.Errorf("forged for %x", id)
			}
		}
	}
	if tried < 8 {
		t.Errorf("only %d of the 8 points could be forged for", tried)
	}
}

// forge looks for a message under which sig holds for id without any secret.
func forge(id ID, sig []byte) (msg string, ok bool) {
	for n := range 200 {
		msg = fmt.Sprint(n)
		if ed25519.Verify(id[:], signedBytes("stoa/x/1", [][]byte{[]byte(msg)}), sig) {
			return msg, true
		}
	}
	return "", false
}

func TestNotCanonicalKeys(t *testing.T) {
	for low := range 256 {
		id := ID(fieldPrime)
		id[0] = byte(low)
		if want := low >= 0xed || low == 0xec; weak(id) != want { // 0xec: p-1, of order 2
			t.Errorf("y = p%+d: weak is %v", low-0xed, !want)
		}
	}
	for _, k := range []*Key{owner, partner, mod, ana, ben} {
		if weak(k.ID()) {
			t.Errorf("%v is called weak", k)
		}
	}
}

func TestKeyPrintsNoSecret(t *testing.T) {
	seed := ana.Seed()
	for _, s := range []string{fmt.Sprintf("%v", ana), fmt.Sprintf("%+v", ana), fmt.Sprintf("%#v", ana), fmt.Sprint(ana)} {
		if strings.Contains(s, hex.EncodeToString(seed[:4])) || !strings.Contains(s, ana.ID().String()) {
			t.Errorf("a key prints as %s", s)
		}
	}
}

func TestNewKey(t *testing.T) {
	a, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewKey()
	if err != nil || a.ID() == b.ID() {
		t.Fatal("two new keys are one", err)
	}
}
