// The ways into a room: opening a new one, joining by a link, returning to one
// that this home is in already, and looking at one without going in.

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

const (
	// searchTime bounds the search for somebody of a room.
	searchTime = 30 * time.Second

	// secondOpinion is how long others may still let in whom one member has
	// refused: that one may be behind, or malicious.
	secondOpinion = 1500 * time.Millisecond

	// headStart is how long a member has to answer before another one is asked
	// as well. Two who answer both write the same admission into the log.
	headStart = 200 * time.Millisecond

	// maxAsked is how many members are asked at a time for the same thing.
	maxAsked = 8
)

// errElsewhere: some answered, and none of them is in the room that was asked for.
var errElsewhere = errors.New("those who were found are in another room")

// OpenRoom is the task of opening a new room.
type OpenRoom struct {
	Title  string
	Listed bool   // show it to whoever looks for public rooms
	Topic  string // what it is about, for Listed
	Lang   string // what is spoken, for Listed
	Muted  bool   // begin with the microphone off
}

func (t OpenRoom) enter(ctx context.Context, s *Session) (*hall, error) {
	policy := identity.Policy{Listed: t.Listed, Topic: t.Topic, Lang: t.Lang}
	rec, err := room.Found(s.home.key, policy, t.Title, s.home.store, time.Now())
	if err != nil {
		return nil, err
	}
	h, err := s.enter(rec, nil, nil)
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
	w, err := knock(ctx, net, s.home.key.ID(), inv.Room, cred, hints)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	if rec, err = w.Keep(s.home.store, inv.Rendezvous); err != nil {
		return nil, errors.Join(err, net.Close())
	}
	h, err := s.hall(net, rec, w, hints)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
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
	h, err := s.enter(rec, nil, hints)
	if err != nil {
		return nil, err
	}
	snap := h.room.Snapshot()
	if err := stillIn(snap); err != nil {
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
func stillIn(s *room.Snapshot) error {
	switch {
	case s.State.Closed:
		return room.ErrClosed
	case !s.Live:
		return removal(s)
	}
	return nil
}

// resumeAll returns to every room this home is in and stays until ctx ends.
// A room that cannot be entered is told of and does not keep from the others.
func (s *Session) resumeAll(ctx context.Context) error {
	recs, err := s.home.store.Rooms()
	if err != nil {
		return err
	}
	done := make(chan struct{})
	n := 0
	for _, rec := range recs {
		if rec.Left {
			continue
		}
		h, err := s.returnTo(rec, nil)
		if err != nil {
			s.tellRoom(rec.Room, err)
			continue
		}
		n++
		go func() {
			if err := s.stay(ctx, h); err != nil {
				s.tellRoom(rec.Room, err)
			}
			done <- struct{}{}
		}()
	}
	for ; n > 0; n-- {
		<-done
	}
	<-ctx.Done()
	return nil
}

// tellRoom tells the person of an error in one room.
func (s *Session) tellRoom(id identity.RoomID, err error) {
	text, hint := explain(err)
	s.emit(Event{Kind: EventError, Room: id.String(), Text: text, Hint: hint})
}

func (s *Session) emitJoined(h *hall, role identity.Role) {
	took := time.Since(s.cfg.Started).Milliseconds()
	s.emit(Event{Kind: EventJoined, Room: h.id.String(), Who: h.me.String(), Role: role.String(), MS: &took})
}

func (s *Session) roomConfig(id identity.RoomID, rendezvous [16]byte) node.RoomConfig {
	return node.RoomConfig{ID: id, Rendezvous: rendezvous, Key: s.home.key, Session: s.run}
}

// enter makes the hall of a room that the store has.
func (s *Session) enter(rec room.Record, w *room.Welcome, hints []string) (*hall, error) {
	net, err := s.node.Enter(s.roomConfig(rec.Room, rec.Rendezvous))
	if err != nil {
		return nil, err
	}
	h, err := s.hall(net, rec, w, hints)
	if err != nil {
		return nil, errors.Join(err, net.Close())
	}
	return h, nil
}

// hall brings a room's network, rules and sound together.
func (s *Session) hall(net *node.Room, rec room.Record, w *room.Welcome, hints []string) (*hall, error) {
	r, err := room.New(room.Config{
		Record:  rec,
		Key:     s.home.key,
		Keeper:  s.home.store,
		Network: net,
		Session: s.run,
		Name:    s.home.store.Name(),
		Addrs:   s.node.Addrs,
		Welcome: w,
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
		voice:     newVoice(rec.Room, s.home.key, s.run, net),
		ears:      newEars(rec.Room, s.sound.newSource),
		calls:     newCaller(net, log, time.Now()),
		log:       log,
		emit:      s.emit,
		micSet:    s.micSet,
		savePeers: func(peers []room.Peer) error { return s.home.store.SetPeers(rec.Room, peers) },
		saveTitle: func(title string) error { return s.home.store.SetTitle(rec.Room, title) },
		started:   s.cfg.Started,
		hints:     hints,
		list:      s.node.Announce,
		leaving:   make(chan struct{}),
		over:      make(chan struct{}),
	}
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

// knock asks to be let in, of everybody who can be found, and takes the first
// welcome.
func knock(ctx context.Context, net *node.Room, me identity.ID, id identity.RoomID, cred identity.Credential, hints []string) (*room.Welcome, error) {
	return askAnybody(ctx, net, hints, func(ctx context.Context, to asker) (*room.Welcome, error) {
		return room.Knock(ctx, to, id, me, cred)
	})
}

// asker puts a question to one member.
type asker = func(ctx context.Context, req []byte) ([]byte, error)

// askAnybody puts a question to the members at the given addresses and to
// those whom the network finds, one shortly after another without waiting for
// the slow, and returns the first answer. A
// refusal counts when nobody has answered better a moment later; that nobody
// can be reached, or nobody who knows the room, counts when the search has found
// nobody else.
func askAnybody[T any](ctx context.Context, net *node.Room, addrs []string, question func(context.Context, asker) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	type outcome struct {
		answer T
		err    error
	}
	outcomes := make(chan outcome)
	places := make(chan struct{}, maxAsked)
	failed := make(chan struct{}, 1) // the one asked last, or another, has no answer
	asked := map[string]bool{}
	tell := func(o outcome) {
		select {
		case outcomes <- o:
		case <-ctx.Done():
		}
	}
	try := func(addr string) {
		if asked[addr] {
			return
		}
		asked[addr] = true
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		go func() {
			defer func() { <-places }()
			answer, err := question(ctx, func(ctx context.Context, req []byte) ([]byte, error) {
				_, reply, err := net.AskPeer(ctx, addr, req)
				return reply, err
			})
			if err != nil {
				select {
				case failed <- struct{}{}:
				default:
				}
			}
			tell(outcome{answer, err})
		}()
		select {
		case <-failed:
		case <-time.After(headStart):
		case <-ctx.Done():
		}
	}
	go func() {
		for _, a := range addrs {
			try(a)
		}
		for a := range net.Find(ctx) {
			try(a)
		}
	}()

	var zero T
	var refusal error
	var patience <-chan time.Time
	nobody := node.ErrUnreachable // why there is no answer, when the search is over
	for {
		select {
		case o := <-outcomes:
			switch {
			case o.err == nil:
				return o.answer, nil
			case room.IsRefusal(o.err) && refusal == nil:
				refusal = o.err
				patience = time.After(secondOpinion)
			case errors.Is(o.err, node.ErrRefused):
				nobody = errElsewhere
			}
		case <-patience:
			return zero, refusal
		case <-ctx.Done():
			if refusal != nil {
				return zero, refusal
			}
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return zero, nobody
			}
			return zero, ctx.Err()
		}
	}
}

// meetSomebody finds another member of a room that this node is in, so that
// the two exchange what they know. The answer itself is not needed.
func (h *hall) meetSomebody(ctx context.Context, addrs []string) error {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	cred := h.room.Snapshot().Me.Credential
	_, err := knock(ctx, h.net, h.me, h.id, cred, addrs)
	return err
}
