// Why operations are void, as codes.

package room

import (
	"testing"

	"stoa/identity"
)

// TestVoid plays every reason, each with an operation "x" that counts for nothing because of it.
func TestVoid(t *testing.T) {
	for want, play := range map[Void]func(p *play, m, k identity.Credential, l link){
		{VoidShutOut, KindBan}: func(p *play, m, k identity.Credential, l link) {
			p.do("ban", mona, m, KindBan, pia, RemoveArgs{})
			p.admit("x", pia, p.by(l, pia), "mark")
		},
		{VoidShutOut, KindRevoke}: func(p *play, m, k identity.Credential, l link) {
			p.do("close", owner, nil, KindRevoke, room, RevokeArgs{l.hash(), true})
			p.admit("x", pia, p.by(l, pia), "mark")
		},
		{Code: VoidUsedUp}: func(p *play, m, k identity.Credential, l link) {
			one := p.link(owner, nil, "one", identity.Grant{Role: listener, Uses: 1})
			p.admit("first", pia, p.by(one, pia))
			p.admit("x", pete, p.by(one, pete))
		},
		{Code: VoidLocked}: func(p *play, m, k identity.Credential, l link) {
			p.do("lock", mona, m, KindLock, room, nil)
			p.admit("x", pia, p.by(l, pia))
		},
		{Code: VoidOutranked}: func(p *play, m, k identity.Credential, l link) {
			p.do("x", mona, m, KindMute, mark, nil)
		},
		{VoidGrantEnded, KindKick}: func(p *play, m, k identity.Credential, l link) {
			p.do("kick", owner, nil, KindKick, mona, RemoveArgs{})
			p.do("x", mona, m, KindLock, room, nil, "mark")
		},
		{Code: VoidGrantVoid}: func(p *play, m, k identity.Credential, l link) {
			mods := p.link(owner, nil, "mods", identity.Grant{Role: moderator, Uses: 1})
			p.admit("first", pia, p.by(mods, pia))
			p.admit("second", pete, p.by(mods, pete))
			p.do("x", pete, p.by(mods, pete), KindLock, room, nil)
		},
	} {
		t.Run(want.String(), func(t *testing.T) {
			p := newPlay(t)
			m, k, l := p.start()
			play(p, m, k, l)
			for e := range p.l.Ops() {
				if e.Op.hash == p.ops["x"].hash && (e.Why != want || e.Valid) {
					t.Errorf("void for %+v, want %+v", e.Why, want)
				}
			}
		})
	}
	said := map[string]bool{"": true}
	for c := VoidShutOut; c <= VoidGrantEnded; c++ {
		if text := (Void{Code: c}).String(); said[text] || said[c.String()] {
			t.Errorf("reason %d is said as another", c)
		} else {
			said[text], said[c.String()] = true, true
		}
	}
	if (Void{}).String() != "" || VoidCode(0).String() != "" || (VoidGrantEnded+1).String() != "" {
		t.Error("what is no reason has words")
	}
}
