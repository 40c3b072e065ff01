// The rooms of a node that runs: how they come and go by verbs, beside those that
// it began with.
//
//	open, join, enter ─► arrive: one at a time for each room ─► tend ─► stay

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// tend runs what verbs begin and do not wait for, until ctx ends, and returns when all
// of it has ended.
func (s *Session) tend(ctx context.Context) error {
	var begun sync.WaitGroup
	defer begun.Wait()
	defer close(s.closing)
	for {
		select {
		case f := <-s.errands:
			begun.Go(func() { f(ctx) })
		case <-ctx.Done():
			return nil
		}
	}
}

// errClosing: the session is about to end.
var errClosing = errors.New("this stoa is ending")

// begin has tend run f, until its ctx ends at the latest.
func (s *Session) begin(f func(ctx context.Context)) error {
	select {
	case s.errands <- f:
		return nil
	case <-s.closing:
		return errClosing
	}
}

// keep has a room that was entered go on until it is over for this node. What ends it is
// told and does not touch the others. When keep returns, the room is one of this node's,
// or, with an error, closed.
func (s *Session) keep(h *hall) error {
	s.come(h)
	err := s.begin(func(ctx context.Context) {
		if err := s.stay(ctx, h); err != nil {
			s.tellRoom(h.id, err)
		}
	})
	if err != nil {
		s.part(h)
		return errors.Join(err, h.net.Close())
	}
	return nil
}

// arrive enters a room by enter, or finds that this node is in it already. Of several
// callers for one room one enters, and the others get what came of it.
func (s *Session) arrive(ctx context.Context, id identity.RoomID, enter func() (*hall, error)) (h *hall, already bool, err error) {
	for {
		h, busy := s.claim(id)
		var wait <-chan struct{}
		switch {
		case h == nil && busy == nil:
			defer s.release(id)
			if h, err = enter(); err == nil {
				err = s.keep(h)
			}
			return h, false, err
		case h == nil:
			wait = busy
		case !h.goes():
			return h, true, nil
		default: // it is being left
			wait = h.over
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// claim returns the room when this node is in it, or what is closed when somebody who
// is entering it has done so. With neither, it is the caller's to enter, and release.
func (s *Session) claim(id identity.RoomID) (h *hall, busy <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.in(id); h != nil {
		return h, nil
	}
	if c := s.arriving[id]; c != nil {
		return nil, c
	}
	s.arriving[id] = make(chan struct{})
	return nil, nil
}

func (s *Session) release(id identity.RoomID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.arriving[id])
	delete(s.arriving, id)
}

// goes says that this room is being left, or over.
func (h *hall) goes() bool {
	select {
	case <-h.leaving:
		return true
	case <-h.over:
		return true
	default:
		return false
	}
}

// arrival is what open, join and enter answer.
type arrival struct {
	Room    string `json:"room"`
	Title   string `json:"title"`
	Role    string `json:"role"`
	Link    string `json:"link,omitempty"`    // for listeners, where there is one
	Already bool   `json:"already,omitempty"` // this node was in the room
}

// arrived answers when the room that was entered runs.
func (s *Session) arrived(ctx context.Context, h *hall, already bool, err error) (Reply, error) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Reply{}, fmt.Errorf("%w: %w", node.ErrUnreachable, err)
	case err != nil:
		return Reply{}, err
	}
	select {
	case <-h.begun:
	case <-h.over: // which was told
	case <-ctx.Done():
	}
	snap := h.room.Snapshot()
	link, _ := h.shown()
	d := arrival{Room: h.id.String(), Title: plain.Line(snap.State.Title), Role: snap.Me.Role.String(), Link: link, Already: already}
	r := said("you are in %q as %s", d.Title, d.Role)
	if already {
		r = said("you were in %q already, as %s", d.Title, d.Role)
	}
	if link != "" {
		r.Lines = append(r.Lines, link)
	}
	r.Data = d
	return r, nil
}

// doOpen opens a new room. Its microphone is live at once, unless this person speaks in
// another room already: nobody should talk to two rooms unawares.
func (s *Session) doOpen(ctx context.Context, req Request) (Reply, error) {
	t := OpenRoom{}
	if req.Open != nil {
		t = *req.Open
	}
	if t.Title == "" {
		t.Title = strings.Join(req.Args, " ")
	}
	if t.Title = strings.TrimSpace(t.Title); t.Title == "" {
		return Reply{}, &UserError{Code: "bad_title", Text: "the title is missing", Hint: "`stoa open TITLE`"}
	}
	if err := t.check(s); err != nil {
		return Reply{}, err
	}
	t.Muted = t.Muted || s.speaking()
	h, err := t.enter(ctx, s)
	if err == nil {
		err = s.keep(h)
	}
	return s.arrived(ctx, h, false, err)
}

