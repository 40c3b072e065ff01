// The serialisation: one encoding for one value.

package identity

import (
	"bytes"
	"strings"
	"testing"
)

type sample struct {
	N    uint64            `cbor:"1,keyasint"`
	B    []byte            `cbor:"2,keyasint"`
	L    []Hash            `cbor:"3,keyasint"`
	M    map[uint64]string `cbor:"4,keyasint"`
	More *Grant            `cbor:"5,keyasint,omitempty"`
}

func TestNilIsEmpty(t *testing.T) {
	empty := sample{B: []byte{}, L: []Hash{}, M: map[uint64]string{}}
	if a, b := Marshal(sample{}), Marshal(empty); !bytes.Equal(a, b) {
		t.Errorf("nil %x, empty %x", a, b)
	}
}

func TestUnmarshalLimit(t *testing.T) {
	large := Marshal(sample{B: make([]byte, MaxRecord)})
	var s sample
	if err := Unmarshal(large, &s); verdict(t, err) != "malformed" {
		t.Errorf("over the limit: %v", err)
	}
	s = sample{}
	if err := UnmarshalLimit(large, &s, len(large)); err != nil || len(s.B) != MaxRecord {
		t.Errorf("at the limit: %v", err)
	}
	before := bytes.Clone(large)
	for i := range s.B {
		s.B[i] = 1
	}
	if !bytes.Equal(large, before) {
		t.Error("what was read is part of what it was read from")
	}
}

// TestUnmarshalStrict: what the library alone lets through, the second encoding catches.
func TestUnmarshalStrict(t *testing.T) {
	for why, in := range map[string]string{
		"short hash":        "a401000240038141aa04a0",
		"null list":         "a40100024003f604a0",
		"long number":       "a40118000240038004a0",
		"map out of order":  "a401000240038004a2026161016162",
		"map key twice":     "a401000240038004a2016161016162",
		"float for number":  "a401f900000240038004a0",
		"not UTF-8":         "a401000240038004a10161ff",
		"big number":        "a401c241000240038004a0",
		"negative":          "a401200240038004a0",
		"key twice":         "a5010001000240038004a0",
		"unknown key":       "a501000240038004a00600",
		"many declared":     "a401000240039affffffff04a0",
		"text for the keys": "a46131000240038004a0",
	} {
		var s sample
		if err := Unmarshal(unhex(t, in), &s); verdict(t, err) != "malformed" {
			t.Errorf("%s: %v", why, err)
		}
	}
	var s sample
	if err := Unmarshal(unhex(t, "a401000240038004a0"), &s); err != nil {
		t.Errorf("the right encoding: %v", err)
	}
}

// TestRecordInside: a record carries others, and their errors keep their names.
func TestRecordInside(t *testing.T) {
	g := signGrant(owner, personal())
	var s sample
	if err := Unmarshal(Marshal(sample{More: &g}), &s); err != nil || s.More.Hash() != g.Hash() || s.More.Verify() != nil {
		t.Errorf("%v", err)
	}
	king := signGrant(owner, personal(func(g *Grant) { g.Role = RoleOwner }))
	s = sample{}
	if err := Unmarshal(Marshal(sample{More: &king}), &s); verdict(t, err) != "widened" {
		t.Errorf("%v", err)
	}
	founded := struct {
		_ struct{} `cbor:",toarray"`
		C *Charter
	}{C: charter}
	back := founded
	back.C = nil
	if err := Unmarshal(Marshal(founded), &back); err != nil || back.C.ID() != charter.ID() {
		t.Errorf("%v", err)
	}
}

func TestMarshalUnsigned(t *testing.T) {
	for _, v := range []any{Grant{}, &Redeem{}, &Charter{}, Credential{{}}} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(r.(string), "never signed") {
					t.Errorf("%T: %v", v, r)
				}
			}()
			Marshal(v)
		}()
	}
}

func TestUnpack(t *testing.T) {
	sig := make([]byte, SigSize)
	body, sigs, err := Unpack(Pack([]byte("body"), sig, sig), 2)
	if err != nil || string(body) != "body" || len(sigs) != 2 {
		t.Errorf("%q, %d, %v", body, len(sigs), err)
	}
	if _, _, err := Unpack(Pack([]byte("body"), sig), 2); verdict(t, err) != "malformed" {
		t.Error(err)
	}
}
