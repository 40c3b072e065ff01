// The play: a room in which people talk, raise hands, write and react, and what
// the person at the page does in it.

package main

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/ui"
	"stoa/identity"
)

// A cast says who is in the room.
type cast struct {
	people, stage, speaking int
	seed                    uint64
	role                    identity.Role
	fresh                   bool
}

// maxPeople is more than any page is meant to show.
const maxPeople = 20000

func (c cast) check() error {
	switch {
	case c.people < 1 || c.people > maxPeople:
		return fmt.Errorf("-people is from 1 to %d", maxPeople)
	case c.stage < 0 || c.stage > c.people:
		return fmt.Errorf("-stage is at most -people")
	case c.speaking < 0 || c.speaking > c.stage:
		return fmt.Errorf("-speaking is at most -stage")
	}
	return nil
}

const (
	pace        = 250 * time.Millisecond // between two steps of the play
	chatKept    = 200
	utterance   = 4 * time.Second // that somebody speaks, about
	chatEvery   = 9 * time.Second
	handEvery   = 4 * time.Second
	emojiEvery  = 3 * time.Second
	comingEvery = 5 * time.Second
)

// A play is a node whose room is made up.
type play struct {
	tell func(event string, data any)

	mu      sync.Mutex
	rng     *rand.Rand
	view    app.View
	id      string   // of the room
	me      string   // of the person at the page
	order   []string // everybody else
	voices  []*voice
	changed chan struct{}
	said    int // messages
	noticed int
	over    map[string]any // a merge patch that is laid over the view
}

// A voice is somebody who speaks now.
type voice struct {
	who   string
	until time.Time
}

func newPlay(c cast) *play {
	p := &play{
		tell:    func(string, any) {},
		rng:     rand.New(rand.NewPCG(c.seed, 0)),
		changed: make(chan struct{}),
	}
	p.me, p.id = p.newID(), p.newID()
	p.view = app.View{
		Phase: "running",
		Me:    app.MeView{ID: p.me, Name: "Ann", New: c.fresh, Version: "uitest"},
		Net:   app.NetView{Network: "public", Text: "others reach this machine directly", Code: "direct"},
		Sound: app.SoundView{
			Mic: app.DeviceView{Name: "Built-in microphone", State: "used"}, Speaker: app.DeviceView{Name: "Built-in loudspeaker", State: "used"},
			Talk:     "open",
			Switches: map[string]bool{"highpass": true, "echo": true, "noise": true, "gain": true, "level": true, "music": false},
		},
		Rooms: map[string]*app.RoomView{}, Kept: map[string]app.KeptView{}, Contacts: map[string]app.Contact{},
		Blocked: map[string]app.Blocking{}, Notices: map[string]app.NoticeView{},
	}
	p.view.Kept[p.newID()] = app.KeptView{Title: "Book club", Left: true, LastMS: time.Now().Add(-50 * time.Hour).UnixMilli(), Topic: "books", Lang: "en"}
	p.view.Kept[p.newID()] = app.KeptView{Title: "Obrolan malam", Ended: true, LastMS: time.Now().Add(-9 * time.Hour).UnixMilli(), Lang: "id"}
	if c.fresh {
		p.view.Me.Name = ""
		return p
	}
	r := p.newRoom(p.id, "Evening talk", c.role)
	r.Topic, r.Lang, r.Listed = "philosophy", "en", true
	for i := 1; i < c.people; i++ {
		id := p.newID()
		p.order = append(p.order, id)
		r.People[id] = &app.PersonView{Name: p.name(i), Role: "listener", Rank: int(identity.RoleListener.Rank())}
		if i < c.stage {
			o := r.People[id]
			o.Role, o.Rank, o.Stage, o.Speaks = "speaker", int(identity.RoleSpeaker.Rank()), true, true
			o.Mic = p.rng.IntN(5) > 0
			r.Ways[id] = app.WayView{Way: "direct", RTT: 5 + p.rng.IntN(120), LossIn: 0.2 * p.rng.Float64()}
		}
	}
	r.Audible = heardBy(c.people-1, c.stage-1, fmt.Sprintf("heard by %d", c.people-1))
	for range c.speaking {
		p.voices = append(p.voices, &voice{})
	}
	return p
}

