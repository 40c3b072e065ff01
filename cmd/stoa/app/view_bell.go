// Bell: whoever shows something is told that it has changed.

package app

import "sync"

// A bell tells whoever waits that something has happened. While nobody waits,
// ringing costs a lock and nothing else. The zero value is ready, and its
// methods may be called from any goroutine.
type bell struct {
	mu    sync.Mutex
	heard chan struct{} // nil: nobody waits
}

// wait returns what is closed when the bell rings next.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.heard == nil {
		b.heard = make(chan struct{})
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

// awaited says that somebody has asked for the next ring.
func (b *bell) awaited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heard != nil
}
