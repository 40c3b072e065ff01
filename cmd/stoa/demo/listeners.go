// The crowd: nodes that listen, each with a home and a key of its own, in this
// process.

package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"stoa/cmd/stoa/app"
)

// fill lets every listener in, a few at a time, and returns when all are in. Each
// stays until ctx ends, on a goroutine of crowd's.
func (s *scene) fill(ctx context.Context, link string, crowd *sync.WaitGroup) error {
	slots := make(chan struct{}, joinAtOnce)
	failed := make(chan error, 2*s.Listeners) // each may fail, and be late
	for i := range s.Listeners {
		select {
		case slots <- struct{}{}:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		in := make(chan struct{})
		crowd.Go(func() {
			if err := s.listen(ctx, i, link, sync.OnceFunc(func() { close(in) })); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("listener %d: %w", i+1, err)
			}
		})
		crowd.Go(func() {
			patience := time.NewTimer(joinPatience)
			defer patience.Stop()
			select {
			case <-in:
			case <-patience.C:
				failed <- fmt.Errorf("listener %d did not get into the room within %s", i+1, joinPatience)
			case <-ctx.Done():
			}
			<-slots
		})
	}
	for range joinAtOnce { // until the last ones are in
		select {
		case slots <- struct{}{}:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// listen runs one listener. in is called when it is in the room.
func (s *scene) listen(ctx context.Context, i int, link string, in func()) error {
	out := "none"
	switch {
	case i == 0 && s.Listen:
		out = "speaker"
	case i == 0:
		out = "null"
	}
	session, err := app.Open(app.Config{
		Home:      filepath.Join(s.Dir, fmt.Sprint("listener-", i+1)),
		Bootstrap: []string{"none"}, // the link says where the room is
		Listen:    []string{loopback},
		In:        "silence",
		Out:       out,
		Emit: func(e app.Event) {
			switch e.Kind {
			case app.EventJoined:
				in()
			case app.EventStats:
				s.heard(i, e.Stats)
			}
		},
	})
	if err != nil {
		return err
	}
	return session.Run(ctx, app.JoinRoom{Link: link})
}

// heard puts what a listener says of itself on the board.
func (s *scene) heard(i int, st *app.Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := ear{heard: map[string]float64{}, silence: s.board.ears[i].silence}
	if st.Relays != nil {
		e.primary, e.loss = st.Relays.Primary, st.Relays.Loss
	}
	for _, sp := range st.Speakers {
		e.heard[sp.Who] = sp.Seconds
		e.silence = max(e.silence, time.Duration(sp.Silence*float64(time.Millisecond)))
		if i == 0 { // the others play nothing, and have no playout delay
			e.delay = max(e.delay, time.Duration(sp.Delay*float64(time.Millisecond)))
		}
	}
	s.board.told(i, e)
}
