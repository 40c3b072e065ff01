// Whom a node calls, and when: everybody to whom or from whom sound goes
// directly, as reckon.go has it.

package app

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// callFirst is how long whoever has just entered calls everybody. After
	// that the one of a pair with the lower key calls at once and the other
	// one later, so that two do not call each other at the same time.
	callFirst = 5 * time.Second

	// callAgain is the pause between two attempts to call somebody.
	callAgain = 2 * time.Second

	// callTime bounds one attempt.
	callTime = 10 * time.Second

	// maxCalls is how many are called at a time. A speaker in a large room
	// works through the others; who cannot be reached holds a place for
	// callTime at most.
	maxCalls = 32
)

// linker makes media links. *node.Room is one.
type linker interface {
	Links() []node.LinkInfo
	Link(ctx context.Context, id identity.ID) error
}

// caller keeps links up. run owns everything but look.
type caller struct {
	net     linker
	carried func() bool // relays bring this node all voices; nil: they do not
	log     *slog.Logger
	entered time.Time
	look    chan struct{} // holds a value when somebody may have to be called

	tried   map[identity.ID]time.Time // when somebody was last called, or left to call
	calling map[identity.ID]bool      // attempts that are on their way
}

func newCaller(net linker, log *slog.Logger, entered time.Time) *caller {
	return &caller{
		net: net, log: log, entered: entered, look: make(chan struct{}, 1),
		tried: map[identity.ID]time.Time{}, calling: map[identity.ID]bool{},
	}
}

// nudge has run look again soon. It never blocks.
func (c *caller) nudge() {
	select {
	case c.look <- struct{}{}:
	default:
	}
}

// run calls whoever has to be called until ctx ends, and returns when every
// attempt has.
func (c *caller) run(ctx context.Context, snapshot func() *room.Snapshot) {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	over := make(chan identity.ID)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, id := range c.next(snapshot(), time.Now()) {
			attempts.Go(func() {
				c.call(ctx, id)
				select {
				case over <- id:
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-c.look:
		case <-tick.C:
		case id := <-over:
			delete(c.calling, id)
		case <-ctx.Done():
			return
		}
	}
}

func (c *caller) call(ctx context.Context, id identity.ID) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if err := c.net.Link(ctx, id); err != nil && ctx.Err() == nil {
		c.log.Info("no link", "to", id.Short(), "err", err)
	}
}

// next decides whom to call now, and remembers that they are called. When there
// are more than can be called at a time, those come first who have waited for
// longest.
func (c *caller) next(s *room.Snapshot, now time.Time) []identity.ID {
	linked := map[identity.ID]bool{}
	for _, l := range c.net.Links() {
		linked[l.ID] = true
	}
	wanted := map[identity.ID]bool{}
	carried := c.carried != nil && c.carried()
	var ids []identity.ID
	for i := range s.People {
		p := &s.People[i]
		if linked[p.ID] || !shouldLink(s, p, carried) {
			continue
		}
		wanted[p.ID] = true
		last, tried := c.tried[p.ID]
		switch {
		case c.calling[p.ID], tried && now.Sub(last) < callAgain:
		case !tried && !c.callsFirst(s.Me.ID, p.ID, now):
			c.tried[p.ID] = now // give them the time to call
		default:
			ids = append(ids, p.ID)
		}
	}
	slices.SortStableFunc(ids, func(a, b identity.ID) int { return c.tried[a].Compare(c.tried[b]) })
	ids = ids[:min(len(ids), maxCalls-len(c.calling))]
	for _, id := range ids {
		c.tried[id], c.calling[id] = now, true
	}
	for id := range c.tried {
		if !wanted[id] {
			delete(c.tried, id)
		}
	}
	return ids
}

// callsFirst says which of this member and somebody else calls the other.
func (c *caller) callsFirst(me, id identity.ID, now time.Time) bool {
	return now.Sub(c.entered) < callFirst || bytes.Compare(me[:], id[:]) < 0
}
