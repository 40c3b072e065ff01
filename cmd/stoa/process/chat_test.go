// What is written in a room, between real processes: who can read it, and who cannot.

package process

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"stoa/identity"
	"stoa/room"
)

// remark is what package room says of a remark's bytes.
type remark struct {
	Room  identity.RoomID `cbor:"1,keyasint"`
	Who   identity.ID     `cbor:"2,keyasint"`
	Kind  uint8           `cbor:"3,keyasint"`
	Time  uint64          `cbor:"4,keyasint"`
	Seq   uint64          `cbor:"5,keyasint"`
	Epoch identity.Hash   `cbor:"6,keyasint"`
	Body  []byte          `cbor:"7,keyasint"`
}

// unsealed is what a remark says to who has a secret, by the package documentation and not by its code; empty to who has a wrong one.
func unsealed(t testing.TB, raw []byte, secret [32]byte) string {
	t.Helper()
	body, _, err := identity.Unpack(raw, 1)
	if err != nil {
		t.Fatal(err)
	}
	var m remark
	if err := identity.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	info := slices.Concat([]byte("stoa/remark-key/1"), m.Room[:], m.Epoch[:], m.Who[:], []byte{m.Kind})
	info = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(info, m.Time), m.Seq)
	key, err := hkdf.Key(sha256.New, secret[:], nil, string(info), 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, m.Body[:12], m.Body[12:], nil)
	if err != nil || m.Kind != uint8(room.RemarkSay) {
		return ""
	}
	return string(plain[1+plain[0]:])
}

// overheard is all that was written as it came to a rogue.
func (r *rogue) overheard() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.written)
}

// reads is how many of the remarks that came to a rogue say a text to who has these secrets.
func (r *rogue) reads(text string, epochs []room.EpochKey) (n int) {
	for _, raw := range r.overheard() {
		for _, e := range epochs {
			if e.Known && unsealed(r.t, raw, e.Secret) == text {
				n++
			}
		}
	}
	return n
}

// wrote fits the news of a message.
func wrote(text string) func(event) bool {
	return func(e event) bool { return e.Event == "chat" && e.Text == text && e.By == "" }
}

// TestChatIsForThoseWhoAreIn: two people whom nobody can dial, so that all they hear of each other comes by a relay, and a third read what each
// of them writes. The relays pass it on and cannot read it, nor can who was put out, who has all that was said to her and every secret but one.
func TestChatIsForThoseWhoAreIn(t *testing.T) {
	const before, answer, after, nuisance = "good evening", "hello from afar", "now that she is gone", "buy watches"
	w := newWorld(t)
	ann := w.behindNAT("ann", "open", "Stoa")
	link := ann.wait("a link", kind("link")).Link
	forRelay := ann.link("--role", "relay")
	w.relay("rel", forRelay).wait("to carry", lent(true))
	cid := w.behindNAT("cid", "join", link)
	cid.wait("the room", kind("joined"))
	bob := w.joins(link, "bob")
	spy := w.rogue(nil, forRelay) // another relay, who is curious
	spy.join(bob, "spy")
	mallory := w.rogue(nil, ann.link())
	mallory.join(bob, "mallory")
	for _, p := range []*process{ann, bob, cid} {
		for _, who := range []string{ann.id(), bob.id(), cid.id(), spy.id.String(), mallory.id.String()} {
			p.wait("everybody", func(e event) bool { return who == p.id() || present(who)(e) })
		}
	}

	ann.verb("say", before)
	for _, p := range []*process{bob, cid} {
		if e := p.wait("what ann wrote", wrote(before)); e.Who != ann.id() || e.Name != "ann" {
			t.Errorf("%s reads %s", p.name, e.line)
		}
	}
	cid.verb("say", answer)
	for _, p := range []*process{ann, bob} {
		p.wait("what cid wrote", wrote(answer))
	}
	mallory.until("both messages", func(s *room.Snapshot) bool { return len(s.Chat) == 2 })
	keys := mallory.room.Snapshot().Epochs
	if mallory.reads(before, keys) != 1 {
		t.Error("the test proves nothing: it cannot open what a member reads")
	}

	ann.verb("kick", "mallory")
	ann.verb("say", after)
	for _, p := range []*process{bob, cid} {
		p.wait("what ann wrote then", wrote(after))
	}
	eventually(t, "all messages to pass by the spy", func() bool { return len(spy.overheard()) >= 3 })
	if s := mallory.room.Snapshot(); len(s.Chat) != 2 || mallory.reads(after, slices.Concat(keys, s.Epochs)) != 0 {
		t.Errorf("mallory reads %d messages", len(s.Chat))
	}
	for _, raw := range slices.Concat(spy.overheard(), mallory.overheard()) {
		for _, e := range slices.Concat(keys, mallory.room.Snapshot().Epochs) {
			if unsealed(t, raw, e.Secret) == after {
				t.Error("mallory's secrets open what was written after she was put out")
			}
		}
		for _, text := range []string{before, answer, after} {
			if bytes.Contains(raw, []byte(text)) {
				t.Errorf("%q can be read on the way", text)
			}
		}
	}
	if s := spy.room.Snapshot(); s.Epochs[0].Known || len(s.Chat) > 0 {
		t.Error("a relay knows the secret, or reads")
	}

	// Whom one blocks one reads no more.
	ann.verb("block", "cid", "advertising")
	cid.verb("say", nuisance)
	bob.wait("what cid wrote then", wrote(nuisance))
	var chat string
	eventually(t, "a fourth message", func() bool {
		chat = ann.verb("chat", "--json")
		return strings.Count(chat, `"key"`) == 4
	})
	if strings.Contains(chat, nuisance) || strings.Contains(chat, answer) || !strings.Contains(chat, after) {
		t.Errorf("ann, who has blocked cid, reads %s", chat)
	}
	if out := ann.verb("blocked"); !strings.Contains(out, cid.id()) || !strings.Contains(out, "advertising") {
		t.Errorf("blocked: %s", out)
	}

	// What was confirmed survives any death, and with it what was read before.
	bob.verb("say", "good night")
	bob.kill()
	bob = w.run(honest, "bob", "join", link)
	bob.wait("the room", kind("joined"))
	for _, text := range []string{before, answer, after, nuisance, "good night"} {
		if out := bob.verb("chat"); !strings.Contains(out, text) {
			t.Errorf("bob's machine died, and of %q nothing is left", text)
		}
	}
}
