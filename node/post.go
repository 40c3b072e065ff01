// Post: how letters get from the asker to the answerer and back.
//
//	asker --letter--> relay --letter--> a child, or a member outside the audience
//	      <--answer--       <--answer--
//
// Each hop is a frame on a control stream (line.go), or, from a relay to a member that it
// does not carry, a stream /stoa/letter/1.

package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

const (
	letterPatience = 5 * time.Second         // at the asker and at the relay
	letterNext     = 1200 * time.Millisecond // before the next relay or answerer is tried as well
	somebodyAgain  = 200 * time.Millisecond  // until a relay tries again when everybody was busy
)

// AskSomebody puts one request (at most 64 KiB) to whoever a relay finds: a fellow
// listener that holds the room's secret, or a member outside the audience. The reply
// (at most 256 KiB) is signed by somebody, who may be anybody with the room's key: it
// must prove itself by what it says, and who refuses or says nothing is not heeded. The
// error wraps [ErrUnreachable] or [ErrBusy].
func (r *Room) AskSomebody(ctx context.Context, req []byte) ([]byte, error) {
	rep, err := r.post(ctx, identity.ID{}, req)
	if err != nil {
		return nil, fmt.Errorf("ask somebody: %w", err)
	}
	return rep, nil
}

// post asks by letter through the relays that serve us, those that send us voice first.
func (r *Room) post(ctx context.Context, to identity.ID, body []byte) ([]byte, error) {
	if len(body) > maxRequest {
		return nil, ErrTooLarge
	}
	ctx, cancel := r.node.bound(ctx)
	defer cancel()
	rep, err := tryEach(ctx, letterNext, r.attachments(), func(ctx context.Context, a *Attachment) ([]byte, error) {
		return r.postBy(ctx, a, to, body)
	})
	if errors.Is(err, errNobody) {
		err = fmt.Errorf("%w: no relay serves us", ErrUnreachable)
	}
	return rep, err
}

// postBy asks by letter through one relay. Each writes a letter of its own, because one that
// comes twice is answered once.
func (r *Room) postBy(ctx context.Context, a *Attachment, to identity.ID, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, letterPatience)
	defer cancel()
	q, sealed, err := sealLetter(r.door, r.key, to, body, time.Now())
	if err != nil {
		return nil, err
	}
	switch f, b := a.line.ask(ctx, to, sealed); f {
	case letterAnswered:
		_, refused, rep, err := q.open(b)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err) // the relay's doing: others may do better
		case to.IsZero() && (refused || len(rep) == 0):
			return nil, fmt.Errorf("%w who knows", ErrUnreachable) // somebody is nobody's last word
		case refused:
			return nil, ErrRefused
		}
		return rep, nil
	case letterBusy:
		return nil, ErrBusy
	}
	return nil, fmt.Errorf("%w by letter", ErrUnreachable)
}

// answerLetter has the request in a letter handled, and returns the answer to send back.
// A letter for somebody else, or one that was here before, gets none.
func (r *Room) answerLetter(sealed []byte) ([]byte, error) {
	l, err := openLetter(r.door, sealed, time.Now())
	if err != nil {
		return nil, err
	}
	if !l.To.IsZero() && l.To != r.key.ID() {
		return nil, errors.New("letter for somebody else")
	}
	// First, because the relay brings a letter again when we are busy.
	select {
	case r.node.asking <- struct{}{}:
		defer func() { <-r.node.asking }()
	default:
		return nil, ErrBusy
	}
	if !r.lettered.add([12]byte(l.Nonce[:12])) {
		return nil, errors.New("letter came twice")
	}
	body, err := r.handle(l.From, l.Body)
	if err == nil && len(body) > maxAnswer {
		err = ErrTooLarge
	}
	if err != nil {
		r.log.Debug("letter refused", "from", l.From.Short(), "err", err)
		body = nil
	}
	return l.answer(r.id, r.key, err != nil, body)
}

