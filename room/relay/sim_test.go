// A seeded world for the tests of Watch: speakers, two relays and spares, lossy paths, one listener who does what the Watch says.

package relay

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"stoa/identity"
)

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func someone(n byte) identity.ID { return identity.ID{n} }

// seeds is how many worlds a test tries that has n: a fifth where time is short, as under
// the race detector, which finds nothing in worlds without goroutines.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return n / 5
	}
	return n
}

// world is virtual time and what happens in it. Moments are since noon.
type world struct {
	rng    *rand.Rand
	now    time.Duration
	events events
	order  int

	speakers []*speaker
	relays   []*simRelay
	listener *listener
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

func (w *world) at(t time.Duration, do func()) {
	w.order++
	heap.Push(&w.events, event{max(t, w.now), w.order, do})
}

func (w *world) after(d time.Duration, do func()) { w.at(w.now+d, do) }

func (w *world) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = until
}

func (w *world) time() time.Time { return noon.Add(w.now) }

// way is one direction of a network path: a delay, jitter that may reorder, and loss at random and in bursts.
type way struct {
	w      *world
	delay  time.Duration
	jitter time.Duration
	loss   float64
	burst  time.Duration // mean length of a burst in which all is lost
	share  float64       // of the time
	bad    bool
	until  time.Duration
	cut    bool
}

func (p *way) send(arrive func()) {
	for p.share > 0 && p.until <= p.w.now {
		p.bad = !p.bad
		mean := float64(p.burst)
		if !p.bad {
			mean *= (1 - p.share) / p.share
		}
		p.until += time.Duration(p.w.rng.ExpFloat64() * mean)
	}
	if p.cut || p.bad || p.w.rng.Float64() < p.loss {
		return
	}
	p.w.after(p.delay+time.Duration(p.w.rng.Float64()*float64(p.jitter)), arrive)
}

// voicePacket is a signed packet of two frames.
type voicePacket struct {
	kid   uint64
	index uint32
	level uint8
	end   bool
}

func (v voicePacket) bytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, v.kid)
	return append(binary.BigEndian.AppendUint32(b, v.index), v.level)
}

// speaker talks for seconds and pauses.
type speaker struct {
	w     *world
	kid   uint64
	index uint32
	level uint8
	talk  time.Duration // mean; 0 is without a pause
	pause time.Duration
	until time.Duration
	quiet bool // for good, without a word
	mute  bool
	sent  map[uint32]time.Duration
}

func (s *speaker) tick() {
	s.w.after(40*time.Millisecond, s.tick)
	if s.quiet {
		return
	}
	s.index += 2
	if s.w.now >= s.until && s.talk > 0 {
		s.mute = !s.mute
		mean := s.talk
		if s.mute {
			mean = s.pause
		}
		s.until = s.w.now + time.Duration((0.2+s.w.rng.ExpFloat64())*float64(mean))
		if !s.mute {
			s.say(false)
			return
		}
		s.say(true)
		return
	}
	if !s.mute {
		s.say(false)
	}
}

func (s *speaker) say(end bool) {
	v := voicePacket{s.kid, s.index, s.level, end}
	if s.sent != nil {
		s.sent[s.index] = s.w.now
	}
	for _, r := range s.w.relays {
		if r.used {
			r.in(s).send(func() { r.take(v) })
		}
	}
}

// simRelay is honest until told otherwise.
type simRelay struct {
	w     *world
	id    identity.ID
	ins   map[*speaker]*way
	inBy  func() *way // makes the way of a speaker
	out   *way
	meter Meter

	media   bool
	repeats bool
	pending []voicePacket
	before  []voicePacket
	seq     uint32
	dead    bool
	used    bool // is, or was, the listener's: the others are not simulated

	forward func(v voicePacket) bool // false swallows it
	delay   time.Duration            // added by it
	lie     func(d *Digest)          // alters its digest
	again   []voicePacket            // sends old packets as well
	spoil   bool                     // sends packets with a wrong signature
	noWord  bool                     // sends no digests
	rest    bool                     // sends no media, whatever it is asked
	later   map[uint64]time.Duration // added to one voice
}

