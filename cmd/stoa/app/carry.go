// Carrying: what this node does as a relay of one room, or, in a small way, for
// those of it who cannot connect (help.go).
//
//	links of speakers ─┐
//	relays above ──────┴► Verifier ─► node.Relay ─► listeners, relays below
//	                          │    └─► Meter ─► Digest, 5 a second ─► listeners
//	room.Snapshot ────────────┴─► who may speak, who may be carried
//	node.Relay ─► Attendees ─► room: who is carried here
//
// A relay obeys the room's log and nobody's client: what somebody sends who may
// not speak is counted and dropped here, and whoever may not hear is cut off,
// as soon as the operation that says so has come.

package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/relay"
	"stoa/room/seal"
)

const (
	// drainTime is how long a relay that ends waits for its listeners to go
	// elsewhere. Systemd waits longer: see TimeoutStopSec of the unit.
	drainTime = 10 * time.Second

	// tallyEvery is how often a relay looks at whom it carries.
	tallyEvery = time.Second

	// lookEvery is how often a node that cannot carry looks whether it can now.
	lookEvery = 10 * time.Second
)

// fanout is what sends to listeners. *node.Relay is one.
type fanout interface {
	Forward(packet []byte, v node.Voice)
	SendDigest(digest []byte)
	Children() []node.ChildInfo
	Review()
	Limit(slots, up int)
	Flips() []uint64
	Drain(ctx context.Context) error
	Stats() node.RelayStats
	Forwarded() node.ForwardStats
	Close() error
}

// membership is the room that a carrier serves. *room.Room is one.
type membership interface {
	Admits(who identity.ID, proof []byte) room.Admission
	FeedsAudience(channel string, msg []byte) bool
	HandleRoster(carried func() []identity.ID)
	PublishAttendance(ctx context.Context, a *relay.Attendance) error
	Advertise(ctx context.Context, a room.AdvertArgs) error
	Snapshot() *room.Snapshot
}

// loan is what a node gives to a room that it carries.
type loan struct {
	slots int // listeners at most; 0: it cannot carry anybody now
	up    int // bytes a second at most; 0: no bound
	addrs []string
}

// A service is what a node does for a room.
type service int

const (
	idle    service = iota
	helping         // carries those few who cannot connect
	lending         // is a relay of the room
)

// carrier carries one room on while it is wanted and allowed, or needed. Its
// methods may be called from any goroutine.
type carrier struct {
	key     *identity.Key
	id      identity.RoomID
	session [8]byte
	room    membership
	serve   func(node.ServeConfig) (fanout, error)
	lend    func() loan                      // what this node can give now
	advise  func(who identity.ID, flip bool) // asks a speaker to pair frames the other way, or not to
	up      *tether                          // brings the voices, where the speakers do not
	tell    func(Event)
	log     *slog.Logger

	change flag // run should look again

	mu      sync.Mutex
	wanted  bool
	allowed bool          // by the newest snapshot
	cannot  bool          // be a relay, since nobody can reach this machine
	lacking bool          // is wanted and allowed and cannot
	never   bool          // help anybody either, as this node's owner wants
	needy   []identity.ID // who is to be helped
	state   *room.State
	verify  *seal.Verifier
	meter   relay.Meter
	kids    map[uint64]identity.ID // who spoke lately
	direct  map[uint64]time.Time   // when a speaker's own link last brought a packet of it
	out     fanout                 // nil while nothing is carried
	what    service                // that out is for
	fed     int                    // see feeds
	counted time.Time              // when it was
}

func newCarrier(key *identity.Key, id identity.RoomID, session [8]byte, log *slog.Logger) *carrier {
	return &carrier{
		key: key, id: id, session: session, log: log,
		change: newFlag(), verify: seal.NewVerifier(id), kids: map[uint64]identity.ID{}, direct: map[uint64]time.Time{},
	}
}

// want says whether this node's owner wants it to carry.
func (c *carrier) want(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = on
	c.nudge()
}

// refuse says whether this node's owner wants it to carry nobody at all.
func (c *carrier) refuse(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.never = on
	c.nudge()
}

