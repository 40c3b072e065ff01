// What happened in a room between two snapshots of it, as events.

package app

import (
	"slices"

	"stoa/identity"
	"stoa/room"
)

// changes compares two snapshots of a room and says what happened between
// them, in an order in which it could have happened: who came or changed,
// hands, the stage, mutes, the door, removals, what was written, who went. prev is nil for the first one,
// of which everything but the title is news.
// It is a pure function.
func changes(prev, next *room.Snapshot) []Event {
	if prev == nil {
		prev = &room.Snapshot{State: &room.State{Title: next.State.Title}}
	}
	var events []Event
	add := func(e Event) {
		e.Room = next.Room.String()
		events = append(events, e)
	}
	before, now := peopleByID(prev), peopleByID(next)

	if prev.State.Title != next.State.Title {
		add(Event{Kind: EventRoom, Title: next.State.Title})
	}
	for _, p := range next.People {
		if old, was := before[p.ID]; !was || old.Name != p.Name || old.Role != p.Role {
			add(Event{Kind: EventMember, Who: p.ID.String(), Name: p.Name, Role: p.Role.String(), State: "present"})
		}
	}
	for _, e := range handChanges(prev, next) {
		add(e)
	}
	for _, p := range next.People {
		if old := before[p.ID]; old.Stage != p.Stage {
			add(Event{Kind: EventStage, Who: p.ID.String(), On: &p.Stage})
		}
	}
	for _, e := range muteChanges(prev.State, next.State) {
		add(e)
	}
	if locked := next.State.Locked; locked != prev.State.Locked {
		add(Event{Kind: EventLocked, On: &locked, By: author(next.State.Door)})
	}
	if plan := &next.State.Schedule; !samePlan(plan, &prev.State.Schedule) {
		add(scheduled(plan))
	}
	for _, e := range recordingChanges(prev.State, next.State) {
		add(e)
	}
	for _, id := range removedBetween(prev.State, next.State) {
		e := Event{Kind: EventRemoved, Who: id.String(), Why: "the link they came by was revoked or used up"}
		if prev.State.Members[id].Expires != 0 {
			e.Why = "what let them in was revoked or has lapsed"
		}
		if mark, ok := markOf(next.State, id); ok {
			e.By, e.Why = mark.By.String(), mark.Reason
		}
		add(e)
	}
	for _, e := range chatChanges(prev, next) {
		add(e)
	}
	for _, p := range prev.People {
		if _, is := now[p.ID]; !is {
			add(Event{Kind: EventMember, Who: p.ID.String(), Name: p.Name, Role: p.Role.String(), State: "gone"})
		}
	}
	return events
}

func peopleByID(s *room.Snapshot) map[identity.ID]room.Person {
	m := make(map[identity.ID]room.Person, len(s.People))
	for _, p := range s.People {
		m[p.ID] = p
	}
	return m
}

// handChanges tells of hands that went down, then of those that went up or
// moved, in the order of the queue. Whose own was taken down is told what to do.
func handChanges(prev, next *room.Snapshot) []Event {
	var events []Event
	place := make(map[identity.ID]int, len(prev.Hands))
	for _, h := range prev.Hands {
		place[h.Who] = h.Place
	}
	up, down := true, false
	for _, h := range prev.Hands {
		if slices.ContainsFunc(next.Hands, func(n room.Raised) bool { return n.Who == h.Who }) {
			continue
		}
		e := Event{Kind: EventHand, Who: h.Who.String(), Up: &down}
		if by := next.State.Lowered[h.Who]; by != prev.State.Lowered[h.Who] {
			e.By = author(by.Mark)
			if h.Who == next.Me.ID {
				e.Code, e.Text, e.Hint = "hand_lowered", "a moderator took your hand down", "`stoa hand` raises it again, behind the others"
			}
		}
		events = append(events, e)
	}
	for _, h := range next.Hands {
		if place[h.Who] != h.Place {
			events = append(events, Event{Kind: EventHand, Who: h.Who.String(), Up: &up, Place: h.Place})
		}
	}
	return events
}

// muteChanges tells whom a moderator has muted or unmuted since. One who was
// put out is muted no more, without anybody having unmuted them.
func muteChanges(prev, next *room.State) []Event {
	var events []Event
	yes, no := true, false
	for _, id := range sortedIDs(next.Muted) {
		if _, was := prev.Muted[id]; !was {
			events = append(events, Event{Kind: EventMuted, Who: id.String(), Muted: &yes, By: author(next.Muted[id])})
		}
	}
	for _, id := range sortedIDs(prev.Muted) {
		if _, is := next.Muted[id]; !is {
			events = append(events, Event{Kind: EventMuted, Who: id.String(), Muted: &no, By: author(next.Unmuted[id])})
		}
	}
	return events
}

// author is who did something, empty for nobody.
func author(m room.Mark) string {
	if m.By.IsZero() {
		return ""
	}
	return m.By.String()
}

// removedBetween lists who was a member and is no more. Members leave the
// state by being put out only; whoever goes home stays a member.
func removedBetween(prev, next *room.State) []identity.ID {
	var out []identity.ID
	for _, id := range sortedIDs(prev.Members) {
		if _, in := next.Members[id]; !in {
			out = append(out, id)
		}
	}
	return out
}

// markOf is who put a person out, when somebody did by name.
func markOf(s *room.State, id identity.ID) (room.Mark, bool) {
	if m, ok := s.Banned[id]; ok {
		return m, true
	}
	m, ok := s.Kicked[id]
	return m, ok
}

// sortedIDs returns the keys of m in a fixed order, so that the same change
// always is told the same way.
func sortedIDs[V any](m map[identity.ID]V) []identity.ID {
	ids := make([]identity.ID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b identity.ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}
