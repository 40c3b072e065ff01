// Where a View comes from: what the session knows, gathered at one instant, and
// when it is gathered anew.

package app

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// lookTick is how often what tells of no change by itself is looked at while a
	// page is open: whether anything still comes. Figures are, every figuresEvery.
	lookTick     = 500 * time.Millisecond
	figuresEvery = time.Second

	// maxGone is how many rooms are shown that this node was put out of.
	maxGone = 20

	// unheardFor is how long a page says that somebody speaks who is muted.
	unheardFor = 8 * time.Second
)

// The phases of a session.
const (
	phaseStarting = "starting"
	phaseRunning  = "running"
	phaseOver     = "over"
)

// showing is what a session keeps for Views. Its bells may be rung by any goroutine;
// mu guards what follows it.
type showing struct {
	changed bell // a View made now would be another one
	sounds  bell // a voice begins
	own     utterance
	notices notices

	mu      sync.Mutex
	phase   string
	offline bool
	unheard time.Time // when it was last told that this person speaks, muted
	gone    []goneRoom
	kept    []keptRoom
	keptNow bool  // kept is as the store has it
	last    *View // before the session was over
}

// View returns what a page shows now, and what is closed at the first change after
// it. Views that follow changes fast enough cost little; whoever shows them should
// wait a little before they ask for the next. It may be called at any time, also
// before Run and after it.
func (s *Session) View() (*View, <-chan struct{}) {
	changed := s.shows.changed.wait()
	if last := s.shows.ended(); last != nil {
		return last, changed
	}
	now := time.Now()
	halls := s.rooms()
	sees := s.sight(halls, now)
	v := viewOf(sees)
	for _, h := range halls {
		h.viewed.Store(v.Rooms[h.id.String()])
	}
	return v, changed
}

// ended is the last View, with that it is over; nil while it is not.
func (w *showing) ended() *View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// enter notes the phase that the session is in now.
func (w *showing) enter(phase string) {
	w.mu.Lock()
	w.phase = phase
	w.mu.Unlock()
	w.changed.ring()
}

// showEnd keeps what the session showed last, since soon nothing can be asked any more.
func (s *Session) showEnd() {
	v, _ := s.View()
	last := *v
	last.Phase = phaseOver
	w := &s.shows
	w.mu.Lock()
	w.phase, w.last = phaseOver, &last
	w.mu.Unlock()
	w.changed.ring()
}

// sight gathers what a View is made of.
func (s *Session) sight(halls []*hall, now time.Time) *sight {
	w := &s.shows
	w.mu.Lock()
	t := &sight{phase: w.phase, offline: w.offline, gone: slices.Clone(w.gone)}
	running := w.phase == phaseRunning
	t.sound.unheard = now.Sub(w.unheard) < unheardFor
	w.mu.Unlock()

	t.id, t.name, t.version, t.home, t.network = s.home.key.ID(), s.home.store.Name(), s.cfg.Version, s.cfg.Home, s.network
	if running {
		t.reach = s.node.Reach()
	}
	t.kept, t.notices = s.keptRooms(), w.notices.now()
	t.contacts, t.blocked = s.known.contactsView(), s.known.blockedView()
	s.miking.Lock()
	t.sound.habits, t.sound.talk, t.sound.pushing, t.sound.live = s.habits, s.talk.mode, len(s.talk.holds) > 0, s.live
	s.miking.Unlock()
	t.sound.unheard = t.sound.unheard && !t.sound.live
	t.sound.mic, t.sound.speaker = s.sound.ends()
	t.sound.test = s.trial.now()
	if deviceView(&t.sound.mic).State == deviceNone {
		t.sound.live = false // there is nothing that others could hear
	}
	for _, h := range halls {
		t.rooms = append(t.rooms, h.sight(t.sound.live, now))
	}
	return t
}

// keptRooms are the rooms of the home, read anew when keptChanged was called. Of a
// room whose charter cannot be read, only its title is known.
func (s *Session) keptRooms() []keptRoom {
	w := &s.shows
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keptNow {
		return w.kept
	}
	recs, err := s.home.store.Rooms()
	if err != nil {
		s.log.Warn("reading the rooms of the home", "err", err)
		return w.kept
	}
	known := make(map[identity.RoomID]identity.Policy, len(w.kept))
	for _, k := range w.kept {
		known[k.id] = k.policy
	}
	w.kept = nil
	for _, rec := range recs {
		k := keptRoom{id: rec.Room, rec: rec}
		if policy, is := known[rec.Room]; is {
			k.policy = policy
		} else if charter, err := identity.ParseCharter(rec.Charter); err == nil {
			k.policy = charter.Policy
		}
		w.kept = append(w.kept, k)
	}
	w.keptNow = true
	return w.kept
}

// keptChanged has the rooms of the home shown as they are in the store now.
func (s *Session) keptChanged() {
	s.shows.mu.Lock()
	s.shows.keptNow = false
	s.shows.mu.Unlock()
	s.shows.changed.ring()
}

