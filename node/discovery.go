// Announcing and finding: the public or a private DHT. What it finds are hints;
// membership is proved by the first ask.

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"sync"
	"time"

	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/amino"
	"github.com/libp2p/go-libp2p-kad-dht/dual"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// Provider records outlive the period they are for; the addresses that servers
	// keep beside them do not, and a small private DHT loses servers fast.
	announcePublic  = 25 * time.Minute
	announcePrivate = 2 * time.Minute

	announcePatience = 2 * time.Minute
	lookupPatience   = 30 * time.Second

	// foundAgain is how long Find keeps a peer to itself after yielding it.
	foundAgain = 10 * time.Second
	foundTTL   = 10 * time.Minute // of addresses that came with a provider record
	maxFound   = 1024             // peers that one Find remembers

	maxHint = 128 // bytes of an address in an invite link
)

// A finder is a DHT, or nothing at all.
type finder interface {
	Provide(ctx context.Context, key cid.Cid, broadcast bool) error
	FindProvidersAsync(ctx context.Context, key cid.Cid, count int) <-chan peer.AddrInfo
	io.Closer

	again() time.Duration // how often to announce
}

func newFinder(ctx context.Context, h host.Host, cfg Config, first []peer.AddrInfo) (finder, error) {
	switch cfg.Network {
	case LAN, Links:
		return noFinder{}, nil
	case Private:
		return newPrivateDHT(ctx, h, first)
	default:
		return newPublicDHT(ctx, h, cfg.Server)
	}
}

type publicDHT struct{ *dual.DHT }

// newPublicDHT joins the public DHT. A server holds a part of it from the start; others
// begin to when they turn out to be reachable.
func newPublicDHT(ctx context.Context, h host.Host, server bool) (finder, error) {
	opts := []dual.Option{dual.DHTOption(dht.BootstrapPeers(dht.GetDefaultBootstrapPeerAddrInfos()...))}
	if server {
		opts = append(opts, dual.WanDHTOption(dht.Mode(dht.ModeServer)))
	}
	d, err := dual.New(h, opts...)
	if err != nil {
		return nil, fmt.Errorf("start the public DHT: %w", err)
	}
	if err := d.Bootstrap(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the public DHT: %w", err), d.Close())
	}
	return publicDHT{d}, nil
}

func (d publicDHT) again() time.Duration { return announcePublic }

type privateDHT struct{ *dht.IpfsDHT }

// newPrivateDHT starts a DHT under /stoa/kad/1.0.0. It is always a server, and it
// is plain: dual.DHT keeps no loopback and no private address in its WAN half.
func newPrivateDHT(ctx context.Context, h host.Host, first []peer.AddrInfo) (finder, error) {
	opts := []dht.Option{
		dht.Mode(dht.ModeServer),
		dht.ProtocolPrefix("/stoa"),
		dht.BootstrapPeers(first...),
	}
	if onPublicAddrs(first) {
		opts = append(opts, dht.RoutingTablePeerDiversityFilter(dht.NewRTPeerDiversityFilter(h,
			amino.DefaultMaxPeersPerIPGroupPerCpl, amino.DefaultMaxPeersPerIPGroup)))
	}
	d, err := dht.New(h, opts...)
	if err != nil {
		return nil, fmt.Errorf("start the private DHT: %w", err)
	}
	if err := d.Bootstrap(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the private DHT: %w", err), d.Close())
	}
	return privateDHT{d}, nil
}

// onPublicAddrs says whether the filter against many servers in one network makes
// sense: on loopback and in a laboratory everyone is in one network.
func onPublicAddrs(first []peer.AddrInfo) bool {
	for _, p := range first {
		for _, a := range p.Addrs {
			if !manet.IsPublicAddr(a) {
				return false
			}
		}
	}
	return len(first) > 0
}

func (d privateDHT) again() time.Duration { return announcePrivate }

// noFinder stands where mDNS is all there is.
type noFinder struct{}

func (noFinder) Provide(context.Context, cid.Cid, bool) error { return nil }
func (noFinder) FindProvidersAsync(context.Context, cid.Cid, int) <-chan peer.AddrInfo {
	none := make(chan peer.AddrInfo)
	close(none)
	return none
}
func (noFinder) Close() error         { return nil }
func (noFinder) again() time.Duration { return announcePublic }

