// A relay host: a node that is there to carry, in every room that it was made a
// relay of.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// enterAgain is the pause between two attempts of a relay host to enter a
	// room whose people cannot be reached yet; it grows to enterRarely.
	enterAgain  = 5 * time.Second
	enterRarely = 2 * time.Minute
)

// openHost starts the node of a relay host: one that others find again after a
// restart, and that serves strangers too.
func (s *Session) openHost(ctx context.Context) (*node.Node, error) {
	key, err := loadTransportKey(s.home.dir)
	if err != nil {
		return nil, err
	}
	with := node.Config{Key: key, Server: true}
	if s.figures != nil {
		with.Metrics = s.figures.registry
	}
	n, err := startNode(ctx, &s.cfg, with)
	if err == nil && len(s.cfg.Listen) == 0 && !n.Listens(node.WebPort) {
		s.tellError(&UserError{
			Code: "no_web_port",
			Text: fmt.Sprintf("this relay could not open port %d, so it is out of reach for people whose network lets only the web through", node.WebPort),
			Hint: "see that no web server runs here and that the program may open it: the unit of `stoa relay --unit` lets it",
		})
	}
	return n, err
}

// openFigures serves the figures of a relay host, where that is asked for,
// until stop is called: they are wanted most while it ends, and when ending
// does, the host says so to whoever asks for its health.
func (s *Session) openFigures(ending context.Context) (stop func(), err error) {
	if s.cfg.Relay.Metrics == "" {
		return func() {}, nil
	}
	if s.figures, err = listenMetrics(s.cfg.Relay.Metrics); err != nil {
		return nil, err
	}
	s.figures.registry.MustRegister(carried{s})
	context.AfterFunc(ending, func() { s.figures.draining.Store(true) })
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.figures.serve(ctx); err != nil {
			s.tellError(&UserError{Code: "figures_failed", Text: "the figures are served no more: " + err.Error(), Err: err})
		}
	})
	s.emit(Event{Kind: EventMetrics, Addrs: []string{s.figures.addr()}})
	return func() { cancel(); serving.Wait() }, nil
}

const (
	// lendSlots and lendUp bound what a person's node lends to each room: a
	// part of an ordinary home's upload.
	lendSlots = 32
	lendUp    = 250_000 // bytes a second
)

// loan is what this node gives to each room that it carries. A relay host
// shares out what it has; the node of a person gives something where others
// can reach it.
func (s *Session) loan() loan {
	l := loan{slots: lendSlots, up: lendUp, addrs: s.node.Addrs()}
	if give := s.cfg.Relay; give != nil {
		l.slots, l.up = cmp.Or(give.Slots, DefaultSlots), give.Up
		rooms := 1
		for _, h := range s.rooms() {
			if h.carry.serving() {
				rooms++
			}
		}
		if rooms > 1 {
			rooms--
		}
		l.slots, l.up = max(l.slots/rooms, 1), l.up/rooms
		return l
	}
	// Those who call at the same time get in to who is behind a NAT; listeners only call.
	behind := s.node.Reach().Kind == node.ReachPunch || s.node.Reach().Kind == node.ReachRelayed
	if behind || !slices.ContainsFunc(l.addrs, func(a string) bool { return direct(a, s.network == node.Public) }) {
		l.slots = 0
	}
	return l
}

// direct says that others may reach an address without help: it is no circuit
// and, on the public network, no address of a local one.
func direct(addr string, public bool) bool {
	if strings.Contains(addr, "/p2p-circuit") {
		return false
	}
	if !public {
		return true
	}
	parts := strings.Split(addr, "/")
	if len(parts) < 3 {
		return false
	}
	ip, err := netip.ParseAddr(parts[2])
	return err != nil || !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() // a name is as good as its owner says
}

// RelayRooms is the task of a relay host: to carry the rooms of this home that
// it is a relay of, those that Links lead to, and with RelayConfig.Any some
// that welcome volunteers. It goes on until its context ends.
type RelayRooms struct {
	Links []string // each of the role relay
}

