package app

import (
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

func TestTermsOf(t *testing.T) {
	now := time.Unix(1e9, 0)
	bob := idOf("bob")
	person := func(text string) (identity.ID, error) {
		if text == "bob" {
			return bob, nil
		}
		return identity.ID{}, &UserError{Text: "who is " + text, Hint: "say"}
	}
	day := now.Add(24 * time.Hour)
	for _, c := range []struct {
		o    InviteOptions
		want identity.Terms
		err  string
	}{
		{InviteOptions{}, identity.Terms{Role: identity.RoleListener, Expires: day}, ""},
		{InviteOptions{Role: "moderator"}, identity.Terms{Role: identity.RoleModerator, Expires: day}, ""},
		{InviteOptions{Expires: "90m"}, identity.Terms{Role: identity.RoleListener, Expires: now.Add(90 * time.Minute)}, ""},
		{InviteOptions{Expires: "never"}, identity.Terms{Role: identity.RoleListener}, ""},
		{InviteOptions{Uses: 3}, identity.Terms{Role: identity.RoleListener, Expires: day, Uses: 3}, ""},
		{InviteOptions{Uses: 3, Role: "speaker"}, identity.Terms{Role: identity.RoleSpeaker, Expires: day, Uses: 3, Exact: true}, ""},
		{InviteOptions{For: "bob"}, identity.Terms{Role: identity.RoleListener, Expires: day, For: bob}, ""},
		{InviteOptions{Role: "owner"}, identity.Terms{}, `a link cannot give the role "owner"`},
		{InviteOptions{Role: "king"}, identity.Terms{}, `a link cannot give the role "king"`},
		{InviteOptions{Expires: "0s"}, identity.Terms{}, `"0s" is not a time for which a link can live`},
		{InviteOptions{Expires: "-1h"}, identity.Terms{}, `"-1h" is not a time for which a link can live`},
		{InviteOptions{Expires: "tomorrow"}, identity.Terms{}, `"tomorrow" is not a time for which a link can live`},
		{InviteOptions{Expires: "100000h"}, identity.Terms{}, `"100000h" is not a time for which a link can live`},
		{InviteOptions{Uses: -1}, identity.Terms{}, "a link cannot be used -1 times"},
		{InviteOptions{Uses: 1 << 40}, identity.Terms{}, "a link cannot be used 1099511627776 times"},
		{InviteOptions{For: "zoe"}, identity.Terms{}, "who is zoe"},
	} {
		got, err := termsOf(c.o, now, person)
		if c.err != "" {
			wantWords(t, err, c.err)
		} else if err != nil || got != c.want {
			t.Errorf("%+v: got %+v, %v", c.o, got, err)
		}
	}
}

func TestTermsInWords(t *testing.T) {
	bob := idOf("bob")
	for _, c := range []struct {
		d    linkData
		want string
	}{
		{linkData{Role: "listener"}, "for a listener, never expires"},
		{linkData{Role: "listener", Expires: "2026-01-01T00:00:00Z"}, "for a listener, until 2026-01-01T00:00:00Z"},
		{linkData{Role: "speaker", For: bob.String()}, "for a speaker, only for " + bob.Short() + ", never expires"},
		{linkData{Role: "speaker", For: "Σωκράτης ο Αθηναίος"}, "for a speaker, only for Σωκράτης ο Αθηναίος, never expires"},
		{linkData{Role: "speaker", Uses: 1, Count: "exact"}, "for a speaker, 1 use, counted by you: it opens only while you are in the room, never expires"},
		{linkData{Role: "listener", Uses: 5, Count: "best effort"}, "for a listener, 5 uses, though a few more may slip in while the room is split, never expires"},
	} {
		if got := terms(c.d); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestLinks(t *testing.T) {
	none := links(nil)
	if len(none.Lines) != 1 || none.Lines[0] != "no links were made here" {
		t.Errorf("no links: %q", none.Lines)
	}
	r := links([]room.Invited{{Grant: identity.Hash{7}, Role: identity.RoleSpeaker, Uses: 2, Exact: true, Label: "bob", Expires: time.Unix(1e9, 0)}})
	want := (identity.Hash{7}).Short() + "  for a speaker, only for bob, 2 uses, counted by you: it opens only while you are in the room, until 2001-09-09T01:46:40Z"
	if len(r.Lines) != 1 || r.Lines[0] != want {
		t.Errorf("got %q, want %q", r.Lines, want)
	}
}

// A link of a room, and the same as it lies in the hands of who made it.
func makeLink(t *testing.T, issuer string, id identity.RoomID, terms identity.Terms) (string, identity.Hash) {
	t.Helper()
	chain, seed, err := identity.IssueInvite(keyOf(issuer), nil, terms, id)
	if err != nil {
		t.Fatal(err)
	}
	inv := identity.Invite{Room: id, Seed: seed, Chain: chain}
	return inv.String(), chain.Leaf().Hash()
}

func TestFindInvite(t *testing.T) {
	s := around("ann", being("ann", identity.RoleOwner))
	link, name := makeLink(t, "ann", s.Room, identity.Terms{Role: identity.RoleListener})
	other, _ := makeLink(t, "ann", identity.RoomID{9}, identity.Terms{Role: identity.RoleListener})
	s.Invites = []room.Invited{{Grant: name}, {Grant: identity.Hash{1, 1, 1}}, {Grant: identity.Hash{1, 1, 2}}}
	anybodys := identity.Hash{200}

	for _, c := range []struct {
		text string
		want identity.Hash
		err  string
	}{
		{link, name, ""},
		{" " + link + "\n", name, ""},
		{name.Short(), name, ""},
		{anybodys.String(), anybodys, ""},
		{other, name, "that link is of another room"},
		{"", name, `no link made here has a name that begins with ""`},
		{"zzzzzz", name, `no link made here has a name that begins with "zzzzzz"`},
		{"aeaq", name, `2 links have a name that begins with "aeaq"`},
	} {
		got, err := findInvite(s, c.text)
		if c.err != "" {
			wantWords(t, err, c.err)
		} else if err != nil || got != c.want {
			t.Errorf("%q: got %s, %v", c.text, got.Short(), err)
		}
	}
}

func TestFindInvitee(t *testing.T) {
	s := around("ann", being("ann", identity.RoleOwner))
	stranger := idOf("stranger")
	if got, err := findInvitee(s, " "+stranger.String()); err != nil || got != stranger {
		t.Errorf("a whole key: %s, %v", got.Short(), err)
	}
	if got, err := findInvitee(s, "ann"); err != nil || got != idOf("ann") {
		t.Errorf("a name: %s, %v", got.Short(), err)
	}
	if _, err := findInvitee(s, "stranger"); err == nil {
		t.Error("a stranger's name was taken")
	}
}
