// Rooms as wholes, on a simulated network in virtual time.

package room_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

var ctx = context.Background()

func TestJoin(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b := h.join("ben", a, inv)
		// All is there at once, before any gossip.
		s := b.Snapshot()
		if !s.Live || s.State.Title != "the painted porch" || !b.sees(a) || s.Host != a.key.ID() {
			t.Errorf("what the joiner sees is incomplete: live %t, title %q, sees host %t", s.Live, s.State.Title, b.sees(a))
		}
		if e, ok := s.Speaking(time.Now()); !ok || e.Commit != s.State.Epoch.Commit {
			t.Error("the joiner lacks the room's secret")
		}
		if s.Me.Role != identity.RoleListener || s.Me.Speaks {
			t.Errorf("the joiner is a %v who may speak: %t", s.Me.Role, s.Me.Speaks)
		}
		time.Sleep(time.Second)
		if p, ok := a.Snapshot().Person(b.key.ID()); !ok || p.Name != "ben" || !slices.Equal(p.Addrs, []string{"/at/ben"}) {
			t.Errorf("the host sees %+v", p)
		}
		if met := a.node.Met(b.key.ID()); !slices.Equal(met, []string{"/at/ben"}) {
			t.Errorf("the host's network was told %q", met)
		}
		h.agree(a, b)
		a.stop()
		b.stop()
	})
}

// TestRelayGetsNoSecret covers members who are let in to carry what they may
// not hear.
func TestRelayGetsNoSecret(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		r := h.guest("relay")
		w, err := r.knock(a, a.invite(identity.Terms{Role: identity.RoleRelay}))
		h.must(err)
		if len(w.Secrets) != 0 {
			t.Error("a relay is given the secret at the gate")
		}
		r.record, err = w.Keep(r.keeper, [16]byte{})
		h.must(err)
		r.start(w)
		time.Sleep(10 * time.Second)
		if e := r.epoch(); e.Known {
			t.Error("a relay was given the secret on asking")
		}
	})
}

func TestJoinAgainWritesNothing(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b := h.join("ben", a, inv)
		n := a.Snapshot().Ops
		if _, err := b.knock(a, inv); err != nil {
			t.Fatal(err)
		}
		if got := a.Snapshot().Ops; got != n {
			t.Errorf("coming back made %d operations", got-n)
		}
	})
}

func TestBetterLinkRaisesRole(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(listener))
		if _, err := b.knock(a, a.invite(speaker)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if !b.Snapshot().Me.Speaks {
			t.Error("a speaker's link did not make a listener a speaker")
		}
	})
}

// Who may speak leaves the stage by their own will, and comes back by it alone.
func TestStepAside(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		h.want(b.StepAside(ctx, true), room.ErrOffStage)
		h.must(a.StageAdd(ctx, b.key.ID()))
		time.Sleep(time.Second)
		h.must(b.SetMic(ctx, true))
		h.must(b.StepAside(ctx, true))
		h.must(b.StepAside(ctx, true)) // once more changes nothing
		time.Sleep(time.Second)
		for _, g := range []*guest{a, b, c} {
			if p, _ := g.Snapshot().Person(b.key.ID()); p.Stage || p.Speaks || p.Mic || !p.Aside || !p.Caps.Has(identity.CapSpeak) {
				t.Errorf("%s: off the stage by his own will ben is %+v", g.name, p)
			}
		}
		h.want(b.SetMic(ctx, true), room.ErrAside)
		h.want(b.RaiseHand(ctx, true), room.ErrAside)
		h.want(a.StageAdd(ctx, b.key.ID()), room.ErrAside)
		d := h.join("dora", a, inv) // who comes later knows it as well
		time.Sleep(time.Second)
		if p, here := d.Snapshot().Person(b.key.ID()); !here || p.Stage || !p.Aside {
			t.Errorf("who comes later sees %+v", p)
		}
		h.must(b.StepAside(ctx, false))
		time.Sleep(time.Second)
		for _, g := range []*guest{a, b, c, d} {
			if p, _ := g.Snapshot().Person(b.key.ID()); !p.Stage || !p.Speaks || p.Mic || p.Aside {
				t.Errorf("%s: back on the stage ben is %+v", g.name, p)
			}
		}
		// Whoever is sent down and called again comes, whatever they wanted before.
		h.must(b.StepAside(ctx, true))
		h.must(a.StageDrop(ctx, b.key.ID()))
		time.Sleep(time.Second)
		h.must(a.StageAdd(ctx, b.key.ID()))
		time.Sleep(time.Second)
		if p, _ := c.Snapshot().Person(b.key.ID()); !p.Stage || p.Aside {
			t.Errorf("called again ben is %+v", p)
		}
		h.must(a.StepAside(ctx, true)) // an owner too
		time.Sleep(time.Second)
		if p, _ := c.Snapshot().Person(a.key.ID()); p.Stage || p.Role != identity.RoleOwner {
			t.Errorf("the owner in the audience is %+v", p)
		}
	})
}

