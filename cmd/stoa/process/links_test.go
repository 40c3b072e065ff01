// Links that must join nothing: the door says which of the many ways to be
// wrong it is, to the person who has the program, and no member lets in whoever
// has another program.

package process

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stoa/identity"
)

// refused runs `stoa join LINK` and fails the test unless it joins nothing,
// ends with exit code 1 and gives the reason in these words.
func (w *world) refused(t *testing.T, link, name, reason string) {
	t.Helper()
	out, errs, code := run(t, "join", link, "--home", w.home(name), "--json", "--bootstrap", w.bootstrap, "--listen", loopback,
		"--in", "silence", "--out", "null")
	if code != 1 || strings.Contains(out, `"joined"`) {
		t.Errorf("exit %d, want 1 and nothing joined\n%s", code, out)
	}
	lines := strings.Split(strings.TrimSpace(errs), "\n")
	if len(lines) != 2 || lines[0] != "stoa: error: "+reason || !strings.HasPrefix(lines[1], "stoa: hint: ") {
		t.Errorf("it says\n%s\nwant stoa: error: %s, and a hint", errs, reason)
	}
}

// joins runs `stoa join LINK` and fails the test unless it gets in.
func (w *world) joins(link, name string, args ...string) *process {
	w.t.Helper()
	p := w.run(honest, name, append([]string{"join", link}, args...)...)
	p.wait("the room", kind("joined"))
	return p
}

// forge makes a link that the honest program would not: its owner's key signs
// whatever terms.
func (w *world) forge(owner, link string, terms identity.Terms) string {
	w.t.Helper()
	real, err := identity.ParseInvite(link)
	if err != nil {
		w.t.Fatal(err)
	}
	chain, seed, err := identity.IssueInvite(w.keyOf(owner), nil, terms, real.Room)
	if err != nil {
		w.t.Fatal(err)
	}
	inv := identity.Invite{Room: real.Room, Rendezvous: real.Rendezvous, Seed: seed, Chain: chain, Hints: real.Hints}
	return inv.String()
}

// wrongRoom is what a person reads when those whom the link leads to do not
// know the room that it gives rights to.
const wrongRoom = "the link is of another room than the people it leads to, or they have left it"

func TestWrongLinksJoinNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	zoe := w.run(honest, "zoe", "open", "Agora", "--out", "null") // whose key forges
	ann.wait("the room", kind("joined"))
	zoe.wait("the room", kind("joined"))
	good := ann.link()

	w.joins(good, "bob", "--out", "null")
	bob := w.keyOf("bob").ID()

	usedUp := ann.link("--uses", "1")
	w.joins(usedUp, "first", "--out", "null")
	exact := ann.link("--uses", "1", "--role", "speaker")
	w.joins(exact, "second", "--out", "null")
	revoked := ann.link()
	ann.verb("revoke", revoked)

	at := len(good) / 2
	flipped := good[:at] + string("AB"[b2i(good[at] == 'A')]) + good[at+1:]
	for name, c := range map[string]struct{ link, reason string }{
		"expired":     {w.forge("ann", good, identity.Terms{Role: identity.RoleListener, Expires: time.Now().Add(-time.Hour)}), "the link has expired"},
		"not yet":     {w.forge("ann", good, identity.Terms{Role: identity.RoleListener, NotBefore: time.Now().Add(time.Hour)}), "the link is not valid yet"},
		"best effort": {usedUp, "the link is used up: as many people as it allows have joined by it"},
		"exact":       {exact, "the link is used up: as many people as it allows have joined by it"},
		"revoked":     {revoked, "the link has been revoked"},
		"for another": {ann.link("--for", bob.String()), "the link is for another person"},
		"cut off":     {good[:len(good)-9], "the link is cut off: its end is missing"},
		"flipped":     {flipped, "the link is damaged: at least one letter is not as it was made"},
		"forged":      {w.forge("zoe", good, identity.Terms{Role: identity.RoleModerator}), "the link was not made by anyone who may invite to this room"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.refused(t, c.link, "home of "+name, c.reason)
		})
	}
}

// A search that finds nobody takes half a minute, so each is a test of its own: see
// TestRoomOutlivesOwnerWhoEnds.
func TestPlaceAndRightsOfTwoRooms(t *testing.T) { testTwoRooms(t, "Stoa", "Agora") }

func TestRightsAndPlaceOfTwoRooms(t *testing.T) { testTwoRooms(t, "Agora", "Stoa") }

