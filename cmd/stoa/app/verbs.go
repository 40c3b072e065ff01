// What a running node does for each verb.

package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"stoa/identity"
	"stoa/room"
)

// Do performs one verb, whoever asks: the socket and the page come through here.
// It may be called from the event EventReady on until Run returns.
func (s *Session) Do(ctx context.Context, req Request) (Reply, error) {
	if verb, has := s.cfg.Verbs[req.Verb]; has {
		return verb(ctx, req)
	}
	return s.do(ctx, req)
}

// do performs one verb of the session's own.
func (s *Session) do(ctx context.Context, req Request) (Reply, error) {
	switch req.Verb {
	case VerbStatus:
		return s.status(), nil
	case VerbDoctor:
		return s.doDoctor(ctx, argument(req.Args, 0)), nil
	case VerbDevices:
		return doDevices(ctx, s.home.dir, req.Args, s.sound.devices)
	case VerbSound:
		return s.doSound(req)
	case VerbPush:
		return s.doPush(req)
	case VerbOpen:
		return s.doOpen(ctx, req)
	case VerbJoin:
		return s.doJoin(ctx, req)
	case VerbEnter:
		return s.doEnter(ctx, req)
	case VerbForget:
		return s.doForget(ctx, req)
	case VerbPin:
		return s.doPin(req)
	case VerbSeen:
		return s.doSeen(req)
	case VerbPreview:
		return s.doPreview(ctx, req)
	case VerbFind:
		return s.doFind(req)
	case VerbQR:
		return doQR(req)
	case VerbTest:
		return s.doTest(req)
	case VerbID:
		return s.home.doID(req, func(name string) error { return s.rename(ctx, name) })
	case VerbContact, VerbBlock, VerbUnblock, VerbBlocked:
		return s.doKnown(req)
	}
	h, req, err := s.pick(req)
	if err != nil {
		return Reply{}, err
	}
	switch req.Verb {
	case VerbWho:
		if req.Paths {
			return h.doPaths(ctx)
		}
		return h.doWho(ctx, req.All)
	case VerbLog:
		return history(h.rec, s.home.store, namesIn(h.room.Snapshot()))
	case VerbLinks:
		snap := h.room.Snapshot()
		return links(snap.Invites, snap.State, h.room.Now()), nil
	case VerbVolume:
		return s.doVolume(h, req)
	case VerbChat:
		return h.doChat(), nil
	case VerbInvite:
		return s.doInvite(ctx, h, req)
	case VerbRevoke:
		return s.doRevoke(ctx, h, req)
	case VerbICS:
		return s.doICS(ctx, h, req)
	case VerbLeave:
		return s.doLeave(ctx, h)
	}
	if verb, ok := roomVerbs[req.Verb]; ok {
		return verb(ctx, h, req)
	}
	return Reply{}, &UserError{Code: "other_version", Text: fmt.Sprintf("a running stoa knows no verb %q", req.Verb), Hint: "run the same version of stoa on both sides"}
}

// doLeave leaves a room. What the answer says is so: the room is not returned
// to, whatever happens, and this node is in it no more.
func (s *Session) doLeave(ctx context.Context, h *hall) (Reply, error) {
	if err := s.home.store.SetLeft(h.id, true); err != nil {
		return Reply{}, err
	}
	if err := h.room.Leave(ctx); err != nil {
		return Reply{}, err
	}
	h.leave()
	select {
	case <-h.over:
	case <-ctx.Done():
		return Reply{}, ctx.Err()
	}
	return said("you leave %q", h.room.Snapshot().State.Title), nil
}

// said is a reply of one line.
func said(format string, args ...any) Reply {
	return Reply{Lines: []string{fmt.Sprintf(format, args...)}}
}

