// This file tests the rules one by one: each test is a short play, of which the end says who is in and what was void.

package room

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"stoa/identity"
)

// The people of the plays.
const (
	owner = iota
	owner2
	mona // moderators
	mark
	pia
	pete
	paul
	eve
	room = -1 // the target of what acts on the room
)

type play struct {
	t    *testing.T
	c    *cast
	l    *Log
	time uint64
	ops  map[string]*Op
}

func newPlay(t *testing.T) *play {
	p := &play{t: t, c: newCast(t, 1), time: dawn, ops: map[string]*Op{}}
	p.l = p.c.log()
	return p
}

// try has somebody act under a credential, having seen the operations named and what those had seen; all there are, if none are named.
func (p *play) try(name string, who int, under identity.Credential, kind Kind, target int, args any, seen ...string) error {
	p.time++
	o := &Op{Room: p.l.room, Author: p.c.id(who), Time: p.time, Kind: kind}
	if len(under) > 0 {
		o.Grant = under.Leaf().Hash()
	}
	if target != room {
		o.Target = p.c.id(target)
	}
	if args != nil {
		o.Args = identity.Marshal(args)
	}
	o.Deps = p.l.Heads()
	if len(seen) > 0 {
		o.Deps = nil
	}
	for _, s := range seen {
		o.Deps = append(o.Deps, p.ops[s].hash)
	}
	slices.SortFunc(o.Deps, compareHashes)
	var past bitset
	for _, h := range o.Deps {
		n := p.l.byHash[h]
		past = past.or(n.past).set(n.at)
	}
	o.Seq = p.l.lastSeq(o.Author, past) + 1
	parsed, err := unsigned(o)
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	p.ops[name] = parsed
	_, _, err = p.l.add(parsed)
	return err
}

func (p *play) do(name string, who int, under identity.Credential, kind Kind, target int, args any, seen ...string) {
	p.t.Helper()
	if err := p.try(name, who, under, kind, target, args, seen...); err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
}

// grant gives a role to a person.
func (p *play) grant(name string, who int, own identity.Credential, target int, role identity.Role, replace bool, seen ...string) identity.Credential {
	p.t.Helper()
	g := identity.Grant{Role: role}
	if len(own) > 0 {
		g.Rank = max(role.Rank(), own.Leaf().Rank+1)
		g.Caps = role.Caps() & own.Leaf().Caps
	}
	cred := p.c.give(p.t, who, own, p.c.id(target), name, g)
	p.do(name, who, own, KindGrant, target, GrantArgs{cred.Leaf().Bytes(), replace}, seen...)
	return cred
}

// admit lets a person in by an invite; the owner is the gate.
func (p *play) admit(name string, person int, cred identity.Credential, seen ...string) {
	p.t.Helper()
	p.do(name, owner, nil, KindAdmit, person, AdmitArgs{Credential: cred.Bytes()}, seen...)
}

// link is an invite and the hand that takes it up.
type link struct {
	chain  identity.Credential
	issuer int
	label  string
}

func (p *play) link(issuer int, own identity.Credential, label string, g identity.Grant) link {
	if len(own) > 0 && g.Rank == 0 {
		g.Rank = max(g.Role.Rank(), own.Leaf().Rank+1)
	}
	return link{p.c.invite(p.t, issuer, own, label, g), issuer, label}
}

func (p *play) by(l link, person int) identity.Credential {
	return p.c.redeem(p.t, l.chain, l.issuer, l.label, person)
}

func (l link) hash() identity.Hash { return l.chain.Leaf().Hash() }

// start is a room with two moderators and a listeners' link of the first owner's.
func (p *play) start() (monas, marks identity.Credential, listeners link) {
	p.do("title", owner, nil, KindTitle, room, TitleArgs{"the stoa"})
	monas = p.grant("mona", owner, nil, mona, identity.RoleModerator, false)
	marks = p.grant("mark", owner, nil, mark, identity.RoleModerator, false)
	return monas, marks, p.link(owner, nil, "listeners", identity.Grant{Role: identity.RoleListener})
}

