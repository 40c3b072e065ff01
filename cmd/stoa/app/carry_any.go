// Rooms that welcome relays of strangers, and the relay hosts that look for
// them.

package app

import (
	"context"
	"sync"
	"time"

	"stoa/identity"
	"stoa/room"
)

// volunteersTopic is what rooms that welcome volunteers are announced under,
// beside their own topic. It is no room's: those are printable.
const volunteersTopic = "\x00volunteers"

const (
	// maxVolunteered is how many rooms of strangers a relay host carries at a
	// time. They share its slots.
	maxVolunteered = 16

	// triedAgain is how long a room is left alone that was found and could not
	// be entered, and maxTried how many such rooms are remembered.
	triedAgain = 10 * time.Minute
	maxTried   = 4096

	// desertedFor is how long a room of strangers may have nobody in it but
	// relays before this one goes to where it is of use.
	desertedFor = 15 * time.Minute
	desertLook  = time.Minute
)

// volunteer carries rooms that welcome it until ctx ends, as they are found.
func (s *Session) volunteer(ctx context.Context) {
	var rooms sync.WaitGroup
	defer rooms.Wait()
	rooms.Go(func() { s.leaveDeserted(ctx) })
	tried := map[identity.RoomID]time.Time{}
	for raw := range s.node.Cards(ctx, volunteersTopic, "") {
		now := time.Now()
		card, err := room.ParseCard(raw)
		if err != nil || !s.wants(card) || now.Sub(tried[card.Room]) < triedAgain || card.Verify(now) != nil {
			continue
		}
		if len(tried) >= maxTried {
			clear(tried)
		}
		tried[card.Room] = now
		if s.volunteered() < maxVolunteered {
			rooms.Go(func() { s.tryLink(ctx, card.Relay) })
		}
	}
}

// wants says whether a room's card is of one that this host volunteers for and
// is not in.
func (s *Session) wants(c *room.Card) bool {
	give := s.cfg.Relay
	if c.Relay == "" || give.Topic != "" && c.Topic != give.Topic || give.Lang != "" && c.Lang != give.Lang {
		return false
	}
	for _, h := range s.rooms() {
		if h.id == c.Room {
			return false
		}
	}
	return true
}

// volunteered counts the rooms that this host is in unasked.
func (s *Session) volunteered() (n int) {
	for _, h := range s.rooms() {
		if h.unasked() {
			n++
		}
	}
	return n
}

// unasked says that any relay is welcome in the room, so that it need not be
// this one.
func (h *hall) unasked() bool {
	p := h.room.Snapshot().Charter.Policy
	return p.Listed && p.Volunteers
}

// tryLink enters a room by a link that a stranger has shown, if that works at
// once, and stays.
func (s *Session) tryLink(ctx context.Context, link string) {
	if err := checkRelayLink(s, link); err != nil {
		s.log.Info("a room that wants volunteers has a link that does not work", "err", err)
		return
	}
	h, err := (JoinRoom{Link: link}).enter(ctx, s)
	if err != nil {
		s.log.Info("a room that wants volunteers cannot be entered", "err", err)
		return
	}
	s.carryRoom(ctx, h)
}

// leaveDeserted leaves, until ctx ends, the rooms that this host is in unasked
// and that have had nobody to carry anything for a long time.
func (s *Session) leaveDeserted(ctx context.Context) {
	since := map[*hall]time.Time{}
	look := time.NewTicker(desertLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		empty := map[*hall]time.Time{}
		for _, h := range s.rooms() {
			if !h.unasked() || !deserted(h.room.Snapshot()) {
				continue
			}
			empty[h] = now
			if was, known := since[h]; known {
				empty[h] = was
			}
			if now.Sub(empty[h]) >= desertedFor {
				if _, err := s.doLeave(ctx, h); err != nil {
					s.log.Warn("leaving a deserted room", "room", h.id.Short(), "err", err)
				}
			}
		}
		since = empty
	}
}

// deserted says that there is nobody in the room who could hear or be heard.
func deserted(s *room.Snapshot) bool {
	for _, p := range s.People {
		if p.ID != s.Me.ID && p.Caps&(identity.CapHear|identity.CapSpeak) != 0 {
			return false
		}
	}
	return true
}
