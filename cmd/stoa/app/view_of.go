// How a View is made of what is known at one instant. All here are pure
// functions.

package app

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// sight is what a View is made of.
type sight struct {
	phase   string
	id      identity.ID
	name    string
	version string
	home    string
	network node.Network
	offline bool // this machine is on no network
	reach   node.Reach
	sound   soundSight
	rooms   []roomSight
	gone    []goneRoom
	kept    []keptRoom
	notices []notice

	contacts map[string]Contact
	blocked  map[string]Blocking
}

// Blank is what a page shows while there is no session: why may be nil.
func Blank(phase string, why *Problem, version string) *View {
	v := viewOf(&sight{phase: phase})
	v.Me, v.Why = MeView{Version: version}, why
	v.Sound = SoundView{Switches: map[string]bool{}}
	v.Contacts, v.Blocked = map[string]Contact{}, map[string]Blocking{}
	return v
}

// viewOf makes a View.
func viewOf(s *sight) *View {
	v := &View{
		Phase:   s.phase,
		Me:      MeView{ID: s.id.String(), Name: plain.Line(s.name), New: s.name == "", Version: s.version, Home: s.home},
		Net:     netView(s.network, s.offline, s.reach),
		Sound:   soundView(&s.sound),
		Rooms:   make(map[string]*RoomView, len(s.rooms)+len(s.gone)),
		Kept:    make(map[string]KeptView, len(s.kept)),
		Notices: make(map[string]NoticeView, len(s.notices)),

		Contacts: s.contacts, Blocked: s.blocked,
	}
	for _, g := range s.gone {
		v.Rooms[g.id.String()] = g.view
	}
	for i := range s.rooms { // who has come back to a room is in it
		v.Rooms[s.rooms[i].snap.Room.String()] = roomView(&s.rooms[i])
	}
	for _, k := range s.kept {
		v.Kept[k.id.String()] = keptView(&k)
	}
	for _, n := range s.notices {
		v.Notices[strconv.Itoa(n.number)] = NoticeView{Code: n.Code, Text: plain.Line(n.Text), Hint: plain.Line(n.Hint), Room: n.room, AtMS: n.at.UnixMilli()}
	}
	return v
}

func netView(network node.Network, offline bool, r node.Reach) NetView {
	v := NetView{Network: string(network), Alone: offline, Text: reachSentence(r)}
	if v.Text != "" {
		v.Code = "reach_" + string(r.Kind)
	}
	return v
}

// soundSight is what is known of the sound.
type soundSight struct {
	mic, speaker endSight
	talk         string
	pushing      bool
	live         bool
	habits       habits
	unheard      bool
	test         *TestView
}

// endSight is a microphone or a loudspeaker, or what stands for one.
type endSight struct {
	word   string // of Config.In or Config.Out
	card   bool   // it is one of this machine
	known  bool   // what follows is known: it has been wanted
	name   string // that the system has for it
	news   string // what to tell of it: see soundEnd.news
	state  string // used, instead or none
	failed bool   // it cannot be used any more
}