// newRoom makes a room in which nobody is but the person at the page.
func (p *play) newRoom(id, title string, role identity.Role) *app.RoomView {
	speaks := role.Caps().Has(identity.CapSpeak)
	r := &app.RoomView{
		Title: title, Role: role.String(), Caps: app.CapWords(role.Caps()), Rank: int(role.Rank()), Link: "stoa:j/uitest-" + id[:40],
		Me:     app.HereView{Stage: speaks, Speaks: speaks, Mic: speaks},
		People: map[string]*app.PersonView{p.me: {Name: p.view.Me.Name, Role: role.String(), Rank: int(role.Rank()), Stage: speaks, Speaks: speaks, Mic: speaks}},
		Hands:  []string{}, Ways: map[string]app.WayView{},
		Relays:  app.RelaysView{List: map[string]app.RelayView{}, Lend: app.LendView{May: true}},
		Invites: map[string]app.InviteView{}, Removed: map[string]app.RemovedView{}, Chat: map[string]app.ChatView{},
		Audible: heardBy(0, 0, "nobody else is here"),
	}
	p.view.Rooms[id] = r
	return r
}

// heardBy is that so many hear the person, and so many are heard.
func heardBy(heard, hears int, text string) *app.Audible {
	return &app.Audible{
		Spoken: heard > 0, Heard: heard, Hears: hears, Loudspeaker: true, Text: text,
		Not: []string{}, NoLoud: []string{}, Unheard: []app.Silent{},
	}
}

