// Who is meant by a PERSON, and which room by a ROOM, on the command line.

package app

import (
	"fmt"
	"slices"
	"strings"

	"stoa/identity"
	"stoa/room"
)

// sureKey is how many letters of a key `stoa who` shows. Fewer may be somebody's
// name by chance; so many are one only if somebody wants to be taken for another.
const sureKey = 8

// findPerson resolves the name or the beginning of the key of a member, or the
// whole key of anybody. It is an error when nobody or more than one fits: a verb
// such as kick must not guess. Names are compared whole and without regard to case.
func findPerson(s *room.Snapshot, text string) (identity.ID, error) {
	want := strings.ToLower(strings.TrimSpace(text))
	if want == "" {
		return identity.ID{}, &UserError{Code: "person_missing", Text: "the person is missing", Hint: "name them as `stoa who` does: their name, or the beginning of their key"}
	}
	var named, keyed []identity.ID
	for _, p := range s.People {
		if strings.ToLower(p.Name) == want {
			named = append(named, p.ID)
		}
	}
	known := map[identity.ID]bool{}
	consider := func(id identity.ID) {
		if !known[id] && strings.HasPrefix(id.String(), want) {
			known[id] = true
			keyed = append(keyed, id)
		}
	}
	for id := range s.State.Members {
		consider(id)
	}
	for id := range s.State.Banned { // whom one may want to pardon
		consider(id)
	}
	for id := range s.State.Kicked {
		consider(id)
	}
	switch {
	case len(named) == 1 && len(want) >= sureKey && slices.ContainsFunc(keyed, func(id identity.ID) bool { return id != named[0] }):
		return identity.ID{}, &UserError{
			Code: "several_people",
			Text: fmt.Sprintf("%q is the name of one person and begins the key of another", text),
			Hint: "give the whole key, or more of it",
		}
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1:
		return identity.ID{}, &UserError{
			Code: "several_people",
			Text: fmt.Sprintf("%d people here are called %q", len(named), text),
			Hint: "use the beginning of the key that `stoa who` shows",
		}
	case len(keyed) == 1:
		return keyed[0], nil
	case len(keyed) > 1:
		return identity.ID{}, &UserError{
			Code: "several_people",
			Text: fmt.Sprintf("%d keys begin with %q", len(keyed), text),
			Hint: "give more of the key",
		}
	}
	if id, err := identity.ParseID(want); err == nil {
		return id, nil // of the audience of a crowd, whom only relays can list
	}
	return identity.ID{}, &UserError{
		Code: "no_such_person",
		Text: fmt.Sprintf("nobody here is called %q, and no key begins so", text),
		Hint: "`stoa who` lists who is here",
	}
}

// roomName is what findRoom knows of a room.
type roomName struct {
	id    identity.RoomID
	title string
}

// findRoom resolves the title or the beginning of the ID of a room. Empty text
// means the only room there is.
func findRoom(rooms []roomName, text string) (identity.RoomID, error) {
	want := strings.ToLower(strings.TrimSpace(text))
	var found []identity.RoomID
	for _, r := range rooms {
		if want == "" || strings.ToLower(r.title) == want || strings.HasPrefix(r.id.String(), want) {
			found = append(found, r.id)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(rooms) == 0:
		return identity.RoomID{}, &UserError{Code: "in_no_room", Text: "this home is in no room", Hint: "open one with `stoa open TITLE` or join one with `stoa join LINK`"}
	case len(found) == 0:
		return identity.RoomID{}, &UserError{Code: "no_such_room", Text: fmt.Sprintf("no room is called %q, and no room's ID begins so", text), Hint: "`stoa status` lists the rooms"}
	}
	return identity.RoomID{}, &UserError{Code: "several_rooms", Text: "there is more than one such room", Hint: "give the room's title or the beginning of its ID: `stoa status` lists them"}
}
