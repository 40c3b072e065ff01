// Telling a person that a room of theirs is about to meet, in it or not.

package app

import (
	"context"
	"fmt"
	"time"

	"stoa/identity"
	"stoa/room"
)

const (
	remindBefore = 10 * time.Minute
	remindLook   = 30 * time.Second // between two looks at the clock, which may be set and may have slept
)

// meeting is a room of the home, and when it meets.
type meeting struct {
	id    identity.RoomID
	title string
	plan  room.Schedule
}

// reminders know what has been told. It is a pure machine.
type reminders struct {
	told map[identity.RoomID]reminded
}

// reminded is how much has been told of a meeting.
type reminded struct {
	starts    uint64
	soon, now bool
}

// due are the events that tell of the meetings that begin soon, or have begun and are not over. Each is told of once, unless its beginning changes.
func (r *reminders) due(all []meeting, now time.Time) []Event {
	var events []Event
	told := make(map[identity.RoomID]reminded, len(all))
	for _, m := range all {
		was := r.told[m.id]
		if was.starts != m.plan.Starts {
			was = reminded{starts: m.plan.Starts}
		}
		starts, ends := time.UnixMilli(int64(m.plan.Starts)), time.UnixMilli(int64(m.plan.Ends))
		e := Event{Kind: EventBegins, Room: m.id.String(), Title: m.title, StartsMS: starts.UnixMilli()}
		switch before := starts.Sub(now); {
		case m.plan.Starts == 0 || !now.Before(ends) || before > remindBefore:
		case before <= 0 && !was.now:
			was.soon, was.now = true, true
			e.Code, e.Text = "begins_now", fmt.Sprintf("%q begins now", m.title)
			events = append(events, e)
		case before > 0 && !was.soon:
			was.soon = true
			e.Code, e.Text = "begins_soon", fmt.Sprintf("%q begins in %s", m.title, count(int((before+time.Minute-1)/time.Minute), "minute", "minutes"))
			events = append(events, e)
		}
		told[m.id] = was
	}
	r.told = told
	return events
}

// meetings are the rooms of the home that were neither left nor ended, with their plans.
func (s *Session) meetings() []meeting {
	var all []meeting
	for _, k := range s.keptRooms() {
		if !k.rec.Left && !k.rec.Ended {
			all = append(all, meeting{k.id, k.rec.Title, k.rec.Schedule})
		}
	}
	return all
}

// remind tells of meetings until ctx ends.
func (s *Session) remind(ctx context.Context) {
	tick := time.NewTicker(remindLook)
	defer tick.Stop()
	var r reminders
	for {
		for _, e := range r.due(s.meetings(), time.Now()) {
			s.emit(e)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
