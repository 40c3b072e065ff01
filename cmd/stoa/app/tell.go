// Telling the caller of events without waiting for it.

package app

import (
	"slices"
	"sync"
)

// maxUntold is how many events wait for a caller who is slow. A terminal that
// was stopped must not keep a node from obeying a kick.
const maxUntold = 4096

// teller hands events to a function, in order, on one goroutine. When too many
// wait, new figures are left out, and for other news the oldest.
type teller struct {
	to func(Event)

	mu     sync.Mutex
	untold []Event
	more   flag // holds a value when untold may not be empty
	closed bool
}

func newTeller(to func(Event)) *teller {
	return &teller{to: to, more: newFlag()}
}

// tell adds an event. It never blocks. After close it does nothing.
func (t *teller) tell(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	if len(t.untold) >= maxUntold {
		if e.Kind == EventStats {
			return
		}
		t.untold = slices.Delete(t.untold, 0, 1)
	}
	t.untold = append(t.untold, e)
	t.nudge()
}

func (t *teller) nudge() { t.more.set() }

// close ends run when it has told everything.
func (t *teller) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.nudge()
}

// run tells until close.
func (t *teller) run() {
	for range t.more {
		for {
			t.mu.Lock()
			batch, closed := t.untold, t.closed
			t.untold = nil
			t.mu.Unlock()
			for _, e := range batch {
				t.to(e)
			}
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
		}
	}
}
