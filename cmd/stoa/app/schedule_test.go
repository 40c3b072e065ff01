package app

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"stoa/identity"
	"stoa/room"
)

func TestPlan(t *testing.T) {
	zone := time.FixedZone("WIB", 7*3600)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, zone)
	eight := time.Date(2026, 12, 1, 20, 0, 0, 0, zone)
	for _, tt := range []struct {
		req    Request
		starts time.Time
		length time.Duration
		text   string
		code   string
	}{
		{Request{Args: []string{"2026-12-01 20:00"}}, eight, time.Hour, "", ""},
		{Request{Args: []string{" 2026-12-01T20:00 ", "Second", "reading"}, For: "90m"}, eight, 90 * time.Minute, "Second reading", ""},
		{Request{Args: []string{"2026-12-01T13:00:00Z"}}, eight, time.Hour, "", ""},
		{Request{Args: []string{"2026-11-23 11:30"}}, now.Add(-30 * time.Minute), time.Hour, "", ""}, // goes on
		{Request{}, eight, 0, "", "bad_time"},
		{Request{Args: []string{"soon"}}, eight, 0, "", "bad_time"},
		{Request{Args: []string{"2026-02-30 20:00"}}, eight, 0, "", "bad_time"},
		{Request{Args: []string{"2026-11-23 11:00"}}, eight, 0, "", "bad_time"}, // over
		{Request{Args: []string{"2026-12-01 20:00"}, For: "an hour"}, eight, 0, "", "bad_schedule"},
		{Request{Args: []string{"2026-12-01 20:00"}, For: "1s"}, eight, 0, "", "bad_schedule"},
		{Request{Args: []string{"2026-12-01 20:00"}, For: "1000h"}, eight, 0, "", "bad_schedule"},
		{Request{Args: []string{"2026-12-01 20:00", strings.Repeat("x", room.MaxAbout+1)}}, eight, 0, "", "bad_schedule"},
		{Request{Args: []string{"2026-12-01 20:00", "two\nlines"}}, eight, 0, "", "bad_schedule"},
	} {
		starts, ends, text, err := plan(tt.req, now, zone)
		var user *UserError
		if errors.As(err, &user); tt.code != "" {
			if user == nil || user.Code != tt.code {
				t.Errorf("%v: %v, want %s", tt.req, err, tt.code)
			}
			continue
		}
		if err != nil || !starts.Equal(tt.starts) || ends.Sub(starts) != tt.length || text != tt.text {
			t.Errorf("%v: %v to %v, %q, %v", tt.req, starts, ends, text, err)
		}
	}
}

func TestCalendar(t *testing.T) {
	at := func(hour int) uint64 { return uint64(time.Date(2026, 12, 1, hour, 0, 0, 0, time.UTC).UnixMilli()) }
	text := "Commas, semicolons; backslashes \\ and Στοά: " + strings.Repeat("ποικίλη ", 20)
	set := &room.Schedule{Starts: at(20), Ends: at(22), Text: text, Time: at(1)}
	got := calendar(identity.RoomID{1}, "The painted; porch, with a title that is rather long for one line of a calendar", set, "stoa:j/AQ"+strings.Repeat("x", 100))
	golden := filepath.Join("testdata", "meeting.ics")
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("%v: the calendar is\n%s", err, got)
	}
	if !strings.HasSuffix(got, "END:VCALENDAR\r\n") {
		t.Error("it has no end")
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(got, "\r\n"), "\r\n") {
		if len(line) > icsLine || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%d bytes in the line %q", len(line), line)
		}
	}
	unfolded := strings.ReplaceAll(got, "\r\n ", "")
	for _, has := range []string{"DTSTART:20261201T200000Z\r\n", "DTEND:20261201T220000Z\r\n", "DTSTAMP:20261201T010000Z\r\n",
		`Commas\, semicolons\; backslashes \\ and Στοά`, `SUMMARY:The painted\; porch\, with`} {
		if !strings.Contains(unfolded, has) {
			t.Errorf("it lacks %q", has)
		}
	}
	later := *set
	later.Time = at(2)
	if a, b := field(got, "UID"), field(calendar(identity.RoomID{1}, "x", &later, ""), "UID"); a != b || a == "" {
		t.Errorf("the event is called %q and then %q", a, b)
	}
	if without := calendar(identity.RoomID{1}, "x", set, ""); strings.Contains(without, "stoa:j") || strings.Contains(without, "URL") {
		t.Error("a link is in it that nobody asked for")
	}
	forged := calendar(identity.RoomID{1}, "x\r\nATTENDEE:evil", set, "")
	if strings.Contains(forged, "\nATTENDEE") {
		t.Error("a title writes lines of its own")
	}
}