type roles map[int]identity.Role

const (
	moderator = identity.RoleModerator
	speaker   = identity.RoleSpeaker
	listener  = identity.RoleListener
)

func TestRules(t *testing.T) {
	kick, ban := RemoveArgs{Reason: "noise"}, RemoveArgs{}
	both := roles{mona: moderator, mark: moderator}
	with := func(more roles) roles {
		all := maps.Clone(both)
		maps.Copy(all, more)
		return all
	}
	tests := []struct {
		name string
		play func(p *play)
		in   roles    // who is in at the end, besides owners
		void []string // operations that are void at the end
	}{
		{"moderators and a listener", func(p *play) {
			_, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
		}, with(roles{pia: listener}), nil},
		{"stage and back", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.grant("add", mona, m, pia, speaker, false)
			p.grant("drop", mona, m, pia, listener, true)
		}, with(roles{pia: listener}), nil},
		{"who was dropped does not climb back by the link they came by", func(p *play) {
			m, _, _ := p.start()
			l := p.link(owner, nil, "speakers", identity.Grant{Role: speaker})
			p.admit("pia", pia, p.by(l, pia))
			p.grant("drop", mona, m, pia, listener, true)
			p.admit("again", pia, p.by(l, pia))
		}, with(roles{pia: listener}), []string{"again"}},
		{"nor by dating the admission back", func(p *play) {
			m, _, _ := p.start()
			l := p.link(owner, nil, "speakers", identity.Grant{Role: speaker})
			p.admit("pia", pia, p.by(l, pia))
			p.grant("drop", mona, m, pia, listener, true)
			p.admit("again", pia, p.by(l, pia), "title")
		}, with(roles{pia: listener}), []string{"again"}},
		{"add and drop at once: the drop wins", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.grant("add", mona, m, pia, speaker, false, "pia")
			p.grant("drop", mark, k, pia, listener, true, "pia")
		}, with(roles{pia: listener}), nil},
		{"two replacements at once leave one", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.grant("up", mona, m, pia, speaker, true, "pia")
			p.grant("down", mark, k, pia, listener, true, "pia")
		}, with(roles{pia: listener}), nil},
		{"of two at once the owner's stays", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.grant("down", mona, m, pia, listener, true, "pia")
			p.grant("up", owner, nil, pia, speaker, true, "pia")
		}, with(roles{pia: speaker}), nil},
		{"kicked", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick)
		}, both, nil},
		{"kicked and back by the same link: no", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick)
			p.admit("again", pia, p.by(l, pia))
		}, both, []string{"again"}},
		{"kicked and back by another link: no", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick)
			p.admit("again", pia, p.by(p.link(owner, nil, "speakers", identity.Grant{Role: speaker}), pia))
		}, both, []string{"again"}},
		{"kicked while being let in elsewhere", func(p *play) {
			m, _, l := p.start()
			p.do("kick", mona, m, KindKick, pia, kick, "mark")
			p.admit("pia", pia, p.by(l, pia), "mark")
		}, both, []string{"pia"}},
		{"kicked and pardoned, and in again", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick)
			p.do("pardon", mark, k, KindPardon, pia, nil)
			p.admit("again", pia, p.by(l, pia))
		}, with(roles{pia: listener}), nil},
		{"a pardon alone brings nobody back", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick)
			p.do("pardon", mark, k, KindPardon, pia, nil)
		}, both, nil},
		{"kicked and called back by a grant", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick)
			p.grant("back", mark, k, pia, speaker, false)
		}, with(roles{pia: speaker}), nil},
		{"banned: a grant does not bring back", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("ban", mona, m, KindBan, pia, ban)
			p.grant("back", mark, k, pia, speaker, false)
		}, both, nil},
		{"banned, pardoned, granted", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("ban", mona, m, KindBan, pia, ban)
			p.do("pardon", mark, k, KindPardon, pia, nil)
			p.grant("back", mark, k, pia, speaker, false)
		}, with(roles{pia: speaker}), nil},
		{"a kick and a grant at once, of equal rank: the kick wins", func(p *play) {
			m, k, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick, "pia")
			p.grant("add", mark, k, pia, speaker, false, "pia")
		}, both, nil},
		{"a kick and an owner's grant at once: the owner wins", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", mona, m, KindKick, pia, kick, "pia")
			p.grant("add", owner, nil, pia, speaker, false, "pia")
		}, with(roles{pia: speaker}), nil},
		{"a kick that closes the link refuses fresh keys", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.admit("pete", pete, p.by(l, pete))
			p.do("kick", mona, m, KindKick, pia, RemoveArgs{Closes: l.hash()})
			p.admit("paul", paul, p.by(l, paul))
		}, with(roles{pete: listener}), []string{"paul"}},
		{"equals do not act on each other", func(p *play) {
			m, k, _ := p.start()
			p.do("kick1", mona, m, KindKick, mark, kick, "mark")
			p.do("kick2", mark, k, KindKick, mona, kick, "mark")
		}, both, []string{"kick1", "kick2"}},
		{"hiding what one knows of a rank ends nothing", func(p *play) {
			m, _, _ := p.start()
			p.do("kick", mona, m, KindKick, mark, kick, "mona")
		}, both, nil},
		{"strong removal: what a moderator did unseen by their kick is void", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.grant("seen", mona, m, pete, speaker, false, "pia")
			p.do("kick", owner, nil, KindKick, mona, kick)
			p.grant("dated back", mona, m, paul, speaker, false, "seen")
			p.do("revenge", mona, m, KindKick, pia, kick, "seen")
		}, roles{mark: moderator, pia: listener, pete: speaker}, []string{"dated back", "revenge"}},
		{"strong removal reaches those whom the void grant made", func(p *play) {
			m, _, _ := p.start()
			sub := p.grant("sub", mona, m, pete, moderator, false, "mark")
			p.do("kick", owner, nil, KindKick, mona, kick, "mark")
			p.grant("below", pete, sub, paul, speaker, false, "sub")
		}, roles{mark: moderator}, []string{"sub", "below"}},
		{"and spares what the kick had seen", func(p *play) {
			m, _, _ := p.start()
			sub := p.grant("sub", mona, m, pete, moderator, false)
			p.do("kick", owner, nil, KindKick, mona, kick)
			p.grant("below", pete, sub, paul, speaker, false)
		}, roles{mark: moderator, pete: moderator, paul: speaker}, nil},
		{"a kicked moderator's link admits nobody more", func(p *play) {
			m, _, _ := p.start()
			l := p.link(mona, m, "monas", identity.Grant{Role: listener})
			p.admit("pia", pia, p.by(l, pia))
			p.do("kick", owner, nil, KindKick, mona, kick)
			p.admit("pete", pete, p.by(l, pete))
			p.admit("paul", paul, p.by(l, paul), "pia")
		}, roles{mark: moderator, pia: listener}, []string{"pete", "paul"}},
		{"unless the moderator is back", func(p *play) {
			m, _, _ := p.start()
			l := p.link(mona, m, "monas", identity.Grant{Role: listener})
			p.do("kick", owner, nil, KindKick, mona, kick)
			p.do("pardon", owner, nil, KindPardon, mona, nil)
			p.admit("pete", pete, p.by(l, pete))
		}, roles{mark: moderator, pete: listener}, nil},
		{"a demoted moderator's link admits nobody more", func(p *play) {
			m, _, _ := p.start()
			l := p.link(mona, m, "monas", identity.Grant{Role: listener})
			p.grant("demote", owner, nil, mona, speaker, true)
			p.admit("pete", pete, p.by(l, pete))
		}, roles{mark: moderator, mona: speaker}, []string{"pete"}},
		{"revoking a link puts out all who came by it", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("revoke", mona, m, KindRevoke, room, RevokeArgs{l.hash(), false})
			p.admit("pete", pete, p.by(l, pete))
		}, both, []string{"pete"}},
		{"closing a link keeps them", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("revoke", mona, m, KindRevoke, room, RevokeArgs{l.hash(), true})
			p.admit("pete", pete, p.by(l, pete))
			p.admit("paul", paul, p.by(l, paul), "pia")
		}, with(roles{pia: listener}), []string{"pete", "paul"}},
		{"revoking a moderator's grant ends the subtree", func(p *play) {
			m, _, _ := p.start()
			l := p.link(mona, m, "monas", identity.Grant{Role: listener})
			p.admit("pia", pia, p.by(l, pia))
			p.grant("pete", mona, m, pete, speaker, false)
			p.do("revoke", owner, nil, KindRevoke, room, RevokeArgs{m.Leaf().Hash(), false})
		}, roles{mark: moderator}, nil},
		{"nobody revokes what is as strong as they are", func(p *play) {
			m, k, _ := p.start()
			p.do("revoke", mark, k, KindRevoke, room, RevokeArgs{m.Leaf().Hash(), false})
		}, both, nil},
		{"of two concurrent admissions of a single use one stands", func(p *play) {
			p.start()
			l := p.link(owner, nil, "one", identity.Grant{Role: listener, Uses: 1})
			p.admit("pia", pia, p.by(l, pia))
			p.admit("pete", pete, p.by(l, pete))
		}, with(roles{pia: listener}), []string{"pete"}},
		{"a use is one person, however often admitted", func(p *play) {
			p.start()
			l := p.link(owner, nil, "one", identity.Grant{Role: listener, Uses: 1})
			p.admit("pia", pia, p.by(l, pia))
			p.admit("again", pia, p.by(l, pia))
		}, with(roles{pia: listener}), nil},
		{"a moderator's link is no way round the count of moderators", func(p *play) {
			p.start()
			l := p.link(owner, nil, "mods", identity.Grant{Role: moderator, Uses: 1})
			p.admit("pia", pia, p.by(l, pia))
			own := p.by(l, eve) // eve took up the same link with a key of her own, and invites without being in
			p.admit("pete", pete, p.by(p.link(eve, own, "eves", identity.Grant{Role: listener}), pete))
		}, with(roles{pia: moderator}), []string{"pete"}},
		{"whom a kick had seen goes on inviting", func(p *play) {
			m, _, _ := p.start()
			sub := p.grant("sub", mona, m, pete, moderator, false)
			p.do("kick", owner, nil, KindKick, mona, kick)
			p.admit("pia", pia, p.by(p.link(pete, sub, "petes", identity.Grant{Role: listener}), pia))
		}, roles{mark: moderator, pete: moderator, pia: listener}, nil},
		{"a moderator who is given the same again invites again", func(p *play) {
			m, _, _ := p.start()
			l := p.link(mona, m, "monas", identity.Grant{Role: listener})
			p.do("kick", owner, nil, KindKick, mona, kick)
			p.do("back", owner, nil, KindGrant, mona, GrantArgs{m.Leaf().Bytes(), false})
			p.admit("pete", pete, p.by(l, pete))
		}, with(roles{pete: listener}), nil},
		{"a replacing grant does not end links made under itself", func(p *play) {
			p.start()
			lesser := p.grant("lesser", owner, nil, mona, moderator, true)
			p.admit("pete", pete, p.by(p.link(mona, lesser, "monas", identity.Grant{Role: listener}), pete), "mark")
		}, with(roles{pete: listener}), nil},
		{"a pardon by an equal makes nobody a moderator", func(p *play) {
			_, k, l := p.start()
			p.do("kick", owner, nil, KindKick, mona, kick)
			p.do("pardon", mark, k, KindPardon, mona, nil)
			p.admit("as moderator", mona, p.by(p.link(owner, nil, "mods", identity.Grant{Role: moderator}), mona))
			p.admit("as listener", mona, p.by(l, mona))
		}, roles{mark: moderator, mona: listener}, []string{"as moderator"}},
		{"who may only invite revokes only their own", func(p *play) {
			_, _, l := p.start()
			c := p.c.give(p.t, owner, nil, p.c.id(pete), "usher",
				identity.Grant{Role: moderator, Caps: identity.CapHear | identity.CapInvite, Rank: 50})
			p.do("usher", owner, nil, KindGrant, pete, GrantArgs{c.Leaf().Bytes(), false})
			own := p.link(pete, c, "petes", identity.Grant{Role: listener})
			p.admit("pia", pia, p.by(l, pia))
			p.admit("paul", paul, p.by(own, paul))
			p.do("theirs", pete, c, KindRevoke, room, RevokeArgs{l.hash(), false})
			p.do("own", pete, c, KindRevoke, room, RevokeArgs{own.hash(), false})
		}, with(roles{pete: moderator, pia: listener}), nil},
		{"who may only kick does not pardon a ban", func(p *play) {
			m, _, l := p.start()
			c := p.c.give(p.t, owner, nil, p.c.id(pete), "guard",
				identity.Grant{Role: moderator, Caps: identity.CapHear | identity.CapKick, Rank: 50})
			p.do("guard", owner, nil, KindGrant, pete, GrantArgs{c.Leaf().Bytes(), false})
			p.do("ban", mona, m, KindBan, pia, ban)
			p.do("kick", mona, m, KindKick, paul, kick)
			p.do("pardon1", pete, c, KindPardon, pia, nil)
			p.do("pardon2", pete, c, KindPardon, paul, nil)
			p.admit("pia", pia, p.by(l, pia))
			p.admit("paul", paul, p.by(l, paul))
		}, with(roles{pete: moderator, paul: listener}), []string{"pia"}},
		{"a grant by somebody stronger who did not know outlives a revoke", func(p *play) {
			m, _, _ := p.start()
			g := p.grant("pete", owner, nil, pete, speaker, false)
			p.do("revoke", mona, m, KindRevoke, room, RevokeArgs{g.Leaf().Hash(), false}, "mark")
		}, with(roles{pete: speaker}), nil},
		{"locked", func(p *play) {
			m, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			p.do("lock", mona, m, KindLock, room, nil)
			p.admit("pete", pete, p.by(l, pete))
			p.admit("paul", paul, p.by(l, paul), "pia")
		}, with(roles{pia: listener}), []string{"pete", "paul"}},
		{"unlocked", func(p *play) {
			m, k, l := p.start()
			p.do("lock", mona, m, KindLock, room, nil)
			p.do("unlock", mark, k, KindUnlock, room, nil)
			p.admit("pete", pete, p.by(l, pete))
		}, with(roles{pete: listener}), nil},
		{"a lock does not hold out who is as strong as its author", func(p *play) {
			m, _, _ := p.start()
			p.do("lock", mona, m, KindLock, room, nil)
			p.admit("pia", pia, p.by(p.link(owner, nil, "mods", identity.Grant{Role: moderator}), pia))
		}, with(roles{pia: moderator}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlay(t)
			tt.play(p)
			if got := p.in(); !maps.Equal(got, tt.in) {
				t.Errorf("in at the end: %v, want %v", got, tt.in)
			}
			p.requireVoid(tt.void)
			p.replay()
		})
	}
}

