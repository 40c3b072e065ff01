// Crowds on the simulated network: relays that carry, newcomers with seats, hands from the audience.

package room_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
	"stoa/room/relay"
	"stoa/room/roomtest"
)

// carry makes a relay of a guest, as the program does: it offers slots, admits, feeds, and tells whom it carries. ghosts are people whom it
// claims to carry beside those, so that a test has a crowd without one.
func (g *guest) carry(slots uint16, ghosts int) {
	g.hall.t.Helper()
	g.hall.must(g.Advertise(ctx, room.AdvertArgs{Slots: slots, Addrs: []string{"/at/" + g.name}}))
	r, node := g.Room, g.node
	node.Serve(roomtest.Serving{
		Admit: r.Admits, Feed: r.FeedsAudience,
		Hears: func() (ids []identity.ID) {
			for _, p := range r.Snapshot().People {
				if p.Caps.Has(identity.CapHear) {
					ids = append(ids, p.ID)
				}
			}
			return ids
		},
		Commit: func() (c [8]byte) {
			if e := r.Snapshot().Epochs; len(e) > 0 {
				copy(c[:], e[0].Commit[:])
			}
			return c
		},
	})
	r.HandleRoster(node.Children)
	list := relay.NewAttendees(r.ID(), g.key.ID(), [8]byte{g.runs, g.name[0]})
	for i := range ghosts {
		list.Join(identity.ID{0xff, byte(i), byte(i >> 8), g.name[1]})
	}
	until, cancel := context.WithCancel(context.Background())
	g.hall.t.Cleanup(cancel)
	go func() {
		for range r.Watch(until) {
			node.Review()
		}
	}()
	go func() {
		here := make(map[identity.ID]bool)
		for until.Err() == nil {
			now := make(map[identity.ID]bool)
			for _, id := range node.Children() {
				now[id] = true
				if !here[id] {
					list.Join(id)
				}
			}
			for id := range here {
				if !now[id] {
					list.Leave(id)
				}
			}
			here = now
			if a, _ := list.Next(g.now()); a != nil {
				_ = r.PublishAttendance(until, a)
			}
			wait(until, 250*time.Millisecond)
		}
	}()
}

// wait sleeps unless ctx ends before.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// follow has a guest be in the audience when they belong there, as the program does: quiet, at two relays.
func (g *guest) follow() {
	r, node := g.Room, g.node
	until, cancel := context.WithCancel(context.Background())
	g.hall.t.Cleanup(cancel)
	go func() {
		for until.Err() == nil {
			s := r.Snapshot()
			if s.InAudience() {
				_ = r.SetQuiet(until, true)
				node.Quiet(true)
				g.attach(until, s)
			} else {
				node.Quiet(false)
				_ = r.SetQuiet(until, false)
				for _, id := range node.Attached() {
					node.Detach(id)
				}
			}
			if e := s.Epochs; len(e) > 0 && e[0].Known {
				node.Holds([8]byte(e[0].Commit[:8]))
			}
			wait(until, 100*time.Millisecond)
		}
	}()
}

// attach keeps two relays.
func (g *guest) attach(ctx context.Context, s *room.Snapshot) {
	have := g.node.Attached()
	var cs []relay.Candidate
	for _, v := range s.Relays {
		if v.Alive || len(have) == 0 {
			cs = append(cs, relay.Candidate{ID: v.ID, Slots: v.Weight, Beacon: v.Beacon})
		}
	}
	for _, c := range relay.Elect(g.key.ID(), cs) {
		if len(have) >= 2 {
			return
		}
		if !slices.Contains(have, c.ID) && g.node.Attach(ctx, c.ID, g.Proof()) == nil {
			have = append(have, c.ID)
		}
	}
}

// relayTerms are those of a big relay.
var relayTerms = identity.Terms{Role: identity.RoleRelay, Slots: 1000}

// porch is a crowd: anna who owns the room, sam who speaks, two relays that say that they carry a hundred.
type porch struct {
	*hall
	anna, sam, rita, rolf *guest
	link                  *identity.Invite // by which people come to listen
}

