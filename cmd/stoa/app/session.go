// A running node: its home, its network, its sound, and the rooms it is in.
//
//	Run ─┬─ node.Node            libp2p's own goroutines
//	     ├─ sound.run            devices, capture, player
//	     ├─ serveControl         verbs from other processes
//	     ├─ tend: hall.run, one a room, and what else verbs begin
//	     ├─ look, remind         what tells of no change by itself, for Views; meetings
//	     └─ the first task

// Package app is the program: it alone knows the network, the rules and the
// sound, and brings them together.
//
// A node owns a home, a folder with everything a person has: identity.key,
// stoa.db, and the socket over which other processes steer the node. The store
// is locked while a node runs, so a home has one node at a time.
package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stoa/audio"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/keep"
)

// Session is one run of a node. Open makes it, Run runs it once.
type Session struct {
	cfg     Config
	log     *slog.Logger
	home    *home
	node    *node.Node // set by Run
	sound   *sound
	volumes *volumes
	known   *known
	run     [8]byte // names this run to others
	mic     *gate   // open while what the microphone hears could be wanted

	network node.Network // that cfg asks for
	figures *metrics     // of a relay host that shows them; else nil

	telling *teller
	finder  finder
	trial   trial
	shows   showing

	miking sync.Mutex // guards all to the empty line
	habits habits
	talk   talk
	told   talkTold
	live   bool // what the microphone hears goes to others

	pushed flag // talk may change by itself at another time

	errands chan func(context.Context) // to tend
	closing chan struct{}              // closed when that takes no more

	mu       sync.Mutex
	halls    []*hall                           // in the order in which they were entered
	arriving map[identity.RoomID]chan struct{} // closed when somebody who enters it has done so
}

// Open opens the home, making it when it is new, and the devices. It starts
// nothing. Errors are for the person. A Session that is not run must be closed.
func Open(cfg Config) (*Session, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Started.IsZero() {
		cfg.Started = time.Now()
	}
	if cfg.Emit == nil {
		cfg.Emit = func(Event) {}
	}
	network, err := networkOf(&cfg)
	if err != nil {
		return nil, err
	}
	s := &Session{
		cfg: cfg, shows: showing{phase: phaseStarting}, trial: trial{hear: testSound}, network: network, log: cfg.Log, mic: newGate(), pushed: newFlag(), telling: newTeller(cfg.Emit),
		errands: make(chan func(context.Context)), closing: make(chan struct{}), arriving: map[identity.RoomID]chan struct{}{},
	}
	if _, err := rand.Read(s.run[:]); err != nil {
		return nil, err
	}
	if cfg.Name != "" {
		if err := checkName(cfg.Name); err != nil {
			return nil, err
		}
	}
	if s.home, err = openHome(cfg.Home, cfg.Passphrase); err != nil {
		return nil, asUserError(err)
	}
	if cfg.Name != "" {
		if err := s.home.store.SetName(cfg.Name); err != nil {
			return nil, errors.Join(asUserError(err), s.Close())
		}
	}
	if s.known, err = readKnown(cfg.Home); err != nil {
		s.tellError(&UserError{
			Code: "people_unreadable",
			Text: "whom you know or have blocked cannot be read: " + err.Error(),
			Hint: "put the file back from an export, or move it away to begin anew",
			Err:  err,
		})
	}
	if s.habits, err = loadHabits(cfg.Home); err != nil {
		s.tellError(&UserError{
			Code: "choices_unreadable",
			Text: "what you chose for your sound cannot be read, so you are heard only while `stoa push` runs",
			Hint: "choose again, for example with `stoa sound talk open`",
			Err:  err,
		})
	}
	s.talk.set(cmp.Or(cfg.Talk, s.habits.Talk)) // what is wanted now is not what is kept
	s.told = talkTold{talkOpen, true}
	if s.volumes, err = readVolumes(cfg.Home); err != nil {
		s.log.Warn("reading how loud people are played", "err", err)
	}
	if s.sound, err = openSound(&cfg, s.habits, s.emit); err != nil {
		return nil, errors.Join(asUserError(err), s.Close())
	}
	if t := s.sound.treatment; t != nil {
		t.tell = s.emit
	}
	return s, nil
}

// Close gives the home and the devices back. Run does so by itself.
func (s *Session) Close() error {
	var err error
	if s.sound != nil {
		err = s.sound.close()
	}
	return errors.Join(err, s.home.close())
}

