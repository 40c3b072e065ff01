package app

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/seal"
)

// agora is what ann sees of a room with a stage, a queue and relays.
func agora() roomSight {
	ann, ben, cid, rex := being("ann", identity.RoleOwner), being("ben", identity.RoleSpeaker), being("cid", identity.RoleListener), being("rex", identity.RoleRelay)
	ben.Mic, cid.Place, cid.Deaf = true, 1, true
	s := around("ann", ann, ben, cid, rex)
	s.Charter = &identity.Charter{Policy: identity.Policy{Listed: true, Topic: "go", Lang: "en"}}
	s.Hands = []room.Raised{{Who: cid.ID, Place: 1}}
	s.Host, s.Audience, s.Crowd = ann.ID, 400, true
	s.Relays = []room.RelayView{{RelayMember: room.RelayMember{ID: rex.ID, Slots: 64}, Name: "rex", Alive: true, Carries: 400}}
	s.State.Kicked[idOf("dan")] = room.Mark{By: ann.ID, Reason: "noise", Time: 7}
	s.State.Banned[idOf("eve")] = room.Mark{By: ben.ID}
	return roomSight{
		snap: s, now: noon, mic: true, live: true, link: "stoa:j/x",
		figures: &figures{ways: map[string]WayView{}, audible: &Audible{Heard: 2}},
		known:   new(known),
		volume:  func(id identity.ID) int { return map[bool]int{true: 0, false: asSent}[id == ben.ID] },
		name:    func(id identity.ID) string { return map[identity.ID]string{idOf("dan"): "dan"}[id] },
	}
}

func TestRoomView(t *testing.T) {
	r := agora()
	v := roomView(&r)
	none := 0
	want := map[string]*PersonView{
		idOf("ann").String(): {Name: "ann", Role: "owner", Stage: true, Speaks: true, Host: true},
		idOf("ben").String(): {Name: "ben", Role: "speaker", Rank: 100, Stage: true, Speaks: true, Mic: true, Volume: &none},
		idOf("cid").String(): {Name: "cid", Role: "listener", Rank: 200, Place: 1, Deaf: true},
		idOf("rex").String(): {Name: "rex", Role: "relay", Rank: 250, Relay: true},
	}
	if !reflect.DeepEqual(v.People, want) {
		t.Errorf("people %s", asJSON(t, v.People))
	}
	if v.Title != "Agora" || v.Topic != "go" || v.Lang != "en" || !v.Listed || v.Role != "owner" || len(v.Caps) != len(capNames) || v.Audience != 400 || !v.Crowd {
		t.Errorf("the room is %s", asJSON(t, v))
	}
	if v.Host != idOf("ann").String() || v.Link != "stoa:j/x" || v.Alone || v.Audible.Heard != 2 {
		t.Errorf("the room is %s", asJSON(t, v))
	}
	if me := (HereView{Stage: true, Speaks: true, Mic: true, Live: true}); v.Me != me {
		t.Errorf("ann herself is %+v", v.Me)
	}
	if !reflect.DeepEqual(v.Hands, []string{idOf("cid").String()}) {
		t.Errorf("hands %v", v.Hands)
	}
	if list := v.Relays.List[idOf("rex").String()]; list != (RelayView{Name: "rex", Alive: true, Carries: 400, Slots: 64}) {
		t.Errorf("the relay is %+v", list)
	}
	removed := map[string]RemovedView{
		idOf("dan").String(): {Name: "dan", By: idOf("ann").String(), Reason: "noise", AtMS: 7},
		idOf("eve").String(): {Banned: true, By: idOf("ben").String()},
	}
	if !reflect.DeepEqual(v.Removed, removed) {
		t.Errorf("removed %+v", v.Removed)
	}
}

// A page is told of whom anything has changed: the others are the same value.
func TestRoomViewKeepsWhoIsTheSame(t *testing.T) {
	r := agora()
	r.before = roomView(&r)
	s := *r.snap
	s.People = append([]room.Person(nil), s.People...)
	s.People[2].Mic = true
	r.snap = &s
	ben := idOf("ben")
	volume := 50
	for name, c := range map[string]struct {
		volume  func(identity.ID) int
		changed []string
	}{
		"a microphone": {r.volume, []string{"cid"}},
		"a volume": {func(id identity.ID) int {
			if id == ben {
				return volume
			}
			return asSent
		}, []string{"ben", "cid"}},
	} {
		r.volume = c.volume
		v := roomView(&r)
		var changed []string
		for _, name := range []string{"ann", "ben", "cid", "rex"} {
			if key := idOf(name).String(); v.People[key] != r.before.People[key] {
				changed = append(changed, name)
			}
		}
		if !reflect.DeepEqual(changed, c.changed) {
			t.Errorf("%s: %v changed, want %v", name, changed, c.changed)
		}
	}
}