// helps says whether this node would carry for two who cannot connect.
func (c *carrier) helps() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.never
}

// help says who is to be helped now, by ID.
func (c *carrier) help(those []identity.ID) {
	c.mu.Lock()
	changed := !slices.Equal(c.needy, those)
	c.needy = those
	out := c.out
	c.mu.Unlock()
	if changed {
		c.nudge()
	}
	if changed && out != nil {
		out.Review()
	}
}

// due says what is to be done for the room now.
func (c *carrier) due() service {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.wanted && c.allowed && !c.cannot:
		return lending
	case len(c.needy) > 0 && !c.never:
		return helping
	}
	return idle
}

func (c *carrier) nudge() { c.change.set() }

// lends describes what this node carries for others in a room, and would.
func (c *carrier) lends(s *room.Snapshot) LendView {
	c.mu.Lock()
	v := LendView{May: s.Me.Caps.Has(identity.CapRelay), On: c.wanted, Never: c.never, Carries: c.what == lending, Cannot: c.lacking}
	c.mu.Unlock()
	if n := c.now(); n != nil {
		v.Listeners, v.Standby, v.Slots = n.Listeners, n.Standby, n.Slots
	}
	return v
}

// serving says whether this node carries the room now.
func (c *carrier) serving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.what == lending
}

// follow makes the carrier obey a snapshot: when it returns, nobody is passed
// on who may not speak in it, and nobody is carried who may not hear. One
// goroutine calls it, with each snapshot in turn.
func (c *carrier) follow(s *room.Snapshot) {
	c.mu.Lock()
	c.verify.SetSpeakers(voicesIn(s))
	maps.DeleteFunc(c.kids, func(kid uint64, _ identity.ID) bool { return !c.verify.Knows(kid) })
	maps.DeleteFunc(c.direct, func(kid uint64, _ time.Time) bool { return !c.verify.Knows(kid) })
	changed := c.state != s.State
	c.state = s.State
	if allowed := s.Live && s.Me.Caps.Has(identity.CapRelay) && !s.State.Closed; c.allowed != allowed {
		c.allowed = allowed
		c.nudge()
	}
	out := c.out
	c.mu.Unlock()
	if out != nil && changed {
		out.Review()
	}
}

// voicesIn lists whose packets may be passed on, and under which epochs.
func voicesIn(s *room.Snapshot) (streams []seal.Stream, commits []identity.Hash) {
	for _, p := range s.People {
		if p.Speaks {
			streams = append(streams, seal.Stream{Speaker: p.ID, Session: p.Session})
		}
	}
	for _, e := range s.Epochs {
		commits = append(commits, e.Commit)
	}
	return streams, commits
}

// receive takes a packet that came over a link and passes it on, if it is
// signed by somebody who may speak and has not been passed on before.
func (c *carrier) receive(packet []byte, at time.Time) {
	if g, err := c.pass(packet, at); err == nil {
		c.mu.Lock()
		c.direct[g.KID] = at
		c.mu.Unlock()
	}
}

// bring takes a packet that another relay has brought, as receive does, and
// says what to think of that relay for it.
func (c *carrier) bring(packet []byte, at time.Time) (seal.Glance, delivery) {
	g, err := c.pass(packet, at)
	switch {
	case err == nil:
		return g, brought
	case errors.Is(err, seal.ErrReplay) && c.fedDirectly(g.KID, at):
		return g, brought // by this relay for the first time, unless the Watch knows better
	case errors.Is(err, seal.ErrReplay):
		return g, again
	case errors.Is(err, seal.ErrUnknownKey):
		return g, unwanted
	}
	return g, forgery
}

// directFor is how long after its speaker's own packets what others bring of a
// stream is no wonder: while a relay changes from the one level to the other,
// both come.
const directFor = 10 * time.Second

// fedDirectly says whether packets of a stream came from its speaker lately.
// Then nobody has done wrong who brings them as well.
func (c *carrier) fedDirectly(kid uint64, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.direct[kid]
	return ok && now.Sub(at) < directFor
}