func TestHandToStageAndBack(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		time.Sleep(time.Second)
		h.must(b.RaiseHand(ctx, true))
		time.Sleep(100 * time.Millisecond)
		h.must(c.RaiseHand(ctx, true))
		h.must(b.RaiseHand(ctx, true)) // once more changes nothing
		time.Sleep(time.Second)
		for _, g := range []*guest{a, b, c} {
			hands := g.Snapshot().Hands
			if len(hands) != 2 || hands[0].Who != b.key.ID() || hands[1].Who != c.key.ID() || hands[1].Place != 2 {
				t.Fatalf("%s sees the queue %v", g.name, hands)
			}
		}
		h.want(c.StageAdd(ctx, b.key.ID()), room.ErrNoRight)
		h.must(a.StageAdd(ctx, b.key.ID()))
		h.want(a.StageAdd(ctx, b.key.ID()), room.ErrOnStage)
		time.Sleep(time.Second)
		for _, g := range []*guest{a, b, c} {
			if hands := g.Snapshot().Hands; len(hands) != 1 || hands[0].Who != c.key.ID() {
				t.Errorf("%s: reaching the stage leaves the queue %v", g.name, hands)
			}
			if p, _ := g.Snapshot().Person(b.key.ID()); !p.Speaks || !p.Stage {
				t.Errorf("%s does not let ben speak", g.name)
			}
		}
		h.want(b.RaiseHand(ctx, true), room.ErrOnStage)
		h.must(b.SetMic(ctx, true))
		h.must(a.StageDrop(ctx, b.key.ID()))
		h.want(a.StageDrop(ctx, b.key.ID()), room.ErrOffStage)
		time.Sleep(time.Second)
		for _, g := range []*guest{a, b, c} {
			if p, _ := g.Snapshot().Person(b.key.ID()); p.Speaks || p.Mic || p.Place != 0 {
				t.Errorf("%s: after being dropped ben is %+v", g.name, p)
			}
		}
		h.must(c.RaiseHand(ctx, false))
		time.Sleep(time.Second)
		if hands := a.Snapshot().Hands; len(hands) != 0 {
			t.Errorf("a lowered hand stays: %v", hands)
		}
		h.must(b.RaiseHand(ctx, true))
		time.Sleep(time.Second)
		if hands := a.Snapshot().Hands; len(hands) != 1 {
			t.Errorf("raising again after the stage gives %v", hands)
		}
	})
}

func TestMute(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(speaker))
		time.Sleep(time.Second)
		h.must(b.SetMic(ctx, true))
		h.must(a.Mute(ctx, b.key.ID()))
		time.Sleep(time.Second)
		if p, _ := a.Snapshot().Person(b.key.ID()); p.Speaks || !p.Stage || !p.Muted || p.Mic {
			t.Errorf("after being muted ben is %+v", p)
		}
		h.want(b.SetMic(ctx, true), room.ErrMuted)
		h.want(b.Unmute(ctx, b.key.ID()), room.ErrNoRight)
		if by := b.Snapshot().State.Muted[b.key.ID()].By; by != a.key.ID() {
			t.Errorf("muted by %v", by)
		}
		h.must(a.Unmute(ctx, b.key.ID()))
		time.Sleep(time.Second)
		if !b.Snapshot().Me.Speaks {
			t.Error("still muted")
		}
	})
}

