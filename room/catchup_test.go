// Catching up: all who know the same say the same, and nobody gets around a rule by handing on.

package room

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"stoa/identity"
)

func TestShelfInAnyOrder(t *testing.T) {
	epoch, other := identity.Hash{1}, identity.Hash{2}
	var all []written
	for n := range uint64(maxShelf + 30) {
		x := written{name: identity.HashOf([]byte{byte(n)}), epoch: epoch, moment: moment{time: n / 3, seq: n}, raw: []byte{byte(n)}}
		if n%10 == 9 {
			x.epoch = other
		}
		all = append(all, x)
	}
	var want uint64
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var s shelf
		for _, x := range append(all, all[:20]...) {
			s.add(x)
		}
		if len(s.list) != maxShelf || s.list[0].seq != 30 || s.sum(identity.Hash{3}) != 0 {
			t.Fatalf("%d are kept, from %d on", len(s.list), s.list[0].seq)
		}
		if seed == 0 {
			want = s.sum(epoch)
		}
		if got := s.sum(epoch); got != want || got == 0 {
			t.Fatalf("%x and %x of the same", got, want)
		}
		have := s.shorts()
		if n := len(s.beside(epoch, nil)) + len(s.beside(other, nil)); n != maxShelf || len(s.beside(epoch, have)) != 0 {
			t.Fatalf("%d of %d are handed on", n, maxShelf)
		}
		if raws := s.beside(epoch, have[1:]); len(raws) != 1 || raws[0][0] != 30 {
			t.Fatalf("beside all but the first: %v", raws)
		}
	}
}

func TestCatchup(t *testing.T) {
	var c catchup
	ann, ben := someone(1), someone(2)
	ask := func(known uint64, d time.Duration) (identity.ID, bool) { return c.take(known, noon.Add(d)) }
	if _, ok := ask(0, time.Hour); ok || !c.next().IsZero() {
		t.Error("asks although nobody knows more")
	}
	c.note(ann, 7, noon.Add(time.Second))
	c.note(ben, 8, noon.Add(2*time.Second)) // the first decides when, the last whom
	if _, ok := ask(0, 500*time.Millisecond); ok || !c.next().Equal(noon.Add(time.Second)) {
		t.Error("asks before gossip had its chance")
	}
	if who, ok := ask(0, time.Second); !ok || who != ben {
		t.Errorf("asks %v, %t", who, ok)
	}
	c.note(ann, 7, noon.Add(time.Second))
	if _, ok := ask(0, time.Minute); ok {
		t.Error("asks two at a time")
	}
	c.done(ben, 8, false, noon.Add(time.Minute))
	if _, ok := ask(0, time.Minute+catchPause/2); ok || !c.next().Equal(noon.Add(time.Minute+catchPause)) {
		t.Error("asks again at once")
	}
	if _, ok := ask(7, time.Minute+catchPause); ok {
		t.Error("asks for what has come meanwhile")
	}
	c.note(ben, 8, noon)
	if _, ok := ask(0, time.Hour); ok {
		t.Error("asks who had nothing new once more for the same")
	}
	c.note(ben, 9, noon)
	if who, ok := ask(0, time.Hour); !ok || who != ben {
		t.Error("does not ask for what is new")
	}
	for n := range 2 * maxVain {
		c.done(identity.ID{1: byte(n), 2: byte(n >> 8)}, 1, false, noon)
	}
	if len(c.vain) > maxVain {
		t.Errorf("%d people are remembered", len(c.vain))
	}
}

// TestRemarksHandedOn: what others hand on is judged like what comes at first hand, and nobody floods or dates forward that way.
func TestRemarksHandedOn(t *testing.T) {
	p := newPlay(t)
	m, _, l := p.start()
	for _, who := range []int{pia, pete} {
		p.admit("in", who, p.by(l, who))
	}
	p.do("mute", mona, m, KindMute, pete, nil)
	s := secretOf(1)
	r := reader(t, p, owner, s)
	now := time.UnixMilli(int64(p.time))
	write := func(who int, text string, change ...func(*Remark)) []byte {
		return (&writer{key: p.c.keys[who], seq: uint64(len(text))}).remark(t, p, s, text, change...)
	}
	hourOld := func(m *Remark) {
		m.Time -= 3_600_000
		if err := m.seal(s.Key, encodeSay("x", "an hour ago")); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name        string
		raw         []byte
		taken, read bool
	}{
		{"a listener's", write(pia, "one"), true, true},
		{"the same", nil, false, false},
		{"an hour old", write(pia, "x", hourOld), true, true},
		{"by who is muted now", write(pete, "two"), true, false},
		{"by a stranger", write(eve, "three"), false, false},
		{"from the future", write(pia, "four", func(m *Remark) { m.Time += uint64(2 * maxSkew / time.Millisecond) }), false, false},
		{"of another epoch", write(pia, "five!", func(m *Remark) { m.Epoch[0]++ }), false, false},
		{"of another room", write(pia, "sixsix", func(m *Remark) { m.Room[0]++ }), false, false},
		{"a reaction", write(pia, "x", func(m *Remark) { m.Kind, m.Body = RemarkReact, make([]byte, sealing+1) }), false, false},
		{"nonsense", []byte("nonsense"), false, false},
	} {
		raw := tt.raw
		if raw == nil { // what came first
			raw = r.shelf.list[0].raw
		}
		before := r.chat.fresh
		if taken := r.catch(raw, now); taken != tt.taken || r.chat.fresh > before != tt.read {
			t.Errorf("%s: taken %t, read %t", tt.name, taken, r.chat.fresh > before)
		}
	}
	if at := r.chat.lines[0].At; r.chat.lines[0].Text != "an hour ago" || now.Sub(at) != time.Hour {
		t.Errorf("what is an hour old stands at %v", at)
	}
	flood, taken := &writer{key: p.c.keys[mona]}, 0
	for range 3 * catchBurst {
		if r.catch(flood.remark(t, p, s, "x"), now) {
			taken++
		}
	}
	if taken != catchBurst {
		t.Errorf("%d messages of one author are taken at once", taken)
	}
	if _, err := r.onChat(context.Background(), p.c.id(eve), chatQuestion{Epoch: s.Commit}); !errors.Is(err, ErrNotMember) {
		t.Errorf("a stranger is told: %v", err)
	}
	if _, err := r.onChat(context.Background(), p.c.id(pia), chatQuestion{Have: make([]uint64, maxShelf+1)}); !errors.Is(err, identity.ErrMalformed) {
		t.Errorf("a question too long: %v", err)
	}
}

// TestCatchupRests: whatever happens in whatever order, next names a time only at which take has something to do, and take leaves nothing to do
// at once: the loop sleeps until next, and would not sleep at all.
func TestCatchupRests(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var c catchup
	now := time.UnixMilli(0)
	for range 10000 {
		now = now.Add(time.Duration(rnd.Int64N(int64(time.Second))))
		who, sum := identity.ID{byte(rnd.IntN(3))}, uint64(rnd.IntN(4))
		switch rnd.IntN(3) {
		case 0:
			c.note(who, sum, now.Add(time.Duration(rnd.Int64N(int64(catchSpread)))))
		case 1:
			if c.busy {
				c.done(who, sum, rnd.IntN(2) == 0, now)
			}
		}
		if next := c.next(); !next.IsZero() && next.After(now) {
			continue
		}
		before := c
		c.take(uint64(rnd.IntN(4)), now)
		if next := c.next(); !next.IsZero() && !next.After(now) {
			t.Fatalf("at %v it is to look again at %v: %+v, before %+v", now, next, c, before)
		}
	}
}
