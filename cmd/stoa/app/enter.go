// The ways into a room: opening a new one, joining by a link, and returning to
// one that this home is in already.

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/keep"
)

// OpenRoom is the task of opening a new room.
type OpenRoom struct {
	Title      string `json:"title"`
	Listed     bool   `json:"listed,omitempty"`     // show it to whoever looks for public rooms
	Topic      string `json:"topic,omitempty"`      // what it is about, for Listed
	Lang       string `json:"lang,omitempty"`       // what is spoken, for Listed
	Volunteers bool   `json:"volunteers,omitempty"` // let any relay that likes to carry it, for Listed
	Muted      bool   `json:"muted,omitempty"`      // begin with the microphone off
}

func (t OpenRoom) check(*Session) error { return checkTitle(t.Title) }

func (t OpenRoom) perform(ctx context.Context, s *Session) error { return s.visit(ctx, t.enter) }

func (t OpenRoom) enter(ctx context.Context, s *Session) (*hall, error) {
	policy := identity.Policy{Listed: t.Listed, Topic: t.Topic, Lang: t.Lang, Volunteers: t.Listed && t.Volunteers}
	rec, err := room.Found(s.home.key, policy, t.Title, s.home.store, time.Now())
	if err != nil {
		return nil, err
	}
	h, err := s.reenter(rec, nil)
	if err != nil {
		return nil, err
	}
	h.voice.want(!t.Muted)
	s.emit(Event{Kind: EventRoom, Room: rec.Room.String(), Title: t.Title})
	s.emitJoined(h, identity.RoleOwner)
	// The link is made when the room runs, because it is kept in the room.
	h.first = func(ctx context.Context) error {
		link, _, err := s.invite(ctx, h, InviteOptions{})
		if err != nil {
			return err
		}
		h.offer(link)
		s.emit(Event{Kind: EventLink, Room: rec.Room.String(), Role: "listener", Link: link})
		return nil
	}
	return h, nil
}

// JoinRoom is the task of joining a room by a link, or returning to it when
// this home is in it already.
type JoinRoom struct {
	Link  string
	Muted bool // begin with the microphone off even where one may speak
}

// check says what is wrong with the link as far as this machine can tell, so
// that nobody on the network hears of a link that cannot work.
func (t JoinRoom) check(s *Session) error {
	inv, err := parseLink(t.Link)
	if err != nil {
		return err
	}
	if _, back, err := s.canReturn(inv); err != nil || back {
		return err
	}
	_, err = inv.Redeem(s.home.key, time.Now())
	return err
}

func (t JoinRoom) perform(ctx context.Context, s *Session) error { return s.visit(ctx, t.enter) }

func (t JoinRoom) enter(ctx context.Context, s *Session) (*hall, error) {
	inv, err := parseLink(t.Link)
	if err != nil {
		return nil, err
	}
	hints := hintAddrs(inv.Hints)
	rec, back, err := s.canReturn(inv)
	if err != nil {
		return nil, err
	}
	if back {
		return s.returnTo(rec, hints)
	}
	cred, err := inv.Redeem(s.home.key, time.Now())
	if err != nil {
		return nil, err
	}
	net, err := s.node.Enter(s.roomConfig(inv.Room, inv.Rendezvous))
	if err != nil {
		return nil, err
	}
	net.Quiet(true) // in a crowd one who listens stays out of gossip
	w, err := knock(ctx, net, s.home.key.ID(), inv.Room, cred, hints)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	pinned := rec.Pinned
	if rec, err = w.Keep(s.home.store, inv.Rendezvous); err == nil && pinned {
		err = s.home.store.SetPinned(inv.Room, true)
	}
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	h, err := s.newHall(net, rec, w, hints)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	net.Quiet(h.room.Snapshot().InAudience())
	h.offer(t.Link)
	h.voice.want(!t.Muted && s.sound.fromFile)
	s.emit(Event{Kind: EventRoom, Room: rec.Room.String(), Title: w.State.Title})
	s.emitJoined(h, h.room.Snapshot().Me.Role)
	return h, nil
}