// in lists members other than owners.
func (p *play) in() roles {
	in := roles{}
	for who := mona; who <= eve; who++ {
		if m, ok := p.l.State().Members[p.c.id(who)]; ok {
			in[who] = m.Role
		}
	}
	return in
}

// requireVoid compares the void operations with those named.
func (p *play) requireVoid(want []string) {
	p.t.Helper()
	void := map[identity.Hash]Void{}
	for e := range p.l.Ops() {
		void[e.Op.hash] = e.Why
	}
	for name, o := range p.ops {
		if why := void[o.hash]; (why != Void{}) != slices.Contains(want, name) {
			p.t.Errorf("%s: void for %v", name, why)
		}
	}
}

// replay adds the same operations the other way round and wants the same.
func (p *play) replay() {
	p.t.Helper()
	other := p.c.log()
	for _, n := range slices.Backward(p.l.nodes) {
		other.add(n.op)
	}
	requireSame(p.t, "replayed", p.l, other)
}

// TestRefused lists what may not join a log, whatever else is known.
func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		try  func(p *play) error
		want error
	}{
		{"a stranger acts", func(p *play) error { return p.try("x", eve, nil, KindTitle, room, TitleArgs{"mine"}) }, ErrNotAllowed},
		{"under another's grant", func(p *play) error {
			m, _, _ := p.start()
			return p.try("x", eve, m, KindTitle, room, TitleArgs{"mine"})
		}, ErrNotAllowed},
		{"a listener kicks", func(p *play) error {
			_, _, l := p.start()
			p.admit("pia", pia, p.by(l, pia))
			return p.try("x", pia, p.by(l, pia), KindKick, eve, RemoveArgs{})
		}, ErrNotAllowed},
		{"kick of an owner", func(p *play) error {
			m, _, _ := p.start()
			return p.try("x", mona, m, KindKick, owner, RemoveArgs{})
		}, ErrNotAllowed},
		{"a moderator ends the room", func(p *play) error {
			p.start()
			return p.try("x", mona, nil, KindClose, room, nil)
		}, ErrNotAllowed},
		{"an admit by somebody who was never in", func(p *play) error {
			_, _, l := p.start()
			return p.try("x", eve, nil, KindAdmit, pia, AdmitArgs{Credential: p.by(l, pia).Bytes()})
		}, ErrNotAllowed},
		{"an exact invite counted by another than its issuer", func(p *play) error {
			p.start()
			l := p.link(owner2, nil, "exact", identity.Grant{Role: listener, Uses: 1, Exact: true})
			return p.try("x", owner, nil, KindAdmit, pia, AdmitArgs{Credential: p.by(l, pia).Bytes()})
		}, ErrNotAllowed},
		{"a link below an exact invite that nobody counted", func(p *play) error {
			p.start()
			own := p.by(p.link(owner, nil, "exact", identity.Grant{Role: moderator, Uses: 1, Exact: true}), eve)
			l := p.link(eve, own, "eves", identity.Grant{Role: listener})
			return p.try("x", owner, nil, KindAdmit, pia, AdmitArgs{Credential: p.by(l, pia).Bytes()})
		}, ErrNotAllowed},
		{"an invite that has lapsed", func(p *play) error {
			p.start()
			l := p.link(owner, nil, "old", identity.Grant{Role: listener, Expires: dawn - 1})
			return p.try("x", owner, nil, KindAdmit, pia, AdmitArgs{Credential: p.by(l, pia).Bytes()})
		}, identity.ErrExpired},
		{"under a grant that has lapsed", func(p *play) error {
			p.start()
			g := p.c.give(t, owner, nil, p.c.id(pete), "short", identity.Grant{Role: moderator, Expires: dawn + 100})
			p.do("pete", owner, nil, KindGrant, pete, GrantArgs{g.Leaf().Bytes(), false})
			p.time += 100
			return p.try("x", pete, g, KindTitle, room, TitleArgs{"late"})
		}, identity.ErrExpired},
		{"a grant that widens", func(p *play) error {
			m, _, _ := p.start()
			g := p.c.give(t, mona, m, p.c.id(pia), "wide", identity.Grant{Role: moderator, Rank: 10})
			return p.try("x", mona, m, KindGrant, pia, GrantArgs{g.Leaf().Bytes(), false})
		}, identity.ErrWidened},
		{"a number of an epoch left out", func(p *play) error {
			return p.try("x", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{1}, 2})
		}, identity.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlay(t)
			if err := tt.try(p); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if p.l.Has(p.ops["x"].hash) {
				t.Error("it joined")
			}
		})
	}
}

