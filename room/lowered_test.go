// Hands that somebody else takes down: who may, what counts at once, and what an edited client gains by not obeying.

package room

import (
	"errors"
	"testing"
	"time"

	"stoa/identity"
)

// TestLowered: until when Pete's hands are down, a minute after dawn being when Mona took the first one down.
func TestLowered(t *testing.T) {
	const until = dawn + 5
	for name, tt := range map[string]struct {
		play func(p *play, m, k identity.Credential)
		want uint64
		by   int
	}{
		"one moderator": {func(p *play, m, k identity.Credential) {}, until, mona},
		"the later of two, who had not seen each other": {func(p *play, m, k identity.Credential) {
			p.do("k", mark, k, KindLower, pete, LowerArgs{until + 1}, "pete")
		}, until + 1, mark},
		"the later one also where it was seen by the earlier": {func(p *play, m, k identity.Credential) {
			p.do("k", mark, k, KindLower, pete, LowerArgs{until - 1})
		}, until, mona},
		"of the same the stronger rank's": {func(p *play, m, k identity.Credential) {
			p.do("o", owner, nil, KindLower, pete, LowerArgs{until}, "pete")
		}, until, owner},
		"who was put out meanwhile has lowered nothing": {func(p *play, m, k identity.Credential) {
			p.do("kick", owner, nil, KindKick, mona, RemoveArgs{}, "pete")
		}, 0, 0},
		"who was put out afterwards has": {func(p *play, m, k identity.Credential) {
			p.do("kick", owner, nil, KindKick, mona, RemoveArgs{})
		}, until, mona},
		"not of who has risen as high": {func(p *play, m, k identity.Credential) {
			p.grant("up", owner, nil, pete, moderator, false)
		}, 0, 0},
		"nor of who rose at the same time": {func(p *play, m, k identity.Credential) {
			p.grant("up", owner, nil, pete, moderator, false, "pete")
		}, 0, 0},
		"but an owner's still counts then": {func(p *play, m, k identity.Credential) {
			p.grant("up", owner, nil, pete, moderator, false)
			p.do("o", owner, nil, KindLower, pete, LowerArgs{until - 2})
		}, until - 2, owner},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t)
			m, k, _ := p.start()
			p.grant("pete", mona, m, pete, listener, false)
			p.time = dawn + 60_000
			p.do("lower", mona, m, KindLower, pete, LowerArgs{until})
			tt.play(p, m, k)
			got := p.l.State().Lowered[p.c.id(pete)]
			if got.Until != tt.want || tt.want != 0 && got.By != p.c.id(tt.by) {
				t.Errorf("down until %d by %s, want %d by %s", got.Until, got.By.Short(), tt.want, p.c.id(tt.by).Short())
			}
			p.replay()
		})
	}
}

// TestLowerHostile: what those without the right sign never joins the log, and the same hand is not lowered over and over.
func TestLowerHostile(t *testing.T) {
	p := newPlay(t)
	m, k, _ := p.start()
	s := p.grant("pia", mona, m, pia, speaker, false)
	p.grant("pete", mona, m, pete, listener, false)
	p.time = dawn + 60_000
	for what, err := range map[string]error{
		"a speaker lowers":            p.try("x", pia, s, KindLower, pete, LowerArgs{dawn}),
		"a stranger lowers":           p.try("x", eve, nil, KindLower, pete, LowerArgs{dawn}),
		"under another's grant":       p.try("x", pia, m, KindLower, pete, LowerArgs{dawn}),
		"a moderator lowers an owner": p.try("x", mona, m, KindLower, owner, LowerArgs{dawn}),
	} {
		if !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.do("equal", mona, m, KindLower, mark, LowerArgs{dawn}) // joins, and is void
	if l := p.l.State().Lowered; len(l) != 0 {
		t.Errorf("an equal's hand is lowered: %v", l)
	}
	p.do("first", mona, m, KindLower, pete, LowerArgs{dawn})
	for _, until := range []uint64{dawn, dawn - 1, dawn + lowerGap - 1} {
		if err := p.try("x", mona, m, KindLower, pete, LowerArgs{until}); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("lowered up to %d once more: %v", int64(until)-dawn, err)
		}
	}
	p.do("another's", mark, k, KindLower, pete, LowerArgs{dawn + 1}) // is nobody else's concern
	p.do("second", mona, m, KindLower, pete, LowerArgs{dawn + lowerGap})
}

// TestLowersOfOneTime: of an author who signs two for the same time, in whatever order these come, the later one decides when the next may be.
func TestLowersOfOneTime(t *testing.T) {
	for _, untils := range [][2]uint64{{dawn, dawn + 10_000}, {dawn + 10_000, dawn}} {
		p := newPlay(t)
		m, _, _ := p.start()
		p.grant("pete", mona, m, pete, listener, false)
		for i, name := range []string{"one", "other"} {
			p.time = dawn + 60_000
			p.do(name, mona, m, KindLower, pete, LowerArgs{untils[i]}, "pete")
		}
		if err := p.try("x", mona, m, KindLower, pete, LowerArgs{dawn + 10_000 + lowerGap - 1}); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("after %d and %d: lowered again too soon: %v", untils[0]-dawn, untils[1]-dawn, err)
		}
		p.do("next", mona, m, KindLower, pete, LowerArgs{dawn + 10_000 + lowerGap})
	}
}

