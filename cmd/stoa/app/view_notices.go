// Notices: what a person should know and may not have been looking when it was told.

package app

import (
	"slices"
	"sync"
	"time"
)

// maxNotices is how many are kept: the newest.
const maxNotices = 20

// A notice is something that the person should know.
type notice struct {
	Problem
	number int
	room   string // ID; empty: it is about no room
	at     time.Time
}

// notices are those that the person has not seen yet, oldest first. Their methods
// may be called from any goroutine. The zero value is ready.
type notices struct {
	mu   sync.Mutex
	last int // number
	list []notice
}

// add adds a notice. What was said of the same room already is said again, not twice.
func (n *notices) add(p Problem, room string, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = slices.DeleteFunc(n.list, func(o notice) bool { return o.Problem == p && o.room == room })
	if len(n.list) >= maxNotices {
		n.list = slices.Delete(n.list, 0, 1)
	}
	n.last++
	n.list = append(n.list, notice{Problem: p, number: n.last, room: room, at: at})
}

// seen drops a notice, and returns whether there was one of that number.
func (n *notices) seen(number int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := len(n.list)
	n.list = slices.DeleteFunc(n.list, func(o notice) bool { return o.number == number })
	return len(n.list) < before
}

func (n *notices) now() []notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// noticeOf is what a person should be told of an event, if anything. What is a state,
// such as a microphone that is missing, a View shows as long as it lasts.
func noticeOf(e *Event) (Problem, bool) {
	switch {
	case e.Kind == EventError, e.Kind == EventEcho, e.Kind == EventBegins, e.Kind == EventRecorded:
	case e.Text != "" && (e.Kind == EventRelay || e.Kind == EventHand):
	default:
		return Problem{}, false
	}
	return Problem{Code: e.Code, Text: e.Text, Hint: e.Hint}, true
}
