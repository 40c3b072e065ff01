// Packets one by one, for systems without sendmmsg(2).

//go:build !linux

package node

import (
	"net/netip"
	"time"
)

// sockaddr is nothing here: net takes a netip.AddrPort.
type sockaddr struct{}

func (*sockaddr) set(netip.AddrPort, bool) {}

// A batch collects packets for one socket. A packet is a head of its own and a body that
// many share; both must stay as they are until flush. Not safe for concurrent use.
type batch struct {
	socket *socket
	slow   slowBatch
}

func newBatch(s *socket) *batch { return &batch{socket: s} }

// add reports whether the batch is full now.
func (b *batch) add(t *target, head, body []byte) (full bool) { return b.slow.add(t, head, body) }

// len is how many packets wait.
func (b *batch) len() int { return len(b.slow.items) }

// flush sends what was added and says how many packets went out. It waits only while the
// system's send buffer is full.
func (b *batch) flush(time.Duration) (sent int) { return b.slow.flush(b.socket) }

// withoutSource returns control messages that say nothing of where to send from. Here QUIC
// sends none that could not be spared: besides, there are marks of congestion.
func withoutSource([]byte) []byte { return nil }
