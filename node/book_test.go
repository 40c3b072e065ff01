// What the book remembers of who is where, and forgets.

package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

// A peer that signs as one made-up person after the other leaves nothing behind.
func TestBookForgetsWhomAPeerMadeUp(t *testing.T) {
	b := newBook()
	const liar = peer.ID("liar")
	for i := range byte(50) {
		if first := b.prove(identity.ID{1 + i}, liar); first != (i == 0) {
			t.Errorf("proof %d is the first: %t", i, first)
		}
	}
	if len(b.persons) != peerPersons {
		t.Errorf("one peer is %d people", len(b.persons))
	}
	if got := b.candidates(identity.ID{1}); len(got) != 1 || got[0].ID != liar {
		t.Errorf("the first of them is at %v", got)
	}
	b.gone(liar)
	if len(b.persons)+len(b.proved) > 0 {
		t.Errorf("%d people and %d peers are left when it has gone", len(b.persons), len(b.proved))
	}
}

// Whoever says first that a peer is his keeps nobody from proving it, and loses it then.
func TestWhoeverProvesAPeerHasIt(t *testing.T) {
	b := newBook()
	honest, liar := identity.ID{9}, identity.ID{1}
	const p = peer.ID("honest's")
	names := func(id identity.ID) bool {
		kept, _ := b.meet(id, []peer.AddrInfo{{ID: p}})
		return len(kept) == 1
	}
	if !names(liar) || !names(honest) {
		t.Fatal("a peer that nobody has proved is kept from who names it last")
	}
	b.prove(honest, p)
	if got := b.candidates(liar); len(got) != 0 {
		t.Errorf("after the proof the liar is at %v", got)
	}
	if names(liar) || !names(honest) {
		t.Error("the peer is the liar's")
	}
}

// Somebody who was here once is not a friend for ever.
func TestHavingMetExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		id := identity.ID{1}
		b.meet(id, []peer.AddrInfo{{ID: peerA}})
		if b.hasMet(id, meshLost) {
			t.Error("whoever says to be somewhere counts as having been here")
		}
		b.prove(id, peerA)
		time.Sleep(2 * meshLost)
		if !b.hasMet(id, meshLately) {
			t.Error("whoever is here counts as gone")
		}
		b.gone(peerA)
		time.Sleep(meshLately - time.Second)
		was := b.hasMet(id, meshLately)
		time.Sleep(2 * time.Second)
		if !was || b.hasMet(id, meshLately) || !b.hasMet(id, meshLost) {
			t.Error("somebody who has gone is remembered for too short or too long")
		}
	})
}