// TestRefuses compares what State.Refuses foretells with what becomes of the admission.
func TestRefuses(t *testing.T) {
	tests := []struct {
		name string
		play func(p *play, m identity.Credential, l link)
		want error
	}{
		{"welcome", func(p *play, m identity.Credential, l link) {}, nil},
		{"kicked", func(p *play, m identity.Credential, l link) { p.do("k", mona, m, KindKick, pia, RemoveArgs{}) }, ErrKicked},
		{"banned", func(p *play, m identity.Credential, l link) { p.do("b", mona, m, KindBan, pia, RemoveArgs{}) }, ErrBanned},
		{"locked", func(p *play, m identity.Credential, l link) { p.do("l", mona, m, KindLock, room, nil) }, ErrLocked},
		{"closed link", func(p *play, m identity.Credential, l link) {
			p.do("r", mona, m, KindRevoke, room, RevokeArgs{l.hash(), true})
		}, identity.ErrRevoked},
		{"used up", func(p *play, m identity.Credential, l link) { p.admit("pete", pete, p.by(l, pete)) }, identity.ErrUsedUp},
		{"pardoned", func(p *play, m identity.Credential, l link) {
			p.do("b", mona, m, KindBan, pia, RemoveArgs{})
			p.do("p", mona, m, KindPardon, pia, nil)
		}, nil},
		{"ended", func(p *play, m identity.Credential, l link) { p.do("c", owner, nil, KindClose, room, nil) }, ErrClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlay(t)
			m, _, _ := p.start()
			l := p.link(owner, nil, "one", identity.Grant{Role: listener, Uses: 1})
			tt.play(p, m, l)
			before := p.l.State()
			if err := before.Refuses(p.by(l, pia)); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			p.admit("pia", pia, p.by(l, pia))
			if _, in := p.l.State().Members[p.c.id(pia)]; in != (tt.want == nil) && tt.want != ErrClosed {
				t.Errorf("in: %v", in)
			}
			p.do("later", owner, nil, KindBan, pia, RemoveArgs{})
			if err := before.Refuses(p.by(l, pia)); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("an old state has changed its mind: %v", err)
			}
		})
	}
}

