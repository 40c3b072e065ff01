// Changing what a relay gives while it serves, and what it says of it.

package node_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"stoa/node"
	"stoa/node/nodetest"
)

func TestRelayLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 4)
		rl := serve(t, h[0].Room, node.ServeConfig{Slots: 2})
		ls := listeners(h[1:])
		ls[0].attach(t, h[0], true)
		ls[1].attach(t, h[0], true)
		attach := func() error {
			ls[2].Room.Meet(h[0].ID, h[0].Addrs())
			_, err := ls[2].Room.Attach(t.Context(), node.AttachConfig{Relay: h[0].ID, Media: true})
			return err
		}
		if err := attach(); !errors.Is(err, node.ErrFull) {
			t.Errorf("a third with two slots: %v", err)
		}
		rl.Limit(3, 0)
		if err := attach(); err != nil {
			t.Errorf("a third with three slots: %v", err)
		}
		rl.Limit(1, 0)
		if n := rl.Stats().Media; n != 3 {
			t.Errorf("%d have voice: who has a slot keeps it", n)
		}
	})
}

func TestRelayTellsWhatItAdds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 2)
		rl := serve(t, h[0].Room, node.ServeConfig{})
		l := listeners(h[1:])[0]
		l.attach(t, h[0], true)
		time.Sleep(time.Second)
		const n = 50
		for i := range uint32(n) {
			rl.Forward([]byte("voice"), node.Voice{KID: 1, Index: 2 * i, Frames: 2})
			time.Sleep(40 * time.Millisecond)
		}
		s := rl.Forwarded()
		var counted uint64
		for _, c := range s.Delays {
			counted += c
		}
		if s.Packets != n || counted != n || s.Delays[0] != n || s.DelaySum < 0 {
			t.Errorf("one speaker, who waits for nobody: %+v", s)
		}
		// A second speaker, 8 ms behind the first, makes him wait for so long.
		for i := range uint32(2 * n) {
			rl.Forward([]byte("voice"), node.Voice{KID: 1, Index: 2 * (n + i), Frames: 2})
			time.Sleep(8 * time.Millisecond)
			rl.Forward([]byte("voice"), node.Voice{KID: 2, Index: 2 * i, Frames: 2})
			time.Sleep(32 * time.Millisecond)
		}
		late := rl.Forwarded()
		if got := late.Delays[3] - s.Delays[3]; got < n { // 5 to 10 ms
			t.Errorf("%d packets waited for the other speaker: %v", got, late.Delays)
		}
	})
}
