// What the loop owns, what falls due in it, and what it takes from others.

package room

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

const (
	flushAfter = 100 * time.Millisecond // how long others' operations may be only in memory
	maxBad     = 16                     // operations of one message that are looked at although they are refused
	greetings  = 3                      // heartbeats of a new run that follow one another soon
	greetEvery = 500 * time.Millisecond // since the network may not carry far yet
	byeTime    = time.Second            // for the last messages of a room
)

// hosts are the capabilities of which the acting host has at least one.
const hosts = identity.CapMute | identity.CapKick | identity.CapStage

// loop is the state that only the loop touches.
type loop struct {
	work context.Context // ends when Run is about to
	wg   *sync.WaitGroup // of what Run started

	log     *Log
	intake  intake
	state   *State // what log amounts to now
	clocks  clocks
	fast    time.Duration // see Snapshot.ClockFast
	roster  roster
	queue   queue
	book    book
	chat    chat
	pen     pen
	shelf   shelf
	catchup catchup
	caught  buckets // remarks that others handed on, by author
	syncs   syncs
	fetch   fetch
	turnkey turnkey
	jitter  *rand.Rand

	unsaved [][]byte // others' operations that are not durable yet
	flushAt time.Time
	stateAt time.Time // when a grant lapses next

	attendance
	relays []RelayMember // of state
	beacons
	offer offer
	sitting
	quiet  bool // in the audience, as the program says
	hushed bool // silent, when that was looked at last

	name      string
	mic       bool
	withdrawn bool    // off the stage by this member's own will
	account   account // of how this member hears
	pulse     []byte  // the last heartbeat of this member
	last      uint64  // its time
	reported  uint64  // the time of the last record of package relay
	seq       uint64
	beaten    time.Time // when it was sent
	beatAt    time.Time // when the next one is due
	greeted   int
	wave      bucket // changes of this member's hand
	left      bool   // said goodbye
	synced    bool   // has compared logs with anybody in this run
	curious   bool   // somebody knows operations that are missing here

	invites []Invited
	dirty   bool // the snapshot is out of date
}

// load fills the loop from the Keeper and from what the gate told.
func (r *Room) load(now time.Time) error {
	r.guard = newGuard()
	r.log = NewLog(r.charter)
	r.log.joined = func(o *Op) { r.guard.knows(o.hash) }
	r.roster = newRoster()
	r.syncs = newSyncs()
	r.jitter = newRand(r.cfg.Session)
	r.name = cut(r.cfg.Name, MaxName)
	r.beatAt = now
	r.curious = true
	r.wave = bucket{burst: handBurst, every: handEvery}

	ops, err := r.cfg.Keeper.Ops(r.id)
	if err != nil {
		return fmt.Errorf("reading the room: %w", err)
	}
	for _, raw := range ops {
		// What was good when it was saved but is refused now is left out:
		// it cannot be worth more than the rest of the room.
		_, _, _ = r.log.Add(raw)
	}
	r.intake = newIntake()
	r.log.toll = func(o *Op) error { return r.toll(o, true) }
	secrets, err := r.cfg.Keeper.Secrets(r.id)
	if err != nil {
		return fmt.Errorf("reading the room's secrets: %w", err)
	}
	for _, s := range secrets {
		if s.genuine() { // a damaged one is asked for again
			r.book.hold(s, now)
		}
	}
	if r.invites, err = r.cfg.Keeper.Invites(r.id); err != nil {
		return fmt.Errorf("reading the room's invites: %w", err)
	}
	slices.SortFunc(r.invites, func(a, b Invited) int { return b.Made.Compare(a.Made) })
	lines, err := r.cfg.Keeper.Lines(r.id)
	if err != nil {
		return fmt.Errorf("reading the room's messages: %w", err)
	}
	r.chat.restore(lines)
	r.pen = newPen()
	r.caught = buckets{burst: catchBurst, every: sayEvery}
	r.sit(r.cfg.Record.Seat)
	r.renew(now)
	if w := r.cfg.Welcome; w != nil {
		r.takePresences(w.Presences, w.Ages, now)
		r.setClock(now) // before anything is signed
		for _, raw := range w.Hands {
			r.takeHand(raw, now, false)
		}
		r.synced = true
	}
	return nil
}

