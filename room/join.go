// The gate: how somebody gets in. Any member may stand at it, for whether a
// person may enter is written in their credential and in the log.
//
//	joiner                         gate                      issuer
//	  │ join{credential}             │                          │
//	  │ ────────────────────────────►│ admit{credential, heads} │  only when the issuer
//	  │                              │ ────────────────────────►│  of the invite counts
//	  │                              │ ◄──────────── operations │
//	  │ ◄─ charter, log, secrets, roster                        │
//
// One round trip, or two. The admission is durable at the gate, or at the
// issuer, before the joiner hears of it. In a crowd most get a seat instead:
// see seat.go. A relay that is the gate has no secrets; a joiner who gets none
// asks for them.

package room

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stoa/identity"
)

// verdict is what a gate does with somebody who wants in.
type verdict uint8

const (
	refuse  verdict = iota // with the error beside it
	welcome                // is in already
	admit                  // write it into the log
	forward                // only the issuer may do that
)

// judge decides on somebody whose credential has been verified. It is pure.
func judge(s *State, me identity.ID, cred identity.Credential, holder identity.ID) (verdict, error) {
	m, in := s.Members[holder]
	if len(cred) == 0 {
		if in {
			return welcome, nil
		}
		return refuse, refusal(s, holder)
	}
	leaf := cred.Leaf()
	if in && m.Rank <= leaf.Rank {
		return welcome, nil
	}
	if err := s.Refuses(cred); err != nil {
		return refuse, err
	}
	if leaf.Exact && leaf.Issuer != me {
		return forward, nil
	}
	return admit, nil
}

// refusal says why somebody who is not a member is none.
func refusal(s *State, id identity.ID) error {
	if _, ok := s.Banned[id]; ok {
		return ErrBanned
	}
	if _, ok := s.Kicked[id]; ok {
		return ErrKicked
	}
	if s.Closed {
		return ErrClosed
	}
	return ErrNotMember
}

// credential decodes and verifies the credential that holder shows, as of an
// instant. Nobody but a charter owner comes without one.
func (r *Room) credential(raw []byte, holder identity.ID, now time.Time) (identity.Credential, error) {
	if len(raw) == 0 {
		if r.charter.IsOwner(holder) {
			return nil, nil
		}
		return nil, ErrNotMember
	}
	cred, err := identity.ParseCredential(raw)
	if err != nil {
		return nil, err
	}
	if cred.Holder() != holder {
		return nil, identity.ErrForged
	}
	return cred, cred.Verify(r.charter, now)
}

// past verifies a credential without asking whether its invite still opens the
// room: how somebody shows that they have been let in.
func (r *Room) past(raw []byte, holder identity.ID, now time.Time) (identity.Credential, error) {
	if cred, err := identity.ParseCredential(raw); err == nil && !cred.RedeemedAt().IsZero() {
		now = cred.RedeemedAt()
	}
	return r.credential(raw, holder, now)
}

// onJoin answers somebody who wants in.
func (r *Room) onJoin(ctx context.Context, from identity.ID, q joinQuestion) (any, error) {
	return r.enter(ctx, from, q.Credential)
}

// enter lets somebody in, or finds out who can, and returns the room.
func (r *Room) enter(ctx context.Context, from identity.ID, raw []byte) (*joinAnswer, error) {
	cred, verr := r.credential(raw, from, r.Now())
	if verr != nil {
		// The invite may have expired after it let its holder in.
		var err error
		if cred, err = r.past(raw, from, r.Now()); err != nil {
			return nil, verr
		}
	}
	var reply *joinAnswer
	var what verdict
	err := r.do(ctx, func(now time.Time) (err error) {
		if verr == nil && r.seats(from, cred) {
			seat, err := r.giveSeat(from, cred, now)
			if err == nil {
				reply = r.welcome(from, seat, now)
			}
			return err
		}
		what, err = judge(r.state, r.me, cred, from)
		if verr != nil && err == nil && what != welcome {
			return verr
		}
		if err != nil {
			return err
		}
		if what == admit {
			if err := r.admit(from, AdmitArgs{Credential: cred.Bytes()}, now); err != nil {
				return err
			}
		}
		reply = r.welcome(from, nil, now)
		return nil
	})
	if err != nil || what != forward {
		return reply, err
	}
	return r.countersigned(ctx, from, raw, cred.Leaf().Issuer)
}

