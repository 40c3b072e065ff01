// One room that this node is in: its network, its rules and its sound, and
// what keeps the three together.
//
//	room.Snapshot ─► voice, ears    who is heard, by whom, under which key
//	             └─► node.Room      who may hold a link, whom to call
//	             └─► Event          what the person is told

package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// maxAnnouncers is how many members at most tell the DHT of a room.
	maxAnnouncers = 20

	// searchAgain is the pause between two searches of a member who is alone,
	// and between two looks at who is here.
	searchAgain = 5 * time.Second

	// maxRemembered is how many members' addresses are kept.
	maxRemembered = 16

	// soundTick is how often new speakers are looked for; the time told is
	// when they were first heard, not when that was noticed.
	soundTick = 100 * time.Millisecond
)

// How a stay in a room ends, beside by this node's own will.
var (
	errRemoved = errors.New("put out of the room")
	errEnded   = errors.New("the room has ended")
	errLeft    = errors.New("left")
)

// hall is a room that this node is in. Session.enter makes it, Session.stay
// keeps it going until the room is left.
type hall struct {
	id        identity.RoomID
	me        identity.ID
	rec       room.Record
	net       *node.Room
	room      *room.Room
	voice     *voice
	manner    atomic.Pointer[manner]  // how voice is sent; nil at first
	audible   atomic.Pointer[Audible] // who hears this person, and whom they hear; nil at first
	ears      *ears
	plays     func() bool          // what comes is played here
	lacked    func() time.Duration // what the loudspeaker wanted and did not get
	calls     *caller
	carry     *carrier
	seats     *seats
	recorder  *recorder
	log       *slog.Logger
	emit      func(Event)
	changed   func()                // tells that a View of the room would be another one
	volume    func(identity.ID) int // how loud somebody is played here, percent
	known     *known                // people, to this person
	glance    glance
	viewed    atomic.Pointer[RoomView]    // as it was shown last; nil: never
	started   time.Time                   // of the program: what sound counts from
	hints     []string                    // where others were when this node came in
	micSet    func()                      // tells the session that the microphone may have changed
	savePeers func([]room.Peer) error     // remembers who is here, as a way back in
	saveTitle func(string) error          // remembers what the room is called
	savePlan  func(room.Schedule) error   // remembers when it meets
	first     func(context.Context) error // done once when the room runs; may be nil
	invite    func(context.Context, InviteOptions) (string, identity.Grant, error)
	list      func(ctx context.Context, topic, lang string) error // tells the DHT of a public room

	moved   flag          // this node is reached elsewhere
	back    flag          // it was out of reach, perhaps, and is here again
	begun   chan struct{} // closed when the room runs and first is done
	leaving chan struct{} // closed by leave
	left    sync.Once
	over    chan struct{} // closed by Session.stay when this node is in the room no more

	linking   sync.Mutex
	link      string // for listeners who are strangers, see shown
	relayLink string // for relays who are strangers
}

// leave ends run with errLeft. over tells when that has come to pass.
func (h *hall) leave() { h.left.Do(func() { close(h.leaving) }) }

// run takes part in the room until ctx ends or the stay does. It returns
// errRemoved, errEnded, errLeft, why the others refused this member, or what
// went wrong; nil when ctx ended in peace.
func (h *hall) run(ctx context.Context) error {
	h.net.OnPacket(h.receive)
	h.net.Admit(h.mayLink)
	h.net.OnLink(func(node.LinkInfo, bool) {
		h.calls.nudge()
		h.seats.nudge()
	})
	h.net.OnMove(func() {
		h.calls.moved()
		h.seats.tether.moved()
		if h.carry.up != nil {
			h.carry.up.moved()
		}
		h.back.set()
	})

	// What is carried here needs time to go elsewhere when ctx ends.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, run := errgroup.WithContext(work)
	g.Go(func() error {
		select {
		case <-ctx.Done():
			h.recorder.leave(run)
			h.carry.leave(run)
			stop()
		case <-run.Done():
		}
		return nil
	})
	g.Go(func() error { return h.carry.run(run) })
	g.Go(func() error { return h.room.Run(run) })
	g.Go(func() error { return h.follow(run) })
	g.Go(func() error { h.search(run); return nil })
	g.Go(func() error { h.calls.run(run, h.room.Snapshot); return nil })
	g.Go(func() error { h.seats.run(run); return nil })
	g.Go(func() error { h.report(run); return nil })
	g.Go(func() error { h.weigh(run); return nil })
	g.Go(func() error { h.sayWhere(run); return nil })
	g.Go(func() error { h.recorder.run(run); return nil })
	g.Go(func() error { return h.begin(run) })
	g.Go(func() error {
		select {
		case <-h.leaving:
			h.recorder.leave(run)
			h.carry.leave(run)
			return errLeft
		case <-run.Done():
			return nil
		}
	})
	err := g.Wait()
	h.voice.close()
	h.micSet()
	if err := h.net.Close(); err != nil {
		h.log.Warn("leaving the room's network", "err", err)
	}
	h.ears.close() // no packet comes any more
	return inPeace(work, inPeace(ctx, err))
}

