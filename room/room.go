// The room as one loop that owns everything and a reader that feeds it.
//
//	network reader ─┐
//	asks of others ─┼─► loop: log, roster, queue, book ─► Snapshot
//	actions ────────┤        │
//	own questions ──┘        └─► outbox ─► sender ─► network
//
// Nothing else touches the machines, so none of them holds a lock. What takes
// time (questions to others, publishing) runs beside the loop and posts its
// result to it; only saving is done inside, because nobody may see what a
// crash could undo.

package room

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"stoa/identity"
)

// Config is what a room is made of. All but Name, Addrs, Welcome and Reacted
// is required.
type Config struct {
	Record  Record // as [Found] or [Welcome.Record] returned it or the Keeper kept it
	Key     *identity.Key
	Keeper  Keeper
	Network Network
	Session [8]byte         // random for each run of the program
	Name    string          // what others see, cut to MaxName bytes
	Addrs   func() []string // where this member may be reached now; must not block
	Welcome *Welcome        // who is here, when the room has just been joined

	// Reacted is told of each reaction, this member's too, one of [Reactions]. It must not block. nil: nobody is.
	Reacted func(who identity.ID, emoji string)

	Clock func() time.Time // this machine's, which may be wrong; nil: time.Now
}

// Room is a member's view of a room and their hands in it. Its actions may be
// called by any goroutine while Run runs; they wait for Run to start and
// return ErrStopped after it has ended.
type Room struct {
	cfg     Config
	me      identity.ID
	charter *identity.Charter
	id      identity.RoomID
	chain   identity.Credential // as in Config.Record

	requests chan func(now time.Time)
	outbox   chan message
	stopped  chan struct{}
	view     atomic.Pointer[view]
	guard    guard
	proofs   proofs
	carried  atomic.Pointer[func() []identity.ID] // see HandleRoster
	behind   atomic.Int64                         // nanoseconds from this machine's clock to the room's; the loop stores it

	loop // owned by Run's loop once it has started
}

// message is one to publish.
type message struct {
	channel string
	data    []byte
}

// view is a snapshot and how to learn that there is a newer one.
type view struct {
	snapshot *Snapshot
	replaced chan struct{}
}

// New loads a room from its Keeper. It starts nothing.
func New(cfg Config) (*Room, error) {
	charter, err := identity.ParseCharter(cfg.Record.Charter)
	if err != nil {
		return nil, fmt.Errorf("charter: %w", err)
	}
	if charter.ID() != cfg.Record.Room {
		return nil, identity.ErrWrongRoom
	}
	r := &Room{
		cfg:      cfg,
		me:       cfg.Key.ID(),
		charter:  charter,
		id:       charter.ID(),
		requests: make(chan func(time.Time)),
		outbox:   make(chan message, 64),
		stopped:  make(chan struct{}),
	}
	if len(cfg.Record.Credential) > 0 {
		if r.chain, err = identity.ParseCredential(cfg.Record.Credential); err != nil {
			return nil, fmt.Errorf("credential: %w", err)
		}
	}
	if err := r.load(r.clock()); err != nil {
		return nil, err
	}
	r.show()
	return r, nil
}

// ID returns the name of the room.
func (r *Room) ID() identity.RoomID { return r.id }

// Snapshot returns the room as it is now. It never blocks.
func (r *Room) Snapshot() *Snapshot { return r.view.Load().snapshot }

// Look returns the room as it is at this instant. Unlike Snapshot it has the newest figures of who hears whom: by themselves they are no
// change. Errors: ErrStopped, ctx's.
func (r *Room) Look(ctx context.Context) (*Snapshot, error) {
	err := r.do(ctx, func(time.Time) error { r.dirty = true; return nil })
	return r.Snapshot(), err
}

// Watch yields the room as it is and again after each change, until ctx or
// Run ends. Changes in quick succession may be yielded as one; the last one
// never is lost.
func (r *Room) Watch(ctx context.Context) iter.Seq[*Snapshot] {
	return func(yield func(*Snapshot) bool) {
		for {
			v := r.view.Load()
			if !yield(v.snapshot) {
				return
			}
			select {
			case <-v.replaced:
			case <-r.stopped:
				if last := r.view.Load(); last != v {
					yield(last.snapshot)
				}
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// Run takes part in the room until ctx ends, then says goodbye and returns
// when everything it started has ended. It is called once.
func (r *Room) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	incoming := make(chan message, 64)
	r.work, r.wg = work, &wg
	r.cfg.Network.Check(r.check)
	r.cfg.Network.HandleAsk(r.answer)
	wg.Go(func() { r.read(work, incoming) })
	wg.Go(func() { r.send(work) })

	r.turn(ctx, incoming)

	r.cfg.Network.HandleAsk(nil)
	cancel()
	close(r.stopped)
	wg.Wait()
	r.goodbye(context.WithoutCancel(ctx))
	r.cfg.Network.Check(nil)
	return errors.Join(r.flush(), r.saveLines())
}

// turn is the loop: it waits for the next thing to happen, lets it happen,
// does what has fallen due, and shows what has changed.
func (r *Room) turn(ctx context.Context, incoming <-chan message) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-r.requests:
			f(r.clock())
		case m := <-incoming:
			r.receive(m, r.clock())
		case <-timer.C:
		}
		now := r.clock()
		next := r.due(now)
		if r.dirty {
			r.show()
		}
		timer.Reset(next.Sub(now))
	}
}

// read passes on what the network brings. The loop never waits for it.
func (r *Room) read(ctx context.Context, incoming chan<- message) {
	for {
		channel, data, err := r.cfg.Network.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			// A network that fails without being told to stop will be
			// asked again, but not in a tight loop.
			select {
			case <-time.After(time.Second):
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case incoming <- message{channel, data}:
		case <-ctx.Done():
			return
		}
	}
}

// send publishes what the loop has put into the outbox. A message that could
// not be published is lost: operations reach others by sync, and presence and
// hands are repeated.
func (r *Room) send(ctx context.Context) {
	for {
		select {
		case m := <-r.outbox:
			_ = r.cfg.Network.Publish(ctx, m.channel, m.data)
		case <-ctx.Done():
			return
		}
	}
}

// publish hands a message to the sender, or drops it when sixty others wait
// already. Loop only.
func (r *Room) publish(channel string, data []byte) {
	select {
	case r.outbox <- message{channel, data}:
	default:
	}
}

// do runs f inside the loop and waits for it.
func (r *Room) do(ctx context.Context, f func(now time.Time) error) error {
	done := make(chan error, 1)
	select {
	case r.requests <- func(now time.Time) {
		err := f(now)
		if r.dirty {
			r.show() // whoever asked may look at what came of it
		}
		done <- err
	}:
	case <-r.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	// A loop that has taken f also finishes it.
	return <-done
}

// aside runs f beside the loop, and what f returns inside it. Loop only.
func (r *Room) aside(f func(ctx context.Context) func(now time.Time)) {
	ctx := r.work
	r.wg.Go(func() {
		then := f(ctx)
		select {
		case r.requests <- then:
		case <-ctx.Done():
		}
	})
}

// newRand returns a source of jitter, the same for the same session.
func newRand(session [8]byte) *rand.Rand {
	var seed [32]byte
	copy(seed[:], session[:])
	return rand.New(rand.NewChaCha8(seed))
}
