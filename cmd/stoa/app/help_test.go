package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

// saying gives somebody in a room words about how they hear others, each such as
// "ann direct", "bob none 2s" or "cid relay": the way, and for how long it has
// been so. by is who brings them voices.
func saying(s *room.Snapshot, who, by string, lines ...string) { sayingAt(noon, s, who, by, lines...) }

func sayingAt(now time.Time, s *room.Snapshot, who, by string, lines ...string) {
	p := find(s, idOf(who))
	p.Hears, p.Helps = nil, true
	if p.Relay = (identity.ID{}); by != "" {
		p.Relay = idOf(by)
	}
	for _, line := range lines {
		words := strings.Fields(line)
		h := room.Hearing{Who: idOf(words[0]), Since: now.Add(-time.Hour)}
		for w := room.Unheard; w <= room.ByRelay; w++ {
			if w.String() == words[1] {
				h.Way = w
			}
		}
		if len(words) > 2 {
			d, err := time.ParseDuration(words[2])
			if err != nil {
				panic(err)
			}
			h.Since = now.Add(-d)
		}
		p.Hears = append(p.Hears, h)
	}
	slices.SortFunc(p.Hears, func(a, b room.Hearing) int { return slices.Compare(a.Who[:], b.Who[:]) })
	if s.Me.ID == p.ID {
		s.Me = *p
	}
}

// allLinked is a room as me sees it, in which these may speak and all have links.
func allLinked(me string, names ...string) *room.Snapshot {
	var people []room.Person
	for _, n := range names {
		people = append(people, being(n, identity.RoleSpeaker))
	}
	s := around(me, people...)
	for _, n := range names {
		var lines []string
		for _, o := range names {
			if o != n {
				lines = append(lines, o+" direct")
			}
		}
		saying(s, n, "", lines...)
	}
	return s
}

// apart takes the link between two away: for so long neither has heard the other.
func apart(s *room.Snapshot, a, b string, since time.Duration) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		p := find(s, idOf(pair[0]))
		for i := range p.Hears {
			if p.Hears[i].Who == idOf(pair[1]) {
				p.Hears[i] = room.Hearing{Who: idOf(pair[1]), Since: noon.Add(-since)}
			}
		}
		if s.Me.ID == p.ID {
			s.Me = *p
		}
	}
}

// nameOf is the name of who should help somebody, "" when nobody should.
func nameOf(s *room.Snapshot, who string) string {
	id, found := helperOf(s, find(s, idOf(who)), noon)
	if !found {
		return ""
	}
	return find(s, id).Name
}

func TestHelperOf(t *testing.T) {
	three := func(since time.Duration) *room.Snapshot {
		s := allLinked("ann", "ann", "bob", "cid")
		apart(s, "ann", "bob", since)
		return s
	}
	with := func(s *room.Snapshot, change func(*room.Snapshot)) *room.Snapshot { change(s); return s }
	relayed := func(s *room.Snapshot) {
		s.People = append(s.People, being("r1", identity.RoleRelay))
		s.State.Members[idOf("r1")] = s.People[3].Member
		s.Relays = []room.RelayView{carries("r1", 10, 0)}
	}
	for name, c := range map[string]struct {
		s    *room.Snapshot
		want string // who helps ann, and bob
	}{
		"all are linked":                {allLinked("ann", "ann", "bob", "cid"), ""},
		"two have been deaf for less":   {three(helpAfter - 1), ""},
		"two are deaf":                  {three(helpAfter), "cid"},
		"nobody is linked with both":    {with(three(time.Hour), func(s *room.Snapshot) { apart(s, "cid", "bob", time.Hour) }), ""},
		"the third will not":            {with(three(time.Hour), func(s *room.Snapshot) { find(s, idOf("cid")).Helps = false }), ""},
		"the third is not on the stage": {with(three(time.Hour), func(s *room.Snapshot) { find(s, idOf("cid")).Stage = false }), ""},
		"the third may not hear":        {with(three(time.Hour), func(s *room.Snapshot) { delete(s.State.Members, idOf("cid")) }), ""},
		"a crowd":                       {with(three(time.Hour), crowded), ""},
		"a relay has both voices": {with(three(relaysFirst-1), func(s *room.Snapshot) {
			relayed(s)
			saying(s, "r1", "", "ann direct", "bob direct", "cid direct")
		}), ""},
		"a relay has both voices, and brings them not": {with(three(relaysFirst), func(s *room.Snapshot) {
			relayed(s)
			saying(s, "r1", "", "ann direct", "bob direct", "cid direct")
		}), "cid"},
		"a relay lacks both": {with(three(helpAfter), func(s *room.Snapshot) {
			relayed(s)
			saying(s, "r1", "", "ann none", "bob none", "cid direct")
		}), "cid"},
		"the third is a relay of the room": {with(three(helpAfter), func(s *room.Snapshot) { s.Relays = []room.RelayView{carries("cid", 10, 0)} }), ""},
	} {
		for _, who := range []string{"ann", "bob"} {
			if got := nameOf(c.s, who); got != c.want {
				t.Errorf("%s: %s is helped by %q, want %q", name, who, got, c.want)
			}
		}
		if got := nameOf(c.s, "cid"); got != "" && len(find(c.s, idOf("cid")).Hears) > 1 && !strings.Contains(name, "nobody is linked") {
			t.Errorf("%s: cid, who lacks nobody, is helped by %q", name, got)
		}
	}
}