// TestRegisters covers what holds one value.
func TestRegisters(t *testing.T) {
	p := newPlay(t)
	m, k, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	sp := p.grant("add", mona, m, pia, speaker, false)
	speaks := func(want bool) {
		t.Helper()
		p.replay()
		if got := p.l.State().CanSpeak(p.c.id(pia)); got != want {
			t.Fatalf("speaks: %v", got)
		}
	}
	speaks(true)
	p.do("mute", mona, m, KindMute, pia, nil, "add")
	p.do("unmute", mark, k, KindUnmute, pia, nil, "add")
	speaks(false) // at once and of equal rank: deny
	if by := p.l.State().Muted[p.c.id(pia)].By; by != p.c.id(mona) {
		t.Errorf("muted by %s", by)
	}
	p.do("owner unmutes", owner, nil, KindUnmute, pia, nil, "add")
	speaks(true) // the stronger rank
	p.do("mute2", mark, k, KindMute, pia, nil)
	speaks(false) // who has seen the rest has the last word, whatever their rank
	if err := p.try("unmute herself", pia, sp, KindUnmute, pia, nil); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	p.grant("promote", owner, nil, pia, moderator, false)
	speaks(true) // an equal's mute binds no more

	p.do("t1", mona, m, KindTitle, room, TitleArgs{"one"}, "promote")
	p.do("t2", owner, nil, KindTitle, room, TitleArgs{"two"}, "promote")
	if got := p.l.State().Title; got != "two" {
		t.Errorf("title %q", got)
	}
	p.do("t3", mona, m, KindTitle, room, TitleArgs{"three"})
	if got := p.l.State().Title; got != "three" {
		t.Errorf("title %q", got)
	}
	p.replay()
}

