// The bytes of presence, hand, seat and card, on disk: one program's heartbeat has
// to be another's.

package room

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"path/filepath"
	"testing"
	"time"

	"stoa/identity"
)

var updateMessages = flag.Bool("update-messages", false, "write testdata/vectors/message anew")

// messageVectors makes a good and some bad ones of each message.
func messageVectors(tb testing.TB) map[string][]byte {
	p, h, c := samplePresence(), sampleHand(), sampleCard(tb)
	s := sampleSeat()
	v := map[string][]byte{
		"presence-ok": signPresence(testKey, p),
		"hand-ok":     signHand(testKey, h),
		"card-ok":     pack(testKey, cardDomain, c),
		"seat-ok":     signSeat(testKey, s),
		"seat-domain": pack(testKey, handDomain, s),

		"presence-domain": pack(testKey, handDomain, p),
		"hand-domain":     pack(testKey, presenceDomain, h),
		"card-domain":     pack(testKey, presenceDomain, c),
	}
	other := identity.KeyFromSeed([32]byte{43})
	v["presence-signer"], v["hand-signer"], v["card-signer"] = signPresence(other, p), signHand(other, h), pack(other, cardDomain, c)
	v["seat-signer"] = signSeat(other, s)
	late := *s
	late.Time = maxTime + 1
	v["seat-year-10000"] = signSeat(testKey, &late)
	named := *p
	named.Name = "a\x1b[2J"
	v["presence-name"] = signPresence(testKey, &named)
	crowded := *c
	crowded.Stage = make([]string, maxCardStage+1)
	v["card-stage"] = pack(testKey, cardDomain, &crowded)
	planned := *c
	planned.Starts, planned.Ends, planned.About = at(time.Hour), at(2*time.Hour), "tea"
	v["card-planned"] = pack(testKey, cardDomain, &planned)
	planned.Ends = planned.Starts
	v["card-endless"] = pack(testKey, cardDomain, &planned)
	v["hand-longer"] = append(bytes.Clone(v["hand-ok"]), 0)
	return v
}

func TestMessageVectors(t *testing.T) {
	parsers := map[string]func([]byte) error{
		"presence": func(b []byte) error { _, err := ParsePresence(b); return err },
		"hand":     func(b []byte) error { _, err := ParseHand(b); return err },
		"card":     func(b []byte) error { _, err := ParseCard(b); return err },
		"seat":     func(b []byte) error { _, err := ParseSeat(b); return err },
	}
	made := messageVectors(t)
	dir := filepath.Join("testdata", "vectors", "message")
	for name, raw := range made {
		kind, _, _ := bytes.Cut([]byte(name), []byte("-"))
		parse := parsers[string(kind)]
		file := filepath.Join(dir, name+".txt")
		if *updateMessages {
			writeVector(t, file, "expect: "+verdictOf(parse(raw))+"\n\n"+hex.EncodeToString(raw)+"\n")
		}
		expect, kept := readVector(t, file)
		if !bytes.Equal(kept, raw) {
			t.Errorf("%s: the encoding has changed", name)
		}
		if got := verdictOf(parse(kept)); got != expect {
			t.Errorf("%s: %s, want %s", name, got, expect)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) != len(made) {
		t.Errorf("%d vectors on disk for %d: %v", len(files), len(made), err)
	}
}

// verdictOf is the word of vectors for what a parser says.
func verdictOf(err error) string {
	for word, want := range opVerdicts {
		if want != nil && errors.Is(err, want) {
			return word
		}
	}
	if err == nil {
		return "ok"
	}
	return err.Error()
}