// newID makes one that looks like a key.
func (p *play) newID() string {
	var b [32]byte
	for i := range b {
		b[i] = byte(p.rng.Uint32())
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

func (p *play) name(i int) string {
	names := []string{"Ben", "Citra", "Dewi", "Émile", "Farah", "Gus", "Hanako", "Íñigo", "Joko", "Kirana", "Lars", "María José", "Ngozi", "Oleh", "Putri", "Qadir", "Rangga", "Sophie", "Tirta", "Ума"}
	if i <= len(names) {
		return names[i-1]
	}
	return fmt.Sprintf("%s %d", names[p.rng.IntN(len(names))], i)
}

// run plays until ctx ends.
func (p *play) run(ctx context.Context) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.step(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// chance reports whether what happens every d on average happens in this step.
func (p *play) chance(d time.Duration) bool { return p.rng.Float64() < float64(pace)/float64(d) }

// step is what happens within pace.
func (p *play) step(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.view.Rooms[p.id]
	if r == nil || len(p.order) == 0 {
		return
	}
	someone := p.order[p.rng.IntN(len(p.order))]
	for _, v := range p.voices {
		if now.After(v.until) {
			v.who, v.until = p.speaker(r), now.Add(time.Duration(float64(utterance)*p.rng.ExpFloat64()))
		}
	}
	if p.chance(handEvery) {
		if i := slices.Index(r.Hands, someone); i >= 0 {
			r.Hands = slices.Delete(slices.Clone(r.Hands), i, i+1)
		} else if !r.People[someone].Stage && len(r.Hands) < 12 {
			r.Hands = append(slices.Clone(r.Hands), someone)
		}
		p.places(r)
	}
	if p.chance(chatEvery) {
		lines := []string{"I can hear you well", "👏", "could you say that again?", "Halo dari Bandung!", "¿Y los demás?", "Good evening everybody, I have only just come in and did not hear the beginning.", "https://example.org/a-rather-long-address-that-has-to-break-somewhere"}
		p.say(r, someone, r.People[someone].Name, lines[p.rng.IntN(len(lines))], now)
	}
	if p.chance(emojiEvery) {
		emoji := []string{"👏", "❤️", "😂", "🔥", "🤔"}
		p.tell("react", map[string]string{"room": p.id, "who": someone, "emoji": emoji[p.rng.IntN(len(emoji))]})
	}
	if p.chance(comingEvery) {
		p.comeOrGo(r, someone)
	}
	p.move()
}

// comeOrGo has somebody leave, or somebody new come.
func (p *play) comeOrGo(r *app.RoomView, someone string) {
	if o := r.People[someone]; p.rng.IntN(2) == 0 && !o.Stage {
		p.remove(r, someone)
		return
	}
	id := p.newID()
	p.order = append(p.order, id)
	r.People[id] = &app.PersonView{Name: p.name(21 + p.rng.IntN(1000)), Role: "listener", Rank: int(identity.RoleListener.Rank())}
}

// remove takes somebody out of the room.
func (p *play) remove(r *app.RoomView, id string) {
	delete(r.People, id)
	delete(r.Ways, id)
	p.order = slices.DeleteFunc(p.order, func(o string) bool { return o == id })
	r.Hands = slices.DeleteFunc(slices.Clone(r.Hands), func(o string) bool { return o == id })
	p.places(r)
}

// speaker picks somebody who can be heard; empty when nobody can.
func (p *play) speaker(r *app.RoomView) string {
	var can []string
	for _, id := range slices.Sorted(maps.Keys(r.People)) {
		if o := r.People[id]; id != p.me && o.Stage && o.Mic && !o.Muted {
			can = append(can, id)
		}
	}
	if len(can) == 0 {
		return ""
	}
	return can[p.rng.IntN(len(can))]
}

// places numbers the hands.
func (p *play) places(r *app.RoomView) {
	for _, o := range r.People {
		o.Place = 0
	}
	r.Me.Place = 0
	for i, id := range r.Hands {
		r.People[id].Place = i + 1
		if id == p.me {
			r.Me.Place = i + 1
		}
	}
}

func (p *play) say(r *app.RoomView, who, name, text string, now time.Time) {
	p.said++
	r.Chat[fmt.Sprintf("%010d", p.said)] = app.ChatView{Who: who, Name: name, AtMS: now.UnixMilli(), Text: text}
	delete(r.Chat, fmt.Sprintf("%010d", p.said-chatKept))
}

// notice shows the person something.
func (p *play) notice(code, text, hint string) {
	p.noticed++
	p.view.Notices[fmt.Sprint(p.noticed)] = app.NoticeView{Code: code, Text: text, Hint: hint, AtMS: time.Now().UnixMilli()}
}

// move tells the page that something changed. The caller holds mu.
func (p *play) move() {
	for _, r := range p.view.Rooms {
		pushed := p.view.Sound.Talk == "open" || p.view.Sound.Pushing == (p.view.Sound.Talk == "push")
		r.Me.Live = r.Me.Stage && r.Me.Mic && !r.Me.Muted && pushed
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// State returns the view as it is now.
func (p *play) State() (any, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	doc, err := json.Marshal(p.view)
	if err != nil {
		panic(err) // a view always marshals
	}
	if p.over == nil {
		return json.RawMessage(doc), p.changed
	}
	var shown any
	if err := json.Unmarshal(doc, &shown); err != nil {
		panic(err) // it was made above
	}
	return ui.Apply(shown, p.over), p.changed
}

// lay lays a merge patch over what the page is shown from now on, instead of the
// one before: for screens to which no play leads.
func (p *play) lay(patch []byte) error {
	var over map[string]any
	if err := json.Unmarshal(patch, &over); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = over
	p.move()
	return nil
}

// Levels returns syllables and pauses, made of a few waves.
func (p *play) Levels() (map[string]int, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	levels := map[string]int{}
	now := float64(time.Now().UnixMilli()) / 1000
	speech := func(at float64) int {
		x := 55 + 30*math.Sin(at*21) + 15*math.Sin(at*8.3+1) + 20*math.Sin(at*1.7)
		return int(min(max(x, 0), 100))
	}
	r := p.view.Rooms[p.id]
	for i, v := range p.voices {
		if v.who != "" && r != nil {
			levels[v.who] = speech(now + float64(100*i))
		}
	}
	for _, r := range p.view.Rooms {
		if r.Me.Live {
			levels[p.me] = speech(now) / 2
		}
	}
	return levels, p.changed
}

// Export returns what could be taken for one.
func (p *play) Export(_ context.Context, passphrase string) ([]byte, error) {
	if passphrase == "" {
		return nil, &ui.Problem{Code: "passphrase_missing", Text: "an export needs a passphrase", Hint: "type one"}
	}
	return []byte("an export of nothing\n"), nil
}

// Import takes only what Export gave.
func (p *play) Import(_ context.Context, sealed []byte, _ string) error {
	if string(sealed) != "an export of nothing\n" {
		return &ui.Problem{Code: "bad_export", Text: "that file is no export", Hint: "use the file that was exported"}
	}
	return nil
}

// File returns a calendar without anything in it, whatever the name.
func (p *play) File(context.Context, string) (ui.Download, error) {
	return ui.Download{Kind: "text/calendar", Data: []byte("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//stoa//uitest//EN\r\nEND:VCALENDAR\r\n")}, nil
}
