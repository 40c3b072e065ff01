// How this node hears those on the stage, for its heartbeats and for itself. All
// here are pure functions.

package app

import (
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// linkQuiet is for how long a link has brought nothing, not even a report, of
// which two are due every second, when it counts for none.
const linkQuiet = time.Second

// wayOver is the word of room for how two are connected.
func wayOver(w node.Way) room.Way {
	switch w {
	case node.Punched:
		return room.Punched
	case node.OverTCP:
		return room.OverTCP
	case node.WebSocket:
		return room.WebSocket
	}
	return room.Direct
}

// bestLinks gives for each person the link that is alive and brings most, of
// those that there may be to several machines of theirs.
func bestLinks(links []node.LinkInfo) map[identity.ID]node.LinkInfo {
	best := make(map[identity.ID]node.LinkInfo, len(links))
	for _, l := range links {
		if old, known := best[l.ID]; l.Quiet < linkQuiet && (!known || l.LossIn < old.LossIn) {
			best[l.ID] = l
		}
	}
	return best
}

// hearings says how each of those on the stage is heard, given since when they
// have had no link. Who has had none only for a moment is left out: it may be on
// its way.
func hearings(s *room.Snapshot, links map[identity.ID]node.LinkInfo, unlinked map[identity.ID]time.Time, h *held, now time.Time) []room.Hearing {
	var list []room.Hearing
	for i := range s.People {
		p := &s.People[i]
		if !p.Stage || p.ID == s.Me.ID {
			continue
		}
		line := room.Hearing{Who: p.ID}
		switch l, linked := links[p.ID]; {
		case linked:
			line.Way, line.Loss, line.RTT = wayOver(l.Way), l.LossIn, l.RTT
		case now.Sub(unlinked[p.ID]) < linkPatience:
			continue
		case h.Primary != nil && brings(s, h.Primary.Relay, p.ID):
			line.Way, line.Loss, line.RTT = room.ByRelay, h.Primary.LossIn, h.Primary.RTT
		}
		list = append(list, line)
	}
	return list
}

// brings says whether somebody who carries this node has the voice of another,
// as they say: a helper passes on only what comes over its own links. In a crowd
// heartbeats name only whom their authors lack.
func brings(s *room.Snapshot, carrier, who identity.ID) bool {
	if carrier == who {
		return true
	}
	c := find(s, carrier)
	if c == nil {
		return false
	}
	h, said := c.Hearing(who)
	if !said {
		return s.Crowd
	}
	return h.Way.Linked() || h.Way == room.ByRelay && isRelay(s, carrier)
}
