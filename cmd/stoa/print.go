// Printing what a node tells: lines for a person, JSON for a script.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/plain"
)

// writeJSON writes v as one line. Links hold no characters that HTML needs
// escaped, and people read these lines, so nothing is escaped for HTML.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// A printer turns the events of a node into output. For a person it remembers
// names, so as not to print keys, and leaves out what a person can see already.
// It is not safe for concurrent use.
type printer struct {
	json   bool
	addrs  bool // print the node's addresses: others bootstrap from them
	idle   bool // no room was asked for
	relay  bool // this is a relay host
	out    *screen
	errOut io.Writer

	inRoom bool // this node got into a room

	rooms   map[string]string // room -> title
	members map[seat]member
	hands   map[seat]bool
	mic     string            // for the status line
	talk    string            // for the status line: whether a key lets the microphone be heard
	audible map[string]string // room -> who hears this person, and whom they hear
	heard   map[seat]uint64   // packets received, at the last stats
}

// A seat is a person in a room.
type seat struct{ room, who string }

// A member is what is known of a person. Those who are gone stay known: later
// events may name them.
type member struct{ name, role, state string }

const gone = "gone" // the state of a member who is not here

func (c *cli) newPrinter(f *nodeFlags, idle bool) *printer {
	return &printer{
		json:    f.json,
		addrs:   f.bootstrap == "none",
		idle:    idle,
		out:     c.newScreen(f.qr),
		errOut:  c.stderr,
		rooms:   make(map[string]string),
		members: make(map[seat]member),
		hands:   make(map[seat]bool),
		heard:   make(map[seat]uint64),
		audible: make(map[string]string),
	}
}

// close takes the status line away.
func (p *printer) close() { p.out.status("") }

// event prints e. A broken pipe ends the program by itself; other failures to
// write have nowhere to be told.
func (p *printer) event(e app.Event) {
	if e.Kind == app.EventJoined {
		p.inRoom = true
	}
	if e.Kind == app.EventError {
		p.out.status("")
		printError(p.errOut, e.Text, e.Hint)
	}
	if p.json {
		writeJSON(p.out.w, e)
		return
	}
	p.print(e)
}

// print tells a person about e.
func (p *printer) print(e app.Event) {
	who := p.person(e.Room, e.Who)
	switch e.Kind {
	case app.EventReady:
		p.ready(e)
	case app.EventRoom:
		p.room(e)
	case app.EventLink:
		p.line(e, "link for a %s:", role(e.Role))
		p.out.line(plain.Line(e.Link))
		p.out.qr(e.Link)
	case app.EventJoined:
		p.line(e, "you are in, as %s%s", role(e.Role), after(e.MS))
	case app.EventMember:
		p.member(e)
	case app.EventHand:
		p.hand(e, who)
	case app.EventChat:
		p.chat(e, who)
	case app.EventReact:
		p.line(e, "%s %s", who, plain.Line(e.Emoji))
	case app.EventStage:
		p.line(e, "%s %s", who, either(e.On, "is on stage", "left the stage"))
	case app.EventMuted:
		p.line(e, "%s was %s%s", who, either(e.Muted, "muted", "unmuted"), p.by(e))
	case app.EventLocked:
		p.line(e, "the room was %s%s", either(e.On, "locked", "unlocked"), p.by(e))
	case app.EventRecording:
		p.recording(e)
	case app.EventConsent:
		p.line(e, "%s %s", who, either(e.On, "may be recorded", "may not be recorded"))
	case app.EventRecorded:
		p.line(e, "%s: %s", plain.Line(e.Text), plain.Line(e.Folder))
	case app.EventSchedule:
		p.schedule(e)
	case app.EventHears:
		p.hears(e, who)
	case app.EventHeard:
		p.line(e, "%s %s", who, either(e.On, "hears you again", "does not hear you"))
	case app.EventAudible:
		p.hearers(e)
	case app.EventHelp:
		p.help(e)
	case app.EventLend:
		p.lend(e)
	case app.EventCarries, app.EventDrain:
		p.carries(e)
	case app.EventMetrics:
		p.out.line("figures: http://" + plain.Line(strings.Join(e.Addrs, " ")) + "/metrics")
	case app.EventMic:
		p.mic = either(e.On, "live", "muted")
		p.line(e, "your microphone is %s", p.mic)
	case app.EventTalk:
		p.talk = ""
		if e.State != "open" {
			p.talk = either(e.On, " (heard now)", " (not heard now)")
		}
	case app.EventUnheard, app.EventEcho:
		p.line(e, "%s: %s", plain.Line(e.Text), plain.Line(e.Hint))
	case app.EventDuck: // it can be heard
	case app.EventSound:
		p.line(e, "you hear %s", who)
	case app.EventStats:
		p.stats(e)
	case app.EventRemoved:
		p.line(e, "%s was removed%s%s", who, p.by(e), why(e.Why))
		at := seat{e.Room, e.Who}
		p.members[at] = member{name: p.members[at].name, state: gone}
	case app.EventLeft:
		p.line(e, "you left the room%s", why(e.Why))
		p.forget(e.Room)
	case app.EventError: // printed on standard error
	default:
		if e.Text != "" {
			p.line(e, "%s", plain.Line(e.Text))
		}
	}
}