// Task is what a node does first: OpenRoom, JoinRoom or RelayRooms.
type Task interface {
	// check finds what is wrong with the task before a node is started for it.
	check(s *Session) error

	// perform does it, and returns when the node should end: errOver ends it
	// in peace.
	perform(ctx context.Context, s *Session) error
}

// Run runs the node until ctx ends. With a task it performs that and ends when
// the task's room is over; without one it returns to every room this home is
// in. It returns nil when ctx or the stay ended in peace, else an error for the
// person. Everything it started has ended when it returns, and the home is
// closed.
func (s *Session) Run(ctx context.Context, first Task) (err error) {
	defer func() { err = asUserError(errors.Join(err, s.Close())) }()

	var telling sync.WaitGroup
	telling.Go(s.telling.run)
	defer telling.Wait()
	defer s.telling.close()

	if first != nil {
		if err := first.check(s); err != nil {
			return err
		}
	}
	if s.cfg.Relay != nil {
		stop, err := s.openFigures(ctx)
		if err != nil {
			return err
		}
		defer stop()
		s.node, err = s.openHost(ctx)
		if err != nil {
			return err
		}
	} else if s.node, err = openNode(ctx, &s.cfg); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.node.Close()) }()
	s.node.HandleCards(s.cards)
	var kept []room.Record // as of now: what a verb founds from here on is entered by that
	if first == nil {
		if kept, err = s.home.store.Rooms(); err != nil {
			return err
		}
	}
	s.shows.enter(phaseRunning)
	defer s.showEnd()

	control, err := listenControl(s.cfg.Home)
	if err != nil {
		return noSocket(s.cfg.Home, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveControl(ctx, control, s.cfg.Home, s.Do) })
	g.Go(func() error { return s.hear(ctx) })
	g.Go(func() error { s.mind(ctx); return nil })
	g.Go(func() error { s.keepTalk(ctx); return nil })
	g.Go(func() error { s.look(ctx); return nil })
	g.Go(func() error { s.remind(ctx); return nil })
	g.Go(func() error { return s.tend(ctx) })

	s.emit(Event{Kind: EventReady, Peer: s.node.Peer(), Addrs: s.node.Addrs()})
	s.watchReach()
	s.micSet()
	if s.network == node.LAN { // elsewhere there are other ways to find people
		s.node.OnAlone(func() {
			s.tellError(&UserError{
				Code: "alone",
				Text: "this machine is on no network, so nobody can be found",
				Hint: "connect it to the network that the others are on; stoa goes on looking",
			})
		})
	}
	g.Go(func() error {
		if first == nil {
			return s.resumeAll(ctx, kept)
		}
		return first.perform(ctx, s)
	})
	if err := g.Wait(); !errors.Is(err, errOver) {
		return err
	}
	return nil
}

// errOver ends Run in peace.
var errOver = errors.New("over")

// visit enters a room and stays until that is over.
func (s *Session) visit(ctx context.Context, enter func(context.Context, *Session) (*hall, error)) error {
	h, err := enter(ctx, s)
	if err != nil {
		return inPeace(ctx, err)
	}
	if err := s.stay(ctx, h); err != nil {
		return err
	}
	return errOver
}

// stay keeps a room going until this node is in it no more, and tells why that
// is. It returns nil unless the person should hear of an error.
func (s *Session) stay(ctx context.Context, h *hall) error {
	s.come(h)
	if s.sound.fromFile {
		s.mic.set(true) // it begins to play when the first room is entered, whoever may speak
	}

	err := h.run(ctx)

	if err := s.home.store.SetLast(h.id, time.Now()); err != nil {
		s.log.Warn("noting when the room was left", "err", err)
	}
	left := Event{Kind: EventLeft, Room: h.id.String(), Why: "the program ended"}
	defer func() {
		s.part(h)
		s.emit(left)
	}()
	switch {
	case errors.Is(err, errLeft):
		left.Why = "you left"
		return nil
	case errors.Is(err, errEnded):
		left.Why = "the room has ended"
		s.wentFrom(h, Explain(room.ErrClosed))
		return s.home.store.SetEnded(h.id)
	case errors.Is(err, errRemoved):
		left.Why = "you were put out of the room"
		why := removal(h.room.Snapshot(), h.glance.name)
		s.wentFrom(h, Explain(why))
		return why
	case err != nil:
		why := Explain(err)
		left.Why = why.Text
		s.wentFrom(h, why)
		return err
	}
	return nil
}