// check refuses a host that has nothing to do but what cannot be done. Where
// some of its rooms can be carried, the others are told of when it runs.
func (t RelayRooms) check(s *Session) error {
	if len(t.Links) == 0 || s.cfg.Relay.Any {
		return nil
	}
	var first error
	for _, link := range t.Links {
		err := checkRelayLink(s, link)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if kept, err := s.relayRooms(); err != nil || len(kept) > 0 {
		return err
	}
	return first
}

// checkRelayLink says what is wrong with a link as far as this machine can tell.
func checkRelayLink(s *Session, link string) error {
	inv, err := parseLink(link)
	if err != nil {
		return err
	}
	if leaf := inv.Chain.Leaf(); !leaf.Caps.Has(identity.CapRelay) {
		return &UserError{
			Code: "not_a_relay_link",
			Text: fmt.Sprintf("that link makes a %s and not a relay", leaf.Role),
			Hint: "ask for one made with `stoa invite --role relay`",
		}
	}
	return JoinRoom{Link: link}.check(s)
}

// relayRooms lists the rooms of this home that it may carry and has not left.
func (s *Session) relayRooms() ([]room.Record, error) {
	recs, err := s.home.store.Rooms()
	if err != nil {
		return nil, err
	}
	var rooms []room.Record
	for _, rec := range recs {
		if rec.Left {
			continue
		}
		log, _, err := loadLog(rec, s.home.store)
		if err != nil {
			s.tellRoom(rec.Room, err)
			continue
		}
		state := log.State().At(uint64(time.Now().UnixMilli()))
		if me := state.Members[s.home.key.ID()]; me.Caps.Has(identity.CapRelay) && !state.Closed {
			rooms = append(rooms, rec)
		}
	}
	return rooms, nil
}

func (t RelayRooms) perform(ctx context.Context, s *Session) error {
	kept, err := s.relayRooms()
	if err != nil {
		return err
	}
	all := hostedBy(kept, t.Links, s.tellError)
	ends := make(chan hostEnd, len(all))
	var rooms sync.WaitGroup
	defer rooms.Wait()
	for _, r := range all {
		rooms.Go(func() { ends <- hostEnd{r.id, s.host(ctx, r)} })
	}
	if s.cfg.Relay.Any {
		rooms.Go(func() { s.volunteer(ctx) })
	}
	if err := lastEnd(ctx, ends, s.tellRoom); err != nil && !s.cfg.Relay.Any {
		return err
	}
	<-ctx.Done()
	return nil
}

// hosted is a room that a relay host should carry.
type hosted struct {
	id    identity.RoomID
	kept  bool     // this home is a relay of it, as far as it knows
	links []string // to get in by otherwise
}

// hostedBy lists the rooms that a home keeps and those that links lead to, each
// once. bad is told what is wrong with a link that leads nowhere.
func hostedBy(kept []room.Record, links []string, bad func(error)) (all []hosted) {
	for _, rec := range kept {
		all = append(all, hosted{id: rec.Room, kept: true})
	}
	for _, link := range links {
		inv, err := parseLink(link)
		if err != nil {
			bad(err)
			continue
		}
		i := slices.IndexFunc(all, func(r hosted) bool { return r.id == inv.Room })
		if i < 0 {
			i, all = len(all), append(all, hosted{id: inv.Room})
		}
		all[i].links = append(all[i].links, link)
	}
	return all
}

// hostEnd is that a room is carried no more, and why: nil for in peace.
type hostEnd struct {
	id  identity.RoomID
	err error
}

// lastEnd waits until the rooms, of which there are as many as ends can hold,
// are all over. It returns the last error that ended one, nil when ctx ends.
// tell is told the others.
func lastEnd(ctx context.Context, ends <-chan hostEnd, tell func(identity.RoomID, error)) error {
	var last hostEnd
	for range cap(ends) {
		select {
		case e := <-ends:
			if e.err == nil {
				continue
			}
			if last.err != nil {
				tell(last.id, last.err)
			}
			last = e
		case <-ctx.Done():
			return nil
		}
	}
	return last.err
}

// host carries a room until ctx or the room ends, or there is no way into it.
func (s *Session) host(ctx context.Context, r hosted) error {
	return keepIn(ctx, stays{
		enter: func(ctx context.Context) (*hall, error) { return s.enterHosted(ctx, r) },
		stay:  s.stay,
		out:   func(h *hall) bool { return len(r.links) == 0 && stillIn(h.room.Snapshot(), h.glance.name) != nil },
		tell:  func(err error) { s.tellRoom(r.id, err) },
	})
}

// stays are how to be in a room again and again.
type stays struct {
	enter func(context.Context) (*hall, error)
	stay  func(context.Context, *hall) error // nil when it ended in peace
	out   func(*hall) bool                   // after it: there is no way back
	tell  func(error)                        // of what is tried again
}

// keepIn enters a room, however long it takes until somebody there can be
// reached, and stays; when something goes wrong, it does so again. It returns
// nil when a stay or ctx ended in peace, else why there is no way in.
func keepIn(ctx context.Context, s stays) error {
	wait := enterAgain
	for {
		h, err := s.enter(ctx)
		again := mayPass(err)
		if err == nil {
			began := time.Now()
			if err = s.stay(ctx, h); err == nil {
				return nil
			}
			again = !s.out(h)
			if time.Since(began) >= enterRarely {
				wait = enterAgain
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if !again {
			return err
		}
		s.tell(err)
		if pause.For(ctx, wait) != nil {
			return nil
		}
		wait = min(2*wait, enterRarely)
	}
}

// enterHosted returns to a room that this home keeps, or else enters by the
// first link to it that is good.
func (s *Session) enterHosted(ctx context.Context, r hosted) (*hall, error) {
	var failed error
	if r.kept {
		h, err := s.returnToKept(r.id)
		if err == nil {
			return h, nil
		}
		failed = err
	}
	for _, link := range r.links {
		h, err := s.enterByLink(ctx, link)
		if err == nil {
			return h, nil
		}
		if !mayPass(failed) {
			failed = err
		}
	}
	return nil, failed
}

func (s *Session) returnToKept(id identity.RoomID) (*hall, error) {
	rec, err := s.home.store.Room(id)
	if err != nil {
		return nil, err
	}
	return s.returnTo(rec, nil)
}

func (s *Session) enterByLink(ctx context.Context, link string) (*hall, error) {
	if err := checkRelayLink(s, link); err != nil {
		return nil, err
	}
	return JoinRoom{Link: link}.enter(ctx, s)
}

// carryRoom stays in a room and tells what ended that.
func (s *Session) carryRoom(ctx context.Context, h *hall) {
	if err := s.stay(ctx, h); err != nil {
		s.tellRoom(h.id, err)
	}
}

// mayPass says that an attempt to enter a room failed for what may be over in
// a while: its people are away, busy or not yet of one mind.
func mayPass(err error) bool {
	return slices.ContainsFunc([]error{
		node.ErrUnreachable, node.ErrBusy, room.ErrBusy, room.ErrIssuerAway, room.ErrLocked, room.ErrLogFull, errElsewhere, context.DeadlineExceeded,
	}, func(passing error) bool { return errors.Is(err, passing) })
}

// tellError tells the person of an error that belongs to no room of this node.
func (s *Session) tellError(err error) {
	s.emit(Explain(err).event(""))
}