// line prints one line, headed by the title of the room when there are several.
// The arguments must be clean.
func (p *printer) line(e app.Event, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if title, ok := p.rooms[e.Room]; ok && len(p.rooms) > 1 {
		text = plain.Line(title) + ": " + text
	}
	p.out.line(text)
}

// chat prints what somebody has written. A member may have left, or never have said who they are: the message does, with any name it likes, so
// that the key stands behind one under which they are not known.
func (p *printer) chat(e app.Event, who string) {
	if name := plain.Line(e.Name); strings.TrimSpace(name) != "" && name != plain.Line(p.members[seat{e.Room, e.Who}].name) {
		who = name + " (" + short(e.Who) + ")"
	}
	if e.By != "" {
		p.line(e, "a message of %s was hidden%s", who, p.by(e))
		return
	}
	p.line(e, "%s: %s", who, plain.Line(e.Text))
}

func (p *printer) ready(e app.Event) {
	if p.relay {
		p.out.line("ready: others come here by any of these, as hints or as --bootstrap of a private network")
	} else {
		p.out.line("ready")
	}
	if p.addrs || p.relay {
		for _, a := range e.Addrs {
			p.out.line("  " + plain.Line(a))
		}
	}
	if p.idle && len(p.rooms) == 0 {
		p.out.line("rooms of this home are taken up again, muted; Ctrl-C ends")
	}
}

func (p *printer) room(e app.Event) {
	old, known := p.rooms[e.Room]
	p.rooms[e.Room] = e.Title
	switch {
	case !known:
		p.out.line(fmt.Sprintf("room: %s (%s)", plain.Line(e.Title), short(e.Room)))
	case old != e.Title:
		p.out.line(fmt.Sprintf("%s is now called %s", plain.Line(old), plain.Line(e.Title)))
	}
}

func (p *printer) member(e app.Event) {
	at := seat{e.Room, e.Who}
	old, known := p.members[at]
	now := member{e.Name, e.Role, e.State}
	if now.name == "" {
		now.name = old.name
	}
	if now.role == "" {
		now.role = old.role
	}
	before := p.person(e.Room, e.Who)
	p.members[at] = now
	who := p.person(e.Room, e.Who)
	switch {
	case e.State == gone:
		delete(p.hands, at)
		delete(p.heard, at)
		if known && old.state != gone { // else it has been told that they were removed
			p.line(e, "%s left", who)
		}
	case e.State == "away" && old.state != "away":
		p.line(e, "%s is away", who)
	case e.State == "present" && (!known || old.state == gone):
		p.line(e, "%s is here (%s)", who, role(now.role))
	case e.State == "present" && old.state == "away":
		p.line(e, "%s is back", who)
	case old.name != now.name:
		p.line(e, "%s is now called %s", before, who)
	case old.role != now.role && !stageMove(old.role, now.role):
		p.line(e, "%s is now a %s", who, role(now.role))
	}
}

// stageMove reports whether a change of role is one that a stage event tells.
func stageMove(a, b string) bool {
	plain := func(r string) bool { return r == "listener" || r == "speaker" }
	return plain(a) && plain(b)
}

func (p *printer) hand(e app.Event, who string) {
	at := seat{e.Room, e.Who}
	up := e.Up != nil && *e.Up
	switch {
	case up && !p.hands[at]: // a hand that only moved up the queue is no news
		p.line(e, "%s raised a hand (place %d)", who, e.Place)
	case !up && e.By != "":
		p.line(e, "%s took down the hand of %s", p.person(e.Room, e.By), who)
	case !up && p.hands[at]:
		p.line(e, "%s has the hand down", who)
	}
	if e.Hint != "" {
		p.line(e, "%s", plain.Line(e.Hint))
	}
	p.hands[at] = up
}

// stats refreshes the status line: who was heard in the second that ended.
func (p *printer) stats(e app.Event) {
	if e.Stats == nil {
		return
	}
	var now []string
	for _, s := range e.Stats.Speakers {
		at := seat{e.Stats.Room, s.Who}
		if s.Received > p.heard[at] {
			now = append(now, p.person(at.room, at.who))
		}
		p.heard[at] = s.Received
	}
	text := fmt.Sprintf("%d people", e.Stats.People)
	if e.Stats.People == 1 {
		text = "only you"
	}
	if len(now) > 0 {
		text += " | speaking: " + strings.Join(now, ", ")
	}
	if p.mic != "" {
		text += " | your microphone is " + p.mic
		if p.mic == "live" {
			text += p.talk
		}
	}
	p.out.status(text)
}

