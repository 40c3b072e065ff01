// Whom this person knows, and whom they do not want to hear or read. Both are theirs alone: nobody else is told.

package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/room"
)

const (
	contactsFile = "contacts.json"
	blockedFile  = "blocked.json"

	maxContacts = 1000
	maxBlocked  = 1000
	maxNote     = 200 // bytes of a note on a contact, or of why somebody is blocked
)

// Contact is somebody whom this person knows by their key.
type Contact struct {
	Name    string `json:"name"` // that this person gave them, so that nobody else can take it
	Note    string `json:"note,omitempty"`
	SinceMS int64  `json:"since_ms"`
}

// Blocking is somebody who is neither played nor shown.
type Blocking struct {
	Name    string `json:"name,omitempty"` // what they called themselves then
	Reason  string `json:"reason,omitempty"`
	SinceMS int64  `json:"since_ms"`
	From    string `json:"from,omitempty"` // whose list it came with
}

// known is both.
type known struct {
	contacts keptOf[Contact]
	blocked  keptOf[Blocking]
	indexing sync.Mutex                               // one index is made at a time, so that the last one is of the last contacts
	shapes   atomic.Pointer[map[string][]identity.ID] // contacts by what their names look like
}

// readKnown reads what a home keeps. With an error one of the two is empty.
func readKnown(dir string) (*known, error) {
	k := &known{
		contacts: keptOf[Contact]{dir: dir, file: contactsFile, most: maxContacts, full: &UserError{
			Code: "too_many_contacts", Text: fmt.Sprintf("there are %d contacts already", maxContacts), Hint: "remove some with `stoa contact remove`",
		}},
		blocked: keptOf[Blocking]{dir: dir, file: blockedFile, most: maxBlocked, full: &UserError{
			Code: "too_many_blocked", Text: fmt.Sprintf("a home blocks %d people at most", maxBlocked), Hint: "take some off with `stoa unblock`",
		}},
	}
	err := k.contacts.read(func(_ identity.ID, c Contact) bool { return checkName(c.Name) == nil && len(c.Note) <= maxNote })
	if e := k.blocked.read(func(_ identity.ID, b Blocking) bool { return len(b.Name) <= room.MaxName && len(b.Reason) <= maxNote }); e != nil {
		err = e
	}
	k.index()
	return k, err
}

// index notes what the contacts' names look like.
func (k *known) index() {
	k.indexing.Lock()
	defer k.indexing.Unlock()
	shapes := map[string][]identity.ID{}
	for id, c := range k.contacts.all() {
		if shape := skeleton(c.Name); shape != "" {
			shapes[shape] = append(shapes[shape], id)
		}
	}
	k.shapes.Store(&shapes)
}

// blocks says that somebody is neither to be played nor shown.
func (k *known) blocks(id identity.ID) bool {
	_, is := k.blocked.get(id)
	return is
}

// call is what somebody is called here who calls themselves chosen: a contact by the name they were given.
func (k *known) call(id identity.ID, chosen string) string {
	if c, is := k.contacts.get(id); is {
		return c.Name
	}
	if chosen == "" || k.blocks(id) {
		return id.Short()
	}
	return chosen
}

// lookalike says that the name which somebody chose looks like that of a contact with another key: an old trick.
func (k *known) lookalike(id identity.ID, chosen string) bool {
	shapes := k.shapes.Load()
	if shapes == nil || len(*shapes) == 0 {
		return false
	}
	others := (*shapes)[skeleton(chosen)]
	return len(others) > 0 && !slices.Contains(others, id)
}

// regard is what this person knows of somebody, for the page.
type regard struct {
	Petname   string `json:"petname,omitempty"` // of a contact: what this person calls them
	Contact   bool   `json:"contact,omitempty"`
	Blocked   bool   `json:"blocked,omitempty"`
	Lookalike bool   `json:"lookalike,omitempty"` // is called like a contact, and is not them
}

func (k *known) regard(id identity.ID, chosen string) regard {
	r := regard{Blocked: k.blocks(id), Lookalike: k.lookalike(id, chosen)}
	if c, is := k.contacts.get(id); is {
		r.Petname, r.Contact = c.Name, true
	}
	return r
}