// What others have written must not be able to play tricks on a page, and what is a
// secret of this node is in no page.
func TestViewIsPlainAndKeepsSecrets(t *testing.T) {
	const trick = "\u202egpj.\x1b[31mexe\x00\u2066"
	r := agora()
	s := r.snap
	s.State.Title, s.Charter.Policy.Topic, s.Charter.Policy.Lang, s.Relays[0].Name = trick, trick, trick, trick
	s.Epochs = []room.EpochKey{{Secret: [32]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, Known: true}}
	for i := range s.People {
		s.People[i].Name, s.People[i].Addrs = trick, []string{"/ip4/192.0.2.7/udp/4242"}
	}
	s.State.Kicked[idOf("dan")] = room.Mark{Reason: trick}
	r.name = func(identity.ID) string { return trick }
	r.figures.audible = plainAudible(&Audible{Text: trick})
	v := viewOf(&sight{
		name: trick, rooms: []roomSight{r}, kept: []keptRoom{{rec: room.Record{Title: trick}, policy: identity.Policy{Topic: trick, Lang: trick}}},
		notices: []notice{{Problem: Problem{Text: trick, Hint: trick}}},
		sound:   soundSight{mic: endSight{card: true, known: true, name: trick, news: trick}, speaker: endSight{word: "/home/somebody/" + trick}},
	})
	text := asJSON(t, v)
	for _, bad := range []string{`\u202e`, "\u202e", `\u001b`, `\u0000`, "\u2066", `\u2066`, "192.0.2.7", "AQIDBAUGBwgJ", "/home/somebody"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in the view: %s", bad, text)
		}
	}
	if !strings.Contains(text, "gpj.exe") {
		t.Errorf("nothing is left of what was written: %s", text)
	}
}

func TestInvitesView(t *testing.T) {
	m := makeLinks(t)
	m.open.Made, m.open.Label = noon, "b\u202eob"
	got := invitesView(&room.Snapshot{State: m.state, Invites: []room.Invited{m.open, m.relay, m.expired, m.revoked, m.usedUp}}, m.now)
	bob := []string{idOf("bob").String()}
	for name, c := range map[string]struct {
		made room.Invited
		want InviteView
	}{
		"open":    {m.open, InviteView{Role: "speaker", For: "bob", Uses: 2, Count: "exact", MadeMS: noon.UnixMilli(), ExpiresMS: m.now.Add(time.Hour).UnixMilli(), State: linkOpen}},
		"relay":   {m.relay, InviteView{Role: "relay", Slots: 500, State: linkOpen}},
		"expired": {m.expired, InviteView{Role: "listener", ExpiresMS: m.now.Add(-time.Hour).UnixMilli(), State: linkExpired}},
		"revoked": {m.revoked, InviteView{Role: "listener", ExpiresMS: m.now.Add(-time.Hour).UnixMilli(), State: linkRevoked}},
		"used up": {m.usedUp, InviteView{Role: "listener", Uses: 1, Count: "best effort", Used: 1, State: linkUsedUp, By: bob}},
	} {
		c.want.Link = c.made.Link
		if c.want.By == nil {
			c.want.By = []string{}
		}
		if v := got[c.made.Grant.String()]; !reflect.DeepEqual(v, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, v, c.want)
		}
	}
}

// Links are looked through again only when something can have changed: one more, the
// room's state, or the time.
func TestInvitesViewIsKept(t *testing.T) {
	m := makeLinks(t)
	var made madeHere
	s := &room.Snapshot{State: m.state, Invites: []room.Invited{m.open}}
	state := func(now time.Time) string { return made.now(s, now)[m.open.Grant.String()].State }
	if first := state(m.now); first != linkOpen || state(m.now.Add(time.Hour)) != linkOpen {
		t.Errorf("until its hour is over the link is %s", first)
	}
	if late := state(m.now.Add(time.Hour + time.Millisecond)); late != linkExpired {
		t.Errorf("then it is %s", late)
	}
	s.Invites = append(s.Invites, m.relay)
	if n := len(made.now(s, m.now)); n != 2 {
		t.Errorf("%d links after another was made", n)
	}
	s.State = &room.State{}
	*s.State = *m.state
	made.view = map[string]InviteView{}
	if n := len(made.now(s, m.now)); n != 2 {
		t.Errorf("%d links after the room has changed", n)
	}
}

