// This file holds the gate between the sound thread and a ring.

package device

import (
	"sync/atomic"
	"time"
)

// A gate decides whether the sound thread may touch the ring. Shutting it waits for a period that is
// inside, which takes as long as a copy; the sound thread never waits. It begins shut.
type gate struct {
	state atomic.Int32
}

const (
	gateShut = iota
	gateFree
	gateInside
)

// enter is called by the sound thread. When it returns true, leave must follow.
func (g *gate) enter() bool { return g.state.CompareAndSwap(gateFree, gateInside) }

func (g *gate) leave() { g.state.Store(gateFree) }

// open lets the sound thread in. It is called once.
func (g *gate) open() { g.state.Store(gateFree) }

// shut keeps the sound thread out for good. When it returns nobody is inside.
func (g *gate) shut() {
	for g.state.Load() != gateShut && !g.state.CompareAndSwap(gateFree, gateShut) {
		time.Sleep(50 * time.Microsecond)
	}
}