// removal is what somebody who was put out of a room reads. name is what somebody was
// called who may be here no more.
func removal(s *room.Snapshot, name func(identity.ID) string) error {
	e := &UserError{Code: "revoked_out", Text: "your link to this room was revoked, so you are out", Hint: "ask for a new link"}
	if mark, ok := markOf(s.State, s.Me.ID); ok {
		e.Code, e.Text = "put_out", "you were put out of the room"
		if by := name(mark.By); by != "" {
			e.Text += " by " + by
		}
		if mark.Reason != "" {
			e.Text += ": " + mark.Reason
		}
		e.Hint = "somebody who moderates it can let you back in"
	}
	return e
}

// hear runs the sound, and gives what the microphone hears to every room.
func (s *Session) hear(ctx context.Context) error {
	return s.sound.run(ctx, s.mic, s.tellDevice, func(p audio.Packet) {
		now := time.Now()
		if s.shows.own.say(p, now) {
			s.shows.sounds.ring()
		}
		for _, h := range s.rooms() {
			if err := h.voice.say(p, now); err != nil {
				s.log.Warn("sealing a frame", "room", h.id.Short(), "err", err)
			}
		}
	})
}

// tellDevice tells the person that a device failed and what stands in for it.
func (s *Session) tellDevice(err error, hint string) {
	s.emit(Problem{"device_failed", err.Error(), hint}.event(""))
}

// mind has the voice sent as the ways to its listeners are, and as this machine can.
func (s *Session) mind(ctx context.Context) {
	tick := time.NewTicker(tunePeriod)
	defer tick.Stop()
	tuner, effort, begin := newTuner(), newEffort(), time.Now()
	on, looked := powerSource(), begin
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var ways []way
		rooms := s.rooms()
		relayed := false
		for _, h := range rooms {
			snap := h.room.Snapshot()
			for _, l := range h.net.Links() {
				ways = append(ways, way{l, branchOf(snap, l.ID)})
			}
			relayed = relayed || h.voice.relayed()
		}
		if len(ways) == 0 { // nobody has reported anything
			continue
		}
		if now := time.Now(); now.Sub(looked) >= powerEvery {
			on, looked = powerSource(), now
		}
		// Relays count on voices.
		tuner.music = s.sound.music() && !relayed
		m := tuner.step(ways, time.Since(begin))
		m.effort, m.power = effort.next(on, s.sound.load(), time.Since(begin)), on
		s.sound.send(&m)
		for _, h := range rooms {
			h.send(&m)
		}
	}
}

// rooms returns the rooms that this node is in.
func (s *Session) rooms() []*hall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.halls)
}

// emit tells the caller of an event, soon.
func (s *Session) emit(e Event) {
	if !s.known.quieten(&e) {
		return
	}
	s.telling.tell(e)
	s.show(&e)
}

// inPeace drops an error that says only that ctx has ended.
func inPeace(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// networkOf is the network that a configuration asks for.
func networkOf(cfg *Config) (node.Network, error) {
	switch {
	case len(cfg.Bootstrap) > 0 && (cfg.Network == "" || cfg.Network == "private"):
		return node.Private, nil
	case len(cfg.Bootstrap) > 0:
		return "", &UserError{Code: "usage", Text: fmt.Sprintf("--bootstrap makes a private network, --network says %s", cfg.Network), Hint: "give one of the two"}
	case cfg.Network == "" || cfg.Network == "public":
		return node.Public, nil
	case cfg.Network == "lan":
		return node.LAN, nil
	case cfg.Network == "links":
		return node.Links, nil
	}
	return "", &UserError{Code: "usage", Text: fmt.Sprintf("there is no network called %q", cfg.Network), Hint: "--network takes public, lan or links; --bootstrap makes a private one"}
}

// bootstrapOf is whom to meet first on a private network: nobody for "none".
func bootstrapOf(cfg *Config) []string {
	if len(cfg.Bootstrap) == 1 && cfg.Bootstrap[0] == "none" {
		return nil
	}
	return cfg.Bootstrap
}

var (
	_ room.Network = (*node.Room)(nil)
	_ room.Keeper  = (*keep.Store)(nil)
)
