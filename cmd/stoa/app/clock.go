// What a person reads of their clock, where it differs from the others'.

package app

import (
	"fmt"
	"time"

	"stoa/identity"
	"stoa/room"
)

// clockText says that this machine's clock is fast by so much, or slow, and
// what to do about it.
func clockText(fast time.Duration) (text, hint string) {
	way := "fast"
	if fast < 0 {
		fast, way = -fast, "slow"
	}
	text = fmt.Sprintf("your clock is %s %s, as far as most people here can tell", roughly(fast), way)
	hint = "set it right; until then stoa reckons with it"
	if fast > identity.ClockSkew {
		hint = "set it right: others do not see you, nor you them, while it is that wrong"
	}
	return text, hint
}

// roughly is a time in words, to the unit that matters.
func roughly(d time.Duration) string {
	switch {
	case d < 90*time.Minute:
		return count(int(d.Round(time.Minute)/time.Minute), "minute", "minutes")
	case d < 36*time.Hour:
		return count(int(d.Round(time.Hour)/time.Hour), "hour", "hours")
	}
	return count(int(d.Round(24*time.Hour)/(24*time.Hour)), "day", "days")
}

const (
	clockTold      = 30 * time.Second // what has been so for this long is told
	clockToldAgain = 10 * time.Minute // the least time between two of these events
	clockMoved     = 2 * time.Minute  // by how much it has to differ to be another amount
)

// clockWatch decides when the person is told that their clock differs from the
// others'. It is a pure machine, ready when it is zero.
type clockWatch struct {
	fast  time.Duration // what is said now
	since time.Time     // and since when
	last  time.Duration // told last; zero for nothing, or when all was well since
	at    time.Time     // when
}

// next returns what is to be told now.
func (c *clockWatch) next(s *room.Snapshot, now time.Time) (events []Event) {
	if s.ClockFast == 0 || c.fast == 0 || (s.ClockFast-c.fast).Abs() >= clockMoved {
		if s.ClockFast != c.fast {
			c.fast, c.since = s.ClockFast, now
		}
	}
	switch {
	case now.Sub(c.since) < clockTold:
		return nil
	case c.fast == 0:
		c.last = 0
		return nil
	case c.last != 0 && (c.fast-c.last).Abs() < clockMoved, !c.at.IsZero() && now.Sub(c.at) < clockToldAgain:
		return nil
	}
	c.last, c.at = c.fast, now
	text, hint := clockText(c.fast)
	return []Event{Problem{"clock_wrong", text, hint}.event(s.Room.String())}
}
