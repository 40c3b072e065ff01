// What is written: its form, who may write and hide, and that all who are there are shown the same.

package room

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"stoa/identity"
)

func TestTidy(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"plain":               {"good evening", "good evening"},
		"spaces around":       {" \n good\tevening\u3000all \n", "good evening all"},
		"an empty line":       {"one\n\ntwo", "one\n\ntwo"},
		"many empty lines":    {"one\n \n\n \ntwo", "one\n \n two"},
		"terminal codes":      {"a\x1b[2Jb\u009bc\a", "a[2Jbc"},
		"turned":              {"\u202eyes\u202c \u2066no\u2069 \u200fok\u061c", "yes no ok"},
		"nothing to see":      {"\u200b\u3164\u2800\ufeff\u00ad\u200d\u2060", ""},
		"Persian":             {"می\u200cخواهم", "می\u200cخواهم"},
		"a family":            {"👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"},
		"joiners in a row":    {"a\u200d\u200d\u200cb", "a\u200db"},
		"a heart":             {"❤️", "❤️"},
		"an accent":           {"e\u0301", "e\u0301"},
		"a heap of them":      {"e" + strings.Repeat("\u0301", 40), "e" + strings.Repeat("\u0301", maxMarks)},
		"a heap with joiners": {"e" + strings.Repeat("\u0301\u200d", 40), "e" + strings.Repeat("\u0301\u200d", maxMarks-1) + "\u0301"},
		"marks on nothing":    {"\u0301\u0301a", "a"},
		"no UTF-8":            {"a\xff\xc0b", "ab"},
		"too long":            {strings.Repeat("x", MaxText-1) + "é", strings.Repeat("x", MaxText-1)},
		"line separators":     {"a\u2028b\u2029c\r\nd", "abc\nd"},
	} {
		if got := tidy(tt.text); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// FuzzTidy: whatever somebody writes, what is read is short, tidy already and holds nothing that turns, moves or hides.
func FuzzTidy(f *testing.F) {
	f.Add("good \u202eevening\n\n\n\nall \x1b[2J")
	f.Add(strings.Repeat("e\u0301\u200d", 400))
	f.Fuzz(func(t *testing.T, text string) {
		got := tidy(text)
		if len(got) > MaxText || !utf8.ValidString(got) || tidy(got) != got {
			t.Fatalf("%q becomes %q, then %q", text, got, tidy(got))
		}
		if strings.ContainsFunc(got, func(c rune) bool { return c != '\n' && !joins(c) && !plain(string(c), utf8.UTFMax) }) {
			t.Fatalf("%q is left of %q", got, text)
		}
		called, said, ok := decodeSay([]byte(text))
		if ok && (said == "" || !plain(called, MaxName)) {
			t.Fatalf("%q says %q, called %q", text, said, called)
		}
	})
}

func TestRemarkForm(t *testing.T) {
	remark := func(kind RemarkKind, size int) error {
		m := sampleRemark()
		m.Kind, m.Body = kind, make([]byte, sealing+size)
		_, err := ParseRemark(pack(testKey, remarkDomain, m))
		return err
	}
	for _, tt := range []struct {
		kind RemarkKind
		size int
		good bool
	}{
		{RemarkSay, 2, true}, {RemarkSay, maxBody, true}, {RemarkSay, 1, false}, {RemarkSay, maxBody + 1, false}, {RemarkSay, -sealing, false},
		{RemarkReact, 1, true}, {RemarkReact, 0, false}, {RemarkReact, 2, false},
		{RemarkHide, 32, true}, {RemarkHide, 31, false}, {RemarkHide, 33, false}, {0, 1, false}, {4, 1, false},
	} {
		if err := remark(tt.kind, tt.size); (err == nil) != tt.good || err != nil && !errors.Is(err, identity.ErrMalformed) {
			t.Errorf("kind %d with %d bytes: %v", tt.kind, tt.size, err)
		}
	}
	m := sampleRemark()
	m.Time = maxTime + 1
	if _, err := ParseRemark(pack(testKey, remarkDomain, m)); !errors.Is(err, identity.ErrMalformed) {
		t.Errorf("of the year 10000: %v", err)
	}
}

// TestRemarkIsSealed: what is sealed opens for who holds the secret of that epoch, as said by that author at that time, and not otherwise.
func TestRemarkIsSealed(t *testing.T) {
	s, plain := secretOf(1), encodeSay("anna", "good evening")
	m := sampleRemark()
	m.Kind, m.Epoch = RemarkSay, s.Commit
	if err := m.seal(s.Key, plain); err != nil {
		t.Fatal(err)
	}
	if got, err := m.open(s.Key); err != nil || string(got) != string(plain) {
		t.Fatalf("opened %q, %v", got, err)
	}
	if _, err := m.open(secretOf(2).Key); !errors.Is(err, identity.ErrForged) {
		t.Errorf("with another secret: %v", err)
	}
	for name, change := range map[string]func(*Remark){
		"another room":   func(m *Remark) { m.Room[0]++ },
		"another author": func(m *Remark) { m.Who[0]++ },
		"another kind":   func(m *Remark) { m.Kind++ },
		"another time":   func(m *Remark) { m.Time++ },
		"another place":  func(m *Remark) { m.Seq++ },
		"another epoch":  func(m *Remark) { m.Epoch[0]++ },
		"another body":   func(m *Remark) { m.Body[len(m.Body)-1] ^= 1 },
	} {
		o := *m
		o.Body = slices.Clone(m.Body)
		change(&o)
		if _, err := o.open(s.Key); !errors.Is(err, identity.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func lineOf(n int, who identity.ID) Line {
	return Line{Name: identity.HashOf(fmt.Append(nil, n)), Who: who, At: noon.Add(time.Duration(n) * time.Second), Text: fmt.Sprint(n)}
}

func TestChatIsBounded(t *testing.T) {
	var c chat
	for n := range MaxLines + 50 {
		c.add(lineOf(n, someone(1)))
	}
	if len(c.list()) != MaxLines || c.list()[0].Text != "50" || c.add(lineOf(3, someone(1))) {
		t.Errorf("%d lines, the first is %q", len(c.list()), c.list()[0].Text)
	}
	c.unsaved = nil
	if c.add(lineOf(100, someone(1))) || len(c.unsaved) > 0 {
		t.Error("what is here already is added once more")
	}
	for n := range maxHides + 10 {
		c.hide(hide{identity.Hash{byte(n), byte(n >> 8)}, someone(2)})
	}
	for n := range maxWaiting + 10 {
		c.wait(&Remark{Seq: uint64(n)}, noon, noon)
		c.wait(&Remark{Seq: uint64(n)}, noon, noon)
	}
	if len(c.hides) != maxHides || len(c.waits) != maxWaiting {
		t.Errorf("%d hides and %d remarks wait", len(c.hides), len(c.waits))
	}
	none := func(identity.Hash) bool { return false }
	if list := c.ripe(none, noon.Add(waitAtMost)); len(list) > 0 || len(c.waits) > 0 {
		t.Error("what waited in vain is still there")
	}
}

// TestHiddenInAnyOrder: messages, and wishes to hide them by who may and who may not, come in any order, some twice; and somebody gets the right
// to hide only in between. In the end everybody is shown the same.
func TestHiddenInAnyOrder(t *testing.T) {
	author, host, other, late := someone(1), someone(2), someone(3), someone(4)
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var want []string
		for run := range 4 {
			var c chat
			promoted := false
			may := func(by, of identity.ID) bool { return by == host && of != other || by == late && promoted }
			var steps []func()
			for n := range 12 {
				l := lineOf(n, []identity.ID{author, other}[n%2])
				by := []identity.ID{author, host, other, late}[n/2%4]
				steps = append(steps, func() { c.add(l) }, func() { c.hide(hide{l.Name, by}) })
			}
			steps = append(steps, func() { promoted = true })
			steps = append(steps, steps[rnd.IntN(20):]...)
			rnd.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
			for _, step := range steps {
				step()
				c.settle(may)
			}
			var got []string
			for _, l := range c.list() {
				got = append(got, l.Text)
			}
			if run == 0 {
				want = got
			}
			if !slices.Equal(got, want) || !slices.Equal(got, []string{"", "1", "", "3", "4", "", "", "", "", "9", "", "11"}) {
				t.Fatalf("seed %d: %q, before %q", seed, got, want)
			}
		}
	}
}

func TestDated(t *testing.T) {
	for off, want := range map[time.Duration]time.Duration{
		0: 0, -time.Second: -time.Second, -time.Hour: -lineSkew, time.Second: 0, time.Hour: 0,
	} {
		if got := dated(at(off), noon).Sub(noon); got != want {
			t.Errorf("a message dated %v off is shown at %v", off, got)
		}
	}
}

// writer is somebody with a program of their own, who writes whatever they like.
type writer struct {
	key *identity.Key
	seq uint64
}

// remark seals and signs a message.
func (w *writer) remark(t *testing.T, p *play, s Secret, text string, change ...func(*Remark)) []byte {
	t.Helper()
	w.seq++
	m := &Remark{Room: p.l.room, Who: w.key.ID(), Kind: RemarkSay, Time: p.time, Seq: w.seq, Epoch: s.Commit}
	if err := m.seal(s.Key, encodeSay("x", text)); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(m)
	}
	return pack(w.key, remarkDomain, m)
}

// reader is a room that does not run, of somebody who knows a secret.
func reader(t *testing.T, p *play, who int, s Secret) *Room {
	r := stand(t, p, who)
	r.caught = buckets{burst: catchBurst, every: sayEvery}
	r.book.current = EpochKey{N: 1, Commit: s.Commit, Secret: s.Key, Known: true}
	return r
}

// comes has a remark come by gossip, and tells whether it was passed on and is read.
func comes(r *Room, p *play, raw []byte) (passed, read bool) {
	now := time.UnixMilli(int64(p.time))
	r.cfg.Clock = func() time.Time { return now }
	before := r.chat.fresh
	if passed, _ = r.check(ChannelChat, raw); passed {
		r.takeRemark(raw, now)
	}
	return passed, r.chat.fresh > before
}

func TestHostileWriters(t *testing.T) {
	p := newPlay(t)
	m, _, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	p.admit("pete", pete, p.by(l, pete))
	p.carrier("relay", paul, 0)
	p.do("mute", mona, m, KindMute, pete, nil)
	s, old := secretOf(1), secretOf(2)
	r := reader(t, p, owner, s)
	write := func(who int) *writer { return &writer{key: p.c.keys[who]} }
	by := write(pia)
	first := by.remark(t, p, s, "first")
	second, third := by.remark(t, p, s, "second"), by.remark(t, p, s, "third")
	stolen, err := ParseRemark(write(mona).remark(t, p, s, "stolen"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		raw          []byte
		passed, read bool
	}{
		{"a listener", first, true, true},
		{"said again", first, false, false},
		{"overtaking", third, true, true},
		{"overtaken", second, true, true},
		{"overtaken and again", second, false, false},
		{"a moderator", write(mona).remark(t, p, s, "x"), true, true},
		{"muted", write(pete).remark(t, p, s, "x"), false, false},
		{"a stranger", write(eve).remark(t, p, s, "x"), false, false},
		{"a relay, who may not hear", write(paul).remark(t, p, s, "x"), false, false},
		{"under another secret", by.remark(t, p, Secret{s.Commit, old.Key}, "x"), true, false},
		{"under another's epoch", by.remark(t, p, old, "x"), true, false},
		{"another's words", by.remark(t, p, s, "x", func(o *Remark) { o.Body = stolen.Body }), true, false},
		{"in another's name", by.remark(t, p, s, "x", func(o *Remark) { o.Who = p.c.id(mona) }), false, false},
		{"of another room", by.remark(t, p, s, "x", func(o *Remark) { o.Room[0]++ }), false, false},
		{"an hour ago", by.remark(t, p, s, "x", func(o *Remark) { o.Time -= 3_600_000 }), false, false},
		{"nothing to read", by.remark(t, p, s, "\u200b\u202e"), true, false},
		{"no message at all", []byte("nonsense"), false, false},
	} {
		if passed, read := comes(r, p, tt.raw); passed != tt.passed || read != tt.read {
			t.Errorf("%s: passed on %t, read %t", tt.name, passed, read)
		}
	}
	if len(r.chat.waits) != 1 {
		t.Errorf("%d remarks wait for a secret, want that of another epoch", len(r.chat.waits))
	}
	r.book.past = []EpochKey{{Commit: old.Commit, Secret: old.Key, Known: true}}
	if r.readWaiting(time.UnixMilli(int64(p.time))); len(r.chat.waits) != 0 || r.chat.fresh != 5 {
		t.Errorf("with the secret %d are read, %d wait", r.chat.fresh, len(r.chat.waits))
	}
}

// TestFlood: nobody writes more than a little at a time, and a thousand listeners together take no more than their share, beside which those
// on the stage go on.
func TestFlood(t *testing.T) {
	p := newPlay(t)
	_, _, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	s := secretOf(1)
	r := reader(t, p, owner, s)
	flood := func(who, n int) (passed int) {
		w := &writer{key: p.c.keys[who]}
		for range n {
			if ok, _ := comes(r, p, w.remark(t, p, s, "x")); ok {
				passed++
			}
		}
		return passed
	}
	if n := flood(pia, 50); n != sayBurst+3 {
		t.Errorf("of 50 messages of a listener %d are passed on", n)
	}
	p.time += 60_000
	r.guard.commons[0].takeMany(r.guard.commons[0].burst, time.UnixMilli(int64(p.time))) // by others
	if n := flood(pia, 5); n != 0 {
		t.Errorf("%d messages of a listener are passed on when listeners have written too much", n)
	}
	if n := flood(mona, 5); n != 5 {
		t.Errorf("%d of 5 messages of a moderator are passed on", n)
	}
}
