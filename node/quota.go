// What the owner of a relay may change while it serves, for a host that serves several
// rooms shares out one connection among them; and what the relay adds to a packet's way.

package node

import "time"

// Limit replaces Slots, of which one at least remains, and Up of the ServeConfig. Children
// who have a slot keep it: fewer slots are for those who come.
func (rl *Relay) Limit(slots, up int) {
	rl.mu.Lock()
	rl.cfg.Slots = max(1, slots)
	rl.mu.Unlock()
	rl.fan.limit.Store(int64(max(0, up)))
}

// DelayBounds are the upper bounds of what ForwardStats.Delays counts; one more counter has
// what took longer than the last.
var DelayBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	15 * time.Millisecond, 20 * time.Millisecond, 25 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond,
}

// observe counts for how long each packet of a window was here: from when it was taken until
// it had been sent to the last child.
func (f *fanout) observe(w *held, now time.Duration) {
	for _, i := range w.order[:w.chosen] {
		delay := now - w.packets[i].at
		n := 0
		for n < len(DelayBounds) && delay > DelayBounds[n] {
			n++
		}
		f.counts.delays[n].Add(1)
		f.counts.delaySum.Add(int64(delay))
	}
}
