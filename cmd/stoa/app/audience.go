// What this node does so that it hears, and others do, when there are relays:
// it is carried, is quiet, measures relays, tells what it hears.
//
//	room.Snapshot, links, tether ─► reckoner ─► course ─► tether
//	                                           └► quiet ──► room.Room, node.Room

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/relay"
	"stoa/room/seal"
)

const (
	// carriedOn is how long relays are kept after the reason for them is gone.
	// It doubles, up to carriedLong, when they are needed again within carriedCalm
	// of being let go: a link that comes and goes must not cost a relay every time.
	carriedOn   = 5 * time.Second
	carriedLong = 40 * time.Second
	carriedCalm = 2 * time.Minute

	// deafFor is how long at least somebody in the audience who has lost both
	// relays stays out of gossip: new relays are mostly found sooner, and the
	// thousands who lost the same relay must not all come back at once.
	deafFor = 5 * time.Second

	// flipPause is the least time between two changes of how frames are paired.
	flipPause = 2 * time.Second

	// auditKbps is what a relay is asked for when it is measured, for 2 s.
	auditKbps = 2000

	// auditWait is the most that an auditor waits before measuring, so that not
	// all do so at once; auditAgain is the pause before another attempt, of
	// which there are maxAudits for one advert.
	auditWait  = 10 * time.Second
	auditAgain = 70 * time.Second
	maxAudits  = 5

	// auditTime bounds one attempt.
	auditTime = 30 * time.Second

	// standAgain is the pause between two attempts of somebody who is seated
	// and deaf to become a member; it grows to standRarely, and is drawn out at
	// random so that not all who lost the same relay ask at once.
	standAgain  = 5 * time.Second
	standRarely = 2 * time.Minute
)

// reckoner decides what this node asks of relays. It is a pure machine but
// for chance.
type reckoner struct {
	unlinked map[identity.ID]time.Time // who on the stage has had no link, since when
	cling    cling
	quiet    bool
	deaf     time.Time // until when quiet lasts although nobody brings anything; zero when somebody does
}

// cling is for how long relays are held on to. It is a pure machine, ready when
// it is zero.
type cling struct {
	held bool
	keep time.Duration // after the reason is gone
	last time.Time     // when there was a reason
	free time.Time     // when they were let go; zero: never
}

// next says whether to hold on to relays, given whether there is a reason.
func (c *cling) next(reason bool, now time.Time) bool {
	switch {
	case reason && !c.held:
		if c.keep = min(2*c.keep, carriedLong); c.free.IsZero() || now.Sub(c.free) >= carriedCalm {
			c.keep = carriedOn
		}
		c.held, c.last = true, now
	case reason:
		c.last = now
	case c.held && now.Sub(c.last) >= c.keep:
		c.held, c.free = false, now
	}
	return c.held
}

// reckonerOf returns the reckoner of a node that has just come. Whoever comes into
// the audience keeps out of gossip from the start, unless no relay will have
// him: what he needs to know he was told at the door.
func reckonerOf(s *room.Snapshot, now time.Time) reckoner {
	if !s.InAudience() {
		return reckoner{}
	}
	return reckoner{quiet: true, deaf: now.Add(deafFor + rand.N(deafFor))}
}

// next returns the course of the tether, and whether this node should be out
// of gossip.
func (a *reckoner) next(s *room.Snapshot, at linkage, h *held, now time.Time) (course, bool) {
	a.unlinked = unlinkedSince(s, at, a.unlinked, now)
	c := course{
		want:   a.cling.next(wantsRelays(s, longestOf(a.unlinked, now)), now) && s.Live && !s.State.Closed,
		relays: bearersOf(s, a.unlinked, now),
		floor:  s.Floor,
		holds:  holdsOf(s),
	}
	switch {
	case !c.want || !s.InAudience():
		a.quiet = false
	case h.whole():
		a.quiet, a.deaf = true, time.Time{}
	case h.Primary != nil || h.Shadow != nil:
		a.deaf = time.Time{}
	case a.quiet && a.deaf.IsZero():
		a.deaf = now.Add(deafFor + rand.N(deafFor))
	case a.quiet && !now.Before(a.deaf):
		a.quiet = false
	}
	return c, a.quiet
}

