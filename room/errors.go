// What can go wrong in a room, in words for the person who meets it, and the
// code that each such error has on the wire.

package room

import (
	"errors"

	"stoa/identity"
)

var (
	// ErrStopped is returned by actions of a room that does not run any more.
	ErrStopped = errors.New("the room has been left")
	// ErrBusy means that a member was asked too much at once: try again.
	ErrBusy = errors.New("the room is busy; try again in a moment")
	// ErrIssuerAway is returned for an invite with an exact count while the
	// only member who may count is not here.
	ErrIssuerAway = errors.New("the member who made this invite counts its uses and is not in the room now")
	// ErrNotMember means that who asked is not in the room, as far as who
	// was asked knows.
	ErrNotMember = errors.New("not a member of this room")
	// ErrNotHere means that a person is not among the members.
	ErrNotHere = errors.New("there is no such member in the room")
	// ErrRefused is every refusal that has no better name.
	ErrRefused = errors.New("the room refused")
)

// codes are the words for errors on the wire. They tell whoever asks no more
// than the person at the other end needs.
var codes = []struct {
	code string
	err  error
}{
	{"busy", ErrBusy},
	{"issuer away", ErrIssuerAway},
	{"not a member", ErrNotMember},
	{"revoked", identity.ErrRevoked},
	{"used up", identity.ErrUsedUp},
	{"expired", identity.ErrExpired},
	{"not yet", identity.ErrNotYet},
	{"not for you", identity.ErrNotForYou},
	{"wrong room", identity.ErrWrongRoom},
	{"forged", identity.ErrForged},
	{"not an owner's", identity.ErrNotOwner},
	{"kicked", ErrKicked},
	{"banned", ErrBanned},
	{"locked", ErrLocked},
	{"closed", ErrClosed},
	{"full", ErrLogFull},
	{"refused", ErrRefused},
}

// codeOf returns the word for err: "refused" for what has none.
func codeOf(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "refused"
}

// errorOf is the other way round. Unknown words are a refusal.
func errorOf(code string) error {
	for _, c := range codes {
		if c.code == code {
			return c.err
		}
	}
	return ErrRefused
}
