// Clocks that are wrong, as far as the machines go: what is made of others', and what is told apart without any.

package room

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"stoa/identity"
)

func TestMiddle(t *testing.T) {
	m := time.Minute
	for _, tt := range []struct {
		list []time.Duration
		want time.Duration
	}{
		{nil, 0},
		{[]time.Duration{7 * m}, 7 * m},
		{[]time.Duration{0, 9 * m}, 0},
		{[]time.Duration{0, -9 * m}, 0},
		{[]time.Duration{9 * m, 8 * m, 0}, 8 * m},
		{[]time.Duration{9 * m, 0, -8 * m, 500 * m}, 0},
		{[]time.Duration{-9 * m, 3 * m, -4 * m, 500 * m}, 3 * m},
	} {
		if got := middle(slices.Clone(tt.list)); got != tt.want {
			t.Errorf("the middle of %v is %v, want %v", tt.list, got, tt.want)
		}
	}
}

// TestRoomsTime: whose clocks count, for whom, and how far they are believed.
func TestRoomsTime(t *testing.T) {
	p := newPlay(t)
	_, _, l := p.start() // two owners and mona, who moderates
	other := p.link(owner, nil, "other", identity.Grant{Role: listener})
	for _, who := range []int{pia, pete} {
		p.admit("", who, p.by(l, who))
	}
	p.admit("", eve, p.by(other, eve))
	s, now := p.l.State(), time.UnixMilli(int64(p.time))
	const m = time.Minute
	tests := []struct {
		name       string
		me         int
		says       map[int]time.Duration
		room, fast time.Duration
	}{
		{"alone", pia, nil, 0, 0},
		{"a listener believes the owner", pia, map[int]time.Duration{owner: 10 * m}, 10 * m, 0},
		{"and is told when a third agrees", pia, map[int]time.Duration{owner: 10 * m, pete: 10 * m}, 10 * m, -10 * m},
		{"the owner believes no listener", owner, map[int]time.Duration{pia: 10 * m, pete: 10 * m, eve: 10 * m}, 0, -10 * m},
		{"nor one who moderates alone", owner, map[int]time.Duration{mona: -10 * m}, 0, 0},
		{"but two", owner, map[int]time.Duration{mona: -10 * m, owner2: -9 * m}, -9 * m, 9 * m},
		{"one liar among those who moderate moves nobody far", pia, map[int]time.Duration{owner: 2 * m, owner2: 2 * m, mona: 500 * m}, 2 * m, -2 * m},
		{"of two it is the nearer", pia, map[int]time.Duration{owner: 2 * m, mona: -5 * m}, 2 * m, 0},
		{"where nobody moderates one link has one voice", pia, map[int]time.Duration{pete: 10 * m, eve: 0}, 0, 0},
		{"and two are more than one's own", pia, map[int]time.Duration{pete: 10 * m, eve: 10 * m}, 10 * m, -10 * m},
		{"and its many people are not most people", eve, map[int]time.Duration{pia: 17 * m, pete: 17 * m}, 0, 0},
		{"nor beside an owner", eve, map[int]time.Duration{owner: 0, pia: 17 * m, pete: 17 * m}, 0, 0},
		{"a stranger has none", pia, map[int]time.Duration{paul: 10 * m}, 0, 0},
		{"seconds are the network's", pia, map[int]time.Duration{owner: 9 * time.Second, pete: 9 * time.Second}, 0, 0},
		{"what is wrong by hours is not put right", pia, map[int]time.Duration{owner: 180 * m, owner2: 180 * m}, maxSkew, -180 * m},
	}
	for _, tt := range tests {
		var c clocks
		for who, ahead := range tt.says {
			c.note(p.c.id(who), millis(now.Add(ahead)), now)
		}
		if room, fast := c.room(s, p.c.id(tt.me)), c.fast(s); room != tt.room || fast != tt.fast {
			t.Errorf("%s: the room's clock is %v ahead and this one %v fast; want %v, %v", tt.name, room, fast, tt.room, tt.fast)
		}
	}
}