// post carries a child's letter and brings the answer, on a goroutine of its own.
func (rl *Relay) post(c *child, f control) {
	back := func(what fate, b []byte) {
		c.send(control{kind: controlAnswer, id: f.id, fate: what, body: b}.append(nil))
	}
	if !rl.beginLetter(c.key.id) {
		back(letterBusy, nil)
		return
	}
	go func() {
		defer rl.endLetter(c.key.id)
		ctx, cancel := context.WithTimeout(rl.ctx, letterPatience)
		defer cancel()
		b, err := rl.carry(ctx, c, f)
		if err == nil {
			rl.counts.letters.Add(1)
		} else {
			rl.counts.returned.Add(1)
			rl.room.log.Debug("letter returned", "child", c.key.id.Short(), "err", err)
		}
		back(fateOf(err), b)
	}()
}

// beginLetter counts one more letter of a person, unless there are enough, and its
// goroutine as begin does.
func (rl *Relay) beginLetter(from identity.ID) bool {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	if rl.closed || rl.letters[from] >= lettersEach {
		return false
	}
	rl.letters[from]++
	rl.work.Add(1)
	return true
}

func (rl *Relay) endLetter(from identity.ID) {
	rl.mu.Lock()
	subtract(rl.letters, from)
	rl.mu.Unlock()
	rl.work.Done()
}

