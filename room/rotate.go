// Getting the secret of an epoch, and making a new one when somebody has been
// put out who knows the old one.

package room

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"stoa/identity"
)

const (
	fetchTime  = 2 * time.Second        // for one person to answer
	fetchPause = 200 * time.Millisecond // before the next one is asked
	fetchRound = time.Second            // before everybody is asked again

	fetchSpread = 250 * time.Millisecond // over which an audience begins to ask

	rotateSoon = 500 * time.Millisecond // after an own removal: others may follow it
	rotateWait = 2 * time.Second        // before the first in line does it for a remover who went away, and between any two in line
	rotateLost = 6 * time.Second        // before a secret that nobody hands out is given up

	beaconEvery = 5 * time.Minute  // between an epoch and the next that is made for new relays alone
	beaconFirst = 30 * time.Second // while no relay has a beacon
)

// fetch is how far the search for the current secret has come. It is a pure
// machine.
type fetch struct {
	commit identity.Hash // whose secret is searched; zero: none
	since  time.Time
	asked  map[identity.ID]bool
	busy   bool
	begun  bool      // anybody has put the first question off
	named  bool      // the last question went to somebody by name
	at     time.Time // when to ask the next one
}

// aim starts a search, or goes on with it.
func (f *fetch) aim(commit identity.Hash, now time.Time) {
	if f.commit != commit {
		*f = fetch{commit: commit, since: now, at: now, asked: make(map[identity.ID]bool)}
	}
}

// pick returns whom to ask now: the first who has not been asked.
func (f *fetch) pick(people []identity.ID, now time.Time) (identity.ID, bool) {
	if f.busy || now.Before(f.at) {
		return identity.ID{}, false
	}
	for _, who := range people {
		if !f.asked[who] {
			f.asked[who] = true
			f.busy, f.named = true, true
			return who, true
		}
	}
	clear(f.asked)
	f.at = now.Add(fetchRound)
	return identity.ID{}, false
}

// anybody tells whether to ask now, whomever: the first time after a while.
func (f *fetch) anybody(now time.Time, ahead time.Duration) bool {
	if !f.begun {
		f.begun, f.at = true, now.Add(ahead)
	}
	if f.busy || now.Before(f.at) {
		return false
	}
	f.busy, f.named = true, false
	return true
}

// failed makes room for the next one.
func (f *fetch) failed(commit identity.Hash, now time.Time) {
	if f.commit == commit {
		f.busy = false
		f.at = now.Add(fetchPause)
	}
}

// next is when pick may have somebody.
func (f *fetch) next() time.Time {
	if f.commit == (identity.Hash{}) || f.busy {
		return time.Time{}
	}
	return f.at
}

// seekSecret asks for the current secret if it is not here: first its author,
// who has it for certain, then the others. Loop only.
func (r *Room) seekSecret(now time.Time) {
	commit, lacking := r.book.lacking()
	if !lacking || !r.hears() {
		r.fetch = fetch{}
		return
	}
	r.fetch.aim(commit, now)
	to, ok := r.fetchFrom(now)
	if !ok {
		return
	}
	q := secretQuestion{Commit: commit}
	if r.seated {
		q.Proof = r.shown
	}
	r.aside(func(ctx context.Context) func(time.Time) {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		var a secretAnswer
		err := ask(ctx, to, askSecret, q, &a)
		return func(now time.Time) {
			if err == nil && r.takeSecret(commit, a.Secret) {
				return
			}
			r.fetch.failed(commit, now)
		}
	})
}

// fetchFrom picks whom to ask for the secret now: its author, who has it for certain, then the others who hear. In the audience, and where
// nobody is known who hears, a relay finds somebody; and so it does after everybody who was asked in vain, for it reaches who cannot be
// reached from here. Loop only.
func (r *Room) fetchFrom(now time.Time) (to asker, ok bool) {
	people := slices.DeleteFunc(r.candidates(), func(id identity.ID) bool { return !r.state.CanHear(id) })
	if (r.quiet || r.seated || len(people) == 0) && len(r.relays) > 0 {
		// A thousand at once would find nobody yet who has it.
		ahead := time.Duration(r.jitter.Int64N(int64(fetchSpread)))
		return r.cfg.Network.AskSomebody, r.fetch.anybody(now, ahead)
	}
	if r.fetch.named && len(r.relays) > 0 {
		return r.cfg.Network.AskSomebody, r.fetch.anybody(now, 0)
	}
	r.jitter.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	if by := r.state.Epoch.By; r.here(by) && by != r.me {
		people = slices.Insert(people, 0, by)
	}
	who, ok := r.fetch.pick(people, now)
	return func(ctx context.Context, req []byte) ([]byte, error) { return r.cfg.Network.Ask(ctx, who, req) }, ok
}

