// What crosses a relay's control stream, and letters: tables and fuzz targets.

package node

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"stoa/identity"
)

var keyB = identity.KeyFromSeed([32]byte{2})

func TestAttachProvesPersonAndConnection(t *testing.T) {
	want := attach{Session: [8]byte{1}, Token: token{2}, Media: true, Audit: 3, Proof: []byte("proof")}
	open := func(ch channel, sealed []byte) (attach, error) {
		_, sealed, err := cutTag(sealed)
		if err != nil {
			return attach{}, err
		}
		return openAttach(doorA, ch, sealed)
	}
	sealed := sealAttach(doorA, keyA, chanA, want)
	got, err := open(chanA, sealed)
	if err != nil || got.From != keyA.ID() || got.Session != want.Session || got.Token != want.Token ||
		!got.Media || got.Audit != 3 || string(got.Proof) != "proof" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := open(chanA.back(), sealed); !errors.Is(err, identity.ErrForged) {
		t.Errorf("reflected: %v", err)
	}
	// What is not signed could be put into another's attach by whoever has the room's key.
	for name, edit := range map[string]func(*attach){
		"person":  func(a *attach) { a.From = keyB.ID() },
		"session": func(a *attach) { a.Session[0]++ },
		"token":   func(a *attach) { a.Token[0]++ },
		"media":   func(a *attach) { a.Media = false },
		"audit":   func(a *attach) { a.Audit = 0 },
		"proof":   func(a *attach) { a.Proof = []byte("another") },
	} {
		bad := got
		edit(&bad)
		again := append(doorA.tag[:], doorA.seal(domainAttach, identity.Marshal(bad))...)
		if _, err := open(chanA, again); !errors.Is(err, identity.ErrForged) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	want.Proof = make([]byte, maxProof)
	if n := len(sealAttach(doorA, keyA, chanA, want)); n > maxAttach {
		t.Errorf("the largest attach has %d bytes", n)
	}
	want.Proof = make([]byte, maxProof+1)
	if _, err := open(chanA, sealAttach(doorA, keyA, chanA, want)); err == nil {
		t.Error("a proof of more than 4 KiB was read")
	}

	answer := sealAttached(doorA, keyB, chanA.back(), token{2}, attached{Token: token{4}, Status: attachFull})
	back, err := openAttached(doorA, chanA.back(), token{2}, answer)
	if err != nil || back.From != keyB.ID() || back.Token != (token{4}) || back.Status != attachFull {
		t.Fatalf("%+v, %v", back, err)
	}
	if _, err := openAttached(doorA, chanA.back(), token{3}, answer); !errors.Is(err, identity.ErrForged) {
		t.Errorf("answer to another attach: %v", err)
	}
	back.Status = attachOK
	again := doorA.seal(domainAttached, identity.Marshal(back))
	if _, err := openAttached(doorA, chanA.back(), token{2}, again); !errors.Is(err, identity.ErrForged) {
		t.Errorf("another status: %v", err)
	}
	if len(answer) > maxAttached {
		t.Errorf("an answer has %d bytes", len(answer))
	}
}

func TestControlFrames(t *testing.T) {
	to := identity.ID{0xAA}
	for name, tt := range map[string]struct {
		c    control
		want string
	}{
		"media on":  {control{kind: controlMedia, on: true}, "00000002 01 01"},
		"media off": {control{kind: controlMedia}, "00000002 01 00"},
		"gossip":    {control{kind: controlGossip, channel: 2, body: []byte("ab")}, "00000004 02 02 6162"},
		"letter": {control{kind: controlLetter, id: 7, to: to, body: []byte("x")},
			"00000026 03 00000007 aa00000000000000000000000000000000000000000000000000000000000000 78"},
		"answer": {control{kind: controlAnswer, id: 7, fate: letterBusy, body: []byte("y")}, "00000007 04 00000007 02 79"},
		"holds":  {control{kind: controlHolds, commit: [8]byte{1, 2}}, "00000009 05 0102000000000000"},
		"drain":  {control{kind: controlDrain, ms: 3000}, "00000005 06 00000bb8"},
		"full":   {control{kind: controlFull}, "00000001 07"},
	} {
		want, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(tt.want), []byte(" "), nil)))
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.c.append(nil); !bytes.Equal(got, want) {
			t.Errorf("%s is % x, want % x", name, got, want)
			continue
		}
		if _, err := parseControl(want[4:]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		need, open := tt.c.size()
		for n := range need + 1 {
			if _, err := parseControl(want[4 : 4+n]); err == nil {
				t.Errorf("%s cut to %d bytes was read", name, n)
			}
		}
		if _, err := parseControl(append(want[4:], 0)); (err == nil) != open {
			t.Errorf("%s with a byte more: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "no bool": {1, 2}, "no channel": {2, 4, 0}, "no fate": {4, 0, 0, 0, 0, 3},
	} {
		if _, err := parseControl(b); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, err := parseControl([]byte{99, 1, 2, 3}); err != nil {
		t.Errorf("a frame of a later version: %v", err)
	}
}

func FuzzControl(f *testing.F) {
	for kind := range controlFull + 2 {
		f.Add(control{kind: kind, body: []byte("body")}.append(nil)[4:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseControl(b)
		if err != nil {
			return
		}
		if _, open := c.size(); c.kind > controlFull || c.kind == 0 && open {
			return // a kind that we do not write
		}
		if again := c.append(nil); !bytes.Equal(again[4:], b) {
			t.Errorf("% x was read as % x", b, again[4:])
		}
	})
}

func FuzzAttach(f *testing.F) {
	f.Add(sealAttach(doorA, keyA, chanA, attach{Proof: []byte("x")}))
	f.Add(sealAttached(doorA, keyA, chanA, token{}, attached{}))
	f.Add(identity.Marshal(attach{}))
	f.Add(identity.Marshal(attached{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, sealed, err := cutTag(b); err == nil {
			openAttach(doorA, chanA, sealed)
		}
		openAttached(doorA, chanA, token{}, b)
		// What an insider can put behind the seal.
		openAttach(doorA, chanA, doorA.seal(domainAttach, b))
		openAttached(doorA, chanA, token{}, doorA.seal(domainAttached, b))
		for _, v := range []any{new(attach), new(attached)} {
			if identity.UnmarshalLimit(b, v, maxAttach) == nil && !bytes.Equal(identity.Marshal(v), b) {
				t.Errorf("%T has two encodings", v)
			}
		}
	})
}

var letterTime = time.UnixMilli(1_800_000_000_000)

func TestLetterIsBetweenItsTwoEnds(t *testing.T) {
	for _, to := range []identity.ID{keyB.ID(), {}} {
		q, sealed, err := sealLetter(doorA, keyA, to, []byte("what is the secret"), letterTime)
		if err != nil {
			t.Fatal(err)
		}
		l, err := openLetter(doorA, sealed, letterTime)
		if err != nil || l.From != keyA.ID() || l.To != to || string(l.Body) != "what is the secret" {
			t.Fatalf("%+v, %v", l, err)
		}
		for _, refused := range []bool{false, true} {
			secret := []byte("the secret is blue")
			answer, err := l.answer(doorA.room, keyB, refused, secret)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(answer, []byte("blue")) {
				t.Error("the answer can be read")
			}
			from, no, body, err := q.open(answer)
			if err != nil || from != keyB.ID() || no != refused || !bytes.Equal(body, secret) {
				t.Fatalf("%v %v %q, %v", from.Short(), no, body, err)
			}
			for i := range answer {
				bad := bytes.Clone(answer)
				bad[i] ^= 1
				if _, _, _, err := q.open(bad); err == nil {
					t.Fatalf("read with byte %d changed", i)
				}
			}
		}
	}
}

// The relay has the door key, and sees the letter and the answer.
func TestRelayCannotReadOrMakeAnAnswer(t *testing.T) {
	q, sealed, _ := sealLetter(doorA, keyA, keyB.ID(), []byte("x"), letterTime)
	l, err := openLetter(doorA, sealed, letterTime)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := l.answer(doorA.room, keyB, false, []byte("secret"))
	mallory := identity.KeyFromSeed([32]byte{3})
	if own, _ := l.answer(doorA.room, mallory, false, []byte("lie")); true {
		if _, _, _, err := q.open(own); !errors.Is(err, ErrImpostor) {
			t.Errorf("an answer of the relay: %v", err)
		}
	}
	// With another's key in the letter it could read the answer: the signature forbids it.
	theirs, _ := ecdh.X25519().GenerateKey(rand.Reader)
	swapped := l
	swapped.Reply = [32]byte(theirs.PublicKey().Bytes())
	if _, err := openLetter(doorA, doorA.seal(domainLetter, identity.Marshal(swapped)), letterTime); !errors.Is(err, identity.ErrForged) {
		t.Errorf("a letter with another key: %v", err)
	}
	// The answer to one letter is none to the next.
	other, _, _ := sealLetter(doorA, keyA, keyB.ID(), []byte("x"), letterTime)
	if _, _, _, err := other.open(answer); !errors.Is(err, identity.ErrForged) {
		t.Errorf("an answer to another letter: %v", err)
	}
	// With the key of another exchange it does not open.
	eve := q
	eve.key = theirs
	if _, _, _, err := eve.open(answer); err == nil {
		t.Error("opened with another key")
	}
	for name, edit := range map[string]func(*letter){
		"asker": func(l *letter) { l.From = mallory.ID() },
		"to":    func(l *letter) { l.To = mallory.ID() },
		"nonce": func(l *letter) { l.Nonce[0]++ },
		"time":  func(l *letter) { l.Time++ },
		"body":  func(l *letter) { l.Body = []byte("y") },
	} {
		bad := l
		edit(&bad)
		if _, err := openLetter(doorA, doorA.seal(domainLetter, identity.Marshal(bad)), letterTime); !errors.Is(err, identity.ErrForged) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for _, age := range []time.Duration{-letterAge - time.Second, letterAge + time.Second} {
		if _, err := openLetter(doorA, sealed, letterTime.Add(age)); err == nil {
			t.Errorf("a letter %v old was read", age)
		}
	}
	// A point of small order has no secret with anybody.
	weak := l
	weak.Reply = [32]byte{}
	if _, err := weak.answer(doorA.room, keyB, false, []byte("secret")); err == nil {
		t.Error("encrypted to a key of small order")
	}
	if n := len(doorA.seal(domainLetter, identity.Marshal(letter{Body: make([]byte, maxRequest)}))); n+tagSize > maxLetter {
		t.Errorf("the largest letter has %d bytes", n)
	}
}

func FuzzLetter(f *testing.F) {
	q, sealed, _ := sealLetter(doorA, keyA, keyB.ID(), []byte("x"), letterTime)
	l, err := openLetter(doorA, sealed, letterTime)
	if err != nil {
		f.Fatal(err)
	}
	answer, _ := l.answer(doorA.room, keyB, false, []byte("secret"))
	f.Add(sealed)
	f.Add(answer)
	f.Add(identity.Marshal(l))
	f.Fuzz(func(t *testing.T, b []byte) {
		openLetter(doorA, b, letterTime)
		openLetter(doorA, doorA.seal(domainLetter, b), letterTime)
		if _, _, _, err := q.open(b); err == nil && !bytes.Equal(b, answer) {
			t.Errorf("% x was read as the answer", b)
		}
		for _, v := range []any{new(letter), new(letterAnswer)} {
			if identity.UnmarshalLimit(b, v, maxAnswer+wireSlack) == nil && !bytes.Equal(identity.Marshal(v), b) {
				t.Errorf("%T has two encodings", v)
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	name := func(i int) [12]byte { return [12]byte{byte(i), byte(i >> 8), byte(i >> 16)} }
	const many = 5 * remembered
	for i := range many {
		if !m.add(name(i)) {
			t.Fatalf("%d is taken for known", i)
		}
		if m.add(name(i)) {
			t.Fatalf("%d is new twice", i)
		}
	}
	if n := len(m.young) + len(m.old); n > 2*remembered {
		t.Errorf("%d names", n)
	}
	for i := many - remembered; i < many; i++ {
		if !m.has(name(i)) {
			t.Fatalf("%d of the last %d is forgotten", i, remembered)
		}
	}
	m.remove(name(many - 1))
	if m.has(name(many-1)) || !m.add(name(many-1)) {
		t.Error("what was removed is known")
	}
}