// receive takes a packet that came over the link of from: it is carried on, and
// heard.
func (h *hall) receive(from identity.ID, packet []byte, at time.Time) {
	h.carry.receive(packet, at)
	h.ears.receive(from, packet, at)
}

// begin does what waits for the room to run.
func (h *hall) begin(ctx context.Context) error {
	defer close(h.begun)
	h.recorder.orphaned(ctx)
	if h.voice.wanted() && h.room.Snapshot().Me.Speaks {
		if err := h.tellMic(ctx, true); err != nil {
			h.log.Info("telling of the microphone", "err", err) // the state has moved on
		}
	}
	if h.first != nil {
		return h.first(ctx)
	}
	return nil
}

// follow does what each new snapshot of the room asks for.
func (h *hall) follow(ctx context.Context) error {
	announcing := background{run: func(ctx context.Context) {
		if err := h.net.Announce(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("announcing the room", "err", err)
		}
	}}
	defer announcing.set(ctx, false)
	listing := background{run: func(ctx context.Context) { h.listing(ctx, h.list) }}
	defer listing.set(ctx, false)

	title, plan := h.rec.Title, h.rec.Schedule
	var prev *room.Snapshot
	for next := range h.room.Watch(ctx) {
		h.carry.follow(next) // first: others rely on it
		h.voice.follow(next)
		if err := h.ears.follow(next); err != nil {
			return err
		}
		h.recorder.follow(next)
		h.seats.follow(next, time.Now())
		h.net.Review()
		h.glance.remember(next)
		h.changed()
		switch {
		case invitedUp(prev, next):
			h.voice.want(true)
			if err := h.tellMic(ctx, true); err != nil {
				h.log.Info("telling of the microphone", "err", err) // sent down again
			}
		case silenced(prev, next) && obedient && h.voice.want(false):
			h.emitMic(false) // the room knows by itself
		}
		h.micSet()
		for _, e := range changes(prev, next) {
			h.emit(e)
		}
		if title != next.State.Title {
			title = next.State.Title
			if err := h.saveTitle(title); err != nil {
				h.log.Warn("remembering the title", "err", err)
			}
		}
		if plan != next.State.Schedule {
			plan = next.State.Schedule
			if err := h.savePlan(plan); err != nil {
				h.log.Warn("remembering when the room meets", "err", err)
			}
		}
		switch {
		case next.State.Closed:
			return errEnded
		case !next.Live && obedient:
			return errRemoved
		}
		announcing.set(ctx, announces(next))
		listing.set(ctx, announces(next) && h.listed())
		h.calls.nudge()
		prev = next
	}
	return nil
}

// invitedUp says that this person has been called to the stage after raising a
// hand: they asked to be heard, so they are. Whoever is called without having
// asked stays muted until they say otherwise.
func invitedUp(prev, next *room.Snapshot) bool {
	return prev != nil && prev.Me.Place > 0 && !prev.Me.Speaks && next.Me.Speaks
}

// silenced says that this person may not speak any more, for whatever reason.
// Their microphone goes off with that: whoever is let speak again later must
// not be live without knowing.
func silenced(prev, next *room.Snapshot) bool {
	return prev != nil && prev.Me.Speaks && !next.Me.Speaks
}

// announces says whether this member is of those who tell the DHT of the room:
// nobody in an audience is, who do not know how many they are.
func announces(s *room.Snapshot) bool { return !s.InAudience() && place(s) < maxAnnouncers }

// place counts who is before this member in the room's order of rank.
func place(s *room.Snapshot) int {
	for i, p := range s.People {
		if p.ID == s.Me.ID {
			return i
		}
	}
	return len(s.People)
}

// send has this person's voice sent in a manner from now on.
func (h *hall) send(m *manner) {
	h.manner.Store(m)
	h.voice.pack(m.frames)
	for _, l := range h.net.Links() {
		h.net.Spare(l.ID, slices.Contains(m.spared, l.ID))
	}
}

// mayLink says whether somebody may hold a media link to this node.
func (h *hall) mayLink(id identity.ID) bool {
	return mayHoldLink(h.room.Snapshot(), id, h.seats.settled(time.Now()))
}

