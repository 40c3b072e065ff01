// Roles, capabilities and ranks.

package identity

import "fmt"

// Role is the word for what somebody is in a room. What counts is the capabilities and the rank of the
// grant; the role gives their defaults.
type Role uint8

// The roles. Owners are named by the charter and never granted.
const (
	RoleOwner Role = 1 + iota
	RoleModerator
	RoleSpeaker
	RoleListener
	RoleRelay
)

// Caps is a set of capabilities.
type Caps uint32

// The capabilities, one bit each.
const (
	CapHear   Caps = 1 << iota // receive the audio and its keys
	CapSpeak                   // be heard
	CapInvite                  // issue invites, as far as Depth allows
	CapMute                    // mute and unmute others
	CapStage                   // call to the stage and send from it
	CapKick                    // remove, and withdraw invites
	CapBan                     // remove for good, and pardon
	CapLock                    // close the door and open it
	CapTitle                   // change the title
	CapEnd                     // close the room
	CapRelay                   // carry audio for others

	capEnd // first bit that means nothing
)

// AllCaps is the set of all capabilities: an owner's.
const AllCaps = capEnd - 1

// Has reports whether c holds all of want.
func (c Caps) Has(want Caps) bool { return c&want == want }

// The roles that may carry audio for others are those that moderate and relay: in a crowd whoever carries seats people
// and is believed to have slots for them, which nobody should be able to who was called to the stage a minute ago. That two
// on the stage who cannot connect hear each other takes no capability: anybody else on the stage passes their voices on, who
// hears them anyway and can forge nothing. See package room.

// role is a row of the table of defaults.
type role struct {
	name  string
	caps  Caps
	rank  uint16
	depth uint8
}

var roles = [...]role{
	RoleOwner:     {"owner", AllCaps, 0, maxDepth},
	RoleModerator: {"moderator", AllCaps &^ CapEnd, 10, maxDepth},
	RoleSpeaker:   {"speaker", CapHear | CapSpeak, 100, 0},
	RoleListener:  {"listener", CapHear, 200, 0},
	RoleRelay:     {"relay", CapRelay, 250, 0},
}

// Valid reports whether r is one of the five roles.
func (r Role) Valid() bool { return r >= RoleOwner && int(r) < len(roles) }

func (r Role) row() role {
	if !r.Valid() {
		return role{}
	}
	return roles[r]
}

// String gives the role's word in lower case: "owner", "moderator", "speaker", "listener", "relay".
func (r Role) String() string {
	if !r.Valid() {
		return fmt.Sprintf("role(%d)", uint8(r))
	}
	return roles[r].name
}

// Caps gives the capabilities that the role has unless a grant says otherwise.
func (r Role) Caps() Caps { return r.row().caps }

// Rank gives the rank that the role has unless a grant says otherwise: owner 0, moderator 10, speaker 100,
// listener 200, relay 250. A lower number stands higher; only a strictly higher rank acts on somebody.
func (r Role) Rank() uint16 { return r.row().rank }

// Depth gives how many grants may follow below one of this role unless the grant says otherwise.
func (r Role) Depth() uint8 { return r.row().depth }

// ParseRole reads the form of [Role.String]. The error wraps [ErrMalformed].
func ParseRole(s string) (Role, error) {
	for r := RoleOwner; r.Valid(); r++ {
		if roles[r].name == s {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%w: no role is called %q", ErrMalformed, s)
}