// countersigned has the issuer of an invite let somebody in.
func (r *Room) countersigned(ctx context.Context, who identity.ID, raw []byte, issuer identity.ID) (*joinAnswer, error) {
	q := admitQuestion{Credential: raw}
	if err := r.do(ctx, func(time.Time) error { q.Heads = r.log.Heads(); return nil }); err != nil {
		return nil, err
	}
	var a syncAnswer
	to := func(ctx context.Context, req []byte) ([]byte, error) { return r.cfg.Network.Ask(ctx, issuer, req) }
	if err := ask(ctx, to, askAdmit, q, &a); err != nil {
		if IsRefusal(err) {
			return nil, err
		}
		return nil, ErrIssuerAway
	}
	var reply *joinAnswer
	err := r.do(ctx, func(now time.Time) error {
		r.merge(a.Ops, now)
		if _, in := r.state.Members[who]; !in {
			return refusal(r.state, who)
		}
		if err := r.flush(); err != nil {
			return err
		}
		reply = r.welcome(who, nil, now)
		return nil
	})
	return reply, err
}

// IsRefusal tells whether err is the answer of a member, and not the lack of one.
func IsRefusal(err error) bool {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return true
		}
	}
	return false
}

// onAdmit lets somebody in who stands at another member's gate, because this
// member counts the uses of their invite; or who has a seat and asks to become
// a member.
func (r *Room) onAdmit(ctx context.Context, from identity.ID, q admitQuestion) (any, error) {
	cred, err := identity.ParseCredential(q.Credential)
	if err != nil {
		return nil, err
	}
	if len(cred) == 0 {
		return nil, ErrRefused
	}
	if err := cred.Verify(r.charter, r.Now()); err != nil {
		return nil, err
	}
	var reply *syncAnswer
	if from == cred.Holder() && len(q.Seat) > 0 {
		p, err := r.prove(from, identity.Marshal(Proof{q.Credential, q.Seat}), r.Now())
		if err != nil {
			return nil, err
		}
		err = r.do(ctx, func(now time.Time) error {
			if err := r.promote(from, p, now); err != nil {
				return err
			}
			reply = r.since(q.Heads, now)
			return nil
		})
		return reply, err
	}
	err = r.do(ctx, func(now time.Time) error {
		if _, in := r.state.Members[from]; !in {
			return refusal(r.state, from)
		}
		what, err := judge(r.state, r.me, cred, cred.Holder())
		switch {
		case err != nil:
			return err
		case what == forward:
			return ErrRefused
		case what == admit:
			if err := r.admit(cred.Holder(), AdmitArgs{Credential: q.Credential}, now); err != nil {
				return err
			}
		}
		reply = r.since(q.Heads, now)
		return nil
	})
	return reply, err
}

// admit writes into the log that somebody has come in, and when by the clock
// of this gate, which so decides for everybody whether the invite was still
// good. Only this counts as joining: who knocks in vain must not use up what
// there is for others. Loop only.
func (r *Room) admit(who identity.ID, args AdmitArgs, now time.Time) error {
	if !r.guard.joined(now) {
		return ErrBusy
	}
	at := r.stamp(now)
	if of := r.log.hybrid(r.me, identity.Hash{}, at); of > at && len(args.Seat) == 0 {
		args.When = max(at, of-mostBehind)
	}
	op, err := r.log.Compose(r.cfg.Key, KindAdmit, identity.Hash{}, who, args, at)
	if err != nil {
		return err
	}
	if err := r.commit(op, now); err != nil {
		return err
	}
	if _, in := r.state.Members[who]; !in {
		return refusal(r.state, who)
	}
	return nil
}

// welcome is all that somebody who has come in needs, as a member or with a
// seat. Loop only.
func (r *Room) welcome(who identity.ID, seat []byte, now time.Time) *joinAnswer {
	ops, _ := r.log.Missing(nil)
	a := &joinAnswer{Charter: r.cfg.Record.Charter, Ops: ops, Hands: r.queue.raws(), Seat: seat}
	a.Presences, a.Ages = r.presences(now)
	if r.state.CanHear(who) || seat != nil {
		a.Secrets = r.book.known()
	}
	return a
}

// onPreview answers somebody who holds a link and has not decided yet.
func (r *Room) onPreview(ctx context.Context, from identity.ID, q joinQuestion) (any, error) {
	cred, err := r.credential(q.Credential, from, r.Now())
	if err != nil {
		return nil, err
	}
	s := r.Snapshot()
	if len(cred) > 0 {
		if _, in := s.State.Members[from]; !in {
			if err := s.State.Refuses(cred); err != nil {
				return nil, err
			}
		}
	}
	card, err := r.Card("", "")
	if err != nil {
		return nil, err
	}
	return &previewAnswer{Card: card}, nil
}

