// What others say of the voice of this member: that it came, and how far.

package room

import (
	"context"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// A Receipt is what somebody's last heartbeat says of this member's voice. It is their word: nobody gains by a false one, for nothing
// follows from it but a line that this person reads.
type Receipt struct {
	Who   identity.ID
	At    time.Time // when the heartbeat came, by the clock here
	Said  bool      // it speaks of this member
	Way   Way       // with Said: by what way they hear it
	Since time.Time // with Said: since when it comes, or does not, by the clock here
	Got   uint32    // with Said: the newest frame that came and could be opened, counted from 1; 0: none has
	Deaf  bool      // they have no loudspeaker
	Feeds int       // of a relay: listeners at whom what it carries arrives, as they report
}

// Receipts returns what each of the others who are here said last, in no order, and how far apart heartbeats are. Unlike a Snapshot it has
// what came a moment ago, and wakes nobody. Errors: ErrStopped, ctx's.
func (r *Room) Receipts(ctx context.Context) (list []Receipt, every time.Duration, err error) {
	err = r.do(ctx, func(time.Time) error {
		me := relay.PrefixOf(r.me)
		for id, a := range r.roster.here {
			line, said := a.hears[me]
			list = append(list, Receipt{
				Who: id, At: a.seen, Said: said, Way: line.Way, Since: line.since, Got: line.Got, Deaf: a.Deaf, Feeds: int(a.Feeds),
			})
		}
		every = r.roster.beat()
		return nil
	})
	return list, every, err
}
