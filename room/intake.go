// How fast, and how far, what others say may fill the log. The log keeps
// everything for good and is bounded, so whoever could write into it without
// limit could take the room from everybody.
//
// None of this says what operations mean. What is refused here is welcome a
// moment later, and comes again with the next sync: two members who have
// refused different things for a while end up with the same log.

package room

import (
	"errors"
	"slices"
	"time"

	"stoa/identity"
)

// ErrLater is returned by Log.Add for what may join the log, but not now.
var ErrLater = errors.New("too many operations at once")

// Shares of the log's bounds, in sixteenths. The last quarter is for those
// who moderate, so that a room which others have filled can still be put in
// order, and the end of that for the owners.
const (
	everybodys = 12
	moderators = 15
	owners     = 16
)

// moderates are the capabilities of which a moderator has at least one.
const moderates = identity.CapInvite | identity.CapMute | identity.CapStage | identity.CapKick | identity.CapBan |
	identity.CapLock | identity.CapTitle | identity.CapEnd

// intake counts operations of others.
type intake struct {
	staff   buckets // of those who moderate, and what only their having seen it lets in
	authors buckets // of everybody else, by author
	entries bucket  // of those, what lets somebody in, by whomever
	repeats buckets // of those, what lets somebody in again, by that person
	idle    bucket  // whatever is most likely void
	reports buckets // adverts and audits, by author, whoever they are
	news    bucket  // of all of them
	answers buckets // consents, by author, whoever they are
	hearsay bucket  // of all those who may not speak

	now     time.Time
	vouched map[identity.Hash]voucher
}

// voucher is somebody who moderates and has seen an operation.
type voucher struct {
	by    identity.ID
	share int // of the log
}

func newIntake() intake {
	return intake{
		staff:   buckets{burst: 2000, every: time.Second / 10},
		authors: buckets{burst: 300, every: time.Second / 4}, // a gate writes one for each who enters
		entries: bucket{burst: 1000, every: time.Second / 5},
		repeats: buckets{burst: 8, every: time.Minute}, // several gates may let in the same person at once
		idle:    bucket{burst: 256, every: time.Second},
		reports: buckets{burst: 16, every: time.Minute},
		news:    bucket{burst: 256, every: 5 * time.Second},
		answers: buckets{burst: 8, every: time.Minute},
		hearsay: bucket{burst: 256, every: 5 * time.Second},
	}
}

// arrival is an operation of others that is not in the log.
type arrival struct {
	op      *Op
	genuine bool // the signature has been verified
}

// survey decodes what has come, without what is known, up to maxBad that are
// beyond repair, and finds out who vouches for what. Loop only.
func (r *Room) survey(raws [][]byte) (list []arrival, bad int) {
	for _, raw := range raws {
		if r.knows(raw) {
			continue
		}
		a, err := r.peek(raw)
		if err == nil {
			list = append(list, a)
		} else if bad++; bad > maxBad {
			break
		}
	}
	r.intake.vouched = r.vouchers(list)
	return list, bad
}

// peek decodes an operation. It verifies the signature only where something
// rests on it before the operation joins. Loop only.
func (r *Room) peek(raw []byte) (a arrival, err error) {
	if len(raw) > MaxOp {
		return a, identity.ErrMalformed
	}
	body, _, err := identity.Unpack(raw, 1)
	if err != nil {
		return a, err
	}
	if a.op, err = parseBody(body); err != nil {
		return a, err
	}
	if a.op.raw = raw; r.staff(a.op.Author) {
		a.op, err = ParseOp(raw)
		a.genuine = true
	}
	return a, err
}

// vouchers finds, for everything that somebody who moderates has seen, who
// that is. Without it an operation of theirs would be kept out by what they
// had seen, which is as good as anything that they have not undone.
func (r *Room) vouchers(list []arrival) map[identity.Hash]voucher {
	vouched := make(map[identity.Hash]voucher)
	for _, a := range slices.Backward(list) {
		v := vouched[a.op.hash]
		if r.staff(a.op.Author) {
			v = v.or(voucher{a.op.Author, r.share(a.op)})
		}
		if v == (voucher{}) {
			continue
		}
		for _, h := range a.op.Deps {
			vouched[h] = vouched[h].or(v)
		}
	}
	return vouched
}

// or is whichever of the two has the greater share.
func (v voucher) or(w voucher) voucher {
	if w.share > v.share {
		return w
	}
	return v
}

// staff tells whether somebody moderates the room.
func (r *Room) staff(id identity.ID) bool { return r.state.Members[id].Caps&moderates != 0 }