func TestKickRotatesAndShutsOut(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		keep, shut := a.invite(listener), a.invite(listener)
		b, c := h.join("ben", a, keep), h.join("cleo", a, keep)
		d := h.join("dora", a, shut)
		time.Sleep(time.Second)
		old := a.epoch()

		kicked := time.Now()
		h.must(a.Kick(ctx, d.key.ID(), "noise", false))
		time.Sleep(1400 * time.Millisecond)
		for _, g := range []*guest{a, b, c} {
			e := g.epoch()
			if e.Commit == old.Commit || !e.Known || e.N != old.N+1 {
				t.Errorf("%s has epoch %d, known %t", g.name, e.N, e.Known)
			}
			// Whoever speaks 3 s after the kick speaks under the new secret.
			if s, ok := g.Snapshot().Speaking(kicked.Add(3 * time.Second)); !ok || s.Commit != e.Commit {
				t.Errorf("%s still speaks under the old secret", g.name)
			}
			if _, ok := g.Snapshot().Person(d.key.ID()); ok {
				t.Errorf("%s still lists who was kicked", g.name)
			}
		}
		if s := d.Snapshot(); s.Live {
			t.Error("who was kicked believes to be in")
		} else if why := s.State.Kicked[d.key.ID()]; why.By != a.key.ID() || why.Reason != "noise" {
			t.Errorf("who was kicked is told %+v", why)
		}
		time.Sleep(10 * time.Second)
		if e := d.epoch(); e.Known && e.Commit != old.Commit {
			t.Error("who was kicked has the new secret")
		}
		if n := len(a.Snapshot().Epochs); n != 1 {
			t.Errorf("%d epochs are kept 10 s later", n)
		}
		for _, gate := range []*guest{a, b, c} {
			_, err := d.knock(gate, shut)
			h.want(err, room.ErrKicked)
			_, err = d.knock(gate, keep)
			h.want(err, room.ErrKicked)
			_, err = h.guest("dora with a fresh key").knock(gate, shut)
			h.want(err, identity.ErrRevoked)
		}
		h.must(a.Pardon(ctx, d.key.ID()))
		if _, err := d.knock(a, keep); err != nil {
			t.Errorf("who was pardoned does not get in: %v", err)
		}
	})
}

