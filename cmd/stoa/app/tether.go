// What holds this node to two relays: a primary, which sends the voices, and a
// shadow, which says what the voices should be and stands ready.
//
//	course ─► Choose ─► attach, close ─► Watch.SetPair
//	packets, digests ─► Watch ─► SetMedia, leave, complain ─► Choose

package app

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room/relay"
	"stoa/room/seal"
)

const (
	// slowPrimary is how long a primary that is being attached keeps the voices
	// waiting while the shadow is ready.
	slowPrimary = 500 * time.Millisecond

	// overlap is how long a relay that has done no wrong, and is left, goes on
	// sending after its successor was asked to: what it sends twice is dropped,
	// and what it did not send would be missed.
	overlap = time.Second

	// drainedFor is how long a relay that has said goodbye is not chosen.
	drainedFor = 30 * time.Second

	// attachAgain is the pause before a relay is tried again that could not be
	// attached to, or was lost: it doubles each time, up to attachRarely.
	attachAgain  = 500 * time.Millisecond
	attachRarely = 16 * time.Second

	// tetherTick bounds the time between two looks at the relays.
	tetherTick = time.Second

	// overslept is by how much a look at the relays that came late says that
	// this node was asleep, or had no time: then what came late was here.
	overslept = 200 * time.Millisecond
)

// attachment is a place at a relay. *node.Attachment is one.
type attachment interface {
	SetMedia(on bool)
	Holds(commit [8]byte)
	Info() node.AttachmentInfo
	Done() <-chan struct{}
	Err() error
	Close() error
}

// tetherConfig says how a tether reaches the relays and what it does with what
// they send. Its functions may be called from any goroutine and must not block,
// but for attach.
type tetherConfig struct {
	room identity.RoomID
	me   identity.ID
	log  *slog.Logger

	attach func(ctx context.Context, cfg node.AttachConfig) (attachment, error)
	proof  func() []byte // that this node may be served

	// packet takes a packet, which is valid during the call only, and says
	// what came of it.
	packet func(b []byte, at time.Time) (seal.Glance, delivery)

	// both has the shadow send voice at all times, not only in need: for a relay,
	// whose listeners would blame it for what its own primary does wrong.
	both bool

	// knows says whether a voice is known here. Digests and floors are read for
	// those alone: until the news of a speaker has come, none can be missed.
	knows func(kid uint64) bool

	complain func(relay.Complaint) // tells others of a relay that did wrong; may be nil
	left     func(parting)         // tells that a relay was left; may be nil
}

// A course is what a tether has to keep to.
type course struct {
	want   bool              // be attached at all
	relays []relay.Candidate // that may be chosen
	floor  *relay.Floor      // what the acting host hears, if it says so
	holds  [8]byte           // names the secret that this node can hand out; zero: none
}

// A parting is why a relay was left, and what it took.
type parting struct {
	Relay identity.ID
	Path  relay.Path // that it was on
	Fault relay.Fault
	Gap   time.Duration // between the last packet of the old primary and the first of the new one; 0 when none was missed
}

// tether keeps this node attached to two relays. run owns what follows from one
// goroutine's decisions; mu guards everything, since packets come on others.
type tether struct {
	tetherConfig
	look flag // run should look again

	mu       sync.Mutex
	course   course
	pair     relay.Pair // as it was chosen
	watch    *relay.Watch
	wake     time.Time // when run will look by itself
	acts     []relay.Act
	holds    map[identity.ID]*hold
	record   relay.Reputation
	drained  map[identity.ID]time.Time // until when somebody who is about to go is not chosen
	failures map[identity.ID]failure
	last     parting // the newest
	count    uint64  // of partings
	working  sync.WaitGroup
}

// hold is an attachment, or one on its way.
type hold struct {
	relay  identity.ID
	cancel context.CancelFunc // ends the attempt
	at     attachment         // nil while on its way
	up     time.Time          // when it was made
	media  bool               // as the relay was last told
	asked  time.Time          // when it was asked for media
	heard  time.Time          // when the last packet came
	first  time.Time          // when the first packet came since asked
	leave  time.Time          // when to close it; zero: not at all
	over   bool               // it failed, or was lost
}

// failure is how often in a row a relay was not to be had.
type failure struct {
	n     int
	until time.Time // when to try again
}

