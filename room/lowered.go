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
	if n.op.args.lower.Until < l.lowersNext(n.op, n.past) {
		return fmt.Errorf("lowers the same hands again, or too soon: %w", ErrNotAllowed)
	}
	return nil
}

// lowersNext is until when, in unix ms, the author of o may lower the hands of its target at the earliest, with what they have lowered within
// past; 0 if that is nothing. It asks all of it: of what an author wrote twice for one time none is the last.
func (l *Log) lowersNext(o *Op, past bitset) (until uint64) {
	for _, n := range l.byAuthor[o.Author] {
		if n.op.Kind == KindLower && n.op.Target == o.Target && past.has(n.at) {
			until = max(until, n.op.args.lower.Until+lowerGap)
		}
	}
	return until
}

// lowersUntil is until when to lower a hand of a time, next being the earliest that is possible, and all in unix ms. A hand may be dated ahead,
// by a fast clock or a liar, but not to later than most; whoever lowers it does so until then, and next is ahead as well. ok is false
// for who has to wait.
func lowersUntil(hand, next, now, most uint64) (until uint64, ok bool) {
	until = max(now, hand)
	if until < next && next > now+lowerGap {
		until = next // else who raises a hand dated ahead once more has it up until that date
	}
	return until, next <= until && until <= most
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
		next := r.log.lowersNext(&Op{Author: r.me, Target: who}, allOf(r.log.Len()))
		until, ok := lowersUntil(h.Time, next, r.stamp(now), r.stamp(now.Add(maxSkew)))
		if !ok {
			return ErrTooOften
		}
		return r.writeAt(KindLower, who, LowerArgs{Until: until}, until, now)
	})
}

// over tells whether a hand is up no more: its owner may speak now, is no member any more, or somebody has taken it down.
func (r *Room) over(h *Hand) bool {
	return r.state.CanSpeak(h.Who) || !r.member(h.Who) || r.state.lowers(h)
}
