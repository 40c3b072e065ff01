// Who is in the audience, by pages: only the relay that carries people knows who they are.

package room

import (
	"context"
	"time"

	"stoa/identity"
)

// maxGuests is how many people are on a page.
const maxGuests = 128

// Guest is somebody whom a relay carries.
type Guest struct {
	ID    identity.ID   `cbor:"1,keyasint"`
	Name  string        `cbor:"2,keyasint"` // as the relay knows it; empty when it does not
	Grant identity.Hash `cbor:"3,keyasint"` // the invite by which they are seated; zero for a member
}

type rosterQuestion struct {
	Page  uint32 `cbor:"1,keyasint"`
	Proof []byte `cbor:"2,keyasint"` // of who asks
}

type rosterAnswer struct {
	Guests []Guest `cbor:"1,keyasint"`
	More   bool    `cbor:"2,keyasint"` // there is another page
}

// HandleRoster sets what knows whom this relay carries, in an order that changes little; nil when it carries nobody. The function is called
// by several goroutines at a time.
func (r *Room) HandleRoster(carried func() []identity.ID) { r.carried.Store(&carried) }

// Roster asks a relay for a page of the people it carries, counted from 0. more tells whether there is another page. Errors: ErrRefused when
// the relay carries nobody, or what the network returned.
func (r *Room) Roster(ctx context.Context, relay identity.ID, page int) (guests []Guest, more bool, err error) {
	var a rosterAnswer
	if err := r.askOne(ctx, relay, askRoster, rosterQuestion{uint32(page), r.Proof()}, &a); err != nil {
		return nil, false, err
	}
	if len(a.Guests) > maxGuests {
		return nil, false, identity.ErrMalformed
	}
	for i := range a.Guests {
		a.Guests[i].Name = cut(a.Guests[i].Name, MaxName)
	}
	err = r.do(ctx, func(time.Time) error {
		for i := range a.Guests {
			r.meet(&a.Guests[i])
		}
		return nil
	})
	return a.Guests, a.More, err
}

// onRoster answers somebody who may hear and wants to know who else does.
func (r *Room) onRoster(from identity.ID, q rosterQuestion) (any, error) {
	carried := r.carried.Load()
	if carried == nil || *carried == nil {
		return nil, ErrRefused
	}
	if r.Admits(from, q.Proof) != Yes {
		return nil, ErrNotMember
	}
	ids := (*carried)()
	first := min(int(q.Page)*maxGuests, len(ids))
	last := min(first+maxGuests, len(ids))
	a := &rosterAnswer{Guests: make([]Guest, 0, last-first), More: last < len(ids)}
	for _, id := range ids[first:last] {
		g := Guest{ID: id}
		if p := r.proofs.get(id); p != nil && p.seat != nil {
			g.Grant = p.seat.Grant
		}
		a.Guests = append(a.Guests, g)
	}
	return a, nil
}
