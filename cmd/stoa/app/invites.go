// Invite links: their terms as a person writes them, and the list of those
// that were made here.

package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// defaultExpiry is how long a link lives when nobody says otherwise.
const defaultExpiry = 24 * time.Hour

// maxExpiry bounds an invite's life, so that a typing mistake is noticed.
const maxExpiry = 10 * 365 * 24 * time.Hour

// parseLink reads a link that a person has given.
func parseLink(text string) (*identity.Invite, error) {
	inv, err := identity.ParseInvite(text)
	if errors.Is(err, identity.ErrMalformed) {
		return nil, &UserError{Code: "not_a_link", Text: "that is not a link that this stoa can read", Hint: "a link begins with stoa:j/; copy all of it, or look for a newer stoa", Err: err}
	}
	return inv, err
}

// CheckLink says what is wrong with a link as far as can be seen without anybody's
// key. Errors are for the person.
func CheckLink(text string) error {
	_, err := parseLink(text)
	return asUserError(err)
}

// termsOf reads the terms of a link. person resolves whom it is for.
func termsOf(o InviteOptions, now time.Time, person func(string) (identity.ID, error)) (identity.Terms, error) {
	t := identity.Terms{Role: identity.RoleListener}
	if o.Role != "" {
		role, err := identity.ParseRole(o.Role)
		if err != nil || role == identity.RoleOwner {
			return t, &UserError{Code: "bad_role", Text: fmt.Sprintf("a link cannot give the role %q", o.Role), Hint: "--role takes listener, speaker, moderator or relay"}
		}
		t.Role = role
	}
	switch o.Expires {
	case "":
		t.Expires = now.Add(defaultExpiry)
	case "never":
	default:
		d, err := time.ParseDuration(o.Expires)
		if err != nil || d <= 0 || d > maxExpiry {
			return t, &UserError{Code: "bad_time", Text: fmt.Sprintf("%q is not a time for which a link can live", o.Expires), Hint: "--expires takes a duration such as 30m, 24h or 720h, or never"}
		}
		t.Expires = now.Add(d)
	}
	if o.Uses < 0 || o.Uses > 1_000_000 {
		return t, &UserError{Code: "bad_uses", Text: fmt.Sprintf("a link cannot be used %d times", o.Uses), Hint: "--uses takes a number from 1, or 0 for any number"}
	}
	if o.Slots < 0 || o.Slots > identity.MaxSlots || o.Slots > 0 && t.Role != identity.RoleRelay {
		return t, &UserError{Code: "bad_slots", Text: fmt.Sprintf("a %s's link cannot have %d slots", t.Role, o.Slots), Hint: fmt.Sprintf("--slots takes a number from 1 to %d, with --role relay", identity.MaxSlots)}
	}
	t.Slots = uint32(o.Slots)
	t.Uses = uint32(o.Uses)
	// The count of a link that lets people speak must hold even when the
	// room is split, at the price that its maker has to be there. Listeners
	// can do less harm than a door that opens only sometimes.
	t.Exact = t.Uses > 0 && t.Role != identity.RoleListener && t.Role != identity.RoleRelay
	if o.For != "" {
		id, err := person(o.For)
		if err != nil {
			return t, err
		}
		t.For = id
	}
	return t, nil
}

// hintsFor puts addresses into a link: this node's own best one, a relay's, this
// node's next, which is a circuit where strangers cannot reach it, another
// relay's and so on. The relays are others in each link, so that not everybody
// who joins comes to the same one.
func hintsFor(own [][]byte, s *room.Snapshot, shuffle func(n int, swap func(i, j int))) [][]byte {
	var relays, hints [][]byte
	for _, r := range s.Relays {
		if !r.Alive || len(r.Addrs) == 0 || r.ID == s.Me.ID {
			continue
		}
		if hint, err := node.HintOf(r.Addrs[0]); err == nil {
			relays = append(relays, hint)
		}
	}
	shuffle(len(relays), func(i, j int) { relays[i], relays[j] = relays[j], relays[i] })
	for i := range max(len(own), len(relays)) {
		hints = append(hints, own[min(i, len(own)):min(i+1, len(own))]...)
		hints = append(hints, relays[min(i, len(relays)):min(i+1, len(relays))]...)
	}
	return hints[:min(len(hints), identity.MaxHints)]
}

// findInvitee resolves whom a link is for: anybody by their whole key, since
// they may never have been here, or a member as findPerson does.
func findInvitee(s *room.Snapshot, text string) (identity.ID, error) {
	if id, err := identity.ParseID(strings.TrimSpace(text)); err == nil {
		return id, nil
	}
	return findPerson(s, text)
}

// findInvite resolves an invite by its link, or by the beginning of its name.
func findInvite(s *room.Snapshot, text string) (identity.Hash, error) {
	text = strings.TrimSpace(text)
	if inv, err := identity.ParseInvite(text); err == nil {
		if inv.Room != s.Room {
			return identity.Hash{}, &UserError{Code: "link_other_room", Text: "that link is of another room", Hint: "`stoa links` lists the links of this one"}
		}
		return inv.Chain.Leaf().Hash(), nil
	}
	if h, err := identity.ParseHash(text); err == nil {
		return h, nil // made by somebody else: whoever outranks it may revoke it
	}
	switch found := s.FindInvite(text); {
	case text == "" || len(found) == 0:
		return identity.Hash{}, &UserError{Code: "no_such_link", Text: fmt.Sprintf("no link made here has a name that begins with %q", text), Hint: "`stoa links` lists them; a whole link or whole name may be anybody's"}
	case len(found) > 1:
		return identity.Hash{}, &UserError{Code: "several_links", Text: fmt.Sprintf("%d links have a name that begins with %q", len(found), text), Hint: "give more of the name"}
	default:
		return found[0].Grant, nil
	}
}

