// Whoever attaches to two relays and watches them: each listener, and each relay that the speakers do not feed.

package room

import (
	"slices"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// follower holds two relays, as the machines of package relay say.
type follower struct {
	w        *world
	id       identity.ID
	place    place
	listener *hearer // one of the two is set
	carrier  *carrier
	itself   attachment

	watch  *relay.Watch // nil while it follows nobody
	rep    relay.Reputation
	pair   relay.Pair // as att has it
	att    [2]*attachment
	calls  []identity.ID // relays that are being called
	order  []relay.Candidate
	from   *plan // what order was made of
	run    int   // counts the times it began
	looked int64 // when the watch was last asked
	wakes  int64 // when it will be asked again
	bereft int64 // since when nobody sends voice; 0 when somebody does
}

func (f *follower) init(w *world, id identity.ID, p place) {
	f.w, f.id, f.place = w, id, p
	f.itself = attachment{owner: f}
}

// version is how much of the log it has seen.
func (f *follower) version() int32 {
	if f.carrier != nil {
		return f.carrier.gossip.seen
	}
	return f.listener.seen
}

// elect brings the order of relays up to date.
func (f *follower) elect() {
	p := f.w.plan(f.version())
	if p == f.from {
		return
	}
	f.from = p
	if f.carrier != nil {
		f.order = relay.Elect(f.id, p.trunk)
		return
	}
	f.order = relay.Elect(f.id, p.serve)
}

// choose finds out which two relays it should have, and calls those that it has not.
func (f *follower) choose() {
	if f.carrier != nil && (f.carrier.trunk || !f.carrier.alive) {
		return
	}
	now := f.w.time()
	if f.watch == nil {
		f.watch = relay.NewWatch(now)
		f.bereft = f.w.at
		f.run++
	}
	f.elect()
	want := relay.Choose(f.order, f.pair, f.rep.Barred(f.order, now))
	for i, id := range [2]identity.ID{want.Primary, want.Shadow} {
		if !id.IsZero() && f.seat(id) == nil && !slices.Contains(f.calls, id) && len(f.calls) < 3 {
			f.call(f.w.byID[id], i == 0)
		}
	}
	f.arrange(want)
}

// seat is the attachment to a relay.
func (f *follower) seat(id identity.ID) *attachment {
	for _, a := range f.att {
		if a != nil && a.carrier.id == id {
			return a
		}
	}
	return nil
}

// arrange puts the two attachments into the order that is wanted, as far as they are there. One that is not wanted stays until there is another.
func (f *follower) arrange(want relay.Pair) {
	if s := f.seat(want.Primary); s != nil && s == f.att[1] && f.att[0] != nil {
		f.att[0], f.att[1] = f.att[1], f.att[0]
	}
	if f.att[0] == nil {
		f.att[0], f.att[1] = f.att[1], nil
	}
	f.settled()
}

// settled tells the watch who the two are, and the primary to send voice.
func (f *follower) settled() {
	f.pair = relay.Pair{}
	if f.att[0] != nil {
		f.pair.Primary = f.att[0].carrier.id
		f.ask(f.att[0], true)
		if f.bereft != 0 {
			f.w.score.rehomed(f, f.w.at-f.bereft)
			f.bereft = 0
		}
	} else if f.bereft == 0 {
		f.bereft = f.w.at
	}
	if f.att[1] != nil {
		f.pair.Shadow = f.att[1].carrier.id
		if f.carrier != nil {
			f.ask(f.att[1], true) // a relay hears two at all times, so that its listeners do not miss what its primary does wrong
		}
	}
	f.watch.SetPair(f.pair, f.w.time())
	f.wake(f.w.at + 20)
}

// ask asks a relay for voice, or to stand by.
func (f *follower) ask(a *attachment, voice bool) {
	if a.media != voice {
		f.w.after(a.upward.stream(f.w.rnd), event{kind: evCall, do: func() { a.carrier.setMedia(f.w, a, voice) }})
	}
}

// call calls a relay and asks it for a seat: two times there and back.
func (f *follower) call(c *carrier, voice bool) {
	w, run := f.w, f.run
	f.calls = append(f.calls, c.id)
	way := between(f.place, c.place)
	done := func(a *attachment) {
		f.calls = slices.DeleteFunc(f.calls, func(id identity.ID) bool { return id == c.id })
		switch {
		case a != nil && (f.run != run || a.over):
			c.release(a)
		case f.run != run:
		case a == nil:
			f.rep.Blame(c.id, relay.Dead, w.time())
			f.choose()
		default:
			f.seated(a)
		}
	}
	w.score.listeners("calls", 8, 4800)
	w.after(way.stream(w.rnd)+2*way.delay, event{kind: evCall, do: func() {
		if !c.alive {
			w.after(dialTime, event{kind: evCall, do: func() { done(nil) }})
			return
		}
		var a *attachment
		if f.run == run {
			a = c.admits(w, f, voice)
		}
		back := between(c.place, f.place)
		w.after(back.stream(w.rnd), event{kind: evCall, do: func() { done(a) }})
	}})
}

// seated takes a new attachment into use.
func (f *follower) seated(a *attachment) {
	want := relay.Choose(f.order, f.pair, f.rep.Barred(f.order, f.w.time()))
	at := 1
	if f.att[0] == nil || want.Primary == a.carrier.id {
		at = 0
	}
	if old := f.att[at]; old != nil {
		f.att[at] = nil
		if at == 0 && f.att[1] == nil {
			f.att[1] = old
		} else {
			old.carrier.release(old)
		}
	}
	f.att[at] = a
	f.settled()
	if f.listener != nil {
		f.listener.seated(a)
	}
	f.choose()
}

// lost notes that an attachment has ended.
func (f *follower) lost(a *attachment) {
	for p, b := range f.att {
		if a == b {
			f.watch.Lost(relay.Path(p), f.w.time())
			f.look()
		}
	}
}

// leave gives up both relays.
func (f *follower) leave() {
	f.run++
	for p, a := range f.att {
		f.att[p] = nil
		if a != nil {
			a.carrier.release(a)
		}
	}
	f.pair, f.watch, f.bereft = relay.Pair{}, nil, 0
	f.calls = nil
}

// path tells which of the two an attachment is.
func (f *follower) path(a *attachment) (relay.Path, bool) {
	switch a {
	case f.att[0]:
		return relay.Primary, true
	case f.att[1]:
		return relay.Shadow, true
	}
	return 0, false
}

// bundle takes the packets of a bundle.
func (f *follower) bundle(a *attachment, seq uint32, what *cargo) {
	p, ok := f.path(a)
	if !ok {
		return
	}
	now := f.w.time()
	f.watch.Bundle(p, seq, now)
	for _, k := range what.packets {
		f.packet(p, k, now)
	}
	if a.lossy {
		for _, k := range what.repeats {
			f.packet(p, k, now)
		}
	}
	f.perhapsLook()
}

// packet takes one packet, verifies it, and makes use of it.
func (f *follower) packet(p relay.Path, k *packet, now time.Time) {
	if f.listener != nil && !f.listener.knows(k) {
		return // of an epoch that has not been heard of
	}
	g := &k.glance
	if f.w.forged(k) {
		f.watch.Forged(p, now)
		return
	}
	seen := f.windows()
	if !seen[k.speaker].take(k.n) {
		if f.carrier != nil && f.w.at-f.carrier.direct[k.speaker] < fedFor {
			f.watch.Packet(p, g.KID, g.Index, g.Frames, g.End, now) // it came from the speaker as well, and by this relay the first time
			return
		}
		f.watch.Replayed(p, g.KID, g.Index, g.Frames, g.End, now)
		return
	}
	f.watch.Packet(p, g.KID, g.Index, g.Frames, g.End, now)
	if f.carrier != nil {
		f.carrier.gather(f.w, k)
		return
	}
	f.listener.play(k)
}

func (f *follower) windows() *[maxSpeakers]window64 {
	if f.carrier != nil {
		return &f.carrier.seen
	}
	return &f.listener.heard
}

// digest takes what a relay says that it passes on.
func (f *follower) digest(a *attachment, d *relay.Digest) {
	if p, ok := f.path(a); ok {
		f.watch.Digest(p, d, f.w.time())
		f.perhapsLook()
	}
}

// lookEvery is how often the watch is asked at most, ms.
const lookEvery = 40

// perhapsLook asks the watch, unless it was asked a moment ago.
func (f *follower) perhapsLook() {
	if f.w.at-f.looked >= lookEvery {
		f.look()
	} else {
		f.wake(f.looked + lookEvery)
	}
}

// wake has the watch asked at a time, unless it is asked before.
func (f *follower) wake(at int64) {
	if f.wakes > f.w.at && f.wakes <= at {
		return
	}
	f.wakes = at
	f.w.after(at-f.w.at, event{kind: evStep, on: &f.itself, seq: uint32(f.run)})
}

// step is a wake-up.
func (f *follower) step(run uint32) {
	if f.watch != nil && uint32(f.run) == run && f.w.at >= f.wakes {
		f.look()
	}
}

// look does what the watch wants.
func (f *follower) look() {
	f.looked = f.w.at
	acts, next := f.watch.Step(f.w.time())
	for i := range acts {
		f.act(&acts[i])
	}
	if f.watch != nil && !next.IsZero() {
		f.wake(max(f.w.at+lookEvery, next.UnixMilli()-dawn))
	}
}

func (f *follower) act(a *relay.Act) {
	w := f.w
	w.score.acted(f, a)
	switch a.Kind {
	case relay.TakeOver:
		if f.att[1] != nil {
			f.ask(f.att[1], true)
		}
	case relay.GiveBack:
		if f.att[1] != nil && f.carrier == nil {
			f.ask(f.att[1], false)
		}
	case relay.Swap:
		f.drop(f.att[0], a)
		f.att[0], f.att[1] = f.att[1], nil
		f.settled()
		f.choose()
	case relay.Replace:
		f.drop(f.att[1], a)
		f.att[1] = nil
		f.settled()
		f.choose()
	}
}

// drop leaves a relay for a fault.
func (f *follower) drop(a *attachment, why *relay.Act) {
	if a == nil {
		return
	}
	now := f.w.time()
	f.rep.Blame(a.carrier.id, why.Fault, now)
	if a.carrier.alive {
		a.carrier.release(a)
	}
	if why.Fault.Complains() && f.rep.MayComplain(now) {
		f.w.complain(f, a.carrier, why)
	}
}