// announce provides the keys of this period and the next until ctx ends: again
// before addresses go stale, when a period begins, and soon after a failure.
func (n *Node) announce(ctx context.Context, key func(period uint64) cid.Cid) error {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	retry := newBackoff(5*time.Millisecond, 2*time.Second)
	for ctx.Err() == nil {
		if err := n.provide(ctx, key); err != nil {
			n.log.Debug("announce", "err", err)
			retry.wait(ctx)
			continue
		}
		retry = newBackoff(5*time.Millisecond, 2*time.Second)
		now := time.Now()
		nextPeriod := now.Truncate(rendezvousPeriod).Add(rendezvousPeriod).Sub(now)
		sleep(ctx, min(n.find.again(), nextPeriod+time.Second))
	}
	return context.Cause(ctx)
}

func (n *Node) provide(ctx context.Context, key func(period uint64) cid.Cid) error {
	ctx, cancel := context.WithTimeout(ctx, announcePatience)
	defer cancel()
	now := periodAt(time.Now())
	if err := n.find.Provide(ctx, key(now), true); err != nil {
		return err
	}
	return n.find.Provide(ctx, key(now+1), true)
}

// seek yields peers that announced the key, and those on the local network, each
// again only after a while, until ctx ends or the caller breaks.
func (n *Node) seek(ctx context.Context, key func(period uint64) cid.Cid) iter.Seq[peer.ID] {
	return func(yield func(peer.ID) bool) {
		ctx, cancel := n.bound(ctx)
		found := make(chan peer.AddrInfo)
		var searches sync.WaitGroup
		defer searches.Wait()
		defer cancel()
		searches.Go(func() { n.lookups(ctx, key, found) })
		if n.lan != nil {
			searches.Go(func() { n.lan.watch(ctx, found) })
		}
		yielded := make(map[peer.ID]time.Time)
		for {
			select {
			case <-ctx.Done():
				return
			case p := <-found:
				if p.ID == n.host.ID() || time.Since(yielded[p.ID]) < foundAgain || len(yielded) >= maxFound {
					continue
				}
				yielded[p.ID] = time.Now()
				n.host.Peerstore().AddAddrs(p.ID, p.Addrs, foundTTL)
				if !yield(p.ID) {
					return
				}
			}
		}
	}
}

// lookups asks the DHT again and again: the room may be announced a moment from
// now, and a fresh node knows no DHT server for its first milliseconds.
func (n *Node) lookups(ctx context.Context, key func(period uint64) cid.Cid, found chan<- peer.AddrInfo) {
	retry := newBackoff(5*time.Millisecond, 3*time.Second)
	for ctx.Err() == nil {
		for _, period := range periodsAbout(time.Now()) {
			n.lookup(ctx, key(period), found)
		}
		retry.wait(ctx)
	}
}

// lookup asks once. A count of 0 makes the DHT look at every server near the key,
// so that a crowd of false providers on the way hides nobody.
func (n *Node) lookup(ctx context.Context, key cid.Cid, found chan<- peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	for p := range n.find.FindProvidersAsync(ctx, key, 0) {
		select {
		case found <- p:
		case <-ctx.Done():
		}
	}
}

// bound returns a context that ends with ctx and with the node.
func (n *Node) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(n.ctx, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// meetAt remembers a text address for dialling and returns the peer it names.
func (n *Node) meetAt(addr string) (peer.ID, error) {
	if len(addr) > maxAddr {
		return "", ErrTooLarge
	}
	info, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", addr, err)
	}
	if info.ID == n.host.ID() {
		return "", fmt.Errorf("%w: it is our own address", ErrUnreachable)
	}
	n.remember(*info, peerstore.RecentlyConnectedAddrTTL)
	return info.ID, nil
}

// HintOf is the other way round of [HintAddr]: a text address in the binary form that
// goes into an invite link, of at most 128 bytes.
func HintOf(addr string) ([]byte, error) {
	a, err := ma.NewMultiaddr(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", addr, err)
	}
	if len(a.Bytes()) > maxHint {
		return nil, ErrTooLarge
	}
	return a.Bytes(), nil
}
