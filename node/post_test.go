// Letters, and those who would keep them from being answered.

package node_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/node/nodetest"
)

// A listener with an edited client says that it holds the new secret before anybody does, and
// tells it to nobody: with an answer of its own making, with none in it, or with a refusal.
func TestALyingHolderKeepsTheSecretFromNobody(t *testing.T) {
	for name, lie := range map[string]func() ([]byte, error){
		"false":   func() ([]byte, error) { return []byte("lie"), nil },
		"empty":   func() ([]byte, error) { return nil, nil },
		"refused": func() ([]byte, error) { return nil, errors.New("no") },
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testLyingHolder(t, lie) }) })
	}
}

func testLyingHolder(t *testing.T, lie func() ([]byte, error)) {
	const audience = 12
	ls := afterKick(t, audience)
	var mu sync.Mutex
	lied := 0
	ls[0].Room.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		lied++
		return lie()
	})
	ls[0].seat.Holds(newSecret)
	time.Sleep(time.Second)
	// Who was not told asks again.
	ask := func(i int) (times int) {
		for times = 1; times < 10; times++ {
			rep, err := ls[i].askSecret(t)
			if errors.Is(err, node.ErrRefused) || err == nil && len(rep) == 0 {
				t.Errorf("%d got %q, %v", i, rep, err)
			}
			if string(rep) == "secret" {
				ls[i].learn()
				break
			}
		}
		return times
	}
	start := time.Now()
	var asks sync.WaitGroup
	for i := 1; i < audience-2; i++ {
		asks.Go(func() {
			if times := ask(i); times > 3 {
				t.Errorf("%d asked %d times", i, times)
			}
		})
	}
	asks.Wait()
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
	mu.Lock()
	before := lied
	mu.Unlock()
	if before == 0 {
		t.Fatal("nobody was sent to the liar")
	}
	ls[0].seat.Holds(newSecret) // once more
	time.Sleep(time.Second)
	for i := audience - 2; i < audience; i++ {
		if times := ask(i); times != 1 {
			t.Errorf("%d asked %d times", i, times)
		}
	}
	if lied != before {
		t.Error("a known liar was asked again")
	}
}

// Who complains about everybody who answers is heard three times.
func TestComplaintsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 7)
		commit := [8]byte{'c'}
		serve(t, on[0].Room, node.ServeConfig{Commit: func() [8]byte { return commit }})
		ls := listeners(on[1:])
		for i, l := range ls {
			a := l.attach(t, on[0], true)
			if l.Room.HandleAsk(echo); i > 0 {
				a.Holds(commit)
			}
		}
		time.Sleep(time.Second)
		for i := range 20 {
			if _, err := ls[0].Room.AskSomebody(t.Context(), []byte("x")); err != nil {
				t.Fatalf("ask %d: %v", i, err)
			}
		}
	})
}

// A member that left the room cuts a letter short. That is no refusal: the next is asked.
func TestALetterCutShortGoesToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 4)
		gone, core, relay := on[0], on[1], on[2]
		w.Block(nodetest.Past("1.0.0.3:8000"))
		for _, h := range on[:2] {
			h.Room.HandleAsk(echo)
			relay.Room.Meet(h.ID, h.Addrs())
		}
		serve(t, relay.Room, node.ServeConfig{Hears: func() []identity.ID { return []identity.ID{gone.ID, core.ID} }})
		l := listeners(on[3:])[0]
		l.attach(t, relay, true)
		time.Sleep(3 * time.Second)
		gone.Room.Close()
		relay.Room.Meet(gone.ID, gone.Addrs())
		for range 4 {
			if rep, err := l.Room.AskSomebody(t.Context(), []byte("x")); err != nil || len(rep) == 0 {
				t.Errorf("asked somebody: %q, %v", rep, err)
			}
		}
		l.Room.Quiet(true)
		if _, err := l.Room.Ask(t.Context(), gone.ID, []byte("x")); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("asked who left: %v", err)
		}
	})
}

// A letter that somebody busy sent back is no letter that was here before.
func TestALetterToSomebodyBusyIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 3)
		core, relay := on[0], on[1]
		core.Room.HandleAsk(echo)
		relay.Room.Meet(core.ID, core.Addrs())
		serve(t, relay.Room, node.ServeConfig{Hears: func() []identity.ID { return []identity.ID{core.ID} }})
		l := listeners(on[2:])[0]
		l.attach(t, relay, true)
		time.AfterFunc(500*time.Millisecond, core.Overwork())
		if _, err := l.Room.AskSomebody(t.Context(), []byte("x")); err != nil {
			t.Error(err)
		}
	})
}