func (r *simRelay) in(s *speaker) *way {
	if r.ins[s] == nil {
		if r.ins == nil {
			r.ins = make(map[*speaker]*way)
		}
		r.ins[s] = r.inBy()
	}
	return r.ins[s]
}

func (r *simRelay) take(v voicePacket) {
	if r.dead {
		return
	}
	r.meter.Count(v.bytes(), v.kid, v.index, v.level, v.end, r.w.time())
	if r.forward != nil && !r.forward(v) {
		return
	}
	d := r.delay + r.later[v.kid]
	r.w.after(d, func() {
		r.pending = append(r.pending, v)
		if len(r.pending) == 1 {
			r.w.after(5*time.Millisecond, r.flush)
		}
	})
}

func (r *simRelay) flush() {
	packets := r.pending
	r.pending = nil
	repeats := r.before
	r.before = packets
	if !r.media || r.dead || r.rest {
		return
	}
	if !r.repeats {
		repeats = nil
	}
	r.seq++
	seq, again, spoil := r.seq, r.again, r.spoil
	r.out.send(func() {
		l := r.w.listener
		p, ok := l.watch.PathOf(r.id)
		if !ok {
			return
		}
		l.watch.Bundle(p, seq, r.w.time())
		for _, list := range [][]voicePacket{packets, repeats, again} {
			for _, v := range list {
				if spoil {
					l.watch.Forged(p, r.w.time())
				} else {
					l.packet(p, v)
				}
			}
		}
		l.step()
	})
}

func (r *simRelay) digest() {
	r.w.after(DigestEvery, r.digest)
	if r.dead || r.noWord || !r.used {
		return
	}
	d := r.meter.Digest(identity.RoomID{}, r.id, r.w.time())
	if r.lie != nil {
		r.lie(d)
	}
	r.w.after(r.delay, func() {
		r.out.send(func() {
			if p, ok := r.w.listener.watch.PathOf(r.id); ok {
				r.w.listener.watch.Digest(p, d, r.w.time())
				r.w.listener.step()
			}
		})
	})
}

// listener does what its Watch says.
type listener struct {
	w     *world
	watch *Watch
	woken time.Duration
	acts  []timedAct
	heard map[uint64]map[uint32]time.Duration
	ask   time.Duration // until a relay does what it is asked
	spare []*simRelay   // who comes next
	reuse bool          // those that were left come back as spares
	stuck bool          // no new shadow is looked for
}

type timedAct struct {
	at time.Duration
	Act
}

func (a timedAct) String() string { return fmt.Sprintf("%v at %v", a.Act, a.at) }

func (l *listener) packet(p Path, v voicePacket) {
	if l.heard[v.kid] == nil {
		l.heard[v.kid] = make(map[uint32]time.Duration)
	}
	if _, known := l.heard[v.kid][v.index]; known {
		l.watch.Replayed(p, v.kid, v.index, 2, v.end, l.w.time())
		return
	}
	l.heard[v.kid][v.index] = l.w.now
	l.watch.Packet(p, v.kid, v.index, 2, v.end, l.w.time())
}

func (l *listener) step() {
	acts, next := l.watch.Step(l.w.time())
	for _, a := range acts {
		l.acts = append(l.acts, timedAct{l.w.now, a})
		l.do(a)
	}
	if at := next.Sub(noon); l.woken <= l.w.now || at < l.woken {
		l.woken = at
		l.w.at(at, func() {
			if l.woken == l.w.now {
				l.step()
			}
		})
	}
}

