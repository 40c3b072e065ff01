// This file holds what an operation must satisfy to join the log at all: facts that it and its past settle for good, so that every machine
// refuses the same operations. What may still change with operations not yet seen is in evaluate.go.

package room

import (
	"fmt"
	"slices"
	"time"

	"stoa/identity"
)

// mostBehind is how far, in ms, the clock of who lets somebody in may be behind the time of an operation, and the time of a seat behind that
// of the operation that made its giver a gate: some honest clock may have been in front of theirs, and a liar's in front of that one.
const mostBehind = uint64(2 * maxSkew / time.Millisecond)

// reportGap is how long, in ms, an advert or an audit stands before its author may write the next one of the same relay.
const reportGap = 5 * 60 * 1000

// place gives o its place after deps, or says why it may not join.
func (l *Log) place(o *Op) (*node, error) {
	n := &node{op: o, at: len(l.nodes)}
	for _, h := range o.Deps {
		d := l.byHash[h]
		if o.Time <= d.op.Time {
			return nil, fmt.Errorf("not later than what it has seen: %w", identity.ErrMalformed)
		}
		n.past = n.past.or(d.past).set(d.at)
	}
	if o.Room != l.room {
		return nil, identity.ErrWrongRoom
	}
	if want := l.lastSeq(o.Author, n.past) + 1; o.Seq != want {
		return nil, fmt.Errorf("sequence %d instead of %d: %w", o.Seq, want, identity.ErrMalformed)
	}
	if o.Kind.overPerson() && l.charter.IsOwner(o.Target) {
		return nil, fmt.Errorf("%s of an owner: %w", o.Kind, ErrNotAllowed)
	}
	if o.Kind == KindAdmit {
		return n, l.checkAdmit(n)
	}
	return n, l.checkAct(n)
}

// lastSeq is the author's highest sequence number within past, 0 if none.
func (l *Log) lastSeq(author identity.ID, past bitset) uint64 {
	var last uint64
	for _, n := range l.byAuthor[author] {
		if past.has(n.at) {
			last = max(last, n.op.Seq)
		}
	}
	return last
}

// checkAdmit checks the evidence. The author's standing is not asked, only that somebody let them in once: whoever was never in cannot
// bring a room to accept an invite that has lapsed by dating an operation back.
func (l *Log) checkAdmit(n *node) error {
	o := n.op
	cred := o.args.credential
	if err := l.checkCame(n); err != nil {
		return err
	}
	line := lineage(cred)
	if err := checkLine(line); err != nil {
		return err
	}
	leaf := cred[len(cred)-1]
	if leaf.Redeem != nil && leaf.Grant.Exact && o.Author != leaf.Grant.Issuer {
		return fmt.Errorf("only the issuer of this invite admits: %w", ErrNotAllowed)
	}
	for _, s := range line[:len(line)-1] {
		if s.exact && !l.eval.rules.seen(n.past, s.holding) {
			return fmt.Errorf("an invite of an uncounted moderator: %w", ErrNotAllowed)
		}
	}
	if !l.charter.IsOwner(o.Author) && !slices.ContainsFunc(l.byPerson[o.Author], func(c *conferral) bool { return n.sees(c.node) }) {
		return fmt.Errorf("admitted by a stranger: %w", ErrNotAllowed)
	}
	n.rank = leaf.Grant.Rank
	n.gives = &conferral{node: n, grant: leaf.Grant, line: line, cred: cred}
	return nil
}

// checkCame checks that the credential was good when its holder came: when the operation was made, by its author's clock, or when they were
// given a seat, by the clock of somebody who was a gate before and is so in the operation's past. That one clock decides for everybody.
func (l *Log) checkCame(n *node) error {
	o, cred := n.op, n.op.args.credential
	if len(o.args.seat) > 0 {
		seat, err := parseSeatOn(l.room, cred, o.args.seat)
		if err != nil {
			return err
		}
		if err := l.verify(cred, time.UnixMilli(int64(seat.Time))); err != nil {
			return err
		}
		gate := func(c *conferral) bool {
			return n.sees(c.node) && c.grant.Caps&gates != 0 && c.node.op.Time <= seat.Time+mostBehind
		}
		if !l.charter.IsOwner(seat.By) && !slices.ContainsFunc(l.byPerson[seat.By], gate) {
			return fmt.Errorf("seated by who is no gate: %w", ErrNotAllowed)
		}
		return nil
	}
	return l.verify(cred, time.UnixMilli(int64(o.args.when)))
}

// checkLine checks that ranks fall along a lineage, on which the evaluation's order rests.
func checkLine(line []step) error {
	rank := uint16(0)
	for _, s := range line {
		if s.rank <= rank {
			return identity.ErrWidened
		}
		rank = s.rank
	}
	return nil
}