// due does everything whose time has come and returns when to come back.
func (r *Room) due(now time.Time) time.Time {
	r.setClock(now)
	if !r.stateAt.IsZero() && !now.Before(r.stateAt) {
		r.renew(now)
	}
	if len(r.unsaved) > 0 && !now.Before(r.flushAt) {
		if err := r.flush(); err != nil {
			r.flushAt = now.Add(time.Second) // the disk may have room again
		}
	}
	if r.roster.expire(now) {
		r.dirty, r.attendance.stale = true, true
	}
	r.dirty = r.queue.settle(now, r.over, r.here) || r.dirty
	if over := r.book.expire(now); len(over) > 0 {
		r.dirty = true
		// A secret that stays on disk for longer than it should is dropped
		// by the next run.
		_ = r.cfg.Keeper.DropSecrets(r.id, over...)
	}
	r.readWaiting(now)
	r.flushLines(now)
	r.catchUp(now)
	r.attend(now)
	r.speakUp(now)
	r.seekSync(now)
	r.sync(now)
	r.reseat(now)
	r.seekSecret(now)
	r.rotate(now)
	_ = r.advertise(now) // when it fails it is tried again
	if !now.Before(r.beatAt) {
		r.beat(now)
	}
	return r.wake(now)
}

// wake is when due has something to do, at the latest.
func (r *Room) wake(now time.Time) time.Time {
	next := r.beatAt
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	sooner(r.roster.next(now))
	sooner(r.syncs.next(now))
	sooner(r.stateAt)
	sooner(r.fetch.next())
	sooner(r.turnkey.at)
	sooner(r.book.next())
	sooner(r.attendance.next(now))
	sooner(r.offer.next())
	sooner(r.sitting.next())
	sooner(r.pen.flushAt)
	sooner(r.catchup.next())
	if len(r.unsaved) > 0 {
		sooner(r.flushAt)
	}
	if next.Before(now) {
		return now
	}
	return next
}

func (r *Room) member(id identity.ID) bool { _, in := r.state.Members[id]; return in }

func (r *Room) here(id identity.ID) bool { return id == r.me || r.roster.here[id] != nil }

// receive takes a message that the network has checked.
func (r *Room) receive(m message, now time.Time) {
	switch m.channel {
	case ChannelLog:
		r.takeOp(m.data, now)
	case ChannelPresence:
		r.takePresence(m.data, now, now, true)
	case ChannelHands:
		r.takeHand(m.data, now, true)
	case ChannelChat:
		r.takeRemark(m.data, now)
	}
}

// takeOp takes an operation. When it follows some that are missing here, its
// author surely has them.
func (r *Room) takeOp(raw []byte, now time.Time) {
	missing := r.merge([][]byte{raw}, now)
	if len(missing) == 0 {
		return
	}
	if op, err := ParseOp(raw); err == nil && r.roster.here[op.Author] != nil {
		r.syncs.want(r.insteadOf(op.Author), missing, now)
	} else if who, ok := r.anybody(); ok {
		r.syncs.want(who, missing, now)
	}
}

// anybody picks one of those who are here.
func (r *Room) anybody() (identity.ID, bool) {
	here := r.candidates()
	if len(here) == 0 {
		return identity.ID{}, false
	}
	return here[r.jitter.IntN(len(here))], true
}

// insteadOf picks whom to sync with who has what somebody has: in the audience a relay, so that thousands do not ask the one who spoke.
func (r *Room) insteadOf(who identity.ID) identity.ID {
	if !r.quiet && !r.seated {
		return who
	}
	var alive []identity.ID
	for i := range r.relays {
		if r.roster.here[r.relays[i].ID] != nil {
			alive = append(alive, r.relays[i].ID)
		}
	}
	if len(alive) == 0 {
		return who
	}
	return alive[r.jitter.IntN(len(alive))]
}

// candidates are the members who are here and not this one, in order.
func (r *Room) candidates() []identity.ID {
	list := make([]identity.ID, 0, len(r.roster.here))
	for id := range r.roster.here {
		list = append(list, id)
	}
	slices.SortFunc(list, func(a, b identity.ID) int { return bytes.Compare(a[:], b[:]) })
	return list
}

// seekSync compares logs with somebody: at the beginning of a run, until it
// has worked, and whenever somebody asked who knows more.
func (r *Room) seekSync(now time.Time) {
	if !r.curious {
		return
	}
	if who, ok := r.anybody(); ok {
		r.curious = false
		r.syncs.want(r.insteadOf(who), nil, now)
	}
}

