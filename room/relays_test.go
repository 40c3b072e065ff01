// This file tests what the log says of relays: what they count for, by whose word, and their beacon.

package room

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"stoa/identity"
)

// minutes lets time pass in a play.
func (p *play) minutes(n uint64) { p.time += n * 60_000 }

// relayed is a play in which paul is a relay of so many slots.
func relayed(t *testing.T, slots uint32) (p *play, mona, paul identity.Credential) {
	p = newPlay(t)
	m, _, _ := p.start()
	paul = p.carrier("paul", 6, slots)
	return p, m, paul
}

// carrier makes a relay of somebody.
func (p *play) carrier(name string, who int, slots uint32) identity.Credential {
	p.t.Helper()
	cred := p.c.give(p.t, owner, nil, p.c.id(who), name, identity.Grant{Role: identity.RoleRelay, Slots: slots})
	p.do(name, owner, nil, KindGrant, who, GrantArgs{cred.Leaf().Bytes(), false})
	return cred
}

func (p *play) relay(t *testing.T, who int) RelayMember {
	t.Helper()
	list := p.l.State().Relays()
	i := slices.IndexFunc(list, func(r RelayMember) bool { return r.ID == p.c.id(who) })
	if i < 0 {
		return RelayMember{}
	}
	return list[i]
}

func TestRelaySlots(t *testing.T) {
	p, m, r := relayed(t, 100)
	sp := p.grant("pia speaks", owner, nil, pia, speaker, false)
	sq := p.grant("pete speaks", owner, nil, pete, speaker, false)
	slots := func(want, audits int) {
		t.Helper()
		p.replay()
		if got := p.relay(t, paul); int(got.Slots) != want || got.Audits != audits {
			t.Errorf("%d slots by %d audits, want %d by %d", got.Slots, got.Audits, want, audits)
		}
	}
	audit := func(name string, who int, under identity.Credential, kbps uint32) {
		t.Helper()
		p.do(name, who, under, KindAudit, paul, AuditArgs{kbps})
	}
	slots(0, 0) // offers nothing
	p.do("offer", paul, r, KindAdvert, room, AdvertArgs{1000, 0, []string{"/at/paul"}})
	slots(slotsOnTrust, 0)
	audit("pia 1", pia, sp, 64*50)
	audit("pete 1", pete, sq, 64*70)
	slots(slotsOnTrust, 0) // two who only speak are not enough
	audit("mona 1", mona, m, 64*60)
	slots(60, 3) // three branches: the median
	p.minutes(6)
	audit("pia 2", pia, sp, 64*90)
	slots(70, 3) // her newest counts
	audit("owner 1", owner, nil, 64*500)
	slots(70, 4) // of an even number the lower
	p.minutes(6)
	audit("pete 2", pete, sq, 64*400)
	slots(90, 4)
	audit("pia 3", pia, sp, 64*400)
	slots(100, 4) // the grant says no more
	p.do("kbps", paul, r, KindAdvert, room, AdvertArgs{1000, 64 * 30, nil})
	slots(30, 4) // nor the upload that it offers
	p.minutes(6)
	p.do("less", paul, r, KindAdvert, room, AdvertArgs{5, 0, nil})
	slots(5, 4)
	p.do("kick pia", owner, nil, KindKick, pia, RemoveArgs{})
	slots(5, 3) // who is out has no say
	p.minutes(6)
	p.do("nothing", paul, r, KindAdvert, room, AdvertArgs{})
	slots(0, 0)
}

// TestAuditBranches: friends of one moderator count as one, however many he calls up.
func TestAuditBranches(t *testing.T) {
	p, m, r := relayed(t, 1000)
	_ = m
	p.do("offer", paul, r, KindAdvert, room, AdvertArgs{1000, 0, nil})
	chief := p.grant("mark's", owner, nil, mark, moderator, false)
	for i, who := range []int{pia, pete, eve} {
		friend := p.grant(fmt.Sprint("friend ", i), mark, chief, who, speaker, false)
		p.do(fmt.Sprint("says ", i), who, friend, KindAudit, paul, AuditArgs{64 * 900})
	}
	if got := p.relay(t, paul); got.Slots != slotsOnTrust || got.Audits != 0 {
		t.Fatalf("%d slots by the friends, who are one branch", got.Slots)
	}
	p.do("owner says", owner, nil, KindAudit, paul, AuditArgs{64 * 40})
	if got := p.relay(t, paul); got.Slots != 40 || got.Audits != 1 {
		t.Errorf("%d slots by %d audits of two branches, want the owner's", got.Slots, got.Audits)
	}
	p.do("mark says", mark, chief, KindAudit, paul, AuditArgs{64 * 900})
	if got := p.relay(t, paul); got.Slots != 40 || got.Audits != 2 {
		t.Errorf("%d slots by %d audits of two who moderate, want the lower", got.Slots, got.Audits)
	}
	s := p.l.State()
	if s.Subtree(p.c.id(pia)) != s.Subtree(p.c.id(mark)) || s.Subtree(p.c.id(pia)) == s.Subtree(p.c.id(mona)) || s.Subtree(p.c.id(owner)) != identity.Hash(p.c.id(owner)) {
		t.Error("branches are wrong")
	}
	if !s.Subtree(identity.ID{1}).IsZero() {
		t.Error("a stranger has a branch")
	}
	p.replay()
}