// share is how much of the log there may be for an operation to join it. To
// let in somebody who does not moderate is everybody's, whoever does it.
func (r *Room) share(o *Op) int {
	m := r.state.Members[o.Author]
	if o.Kind == KindAdmit {
		if o.Credential().Leaf().Caps&moderates != 0 {
			return moderators
		}
		return everybodys
	}
	if o.Kind.reports() {
		return everybodys
	}
	if o.Kind == KindConsent && !o.args.consent.Yes && m.Caps.Has(identity.CapSpeak) {
		return moderators // who is recorded must be able to end it
	}
	switch {
	case m.Role == identity.RoleOwner:
		return owners
	case m.Caps&moderates != 0:
		return moderators
	}
	return everybodys
}

// toll decides whether an operation may join the log now, and counts it if
// spend is set. Errors: ErrLogFull, ErrLater. Loop only.
func (r *Room) toll(o *Op, spend bool) error {
	if o.Author == r.me {
		return nil // lost in a crash
	}
	v := r.intake.vouched[o.hash]
	if !r.log.fits(o, max(v.share, r.share(o))) {
		return ErrLogFull
	}
	costs := r.costs(o)
	if !r.intake.afford(costs) && v != (voucher{}) {
		costs = []*bucket{r.intake.staff.bucket(v.by, r.intake.now)}
	}
	if !r.intake.afford(costs) {
		return ErrLater
	}
	for _, b := range costs {
		if spend {
			b.take(r.intake.now)
		}
	}
	return nil
}

// costs are the buckets that an operation takes one event from. A bucket that
// is nil is empty.
func (r *Room) costs(o *Op) []*bucket {
	i := &r.intake
	if o.Kind.reports() {
		costs := []*bucket{i.reports.bucket(o.Author, i.now), &i.news}
		if r.state.Members[o.Author].Caps&needs[o.Kind] == 0 {
			costs = append(costs, &i.idle)
		}
		return costs
	}
	if o.Kind == KindConsent {
		return r.costsOfAnswer(o)
	}
	if r.staff(o.Author) {
		return []*bucket{i.staff.bucket(o.Author, i.now)}
	}
	costs := []*bucket{i.authors.bucket(o.Author, i.now)}
	if o.Kind != KindAdmit || !r.member(o.Author) || r.state.Refuses(o.Credential()) != nil {
		return append(costs, &i.idle)
	}
	costs = append(costs, &i.entries)
	if r.log.admitted(o.Target, o.Credential().Leaf().Hash()) {
		costs = append(costs, i.repeats.bucket(o.Target, i.now))
	}
	return costs
}

// costsOfAnswer keeps an answer of somebody on the stage apart from all
// others: a withdrawal must not wait because a crowd of listeners answers.
func (r *Room) costsOfAnswer(o *Op) []*bucket {
	i := &r.intake
	costs := []*bucket{i.answers.bucket(o.Author, i.now)}
	switch caps := r.state.Members[o.Author].Caps; {
	case caps == 0:
		costs = append(costs, &i.idle)
	case !caps.Has(identity.CapSpeak):
		costs = append(costs, &i.hearsay)
	}
	return costs
}

// afford tells whether every bucket has an event left.
func (i *intake) afford(costs []*bucket) bool {
	return !slices.ContainsFunc(costs, func(b *bucket) bool { return b == nil || !b.holds(1, i.now) })
}

// merge adds operations of others to the log and returns what has to be asked
// for. Ones that are refused are left out, and when there are many, so is the
// rest: checking signatures for a liar would keep the loop from its work.
// What has to come later is left out before anything about it is verified,
// and what follows it with it, which would only crowd others out of waiting.
func (r *Room) merge(raws [][]byte, now time.Time) (missing []identity.Hash) {
	r.log.SetHorizon(r.stamp(now.Add(maxSkew)))
	r.intake.now = now
	list, bad := r.survey(raws)
	later := make(map[identity.Hash]bool)
	added := 0
	for _, a := range list {
		follows := slices.ContainsFunc(a.op.Deps, func(h identity.Hash) bool { return later[h] })
		if follows || r.toll(a.op, false) != nil {
			later[a.op.hash] = true
			continue
		}
		ops, lacks, err := r.join(a)
		if errors.Is(err, ErrLater) || errors.Is(err, ErrLogFull) {
			later[a.op.hash] = true
			continue
		}
		if err != nil {
			if bad++; bad > maxBad {
				break
			}
			continue
		}
		for _, op := range ops {
			r.unsaved = append(r.unsaved, op.Raw())
		}
		added += len(ops)
		missing = append(missing, lacks...)
	}
	if added > 0 {
		if r.flushAt.Before(now) {
			r.flushAt = now.Add(flushAfter)
		}
		r.renew(now)
	}
	return slices.DeleteFunc(missing, r.log.Has)
}

// join puts an operation into the log, once it is certain whose it is.
func (r *Room) join(a arrival) (added []*Op, missing []identity.Hash, err error) {
	if a.genuine {
		return r.log.add(a.op)
	}
	return r.log.Add(a.op.raw)
}
