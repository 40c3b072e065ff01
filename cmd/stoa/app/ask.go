// Asking whoever can be found: of a room's members any one will do, and which
// of them can be reached nobody knows beforehand.

package app

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// searchTime bounds the search for somebody of a room.
	searchTime = 30 * time.Second

	// secondOpinion is how long others may still let in whom one member has
	// refused: that one may be behind, or malicious.
	secondOpinion = 1500 * time.Millisecond

	// headStart is how long a member has to answer before another one is asked
	// as well. Two who answer both write the same admission into the log.
	headStart = 200 * time.Millisecond

	// busyPause is how long a member who is busy is left alone.
	busyPause = time.Second

	// maxAsked is how many members are asked at a time for the same thing.
	maxAsked = 8
)

// errElsewhere: some answered, and none of them is in the room that was asked for.
var errElsewhere = errors.New("those who were found are in another room")

// crowd is where members are found and asked. *node.Room is one.
type crowd interface {
	Find(ctx context.Context) iter.Seq[string]
	AskPeer(ctx context.Context, addr string, req []byte) (who identity.ID, rep []byte, err error)
}

// asker puts a question to one member.
type asker = func(ctx context.Context, req []byte) ([]byte, error)

// outcome is what came of asking one member.
type outcome[T any] struct {
	answer T
	err    error
}

// knock asks to be let in, of everybody who can be found, and takes the first
// welcome.
func knock(ctx context.Context, net crowd, me identity.ID, id identity.RoomID, cred identity.Credential, hints []string) (*room.Welcome, error) {
	return askAnybody(ctx, net, hints, func(ctx context.Context, to asker) (*room.Welcome, error) {
		return room.Knock(ctx, to, id, me, cred)
	})
}

// meetSomebody finds another member of a room that this node is in, so that
// the two exchange what they know. The answer itself is not needed.
func (h *hall) meetSomebody(ctx context.Context, addrs []string) error {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	cred := h.room.Snapshot().Me.Credential
	_, err := knock(ctx, h.net, h.me, h.id, cred, addrs)
	return err
}

// askAnybody puts a question to the members at the given addresses and to
// those whom the network finds, and returns the first answer. When it returns,
// nobody is being asked any more.
func askAnybody[T any](ctx context.Context, net crowd, addrs []string, question func(context.Context, asker) (T, error)) (T, error) {
	search, cancel := context.WithTimeout(ctx, searchTime)
	outcomes := make(chan outcome[T])
	defer func() {
		cancel()
		for range outcomes { // until askAll has ended
		}
	}()
	go askAll(search, net, addrs, question, outcomes)
	answer, err := firstAnswer(outcomes)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // it was cut short
	}
	return answer, err
}

// askAll asks one after another, without waiting for the slow, and closes
// outcomes when all have answered and nobody else is found, or ctx has ended.
func askAll[T any](ctx context.Context, net crowd, addrs []string, question func(context.Context, asker) (T, error), outcomes chan<- outcome[T]) {
	defer close(outcomes)
	var asks sync.WaitGroup
	defer asks.Wait()
	places := make(chan struct{}, maxAsked)
	failed := make(chan struct{}, 1) // the one asked last, or another, has no answer
	var mu sync.Mutex
	asked := map[string]bool{} // and not in vain, as far as is known
	mark := func(addr string, on bool) (was bool) {
		mu.Lock()
		defer mu.Unlock()
		was, asked[addr] = asked[addr], on
		return was
	}
	ask := func(addr string) {
		if mark(addr, true) {
			return
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		asks.Go(func() {
			defer func() { <-places }()
			for {
				answer, err := question(ctx, func(ctx context.Context, req []byte) ([]byte, error) {
					_, reply, err := net.AskPeer(ctx, addr, req)
					return reply, err
				})
				if err != nil {
					select {
					case failed <- struct{}{}:
					default:
					}
				}
				outcomes <- outcome[T]{answer, err}
				if errors.Is(err, node.ErrUnreachable) {
					mark(addr, false) // worth another try when it is found again
				}
				if !busy(err) || pause.For(ctx, busyPause) != nil {
					return
				}
			}
		})
		select {
		case <-failed:
		case <-time.After(headStart):
		case <-ctx.Done():
		}
	}
	for _, a := range addrs {
		ask(a)
	}
	for a := range net.Find(ctx) {
		ask(a)
	}
}

// firstAnswer returns the first answer. A refusal counts when nobody has
// answered better a moment later; that nobody can be reached, or nobody who
// knows the room or has the time, counts when the search is over. It is a pure
// function but for the clock.
func firstAnswer[T any](outcomes <-chan outcome[T]) (T, error) {
	var zero T
	var refusal error
	var patience <-chan time.Time
	lack := node.ErrUnreachable // why there is no answer, when the search is over
	for {
		select {
		case o, more := <-outcomes:
			switch {
			case !more && refusal != nil:
				return zero, refusal
			case !more:
				return zero, lack
			case o.err == nil:
				return o.answer, nil
			case busy(o.err):
				lack = o.err
			case room.IsRefusal(o.err) && refusal == nil:
				refusal = o.err
				patience = time.After(secondOpinion)
			case errors.Is(o.err, node.ErrRefused):
				lack = errElsewhere
			}
		case <-patience:
			return zero, refusal
		}
	}
}

// busy tells whether somebody was reached who may have the time in a moment.
func busy(err error) bool { return errors.Is(err, room.ErrBusy) || errors.Is(err, node.ErrBusy) }
