// This file holds how somebody who may call people to the stage takes down the raised hand of another. It is an operation of the log and no
// message between the two: a hand is its owner's word, and an edited client would go on showing it. The log reaches whoever comes later and
// the audience as well, judges rank and right as it does of a mute, and shows who did it.

package room

import (
	"context"
	"fmt"
	"time"

	"stoa/identity"
)

// Lowered says until when somebody's raised hands are down, and who took them down last. A hand that is raised later counts.
type Lowered struct {
	Mark
	Until uint64 // unix ms
}

// lowered fills in whose hands are down: by the operation that lowers the latest of those of a rank above the person's. Of two that lower the
// same the stronger rank is named, then the lower hash.
func (l *Log) lowered(s *State) {
	for id, ns := range l.eval.lowers {
		rank := s.rank(id)
		var last *node
		for _, n := range ns {
			if n.rank < rank && (last == nil || lowersMore(n, last)) {
				last = n
			}
		}
		if last != nil {
			s.Lowered[id] = Lowered{markOf(last), last.op.args.lower.Until}
		}
	}
}

func lowersMore(a, b *node) bool {
	if x, y := a.op.args.lower.Until, b.op.args.lower.Until; x != y {
		return x > y
	}
	return takesPrecedence(a, b)
}

// lowers tells whether somebody has taken this hand down.
func (s *State) lowers(h *Hand) bool { return h.Time <= s.Lowered[h.Who].Until }

// lowerGap is how much later, in ms, a lower has to reach than its author's last one of the same person: no hand changes more often.
const lowerGap = uint64(handEvery / time.Millisecond)

// checkLower keeps people who raise and lower the same hand over and over from filling the log.
func (l *Log) checkLower(n *node) error {
	if l.lowersTooSoon(n.op, n.op.args.lower.Until, n.past) {
		return fmt.Errorf("lowers the same hands again, or too soon: %w", ErrNotAllowed)
	}
	return nil
}

// lowersTooSoon tells whether the author of o has lowered the same person's hands within past, and it is too soon to lower them up to a time.
func (l *Log) lowersTooSoon(o *Op, until uint64, past bitset) bool {
	last := l.lastLike(o, past)
	return last != nil && until < last.op.args.lower.Until+lowerGap
}

// LowerHand takes down the raised hand of somebody of weaker rank, for everybody. They may raise it again, and then wait behind all others.
// Lowering what is down already is no error. Errors: ErrTooOften, those of [State.May].
func (r *Room) LowerHand(ctx context.Context, who identity.ID) error {
	return r.do(ctx, func(now time.Time) error {
		if err := r.state.May(r.me, KindLower, who); err != nil {
			return err
		}
		h := r.queue.raised(who)
		if h == nil {
			return nil
		}
		until := max(r.stamp(now), h.Time) // the clock of who raised it may be fast
		if r.log.lowersTooSoon(&Op{Author: r.me, Kind: KindLower, Target: who}, until, allOf(r.log.Len())) {
			return ErrTooOften
		}
		return r.writeAt(KindLower, who, LowerArgs{Until: until}, until, now)
	})
}

// over tells whether a hand is up no more: its owner may speak now, is no member any more, or somebody has taken it down.
func (r *Room) over(h *Hand) bool {
	return r.state.CanSpeak(h.Who) || !r.member(h.Who) || r.state.lowers(h)
}
