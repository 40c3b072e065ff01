// Tests of how what is written is told and shown.

package app

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

// writtenLine is a message that came as the n-th of this run; 0 for one of an earlier run.
func writtenLine(n int, who, text string) room.Line {
	return room.Line{
		Name: identity.HashOf([]byte(text)), Who: idOf(who), Called: who, At: time.UnixMilli(1_800_000_000_000 + int64(n)), Text: text, Fresh: uint64(n),
	}
}

// hiddenBy is a message of which only that it was hidden is left.
func hiddenBy(l room.Line, who string) room.Line {
	l.Text, l.Hidden = "", idOf(who)
	return l
}

func TestChatChanges(t *testing.T) {
	kept, one, two := writtenLine(0, "ann", "kept"), writtenLine(1, "ann", "one"), writtenLine(2, "ben", "two")
	snap := func(lines ...room.Line) *room.Snapshot { return &room.Snapshot{State: &room.State{}, Chat: lines} }
	told := func(l room.Line, by string) Event {
		e := Event{Kind: EventChat, Key: lineKey(&l), Who: l.Who.String(), Name: l.Called, Text: l.Text}
		if by != "" {
			e.By = idOf(by).String()
		}
		return e
	}
	same := snap(kept, one)
	for name, tt := range map[string]struct {
		prev, next *room.Snapshot
		want       []Event
	}{
		"what was kept is no news": {snap(), snap(kept), nil},
		"the first":                {snap(), snap(kept, one), []Event{told(one, "")}},
		"the next":                 {snap(kept, one), snap(kept, one, two), []Event{told(two, "")}},
		"nothing":                  {same, same, nil},
		"late, and dated earlier":  {snap(kept, two), snap(kept, writtenLine(3, "ann", "late"), two), []Event{told(writtenLine(3, "ann", "late"), "")}},
		"hidden":                   {snap(one, two), snap(hiddenBy(one, "cy"), two), []Event{told(hiddenBy(one, "cy"), "cy")}},
		"hidden before it was read": {
			snap(one), snap(one, hiddenBy(two, "ben")), nil,
		},
		"hidden for long": {snap(hiddenBy(one, "cy")), snap(hiddenBy(one, "cy"), two), []Event{told(two, "")}},
	} {
		if got := chatChanges(tt.prev, tt.next); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestChatView(t *testing.T) {
	one, two, three := writtenLine(1, "ann", "one\ntwo"), writtenLine(2, "ben", "x"), hiddenBy(writtenLine(3, "cy", "y"), "ann")
	one.Called = "an\u202en"
	view := chatViews([]room.Line{one, two, three}, func(id identity.ID) bool { return id == idOf("ben") })
	want := map[string]ChatView{
		lineKey(&one):   {Who: idOf("ann").String(), Name: "ann", AtMS: one.At.UnixMilli(), Text: "one\ntwo"},
		lineKey(&two):   {Who: idOf("ben").String(), AtMS: two.At.UnixMilli(), Blocked: true},
		lineKey(&three): {Who: idOf("cy").String(), Name: "cy", AtMS: three.At.UnixMilli(), HiddenBy: idOf("ann").String()},
	}
	if !reflect.DeepEqual(view, want) {
		t.Errorf("the page shows %+v", view)
	}
	if lineKey(&one) >= lineKey(&two) {
		t.Errorf("%s comes before %s", lineKey(&two), lineKey(&one))
	}
}

// TestWriterOf: nobody writes under another's name without their own key behind it.
func TestWriterOf(t *testing.T) {
	ann, ben := idOf("ann"), idOf("ben")
	s := &room.Snapshot{People: []room.Person{{Member: room.Member{ID: ann}, Name: "Ann"}}}
	for _, tt := range []struct {
		who          identity.ID
		called, want string
	}{
		{ann, "Ann", "Ann"}, {ann, "Ben", "Ben (" + ann.Short() + ")"}, {ben, "Ann", "Ann (" + ben.Short() + ")"}, {ben, ben.Short(), ben.Short()},
	} {
		if got := writerOf(s, tt.who, tt.called); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.called, got, tt.want)
		}
	}
}

func TestFindLine(t *testing.T) {
	lines := []room.Line{writtenLine(1, "ann", "one"), writtenLine(2, "ben", "two")}
	key := lineKey(&lines[1])
	for _, text := range []string{key, key[len(key)-shortLine:]} {
		if l, err := findLine(lines, text); err != nil || l.Text != "two" {
			t.Errorf("%q: %v, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "1", key[:len(key)-1], key + "0", "."} {
		if _, err := findLine(lines, text); !errors.Is(err, room.ErrNoLine) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