// TestHelperStays until whom it carries needs nobody any more.
func TestHelperStays(t *testing.T) {
	s := allLinked("ann", "ann", "bob", "cid", "dan")
	saying(s, "ann", "dan", "bob relay", "cid direct", "dan direct")
	if got := nameOf(s, "ann"); got != "dan" {
		t.Errorf("ann, whom dan carries, should be helped by %q", got)
	}
	saying(s, "ann", "dan", "bob direct", "cid direct", "dan direct")
	if got := nameOf(s, "ann"); got != "" {
		t.Errorf("ann, who has a link again, should be helped by %q", got)
	}
	if got := idsOf(bearersOf(s, nil, noon)); !slices.Equal(got, []identity.ID{idOf("dan")}) {
		t.Error("ann lets go of dan before dan does")
	}
	saying(s, "ann", "dan", "bob relay", "cid direct", "dan none 1s")
	if got := nameOf(s, "ann"); got == "dan" {
		t.Error("dan, who has lost the link to ann, should help on")
	}
}

// TestNextHelper has nobody bring what is missed: it is everybody's turn.
func TestNextHelper(t *testing.T) {
	seen := map[string]int{}
	for after := helpAfter; after < helpAfter+6*nextHelper; after += nextHelper {
		s := allLinked("ann", "ann", "bob", "cid", "dan", "eve")
		apart(s, "ann", "bob", after)
		if a, b := nameOf(s, "ann"), nameOf(s, "bob"); a != b || a == "" {
			t.Fatalf("after %v ann is helped by %q and bob by %q", after, a, b)
		}
		seen[nameOf(s, "ann")]++
	}
	if len(seen) != 3 || seen["cid"] != 2 || seen["dan"] != 2 || seen["eve"] != 2 {
		t.Errorf("helpers in turn: %v", seen)
	}
}

// TestAllReckonTheSameHelpers asks everybody of a room in which pairs of the ten
// are apart.
func TestAllReckonTheSameHelpers(t *testing.T) {
	names := strings.Fields("ann bob cid dan eve fay gus hal ida joe")
	for n := range 8 { // pairs
		var first []identity.ID
		for _, me := range names {
			s := allLinked(me, names...)
			for i := range n {
				apart(s, names[(3*i)%10], names[(3*i+1+i%2)%10], time.Second)
			}
			needed := helpers(s, noon)
			all := sortedIDs(needed)
			if me == names[0] {
				first = all
			}
			if !slices.Equal(all, first) || len(all) > maxHelpers || (len(all) > 0) != (n > 0) {
				t.Fatalf("with %d pairs apart %s reckons %d helpers, ann %d", n, me, len(all), len(first))
			}
			for helper, those := range needed {
				if len(those) == 0 || slices.Contains(those, helper) {
					t.Errorf("somebody helps %d", len(those))
				}
			}
		}
		if n == 1 && len(first) != 1 {
			t.Errorf("one pair has %d helpers", len(first))
		}
	}
}