// doJoin joins a room by a link. Who is in the room already with fewer rights than the
// link gives comes back with those.
func (s *Session) doJoin(ctx context.Context, req Request) (Reply, error) {
	t := JoinRoom{Link: strings.TrimSpace(argument(req.Args, 0)), Muted: true}
	inv, err := parseLink(t.Link)
	if err != nil {
		return Reply{}, err
	}
	if h := s.find(inv.Room); h != nil && !h.goes() && inv.Chain.Leaf().Rank < h.room.Snapshot().Me.Rank {
		if err := t.check(s); err != nil {
			return Reply{}, err
		}
		h.leave()
	}
	h, already, err := s.arrive(ctx, inv.Room, func() (*hall, error) {
		if err := t.check(s); err != nil {
			return nil, err
		}
		return t.enter(ctx, s)
	})
	return s.arrived(ctx, h, already, err)
}

// doEnter goes back into a room of this home.
func (s *Session) doEnter(ctx context.Context, req Request) (Reply, error) {
	rec, err := s.home.pick(roomWord(req))
	if err != nil {
		return Reply{}, err
	}
	h, already, err := s.arrive(ctx, rec.Room, func() (*hall, error) {
		if rec.Ended {
			return nil, room.ErrClosed
		}
		return s.returnTo(rec, nil)
	})
	return s.arrived(ctx, h, already, err)
}

// roomWord is the word of a verb that names a room of this home.
func roomWord(req Request) string {
	if req.Room != "" {
		return req.Room
	}
	return argument(req.Args, 0)
}

// doForget leaves a room, if this node is in it, and removes all that the home has of it.
func (s *Session) doForget(ctx context.Context, req Request) (Reply, error) {
	rec, err := s.home.pick(roomWord(req))
	if err != nil {
		return Reply{}, err
	}
	if h := s.find(rec.Room); h != nil {
		if _, err := s.doLeave(ctx, h); err != nil && !errors.Is(err, room.ErrStopped) {
			return Reply{}, err
		}
	}
	s.shows.cameBack(rec.Room)
	defer s.keptChanged()
	return s.home.forget(rec)
}

// forget removes all that the home has of a room.
func (h *home) forget(rec room.Record) (Reply, error) {
	return said("%q is forgotten: its keys, history and messages are removed from this home", rec.Title), h.store.Forget(rec.Room)
}

// doPin has a room at hand, or not any more.
func (s *Session) doPin(req Request) (Reply, error) {
	defer s.keptChanged()
	return s.home.pin(req)
}

func (h *home) pin(req Request) (Reply, error) {
	last := max(0, len(req.Args)-1)
	word := argument(req.Args, last)
	if word != "on" && word != "off" {
		return Reply{}, &UserError{Code: "usage", Text: "pin takes a room, and on or off", Hint: "`stoa pin ROOM`, or `stoa unpin ROOM`"}
	}
	req.Args = req.Args[:last]
	rec, err := h.pick(roomWord(req))
	if err != nil {
		return Reply{}, err
	}
	if word == "on" {
		return said("%q is at hand", rec.Title), h.store.SetPinned(rec.Room, true)
	}
	return said("%q is among the others", rec.Title), h.store.SetPinned(rec.Room, false)
}

// doSeen drops a notice by its number, or a room that this node was put out of by its ID.
func (s *Session) doSeen(req Request) (Reply, error) {
	word := argument(req.Args, 0)
	defer s.shows.changed.ring()
	if n, err := strconv.Atoi(word); err == nil && s.shows.notices.seen(n) {
		return said("seen"), nil
	}
	if id, err := identity.ParseRoomID(word); err == nil && s.shows.cameBack(id) {
		return said("seen"), nil
	}
	return Reply{}, &UserError{Code: "usage", Text: fmt.Sprintf("there is no notice %q", word), Hint: "it has been seen already"}
}

// find returns the room of that ID if this node is in it, else nil.
func (s *Session) find(id identity.RoomID) *hall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in(id)
}

// in is find for who holds mu.
func (s *Session) in(id identity.RoomID) *hall {
	if i := slices.IndexFunc(s.halls, func(h *hall) bool { return h.id == id }); i >= 0 {
		return s.halls[i]
	}
	return nil
}

// come makes a room one of this node's, if it is not yet.
func (s *Session) come(h *hall) {
	s.mu.Lock()
	if !slices.Contains(s.halls, h) {
		s.halls = append(s.halls, h)
	}
	s.mu.Unlock()
	s.shows.cameBack(h.id)
	s.keptChanged()
}

// part ends that.
func (s *Session) part(h *hall) {
	s.mu.Lock()
	s.halls = slices.DeleteFunc(s.halls, func(o *hall) bool { return o == h })
	s.mu.Unlock()
	close(h.over)
	s.keptChanged()
}
