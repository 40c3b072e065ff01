// Calls through NATs on a simulated network.

package node_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/node"
	"stoa/node/nodetest"
)

// pair is two nodes behind routers of their own, who know of each other what presence
// tells, and a node on the internet that both know.
func pair(t *testing.T, a, b nodetest.NAT) (on [2]nodetest.Host) {
	w := nodetest.New(t, oneWay)
	door := w.Open("1.0.0.9", 8000)
	for i, kind := range []nodetest.NAT{a, b} {
		h := &on[i]
		h.Node = w.OpenBehind(kind, fmt.Sprintf("2.0.0.%d", i+1), fmt.Sprintf("192.168.1.%d", i+1), 8000, door.Addrs()...)
		h.Room, h.ID = nodetest.Enter(t, h.Node, rendezvous)
	}
	for i := range on {
		for len(on[i].Reach().Seen) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	on[0].Room.Meet(on[1].ID, on[1].Addrs())
	on[1].Room.Meet(on[0].ID, on[0].Addrs())
	return on
}

func TestCallsFromBothSidesCrossNATs(t *testing.T) {
	for _, kinds := range [][2]nodetest.NAT{
		{nodetest.FullCone, nodetest.FullCone}, {nodetest.FullCone, nodetest.PortRestricted},
		{nodetest.PortRestricted, nodetest.PortRestricted}, {nodetest.FullCone, nodetest.Symmetric},
	} {
		t.Run(fmt.Sprint(kinds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				on := pair(t, kinds[0], kinds[1])
				start := time.Now()
				var calls sync.WaitGroup
				for i, h := range on {
					calls.Go(func() {
						time.Sleep(time.Duration(i) * 300 * time.Millisecond)
						if err := h.Room.Link(t.Context(), on[1-i].ID); err != nil {
							t.Error(err)
						}
					})
				}
				calls.Wait()
				if took := time.Since(start); took > time.Second {
					t.Errorf("took %v", took)
				}
				time.Sleep(time.Second)
				for i, h := range on {
					links := h.Room.Links()
					if len(links) != 1 || links[0].Way != node.Punched {
						t.Errorf("the links of %d: %+v", i, links)
					}
				}
			})
		})
	}
}

func TestSomeNATsCannotBeCrossed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		on := pair(t, nodetest.PortRestricted, nodetest.Symmetric)
		var calls sync.WaitGroup
		for i, h := range on {
			calls.Go(func() {
				if err := h.Room.Link(t.Context(), on[1-i].ID); !errors.Is(err, node.ErrUnreachable) {
					t.Errorf("%d linked: %v", i, err)
				}
			})
		}
		calls.Wait()
	})
}