func crowded(t *testing.T, c roomtest.Conditions, f func(p *porch)) {
	t.Helper()
	meeting(t, c, func(h *hall) {
		p := &porch{hall: h}
		p.anna = h.found("anna")
		p.sam = h.join("sam", p.anna, p.anna.invite(speaker))
		carriers := p.anna.invite(relayTerms)
		p.rita, p.rolf = h.join("rita", p.anna, carriers), h.join("rolf", p.anna, carriers)
		p.rita.carry(1000, 60)
		p.rolf.carry(1000, 60)
		p.link = p.anna.invite(listener)
		time.Sleep(8 * time.Second)
		for _, g := range []*guest{p.anna, p.sam, p.rita, p.rolf} {
			if s := g.Snapshot(); !s.Crowd || s.Audience != 120 || len(s.Relays) != 2 || !s.Relays[0].Alive || s.Relays[0].Carries != 60 {
				t.Fatalf("%s sees no crowd: %d people, %d beside, relays %+v", g.name, len(s.People), s.Audience, s.Relays)
			}
		}
		f(p)
	})
}

// listens brings somebody in by the link, at a gate, and has them be in the audience.
func (p *porch) listens(name string, gate *guest) *guest {
	p.t.Helper()
	g := p.join(name, gate, p.link)
	g.follow()
	return g
}

func TestSeated(t *testing.T) {
	crowded(t, calm, func(p *porch) {
		before := p.anna.Snapshot().Ops
		byRelay := p.listens("carl", p.rita)
		byOwner := p.listens("dora", p.anna)
		byOwner.hall.agree(p.anna, byOwner)
		if !byOwner.epoch().Known {
			t.Error("the owner at the gate gave no secret")
		}
		time.Sleep(3 * time.Second)
		if ops := p.anna.Snapshot().Ops; ops != before {
			t.Errorf("seating two people took %d operations", ops-before)
		}
		for _, g := range []*guest{byRelay, byOwner} {
			s := g.Snapshot()
			if !s.Live || !s.Seated || !s.InAudience() || s.Me.Role != identity.RoleListener || !s.Crowd {
				t.Errorf("%s: live %t, seated %t, crowd %t, %s", g.name, s.Live, s.Seated, s.Crowd, s.Me.Role)
			}
			if !g.epoch().Known || g.epoch().Commit != p.anna.epoch().Commit {
				t.Errorf("%s has no secret", g.name)
			}
			if !g.sees(p.anna) || !g.sees(p.sam) || len(g.node.Attached()) != 2 {
				t.Errorf("%s sees %d people by %d relays", g.name, len(s.People), len(g.node.Attached()))
			}
			if s.Audience < 120 {
				t.Errorf("%s counts %d in the audience", g.name, s.Audience)
			}
		}
		time.Sleep(6 * time.Second)
		guests, more, err := p.sam.Roster(ctx, p.rita.key.ID(), 0)
		if err != nil || more || len(guests) != 2 || guests[0].Grant != p.link.Chain.Leaf().Hash() {
			t.Errorf("on the roster: %v, more %t, %v", guests, more, err)
		}
		if via, ok := p.anna.CameBy(ctx, byRelay.key.ID()); !ok {
			t.Errorf("by which link carl came: %v", via)
		}
		if _, ok := p.anna.CameBy(ctx, identity.ID{1}); ok {
			t.Error("a stranger came by a link")
		}
		if n := p.anna.Snapshot().Audience; n != 122 {
			t.Errorf("anna counts %d in the audience, want 122", n)
		}
		p.must(p.anna.SetTitle(ctx, "the crowded porch"))
		time.Sleep(time.Second)
		if got := byRelay.Snapshot().State.Title; got != "the crowded porch" {
			t.Errorf("the audience reads %q", got)
		}
		byRelay.kill()
		byRelay.restart()
		byRelay.follow()
		time.Sleep(3 * time.Second)
		if s := byRelay.Snapshot(); !s.Live || !s.Seated || !byRelay.epoch().Known {
			t.Errorf("back: live %t, seated %t", s.Live, s.Seated)
		}
	})
}