// standing decides when somebody who is seated asks to be made a member: when
// no relay has carried them for so long that they are out of the quiet. Nobody
// holds a link to who is no member. It is a pure machine but for chance.
type standing struct {
	busy bool
	wait time.Duration // before the attempt after the next one
	at   time.Time     // of the next attempt
}

// next says whether to ask now. finish has to follow.
func (a *standing) next(s *room.Snapshot, quiet bool, h *held, now time.Time) bool {
	switch {
	case !s.Seated || !s.Live || s.State.Closed || quiet || h.Primary != nil || h.Shadow != nil:
		a.wait, a.at = 0, time.Time{}
		return false
	case a.busy || now.Before(a.at):
		return false
	}
	a.busy = true
	return true
}

// finish notes that the attempt is over.
func (a *standing) finish(now time.Time) {
	a.wait = min(max(2*a.wait, standAgain), standRarely)
	a.busy, a.at = false, now.Add(a.wait+rand.N(a.wait))
}

// seats are this node's places at relays, and what it does for those of others.
type seats struct {
	key    *identity.Key
	id     identity.RoomID
	room   *room.Room
	net    *node.Room
	voice  *voice
	ears   *ears
	tether *tether
	heard  witness
	help   func(those []identity.ID) // has this node carry for them, and for nobody else
	lends  func() bool               // this node would carry for two who cannot connect
	plays  func() bool               // what comes is played here
	feeds  func() int                // listeners at whom what this node carries arrives, as they report
	log    *slog.Logger
	emit   func(Event)

	above      func() held          // how a node that carries the room is held to the relays above it
	look       flag                 // run should look again
	complaints chan relay.Complaint // of the tether, for run to publish

	mu     sync.Mutex
	hushed bool      // this node is out of gossip
	crowd  time.Time // since when the room is a crowd; zero when it is none
}

func newSeats(key *identity.Key, id identity.RoomID, r *room.Room, net *node.Room, log *slog.Logger) *seats {
	return &seats{
		key: key, id: id, room: r, net: net, log: log,
		look: newFlag(), complaints: make(chan relay.Complaint, 1),
	}
}

// hear says who opens what relays bring, and who speaks.
func (a *seats) hear(e *ears, v *voice) {
	e.witness, v.witness = a.heard.count, a.heard.count
	a.voice, a.ears = v, e
	a.tether = newTether(tetherConfig{
		room:   a.id,
		me:     a.key.ID(),
		log:    a.log,
		attach: attachIn(a.net),
		proof:  a.room.Proof,
		packet: e.carry,
		knows:  e.knows,
		complain: func(c relay.Complaint) {
			select {
			case a.complaints <- c:
			default: // another one waits, and one in 30 s is enough
			}
		},
		left: a.tell,
	})
}

// nudge has run look again soon. It never blocks.
func (a *seats) nudge() { a.look.set() }

// follow notes what a snapshot says, before anything relies on it.
func (a *seats) follow(s *room.Snapshot, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !s.Crowd:
		a.crowd = time.Time{}
	case a.crowd.IsZero():
		a.crowd = now
	}
	a.nudge()
}

// settled says that the room has been a crowd for long enough for everybody to
// have found relays.
func (a *seats) settled(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.crowd.IsZero() && now.Sub(a.crowd) >= crowdGrace
}

// carried says whether a relay brings this node the voices.
func (a *seats) carried() bool { h := a.tether.state(); return h.Primary != nil }

// quiet says whether this node is out of gossip.
func (a *seats) quiet() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hushed
}