// TestClockThatIsSet: what was read against a clock says nothing once it was set.
func TestClockThatIsSet(t *testing.T) {
	for _, tt := range []struct {
		shows, ran time.Duration
		want       bool
	}{
		{5 * time.Second, 5 * time.Second, false}, {6 * time.Second, 5 * time.Second, false},
		{10 * time.Minute, 5 * time.Second, true}, {-10 * time.Minute, 5 * time.Second, true}, {time.Minute, time.Second, true},
	} {
		if got := wasSet(tt.shows, tt.ran); got != tt.want {
			t.Errorf("a clock that went on by %v in %v was set: %t", tt.shows, tt.ran, got)
		}
	}
	var c clocks
	c.step(noon)
	c.note(someone(1), at(time.Minute), noon)
	if c.step(noon.Add(5 * time.Second)); len(c.read) != 1 {
		t.Error("forgotten while the clock went on")
	}
}

func TestClocksAreBounded(t *testing.T) {
	var c clocks
	for n := range maxReadings + 10 {
		c.note(identity.ID{byte(n), byte(n >> 8), 1}, at(0), noon.Add(time.Duration(n)))
	}
	if _, kept := c.read[identity.ID{0, 0, 1}]; len(c.read) != maxReadings || kept {
		t.Errorf("%d readings, the first of them %t", len(c.read), kept)
	}
}

