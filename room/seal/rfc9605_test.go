// SFrame against the vectors of RFC 9605.

package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// hexBytes are bytes that JSON writes in hex.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type headerVector struct {
	KID     uint64
	CTR     uint64
	Encoded hexBytes
}

type sframeVector struct {
	Suite     int      `json:"cipher_suite"`
	KID       uint64   `json:"kid"`
	CTR       uint64   `json:"ctr"`
	BaseKey   hexBytes `json:"base_key"`
	KeyLabel  hexBytes `json:"sframe_key_label"`
	SaltLabel hexBytes `json:"sframe_salt_label"`
	Key       hexBytes `json:"sframe_key"`
	Salt      hexBytes `json:"sframe_salt"`
	Metadata  hexBytes `json:"metadata"`
	Nonce     hexBytes `json:"nonce"`
	AAD       hexBytes `json:"aad"`
	PT        hexBytes `json:"pt"`
	CT        hexBytes `json:"ct"`
}

type rfcVectors struct {
	Header []headerVector `json:"header"`
	SFrame []sframeVector `json:"sframe"`
}

func loadRFCVectors(t testing.TB) rfcVectors {
	t.Helper()
	text, err := os.ReadFile("testdata/rfc9605/test-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v rfcVectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Header) != 289 || len(v.SFrame) != 5 {
		t.Fatalf("%d header and %d sframe vectors, want 289 and 5", len(v.Header), len(v.SFrame))
	}
	return v
}

func TestRFC9605Header(t *testing.T) {
	for _, v := range loadRFCVectors(t).Header {
		if got := appendHeader(nil, v.KID, v.CTR); !bytes.Equal(got, v.Encoded) {
			t.Errorf("header of KID %#x CTR %#x = %x, want %x", v.KID, v.CTR, got, []byte(v.Encoded))
		}
		withMore := append(bytes.Clone(v.Encoded), 0xff, 0xff)
		kid, ctr, size, ok := parseHeader(withMore)
		if !ok || kid != v.KID || ctr != v.CTR || size != len(v.Encoded) {
			t.Errorf("parseHeader(%x) = %#x, %#x, %d, %v", withMore, kid, ctr, size, ok)
		}
		for n := range v.Encoded {
			if _, _, _, ok := parseHeader(v.Encoded[:n]); ok {
				t.Errorf("parseHeader(%x) took a header cut off at %d bytes", []byte(v.Encoded), n)
			}
		}
	}
}

func TestHeaderHasOneForm(t *testing.T) {
	for _, long := range []string{
		"8005",     // KID 5 in a byte of its own
		"0807",     // CTR 7 in a byte of its own
		"900010",   // KID 0x10 in two bytes
		"090010",   // CTR 0x10 in two bytes
		"80ff",     // fine, to show that the others fail for their length
		"08ff",     // fine
		"99000100", // both too long
	} {
		b, err := hex.DecodeString(long)
		if err != nil {
			t.Fatal(err)
		}
		kid, ctr, size, ok := parseHeader(b)
		if same := ok && bytes.Equal(appendHeader(nil, kid, ctr), b[:size]); ok && !same {
			t.Errorf("parseHeader(%s) took a second form of KID %#x CTR %#x", long, kid, ctr)
		}
		if wantOK := b[1] == 0xff; ok != wantOK {
			t.Errorf("parseHeader(%s) ok = %v, want %v", long, ok, wantOK)
		}
	}
}

// TestRFC9605Suite checks every step of the one suite that stoa speaks.
func TestRFC9605Suite(t *testing.T) {
	tested := 0
	for _, v := range loadRFCVectors(t).SFrame {
		if v.Suite != suiteID {
			continue
		}
		tested++
		if got := derivationInfo(keyLabel, v.KID); got != string(v.KeyLabel) {
			t.Errorf("key label = %x, want %x", got, []byte(v.KeyLabel))
		}
		if got := derivationInfo(saltLabel, v.KID); got != string(v.SaltLabel) {
			t.Errorf("salt label = %x, want %x", got, []byte(v.SaltLabel))
		}
		key, salt, err := deriveKeys(v.BaseKey, v.KID)
		if err != nil || !bytes.Equal(key, v.Key) || !bytes.Equal(salt, v.Salt) {
			t.Errorf("deriveKeys = %x, %x, %v, want %x, %x", key, salt, err, []byte(v.Key), []byte(v.Salt))
		}
		c, err := newCryptor(v.BaseKey, v.KID)
		if err != nil {
			t.Fatal(err)
		}
		nonce := c.nonce(v.CTR)
		if !bytes.Equal(nonce[:], v.Nonce) {
			t.Errorf("nonce = %x, want %x", nonce, []byte(v.Nonce))
		}
		header := appendHeader(nil, v.KID, v.CTR)
		aad := append(bytes.Clone(header), v.Metadata...)
		if !bytes.Equal(aad, v.AAD) {
			t.Errorf("aad = %x, want %x", aad, []byte(v.AAD))
		}
		if got := c.aead.Seal(header, nonce[:], v.PT, aad); !bytes.Equal(got, v.CT) {
			t.Errorf("sealed = %x, want %x", got, []byte(v.CT))
		}
		got, err := c.aead.Open(nil, nonce[:], v.CT[len(header):], aad)
		if err != nil || !bytes.Equal(got, v.PT) {
			t.Errorf("opened = %x, %v, want %x", got, err, []byte(v.PT))
		}
	}
	if tested != 1 {
		t.Fatalf("%d vectors of suite %#04x, want 1", tested, suiteID)
	}
}