func TestPutOutWhileAway(t *testing.T) {
	for name, act := range map[string]func(a, b *guest, inv *identity.Invite) error{
		"kicked": func(a, b *guest, _ *identity.Invite) error { return a.Kick(ctx, b.key.ID(), "", true) },
		"banned": func(a, b *guest, _ *identity.Invite) error { return a.Ban(ctx, b.key.ID(), "", true) },
		"revoked": func(a, _ *guest, inv *identity.Invite) error {
			return a.Revoke(ctx, inv.Chain.Leaf().Hash(), false)
		},
		"kicked and pardoned": func(a, b *guest, _ *identity.Invite) error {
			return errors.Join(a.Kick(ctx, b.key.ID(), "", true), a.Pardon(ctx, b.key.ID()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			meeting(t, calm, func(h *hall) {
				a := h.found("anna")
				inv := a.invite(listener)
				b := h.join("ben", a, inv)
				time.Sleep(time.Second)
				b.stop()
				h.must(act(a, b, inv))
				time.Sleep(5 * time.Second)
				secret := a.epoch().Commit
				h.must(a.SetTitle(ctx, "none of their business"))
				b.restart()
				time.Sleep(10 * time.Second)
				if b.Snapshot().Live {
					t.Error("who was put out while away does not learn of it")
				}
				if name != "kicked and pardoned" && b.Snapshot().State.Title == "none of their business" {
					t.Error("who was put out learns what happened later")
				}
				if e := b.epoch(); e.Known && e.Commit == secret {
					t.Error("who was put out has the secret")
				}
			})
		})
	}
}

func TestBanRevokeLockEnd(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv, other := a.invite(listener), a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, other)
		h.want(b.Ban(ctx, a.key.ID(), "", true), room.ErrNoRight)
		h.must(a.Ban(ctx, b.key.ID(), "spam", true))
		_, err := b.knock(a, inv)
		h.want(err, room.ErrBanned)

		if found := a.Snapshot().FindInvite(other.Chain.Leaf().Hash().String()[:8]); len(found) != 1 || found[0].Link != other.String() {
			t.Fatalf("the invite is remembered as %v", found)
		}
		h.must(a.Revoke(ctx, other.Chain.Leaf().Hash(), false))
		time.Sleep(time.Second)
		if c.Snapshot().Live {
			t.Error("revoking an invite leaves in whom it let in")
		}
		_, err = h.guest("dora").knock(a, other)
		h.want(err, identity.ErrRevoked)

		h.must(a.Lock(ctx, true))
		_, err = h.guest("emil").knock(a, inv)
		h.want(err, room.ErrLocked)
		h.must(a.Lock(ctx, false))
		f := h.join("finn", a, inv)
		h.must(a.SetTitle(ctx, "renamed"))
		h.must(a.End(ctx))
		time.Sleep(time.Second)
		if s := f.Snapshot(); s.Live || s.State.Title != "renamed" {
			t.Errorf("after the end: live %t, title %q", s.Live, s.State.Title)
		}
		_, err = h.guest("gina").knock(f, inv)
		h.want(err, room.ErrClosed)
	})
}

func TestLinksThatDoNotLead(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		soon := a.invite(identity.Terms{Role: identity.RoleListener, Expires: time.Now().Add(time.Minute)})
		once := a.invite(identity.Terms{Role: identity.RoleListener, Uses: 1})
		b := h.join("ben", a, soon)
		h.join("cleo", a, once)
		_, err := h.guest("dora").knock(a, once)
		h.want(err, identity.ErrUsedUp)

		late := h.guest("emil")
		cred, err := soon.Redeem(late.key, time.Now())
		h.must(err)
		time.Sleep(4 * time.Minute)
		_, err = room.Knock(ctx, late.asks(a), soon.Room, late.key.ID(), cred)
		h.want(err, identity.ErrExpired)
		// Who came in before may come back.
		bcred := b.Snapshot().Me.Credential
		if _, err := room.Knock(ctx, b.asks(a), soon.Room, b.key.ID(), bcred); err != nil {
			t.Errorf("a member is refused because the invite has expired: %v", err)
		}

		other := h.found("owner of another room")
		alien := other.invite(listener)
		_, err = late.knock(a, alien)
		h.want(err, identity.ErrWrongRoom)
		// Somebody else's credential is of no use.
		_, err = room.Knock(ctx, late.asks(a), soon.Room, late.key.ID(), bcred)
		h.want(err, identity.ErrForged)
		_, err = room.Knock(ctx, late.asks(a), soon.Room, late.key.ID(), nil)
		h.want(err, room.ErrNotMember)
	})
}

func TestRoomOutlivesItsHost(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		h.must(a.StageAdd(ctx, b.key.ID()))
		h.must(a.SetMic(ctx, true))
		time.Sleep(time.Second)
		a.stop()
		time.Sleep(time.Second)
		if b.sees(a) || c.sees(a) {
			t.Error("who said goodbye is still listed")
		}
		if !b.Snapshot().Me.Speaks {
			t.Error("the speaker lost the stage with the host")
		}
		d := h.join("dora", c, inv) // a listener at the gate
		time.Sleep(time.Second)
		h.agree(b, c, d)
		if !d.epoch().Known || !b.sees(d) {
			t.Error("who came in through a listener lacks something")
		}
		a.restart()
		time.Sleep(5 * time.Second)
		h.agree(a, b, c, d)
		s := a.Snapshot()
		if s.Me.Role != identity.RoleOwner || s.Me.Mic || s.Host != a.key.ID() {
			t.Errorf("the host comes back as %v, microphone on: %t", s.Me.Role, s.Me.Mic)
		}
		if b.Snapshot().Host != a.key.ID() {
			t.Error("the others do not see the host as such")
		}
	})
}

