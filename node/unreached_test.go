// Two who cannot reach each other, in a room where somebody else reaches both.

package node_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/node/nodetest"
)

// outOfReach makes a member who sends back what is asked, a relay that knows him, and a listener
// who knows him too, but can reach the relay alone.
func outOfReach(t *testing.T) (core, relay nodetest.Host, l *listener) {
	t.Helper()
	w, h := nodetest.Hosts(t, oneWay, 3)
	core, relay, l = h[0], h[1], listeners(h[2:])[0]
	relay.Room.Meet(core.ID, core.Addrs())
	serve(t, relay.Room, node.ServeConfig{})
	core.Room.HandleAsk(func(_ context.Context, _ identity.ID, req []byte) ([]byte, error) { return req, nil })
	w.Block(nodetest.Past("1.0.0.2:8000"))
	l.Room.Meet(core.ID, core.Addrs())
	return core, relay, l
}

// Two who cannot reach each other ask by letter, in a small room too.
func TestLettersToWhoCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, relay, l := outOfReach(t)
		if rep, err := l.Room.Ask(t.Context(), core.ID, []byte("hi")); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("without a relay: %q, %v", rep, err)
		}
		l.attach(t, relay, true)
		began := time.Now()
		if rep, err := l.Room.Ask(t.Context(), core.ID, []byte("hi")); string(rep) != "hi" {
			t.Errorf("by a relay: %q, %v", rep, err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Who cannot be dialled is asked by letter as soon as there is a relay, though there was none when the ask began.
func TestALetterWaitsForARelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, relay, l := outOfReach(t)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		answered := make(chan error, 1)
		go func() {
			_, err := l.Room.Ask(ctx, core.ID, []byte("hi"))
			answered <- err
		}()
		time.Sleep(500 * time.Millisecond)
		l.attach(t, relay, true)
		if err := <-answered; err != nil {
			t.Errorf("the ask that began before: %v", err)
		}
	})
}
