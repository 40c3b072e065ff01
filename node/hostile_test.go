// What somebody who holds the room's key, and edits their client, must not bring about.

package node_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/node/nodetest"
)

// Whoever repeats another's genuine message makes everybody's check work, and spends
// what its author is allowed to say: a moderator could be silenced so.
func TestRepeatedGossipIsRefusedUnchecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		author := w.Open("1.0.0.1", 8000)
		victim := w.Open("1.0.0.2", 8000, author.Addrs()...)
		hostile := w.Open("1.0.0.3", 8000, author.Addrs()...)
		ra, _ := nodetest.Enter(t, author, rendezvous)
		rv, _ := nodetest.Enter(t, victim, rendezvous)
		rh, _ := nodetest.Enter(t, hostile, rendezvous)
		ra.HandleAsk(echo)
		for _, r := range []*node.Room{rv, rh} {
			if _, _, err := r.AskPeer(t.Context(), author.Addrs()[0], nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := rh.AskPeer(t.Context(), victim.Addrs()[0], nil); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		checked := 0
		rv.Check(func(string, []byte) (accept, bad bool) {
			mu.Lock()
			defer mu.Unlock()
			checked++
			return true, false
		})
		time.Sleep(2 * time.Second)
		if err := ra.Publish(t.Context(), "presence", []byte("here")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := rv.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			if err := rh.PublishAnew(t.Context(), "presence", []byte("here")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if checked != 1 {
			t.Errorf("one message was checked %d times", checked)
		}
	})
}

// A push goes round gossip's memory of what it has seen, so it has one of its own. And what
// would be refused as gossip must not be passed on: whoever did so would be shunned by all.
func TestRepeatedPushesAreRefusedUnchecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		victim := w.Open("1.0.0.1", 8000)
		hostile := w.Open("1.0.0.2", 8000, victim.Addrs()...)
		witness := w.Open("1.0.0.3", 8000, victim.Addrs()...)
		rv, _ := nodetest.Enter(t, victim, rendezvous)
		rh, _ := nodetest.Enter(t, hostile, rendezvous)
		rw, _ := nodetest.Enter(t, witness, rendezvous)
		for _, r := range []*node.Room{rh, rw} {
			if _, _, err := r.AskPeer(t.Context(), victim.Addrs()[0], nil); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		checked := make(map[string]int)
		rv.Check(func(_ string, msg []byte) (accept, bad bool) {
			mu.Lock()
			defer mu.Unlock()
			checked[string(msg)]++
			return true, false
		})
		rw.Check(func(string, []byte) (accept, bad bool) { return true, false })
		time.Sleep(2 * time.Second)
		for range 10 {
			if err := rh.PushAs(victim.Addrs()[0], "presence", []byte("again"), false); err != nil {
				t.Fatal(err)
			}
			if err := rh.PushAs(victim.Addrs()[0], "presence", []byte("anew"), true); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		mu.Lock()
		if checked["again"] != 1 || checked["anew"] != 0 {
			t.Errorf("checked %v, want a repeated push once and one in another form never", checked)
		}
		mu.Unlock()
		// The victim is still heard by the others.
		if err := rv.Publish(t.Context(), "presence", []byte("here")); err != nil {
			t.Fatal(err)
		}
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_, msg, err := rw.Next(ctx)
			cancel()
			if err != nil {
				t.Fatal("the victim is shunned:", err)
			}
			if string(msg) == "here" {
				return
			}
		}
	})
}

// What a peer proves over a connection that has ended is worth nothing, and must not be kept.
func TestProofsEndWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		a := w.Open("1.0.0.1", 8000)
		b := w.Open("1.0.0.2", 8000, a.Addrs()...)
		ra, _ := nodetest.Enter(t, a, rendezvous)
		rb, who := nodetest.Enter(t, b, rendezvous)
		ra.HandleAsk(echo)
		if _, _, err := rb.AskPeer(t.Context(), a.Addrs()[0], []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if n := ra.Proved(); n != 1 {
			t.Fatalf("%d peers proved themselves, want 1", n)
		}
		at := b.Addrs()[0]
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := ra.Proved(); n != 0 {
			t.Fatalf("%d proofs are left of a peer that went", n)
		}
		if err := ra.ProveLate(at, who); err != nil {
			t.Fatal(err)
		}
		if n := ra.Proved(); n != 0 {
			t.Errorf("a proof from a connection that had ended was kept")
		}
	})
}