// TestAuditsThatDoNotDecide: neither one who only speaks nor many keys of one link take a relay out of service or make it great.
func TestAuditsThatDoNotDecide(t *testing.T) {
	type says struct {
		who  int
		kbps uint32
	}
	const big = 64 * 200
	for _, tt := range []struct {
		name   string
		audits []says // pia, pete and eve came by one link to speak
		want   uint16
	}{
		{"a speaker against an owner", []says{{owner, big}, {pia, 0}}, 200},
		{"three keys of one link", []says{{pia, 0}, {pete, 0}, {eve, 0}}, slotsOnTrust},
		{"three that flatter", []says{{pia, big}, {pete, big}, {eve, big}}, slotsOnTrust},
		{"three keys against an owner", []says{{owner, big}, {pia, 0}, {pete, 0}, {eve, 0}}, 200},
		{"an owner against an owner", []says{{owner, big}, {owner2, 0}}, slotsOnTrust},
		{"one who moderates", []says{{mona, 0}}, slotsOnTrust},
		{"three branches", []says{{owner, big}, {owner2, 64 * 100}, {pia, 0}, {pete, 0}}, 100},
		{"most of three branches", []says{{owner, big}, {mona, 0}, {pia, 0}}, 0},
	} {
		p, m, r := relayed(t, 1000)
		p.do("offer", paul, r, KindAdvert, room, AdvertArgs{1000, 0, nil})
		l := p.link(owner, nil, "speakers", identity.Grant{Role: speaker})
		for _, who := range []int{pia, pete, eve} {
			p.admit(fmt.Sprint("in ", who), who, p.by(l, who))
		}
		for i, a := range tt.audits {
			under := map[int]identity.Credential{mona: m, pia: p.by(l, pia), pete: p.by(l, pete), eve: p.by(l, eve)}[a.who]
			p.do(fmt.Sprint("says ", i), a.who, under, KindAudit, paul, AuditArgs{a.kbps})
		}
		if got := p.relay(t, paul); got.Slots != tt.want {
			t.Errorf("%s: %d slots, want %d", tt.name, got.Slots, tt.want)
		}
		p.replay()
	}
}

func TestRelayRights(t *testing.T) {
	p, m, r := relayed(t, 0)
	sp := p.grant("pia speaks", mona, m, pia, speaker, false)
	listens := p.grant("pete listens", mona, m, pete, identity.RoleListener, false)
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	offer := AdvertArgs{1, 0, nil}
	refused("a speaker advertises", p.try("x", pia, sp, KindAdvert, room, offer))
	refused("a listener audits", p.try("x", pete, listens, KindAudit, paul, AuditArgs{1}))
	refused("a relay audits", p.try("x", paul, r, KindAudit, mona, AuditArgs{1}))
	refused("a moderator audits herself", p.try("x", mona, m, KindAudit, mona, AuditArgs{1}))
	p.do("offer", paul, r, KindAdvert, room, offer)
	refused("again at once", p.try("x", paul, r, KindAdvert, room, offer))
	p.do("audit", mona, m, KindAudit, paul, AuditArgs{1})
	refused("audits again at once", p.try("x", mona, m, KindAudit, paul, AuditArgs{2}))
	p.do("audit of another", mona, m, KindAudit, owner, AuditArgs{2}) // owners may carry, and be measured
	p.minutes(5)
	p.do("later", paul, r, KindAdvert, room, offer)
	p.do("kick", mona, m, KindKick, paul, RemoveArgs{}, "later")
	p.do("unseen", paul, r, KindAdvert, room, AdvertArgs{2, 0, nil}, "offer")
	if got := p.relay(t, paul); got.Slots != 0 {
		t.Errorf("who was put out counts for %d", got.Slots)
	}
	p.replay()
}