// canReturn says whether this home is in the room of a link already, or has
// left it, with rights that are at least the link's. Otherwise the link has to
// be shown to somebody who is there.
func (s *Session) canReturn(inv *identity.Invite) (rec room.Record, back bool, err error) {
	rec, err = s.home.store.Room(inv.Room)
	if errors.Is(err, keep.ErrNoRoom) {
		return rec, false, nil
	}
	if err != nil {
		return rec, false, err
	}
	log, _, err := loadLog(rec, s.home.store)
	if err != nil {
		return rec, false, nil // the others have what is damaged here
	}
	state := log.State().At(uint64(time.Now().UnixMilli()))
	if state.Closed {
		return rec, false, room.ErrClosed
	}
	me, in := state.Members[s.home.key.ID()]
	return rec, in && me.Rank <= inv.Chain.Leaf().Rank, nil
}

// returnTo goes back into a room that this home is in, muted, with the rights
// and keys it had. Nobody else need be there.
func (s *Session) returnTo(rec room.Record, hints []string) (*hall, error) {
	h, err := s.reenter(rec, hints)
	if err != nil {
		return nil, err
	}
	snap := h.room.Snapshot()
	h.glance.remember(snap)
	if err := stillIn(snap, h.glance.name); err != nil {
		return nil, errors.Join(err, h.net.Close())
	}
	if rec.Left {
		if err := s.home.store.SetLeft(rec.Room, false); err != nil {
			return nil, errors.Join(err, h.net.Close())
		}
	}
	s.emit(Event{Kind: EventRoom, Room: rec.Room.String(), Title: snap.State.Title})
	s.emitJoined(h, snap.Me.Role)
	return h, nil
}

// stillIn says why this member cannot be in the room any more, as far as the
// room's history here tells.
func stillIn(s *room.Snapshot, name func(identity.ID) string) error {
	switch {
	case s.State.Closed:
		return room.ErrClosed
	case !s.Live:
		return removal(s, name)
	}
	return nil
}

// resumeAll returns to those of the rooms that the person has not left. A room that cannot be entered is told of and does not keep from the others.
func (s *Session) resumeAll(ctx context.Context, kept []room.Record) error {
	for _, rec := range kept {
		if rec.Left {
			continue
		}
		_, _, err := s.arrive(ctx, rec.Room, func() (*hall, error) { return s.returnTo(rec, nil) })
		if errors.Is(err, room.ErrClosed) {
			if err := s.home.store.SetEnded(rec.Room); err == nil {
				continue // a crash kept this from being noted when it ended
			}
		}
		if err != nil {
			s.tellRoom(rec.Room, err)
		}
	}
	return nil
}

// tellRoom tells the person of an error in one room.
func (s *Session) tellRoom(id identity.RoomID, err error) {
	s.emit(Explain(err).event(id.String()))
}

func (s *Session) emitJoined(h *hall, role identity.Role) {
	took := time.Since(s.cfg.Started).Milliseconds()
	s.emit(Event{Kind: EventJoined, Room: h.id.String(), Who: h.me.String(), Role: role.String(), MS: &took})
}

func (s *Session) roomConfig(id identity.RoomID, rendezvous [16]byte) node.RoomConfig {
	return node.RoomConfig{ID: id, Rendezvous: rendezvous, Key: s.home.key, Session: s.run}
}

// reenter makes the hall of a room from what the store has of it.
func (s *Session) reenter(rec room.Record, hints []string) (*hall, error) {
	net, err := s.node.Enter(s.roomConfig(rec.Room, rec.Rendezvous))
	if err != nil {
		return nil, err
	}
	h, err := s.newHall(net, rec, nil, hints)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	return h, nil
}