// TestEpochs: a number wins over rank, and an epoch is stale while somebody who is out may know its secret.
func TestEpochs(t *testing.T) {
	p := newPlay(t)
	m, k, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	epoch := func(name string, who int, under identity.Credential, n uint32, stale bool, seen ...string) {
		t.Helper()
		p.do(name, who, under, KindEpoch, room, EpochArgs{identity.HashOf([]byte(name)), n}, seen...)
		p.replay()
		if e := p.l.State().Epoch; e.Stale != stale {
			t.Fatalf("%s: stale %v", name, e.Stale)
		}
	}
	epoch("first", owner, nil, 1, false)
	p.do("kick", mona, m, KindKick, pia, RemoveArgs{}, "first")
	if !p.l.State().Epoch.Stale {
		t.Error("not stale after a kick")
	}
	epoch("theirs", mark, k, 2, true, "first")
	epoch("theirs too", mark, k, 3, true, "theirs")
	epoch("after the kick", mona, m, 2, true, "kick")
	if e := p.l.State().Epoch; e.N != 3 || e.Op != p.ops["theirs too"].hash {
		t.Errorf("epoch %+v", e)
	}
	epoch("all seen", mona, m, 4, false)
	p.admit("pia again", pia, p.by(l, pia)) // dead on arrival: nobody hands her anything
	if p.l.State().Epoch.Stale {
		t.Error("a refused admission makes the epoch stale")
	}
}

