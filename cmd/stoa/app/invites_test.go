package app

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/identity"
	"stoa/node"
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
		{InviteOptions{Role: "relay", Slots: 500, Uses: 2}, identity.Terms{Role: identity.RoleRelay, Expires: day, Slots: 500, Uses: 2}, ""},
		{InviteOptions{Slots: 5}, identity.Terms{}, "a listener's link cannot have 5 slots"},
		{InviteOptions{Role: "relay", Slots: 1 << 20}, identity.Terms{}, "a relay's link cannot have 1048576 slots"},
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

// madeLinks are links of every kind that ann has made by now, and the state of their
// room: bob came by the one that is used up.
type madeLinks struct {
	now                                   time.Time
	state                                 *room.State
	open, relay, expired, revoked, usedUp room.Invited
}

func makeLinks(t testing.TB) (m madeLinks) {
	t.Helper()
	ann := keyOf("ann")
	now := time.Unix(1e9, 0)
	charter, err := identity.SignCharter(identity.Charter{Owners: []identity.ID{ann.ID()}, Threshold: 1, Created: uint64(now.UnixMilli())}, ann)
	if err != nil {
		t.Fatal(err)
	}
	log := room.NewLog(charter)
	write := func(kind room.Kind, target identity.ID, args any) {
		t.Helper()
		op, err := log.Compose(ann, kind, identity.Hash{}, target, args, uint64(now.UnixMilli()))
		if err == nil {
			_, _, err = log.Add(op.Raw())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	make := func(terms identity.Terms, label string) room.Invited {
		link, name := makeLink(t, "ann", charter.ID(), terms)
		inv := room.Invited{Grant: name, Role: terms.Role, Link: link, Label: label, Uses: terms.Uses, Exact: terms.Exact, Expires: terms.Expires}
		return inv
	}
	m.now = now
	m.open = make(identity.Terms{Role: identity.RoleSpeaker, Uses: 2, Exact: true, Expires: now.Add(time.Hour)}, "bob")
	m.relay = make(identity.Terms{Role: identity.RoleRelay, Slots: 500}, "")
	m.expired = make(identity.Terms{Role: identity.RoleListener, Expires: now.Add(-time.Hour)}, "")
	m.revoked = make(identity.Terms{Role: identity.RoleListener, Expires: now.Add(-time.Hour)}, "")
	m.usedUp = make(identity.Terms{Role: identity.RoleListener, Uses: 1}, "")
	write(room.KindRevoke, identity.ID{}, room.RevokeArgs{Grant: m.revoked.Grant})
	inv, err := identity.ParseInvite(m.usedUp.Link)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := inv.Redeem(keyOf("bob"), now)
	if err != nil {
		t.Fatal(err)
	}
	write(room.KindAdmit, idOf("bob"), room.AdmitArgs{Credential: cred.Bytes()})
	m.state = log.State()
	return m
}

func TestLinks(t *testing.T) {
	m := makeLinks(t)
	if none := links(nil, m.state, m.now); len(none.Lines) != 1 || none.Lines[0] != "no links were made here" {
		t.Errorf("no links: %q", none.Lines)
	}
	want := []string{
		m.open.Grant.Short() + "  for a speaker, only for bob, 2 uses, counted by you: it opens only while you are in the room, until 2001-09-09T02:46:40Z",
		m.relay.Grant.Short() + "  for a relay, up to 500 listeners, never expires",
		m.expired.Grant.Short() + "  expired: for a listener, until 2001-09-09T00:46:40Z",
		m.revoked.Grant.Short() + "  revoked: for a listener, until 2001-09-09T00:46:40Z",
		m.usedUp.Grant.Short() + "  used up: for a listener, 1 use, though a few more may slip in while the room is split, never expires, 1 person came by it",
	}
	r := links([]room.Invited{m.expired, m.revoked, m.open, m.usedUp, m.relay}, m.state, m.now)
	if !slices.Equal(r.Lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(r.Lines, "\n"), strings.Join(want, "\n"))
	}
}

// A link of a room, and the same as it lies in the hands of who made it.
func makeLink(t testing.TB, issuer string, id identity.RoomID, terms identity.Terms) (string, identity.Hash) {
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

func TestHintsOfALink(t *testing.T) {
	s := around("ann", being("ann", identity.RoleOwner))
	addr := func(n int) string { return fmt.Sprintf("/ip4/192.0.2.%d/udp/4001/quic-v1", n) }
	relay := func(name string, alive bool, addrs ...string) room.RelayView {
		return room.RelayView{RelayMember: room.RelayMember{ID: idOf(name), Addrs: addrs}, Alive: alive}
	}
	binary := func(text string) []byte {
		b, err := node.HintOf(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	own := [][]byte{{1}, {2}, {3}}
	inOrder := func(int, func(i, j int)) {}
	reversed := func(n int, swap func(i, j int)) {
		for i := range n / 2 {
			swap(i, n-1-i)
		}
	}
	for _, c := range []struct {
		name    string
		relays  []room.RelayView
		shuffle func(int, func(i, j int))
		want    [][]byte
	}{
		{"no relays", nil, inOrder, own},
		{"one", []room.RelayView{relay("r", true, addr(1), addr(2))}, inOrder, [][]byte{{1}, binary(addr(1)), {2}, {3}}},
		{"one that is away, one without an address, one that cannot be read, and this node", []room.RelayView{
			relay("r", false, addr(1)), relay("s", true), relay("t", true, "nowhere"), relay("ann", true, addr(2)),
		}, inOrder, own},
		{"many", []room.RelayView{relay("r", true, addr(1)), relay("s", true, addr(2)), relay("t", true, addr(3)), relay("u", true, addr(4))},
			reversed, [][]byte{{1}, binary(addr(4)), {2}, binary(addr(3))}},
	} {
		s.Relays = c.relays
		if got := hintsFor(own, s, c.shuffle); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	s.Relays = []room.RelayView{relay("r", true, addr(1))}
	if got := hintsFor(nil, s, inOrder); len(got) != 1 {
		t.Errorf("without an address of its own: %v", got)
	}
}
