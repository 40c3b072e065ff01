// How members come to know the same: whoever hears of an operation that it
// lacks asks for it, and gives what the other lacks in return.

package room

import (
	"context"
	"slices"
	"time"

	"stoa/identity"
)

const (
	syncGrace = 300 * time.Millisecond // gossip gets this long to bring what is missing
	syncEvery = time.Second            // between two syncs with the same person
	maxSyncs  = 4                      // at a time
	maxWishes = 256                    // people to sync with, waiting
)

// wish is the intent to sync with somebody.
type wish struct {
	at    time.Time
	heads []identity.Hash // what they have and this member lacked; nil: sync in any case
}

// syncs is whom to sync with, and when. It is a pure machine.
type syncs struct {
	wishes map[identity.ID]wish
	last   map[identity.ID]time.Time // when a sync began
	busy   map[identity.ID]bool
}

func newSyncs() syncs {
	return syncs{
		wishes: make(map[identity.ID]wish),
		last:   make(map[identity.ID]time.Time),
		busy:   make(map[identity.ID]bool),
	}
}

// want asks for a sync with somebody who has these operations, once gossip
// has had its chance.
func (s *syncs) want(who identity.ID, heads []identity.Hash, now time.Time) {
	w, ok := s.wishes[who]
	if !ok {
		if len(s.wishes) >= maxWishes {
			return
		}
		w.at = now.Add(syncGrace)
		if heads == nil {
			w.at = now
		}
		if soon := s.last[who].Add(syncEvery); soon.After(w.at) {
			w.at = soon
		}
	}
	w.heads = heads
	s.wishes[who] = w
}

// take returns somebody to sync with now. lacks tells whether an operation is
// still missing.
func (s *syncs) take(now time.Time, lacks func(identity.Hash) bool) (identity.ID, bool) {
	for who, w := range s.wishes {
		if w.at.After(now) || s.busy[who] || len(s.busy) >= maxSyncs {
			continue
		}
		delete(s.wishes, who)
		needed := w.heads == nil
		for _, h := range w.heads {
			needed = needed || lacks(h)
		}
		if needed {
			s.last[who] = now
			s.busy[who] = true
			return who, true
		}
	}
	return identity.ID{}, false
}

// done ends a sync.
func (s *syncs) done(who identity.ID, now time.Time) {
	delete(s.busy, who)
	for id, at := range s.last {
		if !s.busy[id] && now.Sub(at) > time.Minute {
			delete(s.last, id)
		}
	}
}

// next is when take may have something.
func (s *syncs) next(now time.Time) time.Time {
	next := now.Add(maxBeat)
	for who, w := range s.wishes {
		if !s.busy[who] && len(s.busy) < maxSyncs && w.at.Before(next) {
			next = w.at
		}
	}
	return next
}

// sync starts the syncs that are due. Loop only.
func (r *Room) sync(now time.Time) {
	for {
		who, ok := r.syncs.take(now, func(h identity.Hash) bool { return !r.log.Has(h) })
		if !ok {
			return
		}
		q := syncQuestion{Credential: credentialBytes(r.proof()), Heads: r.log.Heads(), Seat: r.seatBytes()}
		r.aside(func(ctx context.Context) func(time.Time) {
			var a syncAnswer
			err := r.askOne(ctx, who, askSync, q, &a)
			return func(now time.Time) {
				r.syncs.done(who, now)
				if err == nil {
					r.learn(who, &a, now)
				}
				r.curious = r.curious || !r.synced
			}
		})
	}
}

// askOne asks a member a question. It runs beside the loop.
func (r *Room) askOne(ctx context.Context, who identity.ID, kind askKind, q, a any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	to := func(ctx context.Context, req []byte) ([]byte, error) { return r.cfg.Network.Ask(ctx, who, req) }
	return ask(ctx, to, kind, q, a)
}

// learn takes what a sync has brought, and gives back what the other lacks.
// Loop only.
func (r *Room) learn(who identity.ID, a *syncAnswer, now time.Time) {
	r.merge(a.Ops, now)
	r.takePresences(a.Presences, a.Ages, now)
	for _, raw := range a.Hands {
		r.takeHand(raw, now, false)
	}
	r.synced = true
	lacking, _ := r.log.Missing(a.Heads)
	if len(lacking) == 0 {
		return
	}
	q := syncQuestion{Credential: credentialBytes(r.proof()), Heads: r.log.Heads(), Ops: fit(lacking, maxPush), Seat: r.seatBytes()}
	r.aside(func(ctx context.Context) func(time.Time) {
		var a syncAnswer
		err := r.askOne(ctx, who, askSync, q, &a)
		return func(now time.Time) {
			if err == nil {
				r.merge(a.Ops, now)
			}
		}
	})
}

// proof is how this member shows to somebody who does not know it yet that it
// was let in. Loop only.
func (r *Room) proof() identity.Credential {
	if m, in := r.state.Members[r.me]; in && m.Credential != nil {
		return m.Credential
	}
	return r.chain
}