// search looks for the room's other members whenever this one is alone: after
// a restart, and when the network has come apart. While it is not, search
// remembers who is here.
func (h *hall) search(ctx context.Context) {
	var peers []room.Peer // as they were saved last
	var told string
	again := time.NewTicker(searchAgain)
	defer again.Stop()
	for {
		if here := peersOf(h.room.Snapshot()); len(here) > 0 && !slices.EqualFunc(here, peers, samePeer) {
			if err := h.savePeers(here); err != nil {
				h.log.Warn("remembering who is here", "err", err)
			}
			peers = here
		}
		if len(h.room.Snapshot().People) < 2 {
			addrs := slices.Clone(h.hints)
			for _, p := range peers {
				addrs = append(addrs, p.Addrs...)
			}
			err := h.meetSomebody(ctx, addrs)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				h.log.Info("alone in the room", "err", err)
			}
			// A refusal is one peer's word: whether this member is out, the
			// signed history says, which that peer hands on if it is so.
			if room.IsRefusal(err) {
				if p := Explain(err); p.Text != told {
					h.emit(p.event(h.id.String()))
					told = p.Text
				}
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// peersOf gives the addresses of a few members, those of highest rank first:
// the way back in for a node that was away.
func peersOf(s *room.Snapshot) []room.Peer {
	var peers []room.Peer
	for _, p := range s.People {
		if p.ID != s.Me.ID && len(p.Addrs) > 0 && len(peers) < maxRemembered {
			peers = append(peers, room.Peer{ID: p.ID, Addrs: p.Addrs})
		}
	}
	return peers
}

func samePeer(a, b room.Peer) bool { return a.ID == b.ID && slices.Equal(a.Addrs, b.Addrs) }

// report tells of first sounds and, once a second, of how the sound fares. It
// looks for first sounds only while there is one to come: a node that listens
// should sleep.
func (h *hall) report(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var look <-chan time.Time
	for {
		select {
		case <-second.C:
			h.emit(Event{Kind: EventStats, Stats: h.stats()})
			continue
		case <-h.ears.fresh:
		case <-look:
		case <-ctx.Done():
			return
		}
		sounds, waiting := h.ears.firstSounds()
		for id, at := range sounds {
			ms := at.Sub(h.started).Milliseconds()
			h.emit(Event{Kind: EventSound, Room: h.id.String(), Who: id.String(), MS: &ms})
		}
		look = nil
		if waiting {
			look = time.After(soundTick)
		}
	}
}

// weigh keeps an eye on who hears this person and whom they hear.
func (h *hall) weigh(ctx context.Context) {
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	others, tell := newHearers(), claimant{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s, now := h.room.Snapshot(), time.Now()
		if s.Me.Caps&(identity.CapHear|identity.CapSpeak) == 0 {
			continue // it only carries
		}
		reports := map[identity.ID]report{}
		if s.Me.Stage {
			receipts, every, err := h.room.Receipts(ctx)
			if err != nil {
				return // the room has ended
			}
			links := map[identity.ID][]node.LinkInfo{}
			for _, l := range h.net.Links() {
				links[l.ID] = append(links[l.ID], l)
			}
			for _, r := range receipts {
				reports[r.Who] = report{r, links[r.Who]}
			}
			others.step(h.voice.sent(now), reports, every, now)
		}
		c := claim(s, others, reports, h.ears.comings(), h.plays(), h.voice.sent(now).frames > 0, now)
		h.audible.Store(&c)
		if tell.due(&c, now) {
			h.emit(Event{Kind: EventAudible, Room: h.id.String(), Audible: &c})
		}
	}
}

// setMic turns this person's own microphone on or off in this room.
func (h *hall) setMic(ctx context.Context, on bool) error {
	s := h.room.Snapshot()
	if on && s.Me.Aside {
		return room.ErrAside
	}
	if on && !s.Me.Stage {
		return &UserError{Code: "off_stage_mic", Text: "you are not on the stage, so nobody would hear you", Hint: "raise your hand with `stoa hand`"}
	}
	if on && s.Me.Muted {
		return &UserError{Code: "muted", Text: "a moderator has muted you", Hint: "raise your hand with `stoa hand`"}
	}
	h.voice.want(on)
	if on && !h.room.Snapshot().Me.Speaks {
		h.voice.want(false) // silenced just now, which follow may have seen before this
	}
	h.micSet()
	return h.tellMic(ctx, on)
}

// tellMic tells this person and the room of the microphone's state.
func (h *hall) tellMic(ctx context.Context, on bool) error {
	h.emitMic(on)
	return h.room.SetMic(ctx, on)
}

func (h *hall) emitMic(on bool) {
	h.emit(Event{Kind: EventMic, Room: h.id.String(), On: &on})
}

// background runs something while it is wanted.
type background struct {
	run    func(context.Context)
	cancel context.CancelFunc
	done   chan struct{}
}

// set starts it, or ends it and waits for that. One goroutine calls set.
func (b *background) set(ctx context.Context, on bool) {
	switch {
	case on && b.cancel == nil:
		ctx, b.cancel = context.WithCancel(ctx)
		b.done = make(chan struct{})
		go func() {
			defer close(b.done)
			b.run(ctx)
		}()
	case !on && b.cancel != nil:
		b.cancel()
		<-b.done
		b.cancel = nil
	}
}
