package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g := newGate()
		running, runs := false, 0
		ended := make(chan error)
		go func() {
			ended <- g.while(ctx, func(ctx context.Context) error {
				running, runs = true, runs+1
				<-ctx.Done()
				running = false
				return ctx.Err()
			})
		}()
		for i, open := range []bool{false, true, true, false, false, true} {
			g.set(open)
			synctest.Wait()
			if running != open {
				t.Errorf("step %d: running is %v, the gate's being open is %v", i, running, open)
			}
		}
		if runs != 2 {
			t.Errorf("ran %d times, not twice", runs)
		}
		cancel()
		if err := <-ended; err != nil || running {
			t.Errorf("ended with %v, running %v", err, running)
		}
	})
}

func TestGateTellsOfFailure(t *testing.T) {
	broken := errors.New("broken")
	g := newGate()
	g.set(true)
	if err := g.while(t.Context(), func(context.Context) error { return broken }); err != broken {
		t.Errorf("got %v", err)
	}
}
