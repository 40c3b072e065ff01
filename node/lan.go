// Finding on the local network: mDNS. It finds nodes, not rooms; each is asked.

package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

const lanService = "_stoa._udp"

// lan is what mDNS has found. Safe for concurrent use.
type lan struct {
	service mdns.Service

	mu      sync.Mutex
	peers   map[peer.ID]peer.AddrInfo
	changed chan struct{} // closed and replaced when peers grows
}

func startLAN(h host.Host) (*lan, error) {
	l := &lan{peers: make(map[peer.ID]peer.AddrInfo), changed: make(chan struct{})}
	l.service = mdns.NewMdnsService(h, lanService, l)
	if err := l.service.Start(); err != nil {
		return nil, fmt.Errorf("start mDNS: %w", err)
	}
	return l, nil
}

func (l *lan) Close() error { return l.service.Close() }

// HandlePeerFound is called by the mDNS service on a goroutine of its own.
func (l *lan) HandlePeerFound(p peer.AddrInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.peers[p.ID]; !known && len(l.peers) >= lanPeers {
		return
	}
	l.peers[p.ID] = p
	close(l.changed)
	l.changed = make(chan struct{})
}

// watch sends every peer found so far, and all of them again when one is found,
// until ctx ends.
func (l *lan) watch(ctx context.Context, found chan<- peer.AddrInfo) {
	for ctx.Err() == nil {
		peers, changed := l.snapshot()
		for _, p := range peers {
			select {
			case found <- p:
			case <-ctx.Done():
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (l *lan) snapshot() ([]peer.AddrInfo, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	peers := make([]peer.AddrInfo, 0, len(l.peers))
	for _, p := range l.peers {
		peers = append(peers, p)
	}
	return peers, l.changed
}