func TestOwnerComesBackWithNothingButTheKey(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(listener))
		a.stop()
		w, err := room.Knock(ctx, a.asks(b), a.record.Room, a.key.ID(), nil)
		h.must(err)
		if w.State.Members[a.key.ID()].Role != identity.RoleOwner || len(w.Secrets) == 0 {
			t.Error("the owner was not given the room back")
		}
	})
}

func TestPartition(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		mods, inv := a.invite(moderator), a.invite(listener)
		m := h.join("mona", a, mods)
		all := append([]*guest{a, m}, h.crowd(8, a, inv)...)
		time.Sleep(3 * time.Second)
		h.agree(all...)

		var left, right []identity.ID
		for i, g := range all {
			if i%2 == 0 {
				left = append(left, g.key.ID())
			} else {
				right = append(right, g.key.ID())
			}
		}
		h.net.Split(left, right)
		time.Sleep(20 * time.Second)
		if a.sees(m) {
			t.Fatal("the partition is none")
		}
		// Both sides moderate, the same people and the same fields.
		h.must(a.SetTitle(ctx, "left"))
		h.must(m.SetTitle(ctx, "right"))
		h.must(a.Kick(ctx, all[3].key.ID(), "", true))
		h.must(m.StageAdd(ctx, all[3].key.ID()))
		h.must(m.Mute(ctx, all[2].key.ID()))
		h.must(a.StageAdd(ctx, all[2].key.ID()))
		h.must(m.Ban(ctx, all[4].key.ID(), "", true))
		h.must(m.Lock(ctx, true))
		h.join("late to the left", a, inv)
		time.Sleep(20 * time.Second)
		if a.Snapshot().State.Root == m.Snapshot().State.Root {
			t.Fatal("the sides agree without having spoken")
		}
		h.net.Heal()
		time.Sleep(5 * time.Second)
		staying := slices.DeleteFunc(slices.Clone(all), func(g *guest) bool { return g == all[3] || g == all[4] })
		h.agree(staying...)
		time.Sleep(10 * time.Second)
		h.agree(staying...)
		for _, g := range all {
			s := g.Snapshot()
			if in := slices.Contains(staying, g); s.Live != in {
				t.Errorf("%s believes to be in: %t", g.name, s.Live)
			}
			if s.State.Title != "left" {
				t.Errorf("%s: the title is %q, not the owner's", g.name, s.State.Title)
			}
			if s.Live && !g.epoch().Known {
				t.Errorf("%s lacks the secret of the united room", g.name)
			}
			if s.Live && s.State.Epoch.Stale {
				t.Errorf("%s: the secret is one that a removed person may know", g.name)
			}
			if !s.Live && g.epoch().Known && g.epoch().Commit == a.epoch().Commit {
				t.Errorf("%s was removed and has the new secret", g.name)
			}
		}
	})
}

func TestExactCountHoldsUnderPartition(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(listener))
		exact := a.invite(identity.Terms{Role: identity.RoleListener, Uses: 2, Exact: true})
		loose := a.invite(identity.Terms{Role: identity.RoleListener, Uses: 1})
		h.join("cleo", b, exact) // by way of the issuer
		time.Sleep(time.Second)

		d, e, f := h.guest("dora"), h.guest("emil"), h.guest("finn")
		right := []identity.ID{b.key.ID(), d.key.ID(), f.key.ID()}
		h.net.Split([]identity.ID{a.key.ID()}, right)
		time.Sleep(time.Second)
		_, err := d.knock(b, exact)
		h.want(err, room.ErrIssuerAway)
		h.must(e.enter(a, exact))
		// A loose count admits one on each side while they are apart.
		h.join("gina", a, loose)
		h.must(f.enter(b, loose))
		h.net.Heal()
		time.Sleep(6 * time.Second)
		_, err = d.knock(b, exact)
		h.want(err, identity.ErrUsedUp)
		h.agree(a, b)
		grants := []identity.Hash{exact.Chain.Leaf().Hash(), loose.Chain.Leaf().Hash()}
		if s := a.Snapshot().State; s.Uses(grants[0]) != 2 || s.Uses(grants[1]) != 1 {
			t.Errorf("the invites let in %d and %d people, not 2 and 1", s.Uses(grants[0]), s.Uses(grants[1]))
		}
	})
}