func TestEnd(t *testing.T) {
	c := newCast(t, 2)
	p := &play{t: t, c: c, l: c.log(), time: dawn, ops: map[string]*Op{}}
	p.start()
	for i, step := range []struct {
		who    int
		closed bool
	}{{owner, false}, {owner, false}, {owner2, true}} {
		p.do(fmt.Sprint("close", i), step.who, nil, KindClose, room, nil)
		if got := p.l.State().Closed; got != step.closed {
			t.Errorf("after %d: closed %v", i+1, got)
		}
	}
	if p.l.State().CanHear(p.c.id(mona)) || p.l.State().CanSpeak(p.c.id(owner)) {
		t.Error("sound in a room that has ended")
	}
}

// TestMember covers what a State says about a member, and what lapses.
func TestMember(t *testing.T) {
	p := newPlay(t)
	m, _, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	short := p.c.give(t, mona, m, p.c.id(pia), "short", identity.Grant{Role: speaker, Expires: dawn + 1000})
	p.do("add", mona, m, KindGrant, pia, GrantArgs{short.Leaf().Bytes(), false})
	s := p.l.State()
	got := s.Members[p.c.id(pia)]
	if got.Role != speaker || got.Via != l.hash() || got.By != p.c.id(owner) || got.Expires != dawn+1000 || got.Grant != short.Leaf().Hash() {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Credential.Bytes(), short.Bytes()) {
		t.Error("the credential does not prove the grant")
	}
	if s.At(dawn+999) != s {
		t.Error("lapsed early")
	}
	later := s.At(dawn + 1000)
	if got := later.Members[p.c.id(pia)]; got.Role != listener || later.CanSpeak(p.c.id(pia)) || !s.CanSpeak(p.c.id(pia)) {
		t.Errorf("%+v", got)
	}
	if err := s.May(p.c.id(mona), KindKick, p.c.id(pia)); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		who, target int
		kind        Kind
		want        error
	}{{pia, mona, KindKick, ErrNoRight}, {mona, mark, KindMute, ErrOutranked}, {mona, owner, KindKick, ErrOutranked}, {eve, pia, KindMute, ErrNotMember}, {owner, mona, KindBan, nil}} {
		if err := s.May(p.c.id(tt.who), tt.kind, p.c.id(tt.target)); !errors.Is(err, tt.want) {
			t.Errorf("%d %s %d: %v", tt.who, tt.kind, tt.target, err)
		}
	}
	if g, ok := s.Under(p.c.id(mona), KindKick); !ok || g != m.Leaf().Hash() {
		t.Error("acts under the wrong grant")
	}
	if s.Uses(l.hash()) != 1 {
		t.Errorf("%d uses", s.Uses(l.hash()))
	}
}
