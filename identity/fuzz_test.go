// Fuzzing of everything that a stranger, a link or a file brings: nothing panics, every refusal has a name,
// and what is accepted is written again as the same bytes.

package identity

import (
	"bytes"
	"strings"
	"testing"
)

// seeds adds the vectors of a record to the corpus.
func seeds(f *testing.F, record string) {
	f.Helper()
	for _, v := range readVectors(f, record) {
		if len(v.data) <= 4<<10 {
			f.Add(v.data)
		}
	}
}

// same fails unless err has a name, or there is none and again is data.
func same(t *testing.T, err error, data []byte, again func() []byte) {
	t.Helper()
	if verdict(t, err) == "ok" && !bytes.Equal(again(), data) {
		t.Fatalf("read %x, written again %x", data, again())
	}
}

func FuzzParseCharter(f *testing.F) {
	seeds(f, "charter")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCharter(data)
		same(t, err, data, func() []byte { return c.Bytes() })
	})
}

func FuzzParseGrant(f *testing.F) {
	seeds(f, "grant")
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ParseGrant(data)
		same(t, err, data, func() []byte { return g.Bytes() })
		verdict(t, g.Verify())
	})
}

func FuzzParseRedeem(f *testing.F) {
	seeds(f, "redeem")
	g := signGrant(owner, open())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRedeem(data)
		same(t, err, data, func() []byte { return r.Bytes() })
		if err == nil {
			verdict(t, r.Verify(g))
		}
	})
}

func FuzzParseCredential(f *testing.F) {
	seeds(f, "credential")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCredential(data)
		same(t, err, data, func() []byte { return c.Bytes() })
		verdict(t, c.Verify(charter, today))
		c.Lineage()
	})
}

func FuzzParseInvite(f *testing.F) {
	for _, v := range readVectors(f, "invite") {
		if len(v.data) <= 4<<10 {
			f.Add(string(v.data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		i, err := ParseInvite(text)
		if verdict(t, err) != "ok" {
			return
		}
		bare := strings.Replace(strings.TrimSpace(text), "stoa://", "stoa:", 1)
		if again := i.String(); again != bare {
			t.Fatalf("read %q, written again %q", text, again)
		}
		_, err = i.Redeem(ana, today)
		verdict(t, err)
	})
}

// FuzzInvitePayload reaches behind the check, which a fuzzer cannot guess.
func FuzzInvitePayload(f *testing.F) {
	for _, v := range readVectors(f, "invite") {
		if body, err := openFrame(strings.TrimPrefix(string(v.data), invitePrefix)); err == nil {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > maxPayload {
			return
		}
		text := linkText(inviteVersion, body)
		i, err := ParseInvite(text)
		same(t, err, []byte(text), func() []byte { return []byte(i.String()) })
	})
}

func FuzzParseKey(f *testing.F) {
	seeds(f, "key")
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParseKey(data)
		if verdict(t, err) != "ok" {
			return
		}
		text := string(k.fileText())
		line := text[strings.LastIndex(text, keyPrefix):]
		for have := range strings.Lines(string(data)) {
			if strings.TrimSpace(have) == strings.TrimSpace(line) {
				return
			}
		}
		t.Fatalf("read %q, written again %q", data, text)
	})
}

func FuzzParseNames(f *testing.F) {
	f.Add(ana.ID().String())
	f.Add(strings.Repeat("a", textSize))
	f.Add("speaker")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		same(t, err, []byte(s), func() []byte { return []byte(id.String()) })
		room, err := ParseRoomID(s)
		same(t, err, []byte(s), func() []byte { return []byte(room.String()) })
		h, err := ParseHash(s)
		same(t, err, []byte(s), func() []byte { return []byte(h.String()) })
		r, err := ParseRole(s)
		same(t, err, []byte(s), func() []byte { return []byte(r.String()) })
	})
}