// find resolves a whole key, the name of a contact, or the beginning of the key of somebody whom this person knows or has blocked.
func (k *known) find(text string) (identity.ID, bool) {
	want := strings.ToLower(strings.TrimSpace(text))
	if id, err := identity.ParseID(want); err == nil {
		return id, true
	}
	contacts := k.contacts.all()
	var named, keyed []identity.ID
	for id, c := range contacts {
		if strings.ToLower(c.Name) == want {
			named = append(named, id)
		}
	}
	if len(named) == 1 {
		return named[0], true
	}
	ids := maps.Clone(contacts)
	for id := range k.blocked.all() {
		ids[id] = Contact{}
	}
	for id := range ids {
		if len(want) >= sureKey && strings.HasPrefix(id.String(), want) {
			keyed = append(keyed, id)
		}
	}
	if len(named) == 0 && len(keyed) == 1 {
		return keyed[0], true
	}
	return identity.ID{}, false
}

// quieten makes an event be what this person is to see of it: of the blocked, neither what they write nor their hands nor their names; of contacts,
// what they write under the name that they were given here.
func (k *known) quieten(e *Event) (show bool) {
	id, err := identity.ParseID(e.Who)
	if err != nil {
		return true
	}
	if e.Kind == EventChat {
		e.Name = k.call(id, e.Name)
	}
	if !k.blocks(id) {
		return true
	}
	if e.Kind == EventMember {
		e.Name = ""
	}
	return e.Kind != EventChat && e.Kind != EventReact && e.Kind != EventHand
}

// checkNote refuses what could not be shown as it was written.
func checkNote(text string) error {
	if len(text) > maxNote || plain.Line(text) != text {
		return &UserError{Code: "bad_note", Text: fmt.Sprintf("a note or a reason has at most %d bytes and no control characters", maxNote), Hint: "make it shorter"}
	}
	return nil
}

// personNamed is whom a verb is about.
type personNamed struct {
	id   identity.ID
	name string // what they call themselves, as far as it is known
}

// do performs the verbs that are about what one knows of people.
func (k *known) do(req Request, key *identity.Key, who func(text string) (personNamed, error)) (Reply, error) {
	now := time.Now()
	switch req.Verb {
	case VerbContact:
		return k.doContact(req, who, now)
	case VerbBlocked:
		return k.doBlocked(req, key, now)
	}
	p, err := who(argument(req.Args, 0))
	if err != nil {
		return Reply{}, err
	}
	return k.doBlock(req, p, key.ID(), now)
}

// doKnown performs such a verb with no node running.
func (h *home) doKnown(req Request) (Reply, error) {
	k, err := readKnown(h.dir)
	if err != nil {
		return Reply{}, err
	}
	return k.do(req, h.key, func(text string) (personNamed, error) {
		if id, is := k.find(text); is {
			return personNamed{id: id}, nil
		}
		_, err := findPerson(&room.Snapshot{State: &room.State{}}, text)
		return personNamed{}, err
	})
}

// doKnown performs such a verb, and has it hold in every room at once.
func (s *Session) doKnown(req Request) (Reply, error) {
	reply, err := s.known.do(req, s.home.key, func(text string) (personNamed, error) { return s.whom(req.Room, text) })
	for _, h := range s.rooms() {
		for _, p := range h.room.Snapshot().People {
			h.ears.revolume(p.ID)
		}
	}
	s.shows.changed.ring()
	return reply, err
}

// whom finds a person among those whom this person knows, and in its rooms, or in one of them.
func (s *Session) whom(in, text string) (personNamed, error) {
	halls := s.rooms()
	if in != "" {
		h, _, err := s.pick(Request{Room: in})
		if err != nil {
			return personNamed{}, err
		}
		halls = []*hall{h}
	}
	id, is := s.known.find(text)
	if !is {
		var err error
		if id, err = findIn(halls, text); err != nil {
			return personNamed{}, err
		}
	}
	p := personNamed{id: id}
	for _, h := range halls {
		if p.name == "" {
			p.name = h.called(id)
		}
	}
	return p, nil
}