// out waits until somebody is out and fails when it takes longer than a second, or when a relay still carries them.
func (p *porch) out(g *guest) {
	p.t.Helper()
	time.Sleep(time.Second)
	for _, r := range []*guest{p.rita, p.rolf} {
		if slices.Contains(r.node.Children(), g.key.ID()) {
			p.t.Errorf("%s still carries %s", r.name, g.name)
		}
		if r.Admits(g.key.ID(), g.Proof()) == room.Yes {
			p.t.Errorf("%s would carry %s again", r.name, g.name)
		}
	}
}

func TestKickFromTheAudience(t *testing.T) {
	kinds := map[string]func(p *porch, g *guest) error{
		"kick":   func(p *porch, g *guest) error { return p.anna.Kick(ctx, g.key.ID(), "noise", true) },
		"ban":    func(p *porch, g *guest) error { return p.anna.Ban(ctx, g.key.ID(), "noise", true) },
		"revoke": func(p *porch, g *guest) error { return p.anna.Revoke(ctx, p.link.Chain.Leaf().Hash(), false) },
	}
	for name, act := range kinds {
		t.Run(name, func(t *testing.T) {
			crowded(t, calm, func(p *porch) {
				var stay []*guest
				if name != "revoke" { // which ends the seats of all who came by the link
					for _, n := range []string{"dora", "emil", "fred", "gina"} {
						stay = append(stay, p.listens(n, p.rita))
					}
				}
				carl := p.listens("carl", p.rolf)
				time.Sleep(8 * time.Second)
				old, proof := p.anna.epoch().Commit, carl.Proof()
				p.must(act(p, carl))
				p.out(carl)
				for _, r := range []*guest{p.rita, p.rolf} {
					if r.Admits(carl.key.ID(), proof) != room.No {
						t.Errorf("%s would carry carl on the proof he had", r.name)
					}
				}
				time.Sleep(2 * time.Second)
				if p.anna.epoch().Commit == old {
					t.Fatal("the secret is the old one")
				}
				for _, g := range append(stay, p.sam) {
					if e := g.epoch(); e.Commit != p.anna.epoch().Commit || !e.Known {
						t.Errorf("three seconds later %s has no new secret", g.name)
					}
				}
				time.Sleep(20 * time.Second)
				if e := carl.epoch(); e.Commit == p.anna.epoch().Commit && e.Known {
					t.Error("carl has the new secret")
				}
				if carl.Snapshot().Live {
					t.Error("carl does not know that he is out")
				}
			})
		})
	}
}

func TestClosedLinkAndSeats(t *testing.T) {
	crowded(t, calm, func(p *porch) {
		carl, emil := p.listens("carl", p.rita), p.listens("emil", p.anna)
		time.Sleep(time.Second)
		p.must(p.anna.Revoke(ctx, p.link.Chain.Leaf().Hash(), true))
		time.Sleep(time.Second)
		if _, err := p.guest("dora").knock(p.rita, p.link); !errors.Is(err, identity.ErrRevoked) {
			t.Errorf("by the closed link: %v", err)
		}
		p.must(p.anna.Lock(ctx, true))
		time.Sleep(time.Second)
		if s := carl.Snapshot(); !s.Live || p.rita.Admits(carl.key.ID(), carl.Proof()) != room.Yes {
			t.Error("who was seated before is out")
		}
		// Their invite admits nobody any more. The owner gives a grant to whom she seated herself.
		p.must(emil.RaiseHand(ctx, true))
		if err := carl.RaiseHand(ctx, true); !errors.Is(err, identity.ErrRevoked) && !errors.Is(err, room.ErrLocked) {
			t.Errorf("by the seat of a relay: %v", err)
		}
		time.Sleep(time.Second)
		if h := p.anna.Snapshot().Hands; len(h) != 1 || h[0].Who != emil.key.ID() {
			t.Errorf("hands %v", h)
		}
		if s := carl.Snapshot(); !s.Live || !s.Seated {
			t.Error("who may not stand up does not hear any more")
		}
	})
}