// takePresences takes heartbeats and attendances that somebody hands on, who
// says how many milliseconds ago each came. Where that is left out nobody is
// believed to be here.
func (r *Room) takePresences(raws [][]byte, ages []uint32, now time.Time) {
	for i, raw := range raws {
		age := maxPatience
		if i < len(ages) {
			age = time.Duration(ages[i]) * time.Millisecond
		}
		r.takePresence(raw, now.Add(-age), now, false)
	}
}

// takePresence takes a heartbeat that was seen at a time: direct when its
// author's own gossip brought it, else by somebody who keeps it.
func (r *Room) takePresence(raw []byte, seen, now time.Time, direct bool) {
	p, err := ParsePresence(raw)
	if err != nil {
		r.takeReport(raw, seen, now)
		return
	}
	if p.Room != r.id || !r.member(p.Who) {
		return
	}
	if p.Who == r.me {
		r.recall(p, now)
		return
	}
	before := r.roster.here[p.Who]
	if _, known := r.clocks.read[p.Who]; !direct && !known {
		r.clocks.note(p.Who, p.dated(), seen) // also of a clock that is too wrong for anything else
	}
	if !credible(p.Time, r.common(now)) {
		return
	}
	if !direct && now.Sub(seen) >= r.roster.patience() {
		r.roster.gone(p, raw, seen)
		return
	}
	what := r.roster.put(p, raw, seen)
	if what == stale {
		return
	}
	if direct {
		r.clocks.note(p.Who, p.dated(), seen)
	}
	r.dirty = r.dirty || what == hearing
	if what == changed {
		r.dirty, r.attendance.stale = true, true
		r.meet(&Guest{ID: p.Who, Name: p.Name})
	}
	r.takeOwnHand(p, before, now, direct)
	if p.Bye {
		return
	}
	r.compare(p, now)
	if before == nil || !slices.Equal(before.Addrs, p.Addrs) {
		r.cfg.Network.Meet(p.Who, slices.Clone(p.Addrs))
	}
	var missing []identity.Hash
	for _, h := range p.Heads {
		if !r.log.Has(h) {
			missing = append(missing, h)
		}
	}
	if len(missing) > 0 {
		r.syncs.want(r.insteadOf(p.Who), missing, now)
	}
}

// recall takes a heartbeat of this member's that others remember of an earlier
// run: those of this one have to be later, whatever the clock says by now.
func (r *Room) recall(p *Presence, now time.Time) {
	if p.Session != r.cfg.Session && credible(p.Time, r.common(now)) {
		r.last = max(r.last, p.Time+1)
	}
}

// takeOwnHand brings the queue into step with what a heartbeat says of its
// author's hand. before is the heartbeat that it follows here.
func (r *Room) takeOwnHand(p *Presence, before *attendee, now time.Time, direct bool) {
	switch {
	case len(p.Hand) == 0:
		if p.Synced || p.Bye {
			r.dirty = r.queue.lower(p.Who, p.Time) || r.dirty
		}
		return
	case p.Bye:
		return
	}
	h, err := ParseHand(p.Hand)
	if err != nil || h.Who != p.Who || h.Room != r.id || !h.Up || r.state.lowers(h) || !r.timely(h, handLife, now) {
		return
	}
	// A hand that an earlier heartbeat should have shown is made up to
	// jump the queue.
	if before != nil && before.Session == p.Session && before.Synced && !bytes.Equal(before.Hand, p.Hand) &&
		before.Time > h.Time+uint64(handSkew.Milliseconds()) {
		return
	}
	r.dirty = r.queue.show(h, p.Hand, p.Time, r.upSince(h, now, direct), now) || r.dirty
}

// takeHand takes a raised or lowered hand. One that comes first hand claims to
// be no more than 30 seconds older than it is.
func (r *Room) takeHand(raw []byte, now time.Time, direct bool) {
	h, err := ParseHand(raw)
	after := handSkew
	if !direct {
		after = handLife
	}
	if err != nil || h.Room != r.id || !r.member(h.Who) || r.state.lowers(h) || !r.timely(h, after, now) {
		return
	}
	if h.Who == r.me && r.synced {
		return // nobody knows better
	}
	r.dirty = r.queue.put(h, raw, r.upSince(h, now, direct), now) || r.dirty
}

// flush makes durable what others said.
func (r *Room) flush() error {
	if len(r.unsaved) == 0 {
		return nil
	}
	if err := r.cfg.Keeper.SaveOps(r.id, r.unsaved); err != nil {
		return err
	}
	r.unsaved = nil
	return nil
}

