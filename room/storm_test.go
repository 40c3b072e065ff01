// Seeded storms: people do whatever comes to mind on a network that loses,
// repeats, reorders and splits, and machines die. When it calms down, all who
// are in know the same.

package room_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"stoa/identity"
)

func TestStorms(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			meeting(t, rough, func(h *hall) { storm(h, rand.New(rand.NewPCG(seed, 77))) })
		})
	}
}

func storm(h *hall, rnd *rand.Rand) {
	a := h.found("anna")
	m := h.join("mona", a, a.invite(moderator))
	all := append([]*guest{a, m}, h.crowd(6, a, a.invite(listener))...)
	time.Sleep(3 * time.Second)
	pick := func() *guest { return all[rnd.IntN(len(all))] }
	down := make(map[*guest]bool)
	for range 120 {
		who, whom := pick(), pick()
		if down[who] {
			who.restart()
			delete(down, who)
		}
		// Most of what people try is not allowed; that is part of it.
		switch rnd.IntN(15) {
		case 0, 1, 2:
			_ = who.RaiseHand(ctx, rnd.IntN(3) > 0)
		case 3:
			_ = who.StageAdd(ctx, whom.key.ID())
		case 4:
			_ = who.StageDrop(ctx, whom.key.ID())
		case 5:
			_ = who.Mute(ctx, whom.key.ID())
		case 6:
			_ = who.Unmute(ctx, whom.key.ID())
		case 7:
			_ = who.Kick(ctx, whom.key.ID(), "", true)
		case 8:
			_ = who.Ban(ctx, whom.key.ID(), "", true)
		case 9, 10:
			_ = a.Pardon(ctx, whom.key.ID())
		case 11:
			_ = who.SetTitle(ctx, fmt.Sprint("by ", who.name))
		case 12:
			who.kill()
			down[who] = true
		case 13:
			h.scatter(rnd, all)
		case 14:
			_ = who.LowerHand(ctx, whom.key.ID())
		}
		time.Sleep(time.Duration(rnd.IntN(1500)) * time.Millisecond)
	}
	for g := range down {
		g.restart()
	}
	h.net.Heal()
	h.net.Change(calm)
	time.Sleep(20 * time.Second)
	settled(h, a, all)
}

// scatter splits the network at random, or heals it.
func (h *hall) scatter(rnd *rand.Rand, all []*guest) {
	sides := make([][]identity.ID, 1+rnd.IntN(3))
	for _, g := range all {
		i := rnd.IntN(len(sides))
		sides[i] = append(sides[i], g.key.ID())
	}
	h.net.Split(sides...)
}

// settled asks of all who are in, as the owner sees it, that they know the
// same, and of the others that they know to be out.
func settled(h *hall, a *guest, all []*guest) {
	h.t.Helper()
	want := a.Snapshot()
	if want.State.Epoch.Stale {
		h.t.Error("the secret is one that somebody removed may know")
	}
	for _, g := range all {
		s := g.Snapshot()
		if _, in := want.State.Members[g.key.ID()]; !in {
			if s.Live {
				h.t.Errorf("%s was put out and does not know", g.name)
			}
			if g.epoch().Known && g.epoch().Commit == want.State.Epoch.Commit {
				h.t.Errorf("%s was put out and has the secret", g.name)
			}
			continue
		}
		h.agree(a, g)
		if !s.Live || !g.epoch().Known || g.epoch().Commit != want.State.Epoch.Commit {
			h.t.Errorf("%s: live %t, secret known %t", g.name, s.Live, g.epoch().Known)
		}
		if !slices.Equal(s.Hands, want.Hands) {
			h.t.Errorf("%s has the queue %v, anna %v", g.name, s.Hands, want.Hands)
		}
		if len(s.People) != len(want.People) || len(s.People) != len(want.State.Members) {
			h.t.Errorf("%s sees %d people, anna %d, members are %d", g.name, len(s.People), len(want.People), len(want.State.Members))
		}
	}
}