func TestHandFromTheAudience(t *testing.T) {
	crowded(t, calm, func(p *porch) {
		carl, dora := p.listens("carl", p.rita), p.listens("dora", p.rolf)
		time.Sleep(5 * time.Minute) // the redemption is long ago
		p.must(carl.RaiseHand(ctx, true))
		time.Sleep(2 * time.Second)
		s := carl.Snapshot()
		if s.Seated || s.InAudience() || s.Me.Place != 1 {
			t.Errorf("with a raised hand: seated %t, in the audience %t, place %d", s.Seated, s.InAudience(), s.Me.Place)
		}
		for _, g := range []*guest{p.anna, p.sam, p.rita, dora} {
			if h := g.Snapshot().Hands; len(h) != 1 || h[0].Who != carl.key.ID() || !g.sees(carl) {
				t.Errorf("%s sees the hands %v", g.name, h)
			}
		}
		p.must(p.anna.StageAdd(ctx, carl.key.ID()))
		p.must(p.anna.StageAdd(ctx, dora.key.ID())) // without a hand
		time.Sleep(3 * time.Second)
		for _, g := range []*guest{carl, dora} {
			if s := g.Snapshot(); !s.Me.Speaks || s.Seated || s.InAudience() || len(s.Hands) != 0 {
				t.Errorf("%s on the stage: %+v", g.name, s.Me)
			}
			if !p.anna.sees(g) {
				t.Errorf("anna does not see %s", g.name)
			}
		}
		p.must(p.anna.StageDrop(ctx, carl.key.ID()))
		time.Sleep(20 * time.Second)
		if s := carl.Snapshot(); !s.InAudience() || s.Seated || len(carl.node.Attached()) != 2 {
			t.Errorf("down again: in the audience %t, seated %t", s.InAudience(), s.Seated)
		}
		if p.anna.sees(carl) {
			t.Error("somebody quiet is still among the people")
		}
	})
}

func TestSeatsOfAGateThatGoes(t *testing.T) {
	crowded(t, calm, func(p *porch) {
		carl := p.listens("carl", p.rita)
		time.Sleep(3 * time.Second)
		old := carl.Proof()
		p.must(p.anna.Kick(ctx, p.rita.key.ID(), "lies", true))
		time.Sleep(10 * time.Second)
		if p.rolf.Admits(carl.key.ID(), old) == room.Yes {
			t.Error("the seat counts though its gate is gone")
		}
		s := carl.Snapshot()
		if !s.Live || !s.Seated || p.rolf.Admits(carl.key.ID(), carl.Proof()) != room.Yes {
			t.Errorf("carl has no new seat: live %t", s.Live)
		}
		if !carl.epoch().Known || carl.epoch().Commit != p.anna.epoch().Commit {
			t.Error("carl has no secret")
		}
		if rec, err := carl.keeper.Record(carl.ID()); err != nil || len(rec.Seat) == 0 || slices.Equal(rec.Seat, carl.record.Seat) {
			t.Errorf("the new seat is not kept: %v", err)
		}
	})
}

