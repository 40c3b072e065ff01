package room

// This file holds the state of a room: an immutable picture of who is in, what they may do, and what the room is called.

import "stoa/identity"

// State is a pure function of the charter and the set of operations. Nobody changes it, so it may be shared.
type State struct {
	Room    identity.RoomID
	Title   string
	Locked  bool // admissions of ranks below the lock's author are void
	Closed  bool // enough owners ended the room
	Members map[identity.ID]Member
	Muted   map[identity.ID]Mark
	Banned  map[identity.ID]Mark
	Kicked  map[identity.ID]Mark // put out, and not let back; not also in Banned
	Epoch   Epoch
	Root    identity.Hash // SHA-256 over the canonical CBOR of all of the above but Epoch.Stale
}

// Mark says who did something to a person.
type Mark struct {
	By     identity.ID
	Op     identity.Hash
	Reason string
	Time   uint64 // unix ms as the author claims
}

// Epoch is the current commitment to a media secret. The zero value: none yet.
type Epoch struct {
	Commit identity.Hash
	N      uint32
	Op     identity.Hash
	By     identity.ID
	// Stale: somebody has been put out since, or on the other side of a partition, who may hold this secret. Whoever may
	// compose an epoch should.
	Stale bool
}

// Member is somebody who is in: the charter's owners always, others while a grant of theirs lives.
type Member struct {
	ID         identity.ID
	Role       identity.Role       // of the strongest live grant
	Caps       identity.Caps       // of all live grants together
	Rank       uint16              // of the strongest live grant; lower is stronger
	Grant      identity.Hash       // the strongest live grant; zero for a charter owner
	Credential identity.Credential // proves the strongest grant; nil for a charter owner
	Via        identity.Hash       // the invite they were admitted by; zero when none
	By         identity.ID         // the issuer of that invite or of their first grant: who brought them
	Expires    uint64              // unix ms when the strongest grant lapses; 0 never. See State.At
}

// At is the state as it stands at a time, unix ms: members whose personal grants have lapsed by then fall back to the
// grants that are left, or are out. It returns s itself when nothing has lapsed. Root stays: it says what was agreed, not when.
func (s *State) At(now uint64) *State { panic("pending") }

// CanSpeak reports whether the person's voice is to be heard: in, allowed to speak, not muted, room not closed.
func (s *State) CanSpeak(id identity.ID) bool { panic("pending") }

// CanHear reports whether the person may have the epoch secrets.
func (s *State) CanHear(id identity.ID) bool { panic("pending") }

// Uses counts the persons whom the invite grant has admitted.
func (s *State) Uses(grant identity.Hash) int { panic("pending") }

// Refuses says why an admission on this credential, seeing all this state has seen, would be void; nil when it would stand.
// Errors: identity.ErrRevoked, identity.ErrUsedUp, ErrBanned, ErrKicked, ErrLocked, ErrClosed. It does not verify the credential.
func (s *State) Refuses(cred identity.Credential) error { panic("pending") }