// testTwoRooms offers a link that leads to the people of one room with rights to another.
func testTwoRooms(t *testing.T, place, rights string) {
	t.Parallel()
	w := newWorld(t)
	links := map[string]string{}
	for name, title := range map[string]string{"ann": "Stoa", "zoe": "Agora"} {
		links[title] = w.run(honest, name, "open", title, "--out", "null").wait("a link", kind("link")).Link
	}
	w.refused(t, mix(t, links[place], links[rights]), "mixed", wrongRoom)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mix makes a link of the place of one room with the rights to another.
func mix(t testing.TB, place, rights string) string {
	t.Helper()
	p, err := identity.ParseInvite(place)
	if err != nil {
		t.Fatal(err)
	}
	r, err := identity.ParseInvite(rights)
	if err != nil {
		t.Fatal(err)
	}
	r.Rendezvous, r.Hints = p.Rendezvous, p.Hints
	return r.String()
}

// An edited client does not look at its link before it asks: the members do.
func TestEveryMemberRefusesWrongLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	good := ann.wait("a link", kind("link")).Link
	members := []*process{ann, w.joins(good, "bob", "--out", "null"), w.joins(good, "cid", "--out", "null")}

	lapsed := time.Now().Add(-time.Hour)
	expired := w.forge("ann", good, identity.Terms{Role: identity.RoleListener, Expires: lapsed})
	bound := w.forge("ann", good, identity.Terms{Role: identity.RoleListener, For: w.keyOf("bob").ID()})
	once := ann.link("--uses", "1")
	w.joins(once, "dan", "--out", "null")
	for _, p := range members {
		eventually(t, p.name+" seeing dan come", func() bool { return strings.Contains(p.verb("who"), "dan") })
	}

	mallory := w.rogue(nil, good)
	for _, c := range []struct {
		name, link string
		at         time.Time
		code       string
	}{
		{"expired", expired, time.Now(), "expired"},
		{"expired, redeemed before it was", expired, lapsed.Add(-time.Minute), "expired"},
		{"for another", bound, time.Now(), "not for you"},
		{"used up", once, time.Now(), "used up"},
	} {
		inv, err := identity.ParseInvite(c.link)
		if err != nil {
			t.Fatal(err)
		}
		cred, err := redeem(inv, mallory.key, c.at)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range members {
			if code := mallory.knock(p, cred); code != c.code {
				t.Errorf("%s: %s answers %q, want %q", c.name, p.name, code, c.code)
			}
		}
	}

	// A redemption that was seen on the wire lets in nobody but who made it.
	seen, err := redeem(mallory.inv, newKey(t), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range members {
		if code := mallory.knock(p, seen); code != "forged" {
			t.Errorf("another's redemption: %s answers %q", p.name, code)
		}
	}
	for _, p := range members {
		if log := p.verb("log"); strings.Contains(log, mallory.id.Short()) {
			t.Errorf("%s has let mallory in:\n%s", p.name, log)
		}
	}
}

func TestKickedStaysOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	hers := ann.wait("a link", kind("link")).Link
	members := []*process{ann, w.joins(hers, "bob", "--out", "null"), w.joins(hers, "cid", "--out", "null")}
	link := ann.link()
	dan := w.joins(link, "dan", "--out", "null")
	id := dan.id()
	for _, p := range members {
		p.wait("dan", func(e event) bool { return e.Event == "member" && e.Who == id })
	}
	ann.verb("kick", "dan")
	for _, p := range members {
		p.wait("the kick", func(e event) bool { return e.Event == "removed" && e.Who == id })
	}
	dan.wait("the kick", kind("left"))
	if code := dan.exit(); code != 1 {
		t.Errorf("exit %d of who was put out, want 1", code)
	}

	w.refused(t, link, "dan", "you were put out of this room")
	w.refused(t, link, "fresh", "the link has been revoked")

	// The same with a client that asks each member by itself.
	same, fresh := w.rogue(w.keyOf("dan"), link), w.rogue(nil, link)
	other, err := identity.ParseInvite(hers)
	if err != nil {
		t.Fatal(err)
	}
	anew, err := redeem(other, same.key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range members {
		for _, c := range []struct {
			what string
			got  string
			want string
		}{
			{"the same key", same.knock(p, same.cred), "kicked"},
			{"the same key by another link", same.knock(p, anew), "kicked"},
			{"a fresh key by the same link", fresh.knock(p, fresh.cred), "revoked"},
		} {
			if c.got != c.want {
				t.Errorf("%s: %s answers %q, want %q", c.what, p.name, c.got, c.want)
			}
		}
		if who := p.verb("who"); strings.Contains(who, fmt.Sprintf("  %s", id[:8])) {
			t.Errorf("%s still sees dan:\n%s", p.name, who)
		}
	}
}
