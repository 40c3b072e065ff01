// The audience of a crowd: people who only listen. They take no part in gossip and send no heartbeats; relays bring them what they need.

package room

import (
	"context"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

const (
	// crowdFrom is how many people are here when those who only listen become the
	// audience, where there is a relay to carry them. Two dozen direct listeners
	// take 1.2 Mbit/s of a speaker's upload, which many homes still have, and each
	// one more costs everybody a connection and heartbeats.
	crowdFrom  = 24
	crowdUntil = 16 // and below which they come back

	// crowdDwell is for how long nobody comes back yet: as long as a relay takes to start anew, and as those take to come in again whom it
	// carried.
	crowdDwell = 30 * time.Second
)

// RelayView is a relay as it is seen here.
type RelayView struct {
	RelayMember
	Weight  uint16 // its slots, less what others complain of: what it is elected by
	Most    uint16 // listeners that its grant and its advert let it carry, whatever was measured
	Name    string
	Alive   bool // its heartbeats arrive
	Carries int  // people, as it says
}

// InAudience reports whether this person belongs to the audience now: is seated, or is a member of a crowd who may do no more than hear and
// whose hand is down. Who does calls [Room.SetQuiet] and leaves gossip.
func (s *Snapshot) InAudience() bool {
	switch {
	case s.Seated:
		return true
	case !s.Crowd || !s.Live:
		return false
	}
	return s.Me.Caps == identity.CapHear && s.Me.Place == 0
}

// SetQuiet ends or begins the heartbeats of this member, which is in the audience and heard of by the relays instead. On the stage and with
// a raised hand, heartbeats go on all the same.
func (r *Room) SetQuiet(ctx context.Context, on bool) error {
	return r.do(ctx, func(now time.Time) error {
		if r.quiet == on {
			return nil
		}
		r.quiet, r.attendance.stale = on, true
		return nil
	})
}

// silent reports whether this member sends no heartbeats now. Loop only.
func (r *Room) silent() bool {
	return r.quiet && r.queue.raised(r.me) == nil && r.state.Members[r.me].Caps&^identity.CapHear == 0
}

// speakUp makes the heartbeats of this member begin at once when it is not silent any more. Loop only.
func (r *Room) speakUp(now time.Time) {
	silent := r.silent()
	if r.hushed && !silent {
		r.greeted = 0
		r.hurry(now)
	}
	r.hushed = silent
}

// Proof is how this person shows a relay, or who has a secret, that they may hear: the encoding of a [Proof]. It is nil for who may not.
func (r *Room) Proof() []byte { return r.Snapshot().proof }

// FeedsAudience says whether a relay passes a message of a channel, which it has checked, on to the audience: operations, hands, remarks, the
// host's floor, attendance, and the heartbeats of those who are more than audience. Any goroutine may call it.
func (r *Room) FeedsAudience(channel string, msg []byte) bool {
	switch channel {
	case ChannelLog, ChannelHands, ChannelChat:
		return true
	case ChannelPresence:
	default:
		return false
	}
	// Its signature has been verified.
	body, _, err := identity.Unpack(msg, 1)
	if err != nil {
		return false
	}
	var p Presence
	if identity.Unmarshal(body, &p) == nil {
		return len(p.Hand) > 0 || p.Bye || r.Snapshot().State.Members[p.Who].Caps&^identity.CapHear != 0
	}
	return identity.Unmarshal(body, new(relay.Complaint)) != nil
}

// PublishAttendance tells everybody whom this relay carries. Like the two below it dates the record by the room's clock and signs it.
func (r *Room) PublishAttendance(ctx context.Context, a *relay.Attendance) error {
	return r.report(ctx, func(at uint64) []byte { a.Time = at; return a.Sign(r.cfg.Key) })
}

// PublishFloor tells everybody what this acting host hears.
func (r *Room) PublishFloor(ctx context.Context, f *relay.Floor) error {
	return r.report(ctx, func(at uint64) []byte { f.Time = at; return f.Sign(r.cfg.Key) })
}

// PublishComplaint tells everybody what a relay did to this listener.
func (r *Room) PublishComplaint(ctx context.Context, c *relay.Complaint) error {
	return r.report(ctx, func(at uint64) []byte { c.Time = at; return c.Sign(r.cfg.Key) })
}

// report publishes a record of package relay by this member, later than all before, and takes note of it.
func (r *Room) report(ctx context.Context, sign func(at uint64) []byte) error {
	return r.do(ctx, func(now time.Time) error {
		r.reported = max(r.reported, r.stamp(now))
		raw := sign(r.reported)
		r.takeReport(raw, now, now)
		r.publish(ChannelPresence, raw)
		return nil
	})
}
