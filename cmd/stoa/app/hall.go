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

	// callFirst is how long whoever has just entered calls everybody. After
	// that the one of a pair with the lower key calls at once and the other
	// one later, so that two do not call each other at the same time.
	callFirst = 5 * time.Second

	// callAgain is the pause between two attempts to call somebody.
	callAgain = 2 * time.Second

	// searchAgain is the pause between two searches of a member who is alone.
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

// hall is a room that this node is in. Session.enter makes it, run keeps it
// going until the room is left.
type hall struct {
	id        identity.RoomID
	me        identity.ID
	rec       room.Record
	net       *node.Room
	room      *room.Room
	voice     *voice
	ears      *ears
	log       *slog.Logger
	emit      func(Event)
	started   time.Time // of the program: what sound counts from
	entered   time.Time
	hints     []string                    // where others were when this node came in
	micSet    func()                      // tells the session that the microphone may have changed
	savePeers func([]room.Peer) error     // remembers who is here, as a way back in
	saveTitle func(string) error          // remembers what the room is called
	first     func(context.Context) error // done once when the room runs; may be nil
	invite    func(context.Context, InviteOptions) (string, identity.Grant, error)
	list      func(ctx context.Context, topic, lang string) error // tells the DHT of a public room

	mic   atomic.Bool // this person wants to be heard
	leave context.CancelCauseFunc

	mu    sync.Mutex
	calls map[identity.ID]time.Time // when somebody was last called

	linking sync.Mutex
	link    string // for strangers, see publicLink
}

// run takes part in the room until ctx ends or the stay does. It returns
// errRemoved, errEnded, errLeft, or nil when ctx ended.
func (h *hall) run(ctx context.Context) error {
	ctx, h.leave = context.WithCancelCause(ctx)
	defer h.leave(nil)

	h.net.OnPacket(h.ears.receive)
	h.net.Admit(h.mayLink)
	h.net.OnLink(func(node.LinkInfo, bool) { h.callEverybody(ctx, h.room.Snapshot()) })

	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return h.room.Run(run) })
	g.Go(func() error { return h.follow(run) })
	g.Go(func() error { return h.search(run) })
	g.Go(func() error { h.report(run); return nil })
	g.Go(func() error { return h.begin(run) })
	err := g.Wait()
	h.ears.close()
	h.voice.close()
	h.micSet()
	err = errors.Join(err, h.net.Close())
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errRemoved), errors.Is(err, errEnded):
		return err
	case errors.Is(cause, errLeft):
		return errLeft
	case ctx.Err() != nil:
		return nil
	}
	return err
}