// TestTurningQuiet is a room whose people turn quiet when a relay comes: nobody is thought to have gone and no secret is replaced.
func TestTurningQuiet(t *testing.T) {
	n := 51
	if testing.Short() {
		n = 26 // fifty people are loud for a minute
	}
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		r := h.join("rita", a, a.invite(relayTerms))
		all := h.crowd(n, a, a.invite(listener))
		for _, g := range all {
			g.follow()
		}
		time.Sleep(5 * time.Second)
		if s := a.Snapshot(); s.Crowd || len(s.People) != n+2 {
			t.Fatalf("crowd %t with %d people and no relay", s.Crowd, len(s.People))
		}
		r.carry(1000, 0)
		time.Sleep(35 * time.Second) // the relay gets its beacon meanwhile
		epoch, low := a.epoch().N, 1000
		for range 15 {
			time.Sleep(time.Second)
			s := a.Snapshot()
			low = min(low, len(s.People)+s.Audience)
			if !s.Crowd {
				t.Fatal("no crowd any more")
			}
		}
		s := a.Snapshot()
		if len(s.People) != 2 || s.Audience != n || low < n {
			t.Errorf("%d people, %d beside, at the least %d together", len(s.People), s.Audience, low)
		}
		if a.epoch().N != epoch || epoch != 2 {
			t.Errorf("epoch %d became %d", epoch, a.epoch().N)
		}
		for _, g := range all {
			if s := g.Snapshot(); !s.Crowd || len(s.People) != 3 || !g.epoch().Known {
				t.Errorf("%s: crowd %t, %d people", g.name, s.Crowd, len(s.People))
			}
		}
		guests, more, err := a.Roster(ctx, r.key.ID(), 0)
		if err != nil || more || len(guests) != n {
			t.Errorf("%d guests, more %t, %v", len(guests), more, err)
		}
		for _, g := range guests {
			if g.Name == "" {
				t.Error("somebody is not remembered by their name")
			}
		}
		r.kill()
		time.Sleep(30 * time.Second)
		if !a.Snapshot().Crowd {
			t.Error("everybody comes back though the relay may start anew")
		}
		time.Sleep(30 * time.Second) // without a relay there is no crowd: everybody is back
		if s := a.Snapshot(); s.Crowd || len(s.People) != n+1 {
			t.Errorf("without the relay: crowd %t, %d people", s.Crowd, len(s.People))
		}
	})
}

// TestHandoff is a kick among fifty who are seated: the new secret is with every one of them three seconds later, handed from one to the
// next, and never with who was put out.
func TestHandoff(t *testing.T) {
	crowded(t, calm, func(p *porch) {
		guests := 50
		if testing.Short() {
			guests = 15
		}
		var all []*guest
		for i := range guests {
			gate := []*guest{p.rita, p.rolf}[i%2]
			all = append(all, p.listens("seat "+string(rune('A'+i)), gate))
		}
		time.Sleep(8 * time.Second)
		out := all[7]
		proof := out.Proof()
		p.must(p.anna.Kick(ctx, out.key.ID(), "", true))
		time.Sleep(3 * time.Second)
		want := p.anna.epoch()
		if want.N != 3 && want.N != 2 || p.anna.Snapshot().State.Epoch.Stale {
			t.Fatalf("epoch %d", want.N)
		}
		late := 0
		for _, g := range append(slices.Clone(all), p.sam) {
			if e := g.epoch(); g != out && (e.Commit != want.Commit || !e.Known) {
				late++
			}
		}
		if late > 0 {
			t.Errorf("%d of %d have no new secret after three seconds", late, guests+1)
		}
		// He asks on, by whatever means he has left.
		for _, g := range append(slices.Clone(all[:5]), p.anna, p.sam) {
			for _, q := range [][]byte{room.AskSecret(want.Commit, proof), room.AskSecret(want.Commit, nil)} {
				if room.Answered(out.asks(g)(ctx, q)) {
					t.Errorf("%s gives the secret to who was put out", g.name)
				}
			}
		}
		for _, g := range all[:3] {
			if q := room.AskSecret(want.Commit, g.Proof()); room.Answered(out.asks(p.anna)(ctx, q)) {
				t.Error("another's proof gets the secret")
			}
			if q := room.AskSecret(want.Commit, g.Proof()); !room.Answered(g.asks(p.anna)(ctx, q)) {
				t.Error("who is seated gets no secret")
			}
		}
		time.Sleep(12 * time.Second)
		if e := out.epoch(); e.Commit == want.Commit && e.Known {
			t.Error("who was put out has the secret")
		}
		if n := p.anna.Snapshot().Audience; n != 120+guests-1 {
			t.Errorf("%d in the audience", n)
		}
	})
}

