// Errors in the words of the person who meets them.

package app

import (
	"context"
	"errors"
	"os"
	"syscall"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/keep"
)

// explanations says for errors that a person can do something about what it
// is. The first that fits is used.
var explanations = []struct {
	err        error
	text, hint string
}{
	{identity.ErrCutOff, "the link is cut off: its end is missing", "copy the whole link, from stoa: to its last letter"},
	{identity.ErrDamaged, "the link is damaged: at least one letter is not as it was made", "copy the link again from where it was sent"},
	{identity.ErrExpired, "the link has expired", "ask whoever invited you for a new one"},
	{identity.ErrNotYet, "the link is not valid yet", "look at the clock of this machine, or wait"},
	{identity.ErrNotForYou, "the link is for another person", "ask for a link made for your key: `stoa id` shows it"},
	{identity.ErrUsedUp, "the link is used up: as many people as it allows have joined by it", "ask whoever invited you for a new one"},
	{identity.ErrRevoked, "the link has been revoked", "ask whoever invited you for a new one"},
	{identity.ErrWrongRoom, "the link is of another room", "ask whoever invited you for a link of this room"},
	{errElsewhere, "the link is of another room than the people it leads to, or they have left it", "copy the link again from where it was sent, or ask for a new one"},
	{identity.ErrNotOwner, "the link was not made by anyone who may invite to this room", "ask for a link from somebody in the room"},
	{identity.ErrForged, "the link was not made by anyone who may invite to this room", "ask for a link from somebody in the room"},
	{identity.ErrWidened, "the link gives more than whoever made it may give", "ask for a link from somebody in the room"},
	{identity.ErrTooDeep, "the link was passed on too often", "ask for a link from somebody nearer to the room's owner"},
	{identity.ErrPassphrase, "the passphrase is wrong", "try again"},
	{room.ErrOnStage, "already on the stage", "`stoa who` shows who is"},
	{room.ErrOffStage, "not on the stage", "`stoa who` shows who is"},
	{room.ErrMuted, "muted by a moderator", "raise your hand with `stoa hand`"},
	{room.ErrTooOften, "the hand went up and down too often", "wait a few seconds"},
	{room.ErrNotAllowed, "not allowed to do that in this room", "`stoa who` shows who may"},
	{room.ErrEarly, "that comes from the future", "look at the clock of this machine"},
	{room.ErrStale, "what was said of the room is out of date", "try again"},
	{keep.ErrNoRoom, "this home is not in that room", "`stoa status` lists the rooms"},
	{keep.ErrVersion, "a newer stoa wrote the file with your rooms", "use that version, or a newer one"},
	{node.ErrEntered, "this stoa is in that room already", "`stoa status` lists the rooms"},
	{node.ErrTooLarge, "that is too large to be sent", "make it shorter"},
	{node.ErrImpostor, "somebody else answered in place of a member", "try again"},
	{node.ErrRefused, "whoever was reached refused to answer", "try again in a moment"},
	{node.ErrBusy, "too much was asked at once", "try again in a moment"},
	{node.ErrFull, "the relay carries as many listeners as it can", "try again in a moment, or add a relay: `stoa help relay`"},
	{node.ErrServing, "this stoa carries that room already", "`stoa status` shows to how many"},
	{node.ErrMoved, "the network of this machine has changed meanwhile", "try again"},
	{node.ErrClosed, "the network has been left", "start stoa again"},
	{syscall.ENOSPC, "the disk is full", "make room on it, then try again"},
	{syscall.EROFS, "the disk cannot be written to", "name another --home"},
	{os.ErrPermission, "this user may not read or write there", "look whose the files are, or name another --home"},
	{room.ErrKicked, "you were put out of this room", "somebody who moderates it can let you back in"},
	{room.ErrBanned, "you are banned from this room", "only somebody who moderates it can change that"},
	{room.ErrLocked, "the room is locked: nobody new gets in for now", "ask somebody inside to unlock it"},
	{room.ErrClosed, "the room has ended", "open a new one with `stoa open TITLE`"},
	{room.ErrIssuerAway, "the member who made this link counts its uses and is not in the room now", "try again when they are there, or ask for another link"},
	{room.ErrBusy, "the room is busy", "try again in a moment"},
	{room.ErrNoRight, "your role here does not include that", "`stoa who` shows who may"},
	{room.ErrOutranked, "that person's rank is as high as yours, or higher", "somebody of higher rank can do it: `stoa who` shows them"},
	{room.ErrNotMember, "not a member of this room", "ask for a link"},
	{room.ErrNotHere, "there is no such member in the room", "`stoa who` lists who is here"},
	{room.ErrStopped, "the room has been left", ""},
	{room.ErrRefused, "the room refused", "ask whoever invited you for a new link"},
	{room.ErrLater, "too much happened in the room at once", "try again in a moment"},
	{room.ErrTooSoon, "that relay was measured a few minutes ago already", "try again later"},
	{room.ErrLogFull, "the room's history is full", "open a new room"},
	{keep.ErrInUse, "another stoa runs with this home", "steer it with the verbs (`stoa help`), or give this one another --home"},
	{node.ErrUnreachable, "nobody of the room can be reached", "see that somebody is in the room and that this machine is online, then try again"},
	{errNotRunning, "no stoa runs with this home", "start one with `stoa`, `stoa open TITLE` or `stoa join LINK`"},
	{context.DeadlineExceeded, "that took too long", "try again"},
	{context.Canceled, "interrupted", ""},
}

// explain turns any error into a sentence for the person and what to do next,
// which may be empty.
func explain(err error) (text, hint string) {
	var user *UserError
	if errors.As(err, &user) {
		return user.Text, user.Hint
	}
	for _, e := range explanations {
		if errors.Is(err, e.err) {
			return e.text, e.hint
		}
	}
	return err.Error(), ""
}

// asUserError makes what the command line prints out of any error.
func asUserError(err error) error {
	if err == nil {
		return nil
	}
	var user *UserError
	if errors.As(err, &user) {
		return user
	}
	text, hint := explain(err)
	return &UserError{Text: text, Hint: hint, Err: err}
}