// begin does what waits for the room to run.
func (h *hall) begin(ctx context.Context) error {
	if h.mic.Load() && h.room.Snapshot().Me.Speaks {
		if err := h.tellMic(ctx, true); err != nil {
			return err
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

	var prev *room.Snapshot
	for next := range h.room.Watch(ctx) {
		h.voice.follow(next, h.mic.Load())
		if err := h.ears.follow(next); err != nil {
			return err
		}
		h.net.Review()
		if invitedUp(prev, next) {
			h.mic.Store(true)
			h.voice.follow(next, true)
			go h.tellMic(ctx, true)
		}
		h.micSet()
		for _, e := range changes(prev, next) {
			h.emit(e)
		}
		if prev == nil || prev.State.Title != next.State.Title {
			if err := h.saveTitle(next.State.Title); err != nil {
				h.log.Warn("remembering the title", "err", err)
			}
		}
		switch {
		case next.State.Closed:
			return errEnded
		case !next.Live:
			return errRemoved
		}
		announcing.set(ctx, place(next) < maxAnnouncers)
		listing.set(ctx, place(next) < maxAnnouncers && h.listed())
		h.callEverybody(ctx, next)
		prev = next
	}
	return ctx.Err()
}

// invitedUp says that this person has been called to the stage after raising a
// hand: they asked to be heard, so they are. Whoever is called without having
// asked stays muted until they say otherwise.
func invitedUp(prev, next *room.Snapshot) bool {
	return prev != nil && prev.Me.Place > 0 && !prev.Me.Speaks && next.Me.Speaks
}

// place counts who is before this member in the room's order of rank.
func place(s *room.Snapshot) int {
	for i, p := range s.People {
		if p.ID == s.Me.ID {
			return i
		}
	}
	return len(s.People)
}

// mayLink says whether somebody may hold a media link to this node.
func (h *hall) mayLink(id identity.ID) bool {
	_, in := h.room.Snapshot().State.Members[id]
	return in
}

// callEverybody sees to it that this node is linked with everybody to whom or
// from whom sound goes.
func (h *hall) callEverybody(ctx context.Context, s *room.Snapshot) {
	linked := map[identity.ID]bool{}
	for _, l := range h.net.Links() {
		linked[l.ID] = true
	}
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range s.People {
		if p.ID == h.me || linked[p.ID] || (!p.Stage && !s.Me.Stage) {
			continue
		}
		last, called := h.calls[p.ID]
		if !called && !h.callsFirst(p.ID, now) {
			h.calls[p.ID] = now // give them the time to call
			continue
		}
		if called && now.Sub(last) < callAgain {
			continue
		}
		h.calls[p.ID] = now
		go func() {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if err := h.net.Link(ctx, p.ID); err != nil && ctx.Err() == nil {
				h.log.Info("no link", "to", p.ID.Short(), "err", err)
			}
		}()
	}
}

// callsFirst says which of this member and somebody else calls the other.
func (h *hall) callsFirst(id identity.ID, now time.Time) bool {
	return now.Sub(h.entered) < callFirst || string(h.me[:]) < string(id[:])
}

// search looks for the room's other members whenever this one is alone: after
// a restart, and when the network has come apart. It returns the refusal when
// they do not take this member for one of them any more.
func (h *hall) search(ctx context.Context) error {
	for {
		if len(h.room.Snapshot().People) < 2 {
			err := h.meetSomebody(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && room.IsRefusal(err) && !errors.Is(err, room.ErrBusy) {
				return err
			}
			if err != nil {
				h.log.Info("alone in the room", "err", err)
			}
		}
		select {
		case <-time.After(searchAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

// report tells of first sounds and, once a second, of how the sound fares. It
// also calls again those who did not answer, and remembers who is here.
func (h *hall) report(ctx context.Context) {
	tick := time.NewTicker(soundTick)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for id, at := range h.ears.firstSounds() {
			ms := at.Sub(h.started).Milliseconds()
			h.emit(Event{Kind: EventSound, Room: h.id.String(), Who: id.String(), MS: &ms})
		}
		if n%10 == 0 {
			h.emit(Event{Kind: EventStats, Stats: h.stats()})
			h.callEverybody(ctx, h.room.Snapshot())
		}
		if n%100 == 20 {
			h.rememberPeers()
		}
	}
}

// rememberPeers keeps the addresses of a few members, those of
// highest rank first: the way back in for a node that was away.
func (h *hall) rememberPeers() {
	var peers []room.Peer
	for _, p := range h.room.Snapshot().People {
		if p.ID != h.me && len(p.Addrs) > 0 && len(peers) < maxRemembered {
			peers = append(peers, room.Peer{ID: p.ID, Addrs: p.Addrs})
		}
	}
	if len(peers) == 0 {
		return // better those of last time than none
	}
	if err := h.savePeers(peers); err != nil {
		h.log.Warn("remembering who is here", "err", err)
	}
}

// setMic turns this person's own microphone on or off in this room.
func (h *hall) setMic(ctx context.Context, on bool) error {
	s := h.room.Snapshot()
	if on && !s.Me.Stage {
		return &UserError{Text: "you are not on the stage, so nobody would hear you", Hint: "raise your hand with `stoa hand`"}
	}
	if on && s.Me.Muted {
		return &UserError{Text: "a moderator has muted you", Hint: "raise your hand with `stoa hand`"}
	}
	h.mic.Store(on)
	h.voice.follow(s, on)
	h.micSet()
	return h.tellMic(ctx, on)
}

// tellMic tells this person and the room of the microphone's state.
func (h *hall) tellMic(ctx context.Context, on bool) error {
	h.emit(Event{Kind: EventMic, Room: h.id.String(), On: &on})
	return h.room.SetMic(ctx, on)
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
