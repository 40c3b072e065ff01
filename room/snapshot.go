// What others see of a room: an immutable copy of everything, replaced whole.

package room

import (
	"strings"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// Snapshot is a room at one instant. It is shared and must not be changed.
// What happened between two instants is the difference of two snapshots.
type Snapshot struct {
	Room    identity.RoomID
	Charter *identity.Charter
	State   *State // title, members, who is muted and banned
	Me      Person // this member, also after being removed
	Live    bool   // this member may be in the room
	People  []Person
	Hands   []Raised
	Epochs  []EpochKey // newest first; the first is the room's current one
	Host    identity.ID
	Invites []Invited // that were issued here, newest first
	Ops     int       // operations in the log
	Chat    []Line    // the last MaxLines messages, oldest first

	// ClockFast is by how much this machine's clock is ahead of most people's here, to the minute: negative when it is behind, zero when it
	// is about right or too few are here to say.
	ClockFast time.Duration

	Seated   bool         // this person hears by a seat and is no member: Live is true and Me says what the seat allows
	Crowd    bool         // so many are here that relays carry those who only listen
	Audience int          // people whom relays carry, beside those of People; what the relays say, so not exact
	Relays   []RelayView  // by ID
	Floor    *relay.Floor // what the acting host said last that it hears; nil when it says nothing

	proof []byte // see Room.Proof
}

// Person is a member who is here. Snapshot.People is sorted by rank, then by
// ID, and holds this member too.
type Person struct {
	Member
	Name    string // as chosen; not unique and not to be trusted
	Session [8]byte
	Mic     bool     // says that its microphone is on
	Addrs   []string // where it says it may be reached
	Stage   bool     // may speak but for being muted, and wants to
	Speaks  bool     // may speak now, and wants to
	Aside   bool     // may speak, and has left the stage by their own will
	Muted   bool     // by a moderator
	Place   int      // in the queue of hands, from 1; 0 without a raised hand

	Hears []Hearing   // how they hear those on the stage, as they say, by ID; who is not named they say nothing of
	Relay identity.ID // who brings them voices, as they say; zero: nobody
	Helps bool        // they would carry the voices of two who cannot connect
	Deaf  bool        // they have no loudspeaker, as they say: nothing that comes is played
}

// Raised is a hand in the queue.
type Raised struct {
	Who   identity.ID
	Place int       // from 1
	Since time.Time // by the clock of who raised it
}

// EpochKey is a time during which the room's voices are sealed with one secret.
type EpochKey struct {
	N        uint32
	Commit   identity.Hash // SHA-256 of Secret
	Secret   [32]byte      // meaningless unless Known
	Known    bool          // the secret is here
	Seen     time.Time     // when its operation was first seen here
	Replaced time.Time     // when it stopped being the current one; zero for that one
}

// Speaking returns the epoch to seal under at an instant: the newest that was
// first seen [EpochDelay] ago or earlier. While there is none, because epochs
// followed one another fast, it is the one that the current one replaced.
// ok is false when its secret is not here: then nothing may be sent.
func (s *Snapshot) Speaking(now time.Time) (e EpochKey, ok bool) {
	if len(s.Epochs) == 0 {
		return EpochKey{}, false
	}
	for _, e := range s.Epochs {
		if !now.Before(e.Seen.Add(EpochDelay)) {
			return e, e.Known
		}
	}
	e = s.Epochs[min(1, len(s.Epochs)-1)]
	return e, e.Known
}

// Person returns a member who is here.
func (s *Snapshot) Person(id identity.ID) (Person, bool) {
	for _, p := range s.People {
		if p.ID == id {
			return p, true
		}
	}
	return Person{}, false
}

// FindInvite returns the invites issued here whose grant hash, as text, begins
// with prefix.
func (s *Snapshot) FindInvite(prefix string) []Invited {
	var found []Invited
	for _, inv := range s.Invites {
		if strings.HasPrefix(inv.Grant.String(), strings.ToLower(prefix)) {
			found = append(found, inv)
		}
	}
	return found
}