func TestKilledMemberIsGone(t *testing.T) {
	meeting(t, rough, func(h *hall) {
		a := h.found("anna")
		all := append(h.crowd(9, a, a.invite(speaker)), a)
		time.Sleep(5 * time.Second)
		dead := all[4]
		for _, g := range all {
			if !g.sees(dead) {
				t.Fatalf("%s does not see %s at all", g.name, dead.name)
			}
		}
		dead.kill()
		time.Sleep(15 * time.Second)
		for _, g := range all {
			if g != dead && g.sees(dead) {
				t.Errorf("%s still lists somebody dead for 15 s", g.name)
			}
			for _, o := range all {
				if g != dead && o != dead && !g.sees(o) {
					t.Errorf("%s lost sight of %s, who lives", g.name, o.name)
				}
			}
		}
	})
}

func TestReconnectingKeepsThePlace(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		h.must(b.RaiseHand(ctx, true))
		time.Sleep(time.Second)
		h.must(c.RaiseHand(ctx, true))
		time.Sleep(3 * time.Second)
		b.kill()
		time.Sleep(20 * time.Second)
		if a.sees(b) || len(a.Snapshot().Hands) != 2 {
			t.Fatalf("killed: listed %t, hands %v", a.sees(b), a.Snapshot().Hands)
		}
		b.restart()
		time.Sleep(10 * time.Second)
		for _, g := range []*guest{a, b, c} {
			if hands := g.Snapshot().Hands; len(hands) != 2 || hands[0].Who != b.key.ID() {
				t.Errorf("%s sees the queue %v after the return", g.name, hands)
			}
		}
		h.must(b.RaiseHand(ctx, false))
		time.Sleep(time.Second)
		c.kill()
		time.Sleep(90 * time.Second)
		if hands := a.Snapshot().Hands; len(hands) != 0 {
			t.Errorf("the hand of somebody long gone stays: %v", hands)
		}
	})
}

func TestRestartFromDisk(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		b := h.join("ben", a, inv)
		h.must(a.StageAdd(ctx, b.key.ID()))
		h.must(a.SetTitle(ctx, "after"))
		time.Sleep(time.Second)
		before := a.Snapshot()
		a.kill()
		b.kill()
		a.restart()
		b.restart()
		s := a.Snapshot()
		if s.State.Root != before.State.Root || s.Ops != before.Ops || a.epoch().Secret != before.Epochs[0].Secret || len(s.Invites) != 1 {
			t.Error("a restart changed the room")
		}
		if m := b.Snapshot().Me; !m.Speaks || m.Mic {
			t.Errorf("the speaker comes back as %+v", m)
		}
		time.Sleep(5 * time.Second)
		if !a.sees(b) || !b.sees(a) {
			t.Error("after a restart they do not find each other")
		}
	})
}

// TestEpochAuthorDies covers a moderator who puts somebody out and dies before
// the secret is changed: somebody else does it.
func TestEpochAuthorDies(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		m := h.join("mona", a, a.invite(moderator))
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		time.Sleep(3 * time.Second)
		old := a.epoch()
		h.must(m.Kick(ctx, b.key.ID(), "", true))
		time.Sleep(200 * time.Millisecond)
		m.kill()
		time.Sleep(5 * time.Second)
		for _, g := range []*guest{a, c} {
			if e := g.epoch(); e.Commit == old.Commit || !e.Known {
				t.Errorf("%s: epoch %d, known %t", g.name, e.N, e.Known)
			}
		}
	})
}

