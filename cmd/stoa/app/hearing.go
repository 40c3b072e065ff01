// How this node hears those on the stage, for its heartbeats and for itself. All
// here are pure functions.

package app

import (
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// linkQuiet is for how long a link has brought nothing, not even a report, of
	// which two are due every second, when it counts for none.
	linkQuiet = time.Second

	// linkStalled is the same for the link of somebody who has not paused: their
	// voice is missing, and a report as well.
	linkStalled = 550 * time.Millisecond
)

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

// linkage is who has a link to this node that brings something.
type linkage struct {
	alive map[identity.ID]node.LinkInfo // of several links to one person the one that loses least
	dead  map[identity.ID]bool          // whose every link brings nothing
}

// linkageOf judges links. stalled are those who broke off in the middle of what
// they said.
func linkageOf(links []node.LinkInfo, stalled map[identity.ID]bool) linkage {
	at := linkage{make(map[identity.ID]node.LinkInfo, len(links)), map[identity.ID]bool{}}
	for _, l := range links {
		limit := linkQuiet
		if stalled[l.ID] {
			limit = linkStalled
		}
		if old, known := at.alive[l.ID]; l.Quiet < limit && (!known || l.LossIn < old.LossIn) {
			at.alive[l.ID] = l
		}
	}
	for _, l := range links {
		if _, alive := at.alive[l.ID]; !alive {
			at.dead[l.ID] = true
		}
	}
	return at
}

// hearings says how each of those on the stage is heard, given since when they
// have had no link, and what has come of each voice (see ears.got). Who has had no
// link only for a moment is left out: it may be on its way.
func hearings(s *room.Snapshot, at linkage, unlinked map[identity.ID]time.Time, got map[identity.ID]uint32, h *held, now time.Time) []room.Hearing {
	var list []room.Hearing
	for i := range s.People {
		p := &s.People[i]
		if !p.Stage || p.ID == s.Me.ID {
			continue
		}
		line := room.Hearing{Who: p.ID, Got: got[p.ID]}
		switch l, linked := at.alive[p.ID]; {
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