// run does what there is to do until ctx ends.
func (a *seats) run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { a.tether.run(ctx) })
	at := reckonerOf(a.room.Snapshot(), time.Now())
	var flipped, told time.Time
	audits := auditing{of: map[identity.Hash]audit{}}
	done := make(chan identity.Hash)
	var stands standing
	stood := make(chan struct{})
	var heeds heed
	var clock clockWatch
	var kind kindness
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s, all, now := a.room.Snapshot(), a.net.Links(), time.Now()
		h, links := a.tether.state(), linkageOf(all, a.ears.stalled(now))
		c, quiet := at.next(s, links, &h, now)
		a.tether.follow(c)
		a.setQuiet(ctx, quiet)
		a.say(ctx, s, hearings(s, links, at.unlinked, a.ears.got(), a.bearer(s, &h), now), &h)
		a.voice.review(now)
		a.help(kind.next(s, now))
		for _, e := range append(heeds.next(s, now), clock.next(s, now)...) {
			a.emit(e)
		}
		if now.Sub(flipped) >= flipPause && advisesFlip(all, fedBy(s, now)) {
			a.voice.flip()
			flipped = now
		}
		hosts := s.Crowd && s.Host == s.Me.ID
		a.heard.watch(hosts)
		if hosts && now.Sub(told) >= relay.FloorEvery {
			a.tellFloor(ctx, now)
			told = now
		}
		if advert, id, due := audits.next(s, now); due {
			work.Go(func() {
				if a.audit(ctx, id) {
					select {
					case done <- advert:
					case <-ctx.Done():
					}
				}
			})
		}
		if stands.next(s, quiet, &h, now) {
			work.Go(func() {
				a.standUp(ctx)
				select {
				case stood <- struct{}{}:
				case <-ctx.Done():
				}
			})
		}
		timer.Reset(lookAgain(s, at.unlinked, now))
		select {
		case <-a.look:
		case <-timer.C:
		case <-stood:
			stands.finish(time.Now())
		case c := <-a.complaints:
			a.complain(ctx, c)
		case advert := <-done:
			audits.finish(advert)
		case <-ctx.Done():
			return
		}
	}
}

// bearer is what brings this node the voices of those it has no link to: its
// relays; for one that carries the room, those above it.
func (a *seats) bearer(s *room.Snapshot, h *held) *held {
	if s.Me.Caps.Has(identity.CapHear) {
		return h
	}
	above := a.above()
	return &above
}

// say tells the others how this node hears.
func (a *seats) say(ctx context.Context, s *room.Snapshot, list []room.Hearing, h *held) {
	hears := room.Hears{Stage: list, Helps: s.Me.Stage && a.lends(), Deaf: !a.plays(), Feeds: a.feeds()}
	if h.Primary != nil {
		hears.Relay = h.Primary.Relay
	}
	if err := a.room.SetHears(ctx, hears); err != nil && ctx.Err() == nil {
		a.log.Warn("telling how this node hears", "err", err)
	}
}

const (
	// lookSoon is the time between two looks while somebody on the stage has
	// been without a link for a moment only, and lookOften while anybody here is.
	lookSoon  = 50 * time.Millisecond
	lookOften = 250 * time.Millisecond

	// lookRarely is the time between two looks when all is well, for a link that
	// has died is seen by a look only.
	lookRarely = linkStalled / 4
)

// lookAgain is how long run may wait when nothing happens.
func lookAgain(s *room.Snapshot, unlinked map[identity.ID]time.Time, now time.Time) time.Duration {
	for _, since := range unlinked {
		if now.Sub(since) < 2*linkPatience {
			return lookSoon
		}
	}
	if len(unlinked) > 0 || !s.Crowd && someoneLacks(s, now) {
		return lookOften
	}
	return lookRarely
}

// setQuiet takes this node out of gossip, or back in.
func (a *seats) setQuiet(ctx context.Context, on bool) {
	if a.quiet() == on {
		return
	}
	if !on {
		a.net.Quiet(false)
	}
	if err := a.room.SetQuiet(ctx, on); err != nil && ctx.Err() == nil {
		a.log.Warn("being quiet", "on", on, "err", err)
	}
	if on {
		a.net.Quiet(true)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hushed = on
}

// standUp makes a member of this person, who is seated and hears nothing.
func (a *seats) standUp(ctx context.Context) {
	if err := a.room.StandUp(ctx); err != nil && ctx.Err() == nil {
		a.log.Info("becoming a member, for want of a relay", "err", err)
	}
}

// tell tells the person of a relay that was left.
func (a *seats) tell(p parting) {
	e := Event{Kind: EventRelay, Room: a.id.String(), Who: p.Relay.String(), Why: p.Fault.String(), Code: "relay_left", Text: p.text()}
	if p.Path == relay.Primary {
		gap := p.Gap.Milliseconds()
		e.MS = &gap
	}
	a.emit(e)
}

// text is what a person reads of it.
func (p *parting) text() string {
	did := map[relay.Fault]string{
		relay.Dead:    "stopped delivering",
		relay.Drops:   "left out part of what was said",
		relay.Delays:  "delivered late",
		relay.Censors: "kept a voice back",
		relay.Forges:  "brought what nobody had said",
		relay.Replays: "brought again what had been said before",
		relay.Silent:  "fell silent",
	}[p.Fault]
	if p.Path == relay.Shadow {
		return "a relay that stood by " + did + "; looking for another"
	}
	if p.Gap == 0 {
		return "a relay " + did + "; switched to another"
	}
	return fmt.Sprintf("a relay %s; switched in %d ms", did, p.Gap.Milliseconds())
}

// advisesFlip says that the first of the relays that this node feeds asks for
// frames to be paired the other way.
func advisesFlip(links []node.LinkInfo, relays []identity.ID) bool {
	return len(relays) > 0 && slices.ContainsFunc(links, func(l node.LinkInfo) bool { return l.ID == relays[0] && l.Flip })
}

// witness counts what this node hears and says, while it is asked to.
type witness struct {
	mu    sync.Mutex
	meter *relay.Meter // nil while nobody wants to know
}

// watch begins or ends the counting.
func (w *witness) watch(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case on && w.meter == nil:
		w.meter = new(relay.Meter)
	case !on:
		w.meter = nil
	}
}

