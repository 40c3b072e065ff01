package room

import (
	"slices"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// stageOf makes n lines of people who are heard directly.
func stageOf(n int) []Heard {
	lines := make([]Heard, n)
	for i := range lines {
		lines[i] = Heard{Who: relay.PrefixOf(someone(byte(i + 1))), Way: Direct, Loss: 255, RTT: maxRTT, Got: 1<<32 - 1}
	}
	slices.SortFunc(lines, func(a, b Heard) int { return slices.Compare(a.Who[:], b.Who[:]) })
	return lines
}

func TestLinesOfAHeartbeat(t *testing.T) {
	ann, bob := someone(1), someone(2)
	lines := linesOf([]Hearing{
		{Who: bob, Way: ByRelay, Loss: 0.5, RTT: 20 * time.Millisecond},
		{Who: ann, Way: Direct, Loss: -1, RTT: -time.Second},
		{Who: bob, Way: Direct}, // again: the first counts
		{Who: someone(3), Way: Unheard, Loss: 7, RTT: time.Hour},
	})
	if !validHears(lines) || len(lines) != 3 {
		t.Fatalf("%+v", lines)
	}
	for _, l := range lines {
		want := map[relay.Prefix]Heard{
			relay.PrefixOf(ann):        {Way: Direct},
			relay.PrefixOf(bob):        {Way: ByRelay, Loss: 127, RTT: 20},
			relay.PrefixOf(someone(3)): {Way: Unheard, Loss: 255, RTT: maxRTT},
		}[l.Who]
		if want.Who = l.Who; l != want {
			t.Errorf("%+v, want %+v", l, want)
		}
	}
}

// TestForemost has a heartbeat with room for few lines: those stay that others have to act upon.
func TestForemost(t *testing.T) {
	lines := stageOf(10)
	lines[3].Way, lines[7].Way, lines[8].Way = ByRelay, Unheard, ByRelay
	for n, want := range map[int][]int{0: {}, 1: {7}, 2: {3, 7}, 3: {3, 7, 8}, 4: {0, 3, 7, 8}, 10: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 99: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		kept := []Heard{}
		for _, i := range want {
			kept = append(kept, lines[i])
		}
		if got := foremost(lines, n); !slices.Equal(got, kept) {
			t.Errorf("%d of ten: %+v", n, got)
		}
	}
}

// TestHeartbeatsFit fills a heartbeat with everything it may hold: it is cut to what others take.
func TestHeartbeatsFit(t *testing.T) {
	long := string(slices.Repeat([]byte("x"), maxAddr))
	full := func(lines []Heard) *Presence {
		p := samplePresence()
		p.Name, p.Addrs, p.Heads = long[:MaxName], slices.Repeat([]string{long}, maxAddrs), make([]identity.Hash, maxHeads)
		p.Time, p.Seq, p.Hears = maxTime-1, 1<<63, lines
		return p
	}
	lines := stageOf(maxHears)
	lines[5].Way = Unheard
	p, err := ParsePresence(signFitting(testKey, full(slices.Clone(lines))))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Hears) < 8 || len(p.Hears) == maxHears || !slices.Contains(p.Hears, lines[5]) {
		t.Errorf("%d lines are left: %+v", len(p.Hears), p.Hears)
	}
	if p, err = ParsePresence(signFitting(testKey, samplePresence())); err != nil || len(p.Hears) != 2 {
		t.Errorf("an ordinary one: %+v, %v", p, err)
	}
}

// TestHearsay follows one line through the ways and looks since when it has been so.
func TestHearsay(t *testing.T) {
	var h hearsay
	now := noon
	for i, step := range []struct {
		way  Way
		news bool
	}{
		{Direct, true}, {Unheard, true}, {Unheard, false}, {ByRelay, true}, {ByRelay, false}, {Direct, true}, {Punched, false},
		{WebSocket, false}, {OverTCP, false}, {Unheard, true}, {Direct, true}, {ByRelay, true}, {Unheard, true},
	} {
		now = now.Add(time.Second)
		next := h.next([]Heard{{Who: relay.Prefix{1}, Way: step.way, RTT: uint16(now.Second())}}, now)
		if h.urgent(next) != (step.news && i > 0) {
			t.Errorf("%v: urgent: %v", step.way, h.urgent(next))
		}
		if h.differs(next) != step.news {
			t.Errorf("%v: news: %v", step.way, !step.news)
		}
		if m := next[relay.Prefix{1}]; m.since.Equal(now) != step.news {
			t.Errorf("%v: since %v at %v", step.way, m.since, now)
		}
		h = next
	}
	if gone := h.next(nil, now); !h.differs(gone) || !h.urgent(gone) || len(gone) != 0 {
		t.Error("nothing is said any more of somebody who was not heard, and that is no news")
	}
}

func TestCrowdsHearOnlyOfWhatIsWrong(t *testing.T) {
	lines := stageOf(4)
	lines[1].Way, lines[3].Way = Unheard, ByRelay
	h := hearsay(nil).next(lines, noon)
	speaker, listener := identity.RoleSpeaker.Caps(), identity.RoleListener.Caps()
	if got := h.lines(false, listener); !slices.Equal(got, lines) {
		t.Errorf("in a small room: %+v", got)
	}
	for _, caps := range []identity.Caps{speaker, identity.RoleRelay.Caps()} {
		if got := h.lines(true, caps); !slices.Equal(got, []Heard{lines[1], lines[3]}) {
			t.Errorf("in a crowd: %+v", got)
		}
	}
	if got := h.lines(true, listener); len(got) != 0 {
		t.Errorf("of a listener in a crowd: %+v", got)
	}
}

func TestDeaf(t *testing.T) {
	person := func(n byte, caps identity.Caps, hears ...Hearing) Person {
		return Person{Member: Member{ID: someone(n), Caps: caps}, Stage: caps.Has(identity.CapSpeak), Hears: hears}
	}
	deaf := func(n byte) Hearing { return Hearing{Who: someone(n), Since: noon} }
	speaker, listener := identity.RoleSpeaker.Caps(), identity.RoleListener.Caps()
	s := &Snapshot{People: []Person{
		person(1, speaker, deaf(2), Hearing{Who: someone(3), Way: ByRelay}),
		person(2, speaker, deaf(1), deaf(4), deaf(9)),
		person(3, speaker),
		person(4, listener, deaf(3)),
		person(5, identity.RoleRelay.Caps(), deaf(1)),
	}}
	pair := func(who, to byte) Deafness { return Deafness{someone(who), someone(to), noon} }
	if got := s.Deaf(); !slices.Equal(got, []Deafness{pair(1, 2), pair(2, 1), pair(4, 3)}) {
		t.Errorf("in a small room: %+v", got)
	}
	s.Crowd = true
	if got := s.Deaf(); !slices.Equal(got, []Deafness{pair(1, 2), pair(2, 1)}) {
		t.Errorf("in a crowd: %+v", got)
	}
}