// findIn is findPerson in several rooms, whose people may not be called alike.
func findIn(halls []*hall, text string) (found identity.ID, err error) {
	_, err = findPerson(&room.Snapshot{State: &room.State{}}, text)
	for _, h := range halls {
		id, e := findPerson(h.room.Snapshot(), text)
		switch {
		case e != nil && found.IsZero():
			err = e
		case e == nil && (found.IsZero() || found == id):
			found, err = id, nil
		case e == nil:
			return id, &UserError{
				Code: "several_people", Text: fmt.Sprintf("%q is somebody else in another room", text), Hint: "say which room you mean with --room",
			}
		}
	}
	return found, err
}

// called is what somebody calls themselves who is in a room, or was, or has written there; empty where nobody knows.
func (h *hall) called(id identity.ID) string {
	s := h.room.Snapshot()
	if p, here := s.Person(id); here {
		return p.Name
	}
	for i := len(s.Chat) - 1; i >= 0; i-- {
		if s.Chat[i].Who == id {
			return s.Chat[i].Called
		}
	}
	return h.glance.name(id)
}

// gain is how loud somebody is played, as the factor for a source.
func (s *Session) gain(id identity.ID) float32 {
	if s.known.blocks(id) {
		return 0
	}
	return s.volumes.gain(id)
}

// notes are what `who` says of it.
func (r *regard) notes() []string {
	var notes []string
	if r.Contact {
		notes = append(notes, "your contact")
	}
	if r.Lookalike {
		notes = append(notes, "called like a contact of yours, but somebody else")
	}
	if r.Blocked {
		notes = append(notes, "blocked")
	}
	return notes
}

// doContact adds, removes or lists contacts. who resolves a person.
func (k *known) doContact(req Request, who func(text string) (personNamed, error), now time.Time) (Reply, error) {
	what := argument(req.Args, 0)
	if what == "list" || what == "" {
		return k.listContacts(), nil
	}
	if what != "add" && what != "remove" {
		return Reply{}, &UserError{Code: "usage", Text: "contact takes add, remove or list", Hint: "`stoa contact add PERSON NAME`"}
	}
	p, err := who(argument(req.Args, 1))
	if err != nil {
		return Reply{}, err
	}
	old, is := k.contacts.get(p.id)
	if what == "remove" {
		if !is {
			return Reply{}, &UserError{Code: "no_contact", Text: p.id.Short() + " is no contact of yours", Hint: "`stoa contact list` shows them"}
		}
		err := k.contacts.change(func(all map[identity.ID]Contact) { delete(all, p.id) })
		k.index()
		return said("%s is no contact of yours any more", old.Name), err
	}
	c := Contact{Name: strings.Join(req.Args[2:], " "), Note: req.Note, SinceMS: now.UnixMilli()}
	if is {
		c.SinceMS = old.SinceMS
	}
	if c.Name == "" {
		c.Name = p.name
	}
	if err := checkName(c.Name); err != nil {
		return Reply{}, err
	}
	if err := checkNote(c.Note); err != nil {
		return Reply{}, err
	}
	err = k.contacts.change(func(all map[identity.ID]Contact) { all[p.id] = c })
	k.index()
	return said("%s is your contact %s", p.id.Short(), c.Name), err
}

func (k *known) listContacts() Reply {
	view := k.contactsView()
	reply := Reply{Data: map[string]any{"contacts": view}}
	for _, id := range slices.Sorted(maps.Keys(view)) {
		c := view[id]
		line := id + "  " + c.Name
		if c.Note != "" {
			line += " (" + c.Note + ")"
		}
		reply.Lines = append(reply.Lines, line)
	}
	if len(view) == 0 {
		reply.Lines = []string{"you have no contacts: `stoa contact add PERSON` makes somebody one"}
	}
	return reply
}

// contactsView is what the page shows of the contacts, by key.
func (k *known) contactsView() map[string]Contact { return byText(k.contacts.all()) }

// blockedView is what the page shows of the blocked, by key.
func (k *known) blockedView() map[string]Blocking { return byText(k.blocked.all()) }

func byText[T any](of map[identity.ID]T) map[string]T {
	view := make(map[string]T, len(of))
	for id, v := range of {
		view[id.String()] = v
	}
	return view
}