// TestLateAdvert has a relay say at once who it carries, and change what it offers only after five minutes.
func TestLateAdvert(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		r := h.join("rita", a, a.invite(relayTerms))
		offer := func(slots uint16) {
			h.must(r.Advertise(ctx, room.AdvertArgs{Slots: slots, Addrs: []string{"/at/rita"}}))
			time.Sleep(time.Second)
		}
		slots := func() int {
			if list := a.Snapshot().Relays; len(list) == 1 {
				return int(list[0].Slots)
			}
			return 0
		}
		offer(7)
		offer(80)
		offer(90)
		if slots() != 7 {
			t.Errorf("%d slots at once", slots())
		}
		ops := a.Snapshot().Ops
		h.want(a.SubmitAudit(ctx, a.key.ID(), 100), room.ErrNotHere)
		h.must(a.SubmitAudit(ctx, r.key.ID(), 64*3))
		h.want(a.SubmitAudit(ctx, r.key.ID(), 64*3), room.ErrTooSoon)
		h.want(a.Advertise(ctx, room.AdvertArgs{Addrs: []string{""}}), identity.ErrMalformed)
		if slots() != 7 {
			t.Errorf("%d slots after an audit by one", slots())
		}
		time.Sleep(6 * time.Minute)
		h.must(a.SubmitAudit(ctx, r.key.ID(), 64*80))
		time.Sleep(time.Second)
		if slots() != 80 {
			t.Errorf("%d slots in the end", slots())
		}
		// Two audits, the last of three offers, and one epoch for the beacon.
		if s := a.Snapshot(); s.Ops != ops+4 || s.Relays[0].Beacon.IsZero() || s.State.Epoch.N != 2 {
			t.Errorf("%d operations, epoch %d, beacon %s", s.Ops-ops, s.State.Epoch.N, s.Relays[0].Beacon.Short())
		}
		h.must(r.Advertise(ctx, room.AdvertArgs{Slots: 90, Addrs: []string{"/at/rita"}})) // what it says already
		listens := h.join("carl", a, a.invite(listener))
		h.want(listens.Advertise(ctx, room.AdvertArgs{Slots: 1}), room.ErrNoRight)
		h.want(listens.SubmitAudit(ctx, r.key.ID(), 1), room.ErrNoRight)
	})
}

// TestRelayAtTheGate is a relay that lets people into a small room: as members, without the secrets, which it does not have.
func TestRelayAtTheGate(t *testing.T) {
	meeting(t, calm, func(h *hall) {
		a := h.found("anna")
		r := h.join("rita", a, a.invite(relayTerms))
		r.carry(10, 0)
		time.Sleep(3 * time.Second)
		link := a.invite(listener)
		c := h.guest("carl")
		cred, err := link.Redeem(c.key, time.Now())
		h.must(err)
		card, err := room.Peek(ctx, c.asks(r), link.Room, cred, time.Now())
		if err != nil || card.Title != "the painted porch" || card.By != r.key.ID() {
			t.Fatalf("preview: %v", err)
		}
		w, err := c.knock(r, link)
		if err != nil || len(w.Secrets) != 0 || len(w.Seat) != 0 {
			t.Fatalf("%v, a welcome with %d secrets and a seat of %d bytes", err, len(w.Secrets), len(w.Seat))
		}
		if c.record, err = w.Keep(c.keeper, link.Rendezvous); err != nil {
			t.Fatal(err)
		}
		c.start(w)
		time.Sleep(2 * time.Second)
		if !c.epoch().Known || r.epoch().Known || c.Snapshot().Seated {
			t.Errorf("secrets: carl %t, the relay %t", c.epoch().Known, r.epoch().Known)
		}
		if room.Answered(r.asks(a)(ctx, room.AskSecret(a.epoch().Commit, r.Proof()))) {
			t.Error("a blind relay gets the secret")
		}
		h.agree(a, r, c)
		time.Sleep(6 * time.Minute) // which brings the relay a beacon
		late := a.Snapshot().State.Epoch
		if got := a.Snapshot().Relays[0].Beacon; got != late.Op || late.N != 2 || c.epoch().Commit != late.Commit || !c.epoch().Known {
			t.Errorf("beacon %s, epoch %d", got.Short(), late.N)
		}
	})
}
