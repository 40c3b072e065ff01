package app

import (
	"fmt"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

// found makes hearers of whom so much has been found.
func found(verdicts map[string]verdict) *hearers {
	a := newHearers()
	for name, v := range verdicts {
		a.of[idOf(name)] = &hearer{verdict: v}
	}
	return a
}

func TestClaims(t *testing.T) {
	now := noon.Add(time.Hour)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	room5 := func(open ...string) *room.Snapshot {
		s := allLinked("ann", "ann", "bob", "cid", "dan", "eve")
		for _, name := range open {
			find(s, idOf(name)).Mic = true
		}
		return s
	}
	come := func(of map[string]coming) map[identity.ID]coming {
		all := map[identity.ID]coming{}
		for name, c := range of {
			all[idOf(name)] = c
		}
		return all
	}
	for _, c := range []struct {
		what   string
		s      *room.Snapshot
		others map[string]verdict
		come   map[string]coming
		silent bool // ann has not spoken
		mute   bool // and has no loudspeaker
		want   string
	}{
		{"alone", allLinked("ann", "ann"), nil, nil, false, false, "nobody else is here"},
		{"before a word", room5(), nil, nil, true, false, "nobody has heard you yet · no other microphone is open"},
		{"before anybody could tell", room5(), map[string]verdict{"dan": noLoudspeaker}, nil, false, false, "nobody has heard you yet · no other microphone is open"},
		{"all hear", room5("bob"), map[string]verdict{"bob": hears, "cid": hears, "dan": hears, "eve": hears},
			map[string]coming{"bob": {last: ago(time.Second)}}, false, false, "heard by 4 · you hear 1 of 1"},
		{"not by one", room5(), map[string]verdict{"bob": hears, "cid": hears, "dan": hears, "eve": misses}, nil, false, false, "heard by 3, not by eve · no other microphone is open"},
		{"not by many", room5(), map[string]verdict{"bob": hears, "cid": misses, "dan": misses, "eve": misses}, nil, false, false, "heard by 1, not by 3 · no other microphone is open"},
		{"by nobody", room5(), map[string]verdict{"bob": noLoudspeaker, "cid": misses, "dan": misses, "eve": noLoudspeaker}, nil, false, false,
			"heard by nobody, not by cid and dan; bob and eve have no loudspeaker · no other microphone is open"},
		{"one is new", room5(), map[string]verdict{"bob": hears, "cid": hears, "dan": noLoudspeaker, "eve": unknown}, nil, false, false,
			"heard by 2, 1 cannot say yet; dan has no loudspeaker · no other microphone is open"},
		{"one voice has stopped", room5("bob", "cid", "dan", "eve"), nil,
			map[string]coming{"bob": {last: ago(4 * time.Second)}, "cid": {last: ago(time.Minute), paused: true}, "dan": {last: ago(time.Second)}, "eve": {last: now}}, true, false,
			"nobody has heard you yet · you hear 3 of 4; not bob (no packets for 4 s)"},
		{"one has not begun", room5("bob", "cid"), nil, map[string]coming{"cid": {last: now}}, true, false, "nobody has heard you yet · you hear 1 of 1"},
		{"no voice", room5("bob"), nil, nil, true, false, "nobody has heard you yet · nobody has said anything yet"},
		{"no loudspeaker", room5("bob"), nil, map[string]coming{"bob": {last: now}}, true, true, "nobody has heard you yet · you have no loudspeaker, so you hear nobody"},
	} {
		got := claim(c.s, found(c.others), nil, come(c.come), !c.mute, !c.silent, now)
		if got.Text != c.want {
			t.Errorf("%s: %q, want %q", c.what, got.Text, c.want)
		}
	}
}

// TestClaimOfAWayThatIsMissing: without a link there is no pause.
func TestClaimOfAWayThatIsMissing(t *testing.T) {
	s := allLinked("ann", "ann", "bob", "cid")
	find(s, idOf("bob")).Mic = true
	sayingAt(noon, s, "ann", "", "bob none 3s", "cid direct")
	got := claim(s, newHearers(), nil, map[identity.ID]coming{idOf("bob"): {last: noon, paused: true}}, true, false, noon)
	if want := "nobody has heard you yet · you hear 0 of 1; not bob (there is no way to them)"; got.Text != want {
		t.Errorf("%q, want %q", got.Text, want)
	}
}

// TestClaimInACrowd: the stage is counted one by one, and whom relays carry as these say,
// of relays at which the voice comes.
func TestClaimInACrowd(t *testing.T) {
	for name, c := range map[string]struct {
		reached map[string]bool // at which relays the voice comes
		want    string
	}{
		"by both": {map[string]bool{"r1": true, "r2": true}, "heard by 1 and about 950 of 1000 behind relays · no other microphone is open"},
		"by one":  {map[string]bool{"r1": true}, "heard by 1 and about 600 of 1000 behind relays · no other microphone is open"},
		"by none": {nil, "heard by 1 and none of 1000 behind relays · no other microphone is open"},
	} {
		s := theatre("ann", crowded)
		s.Audience = 1000
		reports := map[identity.ID]report{}
		for relay, n := range map[string]int{"r1": 600, "r2": 350} {
			way := room.Unheard
			if c.reached[relay] {
				way = room.ByRelay
			}
			reports[idOf(relay)] = report{receipt: room.Receipt{Who: idOf(relay), Said: true, Way: way, Feeds: n}}
		}
		a := found(map[string]verdict{"bob": hears})
		if got := claim(s, a, reports, nil, true, true, noon); got.Text != c.want {
			t.Errorf("%s: %q, want %q", name, got.Text, c.want)
		}
	}
}

// TestClaimant: what has changed is told, not more often than a person can read, and what
// only wavers is not.
func TestClaimant(t *testing.T) {
	var c claimant
	told := ""
	for i, step := range []Audible{
		{Heard: 1}, {Heard: 1}, {Heard: 2}, {Heard: 2}, {Heard: 2, Behind: 950}, {Heard: 2, Behind: 950},
		{Heard: 2, Behind: 960}, {Heard: 2, Behind: 910}, {Heard: 2, Behind: 500}, {Heard: 2, Behind: 500},
		{Heard: 2, Unheard: []Silent{{Who: "bob", Seconds: 2}}}, {Heard: 2, Unheard: []Silent{{Who: "bob", Seconds: 3}}},
		{Heard: 2, Unheard: []Silent{{Who: "bob", Seconds: 4}}}, {Heard: 3}, {Heard: 4}, {Heard: 5},
	} {
		if c.due(&step, noon.Add(time.Duration(i)*time.Second)) {
			told += fmt.Sprint(i, " ")
		}
	}
	if want := "0 2 4 8 10 13 15 "; told != want {
		t.Errorf("told at %s, want %s", told, want)
	}
}