// commit makes an operation of this member durable, together with everything
// that it follows and the secrets it announces, applies it, and publishes it.
func (r *Room) commit(op *Op, now time.Time, secrets ...Secret) error {
	if !r.log.fits(op, r.share(op)) {
		return ErrLogFull
	}
	if err := r.cfg.Keeper.SaveOps(r.id, append(slices.Clone(r.unsaved), op.Raw()), secrets...); err != nil {
		return fmt.Errorf("saving: %w", err)
	}
	r.unsaved = nil
	// What is saved must join, also after a quiet hour or behind a fast clock.
	r.log.SetHorizon(max(r.stamp(now.Add(maxSkew)), op.Time))
	if _, _, err := r.log.Add(op.Raw()); err != nil {
		return err
	}
	for _, s := range secrets {
		r.book.hold(s, now)
	}
	r.renew(now)
	r.publish(ChannelLog, op.Raw())
	return nil
}

// renew works out what follows from the log at this instant.
func (r *Room) renew(now time.Time) {
	r.state = r.log.State().At(r.stamp(now))
	r.relays = r.state.Relays()
	r.unlit, r.dark = r.state.waitsForBeacon()
	r.settleSeat()
	r.dirty = true
	r.stateAt = time.Time{}
	for _, m := range r.state.Members {
		at := now.Add(time.UnixMilli(int64(m.Expires)).Sub(r.common(now)))
		if m.Expires != 0 && at.After(now) && (r.stateAt.IsZero() || at.Before(r.stateAt)) {
			r.stateAt = at
		}
	}
	for id := range r.roster.here {
		if !r.member(id) {
			r.roster.drop(id)
			r.attendance.stale = true
		}
	}
	for id := range r.raws {
		if r.state.carries(id) == 0 {
			r.people.Drop(id)
			delete(r.raws, id)
			r.attendance.stale = true
		}
	}
	if r.withdrawn && !r.state.Members[r.me].Caps.Has(identity.CapSpeak) {
		r.withdrawn = false // who is called again comes
		r.hurry(now)
	}
	if r.mic && !r.state.CanSpeak(r.me) {
		r.mic = false
		r.hurry(now)
	}
	r.book.turn(r.state.Epoch.N, r.state.Epoch.Commit, now)
	r.settleHides()
}

// beat says that this member is here.
func (r *Room) beat(now time.Time) {
	mean := r.roster.beat()
	spread := mean * beatSlack / 100
	r.beatAt = now.Add(mean - spread + time.Duration(r.jitter.Int64N(int64(2*spread))))
	if !r.member(r.me) || r.left || r.silent() {
		r.pulse = nil
		return
	}
	r.pulse = r.heartbeat(now, false)
	r.beaten = now
	r.publish(ChannelPresence, r.pulse)
	if r.greeted < greetings {
		r.greeted++
		r.beatAt = now.Add(greetEvery)
	}
}

// heartbeat makes the next one of this member.
func (r *Room) heartbeat(now time.Time, bye bool) []byte {
	p := Presence{
		Room: r.id, Who: r.me, Session: r.cfg.Session, Name: r.name, Mic: r.mic && !bye, Aside: r.withdrawn,
		Heads: r.log.Heads(), Time: max(r.stamp(now), r.last), Bye: bye, Synced: r.synced,
	}
	p.Shift = min(max(int64(p.Time)-now.UnixMilli(), -maxShift), maxShift)
	p.Heads = p.Heads[:min(len(p.Heads), maxHeads)]
	if h := r.queue.raised(r.me); h != nil && !bye {
		p.Hand = h.raw
	}
	if r.cfg.Addrs != nil && !bye {
		for _, a := range r.cfg.Addrs() {
			if plain(a, maxAddr) && len(p.Addrs) < maxAddrs {
				p.Addrs = append(p.Addrs, a)
			}
		}
	}
	if !bye {
		p.Hears, p.Relay, p.Helps = r.account.of.lines(r.crowd.on, r.state.Members[r.me].Caps), relay.PrefixOf(r.account.by), r.account.helps
		p.Deaf, p.Feeds = r.account.deaf, r.account.feeds
		p.Wrote = r.shelf.sum(r.book.current.Commit)
	}
	r.seq++
	r.last, p.Seq = p.Time, r.seq
	return signFitting(r.cfg.Key, &p)
}