// TestLostSecret covers an epoch whose secret died with its author: after a
// while somebody who may replaces it.
func TestLostSecret(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		m := h.join("mona", a, a.invite(moderator))
		inv := a.invite(listener)
		b, c := h.join("ben", a, inv), h.join("cleo", a, inv)
		time.Sleep(3 * time.Second)
		h.must(m.Kick(ctx, b.key.ID(), "", true))
		m.node.HandleAsk(nil) // hears no question any more
		time.Sleep(3 * time.Second)
		if e := a.epoch(); e.Known {
			t.Fatal("the secret came out although nobody was asked")
		}
		time.Sleep(10 * time.Second)
		for _, g := range []*guest{a, m, c} {
			if e := g.epoch(); !e.Known || e.Commit != a.epoch().Commit {
				t.Errorf("%s: epoch %d, known %t", g.name, e.N, e.Known)
			}
		}
	})
}

// TestEpochAfterVoidOne covers a new epoch after one whose author was removed
// on the other side of a partition: void ones count, too.
func TestEpochAfterVoidOne(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		m := h.join("mona", a, a.invite(moderator))
		inv := a.invite(listener)
		b, c, d := h.join("ben", a, inv), h.join("cleo", a, inv), h.join("dora", a, inv)
		time.Sleep(3 * time.Second)
		h.net.Split([]identity.ID{a.key.ID(), b.key.ID()}, []identity.ID{m.key.ID(), c.key.ID(), d.key.ID()})
		time.Sleep(10 * time.Second)
		for _, g := range []*guest{b, d} {
			h.must(m.Kick(ctx, g.key.ID(), "", true))
			time.Sleep(2 * time.Second)
		}
		void := m.epoch()
		h.must(a.Ban(ctx, m.key.ID(), "", true))
		time.Sleep(2 * time.Second)
		h.net.Heal()
		time.Sleep(5 * time.Second)
		h.must(a.Kick(ctx, c.key.ID(), "", true))
		time.Sleep(3 * time.Second)
		for _, g := range []*guest{a, b} {
			if e := g.epoch(); !e.Known || e.N != void.N+1 || g.Snapshot().State.Epoch.Stale {
				t.Errorf("%s: epoch %d after a void %d, known %t", g.name, e.N, void.N, e.Known)
			}
		}
	})
}

func TestRoughNetwork(t *testing.T) {
	meeting(t, rough, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		all := append(h.crowd(7, a, inv), a)
		time.Sleep(5 * time.Second)
		for _, g := range all[:6] {
			h.must(g.RaiseHand(ctx, true))
			time.Sleep(500 * time.Millisecond)
		}
		h.must(a.StageAdd(ctx, all[1].key.ID()))
		h.must(a.Kick(ctx, all[6].key.ID(), "", true))
		time.Sleep(10 * time.Second)
		rest := slices.Concat(all[:6], all[7:])
		h.agree(rest...)
		for _, g := range rest {
			want := []identity.ID{all[0].key.ID(), all[2].key.ID(), all[3].key.ID(), all[4].key.ID(), all[5].key.ID()}
			if got := g.waiting(); !slices.Equal(got, want) {
				t.Errorf("%s has another queue: %v", g.name, got)
			}
			if !g.epoch().Known {
				t.Errorf("%s lacks the secret", g.name)
			}
		}
	})
}

func TestValidators(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(listener))
		time.Sleep(time.Second)
		other := h.found("another room's owner")
		time.Sleep(3 * time.Second) // its heartbeats reach everybody: of another room
		if b.node.Bad() == 0 {
			t.Error("messages of another room were not called bad")
		}
		other.stop()
		time.Sleep(time.Second)
		bad := b.node.Bad()
		n := len(a.Snapshot().People)
		stranger := h.guest("stranger")
		stranger.node.Check(func(string, []byte) (bool, bool) { return true, false })
		for _, channel := range []string{room.ChannelLog, room.ChannelPresence, room.ChannelHands, "no such channel"} {
			h.must(stranger.node.Publish(ctx, channel, []byte("nonsense")))
		}
		time.Sleep(time.Second)
		if got := b.node.Bad() - bad; got != 4 {
			t.Errorf("%d of 4 nonsensical messages were called bad", got)
		}
		if len(a.Snapshot().People) != n {
			t.Error("a stranger's messages changed who is here")
		}
	})
}

