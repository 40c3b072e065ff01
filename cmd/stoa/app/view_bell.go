// Bell: whoever shows something is told that it has changed.

package app

import "sync"

// A bell tells whoever waits that something has happened. While nobody waits,
// ringing costs a lock and nothing else. The zero value is ready, and its
// methods may be called from any goroutine.
type bell struct {
	mu    sync.Mutex
	heard chan struct{} // nil: nobody waits
	asked chan struct{} // nil: nobody waits for somebody who waits
}

// wait returns what is closed when the bell rings next.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.heard == nil {
		b.heard = make(chan struct{})
		if b.asked != nil {
			close(b.asked)
			b.asked = nil
		}
	}
	return b.heard
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.heard != nil {
		close(b.heard)
		b.heard = nil
	}
}

// awaited returns what is closed as soon as somebody has asked for the next ring.
func (b *bell) awaited() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.heard != nil {
		return already
	}
	if b.asked == nil {
		b.asked = make(chan struct{})
	}
	return b.asked
}

// already is closed.
var already = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
