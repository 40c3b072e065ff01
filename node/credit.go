// Credit: which children a relay believes to hold a secret. Pure but for its lock.
//
// Holds is what a child says of itself, and its answers are closed to the relay. But who
// was answered and asks the same again, and still does not hold the secret, was not told it.

package node

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

const (
	creditPeople   = 1 << 15       // askers of one secret; after as many more all is forgotten
	complaintsEach = somebodyPeers // of one person, who may be the liar, about one secret
)

// A credit is about one secret at a time. The zero credit believes everybody. Safe for
// concurrent use.
type credit struct {
	mu     sync.Mutex
	commit [8]byte
	askers map[identity.ID]*asked
	liars  map[identity.ID]bool
}

// asked is what a person asked last.
type asked struct {
	peer       peer.ID
	question   [32]byte    // hash of it
	by         identity.ID // the child that answered, if one did
	complaints int
}

// turn forgets what was about another secret. The caller holds mu.
func (cr *credit) turn(commit [8]byte) {
	if cr.askers == nil || cr.commit != commit || len(cr.askers) >= creditPeople {
		cr.commit, cr.askers, cr.liars = commit, make(map[identity.ID]*asked), make(map[identity.ID]bool)
	}
}

// asks notes a question about the secret. From a child without the secret, the same
// question again is a complaint about who answered it.
func (cr *credit) asks(k childKey, commit [8]byte, holds bool, question [32]byte) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	cr.turn(commit)
	a := cr.askers[k.id]
	if a == nil {
		a = &asked{}
		cr.askers[k.id] = a
	}
	if again := a.peer == k.peer && a.question == question; again && !holds && !a.by.IsZero() && a.complaints < complaintsEach {
		a.complaints++
		cr.liars[a.by] = true
	}
	a.peer, a.question, a.by = k.peer, question, identity.ID{}
}

// gave notes who answered the question.
func (cr *credit) gave(k childKey, commit [8]byte, by identity.ID) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if a := cr.askers[k.id]; a != nil && cr.commit == commit && a.peer == k.peer {
		a.by = by
	}
}

// believes says whether nobody complained about a person who claims to hold the secret.
func (cr *credit) believes(id identity.ID, commit [8]byte) bool {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	return cr.commit != commit || !cr.liars[id]
}