// A room that ends takes its handlers away before it leaves, and others go on talking
// to it meanwhile.
func TestHandlersTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		a := w.Open("1.0.0.1", 8000)
		b := w.Open("1.0.0.2", 8000, a.Addrs()...)
		ra, _ := nodetest.Enter(t, a, rendezvous)
		rb, _ := nodetest.Enter(t, b, rendezvous)
		ra.HandleAsk(echo)
		if _, _, err := rb.AskPeer(t.Context(), a.Addrs()[0], []byte("hello")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		ra.HandleAsk(nil)
		ra.Check(nil)
		if _, _, err := rb.AskPeer(t.Context(), a.Addrs()[0], []byte("hello")); !errors.Is(err, node.ErrRefused) {
			t.Errorf("asked a room without a handler: %v", err)
		}
		if err := rb.Publish(t.Context(), "log", []byte("unseen")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		ra.Check(func(string, []byte) (accept, bad bool) { return true, false })
		if err := rb.Publish(t.Context(), "log", []byte("seen")); err != nil {
			t.Fatal(err)
		}
		if _, msg, err := ra.Next(t.Context()); err != nil || string(msg) != "seen" {
			t.Errorf("then %q, %v", msg, err)
		}
	})
}

// Links of made-up people, who may not be let in any moment, must not keep out a member.
func TestStrangersDoNotKeepMembersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		victim, member, hostile := w.Open("1.0.0.1", 8000), w.Open("1.0.0.2", 8000), w.Open("1.0.0.3", 8000)
		rv, idv := nodetest.Enter(t, victim, rendezvous)
		rm, idm := nodetest.Enter(t, member, rendezvous)
		rh, _ := nodetest.Enter(t, hostile, rendezvous)
		rv.Admit(func(id identity.ID) bool { return id == idm })
		taken := 0
		for range 70 { // within the 3 s for which a link may be silent
			if rh.LinkAs(t.Context(), newKey(t), idv, victim.Addrs()[0]) == nil {
				taken++
			}
			if n := rv.Waiting(); n > 64 {
				t.Fatalf("%d strangers wait, more than 64", n)
			}
			time.Sleep(10 * time.Millisecond)
		}
		// What strangers believe may be one off: the bound is on what the member holds.
		if taken < 64 || taken == 70 {
			t.Fatalf("%d strangers of 70 were let wait, not about 64", taken)
		}
		rm.Meet(idv, victim.Addrs())
		if err := rm.Link(t.Context(), idv); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if links := rv.Links(); len(links) != 1 || links[0].ID != idm {
			t.Errorf("the links are %v", links)
		}
	})
}

// Asks that never come to the point must not keep others from asking.
func TestStalledAsksKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		victim, member := w.Open("1.0.0.1", 8000), w.Open("1.0.0.2", 8000)
		rv, _ := nodetest.Enter(t, victim, rendezvous)
		rm, _ := nodetest.Enter(t, member, rendezvous)
		rv.HandleAsk(echo)
		var stalls sync.WaitGroup
		for i := range 8 { // libp2p lets each have 64 streams
			hostile, _ := nodetest.Enter(t, w.Open(fmt.Sprint("1.0.1.", i+1), 8000), rendezvous)
			stalls.Go(func() {
				for range 60 {
					if err := hostile.Stall(t.Context(), victim.Addrs()[0]); err != nil {
						t.Error(err)
					}
					time.Sleep(30 * time.Millisecond)
				}
			})
		}
		stalls.Wait()
		if _, _, err := rm.AskPeer(t.Context(), victim.Addrs()[0], []byte("x")); err != nil {
			t.Error(err)
		}
	})
}