// pick finds the room that a verb is about. One word after mute, unmute or hand
// down may be a person or a room: it is a room only when it is nobody.
func (s *Session) pick(req Request) (*hall, Request, error) {
	halls := s.rooms()
	names := make([]roomName, len(halls))
	for i, h := range halls {
		names[i] = roomName{h.id, h.room.Snapshot().State.Title}
	}
	find := func(text string) (*hall, error) {
		id, err := findRoom(names, text)
		if err != nil {
			return nil, err
		}
		return halls[slices.IndexFunc(halls, func(h *hall) bool { return h.id == id })], nil
	}
	h, err := find(req.Room)
	args, own := ownOrPerson(req)
	if !own || req.Room != "" || len(args) != 1 {
		return h, req, err
	}
	if h != nil {
		if _, _, err := h.person(args); err == nil {
			return h, req, nil
		}
	}
	if named, e := find(args[0]); e == nil {
		req.Args = req.Args[:len(req.Args)-1]
		return named, req, nil
	}
	return h, req, err
}

// ownOrPerson returns the words of a request that name a person, and whether it
// is about oneself where there is none.
func ownOrPerson(req Request) (args []string, own bool) {
	switch {
	case req.Verb == VerbMute, req.Verb == VerbUnmute:
		return req.Args, true
	case req.Verb == VerbHand && argument(req.Args, 0) == "down":
		return req.Args[1:], true
	}
	return nil, false
}

// roomVerbs are the verbs that change one room and need only that room.
var roomVerbs = map[string]func(context.Context, *hall, Request) (Reply, error){
	VerbHand:   doHand,
	VerbSay:    doSay,
	VerbReact:  doReact,
	VerbHide:   doHide,
	VerbMute:   doMute,
	VerbUnmute: doUnmute,
	VerbStage:  doStage,
	VerbLend:   doLend,

	VerbSchedule: doSchedule,
	VerbRecord:   doRecord,
	VerbConsent:  doConsent,
	VerbKick: func(ctx context.Context, h *hall, req Request) (Reply, error) {
		return remove(ctx, h, req, h.room.Kick, "%s is put out of the room")
	},
	VerbBan: func(ctx context.Context, h *hall, req Request) (Reply, error) {
		return remove(ctx, h, req, h.room.Ban, "%s is banned from the room")
	},
	VerbPardon: onPerson(func(ctx context.Context, h *hall, id identity.ID, _ Request) error {
		return h.room.Pardon(ctx, id)
	}, "%s may come back by a link that is still open"),
	VerbLock: func(ctx context.Context, h *hall, _ Request) (Reply, error) {
		return said("the room is locked: nobody new gets in"), h.room.Lock(ctx, true)
	},
	VerbUnlock: func(ctx context.Context, h *hall, _ Request) (Reply, error) {
		return said("the room is open again for who has a link"), h.room.Lock(ctx, false)
	},
	VerbTitle: func(ctx context.Context, h *hall, req Request) (Reply, error) {
		title := strings.TrimSpace(strings.Join(req.Args, " "))
		if title == "" {
			return Reply{}, &UserError{Code: "bad_title", Text: "the title is missing", Hint: "`stoa title TEXT`"}
		}
		if err := checkTitle(title); err != nil {
			return Reply{}, err
		}
		return said("the room is called %q", title), h.room.SetTitle(ctx, title)
	},
	VerbEnd: func(ctx context.Context, h *hall, _ Request) (Reply, error) {
		return said("the room ends for everybody"), h.room.End(ctx)
	},
}

// onPerson makes a verb of an action on one person, who is the first argument.
func onPerson(act func(context.Context, *hall, identity.ID, Request) error, done string) func(context.Context, *hall, Request) (Reply, error) {
	return func(ctx context.Context, h *hall, req Request) (Reply, error) {
		id, name, err := h.person(req.Args)
		if err != nil {
			return Reply{}, err
		}
		return said(done, name), act(ctx, h, id, req)
	}
}

