package app

import (
	"encoding/json"
	"strings"
	"testing"

	"stoa/identity"
	"stoa/room"
)

// told writes events as --json does, one a line, without what is the same in
// all of them and with names for keys.
func told(t *testing.T, events []Event) []string {
	t.Helper()
	var lines []string
	for _, e := range events {
		if e.Room != (identity.RoomID{1}).String() {
			t.Errorf("event %s is of room %q", e.Kind, e.Room)
		}
		e.Room = ""
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		line := string(b)
		for _, name := range []string{"ann", "bob", "cid"} {
			line = strings.ReplaceAll(line, idOf(name).String(), name)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestChanges(t *testing.T) {
	ann, bob, cid := being("ann", identity.RoleOwner), being("bob", identity.RoleSpeaker), being("cid", identity.RoleListener)
	with := func(s *room.Snapshot, change func(*room.Snapshot)) *room.Snapshot { change(s); return s }
	marked := map[identity.ID]room.Mark{cid.ID: {By: ann.ID, Reason: "noise"}}
	gone := func(s *room.Snapshot) { delete(s.State.Members, cid.ID) }
	raised := func(people ...room.Person) func(*room.Snapshot) {
		return func(s *room.Snapshot) {
			for i, p := range people {
				s.Hands = append(s.Hands, room.Raised{Who: p.ID, Place: i + 1})
			}
		}
	}
	lowered := func(who, by identity.ID, s *room.Snapshot) *room.Snapshot {
		s.State.Lowered = map[identity.ID]room.Lowered{who: {Mark: room.Mark{By: by}, Until: 1}}
		return s
	}
	renamed := cid
	renamed.Name = "cyd"
	promoted := being("cid", identity.RoleSpeaker)
	mutedBob := bob
	mutedBob.Speaks, mutedBob.Muted = false, true
	lapsing := cid
	lapsing.Expires = 1

	for name, c := range map[string]struct {
		prev, next *room.Snapshot
		want       []string
	}{
		"a meeting is planned": {around("ann", ann), with(around("ann", ann), func(s *room.Snapshot) {
			s.State.Schedule = room.Schedule{Starts: 5, Ends: 6, Text: "tea", By: ann.ID}
		}), []string{`{"event":"schedule","on":true,"by":"ann","starts_ms":5,"ends_ms":6,"text":"tea"}`}},
		"nothing": {around("ann", ann, cid), around("ann", ann, cid), nil},
		"the first look": {nil, around("ann", ann, cid), []string{
			`{"event":"member","role":"owner","who":"ann","name":"ann","state":"present"}`,
			`{"event":"member","role":"listener","who":"cid","name":"cid","state":"present"}`,
			`{"event":"stage","who":"ann","on":true}`,
		}},
		"title": {around("ann", ann), with(around("ann", ann), func(s *room.Snapshot) { s.State.Title = "Stoa" }), []string{
			`{"event":"room","title":"Stoa"}`,
		}},
		"somebody comes": {around("ann", ann), around("ann", ann, bob), []string{
			`{"event":"member","role":"speaker","who":"bob","name":"bob","state":"present"}`,
			`{"event":"stage","who":"bob","on":true}`,
		}},
		"somebody goes home": {around("ann", ann, cid), with(around("ann", ann), func(s *room.Snapshot) { s.State.Members[cid.ID] = cid.Member }), []string{
			`{"event":"member","role":"listener","who":"cid","name":"cid","state":"gone"}`,
		}},
		"another name": {around("ann", ann, cid), around("ann", ann, renamed), []string{
			`{"event":"member","role":"listener","who":"cid","name":"cyd","state":"present"}`,
		}},
		"to the stage": {with(around("ann", ann, cid), raised(cid)), around("ann", ann, promoted), []string{
			`{"event":"member","role":"speaker","who":"cid","name":"cid","state":"present"}`,
			`{"event":"hand","who":"cid","up":false}`,
			`{"event":"stage","who":"cid","on":true}`,
		}},
		"off the stage": {around("ann", ann, promoted), around("ann", ann, cid), []string{
			`{"event":"member","role":"listener","who":"cid","name":"cid","state":"present"}`,
			`{"event":"stage","who":"cid","on":false}`,
		}},
		"hands": {with(around("ann", ann, bob, cid), raised(bob)), with(around("ann", ann, bob, cid), raised(bob, cid)), []string{
			`{"event":"hand","who":"cid","up":true,"place":2}`,
		}},
		"the queue moves up": {with(around("ann", ann, bob, cid), raised(bob, cid)), with(around("ann", ann, bob, cid), raised(cid)), []string{
			`{"event":"hand","who":"bob","up":false}`,
			`{"event":"hand","who":"cid","up":true,"place":1}`,
		}},
		"a hand is taken down": {with(around("ann", ann, bob, cid), raised(cid)), lowered(cid.ID, bob.ID, around("ann", ann, bob, cid)), []string{
			`{"event":"hand","who":"cid","up":false,"by":"bob"}`,
		}},
		"one's own is": {with(around("cid", ann, cid), raised(cid)), lowered(cid.ID, ann.ID, around("cid", ann, cid)), []string{
			`{"event":"hand","who":"cid","up":false,"by":"ann","code":"hand_lowered","text":"a moderator took your hand down","hint":"` + "`stoa hand`" + ` raises it again, behind the others"}`,
		}},
		"one that was taken down before goes down": {lowered(cid.ID, ann.ID, with(around("cid", ann, cid), raised(cid))), lowered(cid.ID, ann.ID, around("cid", ann, cid)), []string{
			`{"event":"hand","who":"cid","up":false}`,
		}},
		"mute": {around("ann", ann, bob), with(around("ann", ann, mutedBob), func(s *room.Snapshot) {
			s.State.Muted = map[identity.ID]room.Mark{bob.ID: {By: ann.ID}}
		}), []string{
			`{"event":"muted","who":"bob","by":"ann","muted":true}`,
		}},
		"unmute by somebody": {with(around("ann", ann, mutedBob), func(s *room.Snapshot) {
			s.State.Muted = map[identity.ID]room.Mark{bob.ID: {By: ann.ID}}
		}), with(around("ann", ann, bob), func(s *room.Snapshot) {
			s.State.Unmuted = map[identity.ID]room.Mark{bob.ID: {By: cid.ID}}
		}), []string{
			`{"event":"muted","who":"bob","by":"cid","muted":false}`,
		}},
		"lock": {around("ann", ann), with(around("ann", ann), func(s *room.Snapshot) {
			s.State.Locked, s.State.Door = true, room.Mark{By: ann.ID}
		}), []string{
			`{"event":"locked","on":true,"by":"ann"}`,
		}},
		"unlock": {with(around("ann", ann), func(s *room.Snapshot) {
			s.State.Locked, s.State.Door = true, room.Mark{By: ann.ID}
		}), with(around("ann", ann), func(s *room.Snapshot) { s.State.Door = room.Mark{By: cid.ID} }), []string{
			`{"event":"locked","on":false,"by":"cid"}`,
		}},
		"unmute": {with(around("ann", ann, mutedBob), func(s *room.Snapshot) {
			s.State.Muted = map[identity.ID]room.Mark{bob.ID: {By: ann.ID}}
		}), around("ann", ann, bob), []string{
			`{"event":"muted","who":"bob","muted":false}`,
		}},
		"kick": {around("ann", ann, cid), with(around("ann", ann), func(s *room.Snapshot) { s.State.Kicked = marked }), []string{
			`{"event":"removed","who":"cid","by":"ann","why":"noise"}`,
			`{"event":"member","role":"listener","who":"cid","name":"cid","state":"gone"}`,
		}},
		"ban of somebody who is away": {with(around("ann", ann), func(s *room.Snapshot) { s.State.Members[cid.ID] = cid.Member }),
			with(around("ann", ann), func(s *room.Snapshot) { s.State.Banned = marked }), []string{
				`{"event":"removed","who":"cid","by":"ann","why":"noise"}`,
			}},
		"a link revoked": {around("ann", ann, cid), with(around("ann", ann, cid), gone), []string{
			`{"event":"removed","who":"cid","why":"the link they came by was revoked or used up"}`,
		}},
		"a grant lapsed": {around("ann", ann, lapsing), with(around("ann", ann, lapsing), gone), []string{
			`{"event":"removed","who":"cid","why":"what let them in was revoked or has lapsed"}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(t, changes(c.prev, c.next))
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// What happens to sixty people at once is told in the same order every time.
func TestChangesAreInOrder(t *testing.T) {
	var crowd []room.Person
	for i := range 60 {
		crowd = append(crowd, being(string(rune('A'+i)), identity.RoleListener))
	}
	full, empty := around("A", crowd...), around("A", crowd[0])
	first := told(t, changes(full, empty))
	if len(first) != 2*59 {
		t.Fatalf("%d events of 59 removals", len(first))
	}
	for range 10 {
		if again := told(t, changes(full, empty)); strings.Join(again, "") != strings.Join(first, "") {
			t.Fatal("another order")
		}
	}
}
