// What the book remembers of who is where, and forgets.

package node

import (
	"testing"

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
