package room

// This file holds the policy: which capability each kind needs, and who may act on whom, in one table.

import (
	"errors"

	"stoa/identity"
)

// Errors of State.May and State.Refuses, in words for the person concerned.
var (
	ErrNotMember = errors.New("not in this room")
	ErrNoRight   = errors.New("your role here does not include that")
	ErrOutranked = errors.New("that person's rank is as high as yours, or higher")
	ErrBanned    = errors.New("banned from this room")
	ErrKicked    = errors.New("put out of this room; somebody who moderates it can let you back in")
	ErrLocked    = errors.New("this room is locked: nobody new gets in for now")
	ErrClosed    = errors.New("this room has ended")
)

// May says whether the actor may do this to the target (zero for kinds that act on the room), in words a person understands.
// It is asked before Compose; Log.Add and the evaluation decide in the end. Errors: ErrNotMember, ErrNoRight, ErrOutranked, ErrClosed.
func (s *State) May(actor identity.ID, kind Kind, target identity.ID) error { panic("pending") }

// Under picks the grant to act under: the actor's strongest live grant that allows the kind, zero for a charter owner.
// ok is false when none does.
func (s *State) Under(actor identity.ID, kind Kind) (grant identity.Hash, ok bool) {
	panic("pending")
}
