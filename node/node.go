// Node: the libp2p host and everything that lives as long as the process.

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	msmux "github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"
)

// A Node is one libp2p host: a transport key, its sockets, the DHT and the gossip
// router. Rooms are entered on it. Its methods may be called from any goroutine.
type Node struct {
	host   host.Host
	gossip *pubsub.PubSub
	filter *topicFilter
	find   finder
	lan    *lan // nil without mDNS
	log    *slog.Logger
	born   time.Time

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // every goroutine that the node started itself

	asks     buckets[peer.ID]
	asking   chan struct{} // a slot for each request being handled
	cardAsks buckets[peer.ID]

	dials    dialler
	punches  io.Closer // libp2p's hole punching
	comings  comings
	out      outside
	ports    *portMapper // nil where no router may be asked
	lends    io.Closer   // circuits; nil when this node lends none
	guests   *guests     // who may have one
	borrowed borrowed    // circuits that others lend

	sockets sockets   // of QUIC and media
	paths   pathTable // of all rooms

	mover     mover
	place     atomic.Pointer[place] // where the machine is
	here      atomic.Pointer[stay]  // ends when it moves
	turn      atomic.Uint32         // how often connections were given up
	looked    atomic.Int64          // when the clock was last looked at; durations since born
	deafUntil atomic.Int64          // what comes before is from before a sleep

	entering sync.Mutex // one Enter at a time

	mu     sync.Mutex
	closed bool
	rooms  map[roomTag]*Room
	wires  map[*quic.Conn]*wire
	cards  func() [][]byte
}

