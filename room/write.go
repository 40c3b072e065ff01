// Writing in a room, and reading what others write.

package room

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stoa/identity"
)

const (
	sayBurst   = 5               // messages, and the hiding of messages, at once
	sayEvery   = 2 * time.Second // between two in the long run
	reactBurst = 6
	reactEvery = time.Second / 2

	// turnAtMost is how long what one writes waits while somebody who was put out may still hold the secret. Where nobody is here to replace
	// it, writing goes on, as private as speaking.
	turnAtMost = 6 * time.Second

	linesFlush = time.Second // how long others' messages may be only in memory
)

// Errors of writing.
var (
	ErrEmpty  = errors.New("there is nothing to read in that")
	ErrFast   = errors.New("too much was written at once; wait a few seconds")
	ErrNoKey  = errors.New("the key of this room has not come yet; try again in a moment")
	ErrNoLine = errors.New("there is no such message")
)

// pen is what this member writes with.
type pen struct {
	says, reacts bucket
	last         moment    // of its remarks
	flushAt      time.Time // when others' messages are saved; meaningless while all are
}

func newPen() pen {
	return pen{says: bucket{burst: sayBurst, every: sayEvery}, reacts: bucket{burst: reactBurst, every: reactEvery}}
}

// CanWrite reports whether what the person writes is to be read: in, allowed to hear, not muted, room not closed.
func (s *State) CanWrite(id identity.ID) bool {
	_, muted := s.Muted[id]
	return s.CanHear(id) && !muted
}

// MayHide says whether the actor may have messages of an author not be read any more: own ones, and those of whom one may mute. Errors: those
// of [State.May].
func (s *State) MayHide(actor, author identity.ID) error {
	if actor == author {
		return nil
	}
	return s.May(actor, KindMute, author)
}

// Say writes a message to everybody who hears, of at most MaxText bytes, without what cannot be read. It returns the name of the message once
// that is durable here. Who is only seated becomes a member first, for which a gate has to be here. Errors: ErrEmpty, ErrNotMember,
// ErrMuted, ErrNoRight, ErrFast, ErrNoKey, ErrBusy.
func (r *Room) Say(ctx context.Context, text string) (name identity.Hash, err error) {
	if text = tidy(text); text == "" {
		return name, ErrEmpty
	}
	err = r.remark(ctx, RemarkSay, &r.pen.says, func() []byte { return encodeSay(r.name, text) }, func(m *Remark, now time.Time) error {
		name = m.name()
		return r.keep(asLine(m, cut(r.name, MaxName), text, r.common(now)))
	})
	return name, err
}

// React shows one of Reactions to everybody who hears. Nobody keeps it. Errors: ErrEmpty for what is none of them, and those of Say.
func (r *Room) React(ctx context.Context, emoji string) error {
	which := slices.Index(Reactions[:], emoji)
	if which < 0 {
		return ErrEmpty
	}
	return r.remark(ctx, RemarkReact, &r.pen.reacts, func() []byte { return []byte{byte(which)} }, func(*Remark, time.Time) error {
		r.reacted(r.me, which)
		return nil
	})
}

// Hide has a message not be read any more, by anybody who was shown it lately. Errors: ErrNoLine, those of [State.MayHide] and of Say.
func (r *Room) Hide(ctx context.Context, name identity.Hash) error {
	s := r.Snapshot()
	i := slices.IndexFunc(s.Chat, func(l Line) bool { return l.Name == name })
	if i < 0 {
		return ErrNoLine
	}
	if err := s.State.MayHide(r.me, s.Chat[i].Who); err != nil {
		return err
	}
	return r.remark(ctx, RemarkHide, &r.pen.says, func() []byte { return name[:] }, func(*Remark, time.Time) error {
		r.chat.hide(hide{name, r.me})
		r.settleHides()
		return r.saveLines()
	})
}

// remark writes one as soon as the room has a secret that nobody else knows: it is sealed, taken here by done, and published if that did not
// fail. b counts it.
func (r *Room) remark(ctx context.Context, kind RemarkKind, b *bucket, plain func() []byte, done func(m *Remark, now time.Time) error) error {
	if err := r.StandUp(ctx); err != nil {
		return err
	}
	r.awaitTurn(ctx)
	return r.do(ctx, func(now time.Time) error {
		_, muted := r.state.Muted[r.me]
		switch {
		case !r.member(r.me) || r.state.Closed:
			return refusal(r.state, r.me)
		case muted:
			return ErrMuted
		case !r.state.CanHear(r.me):
			return ErrNoRight
		case !r.book.current.Known:
			return ErrNoKey
		case !b.take(now):
			return ErrFast
		}
		r.pen.last = moment{max(r.stamp(now), r.last, r.pen.last.time), r.pen.last.seq + 1}
		m := &Remark{Room: r.id, Who: r.me, Kind: kind, Time: r.pen.last.time, Seq: r.pen.last.seq, Epoch: r.book.current.Commit}
		if err := m.seal(r.book.current.Secret, plain()); err != nil {
			return err
		}
		if err := done(m, now); err != nil {
			return err
		}
		r.dirty = true
		raw := pack(r.cfg.Key, remarkDomain, m)
		if kind != RemarkReact {
			r.shelf.add(written{m.name(), m.Epoch, m.moment(), raw})
		}
		r.publish(ChannelChat, raw)
		return nil
	})
}