// attachIn attaches to the relays of a room.
func attachIn(net *node.Room) func(context.Context, node.AttachConfig) (attachment, error) {
	return func(ctx context.Context, cfg node.AttachConfig) (attachment, error) {
		at, err := net.Attach(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return at, nil
	}
}

func newTether(cfg tetherConfig) *tether {
	return &tether{
		tetherConfig: cfg,
		look:         newFlag(),
		watch:        relay.NewWatch(time.Now()),
		holds:        map[identity.ID]*hold{},
		drained:      map[identity.ID]time.Time{},
		failures:     map[identity.ID]failure{},
	}
}

// follow sets the course. It never blocks.
func (t *tether) follow(c course) {
	if c.floor != nil {
		known := *c.floor
		known.Live = t.known(known.Live)
		c.floor = &known
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.holds != t.course.holds && c.holds != ([8]byte{}) {
		for _, h := range t.holds {
			if h.at != nil {
				h.at.Holds(c.holds)
			}
		}
	}
	if c.floor != nil && (t.course.floor == nil || c.floor.Host != t.course.floor.Host || c.floor.Seq != t.course.floor.Seq) {
		now := time.Now()
		t.watch.Floor(c.floor, now)
		t.judge(now)
	}
	t.course = c
	t.nudge()
}

func (t *tether) nudge() { t.look.set() }

// moved has this node attach again at once, also where that failed lately, and judges no
// relay by what was missed: it has moved in the network, or slept.
func (t *tether) moved() {
	now := time.Now()
	t.forgive(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.failures)
	t.nudge()
}

// run holds to the relays until ctx ends, and returns when it has let go of all.
func (t *tether) run(ctx context.Context) {
	defer t.working.Wait()
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-t.look:
		case <-timer.C:
		case <-ctx.Done():
			t.letGo()
			return
		}
		next = t.wakeUp(ctx, next, time.Now())
		timer.Reset(time.Until(next))
	}
}

// wakeUp takes a turn that was due at a time, and judges nobody by what
// happened if this node has overslept. Whoever is gone is noticed all the same.
func (t *tether) wakeUp(ctx context.Context, due, now time.Time) time.Time {
	if now.Sub(due) > overslept {
		t.log.Info("overslept", "by", now.Sub(due))
		t.forgive(now)
	}
	return t.turn(ctx, now)
}

// forgive begins to watch the relays anew.
func (t *tether) forgive(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acts = nil
	t.watch = relay.NewWatch(now)
	var pair relay.Pair
	if h := t.holds[t.pair.Primary]; h != nil && h.at != nil {
		pair.Primary = h.relay
	}
	if h := t.holds[t.pair.Shadow]; h != nil && h.at != nil {
		pair.Shadow = h.relay
	}
	t.watch.SetPair(pair, now)
	for _, h := range t.holds {
		if p, ok := t.watch.PathOf(h.relay); ok && h.over {
			t.watch.Lost(p, now)
		}
	}
}

// turn does what the Watch wants and what the course asks for, and returns when
// it must be called again.
func (t *tether) turn(ctx context.Context, now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.judge(now)
	acts := t.acts
	t.acts = nil
	for _, a := range acts {
		t.act(a, now)
	}
	t.choose(now)
	next := t.settle(ctx, now)
	t.judge(now) // of the new pair
	if len(t.acts) > 0 {
		next = now
	}
	t.wake = earliest(next, t.wake)
	return t.wake
}