// Open starts a node. libp2p works from here on until Close; ctx bounds only the
// start. It does not wait for the first peers: what needs them waits itself.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	cfg, first, err := cfg.check()
	if err != nil {
		return nil, err
	}
	takeLibraryLogs(cfg.Log)
	n := &Node{
		log:      cfg.Log,
		born:     time.Now(),
		filter:   newTopicFilter(),
		asks:     buckets[peer.ID]{rate: asksPerSecond},
		asking:   make(chan struct{}, asksAtOnce),
		cardAsks: buckets[peer.ID]{rate: cardsPerSecond},
		rooms:    make(map[roomTag]*Room),
		wires:    make(map[*quic.Conn]*wire),
	}
	n.sockets.listen, n.sockets.take = listenSystem, n.takeRaw
	if cfg.ListenUDP != nil {
		n.sockets.listen = cfg.ListenUDP
	}
	n.mover.machine = cfg.Machine
	switch {
	case cfg.Machine != nil:
	case cfg.ListenUDP != nil:
		n.mover.machine = unmoving{}
	default:
		n.mover.machine = system{n.born}
	}
	at := placeOf(n.mover.machine)
	n.place.Store(&at)
	n.paths.m, n.paths.wake = make(map[token]*path), make(chan struct{}, 1)
	n.guests = newGuests(n.provedSomewhere)
	n.out.look, n.borrowed.look = make(chan struct{}, 1), make(chan struct{}, 1)
	n.out.reach.Kind, n.out.first = ReachUnknown, make(map[peer.ID][]ma.Multiaddr)
	for _, p := range first {
		n.out.first[p.ID] = p.Addrs
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.here.Store(newStay(n.ctx))
	if err := n.start(ctx, cfg, first); err != nil {
		n.cancel()
		return nil, errors.Join(err, n.stop())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context, cfg Config, first []peer.AddrInfo) (err error) {
	n.out.internet, n.out.met, n.out.loopback = internetOf(&cfg, first), n.born, onLoopback(cfg.listen())
	n.dials.may = n.mayDial
	if n.host, err = n.newHost(cfg); err != nil {
		return err
	}
	if err := n.watchReach(); err != nil {
		return fmt.Errorf("watch the network: %w", err)
	}
	if n.find, err = newFinder(ctx, n.host, cfg, first); err != nil {
		return err
	}
	if n.gossip, err = newGossip(n); err != nil {
		return err
	}
	if cfg.Network == Public || cfg.Network == LAN {
		n.lan = newLAN(n.host, n.log)
		n.work.Go(func() { n.lan.run(n.ctx) })
	}
	if cfg.Server {
		if n.lends, err = lendCircuits(n.host, n.guests); err != nil {
			return err
		}
	}
	if n.punches, err = n.startPunching(); err != nil {
		return err
	}
	if n.out.there {
		if err := n.startBorrowing(); err != nil {
			return err
		}
	}
	n.host.Network().Notify(&network.NotifyBundle{ConnectedF: n.connected, DisconnectedF: n.disconnected})
	n.host.SetStreamHandler(protoAsk, n.handleAsk)
	n.host.SetStreamHandler(protoMedia, n.handleLink)
	n.host.SetStreamHandler(protoBundle, n.handleBundle)
	n.host.SetStreamHandler(protoRelay, n.handleRelay)
	n.host.SetStreamHandler(protoLetter, n.handleLetter)
	n.host.SetStreamHandler(protoPush, n.handlePush)
	n.host.SetStreamHandler(protoCard, n.handleCards)
	n.work.Go(n.keepPaths)
	n.work.Go(n.keepMoving)
	for _, p := range first {
		n.work.Go(func() { n.bootstrap(p) })
	}
	return nil
}

// check fills in what the zero values mean and parses the bootstrap peers.
func (cfg Config) check() (Config, []peer.AddrInfo, error) {
	if cfg.Network == "" {
		cfg.Network = Public
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if !slices.Contains([]Network{Public, LAN, Private, Links}, cfg.Network) {
		return cfg, nil, fmt.Errorf("unknown network %q", cfg.Network)
	}
	if cfg.Network != Private && len(cfg.Bootstrap) > 0 {
		return cfg, nil, fmt.Errorf("bootstrap peers need network %q", Private)
	}
	var first []peer.AddrInfo
	for _, text := range cfg.Bootstrap {
		p, err := peer.AddrInfoFromString(text)
		if err != nil {
			return cfg, nil, fmt.Errorf("bootstrap address %q: %w", text, err)
		}
		first = addAddr(first, *p) // so that QUIC goes first
	}
	return cfg, first, nil
}

// Close leaves every room, closes every connection and waits for all goroutines
// of the node. It is safe to call twice.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	var rooms []*Room
	for _, r := range n.rooms {
		rooms = append(rooms, r)
	}
	n.mu.Unlock()
	for _, r := range rooms {
		r.Close()
	}
	n.cancel()
	return n.stop()
}

// stop closes what start opened, as far as it came.
func (n *Node) stop() error {
	var errs []error
	if n.find != nil {
		errs = append(errs, n.find.Close())
	}
	if n.lends != nil {
		errs = append(errs, n.lends.Close())
	}
	if n.punches != nil {
		errs = append(errs, n.punches.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	n.work.Wait()
	return errors.Join(errs...)
}

// bootstrap connects to one first peer of a private DHT, however long it takes.
func (n *Node) bootstrap(p peer.AddrInfo) {
	retry := newBackoff(50*time.Millisecond, 5*time.Second)
	for {
		err := n.host.Connect(n.ctx, p)
		if err == nil {
			return
		}
		n.log.Warn("bootstrap peer", "peer", p.ID, "err", err)
		if !retry.wait(n.ctx) {
			return
		}
	}
}

// connected tells who waits for a peer, who counts what gets through, and who looks after
// what is dead.
func (n *Node) connected(_ network.Network, c network.Conn) {
	n.checkOlder(c)
	n.metOutside(c)
	n.comings.tell(c)
	if !c.Stat().Limited {
		n.endCircuits(c.RemotePeer())
	}
}

// disconnected forgets what was proved over connections to a peer that is gone.
func (n *Node) disconnected(_ network.Network, c network.Conn) {
	n.out.mu.Lock()
	n.out.sights.end(c.ID(), time.Now())
	n.out.mu.Unlock()
	p := c.RemotePeer()
	if n.host.Network().Connectedness(p) != network.NotConnected {
		return
	}
	n.nudgeCircuits()
	n.guests.forget(p)
	n.filter.forget(p)
	for _, r := range n.allRooms() {
		r.forget(p)
		r.nudgeMesh()
	}
}

// begin counts one more goroutine that Close waits for, unless the node is closed.
// The caller must call n.work.Done.
func (n *Node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.work.Add(1)
	return true
}

func (n *Node) allRooms() []*Room {
	n.mu.Lock()
	defer n.mu.Unlock()
	rooms := make([]*Room, 0, len(n.rooms))
	for _, r := range n.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

func (n *Node) roomByTag(tag roomTag) *Room {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rooms[tag]
}

// Peer returns the peer ID in its text form.
func (n *Node) Peer() string { return n.host.ID().String() }

// maxAddrs bounds what Addrs returns.
const maxAddrs = 16

// Addrs returns the addresses at which the node believes it can be dialled, each
// ending in /p2p/<peer ID>, the best first, see rankAddr. At most 16.
func (n *Node) Addrs() []string {
	var texts []string
	for _, a := range n.rankedAddrs() {
		texts = append(texts, a.String())
	}
	return texts
}

// Hints returns three of Addrs in binary, each at most 128 bytes, for an invite link: the
// first ones that differ in more than the transport, then, for who has no UDP, the first
// others that are not of this machine alone.
func (n *Node) Hints() [][]byte {
	const most, size = 3, 128
	var hints, others [][]byte
	seen := make(map[string]bool)
	for _, a := range n.rankedAddrs() {
		ip, _ := ma.SplitFirst(a)
		b := a.Bytes()
		switch {
		case len(b) > size || ip == nil:
		case !seen[ip.String()]:
			seen[ip.String()] = true
			hints = append(hints, b)
		case manet.IsPublicAddr(a):
			others = append(others, b)
		}
	}
	hints = append(hints, others...)
	return hints[:min(len(hints), most)]
}

// Listens says whether the node listens on a port for everybody, by QUIC and by secure
// WebSocket.
func (n *Node) Listens(port int) bool {
	quic, web := false, false
	for _, a := range n.host.Network().ListenAddresses() {
		if _, at := portIn(a); int(at) == port {
			quic, web = quic || isQUIC(a), web || isSecureWebSocket(a)
		}
	}
	return quic && web
}

// HintAddr returns the text of a binary address from an invite link.
func HintAddr(hint []byte) (string, error) {
	a, err := ma.NewMultiaddrBytes(hint)
	if err != nil {
		return "", fmt.Errorf("address hint: %w", err)
	}
	if _, err := peer.AddrInfoFromP2pAddr(a); err != nil {
		return "", fmt.Errorf("address hint: %w", err)
	}
	return a.String(), nil
}

func (n *Node) rankedAddrs() []ma.Multiaddr {
	n.out.mu.Lock()
	seen, circuits := n.out.seen, n.out.circuits
	open := n.out.reach.Kind == ReachOpen
	n.out.mu.Unlock()
	addrs := slices.DeleteFunc(n.present(n.host.Addrs()), func(a ma.Multiaddr) bool {
		return hasProtocol(a, ma.P_CIRCUIT) || contains(seen, a)
	})
	addrs = slices.Concat(addrs, seen, circuits)
	rank := func(a ma.Multiaddr) int { return rankAddr(a, contains(seen, a), open) }
	slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int { return rank(a) - rank(b) })
	if len(addrs) > 0 && !manet.IsIPLoopback(addrs[0]) {
		addrs = slices.DeleteFunc(addrs, manet.IsIPLoopback) // who is on this machine has the others
	}
	addrs = addrs[:min(len(addrs), maxAddrs)]
	self := ma.StringCast("/p2p/" + n.host.ID().String())
	for i, a := range addrs {
		addrs[i] = a.Encapsulate(self)
	}
	return addrs
}

// rankAddr sorts addresses by how likely a stranger reaches them, then by how well voice
// travels over them: those of the internet, where others see us, circuits, local ones.
// open says that strangers reach us: then TCP is worth naming before circuits.
func rankAddr(a ma.Multiaddr, seen, open bool) int {
	rank := 0
	switch {
	case hasProtocol(a, ma.P_CIRCUIT):
		return 20
	case seen:
		return 10
	case manet.IsPublicAddr(a):
		if !open && !isQUIC(a) {
			rank = 40
		}
	case manet.IsIPLoopback(a):
		rank = 60
	case manet.IsIP6LinkLocal(a):
		rank = 70
	default:
		rank = 30
		if !isQUIC(a) {
			rank = 50
		}
	}
	if webTwin(a) != nil {
		rank-- // says that TCP on that port does as well
	}
	switch wayTo(a) {
	case byTCP:
		return rank + 1
	case byWeb:
		return rank + 2
	}
	return rank
}

// stream is a libp2p stream whose protocol is negotiated together with the first
// bytes, which saves a round trip.
type stream struct {
	network.Stream
	rw io.ReadWriter
}

func (s stream) Read(b []byte) (int, error)  { return s.rw.Read(b) }
func (s stream) Write(b []byte) (int, error) { return s.rw.Write(b) }

// drop resets the stream without waiting: over a TCP connection that has stalled a reset
// blocks for up to 10 s. Nobody waits for it, for it touches nothing of ours.
func (s stream) drop(why network.StreamErrorCode) { go s.ResetWithError(why) }

// open dials a peer when there is no connection and opens a stream on the newest direct
// one. It goes round host.NewStream, which waits for identify to finish first, and round
// libp2p's choice of a connection, which is the busiest, though it may be dead.
func (n *Node) open(ctx context.Context, p peer.ID, proto protocol.ID) (stream, error) {
	for _, c := range n.directConns(p) {
		if s, err := c.NewStream(ctx); err == nil {
			return negotiate(s, proto)
		}
	}
	s, err := n.host.Network().NewStream(ctx, p)
	if err != nil {
		return stream{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return negotiate(s, proto)
}

func negotiate(s network.Stream, proto protocol.ID) (stream, error) {
	if err := s.SetProtocol(proto); err != nil {
		s.Reset()
		return stream{}, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return stream{s, msmux.NewMSSelect(s, proto)}, nil
}

// backoff waits longer after each failure.
type backoff struct{ next, most time.Duration }

func newBackoff(first, most time.Duration) *backoff { return &backoff{first, most} }

// wait reports false when ctx ended first.
func (b *backoff) wait(ctx context.Context) bool {
	t := time.NewTimer(b.next)
	defer t.Stop()
	b.next = min(2*b.next, b.most)
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
