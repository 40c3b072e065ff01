// What a person reads of their clock, where it differs from the others'.

package app

import (
	"fmt"
	"time"

	"stoa/identity"
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

// clockChange tells the person when their clock begins to differ from the
// others', or does by another amount.
func clockChange(prev, next time.Duration) (Event, bool) {
	if next == 0 || (next-prev).Abs() < 2*time.Minute && prev != 0 {
		return Event{}, false
	}
	text, hint := clockText(next)
	return Event{Kind: EventError, Text: text, Hint: hint}, true
}