// field is the value of a line of a calendar.
func field(ics, name string) string {
	for line := range strings.SplitSeq(ics, "\r\n") {
		if value, is := strings.CutPrefix(line, name+":"); is {
			return value
		}
	}
	return ""
}

func TestReminders(t *testing.T) {
	base := time.Date(2026, 12, 1, 20, 0, 0, 0, time.UTC)
	meetingAt := func(n byte, after time.Duration) meeting {
		starts := uint64(base.Add(after).UnixMilli())
		return meeting{identity.RoomID{n}, "porch", room.Schedule{Starts: starts, Ends: starts + 3600_000}}
	}
	none := meeting{identity.RoomID{9}, "unplanned", room.Schedule{}}
	first, second := meetingAt(1, 0), meetingAt(2, 30*time.Minute)
	var r reminders
	for _, step := range []struct {
		at   time.Duration
		all  []meeting
		want []string
	}{
		{-11 * time.Minute, []meeting{first, second, none}, nil},
		{-10 * time.Minute, []meeting{first, second, none}, []string{`"porch" begins in 10 minutes`}},
		{-9 * time.Minute, []meeting{first, second, none}, nil},
		{-8 * time.Minute, []meeting{meetingAt(1, -30*time.Second), second}, []string{`"porch" begins in 8 minutes`}}, // moved
		{0, []meeting{meetingAt(1, -30*time.Second), second}, []string{`"porch" begins now`}},
		{time.Minute, []meeting{meetingAt(1, -30*time.Second), second}, nil},
		{29*time.Minute + 30*time.Second, []meeting{second}, []string{`"porch" begins in 1 minute`}},
		{40 * time.Minute, []meeting{second}, []string{`"porch" begins now`}}, // the machine slept
		{80 * time.Minute, []meeting{first}, nil},                             // over
	} {
		var got []string
		for _, e := range r.due(step.all, base.Add(step.at)) {
			got = append(got, e.Text)
		}
		if !reflect.DeepEqual(got, step.want) {
			t.Errorf("at %v: %q, want %q", step.at, got, step.want)
		}
	}
}

func TestScheduleVerbs(t *testing.T) {
	ann := runRig(t, "ann")
	id := ann.must(Request{Verb: VerbOpen, Open: &OpenRoom{Title: "Agora"}}).Data.(arrival).Room
	ics := Request{Verb: VerbICS}
	if code := ann.code(ics); code != "no_schedule" {
		t.Errorf("a calendar of nothing: %s", code)
	}
	if code := ann.code(Request{Verb: VerbSchedule, Args: []string{"off"}}); code != "no_schedule" {
		t.Errorf("off with nothing planned: %s", code)
	}
	starts := time.Now().Add(5 * time.Minute).Truncate(time.Minute)
	set := ann.must(Request{Verb: VerbSchedule, Args: []string{starts.Format(time.RFC3339), "Tea,", "cake"}, For: "30m"})
	want := ScheduleView{starts.UnixMilli(), starts.Add(30 * time.Minute).UnixMilli(), "Tea, cake"}
	if got := set.Data.(*ScheduleView); *got != want {
		t.Errorf("it is planned as %+v", got)
	}
	ann.until("the plan, in the room and kept", func(v *View) bool {
		r, k := v.Rooms[id].Schedule, v.Kept[id].ScheduleView
		return r != nil && *r == want && k != nil && *k == want
	})
	plain := ann.must(ics).Data.(icsReply)
	if again := ann.must(ics).Data.(icsReply); again != plain || !strings.Contains(plain.ICS, `DESCRIPTION:Tea\, cake`) || strings.Contains(plain.ICS, "stoa:j") {
		t.Errorf("the calendar is %q", plain.ICS)
	}
	ics.WithLink = true
	link := field(strings.ReplaceAll(ann.must(ics).Data.(icsReply).ICS, "\r\n ", ""), "URL")
	if inv, err := identity.ParseInvite(link); err != nil || inv.Chain.Leaf().Role != identity.RoleListener {
		t.Errorf("the link in the calendar is %q: %v", link, err)
	}
	if lines := strings.Join(ann.must(Request{Verb: VerbStatus}).Lines, "\n"); !strings.Contains(lines, "meets on") {
		t.Errorf("status says %q", lines)
	}
	ann.must(Request{Verb: VerbSchedule, Args: []string{"off"}})
	ann.until("no plan", func(v *View) bool { return v.Rooms[id].Schedule == nil && v.Kept[id].ScheduleView == nil })
}
