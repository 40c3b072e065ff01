// A gate, for what runs only while it is wanted: the microphone.

package app

import (
	"context"
	"sync"
)

// gate is open or shut, at first shut. Its methods may be called from any
// goroutine.
type gate struct {
	mu      sync.Mutex
	open    bool
	changed chan struct{} // closed and replaced at each change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// set opens or shuts the gate.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != open {
		g.open = open
		close(g.changed)
		g.changed = make(chan struct{})
	}
}

// state says how the gate is, and gives what is closed when that changes.
func (g *gate) state() (open bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open, g.changed
}

// while runs f each time the gate is open, with a context that ends when it
// shuts. It returns nil when ctx ends, and what f returned when f ended by
// itself.
func (g *gate) while(ctx context.Context, f func(context.Context) error) error {
	for ctx.Err() == nil {
		open, changed := g.state()
		if !open {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		run, cancel := context.WithCancel(ctx)
		var watching sync.WaitGroup
		watching.Go(func() {
			select {
			case <-changed:
				cancel()
			case <-run.Done():
			}
		})
		err := f(run)
		byItself := run.Err() == nil
		cancel()
		watching.Wait()
		if byItself {
			return err
		}
	}
	return nil
}
