// Errors that a caller tells apart. Their words are shown to people as they are.

package identity

import "errors"

var (
	// ErrCutOff: the end of a link or record is missing.
	ErrCutOff = errors.New("the link is cut off: its end is missing")
	// ErrDamaged: some of it was altered on the way.
	ErrDamaged = errors.New("damaged: part of it was altered on the way")
	// ErrMalformed: it is not what it claims to be, or is written in another way than the only permitted one.
	ErrMalformed = errors.New("malformed")
	// ErrExpired: the time in which it could be used is over.
	ErrExpired = errors.New("expired")
	// ErrNotYet: the time in which it can be used has not begun.
	ErrNotYet = errors.New("not valid yet")
	// ErrNotForYou: the invitation names somebody else.
	ErrNotForYou = errors.New("this invitation is for another person")
	// ErrWrongRoom: it belongs to another room.
	ErrWrongRoom = errors.New("this belongs to another room")
	// ErrForged: a signature does not hold.
	ErrForged = errors.New("forged: the signature does not hold")
	// ErrWidened: a grant gives more than its issuer had.
	ErrWidened = errors.New("gives more rights than its issuer had")
	// ErrTooDeep: a chain of grants is longer than allowed.
	ErrTooDeep = errors.New("passed on more often than allowed")
	// ErrNotOwner: the chain does not begin with an owner of the room.
	ErrNotOwner = errors.New("not given by an owner of the room")
	// ErrRevoked: the grant, or one above it, was withdrawn. Used by package room, which knows the log.
	ErrRevoked = errors.New("this invitation was withdrawn")
	// ErrUsedUp: a counted invitation has been used as often as it may. Used by package room.
	ErrUsedUp = errors.New("this invitation is used up")
	// ErrPassphrase: a passphrase is wrong, or needed and missing.
	ErrPassphrase = errors.New("wrong or missing passphrase")
)