// hurry makes the next heartbeat come soon, because it has news.
func (r *Room) hurry(now time.Time) {
	at := r.beaten.Add(soonest)
	if at.Before(now) {
		at = now
	}
	if at.Before(r.beatAt) {
		r.beatAt = at
	}
}

// presences are the heartbeats of everybody here, this member included, whom
// the relays carry, and the last of some who have gone; and how many
// milliseconds ago each came.
func (r *Room) presences(now time.Time) (raws [][]byte, ages []uint32) {
	list := r.roster.keeps()
	if r.pulse != nil {
		list = append(list, kept{r.pulse, r.beaten})
	}
	for _, id := range sortedIDs(r.raws) {
		list = append(list, r.raws[id])
	}
	list = append(list, r.roster.farewells(r.staff)...)
	for _, k := range list {
		raws = append(raws, k.raw)
		ages = append(ages, uint32(min(max(0, now.Sub(k.seen)), 24*time.Hour).Milliseconds()))
	}
	return raws, ages
}

// goodbye publishes what is still in the outbox and a last heartbeat. The
// loop has ended.
func (r *Room) goodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, byeTime)
	defer cancel()
	for {
		select {
		case m := <-r.outbox:
			_ = r.cfg.Network.Publish(ctx, m.channel, m.data)
			continue
		default:
		}
		break
	}
	if !r.left && r.member(r.me) && !r.silent() {
		_ = r.cfg.Network.Publish(ctx, ChannelPresence, r.heartbeat(r.clock(), true))
	}
}

// show replaces the snapshot.
func (r *Room) show() {
	r.dirty = false
	s := r.snapshot(r.clock())
	old := r.view.Swap(&view{snapshot: s, replaced: make(chan struct{})})
	if old != nil {
		close(old.replaced)
	}
}

// snapshot copies the room.
func (r *Room) snapshot(now time.Time) *Snapshot {
	s := &Snapshot{
		Room:    r.id,
		Charter: r.charter,
		State:   r.state,
		Hands:   r.queue.list(),
		Epochs:  r.book.all(),
		Invites: slices.Clone(r.invites),
		Ops:     r.log.Len(),
		Chat:    r.chat.list(),

		ClockFast: r.fast,

		Crowd: r.crowd.on, Audience: r.count, Relays: r.viewRelays(now), Floor: r.floor,
	}
	place := make(map[identity.ID]int, len(s.Hands))
	for _, h := range s.Hands {
		place[h.Who] = h.Place
	}
	me := &attendee{hears: r.account.of, Presence: Presence{
		Who: r.me, Session: r.cfg.Session, Name: r.name, Mic: r.mic, Relay: relay.PrefixOf(r.account.by), Helps: r.account.helps,
		Deaf: r.account.deaf, Feeds: r.account.feeds, Aside: r.withdrawn,
	}}
	if r.cfg.Addrs != nil {
		me.Addrs = slices.Clone(r.cfg.Addrs())
	}
	here := whoIs{relay.PrefixOf(r.me): r.me}
	for id := range r.roster.here {
		here[relay.PrefixOf(id)] = id
	}
	s.Me = r.person(me, place, here)
	s.Live = (r.member(r.me) || r.seated) && !r.state.Closed
	s.Seated, s.proof = r.seated, r.shown
	if r.seated {
		s.Me.Member = r.asSeated()
	}
	if r.member(r.me) && !r.left {
		s.People = append(s.People, s.Me)
	}
	for _, a := range r.roster.here {
		s.People = append(s.People, r.person(a, place, here))
	}
	slices.SortFunc(s.People, func(a, b Person) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), bytes.Compare(a.ID[:], b.ID[:]))
	})
	s.Host = r.host()
	return s
}

// person describes somebody by their heartbeat and the log.
func (r *Room) person(p *attendee, place map[identity.ID]int, here whoIs) Person {
	m, in := r.state.Members[p.Who]
	if !in {
		m.ID = p.Who
	}
	_, muted := r.state.Muted[p.Who]
	may := in && m.Caps.Has(identity.CapSpeak)
	return Person{
		Member: m, Name: p.Name, Session: p.Session, Mic: p.Mic, Addrs: p.Addrs,
		Stage: may && !p.Aside, Speaks: r.state.CanSpeak(p.Who) && !p.Aside, Aside: may && p.Aside, Muted: muted,
		Place: place[p.Who],
		Hears: here.about(p.hears), Relay: here[p.Relay], Helps: p.Helps, Deaf: p.Deaf,
	}
}
