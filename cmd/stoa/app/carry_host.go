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
	return startNode(ctx, &s.cfg, with)
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
			s.tellError(&UserError{Text: "the figures are served no more: " + err.Error(), Err: err})
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
	if !slices.ContainsFunc(l.addrs, func(a string) bool { return direct(a, s.cfg.Network == "" || s.cfg.Network == "public") }) {
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
	var rooms sync.WaitGroup
	defer rooms.Wait()
	known := map[identity.RoomID]bool{}
	for _, rec := range kept {
		known[rec.Room] = true
		h, err := s.returnTo(rec, nil)
		if err != nil {
			s.tellRoom(rec.Room, err)
			continue
		}
		rooms.Go(func() { s.carryRoom(ctx, h) })
	}
	for _, link := range t.Links {
		inv, err := parseLink(link)
		if err == nil && known[inv.Room] {
			continue
		}
		if err == nil {
			err = checkRelayLink(s, link)
		}
		if err != nil {
			s.tellError(err)
			continue
		}
		known[inv.Room] = true
		rooms.Go(func() { s.carryLink(ctx, link) })
	}
	if s.cfg.Relay.Any {
		rooms.Go(func() { s.volunteer(ctx) })
	}
	<-ctx.Done()
	return nil
}

// carryRoom stays in a room and tells what ended that.
func (s *Session) carryRoom(ctx context.Context, h *hall) {
	if err := s.stay(ctx, h); err != nil {
		s.tellRoom(h.id, err)
	}
}

// carryLink enters the room that a link leads to, however long it takes until
// somebody there can be reached, and stays.
func (s *Session) carryLink(ctx context.Context, link string) {
	for wait := enterAgain; ; wait = min(2*wait, enterRarely) {
		h, err := (JoinRoom{Link: link}).enter(ctx, s)
		if err == nil {
			s.carryRoom(ctx, h)
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.tellError(err)
		if !mayPass(err) || !pause(ctx, wait) {
			return
		}
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
	text, hint := explain(err)
	s.emit(Event{Kind: EventError, Text: text, Hint: hint})
}
