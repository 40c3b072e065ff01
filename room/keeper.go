// What a room needs of a disk: everything confirmed survives a crash.

package room

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"stoa/identity"
)

// Keeper stores rooms. A method that returns nil has made its change durable;
// one that fails, or never returns because the machine died, has changed all
// of what it was asked to or nothing. Methods may be called by several
// goroutines at a time and do not keep their arguments.
type Keeper interface {
	// Create stores a room with its first operations and secrets. A room
	// that is there already gets the new record and what it lacked of the
	// rest.
	Create(rec Record, ops [][]byte, secrets []Secret) error

	// SaveOps adds operations and, when they announce an epoch that was made
	// here, its secret. Those that are there already are left alone.
	SaveOps(id identity.RoomID, ops [][]byte, secrets ...Secret) error

	// Ops returns every operation of a room in the order they were saved.
	Ops(id identity.RoomID) ([][]byte, error)

	// DropSecrets forgets the secrets of epochs that are over.
	DropSecrets(id identity.RoomID, commits ...identity.Hash) error

	// Secrets returns the epoch secrets of a room.
	Secrets(id identity.RoomID) ([]Secret, error)

	// SaveSeat replaces the Seat of a room's record.
	SaveSeat(id identity.RoomID, seat []byte) error

	// SaveInvite remembers an invite that was issued here, Invites lists
	// them in no particular order.
	SaveInvite(id identity.RoomID, inv Invited) error
	Invites(id identity.RoomID) ([]Invited, error)

	// SaveLines adds messages and replaces those of the same name, whose
	// texts are then kept no longer; of too many the oldest go. Lines lists what there
	// is, in the order in which it was added.
	SaveLines(id identity.RoomID, lines []Line) error
	Lines(id identity.RoomID) ([]Line, error)
}

// Record is what a person keeps of a room beside its operations.
type Record struct {
	Room       identity.RoomID
	Charter    []byte   // as signed: see [identity.ParseCharter]
	Rendezvous [16]byte // the key under which the room is found
	Credential []byte   // how this person came in: empty for an owner
	Seat       []byte   // what lets this person hear who is no member: see [ParseSeat]
	Title      string   // as it was last seen
	Left       bool     // the person left and does not want to be back
	Peers      []Peer   // who was here last, and where: the way back in
	Schedule   Schedule // when the room meets, as was last seen

	Ended  bool      // the room is over, as was seen here
	Pinned bool      // the person wants it at hand
	Last   time.Time // when this node was in it last; zero: it is not known
}

// Peer is a member's last known addresses.
type Peer struct {
	ID    identity.ID
	Addrs []string
}

// Secret is the key of an epoch and the hash that its operation commits to.
type Secret struct {
	Commit identity.Hash `cbor:"1,keyasint"` // SHA-256 of Key
	Key    [32]byte      `cbor:"2,keyasint"`
}

// newSecret makes one.
func newSecret() Secret {
	var s Secret
	rand.Read(s.Key[:]) // never fails: crypto/rand ends the program instead
	s.Commit = sha256.Sum256(s.Key[:])
	return s
}

// genuine tells whether the key is the one committed to.
func (s *Secret) genuine() bool { return sha256.Sum256(s.Key[:]) == s.Commit }

// Invited is an invite as its issuer remembers it.
type Invited struct {
	Grant   identity.Hash // the last grant of its chain: what Revoke takes
	Role    identity.Role
	Link    string // without address hints
	Label   string // the person it is for, when it is for one
	Made    time.Time
	Expires time.Time // zero: never
	Uses    uint32    // zero: any number
	Exact   bool      // the count holds even in a room that is split
}
