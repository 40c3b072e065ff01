package identity

import (
	"bytes"
	"testing"
)

// shared runs a test with Share and undoes it: other tests, and benchmarks, verify.
func shared(t *testing.T) {
	if memo.Load() != nil {
		t.Fatal("somebody shares already")
	}
	Share()
	t.Cleanup(func() { memo.Store(nil) })
}

// TestShare offers what was verified before in every way but the one that is right:
// it must be refused as if nothing were remembered.
func TestShare(t *testing.T) {
	shared(t)
	k, other := KeyFromSeed([32]byte{1}), KeyFromSeed([32]byte{2})
	parts := [][]byte{[]byte("one"), []byte("two")}
	sig := k.Sign("stoa/x/1", parts...)
	for i := range 3 {
		if !Verify(k.ID(), "stoa/x/1", sig, parts...) {
			t.Fatalf("a genuine signature does not hold for the time %d", i+1)
		}
		for bit := range 8 * len(sig) {
			bad := bytes.Clone(sig)
			bad[bit/8] ^= 1 << (bit % 8)
			if Verify(k.ID(), "stoa/x/1", bad, parts...) {
				t.Fatalf("bit %d of the signature does not matter", bit)
			}
		}
		for name, holds := range map[string]bool{
			"another person":     Verify(other.ID(), "stoa/x/1", sig, parts...),
			"another domain":     Verify(k.ID(), "stoa/y/1", sig, parts...),
			"other parts":        Verify(k.ID(), "stoa/x/1", sig, []byte("one"), []byte("twO")),
			"the parts as one":   Verify(k.ID(), "stoa/x/1", sig, []byte("onetwo")),
			"a part more":        Verify(k.ID(), "stoa/x/1", sig, parts[0], parts[1], nil),
			"a signature longer": Verify(k.ID(), "stoa/x/1", append(bytes.Clone(sig), 0), parts...),
		} {
			if holds {
				t.Errorf("%s: holds", name)
			}
		}
	}
}

// What does not hold is not remembered as if it did, and many signatures do not
// disturb one another.
func TestShareOfMany(t *testing.T) {
	shared(t)
	k := KeyFromSeed([32]byte{1})
	const many = 300
	var sigs [many][]byte
	for i := range sigs {
		sigs[i] = k.Sign("stoa/x/1", []byte{byte(i), byte(i >> 8)})
	}
	for range 2 {
		for i := range sigs {
			said := []byte{byte(i), byte(i >> 8)}
			if Verify(k.ID(), "stoa/x/1", sigs[(i+1)%many], said) {
				t.Fatalf("signature %d holds for what another one is of", i+1)
			}
			if !Verify(k.ID(), "stoa/x/1", sigs[i], said) {
				t.Fatalf("signature %d does not hold", i)
			}
		}
	}
}

// TestShareNoGarbage: remembering costs no garbage where verifying does not.
func TestShareNoGarbage(t *testing.T) {
	shared(t)
	k := KeyFromSeed([32]byte{1})
	said := bytes.Repeat([]byte{7}, 300)
	id, sig := k.ID(), k.Sign("stoa/x/1", said)
	buf := make([]byte, len("stoa/x/1")+1+4+len(said)+VerifyRoom)
	if n := testing.AllocsPerRun(100, func() {
		if !VerifyIn(buf, id, "stoa/x/1", sig, said) {
			t.Fatal("does not hold")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
