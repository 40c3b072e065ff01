// Being seated: what a person does whose seat is their own.

package room

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"stoa/identity"
)

const (
	reseatPause = 2 * time.Second // before the next gate is asked
	maxGates    = 4               // asked one after the other to make a member of this person
)

// sitting is this person's seat, where they hold one. It is a pure machine.
type sitting struct {
	own    *proven // verified; nil without one
	seated bool    // it counts, and this person is no member
	lost   bool    // its gate is none any more: another has to give one
	busy   bool
	askAt  time.Time
	shown  []byte // see Room.Proof
}

// sit takes a seat from the record. One that does not verify is none.
func (r *Room) sit(raw []byte) {
	if len(raw) == 0 || len(r.chain) == 0 {
		return
	}
	if p, err := parseSeated(r.charter, r.chain, raw); err == nil && p.seat.Who == r.me {
		r.own = p
	}
}

// seatBytes is this person's seat as signed, empty for a member. Loop only.
func (r *Room) seatBytes() []byte {
	if !r.seated {
		return nil
	}
	return r.own.raw
}

// hears tells whether this person may have the secrets. Loop only.
func (r *Room) hears() bool { return r.state.CanHear(r.me) || r.seated }

// settleSeat works out what the log has to say to this person's seat, and how they show that they may hear. Loop only.
func (r *Room) settleSeat() {
	r.seated, r.lost, r.shown = false, false, nil
	if m, in := r.state.Members[r.me]; in {
		r.shown = identity.Marshal(Proof{Credential: credentialBytes(m.Credential)})
		return
	}
	if r.own == nil {
		return
	}
	a, err := r.own.judge(r.state, r.me)
	r.lost = a != Yes && errors.Is(err, errNoGate)
	if r.seated = a == Yes || r.lost; r.seated {
		r.shown = identity.Marshal(Proof{Credential: r.own.cred.Bytes(), Seat: r.own.raw})
	}
}

// asSeated is this person as a seat makes them: what their invite says, without being a member. Loop only.
func (r *Room) asSeated() Member {
	g := r.own.cred.Leaf()
	return Member{ID: r.me, Role: g.Role, Caps: g.Caps, Rank: g.Rank, Grant: g.Hash(), Credential: r.own.cred, Via: g.Hash(), By: g.Issuer}
}

// gatesHere lists those who may seat and are here: who may call to the stage first, relays last, otherwise in an order of this member's own.
// Loop only.
func (r *Room) gatesHere() []identity.ID {
	list := r.candidates()
	r.jitter.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = slices.DeleteFunc(list, func(id identity.ID) bool { return !r.state.Gate(id) })
	class := func(id identity.ID) int {
		switch caps := r.state.Members[id].Caps; {
		case caps.Has(identity.CapStage):
			return 0
		case caps&moderates != 0:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b identity.ID) int { return cmp.Compare(class(a), class(b)) })
	return list
}

// reseat asks a gate for a seat in place of one whose gate has gone. Loop only.
func (r *Room) reseat(now time.Time) {
	if !r.lost || r.busy || now.Before(r.askAt) {
		return
	}
	r.askAt = now.Add(reseatPause)
	list := r.gatesHere()
	if len(list) == 0 {
		return
	}
	// Of thousands who lost the same gate, few should ask the same other one.
	who := list[r.jitter.IntN(len(list))]
	q := seatQuestion{Credential: r.own.cred.Bytes()}
	r.busy = true
	r.aside(func(ctx context.Context) func(time.Time) {
		var a seatAnswer
		err := r.askOne(ctx, who, askSeat, q, &a)
		return func(now time.Time) {
			r.busy = false
			switch {
			case err == nil:
				r.take(a.Seat)
			case errors.Is(err, identity.ErrRevoked), errors.Is(err, identity.ErrExpired):
				r.own, r.dirty = nil, true // no gate will
				r.settleSeat()
			}
		}
	})
}

// take sits down on a new seat, if it is a good one. One that could not be kept is asked for again by the next run.
func (r *Room) take(raw []byte) {
	p, err := parseSeated(r.charter, r.chain, raw)
	if err != nil || p.seat.Who != r.me {
		return
	}
	if a, _ := p.judge(r.state, r.me); a != Yes {
		return
	}
	_ = r.cfg.Keeper.SaveSeat(r.id, raw)
	r.own, r.dirty = p, true
	r.settleSeat()
}

// next is when reseat will have something to do; zero when it will not.
func (s *sitting) next() time.Time {
	if !s.lost || s.busy {
		return time.Time{}
	}
	return s.askAt
}

// standUp makes a member of this person who is seated, as who wants to speak has to be: a gate writes it into the log. It runs beside the
// loop. Errors: those of a gate, ErrBusy when none is here.
func (r *Room) standUp(ctx context.Context) error {
	var list []identity.ID
	var q admitQuestion
	err := r.do(ctx, func(now time.Time) error {
		if r.member(r.me) || !r.seated {
			return nil
		}
		list = r.gatesHere()
		list = list[:min(len(list), maxGates)]
		q = admitQuestion{Credential: r.own.cred.Bytes(), Heads: r.log.Heads(), Seat: r.own.raw}
		if len(list) == 0 {
			return ErrBusy
		}
		return nil
	})
	for _, who := range list {
		var a syncAnswer
		if err = r.askOne(ctx, who, askAdmit, q, &a); err != nil {
			continue
		}
		err = r.do(ctx, func(now time.Time) error {
			r.merge(a.Ops, now)
			if !r.member(r.me) {
				return refusal(r.state, r.me)
			}
			return r.flush()
		})
		if err == nil {
			return nil
		}
	}
	return err
}