// takeSecret keeps the secret of an epoch, if it is the right one. It is
// kept together with the operation that announced it. Loop only.
func (r *Room) takeSecret(commit identity.Hash, secret [32]byte) bool {
	if !r.book.learn(commit, secret) {
		return false
	}
	// A secret that could not be saved is asked for again by the next run.
	if r.cfg.Keeper.SaveOps(r.id, r.unsaved, Secret{commit, secret}) == nil {
		r.unsaved = nil
	}
	r.dirty = true
	return true
}

// turnkey is when this member will change the secret, if nobody does before.
type turnkey struct {
	at    time.Time     // zero: no reason to
	epoch identity.Hash // the epoch that is to end
}

// beacons is whether relays wait for an epoch that they could not know of when they made their keys.
type beacons struct {
	unlit bool // one does
	dark  bool // and none has one
}

// rotate makes a new epoch when one is needed and it is this member's turn.
// Loop only.
func (r *Room) rotate(now time.Time) {
	wait, needed := r.rotationDue(now)
	current := r.state.Epoch.Commit
	if !needed || r.state.May(r.me, KindEpoch, identity.ID{}) != nil {
		r.turnkey = turnkey{}
		return
	}
	if at := now.Add(wait); r.turnkey.at.IsZero() || r.turnkey.epoch != current || at.Before(r.turnkey.at) {
		r.turnkey = turnkey{at: at, epoch: current}
	}
	if now.Before(r.turnkey.at) {
		return
	}
	r.turnkey = turnkey{}
	if err := r.newEpoch(now); err != nil {
		r.turnkey = turnkey{at: now.Add(rotateWait), epoch: current}
	}
}

// rotationDue tells whether the current secret has to be replaced, and how
// long this member waits for others who are to do it first.
func (r *Room) rotationDue(now time.Time) (wait time.Duration, needed bool) {
	line := func() time.Duration { return time.Duration(r.line()) * rotateWait }
	switch {
	case r.state.Epoch.Stale:
		return rotateWait + line(), true
	case r.fetch.commit != (identity.Hash{}) && now.Sub(r.fetch.since) >= rotateLost:
		return line(), true
	case !r.unlit:
		return 0, false
	}
	every := beaconEvery
	if r.dark {
		every = beaconFirst
	}
	age := now.Sub(r.book.current.Seen)
	return max(0, every-age) + rotateWait + line(), true
}

// line is how many of those here stand before this member in the line of
// those who may make an epoch: by rank, then by ID.
func (r *Room) line() int {
	me := r.state.Members[r.me]
	before := 0
	for id := range r.roster.here {
		m := r.state.Members[id]
		if cmp.Or(cmp.Compare(m.Rank, me.Rank), bytes.Compare(id[:], r.me[:])) < 0 && r.state.May(id, KindEpoch, identity.ID{}) == nil {
			before++
		}
	}
	return before
}

// removed brings the next epoch forward, because this member has put somebody
// out. More of them within the next half second share one. Loop only.
func (r *Room) removed(now time.Time) {
	if at := now.Add(rotateSoon); r.turnkey.at.IsZero() || r.turnkey.epoch != r.state.Epoch.Commit || at.Before(r.turnkey.at) {
		r.turnkey = turnkey{at: at, epoch: r.state.Epoch.Commit}
	}
}

// newEpoch announces a new secret. Loop only.
func (r *Room) newEpoch(now time.Time) error {
	grant, ok := r.state.Under(r.me, KindEpoch)
	if !ok {
		return ErrNoRight
	}
	s := newSecret()
	args := EpochArgs{Commit: s.Commit, N: r.log.nextEpoch(r.me, grant)}
	op, err := r.log.Compose(r.cfg.Key, KindEpoch, grant, identity.ID{}, args, r.stamp(now))
	if err != nil {
		return err
	}
	return r.commit(op, now, s)
}

// nextEpoch is the number of the epoch that author would announce now: one
// more than that of any it has seen, be it valid or void.
func (l *Log) nextEpoch(author identity.ID, grant identity.Hash) uint32 {
	var past bitset
	for _, n := range l.choose(author, grant) {
		past = past.or(n.past).set(n.at)
	}
	return uint32(l.lastEpoch(past) + 1)
}
