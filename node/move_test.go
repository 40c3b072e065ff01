// Another address in mid-sentence, on a simulated network.

package node_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/node/nodetest"
)

// A talk is two people who speak all the time, and how long either has to wait for the
// other.
type talk struct {
	t    *testing.T
	ends [2]nodetest.Host

	mu   sync.Mutex
	last [2]time.Time
	gap  [2]time.Duration
}

// begin makes them speak, when both go by RAW.
func begin(t *testing.T, dialler, acceptor nodetest.Host) *talk {
	t.Helper()
	k := &talk{t: t, ends: [2]nodetest.Host{dialler, acceptor}}
	dialler.Room.Meet(acceptor.ID, acceptor.Addrs())
	acceptor.Room.Meet(dialler.ID, dialler.Addrs())
	for i, h := range k.ends {
		far := k.ends[1-i]
		h.Room.OnPacket(func(_ identity.ID, _ []byte, at time.Time) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.gap[i] = max(k.gap[i], at.Sub(k.last[i]))
			k.last[i] = at
		})
		h.Room.OnMove(func() { // what a program does
			go h.Room.Link(t.Context(), far.ID)
		})
	}
	if err := dialler.Room.Link(t.Context(), acceptor.ID); err != nil {
		t.Fatal(err)
	}
	k.speak(2 * time.Second)
	for _, h := range k.ends {
		if l := h.Room.Links(); len(l) != 1 || l[0].Carrier != node.Raw {
			t.Fatalf("%+v", l)
		}
	}
	return k
}

// speak has both speak for a while and returns the longest wait of either.
func (k *talk) speak(d time.Duration) (gap [2]time.Duration) {
	k.mu.Lock()
	k.last, k.gap = [2]time.Time{time.Now(), time.Now()}, [2]time.Duration{}
	k.mu.Unlock()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for i, h := range k.ends {
			h.Room.Send(make([]byte, 100), []identity.ID{k.ends[1-i].ID})
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range gap {
		gap[i] = max(k.gap[i], time.Since(k.last[i]))
	}
	return gap
}

func TestAnotherAddressWhileSpeaking(t *testing.T) {
	const delay = 50 * time.Millisecond
	const dialler, acceptor = "1.0.0.2:8000", "1.0.0.1:8000"
	for _, c := range []struct {
		name string
		move func(*nodetest.World)
		most time.Duration
	}{
		{"a NAT moves who dialled", func(w *nodetest.World) { w.Rebind(dialler, "1.0.0.9:9000") }, 8 * delay},
		{"a NAT moves who was dialled", func(w *nodetest.World) { w.Rebind(acceptor, "1.0.0.9:9000") }, 1500 * time.Millisecond},
		{"who dialled takes another route", func(w *nodetest.World) { w.Reroute(dialler, "1.0.0.9:9000", false) }, 8 * delay},
		{"who was dialled takes another route", func(w *nodetest.World) { w.Reroute(acceptor, "1.0.0.9:9000", false) }, 1500 * time.Millisecond},
		{"who dialled loses the old address", func(w *nodetest.World) { w.Reroute(dialler, "1.0.0.9:9000", true) }, time.Second},
		{"who was dialled loses the old address", func(w *nodetest.World) { w.Reroute(acceptor, "1.0.0.9:9000", true) }, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, hosts := nodetest.Hosts(t, delay, 2)
				k := begin(t, hosts[1], hosts[0])
				c.move(w)
				gap := k.speak(6 * time.Second)
				t.Logf("who dialled waited %v, who was dialled %v", gap[0], gap[1])
				if max(gap[0], gap[1]) > c.most {
					t.Errorf("more than %v", c.most)
				}
			})
		})
	}
}

// Whoever had no time for a moment gives nothing up: dialling anew would cost more of it. After
// as long as links bear silence, their far ends have ended them.
func TestWhoHadNoTimeGivesNothingUp(t *testing.T) {
	for _, c := range []struct {
		stood time.Duration
		moved bool
	}{
		{1500 * time.Millisecond, false},
		{2900 * time.Millisecond, false},
		{4 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			const starved = "1.0.0.2:8000"
			w, hosts := nodetest.Hosts(t, 50*time.Millisecond, 2)
			far, near := hosts[0], hosts[1]
			near.Room.Meet(far.ID, far.Addrs())
			if err := near.Room.Link(t.Context(), far.ID); err != nil {
				t.Fatal(err)
			}
			moved := make(chan struct{}, 1)
			near.Room.OnMove(func() {
				select {
				case moved <- struct{}{}:
				default:
				}
			})
			time.Sleep(time.Second)
			w.Suspend(starved, c.stood)
			time.Sleep(time.Second)
			if got := len(moved) > 0; got != c.moved {
				t.Errorf("after %v: moved %t", c.stood, got)
			}
			if got := len(near.Room.Links()) == 0; got != c.moved {
				t.Errorf("after %v: the link is gone: %t", c.stood, got)
			}
		})
	}
}
