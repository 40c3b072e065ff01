// The room of the simulation as a whole: who comes when, who goes, and what is left of it when relays die.

package room

import (
	"fmt"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room/relay"
	"stoa/room/seal"
)

// thousands is how large a simulated room is and what happens in it.
type thousands struct {
	seed     uint64
	members  int           // of the audience
	speakers int           // at most maxSpeakers
	hosts    int           // relays on good machines
	slots    int           // of each host
	peers    int           // relays with few slots
	liars    float64       // share of the relays
	rate     int           // who come in a second, until all are there
	churn    float64       // share of the audience that goes in a minute, and comes in their place
	life     time.Duration // of a relay, mean
	disaster time.Duration // when a fifth of the relays dies at once
	kicks    time.Duration // between two
	acts     time.Duration // between two other operations
	length   time.Duration
}

// peerSlots is what somebody's own machine carries.
const peerSlots = 40

// world is a run of the simulation.
type world struct {
	tb  testing.TB
	cfg thousands
	clock
	rnd    *chance
	cities [networks][2]float64

	owner    *identity.Key
	charter  *identity.Charter
	log      *Log
	views    []*State // after so many operations
	born     []int64  // when
	sizes    []int
	removes  []bool              // whether it puts somebody out
	invited  identity.Credential // the link by which the audience comes
	link     *identity.Key
	epochs   []*epochOf
	byCommit map[identity.Hash]*epochOf
	kicks    []*kick
	ear      *seal.Opener

	stage    []*member
	speakers []*member
	mesh     []*gossiper
	spreads  int

	relays   []*carrier
	byID     map[identity.ID]*carrier
	gone     map[*carrier]bool // and everybody in the core knows it
	regard   int               // changes with gone
	plans    map[int32]*plan
	digests  [relay.MaxLive + 1]int
	audience relay.Audience
	floor    relay.Meter      // of the acting host
	opinion  relay.Reputation // of the core, by complaints

	crowd  []*hearer
	people int // who have ever come

	score score
}

// newWorld makes a room with its stage and its relays, and nobody in the audience.
func newWorld(tb testing.TB, cfg thousands) *world {
	w := &world{
		tb: tb, cfg: cfg, rnd: newChance(cfg.seed),
		byCommit: map[identity.Hash]*epochOf{}, byID: map[identity.ID]*carrier{}, gone: map[*carrier]bool{}, plans: map[int32]*plan{},
	}
	w.score.begin()
	for i := range w.cities {
		w.cities[i] = [2]float64{w.rnd.Float64(), w.rnd.Float64()}
	}
	w.found()
	w.open()
	for i := range cfg.hosts + cfg.peers {
		slots := cfg.slots
		if i >= cfg.hosts {
			slots = peerSlots
		}
		w.enlist(w.character(i), slots)
	}
	w.newEpoch(w.owner)
	for _, m := range w.stage {
		m.gossip.seen = w.version()
		w.turnMember(m)
	}
	for _, c := range w.relays {
		c.gossip.seen = w.version()
	}
	for _, c := range w.relays {
		c.serve(w)
	}
	return w
}

// character is what kind of relay the next one is: of liars there is the share that is asked for, of each kind as many.
func (w *world) character(i int) lie {
	if w.rnd.one(w.cfg.liars) {
		return 1 + lie(i)%(lies-1)
	}
	return honest
}

// live lets everything happen.
func (w *world) live() {
	cfg := &w.cfg
	for range cfg.members {
		l := new(hearer)
		l.n = len(w.crowd)
		w.crowd = append(w.crowd, l)
	}
	coming := 0
	w.every(time.Second/time.Duration(cfg.rate), func() bool {
		if coming < len(w.crowd) {
			w.enter(w.crowd[coming])
			coming++
		}
		return coming < len(w.crowd)
	})
	w.every(time.Duration(float64(time.Minute)/(cfg.churn*float64(cfg.members))), func() bool {
		if l := w.crowd[w.rnd.IntN(len(w.crowd))]; l.here {
			w.replace(l)
		}
		return true
	})
	w.every(time.Duration(float64(cfg.life)/float64(len(w.relays))), func() bool {
		w.fail()
		return true
	})
	if cfg.disaster > 0 {
		w.call(cfg.disaster, w.disaster)
	}
	w.moderate()
	w.host()
	w.every(time.Second, func() bool { w.score.second(w); return true })
	w.run(cfg.length, w.happen)
}