func (l *listener) do(a Act) {
	switch a.Kind {
	case TakeOver:
		l.w.after(l.ask, func() { l.relay(a.Relay).media = true })
	case GiveBack:
		l.w.after(l.ask, func() { l.relay(a.Relay).media = l.watch.Media(l.path(a.Relay)) })
	case Swap, Replace:
		left := l.relay(a.Relay)
		left.media = false
		if l.reuse {
			l.spare = append(l.spare, left)
		}
		if p := l.watch.Pair().Primary; !p.IsZero() {
			l.w.after(l.ask, func() { l.relay(p).media = true })
		}
		if !l.stuck {
			l.w.after(3*l.ask, l.fill)
		}
	}
}

func (l *listener) path(id identity.ID) Path {
	p, _ := l.watch.PathOf(id)
	return p
}

// fill puts spares in places that are free.
func (l *listener) fill() {
	pair := l.watch.Pair()
	for _, place := range []*identity.ID{&pair.Primary, &pair.Shadow} {
		if place.IsZero() && len(l.spare) > 0 {
			*place = l.spare[0].id
			l.spare[0].used = true
			l.spare = l.spare[1:]
		}
	}
	l.watch.SetPair(pair, l.w.time())
	if !pair.Primary.IsZero() {
		l.relay(pair.Primary).media = true
	}
	l.step()
}

func (l *listener) relay(id identity.ID) *simRelay {
	for _, r := range l.w.relays {
		if r.id == id {
			return r
		}
	}
	panic("no such relay")
}

// newWorld has a number of speakers who talk without a pause and relays on good paths, the first two of which are the listener's.
func newWorld(seed uint64, speakers, relays int) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 3))}
	for n := range speakers {
		w.speakers = append(w.speakers, &speaker{w: w, kid: uint64(100 + n), index: w.rng.Uint32(), level: uint8(20 + n)})
	}
	good := func() *way { return &way{w: w, delay: 20 * time.Millisecond, jitter: 5 * time.Millisecond} }
	for n := range relays {
		w.relays = append(w.relays, &simRelay{w: w, id: someone(byte(n + 1)), inBy: good, out: good()})
	}
	w.listener = &listener{
		w: w, watch: NewWatch(noon), ask: 50 * time.Millisecond, heard: make(map[uint64]map[uint32]time.Duration), spare: w.relays,
	}
	return w
}

// start lets the listener attach and everybody begin, at phases that differ by seed.
func (w *world) start() {
	for _, s := range w.speakers {
		w.after(time.Duration(w.rng.IntN(40))*time.Millisecond, s.tick)
	}
	for _, r := range w.relays {
		w.after(time.Duration(w.rng.IntN(200))*time.Millisecond, r.digest)
	}
	w.listener.fill()
}

// since returns the acts after a moment.
func (l *listener) since(t time.Duration) (acts []timedAct) {
	for _, a := range l.acts {
		if a.at >= t {
			acts = append(acts, a)
		}
	}
	return acts
}

// firstAct returns the first of some kinds of acts after a moment.
func firstAct(acts []timedAct, kinds ...ActKind) (timedAct, bool) {
	for _, a := range acts {
		for _, k := range kinds {
			if a.Kind == k {
				return a, true
			}
		}
	}
	return timedAct{}, false
}

