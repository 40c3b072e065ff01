// What the log says of schedules, of recordings and of who consents to them.

package room

import (
	"errors"
	"slices"
	"testing"
	"time"

	"stoa/identity"
)

// recorded is a room in which Mona, a moderator, begins the recording "rec" that Pia, a speaker, and Pete, a listener, know of.
func recorded(t *testing.T) (p *play, monas, marks, pias, petes identity.Credential) {
	p = newPlay(t)
	monas, marks, _ = p.start()
	pias = p.grant("pia", mona, monas, pia, speaker, false)
	petes = p.grant("pete", mona, monas, pete, listener, false)
	p.do("rec", mona, monas, KindRecord, room, RecordArgs{})
	return p, monas, marks, pias, petes
}

func (p *play) answer(name string, who int, under identity.Credential, yes bool, seen ...string) {
	p.t.Helper()
	p.do(name, who, under, KindConsent, room, ConsentArgs{p.ops["rec"].hash, yes}, seen...)
}

// agreed are those who let themselves be recorded now; -1 stands for no recording.
func (p *play) agreed() (who []int) {
	on := p.l.State().Recording()
	if on == nil {
		return []int{room}
	}
	for i := range p.c.keys {
		if on.Consents(p.c.id(i)) {
			who = append(who, i)
		}
	}
	return who
}

func TestRecordings(t *testing.T) {
	ends := func(p *play, name string) RecordArgs { return RecordArgs{p.ops[name].hash} }
	for name, tt := range map[string]struct {
		play func(p *play, m, k, s, l identity.Credential)
		want []int // who is recorded at the end; -1: nothing is
		by   int
	}{
		"silence is no": {func(p *play, m, k, s, l identity.Credential) {}, nil, mona},
		"two say yes, one of them also for when she is called up": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("pia says", pia, s, true)
			p.answer("pete says", pete, l, true)
		}, []int{pia, pete}, mona},
		"the last answer counts": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true)
			p.answer("no", pia, s, false)
			p.answer("yes again", pia, s, true)
			p.answer("no again", pia, s, false)
		}, nil, mona},
		"of two answers at once it is no": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true, "rec")
			p.answer("no", pia, s, false, "rec")
		}, nil, mona},
		"a withdrawal is not lost to a move at the same time": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true)
			p.grant("down", mona, m, pia, listener, true, "yes")
			p.answer("no", pia, s, false, "yes")
			p.grant("up", mona, m, pia, speaker, false)
		}, nil, mona},
		"who is put out has still said what they said": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true)
			p.do("kick", mona, m, KindKick, pia, RemoveArgs{})
		}, []int{pia}, mona},
		"its author ends it": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true)
			p.do("end", mona, m, KindRecord, room, ends(p, "rec"))
		}, []int{room}, 0},
		"an owner ends it": {func(p *play, m, k, s, l identity.Credential) {
			p.do("end", owner, nil, KindRecord, room, ends(p, "rec"))
		}, []int{room}, 0},
		"it ends with its author's right": {func(p *play, m, k, s, l identity.Credential) {
			p.grant("down", owner, nil, mona, listener, true)
		}, []int{room}, 0},
		"and is not on again when that comes back": {func(p *play, m, k, s, l identity.Credential) {
			p.do("kick", owner, nil, KindKick, mona, RemoveArgs{})
			p.grant("back", owner, nil, mona, moderator, false)
		}, []int{room}, 0},
		"it ends with the room": {func(p *play, m, k, s, l identity.Credential) {
			p.do("close", owner, nil, KindClose, room, nil)
		}, []int{room}, 0},
		"another one of its author's takes its place, and nobody has consented to that": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true)
			p.do("rec 2", mona, m, KindRecord, room, RecordArgs{})
		}, nil, mona},
		"of two it is the stronger rank's": {func(p *play, m, k, s, l identity.Credential) {
			p.do("owner's", owner, nil, KindRecord, room, RecordArgs{}, "pete")
		}, nil, owner},
		"an equal's takes its place, for good": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true)
			p.do("mark's", mark, k, KindRecord, room, RecordArgs{})
			p.do("end", mark, k, KindRecord, room, ends(p, "mark's"))
		}, []int{room}, 0},
		"a weaker one's does not": {func(p *play, m, k, s, l identity.Credential) {
			p.answer("yes", pia, s, true)
			g := p.grant("pete moderates", mona, m, pete, moderator, false)
			p.do("pete's", pete, g, KindRecord, room, RecordArgs{})
		}, []int{pia}, mona},
		"what is done behind the back of those who put its author out is nothing": {func(p *play, m, k, s, l identity.Credential) {
			p.do("end", mona, m, KindRecord, room, ends(p, "rec"))
			p.do("kick", owner, nil, KindKick, mona, RemoveArgs{}, "end")
			p.do("late", mona, m, KindRecord, room, RecordArgs{}, "end")
		}, []int{room}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, m, k, s, l := recorded(t)
			tt.play(p, m, k, s, l)
			if got := p.agreed(); !slices.Equal(got, tt.want) {
				t.Errorf("recorded are %v, want %v", got, tt.want)
			}
			if on := p.l.State().Recording(); on != nil && on.By != p.c.id(tt.by) {
				t.Errorf("it is another one's recording")
			}
			p.replay()
		})
	}
}

