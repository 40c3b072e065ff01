package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stoa/identity"
	"stoa/room"
)

func TestFindPerson(t *testing.T) {
	ann, bob, cid := being("ann", identity.RoleOwner), being("Bob", identity.RoleSpeaker), being("cid", identity.RoleListener)
	twin := being("twin", identity.RoleListener)
	twin.Name = "BOB"
	mask := being("mask", identity.RoleListener)
	mask.Name = cid.ID.Short()
	banned, away := idOf("banned"), being("away", identity.RoleListener)

	full := around("ann", ann, bob, cid)
	full.State.Banned[banned] = room.Mark{}
	full.State.Kicked[banned] = room.Mark{}
	full.State.Members[away.ID] = away.Member
	twins := around("ann", ann, bob, twin)
	masked := around("ann", ann, cid, mask)

	for _, c := range []struct {
		s    *room.Snapshot
		text string
		want identity.ID
		err  string
	}{
		{full, "ann", ann.ID, ""},
		{full, " bOB ", bob.ID, ""},
		{full, cid.ID.String(), cid.ID, ""},
		{full, cid.ID.Short(), cid.ID, ""},
		{full, banned.Short(), banned, ""},
		{full, away.ID.Short(), away.ID, ""},
		{full, identity.ID{5}.String(), identity.ID{5}, ""}, // of the audience
		{full, "", identity.ID{}, "the person is missing"},
		{full, "zoe", identity.ID{}, `nobody here is called "zoe", and no key begins so`},
		{full, "away", identity.ID{}, `nobody here is called "away", and no key begins so`},
		{twins, "bob", identity.ID{}, `2 people here are called "bob"`},
		{twins, bob.ID.Short(), bob.ID, ""},
		{masked, cid.ID.Short(), identity.ID{}, fmt.Sprintf("%q is the name of one person and begins the key of another", cid.ID.Short())},
		{masked, cid.ID.String(), cid.ID, ""},
	} {
		got, err := findPerson(c.s, c.text)
		if c.err != "" {
			wantWords(t, err, c.err)
		} else if err != nil || got != c.want {
			t.Errorf("%q: got %s, %v", c.text, got.Short(), err)
		}
	}
}

// A letter that begins many keys names nobody, but a name of one letter does.
func TestFindPersonByFewLetters(t *testing.T) {
	var crowd []room.Person
	begin := map[byte]int{}
	for i := range 64 {
		p := being(fmt.Sprint("person ", i), identity.RoleListener)
		crowd = append(crowd, p)
		begin[p.ID.String()[0]]++
	}
	var letter string
	for b, n := range begin {
		if n > 1 {
			letter = string(b)
			wantWords(t, func() error { _, err := findPerson(around("", crowd...), letter); return err }(),
				fmt.Sprintf("%d keys begin with %q", n, letter))
		}
	}
	crowd[5].Name = letter
	if got, err := findPerson(around("", crowd...), letter); err != nil || got != crowd[5].ID {
		t.Errorf("the name %q: %v, %v", letter, got.Short(), err)
	}
}

func TestFindRoom(t *testing.T) {
	a, b, c := identity.RoomID{1}, identity.RoomID{2}, identity.RoomID{3}
	one, many := []roomName{{a, "Agora"}}, []roomName{{a, "Agora"}, {b, "Stoa"}, {c, "stoa"}}
	for _, q := range []struct {
		rooms []roomName
		text  string
		want  identity.RoomID
		err   string
	}{
		{one, "", a, ""},
		{one, "AGORA", a, ""},
		{one, a.String(), a, ""},
		{many, b.Short(), b, ""},
		{many, "agora", a, ""},
		{nil, "", a, "this home is in no room"},
		{one, "Stoa", a, `no room is called "Stoa", and no room's ID begins so`},
		{many, "", a, "there is more than one such room"},
		{many, "stoa", a, "there is more than one such room"},
	} {
		got, err := findRoom(q.rooms, q.text)
		if q.err != "" {
			wantWords(t, err, q.err)
		} else if err != nil || got != q.want {
			t.Errorf("%q: got %s, %v", q.text, got.Short(), err)
		}
	}
}

// Who is here, in a room with relays and an audience.
func TestWho(t *testing.T) {
	rita := being("rita", identity.RoleRelay)
	s := around("ann", being("ann", identity.RoleOwner), rita)
	s.Audience = 380
	s.Relays = []room.RelayView{{RelayMember: room.RelayMember{ID: rita.ID}, Alive: true, Carries: 200}}
	want := []string{
		"Agora · 2 people and 380 listening",
		fmt.Sprintf("  %s  ann                  owner, you, microphone off", idOf("ann").Short()),
		fmt.Sprintf("  %s  rita                 relay, carries 200 listeners", rita.ID.Short()),
	}
	r := who(s, noon, new(known))
	if !slices.Equal(r.Lines, want) {
		t.Errorf("got\n%s", strings.Join(r.Lines, "\n"))
	}
	data := r.Data.(whoReply)
	if data.Listening != 380 || len(data.People) != 2 || data.People[0].Carries != nil || *data.People[1].Carries != 200 {
		t.Errorf("data %+v", data)
	}
	s.Audience, s.Relays = 0, nil
	if got := who(s, noon, new(known)).Lines[0]; got != "Agora · 2 people" {
		t.Errorf("got %q", got)
	}
}