// remove puts a person out with act. The link they came by is closed with it,
// because they would come back by it under another key; when that link was
// for any listener, a new one is made for the others.
func remove(ctx context.Context, h *hall, req Request, act func(context.Context, identity.ID, string, bool) error, done string) (Reply, error) {
	id, name, err := h.person(req.Args)
	if err != nil {
		return Reply{}, err
	}
	before := h.room.Snapshot()
	closed, _ := h.room.CameBy(ctx, id)
	if err := act(ctx, id, req.Reason, req.KeepLink); err != nil {
		return Reply{}, err
	}
	r := said(done, name)
	if req.KeepLink || closed.IsZero() {
		return r, nil
	}
	r.Lines = append(r.Lines, "the link they came by is closed")
	i := slices.IndexFunc(before.Invites, func(inv room.Invited) bool { return inv.Grant == closed })
	if i < 0 || before.Invites[i].Role != identity.RoleListener || before.Invites[i].Uses != 0 || before.Invites[i].Label != "" {
		return r, nil
	}
	link, _, err := h.invite(ctx, InviteOptions{})
	if err != nil {
		return r, nil // they are out, which is what was asked
	}
	h.offer(link)
	h.emit(Event{Kind: EventLink, Room: h.id.String(), Role: identity.RoleListener.String(), Link: link})
	r.Lines = append(r.Lines, "a new one for listeners:", link)
	return r, nil
}

// person resolves the first argument and says what to call that person.
func (h *hall) person(args []string) (identity.ID, string, error) {
	var text string
	if len(args) > 0 {
		text = args[0]
	}
	s := h.room.Snapshot()
	if id, is := h.known.find(text); is { // nobody else takes a contact's name
		if _, in := s.State.Members[id]; in {
			return id, h.known.call(id, callName(s, id)), nil
		}
	}
	id, err := findPerson(s, text)
	if err != nil {
		return id, "", err
	}
	return id, callName(s, id), nil
}

// callName is a person's name, or the beginning of their key when they have
// chosen none.
func callName(s *room.Snapshot, id identity.ID) string {
	if p, ok := s.Person(id); ok && p.Name != "" {
		return p.Name
	}
	if r, is := relayIn(s, id); is && r.Name != "" {
		return r.Name
	}
	return id.Short()
}