// carry finds who answers a letter. A relay carries nobody else's: a letter that was
// copied must be the copier's own doing.
func (rl *Relay) carry(ctx context.Context, c *child, f control) ([]byte, error) {
	l, err := openLetter(rl.room.door, f.body, time.Now())
	if err != nil {
		return nil, err
	}
	if l.From != c.key.id || l.To != f.to {
		return nil, errors.New("not the child's letter")
	}
	if l.To == rl.room.key.ID() {
		return rl.room.answerLetter(f.body)
	}
	if commit := rl.commit(); l.To.IsZero() && commit != [8]byte{} {
		rl.credit.asks(c.key, commit, c.commit() == commit, sha256.Sum256(l.Body))
	}
	for {
		b, err := rl.deliver(ctx, c, l.To, f.body)
		if !errors.Is(err, ErrBusy) || !l.To.IsZero() {
			return b, err
		}
		// After a kick the whole audience asks at once, and whoever is answered can
		// answer the next.
		select {
		case <-time.After(somebodyAgain):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// deliver tries everybody who may answer a letter, once.
func (rl *Relay) deliver(ctx context.Context, c *child, to identity.ID, sealed []byte) ([]byte, error) {
	slots := []chan struct{}{rl.posting}
	if !to.IsZero() {
		slots = []chan struct{}{rl.named, rl.posting}
	}
	for _, slot := range slots {
		select {
		case slot <- struct{}{}:
			defer func() { <-slot }()
		case <-ctx.Done():
			return nil, ErrBusy
		}
	}
	var ways []errand
	commit := rl.commit()
	if to.IsZero() {
		ways = rl.somebody(c, commit)
	} else {
		ways = rl.waysTo(to)
	}
	got, err := tryEach(ctx, letterNext, ways, func(ctx context.Context, way errand) (delivery, error) {
		return way(ctx, sealed)
	})
	if err == nil && to.IsZero() && got.by != nil {
		rl.credit.gave(c.key, commit, got.by.key.id)
	}
	return got.answer, err
}

// commit names the secret that children ask for.
func (rl *Relay) commit() [8]byte {
	if rl.cfg.Commit == nil {
		return [8]byte{}
	}
	return rl.cfg.Commit()
}

// A delivery is an answer and, if it was one, the child that gave it.
type delivery struct {
	answer []byte
	by     *child
}

// An errand takes a letter to somebody and brings the answer.
type errand func(ctx context.Context, sealed []byte) (delivery, error)

// waysTo are the ways to one person: as our child, or where the room knows him to be.
func (rl *Relay) waysTo(id identity.ID) (ways []errand) {
	for _, c := range rl.of(id) {
		ways = append(ways, c.bring)
	}
	return append(ways, rl.reach(id))
}

// somebody are the ways to a few who may know what an asker wants: children that hold the
// secret, each in turn, and members outside the audience. That a child holds it is a claim,
// so every other asker is sent to a member first.
func (rl *Relay) somebody(asker *child, commit [8]byte) (ways []errand) {
	turn := rl.turn.Add(1)
	pair := int(turn / 2)
	if commit != [8]byte{} {
		holders := slices.DeleteFunc(rl.all(), func(c *child) bool {
			return c == asker || c.silent() || c.commit() != commit || !rl.credit.believes(c.key.id, commit)
		})
		slices.SortFunc(holders, func(a, b *child) int { return a.since.Compare(b.since) })
		for _, c := range rotate(holders, pair, somebodyPeers) {
			ways = append(ways, c.bring)
		}
	}
	if rl.cfg.Hears == nil {
		return ways
	}
	for i, id := range rotate(rl.cfg.Hears(), pair, somebodyPeers) {
		at := len(ways)
		if i == 0 && turn%2 == 1 {
			at = 0
		}
		ways = slices.Insert(ways, at, rl.reach(id))
	}
	return ways
}

// rotate returns a few of a list, from another place each turn.
func rotate[T any](list []T, turn, few int) []T {
	if len(list) == 0 {
		return nil
	}
	at := turn % len(list)
	turned := append(slices.Clone(list[at:]), list[:at]...)
	return turned[:min(few, len(turned))]
}

// bring takes a letter to the child.
func (c *child) bring(ctx context.Context, sealed []byte) (delivery, error) {
	if c.silent() {
		return delivery{}, ErrUnreachable
	}
	what, b := c.line.ask(ctx, c.key.id, sealed)
	return delivery{b, c}, what.err()
}

// reach takes a letter to a member who is not our child.
func (rl *Relay) reach(id identity.ID) errand {
	return func(ctx context.Context, sealed []byte) (delivery, error) {
		b, err := tryPeers(ctx, rl.room, id, func(ctx context.Context, p peer.ID) ([]byte, error) {
			return rl.room.postTo(ctx, p, sealed)
		})
		return delivery{answer: b}, err
	}
}

// reply answers a letter that came over a line, on a goroutine of its own.
func (r *Room) reply(l *line, c control) {
	if !l.begin() {
		return
	}
	go func() {
		defer l.done()
		b, err := r.answerLetter(c.body)
		if err != nil {
			r.log.Debug("letter not answered", "err", err)
		}
		l.send(control{kind: controlAnswer, id: c.id, fate: fateOf(err), body: b}.append(nil))
	}()
}

func fateOf(err error) fate {
	switch {
	case err == nil:
		return letterAnswered
	case errors.Is(err, ErrBusy):
		return letterBusy
	}
	return letterLost
}

func (f fate) err() error {
	switch f {
	case letterAnswered:
		return nil
	case letterBusy:
		return ErrBusy
	}
	return ErrUnreachable
}

// postTo carries a letter to a member's peer and the answer back.
func (r *Room) postTo(ctx context.Context, p peer.ID, sealed []byte) ([]byte, error) {
	s, err := r.node.open(network.WithAllowLimitedConn(ctx, "letter"), p, protoLetter)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	defer s.Reset() // harmless after a whole exchange
	s.SetDeadline(time.Now().Add(letterPatience))
	if err := writeFrame(s, append(r.door.tag[:], sealed...)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	s.CloseWrite()
	b, err := readFrame(s, maxAnswer+wireSlack)
	if err == nil {
		return b, nil
	}
	if err = cutShort(err); errors.Is(err, ErrRefused) {
		// Who refuses says so in the answer. This peer only does not know the room, or the
		// letter, and the next may.
		err = fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	return nil, err
}

// handleLetter answers a letter that a relay brings.
func (n *Node) handleLetter(s network.Stream) {
	if !n.begin() {
		s.Reset()
		return
	}
	defer n.work.Done()
	if !n.asks.take(s.Conn().RemotePeer(), time.Now()) {
		s.ResetWithError(network.StreamRateLimited)
		return
	}
	if err := n.acceptLetter(s); errors.Is(err, ErrBusy) {
		s.ResetWithError(network.StreamResourceLimitExceeded)
	} else if err != nil {
		n.log.Debug("letter not answered", "peer", s.Conn().RemotePeer(), "err", err)
		s.Reset()
	}
}

func (n *Node) acceptLetter(s network.Stream) error {
	s.SetDeadline(time.Now().Add(letterPatience))
	r, sealed, err := n.readSealed(s, maxLetter)
	if err != nil {
		return err
	}
	b, err := r.answerLetter(sealed)
	if err != nil {
		return err
	}
	if err := writeFrame(s, b); err != nil {
		return err
	}
	return s.Close()
}
