// This file holds what the log says of when the room meets, and of who records it with whose consent.

package room

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"stoa/identity"
)

// Schedule is when the room meets, as whoever may name it says. The zero value: nothing is planned, and nothing ever was.
type Schedule struct {
	Starts uint64 // unix ms; 0: nothing is planned
	Ends   uint64 // unix ms
	Text   string
	By     identity.ID
	Op     identity.Hash
	Time   uint64 // unix ms as its author claims
}

// Recording is the one that is on. Everybody sees whose it is, and records nobody who has not said yes: State promises the first, and of the
// second only what each has said. Who breaks the rule and records what they hear cannot be kept from it.
type Recording struct {
	ID      identity.Hash // of the operation that began it
	By      identity.ID
	Since   uint64 // unix ms as its author claims
	Answers map[identity.ID]Consent
	rank    uint16
}

// Consents tells whether somebody lets themself be recorded. Who has not answered does not.
func (r *Recording) Consents(id identity.ID) bool { return r != nil && r.Answers[id].Yes }

// Consent is the last that somebody answered.
type Consent struct {
	Yes  bool
	Op   identity.Hash
	Time uint64 // unix ms as they claim
}

// records is what a State keeps to tell which recording is on.
type records struct {
	begun   []*node // recordings that nobody has ended or replaced
	answers map[answerer]Consent
}

// tape fills in what the operations say of the schedule and of recordings.
func (l *Log) tape(s *State) {
	e := &l.eval
	if n := winner(e.schedules); n != nil {
		a := n.op.args.schedule
		s.Schedule = Schedule{Starts: a.Starts, Ends: a.Ends, Text: a.Text, By: n.op.Author, Op: n.op.hash, Time: n.op.Time}
	}
	s.records.begun = slices.DeleteFunc(slices.Clone(e.records), func(n *node) bool { return e.stopped[n.op.hash] })
	if len(s.records.begun) == 0 {
		return
	}
	s.records.answers = map[answerer]Consent{}
	for by, ns := range e.consents {
		if slices.ContainsFunc(s.records.begun, func(n *node) bool { return n.op.hash == by.recording }) {
			s.records.answers[by] = lastAnswer(ns)
		}
	}
}

// lastAnswer is what a person says of a recording: of two answers of which neither had seen the other, no; then that of the lower hash.
func lastAnswer(ns []*node) Consent {
	var last *Op
	for _, n := range ns {
		o := n.op
		switch {
		case last == nil,
			last.args.consent.Yes && !o.args.consent.Yes,
			last.args.consent.Yes == o.args.consent.Yes && compareHashes(o.hash, last.hash) < 0:
			last = o
		}
	}
	return Consent{Yes: last.args.consent.Yes, Op: last.hash, Time: last.Time}
}

// Recording is the recording that is on; nil when none is. It ends with what lets its author record, and never begins again. Of several the
// one of the strongest rank is on, then that of the lower hash.
func (s *State) Recording() *Recording {
	standing := s.unended()
	if len(standing) == 0 {
		return nil
	}
	n := slices.MinFunc(standing, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), compareHashes(a.op.hash, b.op.hash))
	})
	on := n.op
	r := &Recording{ID: on.hash, By: on.Author, Since: on.Time, Answers: map[identity.ID]Consent{}, rank: n.rank}
	for by, c := range s.records.answers {
		if by.recording == r.ID {
			r.Answers[by.who] = c
		}
	}
	return r
}

// unended are the recordings that nobody has ended or replaced, of those who may record.
func (s *State) unended() []*node {
	return slices.DeleteFunc(slices.Clone(s.records.begun), func(n *node) bool { return !s.records.allowed(s, n) })
}

// allowed tells whether the author of n still holds the grant under which it was done.
func (r *records) allowed(s *State, n *node) bool {
	if s.Closed {
		return false
	}
	if n.op.Grant.IsZero() {
		return true // an owner's
	}
	return slices.ContainsFunc(s.live[n.op.Author], func(c *conferral) bool { return c.own().grant == n.op.Grant && n.sees(c.node) })
}

// Errors of the actions on recordings.
var (
	ErrRecording   = errors.New("the room is being recorded already")
	ErrNoRecording = errors.New("the room is not being recorded")
)

// SetSchedule says when the room meets, with a text cut to MaxAbout printable bytes; a zero start says that nothing is planned any more.
func (r *Room) SetSchedule(ctx context.Context, starts, ends time.Time, text string) error {
	var a ScheduleArgs
	if !starts.IsZero() {
		a = ScheduleArgs{Starts: millis(starts), Ends: millis(ends), Text: cut(text, MaxAbout)}
	}
	return r.act(ctx, KindSchedule, identity.ID{}, a)
}