func doHand(ctx context.Context, h *hall, req Request) (Reply, error) {
	up := true
	switch {
	case len(req.Args) == 2 && req.Args[0] == "down":
		return h.lower(ctx, req.Args[1:])
	case len(req.Args) == 1 && req.Args[0] == "down":
		up = false
	case len(req.Args) > 1, len(req.Args) == 1 && req.Args[0] != "up":
		return Reply{}, &UserError{Code: "usage", Text: "a hand goes up or down", Hint: "`stoa hand`, or `stoa hand down`"}
	}
	if me := h.room.Snapshot().Me; up && me.Stage && !me.Muted {
		return Reply{}, &UserError{Code: "on_stage", Text: "you are on the stage already", Hint: "`stoa unmute` turns your microphone on"}
	}
	if err := h.room.RaiseHand(ctx, up); err != nil {
		return Reply{}, err
	}
	if !up {
		return said("your hand is down"), nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for s := range h.room.Watch(ctx) { // the snapshot follows the action
		if s.Me.Place > 0 {
			return said("your hand is up, place %d", s.Me.Place), nil
		}
	}
	return said("your hand was up"), nil // called to the stage already
}

// lower takes down the hand of the person that args name, who may be this one.
func (h *hall) lower(ctx context.Context, args []string) (Reply, error) {
	id, name, err := h.person(args)
	if err != nil {
		return Reply{}, err
	}
	if id == h.me {
		return said("your hand is down"), h.room.RaiseHand(ctx, false)
	}
	return said("the hand of %s is down", name), h.room.LowerHand(ctx, id)
}

func doMute(ctx context.Context, h *hall, req Request) (Reply, error) {
	if len(req.Args) == 0 {
		return said("your microphone is off"), h.setMic(ctx, false)
	}
	id, name, err := h.person(req.Args)
	if err != nil {
		return Reply{}, err
	}
	if id == h.me {
		return said("your microphone is off"), h.setMic(ctx, false)
	}
	return said("%s is muted", name), h.room.Mute(ctx, id)
}

func doUnmute(ctx context.Context, h *hall, req Request) (Reply, error) {
	if len(req.Args) == 0 {
		return h.unmuted(ctx)
	}
	id, name, err := h.person(req.Args)
	if err != nil {
		return Reply{}, err
	}
	if id == h.me {
		return h.unmuted(ctx)
	}
	return said("%s may speak again", name), h.room.Unmute(ctx, id)
}

// unmuted turns this person's microphone on.
func (h *hall) unmuted(ctx context.Context) (Reply, error) {
	r := said("your microphone is live")
	if text := unasked(h.room.Snapshot()); text != "" {
		r.Lines = append(r.Lines, text)
	}
	return r, h.setMic(ctx, true)
}

func doStage(ctx context.Context, h *hall, req Request) (Reply, error) {
	usage := &UserError{Code: "usage", Text: "stage needs add or drop, and a person, or down or up", Hint: "`stoa stage add PERSON`"}
	if len(req.Args) == 1 {
		switch req.Args[0] {
		case "down":
			return said("you are off the stage; `stoa stage up` brings you back"), h.room.StepAside(ctx, true)
		case "up":
			return said("you are on the stage, with your microphone off"), h.room.StepAside(ctx, false)
		}
	}
	if len(req.Args) != 2 {
		return Reply{}, usage
	}
	id, name, err := h.person(req.Args[1:])
	if err != nil {
		return Reply{}, err
	}
	switch req.Args[0] {
	case "add":
		return said("%s is on the stage", name), h.room.StageAdd(ctx, id)
	case "drop":
		return said("%s is off the stage", name), h.room.StageDrop(ctx, id)
	}
	return Reply{}, usage
}

// doLend begins or ends the carrying of the room for others: of everybody, with
// off only of two on the stage who cannot connect, with never not even of these.
func doLend(_ context.Context, h *hall, req Request) (Reply, error) {
	word := argument(req.Args, 0)
	on := word == "on"
	switch {
	case len(req.Args) != 1 || !on && word != "off" && word != "never":
		return Reply{}, &UserError{Code: "usage", Text: "lend takes on, off or never", Hint: "`stoa lend on`"}
	case on && !h.room.Snapshot().Me.Caps.Has(identity.CapRelay):
		return Reply{}, &UserError{Code: "may_not_lend", Text: "this room does not let you carry it on for others", Hint: "somebody who moderates it can give you a link made with `stoa invite --role relay`"}
	}
	h.carry.want(on)
	h.carry.refuse(word == "never")
	switch word {
	case "on":
		return said("your connection is lent to %q; `stoa status` shows to how many", h.room.Snapshot().State.Title), nil
	case "never":
		return said("your connection is not lent, not even to two who cannot connect otherwise"), nil
	}
	return said("your connection is not lent any more, once those whom it carries are elsewhere"), nil
}

// whoData is what `who --json` prints of a person.
type whoData struct {
	Who     string `json:"who"`
	Name    string `json:"name,omitempty"`
	Role    string `json:"role"`
	Stage   bool   `json:"stage"`
	Mic     bool   `json:"mic"`
	Muted   bool   `json:"muted"`
	Place   int    `json:"place,omitempty"`
	Me      bool   `json:"me,omitempty"`
	Host    bool   `json:"host,omitempty"`    // acts as host now
	Carries *int   `json:"carries,omitempty"` // a relay: how many it says it carries
	regard

	Path *pathData `json:"path,omitempty"` // with --paths: how this person hears them
}

// who describes the people who are here: the stage, the queue, the rest.
func who(s *room.Snapshot, now time.Time, known *known) Reply {
	r := said("%s · %s", s.State.Title, attendance(s))
	if s.State.Locked {
		r.Lines[0] += " · locked"
	}
	people := []whoData{}
	for _, p := range s.People {
		d := whoData{
			Who: p.ID.String(), Name: p.Name, Role: p.Role.String(), Stage: p.Stage, Mic: p.Mic,
			Muted: p.Muted, Place: p.Place, Me: p.ID == s.Me.ID, Host: p.ID == s.Host,
		}
		if d.regard = known.regard(p.ID, p.Name); d.Blocked {
			d.Name = ""
		}
		if r, is := relayIn(s, p.ID); is {
			d.Carries = &r.Carries
		}
		people = append(people, d)
		line := fmt.Sprintf("  %s  %-20s %s", p.ID.Short(), known.call(p.ID, p.Name), p.Role)
		for _, note := range append(notesOn(s, p), d.notes()...) {
			line += ", " + note
		}
		r.Lines = append(r.Lines, line)
	}
	for _, id := range slices.Concat(sortedIDs(s.State.Kicked), sortedIDs(s.State.Banned)) {
		r.Lines = append(r.Lines, fmt.Sprintf("  put out: %s (`stoa pardon %s` lets them back)", id.Short(), id.Short()))
	}
	r.Data = whoReply{Room: s.Room.String(), Title: s.State.Title, Locked: s.State.Locked, People: people, Listening: s.Audience, Deaf: deaf(s, now)}
	return r
}

// deaf counts who has not heard somebody on the stage for a while, as they say.
func deaf(s *room.Snapshot, now time.Time) int {
	people := map[identity.ID]bool{}
	for _, d := range s.Deaf() {
		if now.Sub(d.Since) >= deafTold {
			people[d.Who] = true
		}
	}
	return len(people)
}

// whoReply is what `who --json` prints.
type whoReply struct {
	Room      string    `json:"room"`
	Title     string    `json:"title"`
	Locked    bool      `json:"locked"`
	People    []whoData `json:"people"`
	Listening int       `json:"listening"`          // beside those: carried by relays, who say how many
	Deaf      int       `json:"deaf,omitempty"`     // people who do not hear everybody on the stage, as they say
	Audience  []guest   `json:"audience,omitempty"` // with --all: those of them whom a relay named

	Audible *Audible `json:"audible,omitempty"` // who hears this person, and whom they hear

	Pairs []pairData `json:"pairs,omitempty"` // with --paths: who have no link
}

// guest is one of the audience.
type guest struct {
	Who   string `json:"who"`
	Name  string `json:"name,omitempty"`
	Relay string `json:"relay"` // who carries them
}

// attendance says how many are here.
func attendance(s *room.Snapshot) string {
	text := count(len(s.People), "person", "people")
	if s.Audience > 0 {
		text += fmt.Sprintf(" and %d listening", s.Audience)
	}
	return text
}

// relayIn is somebody as a relay of the room, if they are one.
func relayIn(s *room.Snapshot, id identity.ID) (room.RelayView, bool) {
	for _, r := range s.Relays {
		if r.ID == id {
			return r, true
		}
	}
	return room.RelayView{}, false
}

// maxPages bounds how many pages of its list one relay is asked for.
const maxPages = 100

// doWho tells who is here. The audience of a large room is only counted: with
// all, each relay is asked for the list of those whom it carries, page by page.
func (h *hall) doWho(ctx context.Context, all bool) (Reply, error) {
	s := h.room.Snapshot()
	r := who(s, time.Now(), h.known)
	if n := r.Data.(whoReply).Deaf; n > 0 {
		r.Lines = append(r.Lines, fmt.Sprintf("  %s not hear everybody on the stage: `stoa who --paths` shows whom", count(n, "person does", "people do")))
	}
	if a := h.audible.Load(); a != nil {
		data := r.Data.(whoReply)
		data.Audible = a
		r.Data = data
		r.Lines = append(r.Lines, "  "+a.Text)
	}
	if !all {
		if s.Audience > 0 {
			r.Lines = append(r.Lines, fmt.Sprintf("  and %d listening: `stoa who --all` asks the relays who they are", s.Audience))
		}
		return r, nil
	}
	data := r.Data.(whoReply)
	known := map[identity.ID]bool{}
	for _, p := range s.People {
		known[p.ID] = true
	}
	silent := 0
	for _, relay := range s.Relays {
		if !relay.Alive {
			continue
		}
		for page := range maxPages {
			guests, more, err := h.room.Roster(ctx, relay.ID, page)
			if err != nil {
				h.log.Info("a relay does not say whom it carries", "relay", relay.ID.Short(), "err", err)
				silent++
				break
			}
			for _, g := range guests {
				if known[g.ID] {
					continue
				}
				known[g.ID] = true
				data.Audience = append(data.Audience, guest{Who: g.ID.String(), Name: g.Name, Relay: relay.ID.String()})
				name := g.Name
				if name == "" {
					name = g.ID.Short()
				}
				r.Lines = append(r.Lines, fmt.Sprintf("  %s  %-20s listening", g.ID.Short(), name))
			}
			if !more {
				break
			}
		}
	}
	if silent > 0 {
		r.Lines = append(r.Lines, fmt.Sprintf("  %s did not say whom they carry", count(silent, "relay", "relays")))
	}
	r.Data = data
	return r, nil
}

// notesOn says what is special about somebody who is here.
func notesOn(s *room.Snapshot, p room.Person) []string {
	var notes []string
	add := func(is bool, note string) {
		if is {
			notes = append(notes, note)
		}
	}
	add(p.ID == s.Me.ID, "you")
	add(p.Stage && p.Mic && p.Speaks, "live")
	add(p.Stage && !p.Mic && !p.Muted, "microphone off")
	add(p.Muted, "muted by a moderator")
	add(p.Place > 0, fmt.Sprintf("hand up, place %d", p.Place))
	if r, is := relayIn(s, p.ID); is {
		add(true, "carries "+count(r.Carries, "listener", "listeners"))
	}
	return notes
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// roomStatus is what `status --json` prints of a room.
type roomStatus struct {
	Room      string   `json:"room"`
	Title     string   `json:"title"`
	Role      string   `json:"role"`
	People    int      `json:"people"`
	Listening int      `json:"listening"`
	Live      bool     `json:"live"`              // one's own microphone
	Relays    int      `json:"relays"`            // that are here
	Relay     string   `json:"relay,omitempty"`   // that brings this node the voices
	Standby   string   `json:"standby,omitempty"` // that stands by in case it fails
	Carries   *Carries `json:"carries,omitempty"` // what this node carries on
	Audible   *Audible `json:"audible,omitempty"` // who hears this person, and whom they hear

	Schedule  *ScheduleView  `json:"schedule,omitempty"`  // until it is over
	Recording *RecordingView `json:"recording,omitempty"` // that is on
}

// status lists the rooms this node is in.
func (s *Session) status() Reply {
	r := Reply{}
	rooms := []roomStatus{}
	for _, h := range s.rooms() {
		d, lines := h.status()
		rooms = append(rooms, d)
		r.Lines = append(r.Lines, lines...)
	}
	if len(rooms) == 0 {
		r.Lines = []string{"in no room"}
	}
	r.Data = map[string]any{"peer": s.node.Peer(), "addrs": s.node.Addrs(), "rooms": rooms}
	return r
}

// status describes the room as this node is in it.
func (h *hall) status() (roomStatus, []string) {
	snap := h.room.Snapshot()
	d := roomStatus{
		Room: h.id.String(), Title: snap.State.Title, Role: snap.Me.Role.String(), People: len(snap.People),
		Listening: snap.Audience, Live: h.voice.speaking(), Carries: h.carry.now(),
	}
	line := fmt.Sprintf("%s  %s · %s · you are %s", h.id.Short(), d.Title, attendance(snap), snap.Me.Role)
	switch {
	case snap.Me.Caps&(identity.CapHear|identity.CapSpeak) == 0:
	case d.Live:
		line += ", live"
	default:
		line += ", muted"
	}
	lines := []string{line}
	if d.Audible = h.audible.Load(); d.Audible != nil {
		lines = append(lines, "  "+d.Audible.Text)
	}
	if plan := &snap.State.Schedule; int64(plan.Ends) > h.room.Now().UnixMilli() {
		d.Schedule = scheduleView(plan)
		lines = append(lines, "  "+meets(plan, time.Local))
	}
	if d.Recording = recordingView(snap, "", false); d.Recording != nil {
		text := "recorded by "
		if !d.Recording.On {
			text = "not recorded any more by who is gone: "
		}
		lines = append(lines, "  "+text+callName(snap, snap.State.Recording().By))
	}
	var relays []string
	for _, relay := range snap.Relays {
		if relay.Alive {
			d.Relays++
			relays = append(relays, fmt.Sprintf("%s carries %d", callName(snap, relay.ID), relay.Carries))
		}
	}
	held := h.seats.tether.state()
	if p := held.Primary; p != nil {
		d.Relay = p.Relay.String()
		text := "  you hear by " + callName(snap, p.Relay)
		if s := held.Shadow; s != nil {
			d.Standby = s.Relay.String()
			text += ", and " + callName(snap, s.Relay) + " stands by"
		}
		lines = append(lines, text)
	}
	if d.Carries != nil {
		lines = append(lines, fmt.Sprintf("  you carry %d of %s, %d on standby", d.Carries.Listeners, count(d.Carries.Slots, "listener", "listeners"), d.Carries.Standby))
	}
	if len(relays) > 0 {
		lines = append(lines, "  relays: "+strings.Join(relays, ", "))
	}
	return d, lines
}

// rename tells every room this person's new name.
func (s *Session) rename(ctx context.Context, name string) error {
	for _, h := range s.rooms() {
		if err := h.room.SetName(ctx, name); err != nil && !errors.Is(err, room.ErrStopped) {
			return err
		}
	}
	return nil
}

// doInvite makes a link.
func (s *Session) doInvite(ctx context.Context, h *hall, req Request) (Reply, error) {
	opts := InviteOptions{}
	if req.Invite != nil {
		opts = *req.Invite
	}
	link, inv, err := s.invite(ctx, h, opts)
	if err != nil {
		return Reply{}, err
	}
	s.emit(Event{Kind: EventLink, Room: h.id.String(), Role: inv.Role.String(), Link: link})
	return linkReply(h.id, link, inv), nil
}

// invite makes a link under the given terms, with this node's addresses in it
// unless the terms say otherwise.
func (s *Session) invite(ctx context.Context, h *hall, opts InviteOptions) (string, identity.Grant, error) {
	terms, err := termsOf(opts, h.room.Now(), func(text string) (identity.ID, error) {
		return findInvitee(h.room.Snapshot(), text)
	})
	if err != nil {
		return "", identity.Grant{}, err
	}
	inv, err := h.room.Invite(ctx, terms, opts.For)
	if err != nil {
		return "", identity.Grant{}, err
	}
	if !opts.NoHints {
		inv.Hints = hintsFor(s.node.Hints(), h.room.Snapshot(), rand.Shuffle)
	}
	return inv.String(), inv.Chain.Leaf(), nil
}

// doRevoke withdraws an invite and puts out everybody who came by it.
func (s *Session) doRevoke(ctx context.Context, h *hall, req Request) (Reply, error) {
	if len(req.Args) != 1 {
		return Reply{}, &UserError{Code: "usage", Text: "the invite is missing", Hint: "`stoa revoke INVITE`: a link, or a name that `stoa links` shows"}
	}
	grant, err := findInvite(h.room.Snapshot(), req.Args[0])
	if err != nil {
		return Reply{}, err
	}
	return said("the link %s is revoked, and whoever came by it is out", grant.Short()), h.room.Revoke(ctx, grant, false)
}