// checkAct checks an operation whose authority is its author's: that they were given the grant acted under, that it covers the kind.
func (l *Log) checkAct(n *node) error {
	o := n.op
	var parent *conferral
	switch {
	case !o.Grant.IsZero():
		if parent = l.held(o, n.past); parent == nil {
			return fmt.Errorf("under a grant that the author was never given: %w", ErrNotAllowed)
		}
		if e := parent.grant.Expires; e != 0 && !parent.grant.Invite && o.Time > e {
			return fmt.Errorf("the grant acted under: %w", identity.ErrExpired)
		}
		n.rank, n.caps = parent.rank(), parent.grant.Caps
	case l.charter.IsOwner(o.Author):
		n.rank, n.caps = 0, identity.RoleOwner.Caps()
	default:
		return fmt.Errorf("acts as an owner: %w", ErrNotAllowed)
	}
	if !allows(n.caps, o.Kind) {
		return fmt.Errorf("%s: %w", o.Kind, ErrNotAllowed)
	}
	switch o.Kind {
	case KindGrant:
		return l.checkGrant(n, parent)
	case KindClose:
		if !l.charter.IsOwner(o.Author) {
			return fmt.Errorf("only owners end a room: %w", ErrNotAllowed)
		}
	case KindEpoch:
		if want := l.lastEpoch(n.past) + 1; uint64(o.args.epoch.N) != want {
			return fmt.Errorf("epoch %d instead of %d: %w", o.args.epoch.N, want, identity.ErrMalformed)
		}
	case KindAdvert, KindAudit:
		return l.checkReport(n)
	case KindRecord:
		return l.checkRecord(n)
	case KindConsent:
		return l.checkConsent(n)
	case KindLower:
		return l.checkLower(n)
	}
	return nil
}

// checkRecord checks that a recording is ended by whom may: its author, or a stronger rank.
func (l *Log) checkRecord(n *node) error {
	if n.op.begins() {
		return nil
	}
	began, err := l.recording(n.op.args.record.Ends, n.past)
	if err == nil && began.op.Author != n.op.Author && began.rank <= n.rank {
		return fmt.Errorf("ends the recording of a rank as strong: %w", ErrNotAllowed)
	}
	return err
}

// maxConsents is how often somebody may change their mind about one recording. The last time is for no: whoever said yes can take it back.
const maxConsents = 8

// checkConsent checks that there is a recording to consent to, and keeps those who cannot decide from filling the log.
func (l *Log) checkConsent(n *node) error {
	of := n.op.args.consent.Recording
	if _, err := l.recording(of, n.past); err != nil {
		return err
	}
	answers, most := 0, maxConsents
	if n.op.args.consent.Yes {
		most--
	}
	for _, m := range l.byAuthor[n.op.Author] {
		if m.op.Kind == KindConsent && m.op.args.consent.Recording == of && n.sees(m) {
			answers++
		}
	}
	if answers >= most {
		return fmt.Errorf("answered %d times already: %w", answers, ErrNotAllowed)
	}
	return nil
}

// recording is the operation within past that began the recording of that name.
func (l *Log) recording(name identity.Hash, past bitset) (*node, error) {
	if n := l.byHash[name]; n != nil && past.has(n.at) && n.op.begins() {
		return n, nil
	}
	return nil, fmt.Errorf("names no recording that it has seen: %w", identity.ErrMalformed)
}

// checkReport keeps what relays say of themselves, and others of them, from filling the log, and relays from auditing themselves.
func (l *Log) checkReport(n *node) error {
	if n.op.Target == n.op.Author {
		return fmt.Errorf("a relay audits itself: %w", ErrNotAllowed)
	}
	if last := l.lastLike(n.op, n.past); last != nil && n.op.Time < last.op.Time+reportGap {
		return fmt.Errorf("%s within five minutes of the one before: %w", n.op.Kind, ErrNotAllowed)
	}
	return nil
}

// lastLike is the latest operation within past of o's author, kind and target; nil if there is none.
func (l *Log) lastLike(o *Op, past bitset) *node {
	var last *node
	for _, n := range l.byAuthor[o.Author] {
		if n.op.Kind == o.Kind && n.op.Target == o.Target && past.has(n.at) && (last == nil || n.op.Time > last.op.Time) {
			last = n
		}
	}
	return last
}

// held is a conferral within past of the grant that o acts under on its author; nil if there is none. All of them are of the same grant.
func (l *Log) held(o *Op, past bitset) *conferral {
	for _, c := range l.eval.rules.given[holding{o.Author, o.Grant}] {
		if past.has(c.node.at) {
			return c
		}
	}
	return nil
}

func (l *Log) checkGrant(n *node, parent *conferral) error {
	g := n.op.args.grant
	var cred identity.Credential
	if parent != nil {
		cred = slices.Clone(parent.cred)
	}
	cred = append(cred, identity.Link{Grant: g})
	if err := l.verify(cred, time.UnixMilli(int64(n.op.Time))); err != nil {
		return err
	}
	line := lineage(cred)
	if err := checkLine(line); err != nil {
		return err
	}
	n.gives = &conferral{node: n, grant: g, line: line, cred: cred}
	return nil
}

// lastEpoch is the highest epoch number within past, 0 if none.
func (l *Log) lastEpoch(past bitset) uint64 {
	var last uint64
	for _, n := range l.epochs {
		if past.has(n.at) {
			last = max(last, uint64(n.op.args.epoch.N))
		}
	}
	return last
}
