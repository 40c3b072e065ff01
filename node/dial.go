// Dials: over which transports peers are reached, in which order their addresses are
// tried, and how a better way is looked for while a worse one is in use.

package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	libcontrol "github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// transports are QUIC and, for networks without UDP, TCP and WebSocket. Noise inside a
// WebSocket says who the peer is, so anybody's certificate will do for the TLS around it,
// which is there because port 443 is expected to speak it.
func transports(listen []string) ([]libp2p.Option, error) {
	secure := []any{websocket.WithTLSClientConfig(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})}
	secured := func(text string) bool {
		a, err := ma.NewMultiaddr(text)
		return err == nil && isSecureWebSocket(a)
	}
	if slices.ContainsFunc(listen, secured) {
		cert, err := anyCertificate()
		if err != nil {
			return nil, err
		}
		secure = append(secure, websocket.WithTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
	}
	newTCP := func(u transport.Upgrader, limits network.ResourceManager, share *tcpreuse.ConnMgr) (*tcp.TcpTransport, error) {
		return tcp.NewTCPTransport(secondBest{u}, limits, share)
	}
	newWebSocket := func(u transport.Upgrader, limits network.ResourceManager, share *tcpreuse.ConnMgr, opts ...websocket.Option) (*websocket.WebsocketTransport, error) {
		return websocket.New(secondBest{u}, limits, share, opts...)
	}
	return []libp2p.Option{
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.Transport(newTCP),
		libp2p.Transport(newWebSocket, secure...),
	}, nil
}

func isSecureWebSocket(a ma.Multiaddr) bool {
	return hasProtocol(a, ma.P_WSS) || hasProtocol(a, ma.P_WS) && hasProtocol(a, ma.P_TLS)
}

// anyCertificate makes one that names nobody.
func anyCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().AddDate(-1, 0, 0),
		NotAfter:     time.Now().AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// secondBest makes libp2p take the connections of a transport for proxied ones. So it
// prefers QUIC where a peer is connected by both, and dials QUIC on demand
// ([network.WithForceDirectDial]) beside a connection that there is.
type secondBest struct{ transport.Upgrader }

type proxied struct{ transport.Transport }

func (proxied) Proxy() bool { return true }

func (u secondBest) Upgrade(ctx context.Context, t transport.Transport, c manet.Conn, dir network.Direction, p peer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	return u.Upgrader.Upgrade(ctx, proxied{t}, c, dir, p, scope)
}

func (u secondBest) UpgradeGatedMaListener(t transport.Transport, l transport.GatedMaListener) transport.Listener {
	return u.Upgrader.UpgradeGatedMaListener(proxied{t}, l)
}

// noUDPSuspects is how many dials by QUIC in vain, while TCP goes through, make the node
// believe that its network lets no UDP out.
const noUDPSuspects = 3

// afterDial is when a peer's first address of a way is dialled, unless one before it answers,
// and afterNext what each further one waits (RFC 8305 section 5). A connection is for good,
// and voice over TCP waits behind every loss, so QUIC goes first by more than a busy machine
// needs for it. A circuit carries asks, which are worth little when they come late.
var (
	afterDial = map[way]time.Duration{byQUIC: 0, byCircuit: 250 * time.Millisecond, byTCP: 500 * time.Millisecond, byWeb: 750 * time.Millisecond}
	afterNone = map[way]time.Duration{byTCP: 0, byCircuit: 250 * time.Millisecond, byWeb: 250 * time.Millisecond} // without QUIC
)

const (
	afterNext = 250 * time.Millisecond
	lastNext  = 3 // addresses after this one do not wait for one another
)

// A way is over what an address is dialled, the best first.
type way int

const (
	byQUIC way = iota
	byTCP
	byWeb
	byCircuit
)

func wayTo(a ma.Multiaddr) way {
	switch {
	case hasProtocol(a, ma.P_CIRCUIT):
		return byCircuit
	case hasProtocol(a, ma.P_QUIC_V1):
		return byQUIC
	case hasProtocol(a, ma.P_WS), hasProtocol(a, ma.P_WSS):
		return byWeb
	}
	return byTCP
}

// A dialler is what libp2p asks about each dial. It is the host's connection gater.
type dialler struct {
	may func(peer.ID, ma.Multiaddr) bool // see dialRules; nil: everything

	vain atomic.Int32 // dials by QUIC to somebody outside since one last succeeded, see noUDPSuspects
	tcp  atomic.Bool  // a connection by TCP to somebody outside has been up

	mu       sync.Mutex
	climbing map[peer.ID]int // they are dialled by QUIC alone
}

// rank says when each address of one peer is dialled. Local and public ones do not wait for
// one another: those of another house answer nobody.
func (d *dialler) rank(addrs []ma.Multiaddr) []network.AddrDelay {
	after := afterNone
	if slices.ContainsFunc(addrs, isQUIC) && !d.noUDP() {
		after = afterDial
	}
	type class struct {
		way   way
		local bool
	}
	before := make(map[class]int)
	ranked := make([]network.AddrDelay, 0, len(addrs))
	for _, a := range addrs {
		c := class{wayTo(a), !manet.IsPublicAddr(a)}
		ranked = append(ranked, network.AddrDelay{Addr: a, Delay: after[c.way] + time.Duration(min(before[c], lastNext))*afterNext})
		before[c]++
	}
	return ranked
}

// noUDP says that the network seems to let no UDP out.
func (d *dialler) noUDP() bool { return d.tcp.Load() && d.vain.Load() >= noUDPSuspects }

func isQUIC(a ma.Multiaddr) bool { return wayTo(a) == byQUIC }

// climb has a peer dialled by QUIC alone until the returned function is called.
func (d *dialler) climb(p peer.ID) (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.climbing == nil {
		d.climbing = make(map[peer.ID]int)
	}
	d.climbing[p]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		subtract(d.climbing, p)
	}
}

// InterceptAddrDial says which addresses of a peer may be dialled now.
func (d *dialler) InterceptAddrDial(p peer.ID, a ma.Multiaddr) bool {
	if d.may != nil && !d.may(p, a) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.climbing[p] == 0 || isQUIC(a)
}

// The rest of a connection gater lets everything through.

func (d *dialler) InterceptPeerDial(peer.ID) bool              { return true }
func (d *dialler) InterceptAccept(network.ConnMultiaddrs) bool { return true }
func (d *dialler) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool {
	return true
}
func (d *dialler) InterceptUpgraded(network.Conn) (bool, libcontrol.DisconnectReason) { return true, 0 }
