// Catching up: members tell each other by one number which remarks they know, and whoever knows others is asked for them. So what gossip lost,
// what was written during a short absence, and above all what was hidden reaches everybody.

package room

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"stoa/identity"
)

const (
	// maxShelf is how many remarks members tell each other of: the last ones under the current secret, but for reactions.
	maxShelf = 64

	catchSpread = time.Second     // over which those who lack something begin to ask
	catchPause  = 2 * time.Second // between two questions
	maxVain     = 256             // people who had nothing new

	// What others hand on counts for its author like what comes at first hand, so that handing on is no way to flood; after an absence it is more
	// at once.
	catchBurst = maxShelf
)

// shelf is the last remarks as they came. It is a pure machine.
type shelf struct{ list []written }

// written is a remark that can be handed on.
type written struct {
	name  identity.Hash
	epoch identity.Hash
	moment
	raw []byte
}

// short is how a remark is named among others in a question.
func (w *written) short() uint64 { return binary.BigEndian.Uint64(w.name[:]) }

// place is where a remark stands or would stand; has tells whether it is there.
func (w *shelf) place(x *written) (i int, has bool) {
	return slices.BinarySearchFunc(w.list, x, func(a written, x *written) int {
		return cmp.Or(cmp.Compare(a.time, x.time), cmp.Compare(a.seq, x.seq), bytes.Compare(a.name[:], x.name[:]))
	})
}

// add takes a remark and tells whether it was not there. The oldest gives way.
func (w *shelf) add(x written) bool {
	i, has := w.place(&x)
	if has || i == 0 && len(w.list) >= maxShelf {
		return false
	}
	w.list = slices.Insert(w.list, i, x)
	if len(w.list) > maxShelf {
		w.list = slices.Delete(w.list, 0, 1)
	}
	return true
}

// sum is the same for all who know the same remarks under a secret, in whatever order they came; 0 without any.
func (w *shelf) sum(epoch identity.Hash) (sum uint64) {
	for i := range w.list {
		if w.list[i].epoch == epoch {
			sum ^= w.list[i].short()
		}
	}
	return sum
}

// shorts names all that there are.
func (w *shelf) shorts() []uint64 {
	list := make([]uint64, len(w.list))
	for i := range w.list {
		list[i] = w.list[i].short()
	}
	return list
}

// beside returns the remarks under a secret that are not among those named.
func (w *shelf) beside(epoch identity.Hash, have []uint64) (raws [][]byte) {
	for i := range w.list {
		if x := &w.list[i]; x.epoch == epoch && !slices.Contains(have, x.short()) {
			raws = append(raws, x.raw)
		}
	}
	return raws
}

// catchup is whom to ask for remarks. It is a pure machine.
type catchup struct {
	at   time.Time // when to ask; zero: nobody seems to know others
	who  identity.ID
	sum  uint64 // of what they know
	busy bool
	rest time.Time              // until when nobody is asked
	vain map[identity.ID]uint64 // what those knew who had nothing new
}

// note takes what somebody knows, which is not what is known here.
func (c *catchup) note(who identity.ID, sum uint64, at time.Time) {
	if last, asked := c.vain[who]; asked && last == sum {
		return
	}
	c.who, c.sum = who, sum
	if c.at.IsZero() {
		c.at = at
	}
}

// take returns whom to ask now, if what they know is still not what is known here.
func (c *catchup) take(known uint64, now time.Time) (who identity.ID, ok bool) {
	if c.busy || c.at.IsZero() || now.Before(c.at) || now.Before(c.rest) {
		return who, false
	}
	c.at = time.Time{}
	c.busy = c.sum != known
	return c.who, c.busy
}

// done ends a question that brought something new or did not.
func (c *catchup) done(who identity.ID, sum uint64, news bool, now time.Time) {
	c.busy, c.rest = false, now.Add(catchPause)
	if news {
		return
	}
	if c.vain == nil || len(c.vain) >= maxVain {
		c.vain = make(map[identity.ID]uint64)
	}
	c.vain[who] = sum
}

// next is when take may have somebody; zero while it will not.
func (c *catchup) next() time.Time {
	switch {
	case c.busy || c.at.IsZero():
		return time.Time{}
	case c.at.After(c.rest):
		return c.at
	}
	return c.rest
}

// compare notes whether somebody knows other remarks than this member. Loop only.
func (r *Room) compare(p *Presence, now time.Time) {
	if p.Wrote != 0 && p.Wrote != r.shelf.sum(r.book.current.Commit) {
		r.catchup.note(p.Who, p.Wrote, now.Add(syncGrace+time.Duration(r.jitter.Int64N(int64(catchSpread)))))
	}
}

// catchUp asks for what is missing here. Loop only.
func (r *Room) catchUp(now time.Time) {
	epoch := r.book.current.Commit
	sum := r.catchup.sum
	who, ok := r.catchup.take(r.shelf.sum(epoch), now)
	if !ok {
		return
	}
	q := chatQuestion{Epoch: epoch, Have: r.shelf.shorts()}
	if r.seated {
		q.Proof = r.shown
	}
	from := r.insteadOf(who)
	r.aside(func(ctx context.Context) func(time.Time) {
		var a chatAnswer
		err := r.askOne(ctx, from, askChat, q, &a)
		return func(now time.Time) {
			news := false
			for _, raw := range a.Remarks[:min(len(a.Remarks), maxShelf)] {
				news = r.catch(raw, now) || news
			}
			r.catchup.done(who, sum, news || err != nil, now)
		}
	})
}

// catch takes a remark that somebody hands on, and tells whether it was missing here. One whose author may not write any more is noted, so that
// it is not asked for again, and not read. Loop only.
func (r *Room) catch(raw []byte, now time.Time) bool {
	m, err := ParseRemark(raw)
	if err != nil || m.Room != r.id || m.Kind == RemarkReact || m.Epoch != r.book.current.Commit || m.Time > r.stamp(now.Add(maxSkew)) {
		return false
	}
	if _, out := r.putOut(m.Who); !out && !r.member(m.Who) {
		return false
	}
	if !r.caught.take(m.Who, now) || !r.shelf.add(written{m.name(), m.Epoch, m.moment(), bytes.Clone(raw)}) {
		return false
	}
	if r.state.CanWrite(m.Who) && r.hears() {
		r.openRemark(m, now, true)
	}
	return true
}

// onChat answers somebody who knows less.
func (r *Room) onChat(ctx context.Context, from identity.ID, q chatQuestion) (any, error) {
	if len(q.Have) > maxShelf {
		return nil, identity.ErrMalformed
	}
	_, in := r.Snapshot().State.Members[from]
	if !in && (len(q.Proof) == 0 || r.Admits(from, q.Proof) != Yes) {
		return nil, ErrNotMember
	}
	var reply *chatAnswer
	err := r.do(ctx, func(time.Time) error {
		reply = &chatAnswer{Remarks: r.shelf.beside(q.Epoch, q.Have)}
		return nil
	})
	return reply, err
}