func TestWatchFindsFaults(t *testing.T) {
	const begin = 40 * time.Second
	tests := []struct {
		name     string
		speakers int
		evil     func(w *world, r *simRelay)
		shadow   bool // the evil one is the shadow
		kind     ActKind
		want     []Fault
		within   time.Duration
	}{
		{"dies", 2, func(w *world, r *simRelay) { r.dead = true }, false, Swap, []Fault{Dead}, 1300 * time.Millisecond},
		{"drops 30 %", 1, func(w *world, r *simRelay) {
			r.forward = func(voicePacket) bool { return w.rng.Float64() >= 0.3 }
		}, false, Swap, []Fault{Drops}, 5 * time.Second},
		// With four voices it happens that one of them loses eight packets in a row.
		{"drops 30 % of four", 4, func(w *world, r *simRelay) {
			r.forward = func(voicePacket) bool { return w.rng.Float64() >= 0.3 }
		}, false, Swap, []Fault{Drops, Censors}, 5 * time.Second},
		{"delays 300 ms", 1, func(w *world, r *simRelay) { r.delay = 300 * time.Millisecond }, false, Swap, []Fault{Delays}, 3 * time.Second},
		{"delays one voice", 3, func(w *world, r *simRelay) {
			r.later = map[uint64]time.Duration{101: 300 * time.Millisecond}
		}, false, Swap, []Fault{Delays, Censors}, 3 * time.Second},
		{"swallows one of three", 3, func(w *world, r *simRelay) {
			r.forward = func(v voicePacket) bool { return v.kid != 101 }
		}, false, Swap, []Fault{Censors}, 500 * time.Millisecond},
		{"swallows the only one", 1, func(w *world, r *simRelay) {
			r.forward = func(v voicePacket) bool { return false }
		}, false, Swap, []Fault{Censors}, 500 * time.Millisecond},
		{"forges", 1, func(w *world, r *simRelay) { r.spoil = true }, false, Swap, []Fault{Forges}, 100 * time.Millisecond},
		{"replays", 1, func(w *world, r *simRelay) {
			s := w.speakers[0]
			r.again = []voicePacket{{s.kid, s.index - 100, s.level, false}}
		}, false, Swap, []Fault{Replays}, 120 * time.Millisecond},
		{"loses its shadow", 1, func(w *world, r *simRelay) { r.dead = true }, true, Replace, []Fault{Silent}, 900 * time.Millisecond},
		{"shadow claims more", 1, func(w *world, r *simRelay) {
			extra := uint32(0)
			r.lie = func(d *Digest) {
				for i := range d.Live {
					extra += 4
					d.Live[i].Count += extra
				}
			}
		}, true, Replace, []Fault{Drops}, 6 * time.Second},
		{"shadow invents a voice", 1, func(w *world, r *simRelay) {
			n := uint32(0)
			r.lie = func(d *Digest) {
				n += 5
				d.Live = append(d.Live, Live{KID: 999, Index: 2 * n, Count: n})
			}
		}, true, Replace, []Fault{Drops}, 4 * time.Second},
		{"shadow claims to be ahead", 1, func(w *world, r *simRelay) {
			r.lie = func(d *Digest) {
				for i := range d.Live {
					d.Live[i].Index += 30
					d.Live[i].Count += 15
				}
			}
		}, true, Replace, []Fault{Drops}, 4 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var worst, sum time.Duration
			tries := seeds(20)
			for seed := range tries {
				w := newWorld(seed, tt.speakers, 4)
				w.start()
				w.run(begin)
				w.run(begin + time.Duration(w.rng.IntN(200))*time.Millisecond)
				if len(w.listener.acts) > 0 {
					t.Fatalf("seed %d: before: %v", seed, w.listener.acts)
				}
				evil, honest := w.relays[0], w.relays[1]
				if tt.shadow {
					evil, honest = honest, evil
				}
				tt.evil(w, evil)
				from := w.now
				w.run(from + 10*time.Second)
				acts := w.listener.since(from)
				a, ok := firstAct(acts, Swap, Replace)
				if tt.kind == 0 {
					if ok {
						t.Errorf("seed %d: %v", seed, acts)
					}
					continue
				}
				right := false
				for _, f := range tt.want {
					right = right || a.Fault == f
				}
				if !ok || a.Kind != tt.kind || a.Relay != evil.id || !right {
					t.Fatalf("seed %d: %v", seed, acts)
				}
				worst = max(worst, a.at-from)
				sum += a.at - from
				if a.at-from > tt.within {
					t.Errorf("seed %d: found after %v: %v", seed, a.at-from, acts)
				}
			}
			t.Logf("mean %v, worst %v", sum/time.Duration(tries), worst)
		})
	}
}