// newHall brings a room's network, rules and sound together. w is what the
// room's gate told, when this node has just come through it.
func (s *Session) newHall(net *node.Room, rec room.Record, w *room.Welcome, hints []string) (*hall, error) {
	r, err := room.New(room.Config{
		Record:  rec,
		Key:     s.home.key,
		Keeper:  s.home.store,
		Network: net,
		Session: s.run,
		Name:    s.home.store.Name(),
		Addrs:   s.node.Addrs,
		Welcome: w,
		Reacted: func(who identity.ID, emoji string) {
			s.emit(Event{Kind: EventReact, Room: rec.Room.String(), Who: who.String(), Emoji: emoji})
		},
	})
	if err != nil {
		return nil, fmt.Errorf("reading the room: %w", err)
	}
	for _, p := range rec.Peers {
		hints = append(hints, p.Addrs...)
		net.Meet(p.ID, p.Addrs)
	}
	log := s.log.With("room", rec.Room.Short())
	h := &hall{
		id:        rec.Room,
		me:        s.home.key.ID(),
		rec:       rec,
		net:       net,
		room:      r,
		plays:     s.sound.plays,
		lacked:    s.sound.lacked,
		voice:     newVoice(rec.Room, s.home.key, s.run, net),
		ears:      newEars(rec.Room, s.sound.source),
		calls:     newCaller(net, log, time.Now()),
		log:       log,
		emit:      s.emit,
		changed:   s.shows.changed.ring,
		volume:    s.volumes.of,
		known:     s.known,
		micSet:    s.micSet,
		savePeers: func(peers []room.Peer) error { return s.home.store.SetPeers(rec.Room, peers) },
		savePlan: func(plan room.Schedule) error {
			defer s.keptChanged()
			return s.home.store.SetSchedule(rec.Room, plan)
		},
		saveTitle: func(title string) error { return s.home.store.SetTitle(rec.Room, title) },
		started:   s.cfg.Started,
		hints:     hints,
		list:      s.node.Announce,
		moved:     newFlag(),
		back:      newFlag(),
		begun:     make(chan struct{}),
		leaving:   make(chan struct{}),
		over:      make(chan struct{}),
	}
	h.recorder = &recorder{
		room: r, me: h.me, home: s.cfg.Home, log: log, emit: s.emit, changed: s.shows.changed.ring, begun: make(chan *recording, 1),
	}
	h.ears.record, h.voice.record = h.recorder.heard, h.recorder.heard
	h.ears.volume, h.ears.begins = s.gain, s.shows.sounds.ring
	h.seats = newSeats(s.home.key, rec.Room, r, net, log)
	h.seats.hear(h.ears, h.voice)
	h.seats.emit = s.emit
	h.calls.carried = h.seats.carried
	h.carry = newCarrier(s.home.key, rec.Room, s.run, log)
	h.carry.room, h.carry.tell = r, s.emit
	h.carry.serve = func(cfg node.ServeConfig) (fanout, error) { return net.Serve(cfg) }
	h.carry.lend, h.carry.advise = s.loan, net.Advise
	h.carry.up = newTether(tetherConfig{room: rec.Room, me: h.me, log: log, attach: attachIn(net), proof: r.Proof, packet: h.carry.bring, knows: h.carry.knows, both: true})
	h.carry.want(s.cfg.Lend || s.cfg.Relay != nil)
	h.carry.refuse(s.cfg.NoHelp)
	h.seats.help, h.seats.lends, h.seats.above = h.carry.help, h.carry.helps, h.carry.up.state
	h.seats.plays, h.seats.feeds = s.sound.plays, h.carry.feeds
	h.invite = func(ctx context.Context, opts InviteOptions) (string, identity.Grant, error) {
		return s.invite(ctx, h, opts)
	}
	return h, nil
}

// hintAddrs are the addresses in a link that can be read: an unknown one, of a
// newer version, is left out.
func hintAddrs(hints [][]byte) []string {
	var addrs []string
	for _, h := range hints {
		if a, err := node.HintAddr(h); err == nil {
			addrs = append(addrs, a)
		}
	}
	return addrs
}
