// This file tests seats: their bytes, who may give them, what ends them, and that the log says the same of them in every order.

package room

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"stoa/identity"
)

// seated is a proof of somebody whom a gate has seated at the play's time, or as change makes it.
func (p *play) seated(l link, who, gate int, change ...func(*Seat)) []byte {
	p.t.Helper()
	cred := p.by(l, who)
	s := &Seat{Room: p.l.room, Who: p.c.id(who), Grant: l.hash(), Time: p.time, By: p.c.id(gate)}
	for _, f := range change {
		f(s)
	}
	return identity.Marshal(Proof{cred.Bytes(), signSeat(p.c.keys[gate], s)})
}

// admits is what the play's state says to a proof.
func (p *play) admits(who int, proof []byte) (Admission, error) {
	v, err := parseProof(p.c.charter, p.c.id(who), proof, time.UnixMilli(int64(p.time)))
	if err != nil {
		return No, err
	}
	return v.judge(p.l.State(), p.c.id(who))
}

func TestProofs(t *testing.T) {
	p := newPlay(t)
	_, _, l := p.start()
	p.carrier("relay", paul, 0)
	speakers := p.link(owner, nil, "speakers", identity.Grant{Role: speaker})
	counted := p.link(owner, nil, "counted", identity.Grant{Role: listener, Uses: 5})
	exact := p.link(owner, nil, "exact", identity.Grant{Role: listener, Exact: true})
	hers := p.link(mona, p.c.give(t, owner, nil, p.c.id(mona), "mona", identity.Grant{Role: moderator}), "hers", identity.Grant{Role: listener})
	p.admit("pete", pete, p.by(l, pete))
	good := p.seated(l, pia, paul)
	plain := identity.Marshal(Proof{Credential: p.by(l, pia).Bytes()})
	tests := []struct {
		name string
		who  int
		raw  []byte
		want Admission
		err  error
	}{
		{"seated by a relay", pia, good, Yes, nil},
		{"seated by a moderator", pia, p.seated(l, pia, mona), Yes, nil},
		{"seated by an owner", pia, p.seated(l, pia, owner), Yes, nil},
		{"by a moderator's invite", pia, p.seated(hers, pia, paul), Yes, nil},
		{"a member", pete, identity.Marshal(Proof{Credential: p.by(l, pete).Bytes()}), Yes, nil},
		{"an owner", owner, identity.Marshal(Proof{}), Yes, nil},
		{"a relay", paul, identity.Marshal(Proof{Credential: p.c.give(t, owner, nil, p.c.id(paul), "relay", identity.Grant{Role: identity.RoleRelay}).Bytes()}), Yes, nil},
		{"neither seated nor in", pia, plain, NotYet, ErrNotMember},
		{"a stranger without anything", eve, identity.Marshal(Proof{}), No, identity.ErrNotOwner},
		{"an owner with a seat", owner, identity.Marshal(Proof{Seat: []byte{1}}), No, identity.ErrNotOwner},
		{"another's", eve, good, No, identity.ErrForged},
		{"seated by a listener", pia, p.seated(l, pia, pete), No, errNoGate},
		{"seated by somebody unknown", pia, p.seated(l, pia, eve), NotYet, errNoGate},
		{"by an invite to the stage", pia, p.seated(speakers, pia, paul), No, errProof},
		{"by a counted invite", pia, p.seated(counted, pia, paul), No, errProof},
		{"by an exact invite", pia, p.seated(exact, pia, paul), No, errProof},
		{"for another person", pia, p.seated(l, pia, paul, func(s *Seat) { s.Who = p.c.id(eve) }), No, identity.ErrForged},
		{"for another invite", pia, p.seated(l, pia, paul, func(s *Seat) { s.Grant = speakers.hash() }), No, identity.ErrForged},
		{"in another room", pia, p.seated(l, pia, paul, func(s *Seat) { s.Room[0]++ }), No, identity.ErrWrongRoom},
		{"by a gate whose clock is fast", pia, p.seated(l, pia, paul, func(s *Seat) { s.Time += 15 * 60_000 }), Yes, nil},
		{"of the year 10000", pia, p.seated(l, pia, paul, func(s *Seat) { s.Time = maxTime + 1 }), No, identity.ErrMalformed},
		{"signed by another", pia, p.seated(l, pia, eve, func(s *Seat) { s.By = p.c.id(paul) }), No, identity.ErrForged},
		{"nothing", pia, nil, No, identity.ErrMalformed},
		{"too long", pia, identity.Marshal(Proof{Credential: make([]byte, MaxProof)}), No, identity.ErrMalformed},
		{"a seat too long", pia, identity.Marshal(Proof{p.by(l, pia).Bytes(), make([]byte, MaxSeat+1)}), No, identity.ErrMalformed},
	}
	for _, tt := range tests {
		if got, err := p.admits(tt.who, tt.raw); got != tt.want || !errors.Is(err, tt.err) || err != nil && tt.err == nil {
			t.Errorf("%s: %d, %v; want %d, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if got, _ := p.admits(pia, bad); got == Yes {
			t.Fatalf("admitted with byte %d damaged", i)
		}
	}
}

// TestWhatEndsASeat: a seat was given at noon; what is done then.
func TestWhatEndsASeat(t *testing.T) {
	none := RemoveArgs{}
	tests := []struct {
		name   string
		after  func(p *play, m identity.Credential, l, hers link)
		listen error // what becomes of who came by the owner's link
		hers   error // and by mona's
	}{
		{"nothing", func(*play, identity.Credential, link, link) {}, nil, nil},
		{"kick", func(p *play, m identity.Credential, l, hers link) { p.do("x", mona, m, KindKick, pia, none) }, ErrKicked, ErrKicked},
		{"kick and pardon", func(p *play, m identity.Credential, l, hers link) {
			p.do("x", mona, m, KindKick, pia, none)
			p.do("y", mona, m, KindPardon, pia, nil)
		}, ErrKicked, ErrKicked},
		{"ban", func(p *play, m identity.Credential, l, hers link) { p.do("x", mona, m, KindBan, pia, none) }, ErrBanned, ErrBanned},
		{"mute", func(p *play, m identity.Credential, l, hers link) { p.do("x", mona, m, KindMute, pia, nil) }, nil, nil},
		{"a kick of another that closes the link", func(p *play, m identity.Credential, l, hers link) {
			p.do("x", mona, m, KindKick, eve, RemoveArgs{Closes: l.hash()})
		}, nil, nil},
		{"the link is closed", func(p *play, m identity.Credential, l, hers link) {
			p.do("x", owner, nil, KindRevoke, room, RevokeArgs{l.hash(), true})
		}, nil, nil},
		{"the link is revoked", func(p *play, m identity.Credential, l, hers link) {
			p.do("x", owner, nil, KindRevoke, room, RevokeArgs{l.hash(), false})
		}, identity.ErrRevoked, nil},
		{"lock", func(p *play, m identity.Credential, l, hers link) { p.do("x", mona, m, KindLock, room, nil) }, nil, nil},
		{"the issuer is put out", func(p *play, m identity.Credential, l, hers link) {
			p.do("x", owner, nil, KindKick, mona, none)
		}, nil, nil},
		{"her grant is revoked", func(p *play, m identity.Credential, l, hers link) {
			p.do("x", owner, nil, KindRevoke, room, RevokeArgs{m.Leaf().Hash(), false})
		}, nil, identity.ErrRevoked},
		{"the room ends", func(p *play, m identity.Credential, l, hers link) {
			p.do("x", owner, nil, KindClose, room, nil)
		}, ErrClosed, ErrClosed},
	}
	for _, tt := range tests {
		p := newPlay(t)
		m, _, l := p.start()
		hers := p.link(mona, m, "hers", identity.Grant{Role: listener})
		p.time++
		at := p.time
		tt.after(p, m, l, hers)
		for _, c := range []struct {
			l    link
			at   uint64
			want error
		}{{l, at, tt.listen}, {hers, at, tt.hers}} {
			if err := p.l.State().Hears(p.by(c.l, pia), c.at); !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("%s, by the link %q: %v, want %v", tt.name, c.l.label, err, c.want)
			}
			// Nobody comes in later by what keeps newcomers out.
			refused := p.l.State().Refuses(p.by(c.l, pia))
			if later := p.l.State().Hears(p.by(c.l, pia), p.time+1); !errors.Is(later, refused) || (later == nil) != (refused == nil) {
				t.Errorf("%s, by the link %q: a later seat %v, an admission %v", tt.name, c.l.label, later, refused)
			}
		}
		p.replay()
	}
}

