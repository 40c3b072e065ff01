// Finding on the local network: mDNS. It finds nodes, not rooms; each is asked.

package node

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

const lanService = "_stoa._udp"

// lanAgain is the pause before mDNS is tried again where it could not start: there may be an
// interface by then.
const lanAgain = 5 * time.Second

// lanStale is for how long libp2p may go on naming addresses that we do not have any more.
const lanStale = time.Minute + time.Second

// lan is what mDNS has found. Safe for concurrent use.
type lan struct {
	start func() (io.Closer, error) // announces and looks until it is closed
	log   *slog.Logger
	look  chan struct{} // one slot: the machine has other interfaces or addresses

	mu      sync.Mutex
	peers   map[peer.ID]peer.AddrInfo
	changed chan struct{} // closed and replaced when peers grows
	missing string        // why there is no network; empty: there is one, as far as is known
	alone   func()        // see OnAlone; may be nil
}

func newLAN(h host.Host, log *slog.Logger) *lan {
	l := &lan{log: log, look: make(chan struct{}, 1), peers: make(map[peer.ID]peer.AddrInfo), changed: make(chan struct{})}
	l.start = func() (io.Closer, error) {
		service := mdns.NewMdnsService(h, lanService, l)
		return service, service.Start()
	}
	return l
}

// renew has the node announced anew, with the addresses and on the interfaces that there are
// now: libp2p's service keeps those it began with.
func (l *lan) renew() { poke(l.look) }

// run announces and looks until ctx ends. A machine without a network is no error: there may
// be one later.
func (l *lan) run(ctx context.Context) {
	renewed := false
	for ctx.Err() == nil {
		service, err := l.start()
		l.note(err)
		var again <-chan time.Time
		switch {
		case err != nil:
			again = time.After(lanAgain)
		case renewed:
			again = time.After(lanStale)
		}
		renewed = false
		select {
		case <-ctx.Done():
		case <-l.look:
			renewed = true
		case <-again:
		}
		if err == nil {
			if err := service.Close(); err != nil {
				l.log.Debug("end of discovery on the local network", "err", err)
			}
		}
	}
}

// note says why there is no network, where there was one or another reason, and that there is
// one again.
func (l *lan) note(err error) {
	missing := ""
	if err != nil {
		missing = err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.missing
	l.missing = missing
	switch {
	case missing == before:
	case missing == "":
		l.log.Info("others can be found on the local network again")
	default:
		l.log.Warn("this machine has no network on which others could be found; stoa goes on looking", "err", err)
		if before == "" && l.alone != nil {
			l.alone()
		}
	}
}

// OnAlone sets who hears, each time that it begins, that the machine has no network on which
// others could be found by mDNS. Calls come one at a time and must not block or call OnAlone.
func (n *Node) OnAlone(f func()) {
	if n.lan == nil {
		return
	}
	n.lan.mu.Lock()
	defer n.lan.mu.Unlock()
	n.lan.alone = f
	if n.lan.missing != "" {
		f()
	}
}

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
