// Issuing and redeeming: the defaults, the refusals, and that fields changed afterwards are noticed.

package identity

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var today = time.UnixMilli(int64(noon))

// invited gives the credential of person, let in by issuer.
func invited(t *testing.T, issuer *Key, own Credential, person *Key, terms Terms) Credential {
	t.Helper()
	chain, seed, err := IssueInvite(issuer, own, terms, charter.ID())
	if err != nil {
		t.Fatal(err)
	}
	i, err := ParseInvite((&Invite{Room: charter.ID(), Seed: seed, Chain: chain}).String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := i.Redeem(person, today)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(charter, today); err != nil || c.Holder() != person.ID() {
		t.Fatalf("holder %v, %v", c.Holder(), err)
	}
	return c
}

func TestIssueDefaults(t *testing.T) {
	hosts := invited(t, owner, nil, mod, Terms{Role: RoleModerator})
	if g := hosts.Leaf(); g.Caps != RoleModerator.Caps() || g.Rank != 10 || g.Depth != 2 {
		t.Errorf("by the owner: %+v", g)
	}
	second := invited(t, mod, hosts, ana, Terms{Role: RoleModerator})
	if g := second.Leaf(); g.Rank != 11 || g.Depth != 1 {
		t.Errorf("by a moderator: %+v", g)
	}
	speaker := invited(t, ana, second, ben, Terms{Role: RoleSpeaker})
	if g := speaker.Leaf(); g.Caps != RoleSpeaker.Caps() || g.Rank != 100 || g.Depth != 0 {
		t.Errorf("by the second: %+v", g)
	}
	steps := speaker.Lineage()
	if len(steps) != 3 || steps[0] != (Step{hosts.Leaf().Hash(), mod.ID()}) || steps[2] != (Step{speaker.Leaf().Hash(), ben.ID()}) {
		t.Errorf("lineage %v", steps)
	}
	if at := speaker.RedeemedAt(); !at.Equal(today) {
		t.Errorf("redeemed at %v", at)
	}
	if len(hosts) != 1 || len(second) != 2 {
		t.Error("issuing changed the issuer's own chain")
	}
}

func TestIssueInheritsExpiry(t *testing.T) {
	until := today.Add(time.Hour)
	own, err := IssueGrant(owner, nil, mod.ID(), Terms{Role: RoleModerator, NotBefore: today, Expires: until}, charter.ID())
	if err != nil {
		t.Fatal(err)
	}
	below, err := IssueGrant(mod, own, ana.ID(), Terms{Role: RoleSpeaker}, charter.ID())
	if err != nil {
		t.Fatal(err)
	}
	if g := below.Leaf(); g.Expires != uint64(until.UnixMilli()) || g.NotBefore != noon {
		t.Errorf("%+v", g)
	}
	if err := below.Verify(charter, today); err != nil {
		t.Error(err)
	}
}

func TestIssueRefused(t *testing.T) {
	hosts := invited(t, owner, nil, mod, Terms{Role: RoleModerator})
	listener := invited(t, owner, nil, ana, Terms{Role: RoleListener})
	bounded, err := IssueGrant(owner, nil, mod.ID(), Terms{Role: RoleModerator, Expires: today}, charter.ID())
	if err != nil {
		t.Fatal(err)
	}
	for why, tc := range map[string]struct {
		issuer *Key
		own    Credential
		terms  Terms
		want   string
	}{
		"a listener invites":            {ana, listener, Terms{Role: RoleListener}, "toodeep"},
		"a capability nobody gave":      {mod, hosts, Terms{Role: RoleModerator, Caps: CapEnd}, "widened"},
		"a rank as high":                {mod, hosts, Terms{Role: RoleModerator, Rank: 10}, "widened"},
		"a depth as great":              {mod, hosts, Terms{Role: RoleModerator, Depth: 2}, "widened"},
		"longer than one's own":         {mod, bounded, Terms{Role: RoleSpeaker, Expires: today.Add(1)}, "ok"},
		"a millisecond longer":          {mod, bounded, Terms{Role: RoleSpeaker, Expires: today.Add(time.Millisecond)}, "widened"},
		"another's credential":          {thief, hosts, Terms{Role: RoleSpeaker}, "notforyou"},
		"an owner is made":              {owner, nil, Terms{Role: RoleOwner}, "widened"},
		"no role":                       {owner, nil, Terms{}, "malformed"},
		"four deep":                     {owner, nil, Terms{Role: RoleModerator, Depth: 3}, "toodeep"},
		"an end before 1970 is an end":  {owner, nil, Terms{Role: RoleSpeaker, NotBefore: today, Expires: time.UnixMilli(-5)}, "malformed"},
		"the credential of another one": {mod, Credential{middleLink(rootLink())}, Terms{Role: RoleSpeaker}, "notforyou"},
	} {
		if _, _, err := IssueInvite(tc.issuer, tc.own, tc.terms, charter.ID()); verdict(t, err) != tc.want {
			t.Errorf("%s: %v", why, err)
		}
	}
	if _, _, err := IssueInvite(mod, hosts, Terms{Role: RoleSpeaker}, elsewhere.ID()); verdict(t, err) != "wrongroom" {
		t.Errorf("for another room: %v", err)
	}
	if _, err := IssueGrant(owner, nil, ana.ID(), Terms{Role: RoleSpeaker, Uses: 1}, charter.ID()); verdict(t, err) != "malformed" {
		t.Errorf("a counted grant to a person: %v", err)
	}
}

// TestRedeemAtTheEdge: a clock that is wrong gives a redemption that every verifier accepts.
func TestRedeemAtTheEdge(t *testing.T) {
	chain := Credential{{Grant: signGrant(owner, open())}}
	for _, now := range []uint64{noon - hour - 20*minute, noon + hour + 20*minute} {
		at := time.UnixMilli(int64(now))
		c, err := inviteOf(chain, oneTime).Redeem(ana, at)
		if err != nil {
			t.Fatal(err)
		}
		g := c.Leaf()
		if ms := c[0].Redeem.Time; ms < g.NotBefore || ms > g.Expires {
			t.Errorf("redeemed at %d, outside of %d..%d", ms, g.NotBefore, g.Expires)
		}
		if err := c.Verify(charter, today); err != nil {
			t.Error(err)
		}
	}
	if chain[0].Redeem != nil {
		t.Error("redeeming changed the invite")
	}
}

// TestChangedFields: the exported fields are for reading, and a program that writes to them gets nothing by it.
func TestChangedFields(t *testing.T) {
	g := signGrant(owner, personal())
	g.Caps = AllCaps
	if err := g.Verify(); verdict(t, err) != "forged" {
		t.Errorf("grant: %v", err)
	}
	if err := (Credential{{Grant: g}}).Verify(charter, today); verdict(t, err) != "forged" {
		t.Errorf("credential: %v", err)
	}
	link := rootLink()
	r := *link.Redeem
	r.Person = thief.ID()
	if err := r.Verify(link.Grant); verdict(t, err) != "forged" {
		t.Errorf("redeem: %v", err)
	}
	if err := (Grant{}).Verify(); verdict(t, err) != "malformed" {
		t.Errorf("zero grant: %v", err)
	}
	if err := (&Redeem{}).Verify(g); verdict(t, err) != "malformed" {
		t.Errorf("zero redeem: %v", err)
	}
	if err := personalUnsigned().Verify(); verdict(t, err) != "forged" {
		t.Errorf("never signed: %v", err)
	}
}

func personalUnsigned() Grant { return personal() }

func TestSignCharterRefused(t *testing.T) {
	for why, keys := range map[string][]*Key{
		"nobody signs": nil, "one of two": {owner}, "one twice": {owner, owner}, "a stranger": {owner, thief},
		"one too many": {owner, partner, thief},
	} {
		if _, err := SignCharter(charterOf(), keys...); verdict(t, err) != "notowner" {
			t.Errorf("%s: %v", why, err)
		}
	}
	c, err := SignCharter(charterOf(), partner, owner) // in any order
	if err != nil || c.ID() != charter.ID() {
		t.Errorf("%v", err)
	}
	if !charter.IsOwner(partner.ID()) || charter.IsOwner(mod.ID()) {
		t.Error("IsOwner is wrong")
	}
}

func TestNoCredential(t *testing.T) {
	var none Credential
	if !none.Holder().IsZero() || !none.RedeemedAt().IsZero() || !none.Leaf().Room.IsZero() || len(none.Lineage()) != 0 {
		t.Error("nobody holds something")
	}
	if err := none.Verify(charter, today); verdict(t, err) != "malformed" {
		t.Error(err)
	}
}

func TestInviteOutOfBounds(t *testing.T) {
	i := inviteOf(Credential{{Grant: signGrant(owner, open())}}, oneTime)
	i.Hints = slices.Repeat(i.Hints, MaxHints+1)
	if _, err := i.Redeem(ana, today); verdict(t, err) != "malformed" {
		t.Error(err)
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "hints") {
			t.Errorf("recovered %v", r)
		}
	}()
	t.Error(i.String())
}