// knows reports whether a voice is one that may be passed on.
func (c *carrier) knows(kid uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verify.Knows(kid)
}

// pass passes a packet on, or says why not: one of the errors of the Verifier,
// which counts them.
func (c *carrier) pass(packet []byte, at time.Time) (seal.Glance, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return seal.Glance{}, seal.ErrUnknownKey // nobody is known to speak, nor to hear
	}
	st, g, err := c.verify.Check(packet)
	if err != nil {
		return g, err
	}
	c.out.Forward(packet, node.Voice{KID: g.KID, Index: g.Index, Frames: g.Frames, Level: g.Level, End: g.End})
	c.meter.Count(packet, g.KID, g.Index, g.Level, g.End, at)
	if _, known := c.kids[g.KID]; !known {
		c.kids[g.KID] = st.Speaker
	}
	return g, nil
}

// run carries the room whenever it is wanted, allowed and possible, until ctx
// ends.
func (c *carrier) run(ctx context.Context) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for ctx.Err() == nil {
		c.try(c.lend())
		if what := c.due(); what != idle {
			if err := c.carry(ctx, what); err != nil {
				return inPeace(ctx, err)
			}
			continue
		}
		select {
		case <-c.change:
		case <-again.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// try notes whether this node can be a relay, and tells the person who wants it
// to be one and does not know why it is none.
func (c *carrier) try(give loan) {
	c.mu.Lock()
	c.cannot = give.slots == 0
	before := c.lacking
	c.lacking = c.wanted && c.allowed && c.cannot
	news := c.lacking && !before
	c.mu.Unlock()
	if news {
		off := false
		c.tell(Event{Kind: EventLend, Room: c.id.String(), On: &off, Why: "nobody can reach this machine from outside"})
	}
}

// carry carries the room, or those few who need it, until ctx ends or that
// should not be done any more.
func (c *carrier) carry(ctx context.Context, what service) error {
	if what == helping {
		return c.assist(ctx)
	}
	give := c.lend()
	out, err := c.serve(node.ServeConfig{
		Slots:  give.slots,
		Up:     give.up,
		Admit:  c.admit,
		Feed:   c.room.FeedsAudience,
		Hears:  c.hears,
		Commit: c.commit,
	})
	if err != nil {
		return err
	}
	c.room.HandleRoster(func() []identity.ID { return guests(out.Children()) })
	on, off := true, false
	c.tell(Event{Kind: EventLend, Room: c.id.String(), On: &on})
	defer func() {
		c.room.HandleRoster(nil)
		c.tell(Event{Kind: EventLend, Room: c.id.String(), On: &off})
	}()
	beside := []func(context.Context){func(ctx context.Context) { c.count(ctx, out) }}
	if c.up != nil {
		beside = append(beside, c.up.run)
	}
	return c.keep(ctx, lending, out, beside...)
}

// keep passes on by out what comes, and does something beside, until ctx ends or
// what is done for the room is to be something else.
func (c *carrier) keep(ctx context.Context, what service, out fanout, beside ...func(context.Context)) (err error) {
	c.set(bend(out), what)
	defer func() {
		c.set(nil, idle)
		err = errors.Join(err, out.Close())
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { c.witness(ctx, out); return nil })
	for _, f := range beside {
		g.Go(func() error { f(ctx); return nil })
	}
	g.Go(func() error {
		defer cancel()
		for c.due() == what {
			select {
			case <-c.change:
			case <-ctx.Done():
				return nil
			}
		}
		c.withdraw(ctx, out)
		return nil
	})
	return g.Wait()
}

func (c *carrier) set(out fanout, what service) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out, c.what = out, what
}

// withdraw ends the carrying: listeners are given the time to go elsewhere,
// unless the room has taken the right away.
func (c *carrier) withdraw(ctx context.Context, out fanout) {
	c.mu.Lock()
	allowed := c.allowed || c.what == helping
	c.mu.Unlock()
	if allowed {
		c.drain(ctx, out)
	}
}

// leave drains what is carried, because this node is about to go from the room.
// It waits until the listeners are elsewhere, drainTime at most.
func (c *carrier) leave(ctx context.Context) {
	c.mu.Lock()
	out := c.out
	c.mu.Unlock()
	if out != nil {
		c.drain(ctx, out)
	}
}

func (c *carrier) drain(ctx context.Context, out fanout) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	c.tell(Event{Kind: EventDrain, Room: c.id.String(), Carries: c.carries(out)})
	if err := out.Drain(ctx); err != nil {
		c.log.Info("some listeners stayed until the end", "err", err)
	}
}

