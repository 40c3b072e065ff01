// Asks: one stream, one request, one reply, both signed and sealed by the door.

package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

// handleAsk answers one request. Whoever does not hold the key of a room that we
// are in gets a reset stream, the same for every reason.
func (n *Node) handleAsk(s network.Stream) {
	if !n.begin() {
		s.Reset()
		return
	}
	defer n.work.Done()
	if !n.asks.take(s.Conn().RemotePeer(), time.Now()) {
		s.ResetWithError(network.StreamRateLimited)
		return
	}
	r, req, err := n.readAsk(s)
	if err != nil {
		n.log.Debug("ask not understood", "peer", s.Conn().RemotePeer(), "err", err)
		s.Reset()
		return
	}
	// Only now, so that nobody takes up the slots who keeps the request to themselves or cannot make one.
	select {
	case n.asking <- struct{}{}:
		defer func() { <-n.asking }()
	default:
		s.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	if err := r.answer(s, req); err != nil {
		n.log.Debug("ask not answered", "peer", s.Conn().RemotePeer(), "err", err)
		s.Reset()
		return
	}
	s.Close()
}

// readSealed reads the first frame of a stream, of at most limit bytes with the room's
// tag, and finds the room that it is for. What it returns is still sealed.
func (n *Node) readSealed(s io.Reader, limit int) (*Room, []byte, error) {
	frame, err := readFrame(s, limit)
	if err != nil {
		return nil, nil, err
	}
	tag, sealed, err := cutTag(frame)
	if err != nil {
		return nil, nil, err
	}
	r := n.roomByTag(tag)
	if r == nil {
		return nil, nil, errDoor
	}
	return r, sealed, nil
}

// readAsk reads a request and finds the room that it is for.
func (n *Node) readAsk(s network.Stream) (*Room, request, error) {
	s.SetReadDeadline(time.Now().Add(askHandling))
	r, sealed, err := n.readSealed(s, maxRequest+wireSlack)
	if err != nil {
		return nil, request{}, err
	}
	from := s.Conn().RemotePeer()
	req, err := openRequest(r.door, channel{r.id, from, n.host.ID()}, sealed)
	if err != nil {
		return nil, request{}, err
	}
	r.prove(req.From, from)
	return r, req, nil
}

// answer has the request handled and writes the reply.
func (r *Room) answer(s network.Stream, req request) error {
	body, err := r.handle(req.From, req.Body)
	if err != nil {
		r.log.Debug("ask refused", "from", req.From.Short(), "err", err)
		body = nil
	}
	s.SetWriteDeadline(time.Now().Add(askTransfer))
	ch := channel{r.id, r.node.host.ID(), s.Conn().RemotePeer()}
	return writeFrame(s, sealReply(r.door, r.key, ch, req.Nonce, err != nil, body))
}

// handle runs the handler of the room. An empty request is a greeting: it only
// makes both ends prove who they are.
func (r *Room) handle(from identity.ID, body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil
	}
	f := r.onAsk.Load()
	if f == nil {
		return nil, errors.New("no handler yet")
	}
	ctx, cancel := context.WithTimeout(r.ctx, askHandling)
	defer cancel()
	rep, err := (*f)(ctx, from, body)
	if err == nil && len(rep) > maxReply {
		err = ErrTooLarge
	}
	return rep, err
}

// HandleAsk sets who answers requests; until then, and after nil, they are refused. The handler is
// called on a goroutine for each request, with at most 64 KiB, from a person who
// has signed it. Its error tells the asker nothing but [ErrRefused].
func (r *Room) HandleAsk(f func(ctx context.Context, from identity.ID, req []byte) ([]byte, error)) {
	if f == nil {
		r.onAsk.Store(nil)
		return
	}
	r.onAsk.Store(&f)
}

// Ask puts one request (at most 64 KiB) to a person and returns the reply (at most
// 4 MiB), which that person signed. It tries the peers that [Room.Meet] named and
// those that have proved to speak for the person. Somebody who is not connected is also
// asked by letter, through the relays that serve us: at once while the room is
// [Room.Quiet], when the person is not reached soon otherwise; the reply is then at most
// 256 KiB. The error wraps [ErrUnreachable], [ErrRefused], [ErrBusy] or [ErrImpostor].
func (r *Room) Ask(ctx context.Context, to identity.ID, req []byte) ([]byte, error) {
	type way func(context.Context) ([]byte, error)
	failed := make(chan struct{})
	var why error // once failed is closed
	direct := func(ctx context.Context) ([]byte, error) {
		rep, err := r.askDirectly(ctx, to, req)
		why = err
		close(failed)
		return rep, err
	}
	letter := func(ctx context.Context) ([]byte, error) { return r.post(ctx, to, req) }
	// A dial that leads nowhere lasts longer than it takes to find a relay.
	later := func(ctx context.Context) ([]byte, error) {
		if r.served(ctx, failed) {
			return letter(ctx)
		}
		select {
		case <-failed:
			return nil, why
		default:
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
		}
	}
	ways := []way{direct, later}
	switch {
	case r.book.isConnected(to):
		ways = []way{direct}
	case r.quiet.Load() && len(r.attachments()) > 0:
		ways = []way{letter}
	}
	rep, err := tryEach(ctx, letterAfter, ways, func(ctx context.Context, w way) ([]byte, error) { return w(ctx) })
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", to.Short(), err)
	}
	return rep, nil
}

