// Finding by mDNS, where the machine has an interface that carries it.

package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
)

func TestLANFindsByMDNS(t *testing.T) {
	open := func() *Node {
		n, err := Open(t.Context(), Config{Network: LAN})
		if err != nil {
			t.Skip("no mDNS here: ", err)
		}
		t.Cleanup(func() { n.Close() })
		return n
	}
	a, b := open(), open()
	ra, rb := enterTest(t, a), enterTest(t, b)
	ra.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) { return []byte("ok"), nil })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for addr := range rb.Find(ctx) {
		who, _, err := rb.AskPeer(ctx, addr, []byte("x"))
		if err == nil && who == ra.key.ID() {
			return
		}
	}
	if a.lan.silent() || b.lan.silent() {
		t.Skip("multicast does not reach this machine itself")
	}
	t.Error("not found")
}

// silent says whether nothing at all was heard, not even ourselves.
func (l *lan) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.peers) == 0
}

// mdnsRuns counts how often mDNS was begun and ended.
type mdnsRuns struct{ begun, ended int }

func (r *mdnsRuns) Close() error {
	r.ended++
	return nil
}

// TestLANGoesOnLooking: without a network it tries again and says so once; with one it begins
// anew when the machine has moved, and once more when libp2p has forgotten what was before.
func TestLANGoesOnLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs mdnsRuns
		var log bytes.Buffer
		fails := errors.New("no multicast")
		l := newLAN(nil, slog.New(slog.NewTextHandler(&log, nil)))
		l.start = func() (io.Closer, error) {
			if fails != nil {
				return nil, fails
			}
			runs.begun++
			return &runs, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		go l.run(ctx)
		pass := func(d time.Duration, begun int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if runs.begun != begun || runs.ended != begun-min(begun, 1) {
				t.Errorf("begun %d times, ended %d, want %d", runs.begun, runs.ended, begun)
			}
		}
		pass(time.Hour, 0)
		if n := strings.Count(log.String(), "no network"); n != 1 {
			t.Errorf("said %d times in an hour", n)
		}
		fails = nil
		pass(lanAgain, 1)
		pass(time.Hour, 1)
		l.renew()
		pass(time.Millisecond, 2)
		pass(lanStale, 3)
		pass(time.Hour, 3)
		cancel()
		synctest.Wait()
		if runs.ended != runs.begun {
			t.Errorf("%d of %d ended with the node", runs.ended, runs.begun)
		}
	})
}