// TestRecordingLapses: a moderator whose grant has lapsed records no more.
func TestRecordingLapses(t *testing.T) {
	p := newPlay(t)
	p.start()
	hour := p.c.give(t, owner, nil, p.c.id(pia), "an hour", identity.Grant{Role: moderator, Expires: dawn + 3600_000})
	p.do("pia", owner, nil, KindGrant, pia, GrantArgs{hour.Leaf().Bytes(), false})
	p.do("rec", pia, hour, KindRecord, room, RecordArgs{})
	s := p.l.State()
	if s.At(dawn+3599_000).Recording() == nil || s.At(dawn+3600_000).Recording() != nil {
		t.Error("the recording does not end with its author's grant")
	}
}

// TestRecordingHostile: whatever strangers, listeners and those of equal rank sign about a recording never joins the log.
func TestRecordingHostile(t *testing.T) {
	p, m, k, s, l := recorded(t)
	rec := p.ops["rec"].hash
	none := identity.Hash{9}
	for what, err := range map[string]error{
		"a listener records":                  p.try("x", pete, l, KindRecord, room, RecordArgs{}),
		"a speaker records":                   p.try("x", pia, s, KindRecord, room, RecordArgs{}),
		"a speaker ends it":                   p.try("x", pia, s, KindRecord, room, RecordArgs{rec}),
		"one of equal rank ends it":           p.try("x", mark, k, KindRecord, room, RecordArgs{rec}),
		"a stranger consents":                 p.try("x", eve, nil, KindConsent, room, ConsentArgs{rec, true}),
		"consent under another's grant":       p.try("x", pete, s, KindConsent, room, ConsentArgs{rec, true}),
		"consent to what is not known":        p.try("x", pia, s, KindConsent, room, ConsentArgs{none, true}),
		"consent to what is no recording":     p.try("x", pia, s, KindConsent, room, ConsentArgs{p.ops["title"].hash, true}),
		"consent to what it has not seen":     p.try("x", pia, s, KindConsent, room, ConsentArgs{rec, true}, "pia"),
		"an end of what is not known":         p.try("x", mona, m, KindRecord, room, RecordArgs{none}),
		"a listener says when the room meets": p.try("x", pete, l, KindSchedule, room, ScheduleArgs{dawn, dawn + 1, ""}),
	} {
		if !errors.Is(err, ErrNotAllowed) && !errors.Is(err, identity.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range maxConsents {
		p.answer("again", pia, s, i%2 == 0)
	}
	if err := p.try("x", pia, s, KindConsent, room, ConsentArgs{rec, true}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a ninth answer: %v", err)
	}
	p.answer("another", pete, l, true) // is not in the way of others
	for i := range maxConsents - 2 {
		p.answer("another", pete, l, i%2 == 0)
	}
	if err := p.try("x", pete, l, KindConsent, room, ConsentArgs{rec, true}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a yes that could not be taken back: %v", err)
	}
	p.answer("another", pete, l, false)
	// A consent signed by one person and shown as another's is of nobody.
	forged := *p.ops["another"]
	forged.Author = p.c.id(pia)
	if _, err := ParseOp(identity.Pack(identity.Marshal(&forged), p.c.keys[pete].Sign(opDomain, identity.Marshal(&forged)))); !errors.Is(err, identity.ErrForged) {
		t.Errorf("consent in another's name: %v", err)
	}
}

// TestConsentPace: however many listeners answer, those on the stage are heard, and can withdraw when the log is full for everybody.
func TestConsentPace(t *testing.T) {
	p := newPorch(t)
	answer := func(who identity.ID, yes bool) *Op {
		o := p.kick(pete)
		o.Author, o.Kind, o.Target, o.args = who, KindConsent, identity.ID{}, opArgs{consent: ConsentArgs{Yes: yes}}
		return o
	}
	sybil := func(n int, caps identity.Caps) identity.ID {
		id := identity.ID{5, byte(n >> 8), byte(n)}
		p.state.Members[id] = Member{Caps: caps}
		return id
	}
	taken := 0
	for n := range 3000 {
		if p.toll(answer(sybil(n/4, listener.Caps()), true), true) == nil {
			taken++
		}
	}
	if taken != 256 {
		t.Errorf("%d answers of listeners at once, want 256", taken)
	}
	pias := sybil(60000, speaker.Caps())
	for taken = 0; p.toll(answer(pias, true), true) == nil; taken++ {
	}
	if taken != maxConsents {
		t.Errorf("%d answers of a speaker at once, want %d", taken, maxConsents)
	}
	p.intake.now = p.intake.now.Add(time.Hour)
	p.l.bytes = MaxBytes * everybodys / 16
	if err := p.toll(answer(pias, true), true); !errors.Is(err, ErrLogFull) {
		t.Errorf("yes in a full log: %v", err)
	}
	if err := p.toll(answer(pias, false), true); err != nil {
		t.Errorf("no in a full log: %v", err)
	}
}

func TestSchedule(t *testing.T) {
	p := newPlay(t)
	m, k, _ := p.start()
	p.do("a", mona, m, KindSchedule, room, ScheduleArgs{dawn, dawn + 1, "tea"})
	p.do("b", mark, k, KindSchedule, room, ScheduleArgs{dawn + 5, dawn + 6, "coffee"}, "a")
	p.do("owner's", owner, nil, KindSchedule, room, ScheduleArgs{dawn + 7, dawn + 8, "wine"}, "a")
	if got := p.l.State().Schedule; got.Text != "wine" || got.Starts != dawn+7 || got.Ends != dawn+8 || got.By != p.c.id(owner) || got.Op != p.ops["owner's"].hash {
		t.Errorf("at once with an owner's: %+v", got)
	}
	p.do("off", mark, k, KindSchedule, room, ScheduleArgs{})
	if got := p.l.State().Schedule; got.Starts != 0 || got.Op != p.ops["off"].hash {
		t.Errorf("after it was taken back: %+v", got)
	}
	p.replay()
}

// TestEvidence: what shows who consented holds by itself, and for nobody else.
func TestEvidence(t *testing.T) {
	p, m, _, s, _ := recorded(t)
	p.answer("yes", pia, s, true)
	p.do("end", owner, nil, KindRecord, room, RecordArgs{p.ops["rec"].hash})
	raws := map[string][]byte{}
	for i, raw := range p.signed() {
		for name, o := range p.ops {
			if p.l.nodes[i].op.hash == o.hash {
				raws[name] = raw
			}
		}
	}
	for name, e := range map[string]Evidence{"rec": {raws["rec"], m.Bytes()}, "yes": {raws["yes"], s.Bytes()}, "end": {raws["end"], nil}} {
		if o, err := e.Verify(p.c.charter); err != nil || o.Hash() != p.ops[name].hash {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := newCast(t, 2).charter
	for what, tt := range map[string]struct {
		e    Evidence
		in   *identity.Charter
		want error
	}{
		"of another room":           {Evidence{raws["yes"], s.Bytes()}, other, identity.ErrWrongRoom},
		"without a credential":      {Evidence{raws["yes"], nil}, p.c.charter, identity.ErrMalformed},
		"with another's credential": {Evidence{raws["yes"], m.Bytes()}, p.c.charter, ErrNotAllowed},
		"no operation":              {Evidence{[]byte{1}, nil}, p.c.charter, identity.ErrMalformed},
	} {
		if _, err := tt.e.Verify(tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