// served waits until a relay serves us, and reports whether one does before over is closed
// or ctx ends.
func (r *Room) served(ctx context.Context, over <-chan struct{}) bool {
	for {
		r.mu.Lock()
		any, more := len(r.seats) > 0, r.seating
		r.mu.Unlock()
		if any {
			return true
		}
		select {
		case <-more:
		case <-over:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// letterAfter is how long somebody may take to be dialled before a relay carries them a
// letter: two behind NATs that cannot be crossed never reach each other.
const letterAfter = 500 * time.Millisecond

// askDirectly asks at the peers of a person.
func (r *Room) askDirectly(ctx context.Context, to identity.ID, req []byte) ([]byte, error) {
	return tryPeers(ctx, r, to, func(ctx context.Context, p peer.ID) ([]byte, error) {
		who, rep, err := r.askPeer(ctx, p, req)
		if err == nil && who != to {
			return nil, ErrImpostor
		}
		return rep, err
	})
}

// tryNext is how long one peer may keep the next waiting: a run of a person's program
// that was killed still looks connected.
const tryNext = 300 * time.Millisecond

// tryPeers does something at the peers of a person, the likeliest first, as tryEach
// does.
func tryPeers[T any](ctx context.Context, r *Room, id identity.ID, do func(context.Context, peer.ID) (T, error)) (T, error) {
	v, err := tryEach(ctx, tryNext, r.book.candidates(id), func(ctx context.Context, p peer.AddrInfo) (T, error) {
		r.node.believe(p)
		return do(ctx, p.ID)
	})
	if errors.Is(err, errNobody) {
		err = fmt.Errorf("%w: no address is known", ErrUnreachable)
	}
	return v, err
}

var errNobody = errors.New("there is nobody to try")

// tryEach does something at each target, beginning with the next when the one before has
// failed or takes longer than patience. The first success or refusal decides, and the
// others are called off. It fails with errNobody when there is no target.
func tryEach[A, T any](ctx context.Context, patience time.Duration, targets []A, do func(context.Context, A) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	var tries sync.WaitGroup
	defer tries.Wait()
	defer cancel()
	type result struct {
		v   T
		err error
	}
	results := make(chan result, len(targets))
	last := result{err: errNobody}
	for running := 0; running > 0 || len(targets) > 0; {
		var next <-chan time.Time
		if len(targets) > 0 {
			target := targets[0]
			targets = targets[1:]
			running++
			tries.Go(func() {
				v, err := do(ctx, target)
				results <- result{v, err}
			})
			next = time.After(patience)
		}
		select {
		case last = <-results:
			running--
			if last.err == nil || errors.Is(last.err, ErrRefused) {
				return last.v, last.err
			}
		case <-next:
		}
	}
	return last.v, last.err
}

// AskPeer puts one request to whoever answers at addr, a text multiaddr with its
// /p2p part: a hint, a remembered address, or what [Room.Find] yielded. It says
// who answered. The error wraps [ErrUnreachable], [ErrRefused] or [ErrBusy].
func (r *Room) AskPeer(ctx context.Context, addr string, req []byte) (who identity.ID, rep []byte, err error) {
	p, err := r.node.meetAt(addr)
	if err != nil {
		return who, nil, err
	}
	return r.askPeer(ctx, p, req)
}

// askPeer asks one peer: dial if need be, one round trip.
func (r *Room) askPeer(ctx context.Context, p peer.ID, body []byte) (who identity.ID, rep []byte, err error) {
	if len(body) > maxRequest {
		return who, nil, ErrTooLarge
	}
	ctx, cancel := r.node.bound(ctx)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, askPatience)
	defer stop()
	s, err := r.node.open(network.WithAllowLimitedConn(ctx, "ask"), p, protoAsk)
	if err != nil {
		return who, nil, err
	}
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	defer s.Reset() // harmless after a whole exchange
	ch := channel{r.id, r.node.host.ID(), p}
	answer, err := r.exchange(s, ch, body)
	if err != nil {
		return who, nil, err
	}
	r.prove(answer.From, p)
	if answer.Refused {
		return answer.From, nil, ErrRefused
	}
	return answer.From, answer.Body, nil
}

// cutShort says what it means that a stream to a peer ended before the answer was there. A
// peer that cut it on purpose was reached: it has too much to do, says the code of the
// reset, or else it does not know the room or does not want us.
func cutShort(err error) error {
	var e *network.StreamError
	switch {
	case !errors.As(err, &e) || !e.Remote:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case e.ErrorCode == network.StreamSupplanted:
		return fmt.Errorf("%w: %w", ErrClosed, err)
	case e.ErrorCode == network.StreamShutdown, e.ErrorCode == network.StreamGarbageCollected:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case e.ErrorCode == network.StreamRateLimited, e.ErrorCode == network.StreamResourceLimitExceeded:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// exchange writes the request and reads the reply.
func (r *Room) exchange(s stream, ch channel, body []byte) (reply, error) {
	var nonce [16]byte
	rand.Read(nonce[:])
	s.SetDeadline(time.Now().Add(askPatience))
	if err := writeFrame(s, sealRequest(r.door, r.key, ch, nonce, body)); err != nil {
		return reply{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	s.CloseWrite()
	sealed, err := readFrame(s, maxReply+wireSlack)
	if err != nil {
		return reply{}, cutShort(err)
	}
	answer, err := openReply(r.door, ch.back(), nonce, sealed)
	if err != nil {
		return reply{}, fmt.Errorf("%w: %w", ErrImpostor, err)
	}
	return answer, nil
}