// Welcome is a room as it was found at the gate, verified.
type Welcome struct {
	Charter    *identity.Charter
	Credential identity.Credential // how the joiner came in
	Ops        [][]byte
	Secrets    []Secret
	Presences  [][]byte // who is here, and who was until lately, for Config
	Ages       []uint32 // of Presences, see joinAnswer
	Hands      [][]byte
	State      *State // that follows from Ops
	Seat       []byte // in a crowd: what lets the joiner hear, who is no member in State
}

// Knock asks a member to be let into a room on a credential, nil for a
// charter owner, and verifies the answer: the charter is the room's, every
// operation is genuine, every secret is the one that an operation commits to,
// and the state that follows has the joiner in it or, in a crowd, lets them
// hear by the seat that came with it. me is who asks, as the
// network behind to says. It returns the errors of errors.go and of
// identity, or what the network returned.
func Knock(ctx context.Context, to func(ctx context.Context, req []byte) ([]byte, error), room identity.RoomID, me identity.ID, cred identity.Credential) (*Welcome, error) {
	var a joinAnswer
	if err := ask(ctx, to, askJoin, joinQuestion{Credential: credentialBytes(cred)}, &a); err != nil {
		return nil, err
	}
	return parseWelcome(&a, room, me, cred)
}

// parseWelcome verifies what a gate has answered.
func parseWelcome(a *joinAnswer, room identity.RoomID, me identity.ID, cred identity.Credential) (*Welcome, error) {
	charter, err := identity.ParseCharter(a.Charter)
	if err != nil {
		return nil, fmt.Errorf("charter: %w", err)
	}
	if charter.ID() != room {
		return nil, identity.ErrWrongRoom
	}
	log := NewLog(charter)
	for _, raw := range a.Ops {
		if _, _, err := log.Add(raw); err != nil && !errors.Is(err, ErrNotAllowed) {
			return nil, fmt.Errorf("log: %w", err)
		}
	}
	s := log.State()
	if _, in := s.Members[me]; !in {
		if err := checkSeated(s, me, cred, a.Seat); err != nil {
			return nil, err
		}
	}
	w := &Welcome{Charter: charter, Credential: cred, Ops: a.Ops, Presences: a.Presences, Ages: a.Ages, Hands: a.Hands, State: s, Seat: a.Seat}
	w.Secrets = committed(log, a.Secrets)
	return w, nil
}

// committed returns the secrets that an operation of the log commits to.
func committed(log *Log, secrets []Secret) []Secret {
	commits := make(map[identity.Hash]bool)
	for e := range log.Ops() {
		if e.Op.Kind == KindEpoch && e.Valid {
			commits[e.Op.Epoch().Commit] = true
		}
	}
	var list []Secret
	for _, s := range secrets {
		if commits[s.Commit] && s.genuine() && len(list) < maxEpochs {
			list = append(list, s)
		}
	}
	return list
}

// Record returns what to keep of the room. It is found again under the
// rendezvous key of the link that led to it.
func (w *Welcome) Record(rendezvous [16]byte) Record {
	return Record{
		Room:       w.Charter.ID(),
		Charter:    w.Charter.Bytes(),
		Rendezvous: rendezvous,
		Credential: credentialBytes(w.Credential),
		Seat:       w.Seat,
		Title:      w.State.Title,
	}
}

// Keep makes the room durable and returns its record.
func (w *Welcome) Keep(k Keeper, rendezvous [16]byte) (Record, error) {
	rec := w.Record(rendezvous)
	return rec, k.Create(rec, w.Ops, w.Secrets)
}

// Peek asks a member what room a link leads to, without entering it, and
// verifies the card that comes back. Arguments and errors are those of Knock.
func Peek(ctx context.Context, to func(ctx context.Context, req []byte) ([]byte, error), room identity.RoomID, cred identity.Credential, now time.Time) (*Card, error) {
	var a previewAnswer
	if err := ask(ctx, to, askPreview, joinQuestion{Credential: credentialBytes(cred)}, &a); err != nil {
		return nil, err
	}
	card, err := ParseCard(a.Card)
	if err != nil {
		return nil, err
	}
	if card.Room != room {
		return nil, identity.ErrWrongRoom
	}
	return card, card.Verify(now)
}

// credentialBytes encodes a credential; an owner has none.
func credentialBytes(cred identity.Credential) []byte {
	if len(cred) == 0 {
		return nil
	}
	return cred.Bytes()
}