// TestWhenDecides: an admission is judged at the time of who let in, which the operation carries, and every log says the same.
func TestWhenDecides(t *testing.T) {
	const minute = 60_000
	ahead := uint64(20 * minute) // by a clock that was fast: what came before is dated so
	for _, tt := range []struct {
		name string
		when int64 // beside the invite's end; 0: at the operation's time
		want error
	}{
		{"in time by its author's clock", -minute, nil},
		{"within the slack", 2 * minute, nil},
		{"too late", 2*minute + 1, identity.ErrExpired},
		{"by the time of the operation", 0, identity.ErrExpired},
	} {
		p := newPlay(t)
		p.start()
		ends := p.time + 5*minute
		l := p.link(owner, nil, "short", identity.Grant{Role: listener, Expires: ends})
		p.time += ahead
		p.do("title", owner, nil, KindTitle, room, TitleArgs{"from the future"})
		args := AdmitArgs{Credential: p.by(l, pia).Bytes()}
		if tt.when != 0 {
			args.When = uint64(int64(ends) + tt.when)
		}
		if err := p.try("pia", owner, nil, KindAdmit, pia, args); !errors.Is(err, tt.want) || err != nil && tt.want == nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		p.replay()
	}
	p := newPlay(t)
	_, _, l := p.start()
	for name, when := range map[string]uint64{
		"ahead of its own operation": p.time + minute,
		"dated back too far":         p.time - mostBehind - minute,
	} {
		o := p.l.draft(p.c.id(owner), KindAdmit, identity.Hash{}, p.c.id(pia), AdmitArgs{Credential: p.by(l, pia).Bytes(), When: when}, p.time)
		if _, err := o.sign(p.c.keys[owner]); !errors.Is(err, identity.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSaidBefore: what an author has said already is no news, however young it looks, and takes nothing from what the author may say.
func TestSaidBefore(t *testing.T) {
	r := desk(t)
	say := func(d time.Duration, seq uint64) []byte {
		return signPresence(testKey, &Presence{Room: r.id, Who: testKey.ID(), Time: millis(time.Now().Add(d)), Seq: seq})
	}
	r.me = someone(1) // the words are another's
	first, second := say(-20*time.Minute, 1), say(-15*time.Minute, 2)
	for _, tt := range []struct {
		name string
		raw  []byte
		want bool
	}{
		{"by a slow clock", first, true},
		{"repeated", first, false},
		{"the next one", second, true},
		{"one before it", first, false},
		{"beyond what a clock may be wrong", say(-31*time.Minute, 9), false},
		{"from as far ahead", say(31*time.Minute, 9), false},
		{"by a fast clock", say(29*time.Minute, 3), true},
	} {
		if accept, bad := r.check(ChannelPresence, tt.raw); accept != tt.want || bad {
			t.Errorf("%s: accepted %t, bad %t", tt.name, accept, bad)
		}
	}
	for range 1000 {
		r.check(ChannelPresence, second)
	}
	if accept, _ := r.check(ChannelPresence, say(29*time.Minute+time.Second, 4)); !accept {
		t.Error("a thousand repetitions have used up what their author may say")
	}
}

func TestMomentsAreBounded(t *testing.T) {
	var l moments
	for n := range maxBuckets {
		l.take(identity.ID{byte(n), byte(n >> 8)}, moment{time: at(0)}, 0, noon)
	}
	new := identity.ID{0, 0, 1}
	if l.take(new, moment{time: at(0)}, 0, noon); len(l) != maxBuckets || !l.news(new, moment{time: at(0)}) {
		t.Error("room was made by forgetting what may be repeated")
	}
	later := noon.Add(2*maxSkew + time.Second)
	if l.take(new, moment{time: millis(later)}, 0, later); len(l) != 1 {
		t.Errorf("%d are remembered, most of them for nothing", len(l))
	}
}

// TestTimely: nobody jumps the queue by their clock, and nobody whose clock was put right by that of somebody who moderates is kept out of it.
func TestTimely(t *testing.T) {
	p := newPlay(t)
	p.start()
	r := stand(t, p, owner)
	now := time.UnixMilli(int64(p.time))
	hand := func(d time.Duration) *Hand { return &Hand{Time: millis(now.Add(d))} }
	for _, tt := range []struct {
		d      time.Duration
		direct bool // at first hand
		kept   bool // by who keeps it
	}{
		{0, true, true}, {-29 * time.Second, true, true}, {-31 * time.Second, false, true}, {-11 * time.Minute, false, false},
		{10 * time.Minute, true, true}, {31 * time.Minute, false, false},
	} {
		if direct, kept := r.timely(hand(tt.d), handSkew, now), r.timely(hand(tt.d), handLife, now); direct != tt.direct || kept != tt.kept {
			t.Errorf("raised %v from now: at first hand %t, kept %t", tt.d, direct, kept)
		}
	}
	r.clocks.note(p.c.id(mona), millis(now.Add(-10*time.Minute)), now)
	if !r.timely(hand(-10*time.Minute), handSkew, now) || r.timely(hand(-11*time.Minute), handSkew, now) {
		t.Error("a hand by the clock of somebody who moderates")
	}
	r.clocks.note(p.c.id(pia), millis(now.Add(-20*time.Minute)), now)
	if r.timely(hand(-20*time.Minute), handSkew, now) {
		t.Error("a hand by anybody's clock")
	}
}

// TestHandedOn: who is handed on is here for as long as they would be where they were seen, and who has gone does not come back.
func TestHandedOn(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		gate, late := newRoster(), newRoster()
		for n := range byte(8) {
			heard := noon.Add(-time.Duration(rnd.IntN(30)) * time.Second)
			skew := time.Duration(rnd.IntN(30)-15) * time.Minute
			gate.put(&Presence{Who: someone(n), Time: millis(heard.Add(skew)), Seq: 1}, []byte{n}, heard)
		}
		gate.expire(noon)
		byRaw := map[byte]*Presence{}
		for n := range byte(8) {
			if a := gate.here[someone(n)]; a != nil {
				byRaw[n] = &a.Presence
			} else {
				byRaw[n] = &Presence{Who: someone(n), Time: gate.last[someone(n)].time, Seq: 1}
			}
		}
		hand := append(gate.keeps(), gate.farewells(noOne)...)
		if len(hand) != 8 {
			t.Fatalf("%d of 8 handed on", len(hand))
		}
		for _, k := range hand {
			if p := byRaw[k.raw[0]]; noon.Sub(k.seen) >= late.patience() {
				late.gone(p, k.raw, k.seen)
			} else {
				late.put(p, k.raw, k.seen)
			}
		}
		for n := range byte(8) {
			_, here := late.here[someone(n)]
			if _, is := gate.here[someone(n)]; here != is {
				t.Errorf("%d is here %t, at the gate %t", n, here, is)
			}
			if late.put(byRaw[n], nil, noon) != stale {
				t.Errorf("%d comes back by a repeated heartbeat", n)
			}
		}
	}
}