// count takes a packet that was opened, or made here.
func (w *witness) count(packet []byte, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.meter == nil {
		return
	}
	if g, ok := seal.Glimpse(packet); ok {
		w.meter.Count(packet, g.KID, g.Index, g.Level, g.End, at)
	}
}

// floor returns what was heard of late, or nil.
func (w *witness) floor(room identity.RoomID, me identity.ID, now time.Time) *relay.Floor {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.meter == nil {
		return nil
	}
	return w.meter.Floor(room, me, now)
}

// tellFloor tells the listeners what the acting host hears.
func (a *seats) tellFloor(ctx context.Context, now time.Time) {
	f := a.heard.floor(a.id, a.key.ID(), now)
	if f == nil {
		return
	}
	if err := a.room.PublishFloor(ctx, f); err != nil && ctx.Err() == nil {
		a.log.Info("telling what is heard", "err", err)
	}
}

// complain tells the others of a relay that did wrong.
func (a *seats) complain(ctx context.Context, c relay.Complaint) {
	if err := a.room.PublishComplaint(ctx, &c); err != nil && ctx.Err() == nil {
		a.log.Info("complaining of a relay", "err", err)
	}
}

// audit measures a relay and tells everybody the result. It reports whether
// that is done.
func (a *seats) audit(ctx context.Context, id identity.ID) bool {
	ctx, cancel := context.WithTimeout(ctx, auditTime)
	defer cancel()
	if err := a.net.Link(ctx, id); err != nil {
		a.log.Info("no relay to measure", "relay", id.Short(), "err", err)
		return false
	}
	kbps, err := a.net.Audit(ctx, id, auditKbps)
	if err == nil {
		err = a.room.SubmitAudit(ctx, id, uint32(kbps))
	}
	if err != nil {
		a.log.Info("measuring a relay", "relay", id.Short(), "kbps", kbps, "err", err)
	}
	return err == nil || errors.Is(err, room.ErrTooSoon)
}

// auditing decides when this node measures which relay. It is a pure machine
// but for chance.
type auditing struct {
	of   map[identity.Hash]audit // by advert
	busy time.Time               // until when one may be under way
}

type audit struct {
	tries int
	at    time.Time // of the next one
}

// next returns a relay that is to be measured now, and the advert that it is
// measured for.
func (a *auditing) next(s *room.Snapshot, now time.Time) (advert identity.Hash, id identity.ID, due bool) {
	known := make(map[identity.Hash]bool, len(s.Relays))
	for i := range s.Relays {
		r := &s.Relays[i]
		known[r.Advert] = true
		t, seen := a.of[r.Advert]
		switch {
		case !r.Alive || due || !slices.Contains(auditorsOf(s, r), s.Me.ID):
			continue
		case !seen:
			a.of[r.Advert] = audit{at: now.Add(rand.N(auditWait))}
		case !now.Before(t.at) && !now.Before(a.busy) && t.tries < maxAudits:
			a.of[r.Advert] = audit{t.tries + 1, now.Add(auditAgain)}
			a.busy = now.Add(auditTime)
			advert, id, due = r.Advert, r.ID, true
		}
	}
	for advert := range a.of {
		if !known[advert] {
			delete(a.of, advert)
		}
	}
	return advert, id, due
}

// finish notes that a relay has been measured.
func (a *auditing) finish(advert identity.Hash) {
	a.of[advert] = audit{tries: maxAudits}
	a.busy = time.Time{}
}
