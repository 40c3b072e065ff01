// What of the rooms is news to somebody who looks elsewhere. A pure machine.

package desktop

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// newsBurst is how many notices may come at once, newsEvery how long it takes until
	// there may be one more. What has to wait is replaced by what comes later of the same.
	newsBurst = 4
	newsEvery = 15 * time.Second

	// beforeStart is how long before a scheduled room begins it is told.
	beforeStart = 5 * time.Minute

	// maxNewsRooms bounds how many rooms are followed, and with them everything here.
	maxNewsRooms = 64
)

// A topic is what a notice is about. One replaces the other on the same.
type topic struct {
	kind string // of the constants below
	room string
}

const (
	aboutStage = "stage"
	aboutHands = "hands"
	aboutOut   = "out"
	aboutSoon  = "soon"
	aboutTape  = "tape"
)

// A notice is what a person is told. The summary has our words alone, so that what others
// wrote stands in the body only.
type notice struct {
	topic
	summary, body string
	urgent        bool // concerns who hears this person, or whether they are there at all
}

// news knows what was told.
type news struct {
	words words
	seen  map[string]*seenRoom
	shown map[topic]bool
	wait  []notice // for there to be room again, the oldest first
	spent int
	since time.Time // when spent was counted
}

// seenRoom is how a room was when it was looked at last.
type seenRoom struct {
	stage bool
	hands []string
	out   string
	soon  time.Time // the start that was told
	asked string
}

func newNews(w words) *news {
	return &news{words: w, seen: map[string]*seenRoom{}, shown: map[topic]bool{}}
}

// look compares g to what was so before. It returns notices to show, and topics whose
// notices are to be taken back, because they are so no more or because the person has the
// page before their eyes.
func (n *news) look(g Glance, now time.Time, visible bool) (show []notice, drop []topic) {
	rooms := g.Rooms[:min(len(g.Rooms), maxNewsRooms)]
	for id := range n.seen {
		if !slices.ContainsFunc(rooms, func(r Room) bool { return r.ID == id }) {
			delete(n.seen, id)
			drop = append(drop, n.forget(func(t topic) bool { return t.room == id })...)
		}
	}
	for _, r := range rooms {
		more, over := n.room(r, now)
		n.queue(more)
		drop = append(drop, n.forget(func(t topic) bool { return t.room == r.ID && slices.Contains(over, t.kind) })...)
	}
	if visible {
		n.wait = nil
		return nil, append(drop, n.forget(func(topic) bool { return true })...)
	}
	n.refill(now)
	for len(n.wait) > 0 && n.spent < newsBurst {
		show = append(show, n.wait[0])
		n.shown[n.wait[0].topic] = true
		n.wait = n.wait[1:]
		n.spent++
	}
	return show, drop
}

// room returns what is new in a room, and the kinds of which nothing is so any more.
func (n *news) room(r Room, now time.Time) (tell []notice, over []string) {
	w := n.words
	add := func(kind, summary, body string, urgent bool) {
		tell = append(tell, notice{topic{kind, r.ID}, summary, body, urgent})
	}
	old, known := n.seen[r.ID]
	if !known { // what is so when one comes in is no news
		old = &seenRoom{stage: r.Stage, hands: idsOf(r.Hands), out: r.Out}
		n.seen[r.ID] = old
	}

	switch {
	case r.Stage && !old.stage:
		add(aboutStage, w.Staged, fmt.Sprintf(w.StagedText, r.Title), true)
	case !r.Stage:
		over = append(over, aboutStage)
	}

	hands := idsOf(r.Hands)
	switch {
	case len(hands) == 0:
		over = append(over, aboutHands)
	case slices.ContainsFunc(hands, func(id string) bool { return !slices.Contains(old.hands, id) }):
		summary, body := w.handsUp(r.Hands, r.Title)
		add(aboutHands, summary, body, false)
	}

	switch {
	case r.Out == "":
		over = append(over, aboutOut)
	case old.out == "":
		add(aboutOut, w.Out, fmt.Sprintf(w.OutText, r.Title, r.Out), true)
	}

	switch until := r.Starts.Sub(now); {
	case r.Starts.IsZero() || until <= 0:
		over = append(over, aboutSoon)
	case until <= beforeStart && !old.soon.Equal(r.Starts):
		add(aboutSoon, w.Soon, fmt.Sprintf(w.SoonText, r.Title), false)
		old.soon = r.Starts
	}

	switch {
	case r.Asked == "":
		over = append(over, aboutTape)
	case r.Asked != old.asked:
		add(aboutTape, w.Asked, fmt.Sprintf(w.AskedText, r.Title), true)
	}

	old.stage, old.hands, old.out, old.asked = r.Stage, hands, r.Out, r.Asked
	return tell, over
}

func idsOf(hands []Hand) []string {
	ids := make([]string, len(hands))
	for i, h := range hands {
		ids[i] = h.ID
	}
	return ids
}

// queue has notices wait, in the place of older ones on the same; urgent ones first.
func (n *news) queue(more []notice) {
	for _, next := range more {
		if i := slices.IndexFunc(n.wait, func(w notice) bool { return w.topic == next.topic }); i >= 0 {
			n.wait[i] = next
			continue
		}
		n.wait = append(n.wait, next)
	}
	slices.SortStableFunc(n.wait, func(a, b notice) int { return cmp.Compare(rank(a), rank(b)) })
}

func rank(n notice) int {
	if n.urgent {
		return 0
	}
	return 1
}

// forget drops what waits or is shown on some topics, and returns those that are shown.
func (n *news) forget(which func(topic) bool) (shown []topic) {
	n.wait = slices.DeleteFunc(n.wait, func(w notice) bool { return which(w.topic) })
	for t := range n.shown {
		if which(t) {
			delete(n.shown, t)
			shown = append(shown, t)
		}
	}
	return shown
}

// refill gives back what time has earned.
func (n *news) refill(now time.Time) {
	if n.since.IsZero() || n.spent == 0 || now.Before(n.since) {
		n.since = now
		return
	}
	earned := int(now.Sub(n.since) / newsEvery)
	n.spent = max(n.spent-earned, 0)
	n.since = n.since.Add(time.Duration(earned) * newsEvery)
}

// next is when to look again though nothing has changed: a room is about to begin or has
// begun, or something waits. Zero: there is no such time.
func (n *news) next(g Glance, now time.Time) (at time.Time) {
	earlier := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, r := range g.Rooms[:min(len(g.Rooms), maxNewsRooms)] {
		if !r.Starts.IsZero() {
			earlier(r.Starts.Add(-beforeStart))
			earlier(r.Starts)
		}
	}
	if len(n.wait) > 0 {
		earlier(n.since.Add(newsEvery))
	}
	return at
}
