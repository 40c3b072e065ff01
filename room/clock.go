// What time it is in a room, where everybody's clock may be wrong and nobody trusts another's.
//
// What must not come twice is told by its order: sequences, sessions, and who was here before. What is as old as it seems is told by when it
// came. Two things are left for which members need one time: whether an invite still opens the room, and who raised a hand first. For those a
// member puts its own clock right by the clocks of those who moderate.

package room

import (
	"slices"
	"time"

	"stoa/identity"
)

const (
	// maxSkew is how far apart the clocks of two members may be: what is dated further from here is nobody's honest doing. It is also by how
	// much this machine's clock is put right at most.
	maxSkew = identity.ClockSkew

	clockNoise = 10 * time.Second // by how much it has to be wrong for that: less may be the network
	clockWrong = time.Minute      // and for the person to be told
	clockEvery = time.Second      // between two looks at what others' clocks say

	maxReadings = 512 // members whose clocks are remembered
)

// clocks is what the others' clocks say of this machine's. It is a pure machine.
type clocks struct {
	read   map[identity.ID]reading
	looked time.Time // when step was last called
	due    bool      // there are readings of which nothing was made yet
	rest   time.Time // until when that waits
}

// reading is somebody's clock, as far as it can be read from afar.
type reading struct {
	ahead time.Duration // of this machine's clock, less the time the message took
	seen  time.Time
}

// note takes a message that somebody dated by their own clock, in Unix milliseconds, when it was sent at a time by this machine's.
func (c *clocks) note(who identity.ID, dated uint64, sent time.Time) {
	if _, known := c.read[who]; !known && len(c.read) >= maxReadings {
		c.forgetOldest()
	}
	if c.read == nil {
		c.read = make(map[identity.ID]reading)
	}
	c.read[who] = reading{ahead: time.UnixMilli(int64(dated)).Sub(sent.Round(0)), seen: sent}
	c.due = true
}

func (c *clocks) forgetOldest() {
	var oldest identity.ID
	for who, r := range c.read {
		if o, ok := c.read[oldest]; !ok || r.seen.Before(o.seen) {
			oldest = who
		}
	}
	delete(c.read, oldest)
}

// step forgets every reading when this machine's clock was set since the last call, or the machine slept, which looks the same.
func (c *clocks) step(now time.Time) {
	last := c.looked
	c.looked = now
	if last.IsZero() {
		return
	}
	if wasSet(now.Round(0).Sub(last.Round(0)), now.Sub(last)) {
		clear(c.read)
	}
}

// wasSet tells whether a clock was set that went on by so much while so much time passed.
func wasSet(shows, ran time.Duration) bool { return (shows - ran).Abs() > clockNoise }

// room is by how much the room's clock is ahead of this machine's: the median of the clocks of those who moderate, this member's among them
// if it does. They decide who gets in anyway, so to trust them with the time as well gives them nothing; and whoever else a link brings, in
// whatever number, moves nobody's clock while one of them has been seen. Where none has, each branch of invites has one voice, the median of
// its members', and this machine's own clock is one more. A clock that is about right is left as it is.
func (c *clocks) room(s *State, me identity.ID) time.Duration {
	voices := c.moderators(s)
	if s.Members[me].Caps&moderates != 0 {
		voices = append(voices, 0)
	}
	if len(voices) == 0 {
		voices = append(c.branches(s), 0)
	}
	ahead := middle(voices)
	if ahead.Abs() < clockNoise {
		return 0
	}
	return min(max(ahead, -maxSkew), maxSkew)
}

// moderators is what the clocks of those who moderate say, but for this machine's.
func (c *clocks) moderators(s *State) (ahead []time.Duration) {
	for who, r := range c.read {
		if s.Members[who].Caps&moderates != 0 {
			ahead = append(ahead, r.ahead)
		}
	}
	return ahead
}

// branches is what each branch of invites says, by the median of its members who do not moderate.
func (c *clocks) branches(s *State) []time.Duration {
	members := make(map[identity.Hash][]time.Duration)
	for who, r := range c.read {
		if m, in := s.Members[who]; in && m.Caps&moderates == 0 {
			branch := s.Subtree(who)
			members[branch] = append(members[branch], r.ahead)
		}
	}
	var voices []time.Duration
	for _, list := range members {
		voices = append(voices, middle(list))
	}
	return voices
}

// earliest is the earliest time that this machine's clock, the room's, or that of anybody who moderates says it is.
func (c *clocks) earliest(s *State, common, now time.Time) time.Time {
	first := common
	if now.Before(first) {
		first = now
	}
	for _, ahead := range c.moderators(s) {
		if at := now.Add(max(ahead, -maxSkew)); at.Before(first) {
			first = at
		}
	}
	return first
}

// fast is by how much this machine's clock is ahead of most others: negative when it is behind, and zero when it is about right or too few are
// known to say. Each of those who moderate has a voice, each branch of invites has one for all the rest of its members, and this machine has
// one: whoever brings any number of people by one link is not most people. Only what the person is told rests on it.
func (c *clocks) fast(s *State) time.Duration {
	voices := append(append(c.branches(s), c.moderators(s)...), 0)
	fast := -middle(voices)
	if fast.Abs() < clockWrong {
		return 0
	}
	return fast.Round(clockWrong)
}

// middle is the median; of an even number, that of the two in the middle which is nearer to this machine's clock, so that nobody moves it
// alone. It is zero for none. The order of list changes.
func middle(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	a, b := list[(len(list)-1)/2], list[len(list)/2]
	if a.Abs() <= b.Abs() {
		return a
	}
	return b
}

// credible tells whether a time in Unix milliseconds may be about now by somebody's clock.
func credible(ms uint64, now time.Time) bool { return apart(ms, now) <= maxSkew }

// apart is how far a time in Unix milliseconds is from now, either way.
func apart(ms uint64, now time.Time) time.Duration {
	return now.Sub(time.UnixMilli(int64(ms))).Abs()
}

// millis is a time on the wire.
func millis(t time.Time) uint64 { return uint64(t.UnixMilli()) }

// clock is what this machine's clock says.
func (r *Room) clock() time.Time {
	if r.cfg.Clock != nil {
		return r.cfg.Clock()
	}
	return time.Now()
}

// Now is what time it is in the room, as far as can be known here: this machine's clock, put right by those of who moderates. Any goroutine
// may call it.
func (r *Room) Now() time.Time { return r.common(r.clock()) }

// common is the room's time at an instant of this machine's clock. What has to be compared with the clocks of others is; what only measures
// how long ago something was here is not.
func (r *Room) common(now time.Time) time.Time { return now.Add(time.Duration(r.behind.Load())) }

// stamp is the room's time as it is signed.
func (r *Room) stamp(now time.Time) uint64 { return millis(r.common(now)) }

// setClock puts this machine's clock right by what others' have said. Loop only.
func (r *Room) setClock(now time.Time) {
	r.clocks.step(now)
	if !r.clocks.due || len(r.clocks.read) == 0 || now.Before(r.clocks.rest) {
		return
	}
	r.clocks.due, r.clocks.rest = false, now.Add(clockEvery)
	if fast := r.clocks.fast(r.state); fast != r.fast {
		r.fast, r.dirty = fast, true
	}
	was := time.Duration(r.behind.Load())
	if is := r.clocks.room(r.state, r.me); is == 0 && was != 0 || (is-was).Abs() >= clockNoise/2 {
		r.behind.Store(int64(is))
		r.renew(now)
	}
}
