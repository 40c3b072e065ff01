// Finding by mDNS, where the machine has an interface that carries it.

package node

import (
	"context"
	"testing"
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