// TestSeatsOfAFormerGate: with its rights a gate loses the seats it gave, also those that it dates back.
func TestSeatsOfAFormerGate(t *testing.T) {
	p := newPlay(t)
	m, _, l := p.start()
	r := p.carrier("relay", paul, 0)
	before := p.seated(l, pia, paul)
	hers := p.seated(l, pia, mona)
	p.do("kick", mona, m, KindKick, paul, RemoveArgs{})
	back := p.seated(l, pete, paul, func(s *Seat) { s.Time -= 2 })
	for name, raw := range map[string][]byte{"given before": before, "dated back": back} {
		who := pia
		if name == "dated back" {
			who = pete
		}
		if got, err := p.admits(who, raw); got != No || !errors.Is(err, errNoGate) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	if got, err := p.admits(pia, hers); got != Yes {
		t.Errorf("by another gate: %v", err)
	}
	p.grant("drop", owner, nil, mona, listener, true)
	if got, _ := p.admits(pia, hers); got != No {
		t.Error("a seat by somebody who only listens now counts")
	}
	_ = r
}

// TestAdmittedOnASeat: long after the redemption a seat is what shows when somebody came.
func TestAdmittedOnASeat(t *testing.T) {
	const late = 90 // minutes
	early := func(p *play) uint64 { return p.time - late*60_000 }
	seat := func(p *play, l link, who, gate int, change ...func(*Seat)) []byte {
		var proof Proof
		if err := identity.Unmarshal(p.seated(l, who, gate, change...), &proof); err != nil {
			t.Fatal(err)
		}
		return proof.Seat
	}
	tests := []struct {
		name string
		seat func(p *play, l link) []byte
		want error
	}{
		{"by a relay", func(p *play, l link) []byte { return seat(p, l, pia, paul, func(s *Seat) { s.Time = early(p) }) }, nil},
		{"by an owner", func(p *play, l link) []byte { return seat(p, l, pia, owner, func(s *Seat) { s.Time = early(p) }) }, nil},
		{"too late", func(p *play, l link) []byte { return seat(p, l, pia, paul) }, identity.ErrExpired},
		{"without a seat", func(p *play, l link) []byte { return nil }, identity.ErrExpired},
		{"by a listener", func(p *play, l link) []byte { return seat(p, l, pia, pete, func(s *Seat) { s.Time = early(p) }) }, ErrNotAllowed},
		{"another's", func(p *play, l link) []byte { return seat(p, l, eve, paul) }, identity.ErrForged},
		{"dated back before the gate was one", func(p *play, l link) []byte {
			return seat(p, l, pia, eve, func(s *Seat) { s.Time = dawn })
		}, ErrNotAllowed},
	}
	for _, tt := range tests {
		p := newPlay(t)
		p.start()
		l := p.link(owner, nil, "for minutes", identity.Grant{Role: listener, Expires: p.time + 10*60_000})
		p.carrier("relay", paul, 0)
		p.admit("pete", pete, p.by(l, pete))
		p.minutes(late)
		p.carrier("late relay", eve, 0)
		raw := tt.seat(p, l)
		err := p.try("pia", pete, nil, KindAdmit, pia, AdmitArgs{Credential: p.by(l, pia).Bytes(), Seat: raw})
		if !errors.Is(err, tt.want) || err != nil && tt.want == nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if _, in := p.l.State().Members[p.c.id(pia)]; in != (tt.want == nil) {
			t.Errorf("%s: in %t", tt.name, in)
		}
		p.replay()
	}
}

// TestNoGrantOnTheWordOfARelay: a seat that a relay dates back past a lock lets its holder hear, but earns them no grant that would outlast it.
func TestNoGrantOnTheWordOfARelay(t *testing.T) {
	p := newPlay(t)
	m, _, l := p.start()
	p.carrier("relay", paul, 0)
	early := p.time
	p.do("lock", mona, m, KindLock, room, nil)
	raw := p.seated(l, pia, paul, func(s *Seat) { s.Time = early })
	if got, err := p.admits(pia, raw); got != Yes {
		t.Fatalf("does not hear: %v", err)
	}
	r := stand(t, p, owner)
	now := time.UnixMilli(int64(p.time))
	v, err := r.prove(p.c.id(pia), raw, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.promote(p.c.id(pia), v, now); !errors.Is(err, ErrLocked) || r.member(p.c.id(pia)) {
		t.Errorf("stands up: %v", err)
	}
}

// TestHearsInAnyOrder: whatever a history holds, and in whatever order it came, it says the same of every seat.
func TestHearsInAnyOrder(t *testing.T) {
	histories := uint64(400)
	if testing.Short() {
		histories = 60
	}
	c := newCast(t, 2)
	outcomes := map[bool]int{}
	for seed := range histories {
		h := newHistory(t, c, seed, 12+int(seed%20))
		order := make([]int, len(h.graph.nodes))
		for i := range order {
			order[i] = i
		}
		first := h.merged(order, false).State()
		h.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		second := h.merged(order, false).State()
		for i := range 40 {
			cred := h.listener(i % len(c.keys))
			at := dawn + h.rng.Uint64N(h.time-dawn+2)
			a, b := first.Hears(cred, at), second.Hears(cred, at)
			if !errors.Is(a, b) {
				t.Fatalf("history %d: %v in one order, %v in another", seed, a, b)
			}
			outcomes[a == nil]++
			// What somebody who was put out lost stays lost; else a seat is worth at least as much as coming now.
			if first.Refuses(cred) == nil && a != nil && len(first.rules.removals[cred.Holder()]) == 0 {
				t.Fatalf("history %d: worth less than an admission now: %v", seed, a)
			}
		}
	}
	if outcomes[true] < 1000 || outcomes[false] < 1000 {
		t.Errorf("the histories do not try it: %v", outcomes)
	}
}

// listener is a person's credential by some invite of the history that nobody counts.
func (h *history) listener(person int) identity.Credential {
	issuer, own := h.rng.IntN(2), identity.Credential(nil)
	if h.rng.IntN(2) == 0 {
		moderator := 2 + h.rng.IntN(3)
		invite := h.c.invite(h.tb, issuer, nil, "moderators", identity.Grant{Role: identity.RoleModerator, Uses: 2})
		own = h.c.redeem(h.tb, invite, issuer, "moderators", moderator)
		issuer = moderator
	}
	g := identity.Grant{Role: listener}
	if len(own) > 0 {
		g.Rank = max(g.Role.Rank(), own.Leaf().Rank+uint16(10))
	}
	label := fmt.Sprint("invite ", g.Role, 0)
	invite := h.c.invite(h.tb, issuer, own, label, g)
	if issuer == person {
		person = (person + 1) % len(h.c.keys)
	}
	return h.c.redeem(h.tb, invite, issuer, label, person)
}

// TestProofsAreBounded: whoever shows proofs by the thousand makes nobody remember them all, and those in use are not forgotten.
func TestProofsAreBounded(t *testing.T) {
	var c proofs
	id := func(i int) identity.ID { return identity.ID{byte(i), byte(i >> 8), byte(i >> 16), 1} }
	regular := identity.ID{9}
	c.put(regular, &remembered{})
	for i := range 10 * maxProofs {
		c.put(id(i), &remembered{})
		if i%1000 == 0 && c.get(regular) == nil {
			t.Fatalf("forgotten after %d others", i)
		}
	}
	if n := len(c.fresh) + len(c.old); n > 2*maxProofs || n < maxProofs {
		t.Errorf("%d proofs are remembered", n)
	}
}

func FuzzProof(f *testing.F) {
	p := &play{t: &testing.T{}, c: newCast(f, 1), time: dawn, ops: map[string]*Op{}}
	p.l = p.c.log()
	invite := p.c.invite(f, owner, nil, "listeners", identity.Grant{Role: listener})
	l := link{invite, owner, "listeners"}
	cred := p.c.redeem(f, invite, owner, "listeners", pia)
	seat := signSeat(p.c.keys[owner], &Seat{Room: p.l.room, Who: p.c.id(pia), Grant: l.hash(), Time: dawn, By: p.c.id(owner)})
	f.Add(identity.Marshal(Proof{cred.Bytes(), seat}))
	f.Add(identity.Marshal(Proof{Credential: cred.Bytes()}))
	f.Add(identity.Marshal(Proof{}))
	s := p.l.State()
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, who := range []int{pia, owner, eve} {
			v, err := parseProof(p.c.charter, p.c.id(who), raw, time.UnixMilli(dawn))
			if err != nil {
				continue
			}
			if a, why := v.judge(s, p.c.id(who)); (a == Yes) != (why == nil) || a == Yes && who == eve {
				t.Errorf("%d: %d, %v", who, a, why)
			}
		}
	})
}

// BenchmarkAdmits is what a relay spends on each listener when something in the log has changed.
func BenchmarkAdmits(b *testing.B) {
	c := newCast(b, 1)
	r := &Room{charter: c.charter, id: c.charter.ID()}
	l := c.log()
	invite := c.invite(b, owner, nil, "listeners", identity.Grant{Role: listener})
	cred := c.redeem(b, invite, owner, "listeners", pia)
	seat := signSeat(c.keys[owner], &Seat{Room: r.id, Who: c.id(pia), Grant: invite.Leaf().Hash(), Time: dawn, By: c.id(owner)})
	raw := identity.Marshal(Proof{cred.Bytes(), seat})
	r.view.Store(&view{snapshot: &Snapshot{State: l.State()}})
	p, err := parseProof(c.charter, c.id(pia), raw, time.UnixMilli(dawn))
	if err != nil {
		b.Fatal(err)
	}
	r.proofs.put(c.id(pia), &remembered{sum: sha256.Sum256(raw), proven: p})
	b.ReportAllocs()
	for b.Loop() {
		if r.Admits(c.id(pia), raw) != Yes {
			b.Fatal("refused")
		}
	}
}
