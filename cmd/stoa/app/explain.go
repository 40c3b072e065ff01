// Errors in the words of the person who meets them.

package app

import (
	"context"
	"errors"
	"os"
	"syscall"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/keep"
)

// explanations says for errors that a person can do something about what it
// is. The first that fits is used.
var explanations = []struct {
	err              error
	code, text, hint string
}{
	{identity.ErrCutOff, "link_cut_off", "the link is cut off: its end is missing", "copy the whole link, from stoa: to its last letter"},
	{identity.ErrDamaged, "link_damaged", "the link is damaged: at least one letter is not as it was made", "copy the link again from where it was sent"},
	{identity.ErrExpired, "link_expired", "the link has expired", "ask whoever invited you for a new one"},
	{identity.ErrNotYet, "link_not_yet", "the link is not valid yet", "look at the clock of this machine, or wait"},
	{identity.ErrNotForYou, "link_not_for_you", "the link is for another person", "ask for a link made for your key: `stoa id` shows it"},
	{identity.ErrUsedUp, "link_used_up", "the link is used up: as many people as it allows have joined by it", "ask whoever invited you for a new one"},
	{identity.ErrRevoked, "link_revoked", "the link has been revoked", "ask whoever invited you for a new one"},
	{identity.ErrWrongRoom, "link_other_room", "the link is of another room", "ask whoever invited you for a link of this room"},
	{errElsewhere, "link_elsewhere", "the link is of another room than the people it leads to, or they have left it", "copy the link again from where it was sent, or ask for a new one"},
	{identity.ErrNotOwner, "link_no_right", "the link was not made by anyone who may invite to this room", "ask for a link from somebody in the room"},
	{identity.ErrForged, "link_no_right", "the link was not made by anyone who may invite to this room", "ask for a link from somebody in the room"},
	{identity.ErrWidened, "link_widened", "the link gives more than whoever made it may give", "ask for a link from somebody in the room"},
	{identity.ErrTooDeep, "link_too_deep", "the link was passed on too often", "ask for a link from somebody nearer to the room's owner"},
	{identity.ErrPassphrase, "wrong_passphrase", "the passphrase is wrong", "try again"},
	{room.ErrOnStage, "on_stage", "already on the stage", "`stoa who` shows who is"},
	{room.ErrAside, "aside", "has left the stage, and may come back", "`stoa stage up` by whoever it is brings them back"},
	{room.ErrOffStage, "off_stage", "not on the stage", "`stoa who` shows who is"},
	{room.ErrEmpty, "empty_text", "there is nothing to read in that", "write letters, digits or an emoji"},
	{room.ErrFast, "too_fast", "too much was written at once", "wait a few seconds"},
	{room.ErrNoKey, "no_room_key", "the key of this room has not come yet", "try again in a moment"},
	{room.ErrNoLine, "no_such_message", "there is no such message", "`stoa chat` lists the last ones"},
	{errBlocklist, "bad_blocklist", "that is no blocklist, or it was changed since it was signed", "ask for the file that `stoa blocked export` wrote"},
	{room.ErrMuted, "muted", "muted by a moderator", "raise your hand with `stoa hand`"},
	{room.ErrTooOften, "too_often", "the hand went up and down too often", "wait a few seconds"},
	{room.ErrNotAllowed, "not_allowed", "not allowed to do that in this room", "`stoa who` shows who may"},
	{room.ErrEarly, "from_future", "that comes from the future", "look at the clock of this machine"},
	{room.ErrStale, "out_of_date", "what was said of the room is out of date", "try again"},
	{keep.ErrNoRoom, "not_in_room", "this home is not in that room", "`stoa status` lists the rooms"},
	{keep.ErrVersion, "newer_home", "a newer stoa wrote the file with your rooms", "use that version, or a newer one"},
	{node.ErrEntered, "in_already", "this stoa is in that room already", "`stoa status` lists the rooms"},
	{node.ErrTooLarge, "too_large", "that is too large to be sent", "make it shorter"},
	{node.ErrImpostor, "impostor", "somebody else answered in place of a member", "try again"},
	{node.ErrRefused, "refused", "whoever was reached refused to answer", "try again in a moment"},
	{node.ErrBusy, "busy", "too much was asked at once", "try again in a moment"},
	{node.ErrFull, "relay_full", "the relay carries as many listeners as it can", "try again in a moment, or add a relay: `stoa help relay`"},
	{node.ErrServing, "carried_already", "this stoa carries that room already", "`stoa status` shows to how many"},
	{node.ErrMoved, "network_changed", "the network of this machine has changed meanwhile", "try again"},
	{node.ErrClosed, "network_left", "the network has been left", "start stoa again"},
	{syscall.ENOSPC, "disk_full", "the disk is full", "make room on it, then try again"},
	{syscall.EROFS, "disk_read_only", "the disk cannot be written to", "name another --home"},
	{os.ErrPermission, "no_permission", "this user may not read or write there", "look whose the files are, or name another --home"},
	{room.ErrKicked, "kicked", "you were put out of this room", "somebody who moderates it can let you back in"},
	{room.ErrBanned, "banned", "you are banned from this room", "only somebody who moderates it can change that"},
	{room.ErrLocked, "room_locked", "the room is locked: nobody new gets in for now", "ask somebody inside to unlock it"},
	{room.ErrClosed, "room_ended", "the room has ended", "open a new one with `stoa open TITLE`"},
	{room.ErrIssuerAway, "issuer_away", "the member who made this link counts its uses and is not in the room now", "try again when they are there, or ask for another link"},
	{room.ErrBusy, "room_busy", "the room is busy", "try again in a moment"},
	{room.ErrNoRight, "no_right", "your role here does not include that", "`stoa who` shows who may"},
	{room.ErrOutranked, "outranked", "that person's rank is as high as yours, or higher", "somebody of higher rank can do it: `stoa who` shows them"},
	{room.ErrRecording, "recording_on", "the room is being recorded already", "whoever records it, or somebody of higher rank, ends that with `stoa record off`"},
	{room.ErrNoRecording, "recording_off", "the room is not being recorded", "`stoa record on` asks everybody whether they may be"},
	{room.ErrNotMember, "not_member", "not a member of this room", "ask for a link"},
	{room.ErrNotHere, "no_such_person", "there is no such member in the room", "`stoa who` lists who is here"},
	{room.ErrStopped, "room_left", "the room has been left", ""},
	{room.ErrRefused, "room_refused", "the room refused", "ask whoever invited you for a new link"},
	{room.ErrLater, "room_busy", "too much happened in the room at once", "try again in a moment"},
	{room.ErrTooSoon, "measured_lately", "that relay was measured a few minutes ago already", "try again later"},
	{room.ErrLogFull, "log_full", "the room's history is full", "open a new room"},
	{keep.ErrInUse, "home_in_use", "another stoa runs with this home", "steer it with the verbs (`stoa help`), or give this one another --home"},
	{node.ErrUnreachable, "unreachable", "nobody of the room can be reached", "see that somebody is in the room and that this machine is online, then try again"},
	{errClosing, "ending", "this stoa is ending", "start it again"},
	{errNotRunning, "not_running", "no stoa runs with this home", "start one with `stoa`, `stoa open TITLE` or `stoa join LINK`"},
	{context.DeadlineExceeded, "took_too_long", "that took too long", "try again"},
	{context.Canceled, "interrupted", "interrupted", ""},
}

// codeOther is the code of an error for which there are no words.
const codeOther = "other"

// Explain turns any error into a sentence for the person and what to do next,
// which may be empty, with the code by which a page has them in other languages. What
// others have written, such as the reason for a removal, is made plain.
func Explain(err error) Problem {
	var user *UserError
	if errors.As(err, &user) {
		return Problem{user.Code, plain.Line(user.Text), plain.Line(user.Hint)}
	}
	for _, e := range explanations {
		if errors.Is(err, e.err) {
			return Problem{e.code, e.text, e.hint}
		}
	}
	return Problem{Code: codeOther, Text: plain.Line(err.Error())}
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
	p := Explain(err)
	return &UserError{Code: p.Code, Text: p.Text, Hint: p.Hint, Err: err}
}