func TestIssueSlots(t *testing.T) {
	cases := []struct {
		name  string
		above uint32 // slots of the issuer's own grant; 0 for an owner
		slots uint32
		want  uint32 // RelaySlots of what is issued; 0: refused
	}{
		{"an owner's word", 0, 2000, 2000},
		{"an owner says nothing", 0, 0, DefaultSlots},
		{"as much as its issuer has", 8, 8, 8},
		{"what its issuer has, when nothing is said", 8, 0, 8},
		{"the default of an issuer who has more", 100, 0, DefaultSlots},
		{"more than its issuer has", 8, 9, 0},
	}
	for _, tc := range cases {
		issuer, own := owner, Credential(nil)
		if tc.above != 0 {
			issuer, own = mod, invited(t, owner, nil, mod, Terms{Role: RoleModerator, Slots: tc.above})
		}
		chain, _, err := IssueInvite(issuer, own, Terms{Role: RoleRelay, Slots: tc.slots}, charter.ID())
		if tc.want == 0 {
			if verdict(t, err) != "widened" {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if g := chain.Leaf(); g.RelaySlots() != tc.want {
			t.Errorf("%s: %d slots, want %d", tc.name, g.RelaySlots(), tc.want)
		}
	}
	if _, _, err := IssueInvite(owner, nil, Terms{Role: RoleListener, Slots: 1}, charter.ID()); verdict(t, err) != "malformed" {
		t.Errorf("slots of a listener: %v", err)
	}
}