// linkData is a link as `invite --json` and `links --json` print it.
type linkData struct {
	Room    string `json:"room,omitempty"`
	Name    string `json:"name"` // what revoke takes
	Role    string `json:"role"`
	Link    string `json:"link"`
	For     string `json:"for,omitempty"`
	Uses    uint32 `json:"uses,omitempty"`
	Count   string `json:"count,omitempty"` // exact, or best effort: how uses are counted
	Expires string `json:"expires,omitempty"`
	Slots   uint32 `json:"slots,omitempty"` // relay: how many listeners it may carry
	Used    int    `json:"used,omitempty"`  // links: how many people have come by it
	State   string `json:"state,omitempty"` // links: open, expired, revoked, used up or closed
}

// linkReply answers invite.
func linkReply(id identity.RoomID, link string, g identity.Grant) Reply {
	d := linkData{Room: id.String(), Name: g.Hash().String(), Role: g.Role.String(), Link: link, Uses: g.Uses, Count: counting(g.Uses, g.Exact), Slots: g.Slots}
	if !g.For.IsZero() {
		d.For = g.For.String()
	}
	if g.Expires != 0 {
		d.Expires = time.UnixMilli(int64(g.Expires)).UTC().Format(time.RFC3339)
	}
	return Reply{Lines: []string{link, terms(d)}, Data: d}
}

// links answers links: those that still open the room first.
func links(made []room.Invited, s *room.State, now time.Time) Reply {
	list := []linkData{}
	r := Reply{}
	var over []string
	for _, inv := range made {
		d := linkData{
			Name: inv.Grant.String(), Role: inv.Role.String(), Link: inv.Link, For: inv.Label, Uses: inv.Uses,
			Count: counting(inv.Uses, inv.Exact), Used: s.Uses(inv.Grant), State: linkState(inv, s, now),
		}
		d.Slots = slotsOf(inv)
		if !inv.Expires.IsZero() {
			d.Expires = inv.Expires.UTC().Format(time.RFC3339)
		}
		list = append(list, d)
		line := inv.Grant.Short() + "  "
		if d.State != linkOpen {
			line += d.State + ": "
		}
		line += terms(d)
		if d.Used > 0 {
			line += fmt.Sprintf(", %s by it", count(d.Used, "person came", "people came"))
		}
		if d.State == linkOpen {
			r.Lines = append(r.Lines, line)
		} else {
			over = append(over, line)
		}
	}
	r.Lines = append(r.Lines, over...)
	if len(list) == 0 {
		r.Lines = []string{"no links were made here"}
	}
	r.Data = map[string]any{"links": list}
	return r
}

// slotsOf is how many listeners a relay may carry that comes by a link; 0 for others.
func slotsOf(inv room.Invited) uint32 {
	if inv.Role != identity.RoleRelay {
		return 0
	}
	parsed, err := identity.ParseInvite(inv.Link)
	if err != nil {
		return 0
	}
	return parsed.Chain.Leaf().Slots
}

// The states of a link, as `links` names them.
const (
	linkOpen    = "open"
	linkExpired = "expired"
	linkRevoked = "revoked"
	linkUsedUp  = "used up"
	linkClosed  = "closed" // nobody may come by it for another reason
)

// linkState says whether a link that was made here still opens the room. One
// that was revoked stays so when its time is over as well.
func linkState(inv room.Invited, s *room.State, now time.Time) string {
	parsed, err := identity.ParseInvite(inv.Link)
	if err != nil {
		return linkClosed
	}
	refused := s.Refuses(parsed.Chain)
	switch {
	case errors.Is(refused, identity.ErrRevoked):
		return linkRevoked
	case errors.Is(refused, identity.ErrUsedUp), inv.Uses > 0 && s.Uses(inv.Grant) >= int(inv.Uses):
		return linkUsedUp
	case !inv.Expires.IsZero() && now.After(inv.Expires):
		return linkExpired
	case refused != nil:
		return linkClosed
	}
	return linkOpen
}

// counting says how the uses of a link are counted, which people must know
// before they rely on it.
func counting(uses uint32, exact bool) string {
	switch {
	case uses == 0:
		return ""
	case exact:
		return "exact"
	}
	return "best effort"
}

// terms says in words what a link gives to whom and until when.
func terms(d linkData) string {
	parts := []string{"for a " + d.Role}
	if d.Slots > 0 {
		parts = append(parts, "up to "+count(int(d.Slots), "listener", "listeners"))
	}
	if d.For != "" {
		parts = append(parts, "only for "+whom(d.For))
	}
	switch d.Count {
	case "exact":
		parts = append(parts, count(int(d.Uses), "use", "uses")+", counted by you: it opens only while you are in the room")
	case "best effort":
		parts = append(parts, count(int(d.Uses), "use", "uses")+", though a few more may slip in while the room is split")
	}
	if d.Expires == "" {
		parts = append(parts, "never expires")
	} else {
		parts = append(parts, "until "+d.Expires)
	}
	return strings.Join(parts, ", ")
}

// whom is who a link is for, as a person reads it: keys are cut short.
func whom(text string) string {
	if id, err := identity.ParseID(text); err == nil {
		return id.Short()
	}
	return text
}