// onSync answers a member who compares its log with this one, or somebody who
// was put out and does not know it yet.
func (r *Room) onSync(ctx context.Context, from identity.ID, q syncQuestion) (any, error) {
	if len(q.Heads) > maxHeads {
		return nil, identity.ErrMalformed
	}
	var cred identity.Credential
	if _, known := r.Snapshot().State.Members[from]; !known {
		// Operations of somebody unknown are looked at only when they could
		// be the ones that make them known.
		var err error
		if cred, err = r.past(q.Credential, from, r.Now()); err != nil {
			return nil, ErrNotMember
		}
	}
	seated := len(q.Seat) > 0 && r.Admits(from, identity.Marshal(Proof{q.Credential, q.Seat})) == Yes
	var reply *syncAnswer
	err := r.do(ctx, func(now time.Time) error {
		fresh := slices.DeleteFunc(q.Ops, r.knows)
		if _, out := r.putOut(from); !out && r.guard.pushed(from, len(fresh), now) {
			r.merge(fresh, now)
		}
		if r.member(from) || seated {
			reply = r.since(q.Heads, now)
			return nil
		}
		until, ok := r.ended(from, cred)
		if !ok {
			return refusal(r.state, from)
		}
		reply = r.farewell(until, q.Heads)
		return nil
	})
	return reply, err
}

// knows tells whether an operation is in the log. Loop only.
func (r *Room) knows(raw []byte) bool {
	h, ok := nameOf(raw)
	return ok && r.log.Has(h)
}

// ended finds what somebody who is not in may know of the log: the operation
// that put them out and all before it, or everything, which is zero, when
// nothing keeps them from coming in again. cred was verified. Loop only.
func (r *Room) ended(who identity.ID, cred identity.Credential) (until identity.Hash, ok bool) {
	if mark, out := r.putOut(who); out {
		return mark.Op, true
	}
	if len(cred) == 0 {
		return identity.Hash{}, false
	}
	if r.state.Refuses(cred) == nil {
		return identity.Hash{}, true
	}
	for e := range r.log.Ops() {
		if e.Valid && e.Op.Kind == KindRevoke && slices.ContainsFunc(cred.Lineage(), func(s identity.Step) bool { return s.Grant == e.Op.Revoke().Grant }) {
			return e.Op.Hash(), true
		}
	}
	return identity.Hash{}, false
}

// putOut returns how somebody was banned or kicked. Loop only.
func (r *Room) putOut(who identity.ID) (Mark, bool) {
	if mark, out := r.state.Banned[who]; out {
		return mark, true
	}
	mark, out := r.state.Kicked[who]
	return mark, out
}

// farewell is the log up to an operation, so that who was put out by it sees
// by whom and why; nothing of who is here. Loop only.
func (r *Room) farewell(until identity.Hash, heads []identity.Hash) *syncAnswer {
	ops, _ := r.log.Missing(heads)
	if until.IsZero() {
		return &syncAnswer{Heads: r.log.Heads(), Ops: ops}
	}
	later := make(map[string]bool)
	after, _ := r.log.Missing([]identity.Hash{until})
	for _, raw := range after {
		later[string(raw)] = true
	}
	ops = slices.DeleteFunc(slices.Clone(ops), func(raw []byte) bool { return later[string(raw)] })
	return &syncAnswer{Heads: []identity.Hash{until}, Ops: ops}
}

// since is what somebody with these heads lacks. Loop only.
func (r *Room) since(heads []identity.Hash, now time.Time) *syncAnswer {
	ops, unknown := r.log.Missing(heads)
	if len(unknown) > 0 {
		r.curious = true
	}
	a := &syncAnswer{Heads: r.log.Heads(), Ops: ops, Hands: r.queue.raws()}
	a.Presences, a.Ages = r.presences(now)
	return a
}

// onSecret answers a member who lacks the secret of an epoch.
func (r *Room) onSecret(ctx context.Context, from identity.ID, q secretQuestion) (any, error) {
	var reply *secretAnswer
	proven := !r.Snapshot().State.CanHear(from) && len(q.Proof) > 0 && r.Admits(from, q.Proof) == Yes
	err := r.do(ctx, func(time.Time) error {
		if _, in := r.state.Members[from]; !r.state.CanHear(from) && (in || !proven) {
			return refusal(r.state, from)
		}
		secret, ok := r.book.secret(q.Commit)
		if !ok {
			return ErrRefused
		}
		reply = &secretAnswer{Secret: secret}
		return nil
	})
	return reply, err
}

// fit returns as many of the first records as fit into max bytes together.
func fit(raws [][]byte, max int) [][]byte {
	for i, raw := range raws {
		if max -= len(raw) + 3; max < 0 {
			return raws[:i]
		}
	}
	return raws
}