// awaitTurn waits a while until the room's secret is here and nobody who was put out may hold it.
func (r *Room) awaitTurn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, turnAtMost)
	defer cancel()
	for s := range r.Watch(ctx) {
		if !s.State.Epoch.Stale && len(s.Epochs) > 0 && s.Epochs[0].Known {
			return
		}
	}
}

// takeRemark takes what somebody has written. Loop only.
func (r *Room) takeRemark(raw []byte, now time.Time) {
	m, err := ParseRemark(raw)
	if err != nil || m.Room != r.id || m.Who == r.me || !r.state.CanWrite(m.Who) || !credible(m.Time, r.common(now)) {
		return
	}
	if m.Kind != RemarkReact {
		r.shelf.add(written{m.name(), m.Epoch, m.moment(), raw})
	}
	if r.hears() {
		r.openRemark(m, now, false)
	}
}

// openRemark reads a remark, or has it wait for its secret. late says that it was handed on: it may be from before this person came. Loop only.
func (r *Room) openRemark(m *Remark, now time.Time, late bool) {
	came := r.common(now)
	if made := time.UnixMilli(int64(m.Time)); late && made.Before(came) {
		came = made
	}
	if secret, known := r.book.secret(m.Epoch); known {
		r.readRemark(m, secret, came)
	} else if m.Kind != RemarkReact { // which would come too late
		r.chat.wait(m, came, now)
	}
}

// readWaiting reads what has waited for its secret. Loop only.
func (r *Room) readWaiting(now time.Time) {
	if len(r.chat.waits) == 0 {
		return
	}
	known := func(epoch identity.Hash) bool { _, known := r.book.secret(epoch); return known }
	for _, w := range r.chat.ripe(known, now) {
		secret, _ := r.book.secret(w.Epoch)
		r.readRemark(w.Remark, secret, w.came)
	}
}

// readRemark opens a remark that came at a time by the room's clock. What does not open, or says nothing, harms its author alone. Loop only.
func (r *Room) readRemark(m *Remark, secret [32]byte, came time.Time) {
	plain, err := m.open(secret)
	if err != nil {
		return
	}
	switch m.Kind {
	case RemarkSay:
		if called, text, ok := decodeSay(plain); ok && r.chat.add(asLine(m, called, text, came)) {
			r.dirty = true
		}
	case RemarkReact:
		r.reacted(m.Who, int(plain[0]))
	case RemarkHide:
		r.chat.hide(hide{identity.Hash(plain), m.Who})
	}
	r.settleHides()
}

// asLine is a message as it is shown, which came at a time by the room's clock.
func asLine(m *Remark, called, text string, came time.Time) Line {
	return Line{Name: m.name(), Who: m.Who, Called: called, At: dated(m.Time, came), Text: text}
}

// reacted tells the program of a reaction; one that a newer version knows is none. Loop only.
func (r *Room) reacted(who identity.ID, which int) {
	if which < len(Reactions) && r.cfg.Reacted != nil {
		r.cfg.Reacted(who, Reactions[which])
	}
}

// settleHides hides what there is to hide. Loop only.
func (r *Room) settleHides() {
	if len(r.chat.hides) == 0 {
		return
	}
	may := func(by, author identity.ID) bool { return r.state.MayHide(by, author) == nil }
	r.dirty = r.chat.settle(may) || r.dirty
}

// keep makes a message of this member durable, then shows it. Loop only.
func (r *Room) keep(l Line) error {
	if err := r.saveLines(l); err != nil {
		return err
	}
	r.chat.add(l)
	r.chat.unsaved = nil
	return nil
}

// saveLines makes durable what others wrote or is hidden, and more. Loop only.
func (r *Room) saveLines(more ...Line) error {
	list := append(r.chat.unsaved, more...)
	if len(list) == 0 {
		return nil
	}
	if err := r.cfg.Keeper.SaveLines(r.id, list); err != nil {
		return fmt.Errorf("saving: %w", err)
	}
	r.chat.unsaved = nil
	return nil
}

// flushLines saves others' messages now and then. What a crash takes was confirmed to nobody. Loop only.
func (r *Room) flushLines(now time.Time) {
	switch {
	case len(r.chat.unsaved) == 0:
		r.pen.flushAt = time.Time{}
	case r.pen.flushAt.IsZero():
		r.pen.flushAt = now.Add(linesFlush)
	case !now.Before(r.pen.flushAt):
		r.pen.flushAt = now.Add(linesFlush)
		_ = r.saveLines() // the disk may have room again by then
	}
}