// enter has somebody come who has not been here.
func (w *world) enter(l *hearer) {
	w.people++
	l.reset(w, w.key(fmt.Sprint("listener ", w.people)), nil)
	l.arrive()
}

// replace has somebody go, and somebody come: one in two has been here before.
func (w *world) replace(l *hearer) {
	l.depart()
	key, proof := l.key, l.proof
	w.call(w.rnd.about(2*time.Second), func() {
		if l.here {
			return
		}
		if l.kicked == nil && w.rnd.one(0.5) {
			l.reset(w, key, proof)
			l.arrive()
			return
		}
		w.enter(l)
	})
}

// someListener is one who has been here for a while.
func (w *world) someListener() *hearer {
	for range 100 {
		if l := w.crowd[w.rnd.IntN(len(w.crowd))]; l.here && l.kicked == nil && w.at-l.joined > 10000 {
			return l
		}
	}
	return nil
}

// fail has a relay die, and another one join in its place a while later.
func (w *world) fail() {
	for range 100 {
		c := w.relays[w.rnd.IntN(len(w.relays))]
		if !c.alive || w.at-c.started < 10000 {
			continue
		}
		c.die(w)
		w.call(10*time.Second+w.rnd.about(10*time.Second), func() { w.reinforce(c.slots) })
		return
	}
}

// reinforce has a new relay join.
func (w *world) reinforce(slots int) {
	moderator := w.stage[1]
	if moderator.gossip.seen != w.version() {
		w.call(200*time.Millisecond, func() { w.reinforce(slots) })
		return
	}
	before := w.version()
	c := w.enlist(w.character(len(w.relays)), slots)
	c.serve(w)
	for v := before + 1; v <= w.version(); v++ {
		w.publish(moderator, v)
	}
}

// disaster takes a fifth of the relays at once.
func (w *world) disaster() {
	w.score.disaster = w.at
	for _, c := range w.relays {
		if c.alive && w.rnd.one(0.2) {
			c.die(w)
			w.call(20*time.Second+w.rnd.about(20*time.Second), func() { w.reinforce(c.slots) })
		}
	}
}

// host has the acting host say what is heard, for everybody to compare with what they hear.
func (w *world) host() {
	me := w.stage[0]
	w.every(relay.FloorEvery, func() bool {
		f := w.floor.Floor(w.charter.ID(), me.key.ID(), w.time())
		load := &cargo{floor: f, size: len(f.Sign(me.key))}
		w.spread(me.gossip, load.size, "floor", func(g *gossiper) {
			if c := g.carrier; c != nil && c.lie != swallows && c.lie != hushes {
				c.feed(w, evFloor, load)
			}
		})
		return true
	})
}

// complain publishes a complaint, through the relay that is left.
func (w *world) complain(f *follower, c *carrier, why *relay.Act) {
	complaint := &relay.Complaint{Room: w.charter.ID(), Relay: c.id, Who: f.id, Fault: why.Fault, KID: why.KID, Time: millis(w.time())}
	through := f.att[1]
	if through == nil {
		through = f.att[0]
	}
	if through == nil || !through.carrier.alive {
		return
	}
	w.score.complaints++
	w.after(through.upward.stream(w.rnd), event{kind: evCall, do: func() {
		w.spread(through.carrier.gossip, 220, "complaints", func(g *gossiper) {
			if g == w.stage[0].gossip {
				w.opinion.Complain(complaint, identity.Hash{1}, w.time())
			}
		})
	}})
}

// happen lets one event happen.
func (w *world) happen(e event) {
	switch e.kind {
	case evCall:
		e.do()
	case evVoice:
		e.on.carrier.voice(w, e.cargo)
	case evFlush:
		if c := e.on.carrier; c.alive && c.windows == e.seq {
			c.flush(w)
		}
	case evBundle:
		if f := e.on.owner; f.watch != nil {
			f.bundle(e.on, e.seq, e.cargo)
		}
	case evDigest:
		if f := e.on.owner; f.watch != nil {
			f.digest(e.on, e.cargo.digest)
		}
	case evFeed:
		e.on.owner.listener.told(e.on, e.cargo.version)
	case evFloor:
		if f := e.on.owner; f.watch != nil {
			if _, ok := f.path(e.on); ok {
				f.watch.Floor(e.cargo.floor, w.time())
			}
		}
	case evStep:
		e.on.owner.step(e.seq)
	}
}