func TestPreviewAndCard(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(identity.Terms{Role: identity.RoleListener, Uses: 2})
		b := h.join("ben", a, inv)
		time.Sleep(time.Second)
		soon := time.Now().Add(time.Hour)
		h.must(a.SetSchedule(ctx, soon, soon.Add(time.Hour), "tea"))
		time.Sleep(time.Second)
		n := a.Snapshot().Ops
		c := h.guest("cleo")
		cred, err := inv.Redeem(c.key, time.Now())
		h.must(err)
		for _, gate := range []*guest{a, b} {
			card, err := room.Peek(ctx, c.asks(gate), inv.Room, cred, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if card.Title != "the painted porch" || card.Count != 2 || !slices.Equal(card.Stage, []string{"anna"}) ||
				card.About != "tea" || card.Starts != uint64(soon.UnixMilli()) {
				t.Errorf("the preview at %s's says %+v", gate.name, card)
			}
		}
		if a.Snapshot().Ops != n {
			t.Error("looking has used the link up")
		}
		raw, err := b.Card("", "")
		h.must(err)
		card, err := room.ParseCard(raw)
		h.must(err)
		h.must(card.Verify(time.Now()))
		h.want(card.Verify(time.Now().Add(31*time.Minute)), room.ErrStale)
		if raw, err = a.Card(inv.String(), ""); err == nil {
			card, err = room.ParseCard(raw)
			h.must(err)
			h.want(card.Verify(time.Now()), identity.ErrWrongRoom) // not a listed room
		}
		h.must(a.Revoke(ctx, inv.Chain.Leaf().Hash(), true))
		_, err = room.Peek(ctx, c.asks(a), inv.Room, cred, time.Now())
		h.want(err, identity.ErrRevoked)
	})
}

func TestLeaveAndWatch(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		b := h.join("ben", a, a.invite(listener))
		time.Sleep(time.Second)
		watched := make(chan int)
		go func() {
			var last int
			for s := range a.Watch(ctx) {
				last = len(s.People)
			}
			watched <- last
		}()
		h.must(b.SetName(ctx, "benjamin\x1b[31m"))
		time.Sleep(time.Second)
		if p, _ := a.Snapshot().Person(b.key.ID()); p.Name != "benjamin[31m" {
			t.Errorf("the name arrives as %q", p.Name)
		}
		h.must(b.RaiseHand(ctx, true))
		time.Sleep(time.Second)
		h.must(b.Leave(ctx))
		time.Sleep(100 * time.Millisecond)
		if s := a.Snapshot(); len(s.People) != 1 || len(s.Hands) != 0 {
			t.Errorf("after somebody left: %d people, hands %v", len(s.People), s.Hands)
		}
		b.stop()
		a.stop()
		if n := <-watched; n != 1 {
			t.Errorf("the last snapshot watched had %d people", n)
		}
		h.want(b.RaiseHand(ctx, true), room.ErrStopped)
	})
}

func TestManyJoinAtOnce(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		inv := a.invite(listener)
		guests := 50
		if testing.Short() {
			guests = 20
		}
		errs := make(chan error)
		for i := range guests {
			g := h.guest(string(rune('A'+i)) + " in a hurry")
			go func() { errs <- g.enter(a, inv) }()
		}
		for range guests {
			h.must(<-errs)
		}
		time.Sleep(5 * time.Second)
		if n := len(a.Snapshot().People); n != guests+1 {
			t.Errorf("%d of %d are here", n, guests+1)
		}
	})
}
