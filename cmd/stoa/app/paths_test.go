package app

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"stoa/identity"
	"stoa/room"
)

// texts are the sentences on the pairs of a room.
func texts(s *room.Snapshot) (list []string) {
	for _, p := range pairsOf(s) {
		list = append(list, p.Text)
	}
	return list
}

func TestPairs(t *testing.T) {
	withRelays := func(s *room.Snapshot) *room.Snapshot {
		for _, r := range []string{"r1", "r2"} {
			s.People = append(s.People, being(r, identity.RoleRelay))
			s.Relays = append(s.Relays, carries(r, 10, 1))
		}
		return s
	}
	s := withRelays(allLinked("ann", "ann", "bob", "cid"))
	for _, c := range []struct {
		what             string
		ann, by, bob, of string // what ann and bob say of one another, and who carries them
		want             string
	}{
		{"links", "direct", "", "tcp", "", ""},
		{"one relay", "relay", "r1", "relay", "r1", "ann and bob cannot connect directly; each hears the other through relay r1"},
		{"two relays", "relay", "r1", "relay", "r2", "ann and bob cannot connect directly; ann hears bob through relay r1, and bob hears ann through relay r2"},
		{"a member", "relay", "cid", "relay", "cid", "ann and bob cannot connect directly; each hears the other through cid"},
		{"deaf", "none", "", "none", "", "ann and bob do not hear each other"},
		{"half deaf", "none", "", "relay", "r2", "ann does not hear bob; bob hears ann through relay r2"},
		{"one way", "none", "", "direct", "", "ann does not hear bob"},
		{"the other way", "direct", "", "none", "", "ann hears bob directly; bob does not hear ann"},
		{"the relay has gone", "relay", "zoe", "direct", "", "ann hears bob through a relay that has gone"},
	} {
		saying(s, "ann", c.by, "bob "+c.ann, "cid direct")
		saying(s, "bob", c.of, "ann "+c.bob, "cid direct")
		if c.by == "zoe" { // the room does not say who that was
			find(s, idOf("ann")).Relay = identity.ID{}
		}
		want := []string{c.want}
		if c.want == "" {
			want = nil
		}
		if got := texts(s); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// TestPairsWithListeners: one who only hears is named first, and in a crowd not at all.
func TestPairsWithListeners(t *testing.T) {
	s := theatre("dan")
	saying(s, "cid", "r1", "ann relay", "bob direct")
	saying(s, "bob", "", "ann none")
	saying(s, "r1", "", "ann none") // whom it carries tell by themselves what they lack
	if got, want := texts(s), []string{"bob does not hear ann", "cid hears ann through relay r1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	s.Crowd = true
	if got, want := texts(s), []string{"bob does not hear ann"}; !slices.Equal(got, want) {
		t.Errorf("in a crowd: %q, want %q", got, want)
	}
}

// TestThreePairsOfTen names exactly those who have no link.
func TestThreePairsOfTen(t *testing.T) {
	names := strings.Fields("ann bob cid dan eve fay gus hal ida joe")
	s := allLinked("joe", names...)
	for _, pair := range [][2]string{{"ann", "bob"}, {"cid", "joe"}, {"eve", "gus"}} {
		for i, who := range pair {
			p := find(s, idOf(who))
			for k := range p.Hears {
				if p.Hears[k].Who == idOf(pair[1-i]) {
					p.Hears[k].Way = room.ByRelay
				}
			}
			p.Relay = idOf("hal")
		}
	}
	var got [][2]string
	for _, p := range pairsOf(s) {
		var names [2]string
		for _, person := range s.People {
			switch person.ID.String() {
			case p.A:
				names[0] = person.Name
			case p.B:
				names[1] = person.Name
			}
		}
		got = append(got, names)
	}
	if !slices.Equal(got, [][2]string{{"ann", "bob"}, {"cid", "joe"}, {"eve", "gus"}}) {
		t.Errorf("the pairs %q", got)
	}
}

func TestWhoPaths(t *testing.T) {
	s := allLinked("ann", "ann", "bob", "cid", "dan")
	twin := being("eve", identity.RoleListener)
	twin.Name = "BOB"
	s.People = append(s.People, twin)
	saying(s, "ann", "cid", "bob relay", "cid punched", "dan none")
	find(s, idOf("ann")).Hears[0].Loss = 0
	saying(s, "bob", "cid", "ann relay", "cid direct", "dan direct")
	saying(s, "cid", "", "ann direct", "bob direct", "dan direct")
	saying(s, "dan", "", "ann none", "bob direct", "cid direct")
	links := linksTo("cid")
	links[0].LossIn, links[0].LossOut = 0.0123, 0.25
	r := who(s, noon, new(known))
	addPaths(&r, s, linkageOf(links, nil))
	short := idOf("bob").Short()
	for i, want := range []string{
		1: "speaker, you, microphone off",
		2: " · by cid",
		3: " · direct, 20 ms, loss 1.2 % in, 25.0 % out",
		4: " · not heard, does not hear you",
		5: " · no link",
		6: "ann and bob (" + short + ") cannot connect directly; each hears the other through cid",
		7: "ann and dan do not hear each other",
	} {
		if !strings.HasSuffix(r.Lines[i], want) {
			t.Errorf("line %d: %q, want %q at its end", i, r.Lines[i], want)
		}
	}
	if len(r.Lines) != 8 {
		t.Errorf("%q", r.Lines)
	}
	if n := r.Data.(whoReply).Deaf; n != 2 {
		t.Errorf("%d people are deaf to somebody", n)
	}
	text, err := json.Marshal(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"path":{"way":"direct","rtt_ms":20,"loss_in":0.012,"loss_out":0.25,"back":"direct"}`,
		`"path":{"way":"relay","relay":"` + idOf("cid").String() + `","rtt_ms":0,"loss_in":0,"loss_out":0,"back":"relay"}`,
		`"pairs":[{"a":"` + idOf("ann").String() + `","b":"` + idOf("bob").String() + `","a_hears":"relay","a_by":"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s\nlacks %s", text, want)
		}
	}
	s = allLinked("ann", "ann", "bob")
	r = who(s, noon, new(known))
	addPaths(&r, s, linkage{})
	if last := r.Lines[len(r.Lines)-1]; last != "nobody here says that they lack a link to anybody on the stage" {
		t.Errorf("when all is well: %q", last)
	}
}