// BeginRecording asks everybody whether they let themselves be recorded by this member, and names the recording. It takes the place of that of
// somebody who is not here any more, unless their rank is stronger. To record nobody who has not said yes is for the caller to see to.
// Errors: ErrRecording, those of [State.May].
func (r *Room) BeginRecording(ctx context.Context) (id identity.Hash, err error) {
	err = r.do(ctx, func(now time.Time) error {
		if on := r.state.Recording(); on != nil && (r.here(on.By) || on.rank < r.state.rank(r.me)) {
			return ErrRecording
		}
		if err := r.write(KindRecord, identity.ID{}, RecordArgs{}, now); err != nil {
			return err
		}
		on := r.state.Recording()
		if on == nil || on.By != r.me {
			return ErrRecording // under a weaker one of several grants
		}
		id = on.ID
		return nil
	})
	return id, err
}

// EndRecording ends the recording of that name, also where a stronger rank's is on in its place, which it would follow; of the zero name, the one
// that is on. It does so for everybody. Errors: ErrNoRecording when it is over; ErrNotAllowed when it is somebody's whose rank is as strong, and
// those of [State.May].
func (r *Room) EndRecording(ctx context.Context, id identity.Hash) error {
	return r.do(ctx, func(now time.Time) error {
		if on := r.state.Recording(); id.IsZero() && on != nil {
			id = on.ID
		}
		if !slices.ContainsFunc(r.state.unended(), func(n *node) bool { return n.op.hash == id }) {
			return ErrNoRecording
		}
		return r.write(KindRecord, identity.ID{}, RecordArgs{Ends: id}, now)
	})
}

// Consent says whether this member lets themself be recorded, in the recording of that name or, of the zero name, in the one that is on. Who
// answers a question names it: another's may have taken its place meanwhile. To say what was said already is no error.
// Errors: ErrNoRecording also when another one is on, ErrNotAllowed after too many changes of mind, those of [State.May].
func (r *Room) Consent(ctx context.Context, id identity.Hash, yes bool) error {
	return r.do(ctx, func(now time.Time) error {
		on := r.state.Recording()
		if on == nil || !id.IsZero() && on.ID != id {
			return ErrNoRecording
		}
		if said, answered := on.Answers[r.me]; answered && said.Yes == yes {
			return nil
		}
		return r.write(KindConsent, identity.ID{}, ConsentArgs{Recording: on.ID, Yes: yes}, now)
	})
}

// Evidence is an operation, and what shows to somebody who knows the charter that its author was in the room.
type Evidence struct {
	Op         []byte // as signed
	Credential []byte // [identity.Credential.Bytes] of the author, as far as the operation had seen; empty for an owner
}

// Evidence returns the operations of these names, those that are here.
func (r *Room) Evidence(ctx context.Context, names ...identity.Hash) (list []Evidence, err error) {
	err = r.do(ctx, func(time.Time) error {
		for _, name := range names {
			n := r.log.byHash[name]
			if n == nil {
				continue
			}
			e := Evidence{Op: n.op.raw}
			if c := r.log.held(n.op, n.past); c != nil {
				e.Credential = c.cred.Bytes()
			}
			list = append(list, e)
		}
		return nil
	})
	return list, err
}

// Verify checks that the operation is one of the room that c founded, and that its author is an owner or held the grant that they acted
// under when it was made. Whether they had been put out meanwhile only the room's whole log tells. Errors: those of [ParseOp] and
// [identity.Credential.Verify], identity.ErrWrongRoom, ErrNotAllowed.
func (e *Evidence) Verify(c *identity.Charter) (*Op, error) {
	o, err := ParseOp(e.Op)
	switch {
	case err != nil:
		return nil, err
	case o.Room != c.ID():
		return nil, identity.ErrWrongRoom
	case o.Grant.IsZero() && c.IsOwner(o.Author):
		return o, nil
	}
	cred, err := identity.ParseCredential(e.Credential)
	if err != nil {
		return nil, err
	}
	leaf := cred.Leaf()
	if cred.Holder() != o.Author || leaf.Hash() != o.Grant || !allows(leaf.Caps, o.Kind) {
		return nil, ErrNotAllowed
	}
	at := time.UnixMilli(int64(o.Time))
	if came := cred.RedeemedAt(); leaf.Invite && !came.IsZero() {
		at = came // an invite's expiry bounds only its redemption
	}
	return o, cred.Verify(c, at)
}
