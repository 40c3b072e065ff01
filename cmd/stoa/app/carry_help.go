// Helping: how this node carries for a few who cannot connect, of its own accord
// and for as long as they need it. Who they are, help.go reckons.

package app

import (
	"context"
	"slices"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// helpSlots and helpUp bound what this node does unasked: eight people, of
	// whom each takes 64 kbit/s at most.
	helpSlots = 8
	helpUp    = helpSlots * 8_000 // bytes a second

	// helpOn is how long somebody is helped after that has ceased to be needed: a
	// new link has to prove itself.
	helpOn = carriedOn
)

// assist carries those who are to be helped until ctx ends or nobody is.
func (c *carrier) assist(ctx context.Context) error {
	out, err := c.serve(node.ServeConfig{
		Slots: helpSlots,
		Up:    helpUp,
		Admit: func(who identity.ID, _ []byte) node.Admission { return c.admitNeedy(who) },

		VoiceOnly: true, // which is all that is bounded by Up, and all that they lack
	})
	if err != nil {
		return err
	}
	return c.keep(ctx, helping, out, c.tellHelp)
}

// admitNeedy judges somebody who wants to be helped: the news that they need it
// may still be on its way.
func (c *carrier) admitNeedy(who identity.ID) node.Admission {
	c.mu.Lock()
	needs := slices.Contains(c.needy, who)
	c.mu.Unlock()
	switch s := c.room.Snapshot(); {
	case !s.State.CanHear(who):
		return node.No
	case !needs:
		return node.NotYet
	}
	return node.Yes
}

// tellHelp tells the person whom this node carries for, when that lasts.
func (c *carrier) tellHelp(ctx context.Context) {
	on, off := true, false
	var told []string
	tick := time.NewTicker(carriedTold)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if told != nil {
				c.tell(Event{Kind: EventHelp, Room: c.id.String(), On: &off, People: told})
			}
			return
		}
		if now := c.helped(); len(now) > 0 && !slices.Equal(now, told) {
			told = now
			c.tell(Event{Kind: EventHelp, Room: c.id.String(), On: &on, People: told})
		}
	}
}

// helped lists who is to be helped, as text.
func (c *carrier) helped() (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.needy {
		ids = append(ids, id.String())
	}
	return ids
}

// kindness is for whom this node carries. It is a pure machine, ready when it is
// zero.
type kindness struct {
	those []identity.ID
	until time.Time
}

// next returns for whom to carry, given who needs it.
func (k *kindness) next(s *room.Snapshot, now time.Time) []identity.ID {
	if those := helpers(s, now)[s.Me.ID]; len(those) > 0 {
		k.those, k.until = those, now.Add(helpOn)
	} else if !now.Before(k.until) {
		k.those = nil
	}
	return k.those
}