// judge asks the Watch what to do. The caller holds mu.
func (t *tether) judge(now time.Time) {
	acts, next := t.watch.Step(now)
	t.acts = append(t.acts, acts...)
	if next.IsZero() {
		next = now.Add(tetherTick)
	}
	if len(acts) > 0 || next.Before(t.wake) {
		t.nudge()
	}
	t.wake = next
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// act leaves the relay that the Watch wants left. Whether the shadow sends
// media is for settle to see. The caller holds mu.
func (t *tether) act(a relay.Act, now time.Time) {
	t.log.Info("relay watched", "act", a.Kind.String(), "relay", a.Relay.Short(), "fault", a.Fault.String())
	if a.Kind != relay.Swap && a.Kind != relay.Replace {
		return
	}
	bye := parting{Relay: a.Relay, Path: relay.Shadow, Fault: a.Fault}
	if a.Kind == relay.Swap {
		bye.Path = relay.Primary
		bye.Gap = t.gap(a.Relay, now)
	}
	t.record.Blame(a.Relay, a.Fault, now)
	if h := t.holds[a.Relay]; h != nil {
		t.close(h)
	}
	t.last = bye
	t.count++
	if t.left != nil {
		t.left(bye)
	}
	if t.complain != nil && a.Fault.Complains() && t.record.MayComplain(now) {
		t.complain(relay.Complaint{Room: t.room, Relay: a.Relay, Who: t.me, Fault: a.Fault, KID: a.KID, Time: uint64(now.UnixMilli())})
	}
}

// gap is for how long nothing came when a primary failed: until the shadow
// began to send, or until now. The caller holds mu.
func (t *tether) gap(primary identity.ID, now time.Time) time.Duration {
	old := t.holds[primary]
	if old == nil || old.heard.IsZero() {
		return 0
	}
	until := now
	if s := t.holds[t.pair.Shadow]; s != nil && !s.first.IsZero() {
		until = s.first
	}
	return max(0, until.Sub(old.heard))
}

// choose picks the two relays. The caller holds mu.
func (t *tether) choose(now time.Time) {
	if !t.course.want {
		t.pair = relay.Pair{}
		return
	}
	order := relay.Elect(t.me, t.course.relays)
	barred := t.record.Barred(order, now)
	going := func(id identity.ID) bool { return now.Before(t.drained[id]) }
	pair := relay.Choose(order, t.pair, func(id identity.ID) bool { return barred(id) || going(id) })
	if pair.Primary.IsZero() {
		pair = relay.Choose(order, t.pair, barred) // better one that is about to go than none
	}
	p, s := t.holds[pair.Primary], t.holds[pair.Shadow]
	if !p.ready() && s.ready() && now.Sub(s.up) >= slowPrimary {
		pair.Primary, pair.Shadow = pair.Shadow, pair.Primary
	}
	t.pair = pair
}

func (h *hold) ready() bool { return h != nil && h.at != nil && !h.over }

// settle attaches to the relays of the pair, leaves the others, and has those
// send media that should. It returns when it must be called again at the
// latest. The caller holds mu.
func (t *tether) settle(ctx context.Context, now time.Time) (next time.Time) {
	next = now.Add(tetherTick)
	for _, h := range t.holds {
		switch {
		case h.over:
			delete(t.holds, h.relay)
			continue
		case h.relay == t.pair.Primary || h.relay == t.pair.Shadow:
			h.leave = time.Time{}
			continue
		case h.leave.IsZero() && h.media && h.ready() && t.course.want:
			h.leave = now.Add(overlap)
		case h.leave.IsZero():
			h.leave = now
		}
		if now.Before(h.leave) {
			next = earliest(next, h.leave)
		} else {
			t.close(h)
		}
	}
	for _, id := range []identity.ID{t.pair.Primary, t.pair.Shadow} {
		if id.IsZero() || t.holds[id] != nil {
			continue
		}
		if f := t.failures[id]; now.Before(f.until) {
			next = earliest(next, f.until)
			continue
		}
		t.begin(ctx, id)
	}
	var up relay.Pair
	if p := t.holds[t.pair.Primary]; p.ready() {
		up.Primary = p.relay
	}
	if s := t.holds[t.pair.Shadow]; s.ready() {
		up.Shadow = s.relay
		if up.Primary.IsZero() {
			next = earliest(next, s.up.Add(slowPrimary))
		}
	}
	if up != t.watch.Pair() {
		t.watch.SetPair(up, now)
	}
	t.ask(t.holds[up.Primary], true, now)
	t.ask(t.holds[up.Shadow], t.both || t.watch.Media(relay.Shadow), now)
	return next
}

// ask has a relay send media, or not. The caller holds mu.
func (t *tether) ask(h *hold, media bool, now time.Time) {
	if h.ready() && h.media != media {
		h.media = media
		h.asked, h.first = now, time.Time{}
		h.at.SetMedia(media)
	}
}

// begin attaches to a relay. The caller holds mu.
func (t *tether) begin(ctx context.Context, id identity.ID) {
	ctx, cancel := context.WithCancel(ctx)
	h := &hold{relay: id, cancel: cancel, media: id == t.pair.Primary}
	t.holds[id] = h
	cfg := node.AttachConfig{
		Relay: id, Proof: t.proof(), Media: h.media,
		OnPacket: func(b []byte, at time.Time) { t.onPacket(h, b, at) },
		OnBundle: func(seq uint32, at time.Time) {
			t.report(h, at, func(p relay.Path) { t.watch.Bundle(p, seq, at) })
		},
		OnDigest: func(b []byte, at time.Time) { t.onDigest(h, b, at) },
		OnDrain:  func() { t.onDrain(h) },
	}
	t.working.Go(func() {
		defer cancel()
		a, err := t.attach(ctx, cfg)
		if err != nil {
			t.lost(h, err)
			return
		}
		if t.made(h, a) {
			<-a.Done()
			t.lost(h, a.Err())
		}
		a.Close()
	})
}

// made notes that an attempt has succeeded, and reports whether it is still
// wanted.
func (t *tether) made(h *hold, a attachment) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holds[h.relay] != h {
		return false
	}
	h.at, h.up = a, time.Now()
	h.asked = h.up
	if t.course.holds != ([8]byte{}) {
		a.Holds(t.course.holds)
	}
	t.nudge()
	return true
}