// hearers tells who hears this person and whom they hear, when that has changed.
func (p *printer) hearers(e app.Event) {
	if e.Audible != nil && p.audible[e.Room] != e.Audible.Text {
		p.audible[e.Room] = e.Audible.Text
		p.line(e, "%s", plain.Line(e.Audible.Text))
	}
}

// recording tells that somebody began to record, or that it is over.
func (p *printer) recording(e app.Event) {
	if e.On == nil || !*e.On {
		p.line(e, "the room is not recorded any more")
		return
	}
	p.line(e, "%s records the room and asks whether you may be heard in it: `stoa consent yes`; who says nothing is left out", p.person(e.Room, e.By))
}

// schedule tells when the room meets.
func (p *printer) schedule(e app.Event) {
	if e.On == nil || !*e.On {
		p.line(e, "nothing is planned in the room any more")
		return
	}
	starts := time.UnixMilli(e.StartsMS).Local().Format("Mon 2 Jan 2006 15:04")
	p.line(e, "the room meets on %s%s", starts, why(e.Text))
}

// hears tells by what way somebody is heard from now on.
func (p *printer) hears(e app.Event, who string) {
	switch e.State {
	case "none":
		p.line(e, "you do not hear %s: there is no way to them yet", who)
	case "relay":
		p.line(e, "you do not hear %s directly; %s brings their voice", who, p.bearer(e))
	default:
		p.line(e, "you hear %s directly", who)
	}
}

// bearer names who brings a voice: a relay or a member.
func (p *printer) bearer(e app.Event) string {
	by := p.person(e.Room, e.By)
	if m := p.members[seat{e.Room, e.By}]; m.role == "relay" || m.role == "" {
		return "the relay " + by
	}
	return by
}

// help tells for whom this node carries of its own accord.
func (p *printer) help(e app.Event) {
	var names []string
	for _, id := range e.People {
		names = append(names, p.person(e.Room, id))
	}
	if e.On != nil && *e.On {
		p.line(e, "you carry voices on to %s, who cannot connect to somebody on stage", strings.Join(names, " and "))
		return
	}
	p.line(e, "you carry no voices on any more: nobody needs it")
}

// lend tells that this node begins or ceases to carry voices on.
func (p *printer) lend(e app.Event) {
	if p.relay {
		p.line(e, "%s%s", either(e.On, "this relay carries the room", "this relay does not carry the room any more"), why(e.Why))
		return
	}
	p.line(e, "your connection %s%s", either(e.On, "is lent to the room", "is not lent to the room"), why(e.Why))
}

// carries tells how many listeners this node carries.
func (p *printer) carries(e app.Event) {
	c := e.Carries
	switch {
	case c == nil:
	case e.Kind == app.EventDrain && c.Listeners+c.Standby == 0:
	case e.Kind == app.EventDrain:
		p.line(e, "asking %d listeners to go elsewhere", c.Listeners+c.Standby)
	default:
		p.line(e, "carrying %d of %d listeners, %d on standby", c.Listeners, c.Slots, c.Standby)
	}
}

func (p *printer) forget(room string) {
	delete(p.rooms, room)
	delete(p.audible, room)
	if len(p.rooms) == 0 {
		p.out.status("") // it would speak of a room that is over
	}
	for at := range p.members {
		if at.room == room {
			delete(p.members, at)
			delete(p.hands, at)
			delete(p.heard, at)
		}
	}
}

// person is how to call somebody: the name, with the key behind it where two in
// the room have the same, or the key alone.
func (p *printer) person(room, who string) string {
	name := plain.Line(p.members[seat{room, who}].name)
	if strings.TrimSpace(name) == "" {
		return short(who)
	}
	for at, m := range p.members {
		if at.room == room && at.who != who && m.state != gone && strings.EqualFold(plain.Line(m.name), name) {
			return name + " (" + short(who) + ")"
		}
	}
	return name
}

func (p *printer) by(e app.Event) string {
	if e.By == "" {
		return ""
	}
	return " by " + p.person(e.Room, e.By)
}

// short is a key or room ID as people compare it: its first 8 characters.
func short(id string) string {
	id = plain.Line(id)
	return id[:min(len(id), 8)]
}

func role(r string) string {
	if r == "" {
		return "member"
	}
	return plain.Line(r)
}

func why(text string) string {
	if text == "" {
		return ""
	}
	return ": " + plain.Line(text)
}

func after(ms *int64) string {
	if ms == nil {
		return ""
	}
	return fmt.Sprintf(" (%d ms)", *ms)
}

// either chooses by an optional flag; unset is false.
func either(on *bool, yes, no string) string {
	if on != nil && *on {
		return yes
	}
	return no
}
