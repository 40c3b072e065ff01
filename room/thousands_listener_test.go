// The listeners of the simulation: how they come, what they hear, how they get the secrets, how they go.

package room

import (
	"time"

	"stoa/identity"
)

const (
	inTime  = 400 // ms from the speaker's mouth within which a packet can be played
	settled = 5 * time.Second

	letterNext = 1200 * time.Millisecond // until somebody else is asked as well; see package node
)

// hearer is one of the audience.
type hearer struct {
	follower
	n      int
	key    *identity.Key
	proof  *proven
	here   bool
	joined int64
	seen   int32 // of the log
	noted  int32 // of that, in the score
	early  map[int32]bool
	book   book
	fetch  fetch
	kicked *kick

	heard [maxSpeakers]window64
	plays [4][maxSpeakers]uint8 // packets played, by the second in which they were said
}

// arrive has somebody come to the room: to a gate first, which is one of the relays that the link names.
func (l *hearer) arrive() {
	l.here, l.joined = true, l.w.at
	l.knock(l.run)
}

func (l *hearer) knock(run int) {
	w := l.w
	if l.run != run || !l.here {
		return
	}
	gate := w.relays[w.rnd.IntN(len(w.relays))]
	way := between(l.place, gate.place)
	again := func(d time.Duration) { w.call(d, func() { l.knock(run) }) }
	w.after(2*way.delay+way.stream(w.rnd), event{kind: evCall, do: func() {
		switch {
		case !gate.alive:
			again(500 * time.Millisecond) // other hints are tried beside it
			return
		case gate.lie == refuses || gate.lie == swallows || !gate.gate.take(w.time()):
			again(time.Duration(way.delay+200) * time.Millisecond)
			return
		}
		if l.proof == nil {
			l.sit(gate)
		}
		version := gate.gossip.seen
		size := w.logSize(version)
		w.score.listeners("joining", 1+size/1300, size+3000)
		w.after(way.stream(w.rnd)+2*way.delay, event{kind: evCall, do: func() {
			if l.run == run && l.here {
				l.seen = version
				l.notice()
				l.choose()
			}
		}})
	}})
}

// sit redeems the link and is given a seat, which whoever asks will see: real records, verified once for all who verify them.
func (l *hearer) sit(gate *carrier) {
	w := l.w
	leaf := w.invited.Leaf()
	redeem, err := identity.SignRedeem(w.link, l.key, identity.Redeem{Room: w.charter.ID(), Grant: leaf.Hash(), Time: millis(w.time())})
	w.must(err)
	cred := identity.Credential{{Grant: leaf, Redeem: redeem}}
	seat := signSeat(gate.key, &Seat{Room: w.charter.ID(), Who: l.id, Grant: leaf.Hash(), Time: millis(w.time()), By: gate.id})
	proof := identity.Marshal(Proof{Credential: cred.Bytes(), Seat: seat})
	l.proof, err = parseProof(w.charter, l.id, proof, w.time())
	w.must(err)
}

// welcome tells whether somebody may hear, as a state has it: by the seat, or because its gate is not known there yet.
func (l *hearer) welcome(s *State) bool {
	if l.proof == nil {
		return false
	}
	a, _ := l.proof.judge(s, l.id)
	return a != No
}

// seated notices a new relay: it is asked what has happened meanwhile.
func (l *hearer) seated(a *attachment) {
	l.sync(a)
	if e, ok := l.book.lacking(); ok || !e.IsZero() && l.book.current.Known {
		l.tellHolds(a)
	}
	l.seek()
}

// sync asks a relay for the operations that are missing.
func (l *hearer) sync(a *attachment) {
	w := l.w
	if a.carrier.lie == hushes || a.carrier.lie == swallows {
		return
	}
	w.score.listeners("operations", 2, 2*(streamHead+100))
	w.after(a.upward.stream(w.rnd), event{kind: evCall, do: func() {
		version := a.carrier.gossip.seen
		w.after(a.down.stream(w.rnd), event{kind: evCall, do: func() {
			if l.here && version > l.seen {
				l.seen = version
				l.caughtUp()
			}
		}})
	}})
}

// told takes an operation.
func (l *hearer) told(a *attachment, version int32) {
	if _, ok := l.path(a); !ok || !l.here || version <= l.seen {
		return
	}
	if l.early == nil {
		l.early = map[int32]bool{}
	}
	before := l.seen
	l.seen = advance(l.seen, version, l.early)
	if l.seen != before {
		l.caughtUp()
		return
	}
	run := l.run
	l.w.call(syncGrace, func() { // gossip gets a moment to bring what is missing
		if l.run == run && len(l.early) > 0 && l.att[0] != nil {
			l.sync(l.att[0])
		}
	})
}

// caughtUp takes notice of the operations that have come, and of those that had come before them.
func (l *hearer) caughtUp() {
	for v := range l.early {
		if v <= l.seen {
			delete(l.early, v)
		}
	}
	for l.early[l.seen+1] {
		l.seen++
		delete(l.early, l.seen)
	}
	l.notice()
	l.seek()
}

// notice works out what follows from the log.
func (l *hearer) notice() {
	w := l.w
	w.score.learned(l)
	s := w.views[l.seen]
	l.book.turn(s.Epoch.N, s.Epoch.Commit, w.time())
	l.book.expire(w.time())
}

