// Whom a node calls, and when: everybody to whom or from whom sound goes
// directly, as reckon.go has it.

package app

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// callSecond is for how long the one of a pair with the higher key lets the
	// other call, so that two who can both be reached make one connection. Two
	// behind NATs need the calls of both. Whoever has just entered, for
	// callFirst, calls everybody at once.
	callSecond = 300 * time.Millisecond
	callFirst  = 5 * time.Second

	// callAgain is the pause after an attempt to call somebody in vain; it
	// doubles up to callRarely until they say to be reached elsewhere.
	callAgain  = time.Second
	callRarely = 15 * time.Second

	// callHeeds is how often at most somebody who says to be elsewhere is
	// called at once: saying so costs them nothing.
	callHeeds = 10 * time.Second

	// callLook is how often is looked whether somebody has to be called.
	callLook = time.Second

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
	entered time.Time // or moved in the network
	look    flag      // somebody may have to be called
	afresh  flag      // everybody has to be called again

	plans   map[identity.ID]*callPlan // of those without a link
	running int                       // attempts
}

// callPlan is when to call somebody.
type callPlan struct {
	addrs   []string  // where they say they are reached
	heeded  time.Time // when other addresses last were a reason to call at once
	due     time.Time
	pause   time.Duration // after the next attempt
	calling bool
}

func newCaller(net linker, log *slog.Logger, entered time.Time) *caller {
	return &caller{
		net: net, log: log, entered: entered, look: newFlag(), afresh: newFlag(),
		plans: map[identity.ID]*callPlan{},
	}
}

// nudge has run look again soon. It never blocks.
func (c *caller) nudge() { c.look.set() }

// moved makes run call like somebody who has just entered: who was out of reach may be in
// reach now, and those who cannot reach this node any more need not notice first. It never
// blocks.
func (c *caller) moved() { c.afresh.set() }

// run calls whoever has to be called until ctx ends, and returns when every
// attempt has.
func (c *caller) run(ctx context.Context, snapshot func() *room.Snapshot) {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	over := make(chan identity.ID)
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		ids, next := c.next(snapshot(), time.Now())
		for _, id := range ids {
			attempts.Go(func() {
				c.call(ctx, id)
				select {
				case over <- id:
				case <-ctx.Done():
				}
			})
		}
		wake.Reset(next)
		select {
		case <-c.look:
		case <-wake.C:
		case <-c.afresh:
			c.anew(time.Now())
		case id := <-over:
			c.running--
			if p := c.plans[id]; p != nil {
				p.calling, p.due = false, time.Now().Add(p.pause)
				p.pause = min(2*p.pause, callRarely)
			}
		case <-ctx.Done():
			return
		}
	}
}

// anew forgets what came of calls so far.
func (c *caller) anew(now time.Time) {
	c.entered = now
	for id, p := range c.plans {
		p.pause = callAgain
		if !p.calling { // else the attempt itself begins anew
			delete(c.plans, id)
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

// next decides whom to call now, remembers that they are called, and says when to
// look again. When there are more than can be called at a time, those come first
// who have waited for longest.
func (c *caller) next(s *room.Snapshot, now time.Time) (ids []identity.ID, again time.Duration) {
	linked := map[identity.ID]bool{}
	for _, l := range c.net.Links() {
		linked[l.ID] = true
	}
	wanted := map[identity.ID]bool{}
	carried := c.carried != nil && c.carried()
	again = callLook
	for i := range s.People {
		p := &s.People[i]
		if linked[p.ID] || !shouldLink(s, p, carried) {
			continue
		}
		wanted[p.ID] = true
		plan := c.plans[p.ID]
		if plan == nil {
			plan = &callPlan{addrs: p.Addrs, due: now, pause: callAgain}
			if !c.callsFirst(s.Me.ID, p.ID, now) {
				plan.due = now.Add(callSecond)
			}
			c.plans[p.ID] = plan
		}
		if !slices.Equal(plan.addrs, p.Addrs) {
			plan.addrs = p.Addrs
			if now.Sub(plan.heeded) >= callHeeds {
				plan.heeded, plan.due, plan.pause = now, now, callAgain
			}
		}
		switch wait := plan.due.Sub(now); {
		case plan.calling:
		case wait > 0:
			again = min(again, wait)
		default:
			ids = append(ids, p.ID)
		}
	}
	slices.SortStableFunc(ids, func(a, b identity.ID) int { return c.plans[a].due.Compare(c.plans[b].due) })
	ids = ids[:min(len(ids), maxCalls-c.running)]
	for _, id := range ids {
		c.plans[id].calling = true
	}
	c.running += len(ids)
	maps.DeleteFunc(c.plans, func(id identity.ID, p *callPlan) bool { return !wanted[id] && !p.calling })
	return ids, again
}

// callsFirst says which of this member and somebody else calls the other.
func (c *caller) callsFirst(me, id identity.ID, now time.Time) bool {
	return now.Sub(c.entered) < callFirst || bytes.Compare(me[:], id[:]) < 0
}
