// When a room meets: setting it, telling it, and putting it into a calendar.

package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/room"
)

const (
	usualLength = time.Hour           // of a meeting of which nobody says how long it is
	mostLength  = 31 * 24 * time.Hour // of a meeting

	// linkOutlasts is for how long the link in a calendar can be used after the end.
	linkOutlasts = 24 * time.Hour
)

// ScheduleView is when a room meets. It is there also while that goes on, and after.
type ScheduleView struct {
	StartsMS int64  `json:"starts_ms"`
	EndsMS   int64  `json:"ends_ms"`
	Text     string `json:"text,omitempty"`
}

// scheduleView is nil where nothing is planned.
func scheduleView(s *room.Schedule) *ScheduleView {
	if s.Starts == 0 {
		return nil
	}
	return &ScheduleView{StartsMS: int64(s.Starts), EndsMS: int64(s.Ends), Text: plain.Line(s.Text)}
}

// startForms are how a person may write a time; without a zone it is this machine's.
var startForms = []string{"2006-01-02 15:04", "2006-01-02T15:04", time.RFC3339}

// parseStart reads a time.
func parseStart(text string, zone *time.Location) (time.Time, error) {
	for _, form := range startForms {
		if t, err := time.ParseInLocation(form, strings.TrimSpace(text), zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &UserError{Code: "bad_time", Text: fmt.Sprintf("%q is no time", text), Hint: "write it as 2026-12-01 20:00"}
}

// plan is what a schedule request asks for: a meeting that is not over at now, and at least a minute long.
func plan(req Request, now time.Time, zone *time.Location) (starts, ends time.Time, text string, err error) {
	if len(req.Args) == 0 {
		return starts, ends, "", &UserError{Code: "bad_time", Text: "the time is missing", Hint: "`stoa schedule \"2026-12-01 20:00\" --for 1h TEXT`, or `stoa schedule off`"}
	}
	if starts, err = parseStart(req.Args[0], zone); err != nil {
		return starts, ends, "", err
	}
	length := usualLength
	if req.For != "" {
		if length, err = time.ParseDuration(req.For); err != nil || length < time.Minute || length > mostLength {
			return starts, ends, "", &UserError{Code: "bad_schedule", Text: fmt.Sprintf("%q is not how long a meeting can be", req.For), Hint: "give --for a duration such as 90m or 2h"}
		}
	}
	ends = starts.Add(length)
	if !ends.After(now) {
		return starts, ends, "", &UserError{Code: "bad_time", Text: "that time is over", Hint: "choose one to come"}
	}
	text = strings.Join(req.Args[1:], " ")
	if len(text) > room.MaxAbout || plain.Line(text) != text {
		return starts, ends, "", &UserError{Code: "bad_schedule", Text: fmt.Sprintf("the text has more than %d bytes, or more than one line", room.MaxAbout), Hint: "choose a shorter one"}
	}
	return starts, ends, text, nil
}

// doSchedule says when a room meets, or that nothing is planned any more.
func doSchedule(ctx context.Context, h *hall, req Request) (Reply, error) {
	if len(req.Args) == 1 && req.Args[0] == "off" {
		if h.room.Snapshot().State.Schedule.Starts == 0 {
			return Reply{}, errNoSchedule
		}
		return said("nothing is planned any more"), h.room.SetSchedule(ctx, time.Time{}, time.Time{}, "")
	}
	starts, ends, text, err := plan(req, h.room.Now(), time.Local)
	if err != nil {
		return Reply{}, err
	}
	if err := h.room.SetSchedule(ctx, starts, ends, text); err != nil {
		return Reply{}, err
	}
	set := h.room.Snapshot().State.Schedule
	r := said("%q %s", h.room.Snapshot().State.Title, meets(&set, time.Local))
	r.Lines = append(r.Lines, "`stoa ics` puts it into a calendar")
	r.Data = scheduleView(&set)
	return r, nil
}

var errNoSchedule = &UserError{Code: "no_schedule", Text: "nothing is planned in this room", Hint: "`stoa schedule \"2026-12-01 20:00\" --for 1h TEXT`"}

// meets says when a room meets.
func meets(s *room.Schedule, zone *time.Location) string {
	starts, ends := time.UnixMilli(int64(s.Starts)).In(zone), time.UnixMilli(int64(s.Ends)).In(zone)
	until := ends.Format("15:04 MST")
	if ends.YearDay() != starts.YearDay() || ends.Year() != starts.Year() {
		until = ends.Format("Mon 2 Jan 2006 15:04 MST")
	}
	text := fmt.Sprintf("meets on %s until %s", starts.Format("Mon 2 Jan 2006 15:04"), until)
	if s.Text != "" {
		text += ": " + s.Text
	}
	return text
}

// scheduled is the event that tells when a room meets.
func scheduled(s *room.Schedule) Event {
	on := s.Starts != 0
	return Event{Kind: EventSchedule, On: &on, StartsMS: int64(s.Starts), EndsMS: int64(s.Ends), Text: s.Text, By: author(room.Mark{By: s.By})}
}

// samePlan tells whether two schedules say the same to a person.
func samePlan(a, b *room.Schedule) bool {
	return a.Starts == b.Starts && a.Ends == b.Ends && a.Text == b.Text
}

// icsReply is what `ics --json` prints.
type icsReply struct {
	Name string `json:"name"` // of a file
	ICS  string `json:"ics"`
}

// doICS makes a calendar file of when a room meets. A link is in it only when that is asked for: whoever has the file can join then.
func (s *Session) doICS(ctx context.Context, h *hall, req Request) (Reply, error) {
	snap := h.room.Snapshot()
	set := snap.State.Schedule
	if set.Starts == 0 {
		return Reply{}, errNoSchedule
	}
	var link string
	if req.WithLink {
		lasts := time.UnixMilli(int64(set.Ends)).Add(linkOutlasts).Sub(h.room.Now())
		if lasts <= 0 {
			return Reply{}, errNoSchedule
		}
		var err error
		if link, _, err = s.invite(ctx, h, InviteOptions{Role: identity.RoleListener.String(), Expires: lasts.Truncate(time.Second).String()}); err != nil {
			return Reply{}, err
		}
	}
	return calendarReply(h.id, snap.State.Title, &set, link), nil
}

// calendarReply is a calendar file as an answer. A room may be called anything, so the file is named after its ID.
func calendarReply(id identity.RoomID, title string, set *room.Schedule, link string) Reply {
	text := calendar(id, title, set, link)
	return Reply{Lines: []string{text}, Data: icsReply{Name: "stoa-" + id.Short() + ".ics", ICS: text}}
}