func TestSoundView(t *testing.T) {
	card := func(state, news string) endSight {
		return endSight{card: true, known: true, name: "USB", state: state, news: news}
	}
	for name, c := range map[string]struct {
		mic, speaker endSight
		want         DeviceView // the microphone
		trouble      string
	}{
		"not wanted yet":       {endSight{card: true}, card(deviceUsed, ""), DeviceView{}, ""},
		"both there":           {card(deviceUsed, ""), card(deviceUsed, ""), DeviceView{Name: "USB", State: deviceUsed}, ""},
		"another one":          {card(deviceInstead, "x takes its place"), card(deviceUsed, ""), DeviceView{Name: "USB", State: deviceInstead, Text: "x takes its place"}, ""},
		"refused":              {card(deviceNone, "refused"), card(deviceNone, ""), DeviceView{Name: "USB", State: deviceNone, Text: "refused"}, "mic_none"},
		"no loudspeaker":       {card(deviceUsed, ""), card(deviceNone, ""), DeviceView{Name: "USB", State: deviceUsed}, "speaker_none"},
		"chosen to be silent":  {endSight{word: inSilence}, card(deviceUsed, ""), DeviceView{Name: inSilence, State: deviceNone}, "mic_none"},
		"a file":               {endSight{word: "/tmp/talk.opus"}, endSight{word: outNull}, DeviceView{Name: "talk.opus", State: deviceUsed}, "speaker_none"},
		"failed while it went": {endSight{word: "x.wav", failed: true}, card(deviceUsed, ""), DeviceView{State: deviceNone}, "mic_none"},
	} {
		v := soundView(&soundSight{mic: c.mic, speaker: c.speaker, habits: newHabits(), talk: talkPush})
		code := ""
		if v.Trouble != nil {
			code = v.Trouble.Code
			if v.Trouble.Text == "" || v.Trouble.Hint == "" {
				t.Errorf("%s: trouble without words", name)
			}
		}
		if v.Mic != c.want || code != c.trouble || v.Talk != talkPush {
			t.Errorf("%s: %+v, trouble %q", name, v.Mic, code)
		}
		if len(v.Switches) != len(switchWords) || !v.Switches["noise"] || v.Switches["music"] {
			t.Errorf("%s: switches %v", name, v.Switches)
		}
	}
}

func TestViewOf(t *testing.T) {
	r := agora()
	left, ended := identity.RoomID{2}, identity.RoomID{3}
	s := sight{
		phase: phaseRunning, id: idOf("ann"), network: node.LAN, reach: node.Reach{Kind: node.ReachOpen}, rooms: []roomSight{r},
		gone:    []goneRoom{{left, leftBehind(roomView(&r), Problem{"put_out", "out", "ask"})}, {r.snap.Room, &RoomView{Title: "of before"}}},
		kept:    []keptRoom{{id: ended, rec: room.Record{Title: "Old", Left: true, Ended: true, Pinned: true, Last: noon}, policy: identity.Policy{Lang: "id"}}},
		notices: []notice{{Problem: Problem{"disk_full", "the disk is full", ""}, number: 4, room: "x", at: noon}},
	}
	v := viewOf(&s)
	if !v.Me.New || v.Me.ID != idOf("ann").String() || v.Phase != phaseRunning {
		t.Errorf("me: %+v", v.Me)
	}
	if v.Net.Network != "lan" || v.Net.Code != "reach_open" || v.Net.Text == "" {
		t.Errorf("net: %+v", v.Net)
	}
	if v.Rooms[r.snap.Room.String()].Title != "Agora" {
		t.Error("who came back to a room sees it as it was before")
	}
	if g := v.Rooms[left.String()]; g.Gone == nil || g.Gone.Code != "put_out" || g.Title != "Agora" || len(g.People) != 0 || g.Link != "" || len(g.Invites) != 0 || g.Me != (HereView{}) {
		t.Errorf("a room that one was put out of: %s", asJSON(t, g))
	}
	if k := v.Kept[ended.String()]; k != (KeptView{Title: "Old", Lang: "id", Left: true, Ended: true, Pinned: true, LastMS: noon.UnixMilli()}) {
		t.Errorf("kept: %+v", k)
	}
	if n := v.Notices["4"]; n != (NoticeView{Code: "disk_full", Text: "the disk is full", Room: "x", AtMS: noon.UnixMilli()}) {
		t.Errorf("notices: %+v", v.Notices)
	}
}