// lost notes that an attempt has failed, or an attachment ended that was not
// closed here.
func (t *tether) lost(h *hold, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holds[h.relay] != h {
		return // it was left
	}
	t.log.Info("no relay", "relay", h.relay.Short(), "had", h.at != nil, "err", err)
	now := time.Now()
	h.over = true
	if errors.Is(err, node.ErrMoved) {
		t.nudge()
		return // the relay may be as good as before
	}
	f := t.failures[h.relay]
	if h.at != nil && now.Sub(h.up) > attachRarely {
		f = failure{} // it was good for a while
	}
	wait := min(attachAgain<<min(f.n, 8), attachRarely)
	t.failures[h.relay] = failure{f.n + 1, now.Add(wait/2 + rand.N(wait))}
	if p, ok := t.watch.PathOf(h.relay); ok {
		t.watch.Lost(p, now)
		t.judge(now)
	} else {
		t.record.Blame(h.relay, relay.Dead, now)
	}
	t.nudge()
}

// close leaves a relay. The caller holds mu.
func (t *tether) close(h *hold) {
	delete(t.holds, h.relay)
	h.cancel()
	if a := h.at; a != nil {
		t.working.Go(func() { a.Close() }) // which waits for callbacks that may wait for mu
	}
}

// letGo leaves all relays.
func (t *tether) letGo() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pair = relay.Pair{}
	for _, h := range t.holds {
		t.close(h)
	}
}

// report tells the Watch of something that came from a relay, unless that is
// not one of the pair, and what to do is done soon.
func (t *tether) report(h *hold, at time.Time, tell func(relay.Path)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holds[h.relay] != h {
		return
	}
	if p, ok := t.watch.PathOf(h.relay); ok {
		tell(p)
		t.judge(at)
	}
}

func (t *tether) onPacket(h *hold, b []byte, at time.Time) {
	g, d := t.packet(b, at)
	t.report(h, at, func(p relay.Path) {
		switch d {
		case brought:
			t.watch.Packet(p, g.KID, g.Index, g.Frames, g.End, at)
		case again:
			t.watch.Replayed(p, g.KID, g.Index, g.Frames, g.End, at)
		case forgery:
			t.watch.Forged(p, at)
			return
		}
		h.heard = at
		if h.first.IsZero() {
			h.first = at
		}
	})
}

func (t *tether) onDigest(h *hold, b []byte, at time.Time) {
	d, err := relay.ParseDigest(b)
	if err != nil || d.Relay != h.relay || d.Room != t.room {
		return // a relay that sends no digests of its own is silent
	}
	d.Live = t.known(d.Live)
	t.report(h, at, func(p relay.Path) { t.watch.Digest(p, d, at) })
}

// known returns those of the voices that this node knows of.
func (t *tether) known(live []relay.Live) (list []relay.Live) {
	for _, l := range live {
		if t.knows(l.KID) {
			list = append(list, l)
		}
	}
	return list
}

func (t *tether) onDrain(h *hold) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holds[h.relay] == h {
		t.drained[h.relay] = time.Now().Add(drainedFor)
		t.nudge()
	}
}

// held is how a node is held to its relays.
type held struct {
	Want    bool                 // it has to be
	Pair    relay.Pair           // that was chosen
	Primary *node.AttachmentInfo // nil while it is not attached
	Shadow  *node.AttachmentInfo
	Last    parting // zero when no relay was left yet
	Left    uint64  // relays that were
}

// whole says that every relay that was chosen is attached, and at least one is.
func (h *held) whole() bool {
	return h.Primary != nil && (h.Shadow != nil || h.Pair.Shadow.IsZero())
}

// state describes the tether as it is now.
func (t *tether) state() held {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := held{Want: t.course.want, Pair: t.pair, Last: t.last, Left: t.count}
	if h := t.holds[t.pair.Primary]; h.ready() {
		info := h.at.Info()
		s.Primary = &info
	}
	if h := t.holds[t.pair.Shadow]; h.ready() {
		info := h.at.Info()
		s.Shadow = &info
	}
	return s
}
