// The one serialisation of everything signed or asked: deterministic CBOR (RFC 8949 section 4.2.1), read
// strictly, so that a value has exactly one encoding; and the frame of a signed record.

package identity

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// MaxRecord is the greatest size in bytes of a signed record or of anything else that [Unmarshal] reads.
const MaxRecord = 8 << 10

// Limits on what is read, whatever its size in bytes.
const (
	maxArray   = 16 << 10 // a room's log has 10,000 operations
	maxMap     = 1 << 10
	maxNesting = 8
)

var (
	encMode = mustEnc()
	decMode = mustDec()
)

func mustEnc() cbor.EncMode {
	opts := cbor.CoreDetEncOptions()
	opts.NilContainers = cbor.NilContainerAsEmpty // nil and empty are one value, so they have one encoding
	opts.TagsMd = cbor.TagsForbidden
	mode, err := opts.EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}

func mustDec() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxArrayElements:  maxArray,
		MaxMapPairs:       maxMap,
		MaxNestedLevels:   maxNesting,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}

// Marshal gives the deterministic CBOR of v. It panics when v holds something that has none (a channel, a
// record that was never signed), which is a mistake in the program and not in its input.
func Marshal(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic("identity: " + err.Error())
	}
	return b
}

// Unmarshal reads the deterministic CBOR of one value, of at most [MaxRecord] bytes, into v, which must
// point to a zero value. It refuses, with an error wrapping [ErrMalformed]: trailing bytes, duplicate or
// unknown fields, indefinite lengths, tags, excess of elements or nesting, and every encoding other than
// the one [Marshal] gives. A record inside v that breaks its own rules keeps its own error. What it stores in v does not alias b.
func Unmarshal(b []byte, v any) error { return UnmarshalLimit(b, v, MaxRecord) }

// UnmarshalLimit is [Unmarshal] for at most limit bytes, for replies that carry many records.
func UnmarshalLimit(b []byte, v any, limit int) error {
	if len(b) > limit {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrMalformed, len(b), limit)
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return malformed(err)
	}
	again, err := encMode.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: not in the deterministic encoding", ErrMalformed)
	}
	return nil
}

// malformed names the error of a decoder, unless it comes from a record inside, which has named it.
func malformed(err error) error {
	for _, named := range []error{ErrMalformed, ErrForged, ErrWidened, ErrTooDeep} {
		if errors.Is(err, named) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// Pack frames a signed record for the wire: a CBOR array of the body and its signatures, all byte strings.
func Pack(body []byte, sigs ...[]byte) []byte {
	return Marshal(append([][]byte{body}, sigs...))
}

// Unpack opens what [Pack] framed, of at most [MaxRecord] bytes and with exactly n signatures of 64 bytes.
// It checks no signature. The body is returned byte for byte, since it is what was signed and hashed; it
// does not alias raw. The error wraps [ErrMalformed].
func Unpack(raw []byte, n int) (body []byte, sigs [][]byte, err error) {
	body, sigs, err = unpack(raw)
	if err == nil && len(sigs) != n {
		return nil, nil, fmt.Errorf("%w: %d signatures where %d belong", ErrMalformed, len(sigs), n)
	}
	return body, sigs, err
}

func unpack(raw []byte) (body []byte, sigs [][]byte, err error) {
	var parts [][]byte
	if err := Unmarshal(raw, &parts); err != nil {
		return nil, nil, err
	}
	if len(parts) == 0 {
		return nil, nil, fmt.Errorf("%w: a record without a body", ErrMalformed)
	}
	for _, sig := range parts[1:] {
		if len(sig) != SigSize {
			return nil, nil, fmt.Errorf("%w: a signature of %d bytes", ErrMalformed, len(sig))
		}
	}
	return parts[0], parts[1:], nil
}
