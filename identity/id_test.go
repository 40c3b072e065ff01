// Names in their text form: one spelling each.

package identity

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	id := ana.ID()
	text := id.String()
	if len(text) != 52 || text != strings.ToLower(text) || id.Short() != text[:8] {
		t.Errorf("ID %q, short %q", text, id.Short())
	}
	if back, err := ParseID(text); err != nil || back != id {
		t.Errorf("ParseID(%q) = %v, %v", text, back, err)
	}
	if back, err := ParseRoomID(charter.ID().String()); err != nil || back != charter.ID() {
		t.Errorf("ParseRoomID: %v, %v", back, err)
	}
	h := HashOf([]byte("x"))
	if back, err := ParseHash(h.String()); err != nil || back != h {
		t.Errorf("ParseHash: %v, %v", back, err)
	}
	for why, s := range map[string]string{
		"empty": "", "short": text[:51], "long": text + "a", "capitals": strings.ToUpper(text), "space": " " + text[1:],
		"not in the alphabet": "1" + text[1:], "spare bits": strings.Repeat("a", 51) + "b", "line end": text[:51] + "\n",
	} {
		if id, err := ParseID(s); verdict(t, err) != "malformed" || !id.IsZero() {
			t.Errorf("%s: ParseID(%q) = %v, %v", why, s, id, err)
		}
	}
}

func TestNamesInJSON(t *testing.T) {
	type names struct {
		Who   ID
		Where RoomID
		What  Hash
		Count map[ID]int
	}
	in := names{ana.ID(), charter.ID(), HashOf(nil), map[ID]int{ben.ID(): 1}}
	text, err := json.Marshal(in)
	if err != nil || !strings.Contains(string(text), `"`+ben.ID().String()+`":1`) {
		t.Fatalf("%s, %v", text, err)
	}
	var out names
	if err := json.Unmarshal(text, &out); err != nil || out.Who != in.Who || out.Where != in.Where || out.What != in.What {
		t.Errorf("%+v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"Who":"x"}`), &out); verdict(t, err) != "malformed" {
		t.Error(err)
	}
}

func TestRoles(t *testing.T) {
	for r := RoleOwner; r <= RoleRelay; r++ {
		if back, err := ParseRole(r.String()); err != nil || back != r {
			t.Errorf("ParseRole(%q) = %v, %v", r, back, err)
		}
		if r > RoleOwner && (r.Rank() <= (r-1).Rank() || !RoleOwner.Caps().Has(r.Caps())) {
			t.Errorf("%v does not stand below %v", r, r-1)
		}
	}
	for _, r := range []Role{0, 6, 255} {
		if r.Valid() || r.Caps() != 0 || r.Rank() != 0 || r.String() == "" {
			t.Errorf("role %d has rights", r)
		}
	}
	if _, err := ParseRole("king"); verdict(t, err) != "malformed" {
		t.Error(err)
	}
	if RoleModerator.Caps() != AllCaps&^CapEnd || RoleSpeaker.Caps() != CapHear|CapSpeak {
		t.Error("the defaults of moderator or speaker changed")
	}
}