func soundView(s *soundSight) SoundView {
	v := SoundView{
		Mic: deviceView(&s.mic), Speaker: deviceView(&s.speaker), Talk: s.talk, Pushing: s.pushing, Live: s.live,
		Switches: map[string]bool{}, Unheard: s.unheard, Test: s.test,
	}
	for name := range switchWords {
		v.Switches[name] = *s.habits.button(name)
	}
	switch {
	case v.Mic.State == deviceNone:
		v.Trouble = &Problem{Code: "mic_none", Text: orElse(v.Mic.Text, "there is no microphone, so nobody can hear you"), Hint: "plug one in, or choose another with `stoa devices`; you can listen meanwhile"}
	case v.Speaker.State == deviceNone:
		v.Trouble = &Problem{Code: "speaker_none", Text: orElse(v.Speaker.Text, "there is no loudspeaker, so you hear nobody"), Hint: "plug one in, or choose another with `stoa devices`"}
	}
	return v
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// The states of a device.
const (
	deviceUsed    = "used"
	deviceInstead = "instead"
	deviceNone    = "none"
)

func deviceView(e *endSight) DeviceView {
	switch {
	case e.failed:
		return DeviceView{State: deviceNone, Text: plain.Line(e.news)}
	case e.card && !e.known:
		return DeviceView{}
	case e.card:
		return DeviceView{Name: plain.Line(e.name), State: e.state, Text: plain.Line(e.news)}
	case e.word == inSilence || e.word == outNull || e.word == outNone:
		return DeviceView{Name: e.word, State: deviceNone}
	}
	return DeviceView{Name: plain.Line(filepath.Base(e.word)), State: deviceUsed}
}

// roomSight is what a view of a room is made of.
type roomSight struct {
	snap    *room.Snapshot
	now     time.Time // by the room's clock
	mic     bool      // this person has unmuted the microphone here
	live    bool      // and what it hears goes here
	folder  string    // of the recording that is made here, or was made last; may be empty
	records bool      // it is made now
	link    string    // for listeners, good for anybody
	invites map[string]InviteView
	stale   time.Duration
	figures *figures
	relays  RelaysView               // but for List
	volume  func(identity.ID) int    // percent
	name    func(identity.ID) string // of somebody who was here; empty where that is not known
	known   *known
	before  *RoomView // may be nil
}

// figures are of what changes all the time, looked at once a second.
type figures struct {
	ways    map[string]WayView
	audible *Audible // nil: not known yet
}

// roomView makes the view of a room.
func roomView(r *roomSight) *RoomView {
	s, p := r.snap, r.snap.Charter.Policy
	v := &RoomView{
		Title: plain.Line(s.State.Title), Topic: plain.Line(p.Topic), Lang: plain.Line(p.Lang), Listed: p.Listed,
		Role: s.Me.Role.String(), Caps: CapWords(s.Me.Caps), Rank: int(s.Me.Rank),
		Locked: s.State.Locked, Crowd: s.Crowd, Audience: s.Audience, Link: r.link,
		Alone:   len(s.People) < 2 && s.Audience == 0,
		StaleMS: r.stale.Milliseconds(),
		Me: HereView{
			Stage: s.Me.Stage, Speaks: s.Me.Speaks, Muted: s.Me.Muted, Mic: r.mic, Live: r.live, Place: s.Me.Place, Seated: s.Seated, Aside: s.Me.Aside,
		},
		People: make(map[string]*PersonView, len(s.People)), Hands: make([]string, len(s.Hands)),
		Ways: r.figures.ways, Relays: r.relays, Audible: r.figures.audible,
		Invites: r.invites, Removed: removedView(s, r.name), Chat: chatViews(s.Chat, r.known.blocks),
		Schedule:  scheduleView(&s.State.Schedule),
		Recording: recordingView(s, r.folder, r.records),
		ClockFast: int(s.ClockFast / time.Second),
	}
	if !s.Host.IsZero() {
		v.Host = s.Host.String()
	}
	var before map[string]*PersonView
	if r.before != nil {
		before = r.before.People
	}
	for i := range s.People {
		key, now := s.People[i].ID.String(), personView(s, &s.People[i], r)
		if old := before[key]; old != nil && now.same(old) {
			v.People[key] = old
		} else {
			v.People[key] = &now
		}
	}
	for i, h := range s.Hands {
		v.Hands[i] = h.Who.String()
	}
	v.Relays.List = make(map[string]RelayView, len(s.Relays))
	for _, relay := range s.Relays {
		v.Relays.List[relay.ID.String()] = RelayView{Name: plain.Line(relay.Name), Alive: relay.Alive, Carries: relay.Carries, Slots: int(relay.Slots)}
	}
	return v
}

func personView(s *room.Snapshot, p *room.Person, r *roomSight) PersonView {
	v := PersonView{
		Name: plain.Line(p.Name), Role: p.Role.String(), Rank: int(p.Rank), Stage: p.Stage, Speaks: p.Speaks, Mic: p.Mic,
		Muted: p.Muted, Place: p.Place, Host: p.ID == s.Host, Relay: isRelay(s, p.ID), Deaf: p.Deaf,
	}
	if v.regard = r.known.regard(p.ID, p.Name); v.Blocked {
		v.Name = ""
	}
	if percent := r.volume(p.ID); percent != asSent {
		v.Volume = &percent
	}
	return v
}

// same says that nothing has changed.
func (p PersonView) same(o *PersonView) bool {
	mine, theirs := p.Volume, o.Volume
	if (mine == nil) != (theirs == nil) || mine != nil && *mine != *theirs {
		return false
	}
	p.Volume = theirs
	return p == *o
}

// capNames are the words of capabilities, in the order of their bits.
var capNames = []struct {
	cap  identity.Caps
	word string
}{
	{identity.CapHear, "hear"}, {identity.CapSpeak, "speak"}, {identity.CapInvite, "invite"}, {identity.CapMute, "mute"},
	{identity.CapStage, "stage"}, {identity.CapKick, "kick"}, {identity.CapBan, "ban"}, {identity.CapLock, "lock"},
	{identity.CapTitle, "title"}, {identity.CapEnd, "end"}, {identity.CapRelay, "relay"},
}

// CapWords are the words of capabilities, as a [RoomView] has them.
func CapWords(c identity.Caps) []string {
	words := []string{}
	for _, n := range capNames {
		if c.Has(n.cap) {
			words = append(words, n.word)
		}
	}
	return words
}

// invitesView lists the links that were made here.
func invitesView(s *room.Snapshot, now time.Time) map[string]InviteView {
	links := make(map[string]InviteView, len(s.Invites))
	if len(s.Invites) == 0 {
		return links
	}
	by := map[identity.Hash][]string{}
	for _, id := range sortedIDs(s.State.Members) {
		if via := s.State.Members[id].Via; !via.IsZero() {
			by[via] = append(by[via], id.String())
		}
	}
	for _, inv := range s.Invites {
		v := InviteView{
			Role: inv.Role.String(), Link: inv.Link, For: plain.Line(inv.Label), Uses: int(inv.Uses), Count: counting(inv.Uses, inv.Exact),
			Slots: int(slotsOf(inv)), Used: s.State.Uses(inv.Grant), State: linkState(inv, s.State, now), By: by[inv.Grant],
		}
		if v.By == nil {
			v.By = []string{}
		}
		if !inv.Made.IsZero() {
			v.MadeMS = inv.Made.UnixMilli()
		}
		if !inv.Expires.IsZero() {
			v.ExpiresMS = inv.Expires.UnixMilli()
		}
		links[inv.Grant.String()] = v
	}
	return links
}

// madeHere has the links that were made here, as they were shown last: to look through
// them takes longer than all the rest of a View. It is ready when it is zero.
type madeHere struct {
	state *room.State
	links int
	until time.Time // when one of them expires; zero: none does
	view  map[string]InviteView
}

// now is invitesView, made anew only when it may be another one.
func (m *madeHere) now(s *room.Snapshot, now time.Time) map[string]InviteView {
	if m.view != nil && m.state == s.State && m.links == len(s.Invites) && (m.until.IsZero() || !now.After(m.until)) {
		return m.view
	}
	*m = madeHere{state: s.State, links: len(s.Invites), view: invitesView(s, now)}
	for _, inv := range s.Invites {
		if inv.Expires.After(now) && (m.until.IsZero() || inv.Expires.Before(m.until)) {
			m.until = inv.Expires
		}
	}
	return m.view
}

func removedView(s *room.Snapshot, name func(identity.ID) string) map[string]RemovedView {
	out := make(map[string]RemovedView, len(s.State.Kicked)+len(s.State.Banned))
	add := func(id identity.ID, m room.Mark, banned bool) {
		out[id.String()] = RemovedView{Name: plain.Line(name(id)), Banned: banned, By: author(m), ByName: plain.Line(name(m.By)), Reason: plain.Line(m.Reason), AtMS: int64(m.Time)}
	}
	for id, m := range s.State.Kicked {
		add(id, m, false)
	}
	for id, m := range s.State.Banned {
		add(id, m, true)
	}
	return out
}

// waysView says how those on the stage are heard and hear.
func waysView(s *room.Snapshot, at linkage) map[string]WayView {
	ways := map[string]WayView{}
	for i := range s.People {
		p := &s.People[i]
		if !p.Stage {
			continue
		}
		if d := pathTo(s, p, at); d != nil {
			ways[p.ID.String()] = WayView{Way: d.Way, Relay: d.Relay, RTT: steadyRTT(d.RTT), LossIn: percents(d.LossIn), LossOut: percents(d.LossOut)}
		}
	}
	return ways
}

// steadyRTT is a round trip in ms, in steps that a person would notice, so that a page
// is not told of every millisecond.
func steadyRTT(ms float64) int {
	step := 5.0
	switch {
	case ms >= 200:
		step = 20
	case ms >= 50:
		step = 10
	}
	return int(math.Round(ms/step) * step)
}

// percents is a share to a hundredth.
func percents(share float64) float64 { return math.Round(share*100) / 100 }

// relaysView says what relays do for this node, all but their list. One that sends
// nothing any more does nothing for it, also before it is left.
func relaysView(h *held, lend LendView) RelaysView {
	primary, shadow := alive(h.Primary), alive(h.Shadow)
	v := RelaysView{Lend: lend, Seeking: h.Want && primary == nil}
	if primary != nil {
		v.Primary, v.Loss, v.RTT = primary.Relay.String(), percents(primary.LossIn), steadyRTT(ms(primary.RTT))
	}
	if shadow != nil {
		v.Shadow = shadow.Relay.String()
	}
	return v
}

// alive returns an attachment by which something has come of late, else nil.
func alive(a *node.AttachmentInfo) *node.AttachmentInfo {
	if a == nil || a.Quiet >= staleAfter {
		return nil
	}
	return a
}

// plainAudible is who hears whom, for a page.
func plainAudible(a *Audible) *Audible {
	if a == nil {
		return nil
	}
	c := *a
	c.Text = plain.Line(c.Text)
	c.Unheard = slices.Clone(a.Unheard)
	for i := range c.Unheard { // seconds that pass are no news
		c.Unheard[i].Seconds = math.Floor(c.Unheard[i].Seconds)
	}
	return &c
}

// keptRoom is a room of the home, and what its charter says.
type keptRoom struct {
	id     identity.RoomID
	rec    room.Record
	policy identity.Policy
}

func keptView(k *keptRoom) KeptView {
	v := KeptView{
		Title: plain.Line(k.rec.Title), Topic: plain.Line(k.policy.Topic), Lang: plain.Line(k.policy.Lang),
		Left: k.rec.Left, Ended: k.rec.Ended, Pinned: k.rec.Pinned,
		ScheduleView: scheduleView(&k.rec.Schedule),
	}
	if !k.rec.Last.IsZero() {
		v.LastMS = k.rec.Last.UnixMilli()
	}
	return v
}

// goneRoom is a room that this node was put out of, as it was last, with the reason.
type goneRoom struct {
	id   identity.RoomID
	view *RoomView
}

// leftBehind is how a room is shown that this node is in no more.
func leftBehind(last *RoomView, why Problem) *RoomView {
	v := *last
	v.Gone = &why
	v.Me, v.StaleMS, v.Alone = HereView{}, 0, false
	v.Link, v.Audible = "", nil
	v.People, v.Hands = map[string]*PersonView{}, []string{}
	v.Ways, v.Invites = map[string]WayView{}, map[string]InviteView{}
	v.Relays = RelaysView{List: map[string]RelayView{}}
	return &v
}