// TestLowersUntil: until when a hand is lowered at dawn, which others take until half an hour later.
func TestLowersUntil(t *testing.T) {
	const most, gap = dawn + 1_800_000, lowerGap
	for name, tt := range map[string]struct {
		hand, next, until uint64
		ok                bool
	}{
		"one of a while ago": {dawn - 5000, 0, dawn, true},
		"one dated ahead":    {dawn + 5000, 0, dawn + 5000, true},
		"again":              {dawn - 1, dawn, dawn, true},
		"again, too soon":    {dawn - 1, dawn + 1, dawn, false},
		"at once":            {dawn, dawn + gap, dawn, false},
		"one dated ahead that was lowered before":    {dawn + 5001, dawn + 5000 + gap, dawn + 5000 + gap, true},
		"the same as late as anybody takes it":       {most - gap + 1, most, most, true},
		"and then as often as time passes":           {most, most + 1, most + 1, false},
		"one of now, after one that was dated ahead": {dawn, dawn + 5000 + gap, dawn + 5000 + gap, true},
	} {
		if until, ok := lowersUntil(tt.hand, tt.next, dawn, most); ok != tt.ok || ok && until != tt.until {
			t.Errorf("%s: until dawn%+d, %t, want %+d, %t", name, int64(until-dawn), ok, int64(tt.until-dawn), tt.ok)
		}
	}
}

// TestHandIsOver: whose wish was granted, who was put out, and whose hand was lowered waits no more.
func TestHandIsOver(t *testing.T) {
	p := newPlay(t)
	m, _, _ := p.start()
	p.grant("pia", mona, m, pia, speaker, false)
	p.grant("pete", mona, m, pete, listener, false)
	p.time = dawn + 60_000
	p.do("lower", mona, m, KindLower, pete, LowerArgs{dawn + 50_000})
	r := stand(t, p, owner)
	for _, tt := range []struct {
		what string
		who  int
		at   uint64
		over bool
	}{
		{"a speaker's", pia, dawn + 55_000, true},
		{"a stranger's", eve, dawn + 55_000, true},
		{"one from before", pete, dawn + 49_999, true},
		{"one of the same instant", pete, dawn + 50_000, true},
		{"one from after", pete, dawn + 50_001, false},
	} {
		if over := r.over(&Hand{Who: p.c.id(tt.who), Up: true, Time: tt.at}); over != tt.over {
			t.Errorf("%s hand is over: %t", tt.what, over)
		}
	}
}

// TestLoweredHandStaysDown: an edited client that goes on showing its hand, or raises one with an old date to keep its place, is in nobody's queue;
// one that raises anew is.
func TestLoweredHandStaysDown(t *testing.T) {
	p := newPlay(t)
	m, _, _ := p.start()
	p.grant("pete", mona, m, pete, listener, false)
	p.time = dawn + 60_000
	p.do("lower", mona, m, KindLower, pete, LowerArgs{dawn + 60_000})
	r := stand(t, p, owner)
	r.id, r.cfg.Network = p.l.room, meets{}
	hand := func(at, seq uint64) []byte {
		return signHand(p.c.keys[pete], &Hand{Room: r.id, Who: p.c.id(pete), Up: true, Time: at, Seq: seq})
	}
	beats := uint64(0)
	beat := func(at uint64, hand []byte) {
		beats++
		now := time.UnixMilli(int64(at))
		r.takePresence(signPresence(p.c.keys[pete], &Presence{Room: r.id, Who: p.c.id(pete), Time: at, Seq: beats, Hand: hand, Synced: true}), now, now, true)
	}
	now := uint64(dawn + 70_000)
	stale, backdated, fresh := hand(dawn+40_000, 1), hand(dawn+61_000, 2), hand(dawn+200_000, 3)
	r.takeHand(stale, time.UnixMilli(int64(now)), true)
	beat(now, stale)
	beat(dawn+200_000, stale)
	beat(dawn+202_000, backdated)
	r.takeHand(backdated, time.UnixMilli(dawn+203_000), true)
	if list := r.queue.list(); len(list) != 0 {
		t.Errorf("up against the will of a moderator: %v", list)
	}
	r.takeHand(fresh, time.UnixMilli(dawn+204_000), true)
	beat(dawn+204_000, fresh)
	if list := r.queue.list(); len(list) != 1 || list[0].Since.UnixMilli() != dawn+200_000 {
		t.Errorf("raised anew the queue is %v", list)
	}
}

// meets is a network that is only told of addresses.
type meets struct{ Network }

func (meets) Meet(identity.ID, []string) {}