// TestLiarsGainLittle has half a room say what is not so.
func TestLiarsGainLittle(t *testing.T) {
	names := strings.Fields("ann bob cid dan eve fay gus hal ida joe")
	s := allLinked("ann", names...)
	for i, liar := range names[5:] {
		// Each says that it is deaf to all but one, that another brings it voices.
		saying(s, liar, names[i], "ann none 1s", "bob none 1s", "cid none 1s", "dan none 1s", names[i]+" direct")
	}
	if all := helpers(s, noon); len(all) > maxHelpers {
		t.Errorf("%d of those who say the truth are made to help", len(all))
	}
	if got := fedBy(s, noon); len(got) > maxHelpers {
		t.Errorf("a speaker sends %d streams more", len(got))
	}

	// Nobody is carried who does not even say that they are deaf.
	s = allLinked("ann", names...)
	s.People = append(s.People, being("sly", identity.RoleListener))
	saying(s, "sly", "bob", "bob direct", "cid direct")
	if all := helpers(s, noon); len(all) != 0 {
		t.Error("somebody helps a listener who hears everybody")
	}
}

// TestListenersTakeNoHelpFromTheStage: however many come by a link that lets
// them listen, and say that they are deaf.
func TestListenersTakeNoHelpFromTheStage(t *testing.T) {
	names := strings.Fields("ann bob cid dan eve fay gus hal ida joe")
	s := allLinked("ann", names...)
	for i := range 300 {
		name := fmt.Sprint("sybil", i)
		s.People = append(s.People, being(name, identity.RoleListener))
		s.State.Members[idOf(name)] = s.People[len(s.People)-1].Member
		by := names[2+i%8]
		saying(s, name, by, "ann none 1s", by+" direct")
	}
	apart(s, "ann", "bob", time.Second)
	all := helpers(s, noon)
	helped := map[identity.ID]bool{}
	for _, those := range all {
		if len(those) > helpSlots {
			t.Errorf("somebody helps %d", len(those))
		}
		for _, id := range those {
			helped[id] = true
		}
	}
	if len(all) > maxHelpers || len(helped) > maxHelped || !helped[idOf("ann")] || !helped[idOf("bob")] {
		t.Errorf("%d helpers for %d people; ann is of them: %v, bob: %v", len(all), len(helped), helped[idOf("ann")], helped[idOf("bob")])
	}
}

func TestLinkage(t *testing.T) {
	links := linksTo("ann", "ann", "bob", "cid", "dan")
	links[0].LossIn, links[1].LossIn = 0.5, 0.1
	links[2].Quiet, links[3].Quiet, links[4].Quiet = linkStalled, linkStalled, linkQuiet
	at := linkageOf(links, map[identity.ID]bool{idOf("cid"): true, idOf("ann"): true})
	if len(at.alive) != 2 || at.alive[idOf("ann")].LossIn != 0.1 || at.alive[idOf("bob")].Quiet != linkStalled {
		t.Errorf("alive: %+v", at.alive)
	}
	if len(at.dead) != 2 || !at.dead[idOf("cid")] || !at.dead[idOf("dan")] {
		t.Errorf("dead: %v", at.dead)
	}
}

