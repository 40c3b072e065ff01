// Audit: how much a relay can send, measured by having it send.

package node

import (
	"context"
	"fmt"
	"io"
	"maps"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

const (
	auditLasts   = 2 * time.Second
	auditEvery   = 5 * time.Millisecond   // between two bursts of filler
	auditSettle  = 300 * time.Millisecond // for the path to find its best carrier first
	auditMost    = 2000                   // kbit/s
	auditsAtOnce = 2
	auditAgain   = time.Minute // from one member
	fillerSize   = maxMedia
)

// Audit has a relay send 2 s of filler at kbps kilobits a second, at most 2000, and
// returns how many a second arrived. A relay lets members do so whom its [Room.Admit]
// lets link, each once a minute and two at a time; to others it is [ErrRefused], and in
// excess [ErrBusy].
func (r *Room) Audit(ctx context.Context, relay identity.ID, kbps int) (got int, err error) {
	kbps = max(1, min(kbps, auditMost))
	ctx, cancel := context.WithTimeout(ctx, attachLasts)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	got, err = tryPeers(ctx, r, relay, func(ctx context.Context, p peer.ID) (int, error) {
		return r.auditAt(ctx, relay, p, uint16(kbps))
	})
	if err != nil {
		return 0, fmt.Errorf("audit %s: %w", relay.Short(), err)
	}
	return got, nil
}

func (r *Room) auditAt(ctx context.Context, relay identity.ID, p peer.ID, kbps uint16) (int, error) {
	var arrived atomic.Int64
	k := knock{relay: relay, say: attach{Session: r.session, Audit: kbps}}
	k.path.sink = func(b []byte, _ time.Time) {
		if b[0] == kindFiller {
			arrived.Add(int64(len(b)))
		}
	}
	s, path, got, err := k.at(ctx, r, p)
	if err != nil {
		return 0, err
	}
	defer s.Reset()
	defer path.close()
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	path.begin(got.Token)
	if _, err := s.Read(make([]byte, 1)); err != io.EOF { // it closes when it has sent everything
		return 0, cutShort(err)
	}
	return int(arrived.Load() * 8 / 1000 / int64(auditLasts/time.Second)), nil
}

// audit sends filler to a member who asked for it.
func (rl *Relay) audit(s stream, a attach) error {
	if rl.cfg.VoiceOnly || !rl.room.admitted(a.From) {
		return rl.turnAway(s, a, attachRefused)
	}
	if !rl.startAudit(a.From, time.Now()) {
		return rl.turnAway(s, a, attachBusy)
	}
	defer rl.stopAudit()
	path, err := rl.room.node.openPath(pathConfig{conn: s.Conn(), sink: func([]byte, time.Time) {}})
	if err != nil {
		return err
	}
	defer path.close()
	path.begin(a.Token)
	if err := rl.answerAttach(s, a, attached{Token: path.in}); err != nil {
		return err
	}
	gone := make(chan struct{})
	rl.work.Go(func() {
		s.SetReadDeadline(time.Now().Add(2 * auditLasts))
		s.Read(make([]byte, 1)) // until the asker has had enough
		close(gone)
	})
	err = rl.fill(path, int(min(a.Audit, auditMost)), gone)
	s.CloseWrite()
	<-gone
	s.Reset()
	return err
}

// fill sends filler at a rate in kbit/s.
func (rl *Relay) fill(p *path, kbps int, gone <-chan struct{}) error {
	wait := func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return true
		case <-gone:
		case <-rl.ctx.Done():
		}
		return false
	}
	if !wait(auditSettle) {
		return ErrClosed
	}
	b := make([]byte, fillerSize)
	start, sent := time.Now(), 0
	for time.Since(start) < auditLasts {
		b[0] = kindFiller
		for due := int(time.Since(start).Seconds() * float64(kbps) * 1000 / 8); sent+len(b) <= due; sent += len(b) {
			p.send(b)
		}
		if !wait(auditEvery) {
			return ErrClosed
		}
	}
	if !wait(auditSettle) { // for the last of it to arrive
		return ErrClosed
	}
	return nil
}

func (rl *Relay) startAudit(id identity.ID, now time.Time) bool {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	maps.DeleteFunc(rl.audits, func(_ identity.ID, at time.Time) bool { return now.Sub(at) > auditAgain })
	if _, lately := rl.audits[id]; lately || rl.auditing >= auditsAtOnce || rl.closed || rl.draining {
		return false
	}
	rl.audits[id] = now
	rl.auditing++
	return true
}

func (rl *Relay) stopAudit() {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	rl.auditing--
}
