// Finding by mDNS, where the machine has an interface that carries it.

package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
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

// mdnsRuns plays mDNS, and reads the log.
type mdnsRuns struct {
	mu           sync.Mutex
	fails        error
	begun, ended int
	said         int // that there is no network
}

func (r *mdnsRuns) start() (io.Closer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fails == nil {
		r.begun++
	}
	return r, r.fails
}

func (r *mdnsRuns) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended++
	return nil
}

func (r *mdnsRuns) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said += bytes.Count(line, []byte("no network"))
	return len(line), nil
}

// TestLANGoesOnLooking: without a network it tries again and says so once; with one it begins
// anew when the machine has moved, and once more when libp2p has forgotten what was before.
func TestLANGoesOnLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := mdnsRuns{fails: errors.New("no multicast")}
		l := newLAN(nil, slog.New(slog.NewTextHandler(&runs, nil)))
		l.start = runs.start
		alone := 0
		(&Node{lan: l}).OnAlone(func() { alone++ })
		ctx, cancel := context.WithCancel(t.Context())
		go l.run(ctx)
		want := func(begun, ended, said int) {
			t.Helper()
			synctest.Wait()
			runs.mu.Lock()
			defer runs.mu.Unlock()
			if runs.begun != begun || runs.ended != ended || runs.said != said {
				t.Errorf("begun %d times, ended %d, said %d times that there is no network; want %d, %d, %d", runs.begun, runs.ended, runs.said, begun, ended, said)
			}
		}
		time.Sleep(time.Hour)
		want(0, 0, 1)
		runs.mu.Lock()
		runs.fails = nil
		runs.mu.Unlock()
		time.Sleep(time.Hour)
		want(1, 0, 1)
		l.renew()
		want(2, 1, 1)
		time.Sleep(lanStale)
		want(3, 2, 1)
		time.Sleep(time.Hour)
		want(3, 2, 1)
		if alone != 1 {
			t.Errorf("told %d times that there is no network", alone)
		}
		runs.mu.Lock()
		runs.fails = errors.New("gone")
		runs.mu.Unlock()
		l.renew()
		time.Sleep(time.Hour)
		late := 0
		(&Node{lan: l}).OnAlone(func() { late++ })
		cancel()
		want(3, 3, 2)
		if alone != 2 || late != 1 {
			t.Errorf("gone again: told %d times, and who asks later %d times", alone, late)
		}
	})
}
