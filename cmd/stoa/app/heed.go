// What the person is told of who hears whom.

package app

import (
	"time"

	"stoa/identity"
	"stoa/room"
)

const (
	// What has been so for this long is told: by then it is mostly clear whether
	// a link is coming.
	deafTold    = 2 * time.Second
	carriedTold = 3 * time.Second
	soundTold   = time.Second

	// toldAgain is the least time between two events about one person.
	toldAgain = 10 * time.Second

	// deafBurst is how many events at once there may be about who does not hear
	// this person, after which there is one in toldAgain: what they tell of costs
	// whoever makes up people nothing. Who is not told of is found in who --paths.
	deafBurst = 3
)

// heed decides what the person is told of whom they hear, and of who does not
// hear them: what lasts, once, and not often. In a crowd that is only of the
// stage, to the stage. It is a pure machine, ready when it is zero.
type heed struct {
	mine   bulletins // how this person hears others
	theirs bulletins // how others hear this person
	spent  time.Time // until when the events of a burst are paid for
}

// spend says whether there may be one more event about how others hear this
// person.
func (h *heed) spend(now time.Time) bool {
	paid := h.spent
	if paid.Before(now) {
		paid = now
	}
	if paid.Sub(now) > (deafBurst-1)*toldAgain {
		return false
	}
	h.spent = paid.Add(toldAgain)
	return true
}

// next returns what is to be told now.
func (h *heed) next(s *room.Snapshot, now time.Time) (events []Event) {
	if !s.Live || s.Crowd && !s.Me.Stage {
		return nil
	}
	tell := func(e Event) {
		e.Room = s.Room.String()
		events = append(events, e)
	}
	h.mine, h.theirs = h.mine.of(s), h.theirs.of(s)
	for i := range s.People {
		p := &s.People[i]
		if p.ID == s.Me.ID || s.Crowd && !p.Stage {
			continue
		}
		if line, said := s.Me.Hearing(p.ID); said && s.Me.Caps.Has(identity.CapHear) {
			if way, due := h.mine.due(p.ID, line, now); due {
				e := Event{Kind: EventHears, Who: p.ID.String(), State: way.String()}
				if way == room.ByRelay {
					e.By = s.Me.Relay.String()
				}
				tell(e)
			}
		}
		if line, said := p.Hearing(s.Me.ID); said && s.Me.Stage && p.Caps.Has(identity.CapHear) {
			if line.Way == room.ByRelay {
				line.Way = room.Direct // that they hear is all that matters here
			}
			before, told := h.theirs[p.ID]
			way, due := h.theirs.due(p.ID, line, now)
			switch {
			case !due:
			case h.spend(now):
				on := way != room.Unheard
				tell(Event{Kind: EventHeard, Who: p.ID.String(), On: &on})
			case told:
				h.theirs[p.ID] = before
			default:
				delete(h.theirs, p.ID)
			}
		}
	}
	return events
}

// bulletins are what was told last of people. Of who is not in it nothing was:
// they are believed to be heard.
type bulletins map[identity.ID]bulletin

type bulletin struct {
	way room.Way // Direct for any link
	at  time.Time
}

// of returns the bulletins of those who are here.
func (b bulletins) of(s *room.Snapshot) bulletins {
	next := make(bulletins, len(b))
	for _, p := range s.People {
		if old, known := b[p.ID]; known {
			next[p.ID] = old
		}
	}
	return next
}

// due says by what way somebody is heard when that is to be told, and notes that
// it is.
func (b bulletins) due(id identity.ID, line room.Hearing, now time.Time) (way room.Way, due bool) {
	last, told := b[id]
	if !told {
		last.way = room.Direct
	}
	way = line.Way
	lasts := map[room.Way]time.Duration{room.Unheard: deafTold, room.ByRelay: carriedTold}[way]
	if way.Linked() {
		way, lasts = room.Direct, soundTold
	}
	if way == last.way || now.Sub(line.Since) < lasts || told && now.Sub(last.at) < toldAgain {
		return way, false
	}
	b[id] = bulletin{way, now}
	return way, true
}