// show notes what a View shows of an event.
func (s *Session) show(e *Event) {
	if e.Kind == EventStats {
		return
	}
	now := time.Now()
	if p, is := noticeOf(e); is {
		s.shows.notices.add(p, e.Room, now)
	}
	if e.Kind == EventUnheard {
		s.shows.mu.Lock()
		s.shows.unheard = now
		s.shows.mu.Unlock()
	}
	s.shows.changed.ring()
}

// wentFrom keeps the last sight of a room that this node was put out of, until the
// person has seen why.
func (s *Session) wentFrom(h *hall, why Problem) {
	t := h.sight(false, time.Now())
	last := roomView(&t)
	w := &s.shows
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = slices.DeleteFunc(w.gone, func(g goneRoom) bool { return g.id == h.id })
	if len(w.gone) >= maxGone {
		w.gone = slices.Delete(w.gone, 0, 1)
	}
	w.gone = append(w.gone, goneRoom{h.id, leftBehind(last, why)})
}

// cameBack forgets that this node was put out of a room, and returns whether it was.
func (w *showing) cameBack(id identity.RoomID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.gone)
	w.gone = slices.DeleteFunc(w.gone, func(g goneRoom) bool { return g.id == id })
	return len(w.gone) < before
}

// look looks at what tells of no change by itself, until ctx ends, while anybody
// waits for one. A node without a page sleeps here.
func (s *Session) look(ctx context.Context) {
	tick := time.NewTicker(lookTick)
	defer tick.Stop()
	for {
		select {
		case <-s.shows.changed.awaited():
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		news := s.shows.lookAround(now)
		for _, h := range s.rooms() {
			news = h.look(ctx, now) || news
		}
		if news {
			s.shows.changed.ring()
		}
	}
}

// lookAround looks at this machine.
func (w *showing) lookAround(now time.Time) (news bool) {
	offline := node.Offline()
	w.mu.Lock()
	defer w.mu.Unlock()
	over := !w.unheard.IsZero() && now.Sub(w.unheard) >= unheardFor
	if over {
		w.unheard = time.Time{}
	}
	news = over || w.offline != offline
	w.offline = offline
	return news
}

// glance is what was seen of a room when it was looked at last.
type glance struct {
	mu      sync.Mutex
	pulse   pulse
	stale   time.Duration
	relays  RelaysView // but for List
	figures *figures   // nil: never
	at      time.Time  // when figures were taken
	names   map[identity.ID]string
	made    madeHere
}

// maxNames is how many names of those who have been in a room are remembered.
const maxNames = 1000

// name is what somebody was called who has been here.
func (g *glance) name(id identity.ID) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.names[id]
}

// remember keeps the names of those who are here, for when they are not.
func (g *glance) remember(s *room.Snapshot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.names == nil {
		g.names = map[identity.ID]string{}
	}
	for i := range s.People {
		if p := &s.People[i]; p.Name != "" && len(g.names) < maxNames {
			g.names[p.ID] = p.Name
		}
	}
}

// look looks at what changes all the time, and returns whether it has.
func (h *hall) look(ctx context.Context, now time.Time) (news bool) {
	stale, relays := h.feel(ctx, now).Truncate(time.Second), h.relays()
	g := &h.glance
	g.mu.Lock()
	due := now.Sub(g.at) >= figuresEvery
	news = g.stale != stale || !reflect.DeepEqual(g.relays, relays)
	g.stale, g.relays = stale, relays
	g.mu.Unlock()
	return due && h.measure(now) || news
}

// relays says what relays do for this node now, all but their list.
func (h *hall) relays() RelaysView {
	held := h.seats.tether.state()
	return relaysView(&held, h.carry.lends(h.room.Snapshot()))
}

// measure takes the figures anew, and returns whether they have changed.
func (h *hall) measure(now time.Time) bool {
	s := h.room.Snapshot()
	f := &figures{
		ways:    waysView(s, linkageOf(h.net.Links(), nil)),
		audible: plainAudible(h.audible.Load()),
	}
	g := &h.glance
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = now
	if reflect.DeepEqual(f, g.figures) {
		return false
	}
	g.figures = f
	return true
}

// sight gathers what a view of the room is made of. live says that what the
// microphone hears goes to others.
func (h *hall) sight(live bool, now time.Time) roomSight {
	g := &h.glance
	g.mu.Lock()
	old := now.Sub(g.at) >= 2*figuresEvery
	g.mu.Unlock()
	if old { // nobody has looked for a while
		h.measure(now)
	}
	link, _ := h.shown()
	r := roomSight{
		snap: h.room.Snapshot(), now: h.room.Now(), mic: h.voice.wanted(), live: live && h.voice.speaking(),
		link: link, volume: h.volume, name: g.name, known: h.known, before: h.viewed.Load(),
	}
	r.relays = h.relays()
	r.folder, r.records = h.recorder.here(r.snap)
	g.mu.Lock()
	defer g.mu.Unlock()
	r.figures, r.stale = g.figures, g.stale
	r.invites = g.made.now(r.snap, r.now)
	return r
}
