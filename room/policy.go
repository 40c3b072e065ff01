// This file holds the policy: which capability each kind needs, and who may act on whom, in one table.

package room

import (
	"errors"

	"stoa/identity"
)

// Errors of State.May and State.Refuses, in words for the person concerned. State.May also returns ErrNotMember.
var (
	ErrNoRight   = errors.New("your role here does not include that")
	ErrOutranked = errors.New("that person's rank is as high as yours, or higher")
	ErrBanned    = errors.New("banned from this room")
	ErrKicked    = errors.New("put out of this room; somebody who moderates it can let you back in")
	ErrLocked    = errors.New("this room is locked: nobody new gets in for now")
	ErrClosed    = errors.New("this room has ended")
)

// nobody is the rank of a person without a grant.
const nobody = 65535

// needs lists for each kind the capabilities of which the grant acted under must have at least one. Who withdraws rights changes the
// key as well, so whatever lets one revoke lets one begin an epoch. An admit needs none: the credential speaks for itself.
var needs = [...]identity.Caps{
	KindAdmit:  identity.AllCaps,
	KindGrant:  identity.CapStage,
	KindRevoke: identity.CapInvite | identity.CapStage | identity.CapKick | identity.CapBan,
	KindMute:   identity.CapMute,
	KindUnmute: identity.CapMute,
	KindKick:   identity.CapKick,
	KindBan:    identity.CapBan,
	KindPardon: identity.CapKick | identity.CapBan,
	KindLock:   identity.CapLock,
	KindUnlock: identity.CapLock,
	KindTitle:  identity.CapTitle,
	KindEpoch:  identity.CapInvite | identity.CapStage | identity.CapKick | identity.CapBan,
	KindClose:  identity.CapEnd,
	KindAdvert: identity.CapRelay,
	KindAudit:  identity.AllCaps &^ (identity.CapHear | identity.CapRelay),

	KindSchedule: identity.CapTitle,
	KindRecord:   identity.CapMute,
	KindConsent:  identity.AllCaps,
	KindLower:    identity.CapStage,
}

// allows reports whether a grant with these capabilities covers the kind.
func allows(caps identity.Caps, kind Kind) bool { return caps&needs[kind] != 0 }

// May says whether the actor may do this to the target (zero for kinds that act on the room), in words a person understands.
// It is asked before Compose; Log.Add and the evaluation decide in the end. Errors: ErrNotMember, ErrNoRight, ErrOutranked, ErrClosed.
func (s *State) May(actor identity.ID, kind Kind, target identity.ID) error {
	m, in := s.Members[actor]
	switch {
	case !in:
		return ErrNotMember
	case s.Closed:
		return ErrClosed
	case kind == KindAdmit:
		return nil
	case !kind.known() || kind == KindClose && m.Role != identity.RoleOwner:
		return ErrNoRight
	}
	u, ok := s.under(actor, kind)
	switch {
	case !ok:
		return ErrNoRight
	case kind.overPerson() && u.rank >= s.rank(target):
		return ErrOutranked
	}
	return nil
}

// Under picks the grant to act under: the actor's strongest live grant that covers the kind, zero for a charter owner.
// ok is false when none does.
func (s *State) Under(actor identity.ID, kind Kind) (grant identity.Hash, ok bool) {
	u, ok := s.under(actor, kind)
	return u.grant, ok
}

// under is Under with the rank of the grant.
func (s *State) under(actor identity.ID, kind Kind) (u step, ok bool) {
	if !kind.known() {
		return u, false
	}
	if s.charter.IsOwner(actor) {
		return u, true
	}
	for _, c := range s.live[actor] {
		if allows(c.grant.Caps, kind) {
			return c.own(), true
		}
	}
	return u, false
}

// rank is a person's: of their strongest live grant, 0 for owners, that of nobody for who is not in.
func (s *State) rank(id identity.ID) uint16 {
	if m, in := s.Members[id]; in {
		return m.Rank
	}
	return nobody
}