func TestHearings(t *testing.T) {
	s := allLinked("ann", "ann", "bob", "cid", "dan")
	s.People = append(s.People, being("eve", identity.RoleListener))
	links := linksTo("bob", "bob", "cid", "eve")
	links[0].LossIn, links[1].LossIn = 0.5, 0.1
	links[2].Quiet = linkQuiet
	unlinked := map[identity.ID]time.Time{idOf("cid"): noon.Add(-linkPatience), idOf("dan"): noon.Add(1 - linkPatience)}
	words := func(h held) (text []string) {
		for _, l := range hearings(s, linkageOf(links, nil), unlinked, nil, &h, noon) {
			text = append(text, fmt.Sprintf("%s %s %.1f", find(s, l.Who).Name, l.Way, l.Loss))
		}
		return text
	}
	if got := words(held{}); !slices.Equal(got, []string{"bob direct 0.1", "cid none 0.0"}) {
		t.Errorf("with a link that is dead: %q", got)
	}
	unlinked[idOf("dan")] = noon.Add(-linkPatience)
	by := func(name string) held {
		return held{Primary: attachedTo(name)}
	}
	if got := words(by("dan")); !slices.Equal(got, []string{"bob direct 0.1", "cid relay 0.2", "dan relay 0.2"}) {
		t.Errorf("carried by dan, who has cid's voice: %q", got)
	}
	saying(s, "dan", "", "cid none")
	if got := words(by("dan")); !slices.Equal(got, []string{"bob direct 0.1", "cid none 0.0", "dan relay 0.2"}) {
		t.Errorf("carried by dan, who has not: %q", got)
	}
	saying(s, "dan", "eve", "cid relay")
	if got := words(by("dan")); !slices.Equal(got, []string{"bob direct 0.1", "cid none 0.0", "dan relay 0.2"}) {
		t.Errorf("carried by dan, who has it by somebody else, which helpers do not pass on: %q", got)
	}
	if got := words(by("zoe")); !slices.Equal(got, []string{"bob direct 0.1", "cid none 0.0", "dan none 0.0"}) {
		t.Errorf("carried by who is not here: %q", got)
	}
}

// TestRelayThatHasTheVoice is taken before one that has not.
func TestRelayThatHasTheVoice(t *testing.T) {
	s := theatre("ann")
	lacks := map[identity.ID]time.Time{idOf("bob"): noon}
	if got := bearersOf(s, lacks, noon); len(got) != 2 {
		t.Errorf("while nobody knows which relay has bob's voice there are %d", len(got))
	}
	saying(s, "r2", "", "ann direct", "bob direct")
	saying(s, "r1", "", "ann direct", "bob none")
	if got := idsOf(bearersOf(s, lacks, noon)); !slices.Equal(got, []identity.ID{idOf("r2")}) {
		t.Errorf("%d relays to choose from", len(got))
	}
	if got := bearersOf(s, nil, noon); len(got) != 2 {
		t.Errorf("when nobody is lacked any more there are %d", len(got))
	}
}

func TestFedForTheDeaf(t *testing.T) {
	both := []identity.ID{idOf("r1"), idOf("r2")}
	s := theatre("ann")
	saying(s, "cid", "", "ann direct", "bob none 0s")
	if got := fedBy(s, noon); !slices.Equal(got, both) {
		t.Errorf("as soon as a listener says that he is deaf %d relays are fed", len(got))
	}
	saying(s, "cid", "r1", "ann direct", "bob relay")
	if got := fedBy(s, noon); !slices.Equal(got, both) {
		t.Errorf("while one is carried %d relays are fed", len(got))
	}
	saying(s, "cid", "r1", "ann direct", "bob punched")
	if got := fedBy(s, noon); len(got) != 0 {
		t.Errorf("when nobody needs it %d relays are fed", len(got))
	}
	three := allLinked("ann", "ann", "bob", "cid")
	apart(three, "ann", "bob", helpAfter)
	if got := fedBy(three, noon); !slices.Equal(got, []identity.ID{idOf("cid")}) {
		t.Errorf("where a member helps %d are fed", len(got))
	}
}

func TestKindness(t *testing.T) {
	var k kindness
	needed, over := allLinked("cid", "ann", "bob", "cid"), allLinked("cid", "ann", "bob", "cid")
	apart(needed, "ann", "bob", time.Second)
	for i, step := range []struct {
		s    *room.Snapshot
		at   time.Duration
		want int
	}{{over, 0, 0}, {needed, 1, 2}, {over, 1, 2}, {over, helpOn, 2}, {over, helpOn + 1, 0}, {over, time.Hour, 0}} {
		if got := k.next(step.s, noon.Add(step.at)); len(got) != step.want {
			t.Errorf("step %d: %d are helped", i, len(got))
		}
	}
}

// BenchmarkReckon is what one look costs in a full room without relays, of whom
// five pairs cannot connect: everybody looks twice to four times a second.
func BenchmarkReckon(b *testing.B) {
	var names []string
	for i := range 23 {
		names = append(names, fmt.Sprint("n", i))
	}
	s := allLinked("n0", names...)
	for i := range 5 {
		apart(s, names[2*i], names[2*i+1], time.Second)
	}
	for b.Loop() {
		fedBy(s, noon)
	}
}