func TestRelaysAndWaysView(t *testing.T) {
	lend := LendView{May: true}
	mute := attachedTo("rex")
	mute.Quiet = staleAfter
	for name, c := range map[string]struct {
		held held
		want RelaysView
	}{
		"needs none":       {held{}, RelaysView{Lend: lend}},
		"has none yet":     {held{Want: true}, RelaysView{Lend: lend, Seeking: true}},
		"has one":          {held{Want: true, Primary: attachedTo("rex")}, RelaysView{Lend: lend, Primary: idOf("rex").String(), Loss: 0.2, RTT: 30}},
		"one says nothing": {held{Want: true, Primary: mute, Shadow: mute}, RelaysView{Lend: lend, Seeking: true}},
		"lost the first":   {held{Want: true, Shadow: attachedTo("rex")}, RelaysView{Lend: lend, Seeking: true, Shadow: idOf("rex").String()}},
	} {
		if v := relaysView(&c.held, lend); !reflect.DeepEqual(v, c.want) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	s := around("ann", being("ann", identity.RoleOwner), being("ben", identity.RoleSpeaker), being("cid", identity.RoleListener))
	ways := waysView(s, linkageOf(linksTo("ben", "cid"), nil))
	if want := map[string]WayView{idOf("ben").String(): {Way: "direct", RTT: 20}}; !reflect.DeepEqual(ways, want) {
		t.Errorf("ways %+v, want those on the stage", ways)
	}
	for ms, want := range map[float64]int{0.4: 0, 3: 5, 52: 50, 57: 60, 333: 340} {
		if got := steadyRTT(ms); got != want {
			t.Errorf("%v ms is shown as %d", ms, got)
		}
	}
}

func TestPulse(t *testing.T) {
	const beats = 5 * time.Second
	at := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	var p pulse
	for i, c := range []struct {
		at    float64
		quiet []float64 // seconds, of each link
		beat  float64   // when the last heartbeat came
		stale float64
	}{
		{0, nil, -60, 0},                 // nothing is known
		{1, []float64{0.1}, 0, 0},        // a link is there
		{2, []float64{1.1, 0.5}, 0, 0},   // one of two goes on
		{3, []float64{2.1, 1.3}, 0, 1.3}, // neither
		{4, []float64{3.1, 2.5}, 3.9, 0}, // but a heartbeat came
		{6, []float64{5.1, 4.5}, 3.9, 2.1},
		{7, nil, 3.9, 3.1},        // links have ended meanwhile
		{8, []float64{0}, 3.9, 0}, // one is back
		{30, nil, 29, 0},          // there has been none for long: only heartbeats come
		{39, nil, 29, 0},          // of which one may get lost
		{41, nil, 29, 12},
	} {
		quiet := make([]time.Duration, len(c.quiet))
		for i, q := range c.quiet {
			quiet[i] = time.Duration(q * float64(time.Second))
		}
		if got := p.step(quiet, at(c.beat), beats, at(c.at)).Seconds(); got < c.stale-0.001 || got > c.stale+0.001 {
			t.Errorf("step %d: stale for %v s, want %v", i, got, c.stale)
		}
	}
}

func TestVoiceLevels(t *testing.T) {
	for level, want := range map[uint8]int{0: 100, 15: 100, 30: 66, 60: 0, 127: 0} {
		if got := loudness(level); got != want {
			t.Errorf("level %d is %d %%, want %d", level, got, want)
		}
	}
	ben, cid := seal.Stream{Speaker: idOf("ben")}, seal.Stream{Speaker: idOf("cid")}
	e := &ears{heard: map[seal.Stream]*hearing{}}
	rang := 0
	e.begins = func() { rang++ }
	loud := func(st seal.Stream, index uint32, level uint8, end bool, at time.Time) {
		e.take(st, []seal.Frame{{Index: index, Level: level, End: end}}, nil, at)
	}
	heard := func(at time.Time) map[string]uint8 {
		levels := map[string]uint8{}
		e.levels(at, func(who identity.ID, level uint8) { levels[who.Short()] = level })
		return levels
	}
	e.fresh = newFlag()
	loud(ben, 1, 30, false, noon)
	loud(ben, 2, 20, false, noon.Add(20*time.Millisecond))
	loud(cid, 1, 40, false, noon)
	loud(cid, 2, 50, true, noon.Add(20*time.Millisecond))
	if got := heard(noon.Add(30 * time.Millisecond)); len(got) != 1 || got[ben.Speaker.Short()] != 20 {
		t.Errorf("while ben speaks and cid pauses: %v", got)
	}
	if got := heard(noon.Add(time.Second)); len(got) != 0 {
		t.Errorf("after nothing came any more: %v", got)
	}
	if rang != 2 {
		t.Errorf("the bell rang %d times, want once for each who began", rang)
	}
	loud(cid, 3, 70, false, noon.Add(time.Second)) // a room with nobody in it
	if got := heard(noon.Add(time.Second)); len(got) != 0 || rang != 2 {
		t.Errorf("of what is too faint to show: %v, rang %d times", got, rang)
	}
	loud(cid, 4, 40, false, noon.Add(time.Second))
	loud(ben, 3, 40, false, noon.Add(time.Second))
	if rang != 4 {
		t.Errorf("the bell rang %d times after a pause, want 4", rang)
	}

	var u utterance
	if !u.say(audio.Packet{Level: 25}, noon) || u.say(audio.Packet{Level: 26, End: true}, noon.Add(20*time.Millisecond)) {
		t.Error("a stretch of speech begins with its first frame")
	}
	if _, sounds := u.level(noon.Add(30 * time.Millisecond)); sounds {
		t.Error("who has paused still sounds")
	}
	if !u.say(audio.Packet{Level: 27}, noon.Add(40*time.Millisecond)) {
		t.Error("no stretch of speech begins after a pause")
	}
	if level, sounds := u.level(noon.Add(50 * time.Millisecond)); !sounds || level != 27 {
		t.Errorf("level %d, %v", level, sounds)
	}
}

func TestNotices(t *testing.T) {
	var n notices
	for i := range maxNotices + 5 {
		n.add(Problem{Code: fmt.Sprint("c", i)}, "", noon)
	}
	n.add(Problem{Code: "c24"}, "", noon.Add(time.Second)) // said again
	n.add(Problem{Code: "c24"}, "room", noon)              // of something else
	list := n.now()
	if len(list) != maxNotices || list[0].Code != "c6" || list[maxNotices-2].number != maxNotices+6 || list[maxNotices-1].room != "room" {
		t.Errorf("kept %+v", list)
	}
	if !n.seen(list[3].number) || n.seen(list[3].number) || n.seen(1) || len(n.now()) != maxNotices-1 {
		t.Error("a notice is dropped once, when it was there")
	}
	for kind, want := range map[string]bool{EventError: true, EventEcho: true, EventRelay: true, EventHand: true, EventLeft: false, EventDevice: false} {
		if p, is := noticeOf(&Event{Kind: kind, Code: "x", Text: "text", Hint: "hint"}); is != want || is && p != (Problem{"x", "text", "hint"}) {
			t.Errorf("%s: %+v, %v", kind, p, is)
		}
	}
	if _, is := noticeOf(&Event{Kind: EventHand}); is {
		t.Error("another's hand is a notice")
	}
}

func TestBell(t *testing.T) {
	var b bell
	b.ring() // nobody waits
	asked := b.awaited()
	select {
	case <-asked:
		t.Error("awaited by nobody")
	default:
	}
	first, same := b.wait(), b.wait()
	if first != same {
		t.Error("two who wait for the same ring wait for different ones")
	}
	<-asked
	<-b.awaited()
	select {
	case <-first:
		t.Error("rang before")
	default:
	}
	b.ring()
	<-first
	b.ring()
	select {
	case <-b.awaited():
		t.Error("awaited by who has heard it")
	default:
	}
	select {
	case <-b.wait():
		t.Error("a ring of before counts")
	default:
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Half a thousand people, of whom twenty are on the stage.
func BenchmarkView(b *testing.B) {
	var people []room.Person
	for i := range 500 {
		role := identity.RoleListener
		if i < 20 {
			role = identity.RoleSpeaker
		}
		people = append(people, being(fmt.Sprint("person ", i), role))
	}
	r := agora()
	people = append(people, r.snap.Me)
	s := around("ann", people...)
	s.Charter = r.snap.Charter
	m := makeLinks(b)
	m.state.Members, s.State = s.State.Members, m.state
	for range 4 {
		s.Invites = append(s.Invites, m.open, m.relay, m.expired, m.revoked, m.usedUp)
	}
	r.snap = s
	var made madeHere
	b.ReportAllocs()
	for b.Loop() {
		r.invites = made.now(s, noon)
		v := viewOf(&sight{phase: phaseRunning, id: idOf("ann"), rooms: []roomSight{r}, sound: soundSight{habits: newHabits()}})
		r.before = v.Rooms[s.Room.String()]
	}
}