// now describes how many this node carries, nil when it does not carry.
func (c *carrier) now() *Carries {
	c.mu.Lock()
	out := c.out
	c.mu.Unlock()
	if out == nil {
		return nil
	}
	return c.carries(out)
}

// feeds is at how many of the listeners whom this relay sends voices most of these
// arrive, as their reports say. It is counted anew every feedsEvery: there may be
// thousands.
func (c *carrier) feeds() int {
	c.mu.Lock()
	out, now := c.out, time.Now()
	if c.what != lending {
		out = nil
	}
	due := now.Sub(c.counted) >= feedsEvery || out == nil
	if due {
		c.counted = now
	}
	n := c.fed
	c.mu.Unlock()
	if !due {
		return n
	}
	n = 0
	if out != nil {
		for _, child := range out.Children() {
			if child.Media && child.Loss < lossDeaf {
				n++
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fed = n
	return n
}

const (
	// feedsEvery is the time between two counts of who is reached.
	feedsEvery = 2 * time.Second

	// lossDeaf is the share of packets that does not arrive at somebody who cannot
	// be said to hear.
	lossDeaf = 0.5
)

// carries describes how many are carried.
func (c *carrier) carries(out fanout) *Carries {
	s := out.Stats()
	slots := helpSlots
	if c.serving() {
		slots = c.lend().slots
	}
	return &Carries{Listeners: s.Media, Standby: s.Children - s.Media, Slots: slots}
}

// admit judges a listener. It is asked again about each after every change. A
// relay of the second level is carried too, though it may not hear.
func (c *carrier) admit(who identity.ID, proof []byte) node.Admission {
	if c.room.Snapshot().State.Members[who].Caps.Has(identity.CapRelay) {
		return node.Yes
	}
	switch c.room.Admits(who, proof) {
	case room.Yes:
		return node.Yes
	case room.NotYet:
		return node.NotYet
	}
	return node.No
}

// hears lists the members who may have what listeners ask for: those outside
// the audience who hold the room's secrets.
func (c *carrier) hears() []identity.ID { return tellersOf(c.room.Snapshot()) }

// tellersOf lists who can be expected to have the room's secrets: their author, and
// those on the stage, who seal with them. Those who listen in a small room may lack
// them as well as who asks. They are named only where there is nobody else.
func tellersOf(s *room.Snapshot) []identity.ID {
	var tellers, others []identity.ID
	for _, p := range s.People {
		switch {
		case p.ID == s.Me.ID || !s.State.CanHear(p.ID):
		case p.Stage || p.ID == s.State.Epoch.By:
			tellers = append(tellers, p.ID)
		default:
			others = append(others, p.ID)
		}
	}
	if len(tellers) == 0 {
		return others
	}
	return tellers
}

// commit names the secret that listeners ask for.
func (c *carrier) commit() [8]byte {
	h := c.room.Snapshot().State.Epoch.Commit
	return [8]byte(h[:8])
}

// witness tells the listeners five times a second what is passed on, signed,
// so that a relay which keeps something back is found out.
func (c *carrier) witness(ctx context.Context, out fanout) {
	tick := time.NewTicker(relay.DigestEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			c.mu.Lock()
			d := c.meter.Digest(c.id, c.key.ID(), now)
			c.mu.Unlock()
			out.SendDigest(d.Sign(c.key))
		case <-ctx.Done():
			return
		}
	}
}

// count tells the room whom this node carries and what it offers, and the
// person how many that are.
func (c *carrier) count(ctx context.Context, out fanout) {
	list := relay.NewAttendees(c.id, c.key.ID(), c.session)
	here := map[string]identity.ID{} // by peer
	var told Carries
	var offered room.AdvertArgs
	tick := time.NewTicker(tallyEvery)
	defer tick.Stop()
	limits := c.lend()
	flipped := map[identity.ID]bool{}
	for {
		give := c.lend()
		if give.slots != limits.slots || give.up != limits.up {
			out.Limit(give.slots, give.up)
		}
		limits = give
		flipped = c.flip(out.Flips(), flipped)
		if c.up != nil {
			c.up.follow(upstream(c.room.Snapshot()))
		}
		if now := advertOf(give); give.slots > 0 && !sameAdvert(now, offered) {
			if err := c.room.Advertise(ctx, now); err == nil {
				offered = now
			} else if ctx.Err() == nil {
				c.log.Warn("offering to carry", "err", err)
			}
		}
		here = moves(here, out.Children(), list.Join, list.Leave)
		if a, _ := list.Next(time.Now()); a != nil {
			if err := c.room.PublishAttendance(ctx, a); err != nil && ctx.Err() == nil {
				c.log.Info("telling whom this relay carries", "err", err)
			}
		}
		if now := c.carries(out); *now != told {
			told = *now
			c.tell(Event{Kind: EventCarries, Room: c.id.String(), Carries: now})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// flip tells the speakers how to pair their frames, so that the packets of all
// fit into one bundle, and returns those who were asked to change that.
func (c *carrier) flip(kids []uint64, before map[identity.ID]bool) map[identity.ID]bool {
	now := map[identity.ID]bool{}
	c.mu.Lock()
	for _, kid := range kids {
		if who, known := c.kids[kid]; known {
			now[who] = true
		}
	}
	c.mu.Unlock()
	for who := range before {
		if !now[who] {
			c.advise(who, false)
		}
	}
	for who := range now {
		c.advise(who, true)
	}
	return now
}

// upstream is by whom a relay is brought the voices: by nobody as long as the
// speakers feed it, or by relays that they feed.
func upstream(s *room.Snapshot) course {
	l := levelsOf(s)
	is := func(c relay.Candidate) bool { return c.ID == s.Me.ID }
	second := slices.ContainsFunc(l.serve, is) && !slices.ContainsFunc(l.fed, is)
	return course{want: second && s.Live && !s.State.Closed, relays: l.fed, floor: s.Floor}
}

// moves compares the children that are sent voices with those of before, tells
// of each who came and went, and returns them.
func moves(before map[string]identity.ID, children []node.ChildInfo, join, leave func(identity.ID)) map[string]identity.ID {
	now := make(map[string]identity.ID, len(children))
	for _, child := range children {
		if !child.Media {
			continue
		}
		now[child.Peer] = child.ID
		if old, was := before[child.Peer]; was && old == child.ID {
			continue
		}
		join(child.ID)
	}
	for peer, id := range before {
		if now[peer] != id {
			leave(id)
		}
	}
	return now
}

// guests lists who is sent voices, in an order that stays, for pages.
func guests(children []node.ChildInfo) []identity.ID {
	var ids []identity.ID
	for _, child := range children {
		if child.Media {
			ids = append(ids, child.ID)
		}
	}
	slices.SortFunc(ids, func(a, b identity.ID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// advertOf is what the room is told of a loan.
func advertOf(l loan) room.AdvertArgs {
	a := room.AdvertArgs{Slots: uint16(min(l.slots, identity.MaxSlots)), Kbps: uint32(l.up / 125)}
	for _, addr := range l.addrs {
		if len(addr) <= room.MaxPlace && len(a.Addrs) < room.MaxPlaces {
			a.Addrs = append(a.Addrs, addr)
		}
	}
	return a
}

func sameAdvert(a, b room.AdvertArgs) bool {
	return a.Slots == b.Slots && a.Kbps == b.Kbps && slices.Equal(a.Addrs, b.Addrs)
}