// TestBeacon: a relay's beacon is the first epoch that knew of it.
func TestBeacon(t *testing.T) {
	p := newPlay(t)
	m, k, _ := p.start()
	_ = m
	epoch := func(name string, who int, under identity.Credential, n uint32, seen ...string) identity.Hash {
		t.Helper()
		p.do(name, who, under, KindEpoch, room, EpochArgs{identity.HashOf([]byte(name)), n}, seen...)
		return p.ops[name].hash
	}
	epoch("first", owner, nil, 1)
	r := p.carrier("relay", paul, 0)
	p.do("offer", paul, r, KindAdvert, room, AdvertArgs{1, 0, nil})
	p.do("of the owner", owner2, nil, KindAdvert, room, AdvertArgs{1, 0, nil})
	if got := p.relay(t, paul); !got.Beacon.IsZero() || got.Admitted != p.ops["relay"].hash {
		t.Errorf("before any epoch knew of it: %+v", got)
	}
	if got := p.relay(t, owner2); got.Beacon != p.ops["first"].hash || !got.Admitted.IsZero() {
		t.Errorf("an owner's key is older than every epoch: %+v", got)
	}
	if waits, first := p.l.State().waitsForBeacon(); !waits || first {
		t.Errorf("waits %t, first %t", waits, first)
	}
	blind := epoch("blind", mark, k, 2, "first")
	if got := p.relay(t, paul); !got.Beacon.IsZero() {
		t.Error("an epoch that did not know of the relay is its beacon")
	}
	if p.l.State().Epoch.Op != blind {
		t.Fatal("the play is wrong")
	}
	knew := epoch("knew", owner, nil, 3)
	if got := p.relay(t, paul); got.Beacon != knew {
		t.Errorf("beacon %s", got.Beacon.Short())
	}
	if waits, _ := p.l.State().waitsForBeacon(); waits {
		t.Error("still waits")
	}
	epoch("blind too", mark, k, 3, "blind")
	epoch("blind again", mark, k, 4, "blind too")
	epoch("knew as well", owner, nil, 5)
	if got := p.relay(t, paul); got.Beacon != knew {
		t.Error("a later epoch is its beacon")
	}
	p.replay()
}

// TestLapseIsStale: whose personal grant has lapsed may hold the secret of an epoch that was made before.
func TestLapseIsStale(t *testing.T) {
	p := newPlay(t)
	p.start()
	p.do("epoch", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{1}, 1})
	until := p.time + 60_000
	cred := p.c.give(t, owner, nil, p.c.id(pia), "for a minute", identity.Grant{Role: speaker, Expires: until})
	p.do("grant", owner, nil, KindGrant, pia, GrantArgs{cred.Leaf().Bytes(), false})
	both := p.c.give(t, owner, nil, p.c.id(pete), "for a minute", identity.Grant{Role: speaker, Expires: until})
	p.do("grant too", owner, nil, KindGrant, pete, GrantArgs{both.Leaf().Bytes(), false})
	p.grant("and for good", owner, nil, pete, identity.RoleListener, false)
	s := p.l.State()
	if s.At(until-1).Epoch.Stale || s.Epoch.Stale {
		t.Error("stale before the grant has lapsed")
	}
	if at := s.At(until); !at.Epoch.Stale || at.CanHear(p.c.id(pia)) || !at.CanHear(p.c.id(pete)) {
		t.Error("not stale after the grant has lapsed")
	}
	if s.Epoch.Stale {
		t.Error("At changes the state that it is asked of")
	}
	p.time = until
	p.do("next", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{2}, 2})
	if s := p.l.State().At(until + 1000); s.Epoch.Stale {
		t.Error("stale though the epoch was made after the lapse")
	}
	// Without pia, who hears by one grant alone, nothing is stale.
	p.do("kick", owner, nil, KindKick, pia, RemoveArgs{})
	p.do("last", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{3}, 3})
	if p.l.State().At(until + 2000).Epoch.Stale {
		t.Error("stale by somebody who still hears")
	}
}

// TestUnseatedIsStale: who was put out may have been seated, though nothing in the log had let them in.
func TestUnseatedIsStale(t *testing.T) {
	acts := map[string]func(p *play, l link){
		"kick":   func(p *play, l link) { p.do("x", owner, nil, KindKick, eve, RemoveArgs{}) },
		"ban":    func(p *play, l link) { p.do("x", owner, nil, KindBan, eve, RemoveArgs{}) },
		"revoke": func(p *play, l link) { p.do("x", owner, nil, KindRevoke, room, RevokeArgs{l.hash(), false}) },
		"":       func(p *play, l link) { p.do("x", owner, nil, KindRevoke, room, RevokeArgs{l.hash(), true}) },
	}
	for name, act := range acts {
		p := newPlay(t)
		_, _, l := p.start()
		p.do("epoch", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{1}, 1})
		act(p, l)
		if got := p.l.State().Epoch.Stale; got != (name != "") {
			t.Errorf("%q: stale %t", name, got)
		}
		p.do("next", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{2}, 2})
		if p.l.State().Epoch.Stale {
			t.Errorf("%q: stale after the next epoch", name)
		}
		p.replay()
	}
}
