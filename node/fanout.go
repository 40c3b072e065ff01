// PLACEHOLDER so that the tree builds: the engine replaces this whole file (and Attachment.bundle).

package node

import (
	"context"
	"sync"
	"time"
)

type fanout struct {
	mu sync.Mutex
	m  map[*fanSeat]bool
}
type fanSeat struct {
	p     *path
	media bool
}

func newFanout(n *Node, up int) *fanout   { return &fanout{m: map[*fanSeat]bool{}} }
func (f *fanout) run(ctx context.Context) { <-ctx.Done() }
func (f *fanout) add(p *path, media bool) *fanSeat {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &fanSeat{p, media}
	f.m[s] = true
	return s
}
func (f *fanout) remove(s *fanSeat)                         { f.mu.Lock(); defer f.mu.Unlock(); delete(f.m, s) }
func (f *fanout) setMedia(s *fanSeat, on bool)              { f.mu.Lock(); defer f.mu.Unlock(); s.media = on }
func (f *fanout) report(s *fanSeat, b []byte, at time.Time) {}
func (f *fanout) loss(s *fanSeat) float64                   { return 0 }
func (f *fanout) forward(packet []byte, v Voice)            { f.send(kindBundle, packet, true) }
func (f *fanout) send(k byte, b []byte, media bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.m {
		if s.media || !media {
			x := make([]byte, 9, 9+len(b))
			x[0] = k
			s.p.send(append(x, b...))
		}
	}
}
func (f *fanout) digest(b []byte) { f.send(kindDigest, b, false) }
func (a *Attachment) bundle(b []byte, at time.Time) {
	if a.cfg.OnPacket != nil {
		a.cfg.OnPacket(b[9:], at)
	}
}
