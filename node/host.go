// The libp2p host: transports, reachability, and limits that let a crowd behind one
// address in while one address cannot take everything.

package node

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"
)

// defaultListen is every transport on a free port of every interface.
var defaultListen = []string{
	"/ip4/0.0.0.0/udp/0/quic-v1",
	"/ip6/::/udp/0/quic-v1",
	"/ip4/0.0.0.0/tcp/0",
	"/ip6/::/tcp/0",
	"/ip4/0.0.0.0/tcp/0/ws",
	"/ip6/::/tcp/0/ws",
}

// webListen is what a server adds, as far as the system lets it: there are networks that
// let nothing out but to where the web is.
var webListen = []string{
	"/ip4/0.0.0.0/udp/443/quic-v1",
	"/ip6/::/udp/443/quic-v1",
	"/ip4/0.0.0.0/tcp/443/tls/ws",
	"/ip6/::/tcp/443/tls/ws",
}

func (cfg *Config) listen() []string {
	switch {
	case len(cfg.Listen) > 0:
		return cfg.Listen
	case cfg.Server:
		return slices.Concat(defaultListen, webListen)
	}
	return defaultListen
}

// newHost opens the sockets.
func (n *Node) newHost(cfg Config) (host.Host, error) {
	opts, err := hostOptions(cfg, n.out.there, &n.sockets, &n.dials)
	if err != nil {
		return nil, err
	}
	if n.out.ports {
		opts = append(opts, libp2p.NATManager(func(s network.Network) basichost.NATManager {
			n.ports = newPortMapper(s, n.log, n.nudgeReach)
			return n.ports
		}))
	}
	h, err := libp2p.New(append(opts, cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("open the network: %w", err)
	}
	return h, nil
}

// hostOptions are libp2p's. outward says that people are met over the internet; dials is asked
// about each dial.
func hostOptions(cfg Config, outward bool, udp *sockets, dials *dialler) ([]libp2p.Option, error) {
	manager, err := resourceManager(cfg)
	if err != nil {
		return nil, err
	}
	conns, err := connmgr.NewConnManager(cfg.scale().trimTo, cfg.scale().trimAt, connmgr.WithGracePeriod(30*time.Second))
	if err != nil {
		return nil, fmt.Errorf("connection limits: %w", err)
	}
	listen := cfg.listen()
	opts, err := transports(listen)
	if err != nil {
		return nil, fmt.Errorf("transports: %w", err)
	}
	opts = append(opts,
		libp2p.ListenAddrStrings(listen...),
		libp2p.ResourceManager(manager),
		libp2p.ConnectionManager(conns),
		libp2p.UserAgent("stoa"),
		figures(cfg),
		libp2p.QUICReuse(quicSockets(cfg, udp)),
		libp2p.SwarmOpts(swarm.WithDialRanker(dials.rank)),
		libp2p.ConnectionGater(dials),
		// Who calls people behind NATs fails often, and that says nothing of UDP or IPv6.
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
	)
	if cfg.Key != nil {
		key, err := crypto.UnmarshalEd25519PrivateKey(cfg.Key)
		if err != nil || len(cfg.Key) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("transport key: %w", err)
		}
		opts = append(opts, libp2p.Identity(key))
	}
	if outward {
		if cfg.Server {
			opts = append(opts, libp2p.EnableNATService())
		}
		opts = append(opts, libp2p.EnableAutoNATv2())
	}
	return opts, nil
}

// figures lets libp2p count for somebody, or not at all, which costs less.
func figures(cfg Config) libp2p.Option {
	if cfg.Metrics == nil {
		return libp2p.DisableMetrics()
	}
	return libp2p.PrometheusRegisterer(cfg.Metrics)
}

// quicSockets makes libp2p's QUIC use our sockets. With a constructor of our own, what
// libp2p's does beside must be repeated: the resource manager counts connections from
// their first packet on and says whose address must be verified, and QUIC has figures.
func quicSockets(cfg Config, udp *sockets) any {
	return func(reset quic.StatelessResetKey, tokens quic.TokenGeneratorKey, limits network.ResourceManager, life fx.Lifecycle) (*quicreuse.ConnManager, error) {
		opts := []quicreuse.Option{
			quicreuse.ConnContext(func(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
				// Without an address the resource manager decides by the rest.
				addr, _ := quicreuse.ToQuicMultiaddr(client.RemoteAddr, quic.Version1)
				scope, err := limits.OpenConnection(network.DirInbound, false, addr)
				if err != nil {
					return ctx, err
				}
				ctx = network.WithConnManagementScope(ctx, scope)
				context.AfterFunc(ctx, scope.Done)
				return ctx, nil
			}),
			quicreuse.VerifySourceAddress(limits.VerifySourceAddress),
			quicreuse.OverrideListenUDP(udp.listenUDP),
		}
		if cfg.Metrics != nil {
			opts = append(opts, quicreuse.EnableMetrics(cfg.Metrics))
		}
		if cfg.ListenUDP != nil {
			opts = append(opts, quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return udp, nil }))
		}
		m, err := quicreuse.NewConnManager(reset, tokens, opts...)
		if err != nil {
			return nil, err
		}
		life.Append(fx.StopHook(m.Close))
		return m, nil
	}
}

// resourceManager widens the defaults of libp2p, which admit 8 connections an
// address and 32 handshakes at once, to what a room of 60 people behind one
// carrier NAT needs, and a relay of thousands. The sealed hello is the real gate.
func resourceManager(cfg Config) (network.ResourceManager, error) {
	size := cfg.scale()
	limits := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&limits)
	size.widen(&limits)
	fresh := rate.Limit{RPS: size.newPerSecond, Burst: size.newAtOnce}
	opts := []rcmgr.Option{
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: size.perAddr}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: size.perAddr}, {PrefixLength: 48, ConnCount: size.perSite()}},
		),
		rcmgr.WithNetworkPrefixLimit(
			[]rcmgr.NetworkPrefixLimit{{Network: loopback4, ConnCount: math.MaxInt}},
			[]rcmgr.NetworkPrefixLimit{{Network: loopback6, ConnCount: math.MaxInt}},
		),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{{Prefix: loopback4}, {Prefix: loopback6}},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: fresh}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: fresh}},
				GracePeriod:      time.Minute,
			},
		}),
	}
	if cfg.Metrics == nil {
		opts = append(opts, rcmgr.WithMetricsDisabled())
	}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.AutoScale()), opts...)
}

var (
	loopback4 = netip.MustParsePrefix("127.0.0.0/8")
	loopback6 = netip.MustParsePrefix("::1/128")
)