// seek asks for the current secret if it is not here: whom, a relay decides.
func (l *hearer) seek() {
	w := l.w
	commit, lacking := l.book.lacking()
	if !lacking || !l.here || l.att[0] == nil {
		return
	}
	l.fetch.aim(commit, w.time())
	if !l.fetch.anybody(w.time(), time.Duration(w.rnd.Int64N(int64(fetchSpread)))) {
		if at := l.fetch.next(); !at.IsZero() {
			l.later(at.Sub(w.time()), l.seek)
		}
		return
	}
	answered := false
	end := func(secret [32]byte, ok bool) {
		switch {
		case answered:
		case ok && l.book.learn(commit, secret):
			answered = true
			if k := w.byCommit[commit].kick; k != nil && l.mayHear(k) {
				w.score.keys.add(w.at - k.at)
			}
			for _, a := range l.att {
				if a != nil {
					l.tellHolds(a)
				}
			}
		}
	}
	l.write(l.att[0], commit, end)
	l.later(letterNext, func() {
		if !answered && l.att[1] != nil {
			l.write(l.att[1], commit, end)
		}
	})
	l.later(fetchTime, func() {
		if !answered {
			answered = true
			l.fetch.failed(commit, w.time())
			l.later(fetchPause, l.seek)
		}
	})
}

// later does something unless this person has gone meanwhile.
func (l *hearer) later(d time.Duration, f func()) {
	run, who := l.run, l.id
	l.w.call(d, func() {
		if l.here && l.id == who && l.run >= run {
			f()
		}
	})
}

// write sends a letter through a relay.
func (l *hearer) write(a *attachment, commit identity.Hash, end func([32]byte, bool)) {
	who := l.id
	l.w.after(a.upward.stream(l.w.rnd), event{kind: evCall, do: func() {
		a.carrier.letter(l.w, l, commit, func(secret [32]byte, ok bool) {
			if l.here && l.id == who {
				end(secret, ok)
			}
		})
	}})
}

// tellHolds tells a relay that this listener can hand out the current secret.
func (l *hearer) tellHolds(a *attachment) {
	commit, w := l.book.current.Commit, l.w
	if l.book.current.Known {
		w.after(a.upward.stream(w.rnd), event{kind: evCall, do: func() { a.holds = commit }})
	}
}

// letter carries a question about a secret to somebody who has it: one of the relay's listeners, or one of the core.
func (c *carrier) letter(w *world, from *hearer, commit identity.Hash, end func([32]byte, bool)) {
	w.score.listeners("secrets", 2, 2*(letterSize+streamHead))
	if !c.alive || c.lie == hushes || c.lie == swallows {
		return
	}
	back := between(c.place, from.place)
	reply := func(secret [32]byte, ok bool) {
		w.after(back.stream(w.rnd), event{kind: evCall, do: func() { end(secret, ok) }})
	}
	if a := c.holder(w, from, commit); a != nil {
		l := a.owner.listener
		w.score.listeners("secrets", 2, 2*(letterSize+streamHead))
		w.after(a.down.stream(w.rnd), event{kind: evCall, do: func() {
			secret, ok := l.hands(from, commit)
			w.after(a.upward.stream(w.rnd), event{kind: evCall, do: func() { reply(secret, ok) }})
		}})
		return
	}
	m := w.stage[w.rnd.IntN(len(w.stage))]
	way := between(c.place, m.place)
	w.score.stage("secrets", 2, 2*(letterSize+streamHead))
	w.after(way.stream(w.rnd), event{kind: evCall, do: func() {
		secret, ok := m.book.secret(commit)
		ok = ok && from.welcome(w.views[m.gossip.seen])
		w.after(way.stream(w.rnd), event{kind: evCall, do: func() { reply(secret, ok) }})
	}})
}

// holder picks one of the children that said they hold a secret.
func (c *carrier) holder(w *world, but *hearer, commit identity.Hash) *attachment {
	for range 8 {
		if len(c.children) == 0 {
			return nil
		}
		a := c.children[w.rnd.IntN(len(c.children))]
		if a.holds == commit && a.owner.listener != nil && a.owner.listener != but {
			return a
		}
	}
	return nil
}

// hands gives a secret to somebody who may have it, as far as this listener knows.
func (l *hearer) hands(to *hearer, commit identity.Hash) (secret [32]byte, ok bool) {
	if !l.here || !to.welcome(l.w.views[l.seen]) {
		return secret, false
	}
	return l.book.secret(commit)
}

// knows tells whether the epoch of a packet has been heard of.
func (l *hearer) knows(p *packet) bool { return l.seen >= l.w.epochs[p.epoch-1].version }

// play takes a packet that is genuine and new, if it comes in time and can be opened.
func (l *hearer) play(p *packet) {
	w := l.w
	if _, ok := l.book.secret(w.epochs[p.epoch-1].commit); !ok {
		w.score.sealed++
		return
	}
	if !p.genuine {
		w.score.forgedPlayed++
	}
	if k := l.kicked; k != nil && p.sent > k.at+3000 {
		w.score.leaked++
	}
	if w.at-p.sent > inTime {
		w.score.late++
		return
	}
	w.score.played++
	l.plays[p.sent/1000%4][p.speaker]++
}

// go away, with a word or without.
func (l *hearer) depart() {
	l.here = false
	l.leave()
}

// reset makes a listener of somebody who was here before, and has a seat, or was not.
func (l *hearer) reset(w *world, key *identity.Key, proof *proven) {
	*l = hearer{n: l.n, key: key, proof: proof, follower: follower{run: l.run}}
	l.follower.init(w, key.ID(), w.settle(false))
	l.follower.listener = l
}
