// path: how media messages get from one end of a direct connection to the other.
//
//	send -> RAW, at once                       (raw.go)
//	     \-> rings of 3 -> sender goroutine -> QUIC datagram | stream
//	socket reader (raw.go) | datagram reader (wire.go) | stream reader
//	     -> receive: token, limits, probes -> sink
//
// For whoever builds on it. Make a path with [Node.openPath] on a connection and tell the
// far side its in token (8 random bytes: who knows them may send here), over a stream of
// that connection. When the far side's token came back, call begin(token). From then on
// send(b) takes any media message (see below), chooses the carrier and never blocks, and
// the sink gets what arrives. info says which carrier it is and the round trip. close when
// done; down is called at most once, when a carrier has failed for good.
//
// A media message is at most maxMedia bytes: kind u8 0x04-0x0F | token 8 | body. send
// writes the token itself; leave room for it. A path without datagrams opens a stream
// /stoa/bundle/1 of its own from the dialling end (and is found by the token in the first
// message on it), unless it is given one with useStream; on it each message is length u16 |
// bytes.
//
// Nothing is sent to who was not heard for 3 s by any carrier (consent, RFC 7675): so both
// ends must have something to say now and then. A report every 500 ms is meant.

package node

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/quic-go/quic-go"
)

// The kinds of media messages: their first byte on every carrier. After the kind comes
// the token that the receiver chose.
const (
	kindPacket = 0x04 // a voice packet, see datagram.go
	kindPair   = 0x05 // a voice packet and the one before it
	kindReport = 0x06 // how packets or bundles arrive
	kindProbe  = 0x07 // nonce 8: is answered over the carrier that it came by; nonce 0 is not answered
	kindAnswer = 0x08 // nonce 8 of the probe, and where the far end is seen
	kindBundle = 0x09 // voice packets of several people, see bundle.go
	kindDigest = 0x0A // what a relay has live, for shadows
	kindFiller = 0x0B // bytes that measure an uplink

	mediaHead = 1 + len(token{}) // kind and token
	maxMedia  = packetHead + MaxPacket
	probeSize = mediaHead + 8

	answerSize = probeSize + 2 + 16
)

// A token is what the receiver of media messages wants on them. It says whose they are,
// and keeps out who has not been told it.
type token [8]byte

// pathConfig says what a path is for.
type pathConfig struct {
	conn    network.Conn
	dialled bool                         // this end began: it opens the stream if one is needed
	sink    func(b []byte, at time.Time) // gets what arrives, kind and token first; must not block; b is valid during the call
	down    func(err error)              // a carrier failed for good; called at most once, from any goroutine; may be nil
}

// A path carries media messages both ways over one direct connection. Its methods may be
// called from any goroutine.
type path struct {
	pathConfig
	node  *Node
	quic  *quic.Conn // nil: no QUIC under the connection, so no RAW
	wire  *wire      // nil: no datagrams
	in    token      // on what we receive
	born  time.Time
	done  chan struct{}
	wake  chan struct{} // one slot: for the sender
	ended sync.Once
	fell  sync.Once

	packets, bytes bucket // of what arrives

	aim func(*target) bool // points it at where RAW goes now, if it may go anywhere

	out      token         // on what we send; set before begun
	begun    atomic.Bool   // out is known
	raw      atomic.Bool   // RAW is up
	queueing atomic.Bool   // the sender is giving QUIC a datagram
	heard    atomic.Int64  // when something last came, by any carrier; durations since born
	heardRaw atomic.Int64  // by RAW
	sentRaw  atomic.Int64  // when something other than probes last went by RAW
	dropped  atomic.Uint64 // messages that gave way to newer ones or found no carrier

	mu      sync.Mutex
	ladder  ladder
	target  target
	stream  *stream     // of the Stream carrier, when it is there
	voice   messageRing // and everything else that is large
	control messageRing // probes, answers, reports: without them the path dies
	sending bool        // the sender runs
	probes  [4]probe
	nextAt  int // in probes
	rtt     time.Duration
	strayed time.Duration // until when no stray packet is asked about
	checked time.Duration // until when a far end that wants us to show ourselves is not heard
	renew   time.Duration // when the round trip is measured next
}

// probe is one that was sent and may be answered.
type probe struct {
	nonce [8]byte
	at    time.Duration
}

// pathInfo describes a path.
type pathInfo struct {
	carrier Carrier
	rtt     time.Duration // 0 until it was measured
	dropped uint64        // messages that gave way to newer ones here
}

// pathTable finds paths by the token on what they receive.
type pathTable struct {
	mu   sync.RWMutex
	m    map[token]*path
	wake chan struct{} // one slot: there is a path now
}

func (t *pathTable) find(b []byte) *path {
	if len(b) < mediaHead {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.m[token(b[1:mediaHead])]
}

func (t *pathTable) all() []*path {
	t.mu.RLock()
	defer t.mu.RUnlock()
	ps := make([]*path, 0, len(t.m))
	for _, p := range t.m {
		ps = append(ps, p)
	}
	return ps
}

// openPath makes a path over a connection. It receives at once and sends after begin. The
// error is [ErrUnreachable] for a circuit, which carries no media, or [ErrClosed].
func (n *Node) openPath(cfg pathConfig) (*path, error) {
	if cfg.conn.Stat().Limited {
		return nil, fmt.Errorf("%w: only through a circuit", ErrUnreachable)
	}
	p := &path{
		pathConfig: cfg,
		node:       n,
		quic:       quicUnder(cfg.conn),
		born:       time.Now(),
		done:       make(chan struct{}),
		wake:       make(chan struct{}, 1),
		packets:    bucket{rate: linkPackets},
		bytes:      bucket{rate: linkBytes},
	}
	p.aim = p.aimQUIC
	rand.Read(p.in[:])
	if err := n.attach(p); err != nil {
		return nil, err
	}
	n.paths.mu.Lock()
	n.paths.m[p.in] = p
	n.paths.mu.Unlock()
	poke(n.paths.wake)
	return p, nil
}

// begin tells the path the far side's token. It probes for RAW from now on. It must be
// called once.
func (p *path) begin(out token) {
	p.mu.Lock()
	p.out = out
	p.ladder.begin(p.now())
	p.heard.Store(int64(p.now()))
	needs := p.wire == nil && p.stream == nil && p.dialled
	p.mu.Unlock()
	p.begun.Store(true)
	if needs && p.node.begin() {
		go func() {
			defer p.node.work.Done()
			p.dialStream()
		}()
	}
	p.step(time.Now())
}

// now is the path's clock.
func (p *path) now() time.Duration { return time.Since(p.born) }

// close ends the path. It does not wait: the sender may be stuck in a datagram queue
// until the connection ends. If it still is in 2 s, the connection is ended, or a far end
// that acknowledges nothing would leave us one sender for each path that it asks for.
func (p *path) close() {
	p.ended.Do(func() {
		close(p.done)
		p.node.paths.mu.Lock()
		delete(p.node.paths.m, p.in)
		p.node.paths.mu.Unlock()
		p.node.detach(p)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.stream != nil {
			p.stream.drop(network.StreamNoError)
		}
		if p.wire != nil && p.sending {
			time.AfterFunc(writePatience, func() {
				if p.queueing.Load() {
					p.conn.Close()
				}
			})
		}
	})
}

// fail tells down, once, unless the path was closed.
func (p *path) fail(err error) {
	p.fell.Do(func() {
		select {
		case <-p.done:
		default:
			if p.down != nil {
				p.down(err)
			}
		}
	})
}

func (p *path) info() pathInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pathInfo{p.carrier(), p.rtt, p.dropped.Load()}
}

// carrier is what the next message travels in.
func (p *path) carrier() Carrier {
	switch {
	case p.raw.Load():
		return Raw
	case p.wire != nil:
		return Datagram
	default:
		return Stream
	}
}

// silent says whether the far side was not heard for so long that it gets nothing more.
func (p *path) silent() bool {
	return p.now()-time.Duration(p.heard.Load()) > linkSilence
}

// send gives a message to the present carrier, after writing the far side's token into
// it. It never blocks for long and keeps nothing of b. It reports whether the message was
// taken; false is for a path that has not begun, is closed, or whose far side is silent.
func (p *path) send(b []byte) bool {
	if !p.ready() {
		return false
	}
	copy(b[1:], p.out[:])
	if p.raw.Load() && p.sendRaw(b, true) {
		return true
	}
	p.enqueue(b, nil)
	return true
}

func (p *path) ready() bool {
	return p.begun.Load() && !p.silent() && !p.closed()
}

func (p *path) closed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// sendRaw sends one message as a UDP packet. load is false for probes.
func (p *path) sendRaw(b []byte, load bool) bool {
	p.mu.Lock()
	ok := p.aim(&p.target)
	t := p.target
	p.mu.Unlock()
	if !ok {
		return false
	}
	if load {
		p.loaded(p.now())
	}
	if t.socket.write(b, &t) != nil {
		p.dropped.Add(1) // no route at the moment, or too long for the path: the probes will tell
	}
	return true
}

// aimQUIC points t at where the far end is now, if RAW may go there: to the address that
// QUIC has validated, and only while the connection lives.
func (p *path) aimQUIC(t *target) bool {
	return p.quic != nil && p.quic.Context().Err() == nil && p.node.sockets.aim(t, p.quic)
}

// loaded notes that something was sent by RAW, to which silence is no answer.
func (p *path) loaded(now time.Duration) { p.sentRaw.Store(int64(now)) }

// messageRing holds the newest few messages. Not safe for concurrent use.
type messageRing struct {
	slots [queuePackets][]byte // each keeps its memory
	since [queuePackets]time.Duration
	first int
	count int
}

// push copies a message in, given in two parts, and says whether the oldest had to give
// way.
func (r *messageRing) push(head, body []byte, now time.Duration) (dropped bool) {
	if r.count == queuePackets {
		r.first = (r.first + 1) % queuePackets
		r.count--
		dropped = true
	}
	at := (r.first + r.count) % queuePackets
	r.slots[at] = append(append(r.slots[at][:0], head...), body...)
	r.since[at] = now
	r.count++
	return dropped
}

// pop appends the oldest message to b and says since when it waited, or returns nil.
func (r *messageRing) pop(b []byte) (message []byte, since time.Duration) {
	if r.count == 0 {
		return nil, 0
	}
	at := r.first
	r.first = (r.first + 1) % queuePackets
	r.count--
	return append(b, r.slots[at]...), r.since[at]
}

// isVoice says whether a message is worth nothing when it is late.
func isVoice(kind byte) bool { return kind == kindPacket || kind == kindPair || kind == kindBundle }

// isControl says whether a message keeps the path alive.
func isControl(kind byte) bool { return kind == kindReport || kind == kindProbe || kind == kindAnswer }

// enqueue leaves a message, given in two parts, to the sender goroutine.
func (p *path) enqueue(head, body []byte) {
	p.mu.Lock()
	ring := &p.voice
	if isControl(head[0]) {
		ring = &p.control
	}
	if ring.push(head, body, p.now()) {
		p.dropped.Add(1)
	}
	start := !p.sending && !p.closed() && p.node.begin()
	p.sending = p.sending || start
	p.mu.Unlock()
	if start {
		go p.sendLoop()
	}
	p.nudge()
}

func (p *path) nudge() { poke(p.wake) }

// sendLoop empties the rings. It ends with the path, and when RAW has taken over.
func (p *path) sendLoop() {
	defer p.node.work.Done()
	buf := make([]byte, 2, 2+maxMedia) // two bytes for the length that a stream needs
	for {
		b, on := p.next(buf)
		switch {
		case !on:
			return
		case b == nil:
			select {
			case <-p.done:
				return
			case <-p.wake:
			}
		default:
			if err := p.carry(b); err != nil {
				p.fail(err)
				return // sending stays true: nobody tries again
			}
		}
	}
}

// next pops a message behind the two bytes of buf. Without a stream yet there is none. on
// is false when the sender is not needed any more.
func (p *path) next(buf []byte) (b []byte, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wire != nil || p.stream != nil {
		b = p.pop(buf[:2])
	}
	if b == nil && p.raw.Load() {
		p.sending, p.voice, p.control = false, messageRing{}, messageRing{}
		return nil, false
	}
	return b, true
}

// pop takes what is next: control first, then voice that is not too late. The caller
// holds mu.
func (p *path) pop(buf []byte) []byte {
	if b, _ := p.control.pop(buf); b != nil {
		return b
	}
	for {
		b, since := p.voice.pop(buf)
		if b == nil || !isVoice(b[len(buf)]) || p.now()-since <= queueLasts {
			return b
		}
		p.dropped.Add(1)
	}
}

// carry sends a message by datagram or stream. It blocks.
func (p *path) carry(b []byte) error {
	if p.wire != nil {
		p.queueing.Store(true)
		err := p.quic.SendDatagram(b[2:])
		p.queueing.Store(false)
		if tooLarge := new(quic.DatagramTooLargeError); errors.As(err, &tooLarge) {
			p.dropped.Add(1) // the path shrank
			return nil
		}
		return err
	}
	p.mu.Lock()
	s := p.stream
	p.mu.Unlock()
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	s.SetWriteDeadline(time.Now().Add(writePatience))
	_, err := s.Write(b)
	return err
}

// useStream gives the path the stream for its Stream carrier. The caller reads it with
// readStream, or resets it when the path is closed or has one.
func (p *path) useStream(s stream) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed() || p.stream != nil {
		return false
	}
	p.stream = &s
	p.nudge()
	return true
}

// readStream takes messages off a stream until it ends.
func (p *path) readStream(s io.Reader) error {
	r := bufio.NewReader(s)
	var buf [maxMedia]byte
	for {
		b, err := readMedia(r, buf[:])
		if err != nil {
			return err
		}
		if token(b[1:mediaHead]) == p.in {
			p.receive(b, Stream, time.Now())
		}
	}
}

// readMedia reads one message into buf.
func readMedia(r io.Reader, buf []byte) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n < mediaHead || n > len(buf) {
		return nil, errWire
	}
	_, err := io.ReadFull(r, buf[:n])
	return buf[:n], err
}

// dialStream opens the stream that a path without datagrams needs, and reads it.
func (p *path) dialStream() {
	ctx, cancel := context.WithTimeout(p.node.ctx, helloPatience)
	s, err := p.conn.NewStream(ctx)
	cancel()
	if err != nil {
		p.fail(fmt.Errorf("%w: %w", ErrUnreachable, err))
		return
	}
	named, err := negotiate(s, protoBundle)
	if err != nil {
		p.fail(err)
		return
	}
	if !p.useStream(named) {
		s.Reset()
		return
	}
	p.ask(p.now(), Stream) // the first message says whose stream it is
	p.fail(p.readStream(named))
}

// handleBundle takes the stream of a path that the far end dialled.
func (n *Node) handleBundle(raw network.Stream) {
	if !n.begin() {
		raw.Reset()
		return
	}
	defer n.work.Done()
	s := stream{raw, raw}
	raw.SetReadDeadline(time.Now().Add(helloPatience))
	var buf [maxMedia]byte
	b, err := readMedia(s, buf[:])
	p := n.paths.find(b)
	if err != nil || p == nil || p.conn != raw.Conn() || p.wire != nil || !p.useStream(s) {
		raw.Reset()
		return
	}
	raw.SetReadDeadline(time.Time{})
	p.receive(b, Stream, time.Now())
	p.fail(p.readStream(s))
	raw.Reset()
}

// takeRaw takes a media packet off a socket. Junk (as hole punching sends) is of nobody.
func (n *Node) takeRaw(b []byte, from net.Addr, at time.Time) {
	p := n.paths.find(b)
	if p == nil || p.quic == nil {
		return
	}
	p.receive(b, Raw, at)
	if far := p.quic.RemoteAddr(); from != far && !sameUDP(from, far) {
		p.stray(from, at)
	}
}

// stray asks a far end that sends from an address that QUIC does not know, since a NAT has
// moved it, to show itself to QUIC, or to dial anew where QUIC does not follow. It also opens
// our NAT for that. The probe is no longer than what came (RFC 9000 section 8.1), and there
// are ten a second at most.
func (p *path) stray(from net.Addr, at time.Time) {
	now := at.Sub(p.born)
	p.mu.Lock()
	due := now >= p.strayed && p.begun.Load()
	if due {
		p.strayed = now + stepEvery
	}
	p.mu.Unlock()
	var t target
	if !due || !p.node.sockets.point(&t, p.quic.LocalAddr(), from) {
		return
	}
	b := [probeSize]byte{kindProbe} // nonce 0: it is not answered
	copy(b[1:], p.out[:])
	t.socket.write(b[:], &t)
}

// sameUDP says whether two addresses are the same.
func sameUDP(a, b net.Addr) bool {
	x, ok := a.(*net.UDPAddr)
	y, also := b.(*net.UDPAddr)
	return ok && also && x.Port == y.Port && x.IP.Equal(y.IP)
}

// receive takes one message off a carrier.
func (p *path) receive(b []byte, by Carrier, at time.Time) {
	if !p.packets.take(1, at) || !p.bytes.take(float64(len(b)), at) {
		return
	}
	now := at.Sub(p.born)
	p.heard.Store(int64(now))
	if isVoice(b[0]) && p.node.slept(at) {
		return // it lay in the system's buffers meanwhile
	}
	if by == Raw {
		p.heardRaw.Store(int64(now))
	}
	switch b[0] {
	case kindProbe:
		p.answer(b, by, now)
	case kindAnswer:
		p.answered(b, by, now)
	default:
		p.sink(b, at)
	}
}

// answer sends the nonce of a probe back over the carrier that it came by. A probe by RAW
// without one comes from who finds us at a strange address, see stray.
func (p *path) answer(b []byte, by Carrier, now time.Duration) {
	switch {
	case len(b) != probeSize || !p.begun.Load():
		return
	case [8]byte(b[mediaHead:]) == ([8]byte{}):
		if by == Raw && p.mayCheck(now) {
			p.node.check(p.conn)
		}
		return
	}
	var buf [answerSize]byte
	copy(buf[:], b)
	buf[0] = kindAnswer
	copy(buf[1:], p.out[:])
	said := buf[:probeSize]
	if p.quic != nil {
		if at, ok := addrPort(p.quic.RemoteAddr(), nil); ok {
			said = appendSight(said, at)
		}
	}
	p.sendBy(said, by)
}

// sendBy sends a probe or an answer over a carrier of choice.
func (p *path) sendBy(b []byte, by Carrier) {
	if by == Raw {
		p.sendRaw(b, false)
		return
	}
	p.enqueue(b, nil)
}

// answered takes the answer to a probe of ours: the round trip, and news that RAW works.
func (p *path) answered(b []byte, by Carrier, now time.Duration) {
	if len(b) < probeSize {
		return
	}
	if at := parseSight(b[probeSize:]); p.rated(b, by, now) && at.IsValid() {
		p.node.seenAt(p.conn, at)
	}
}

// rated notes the round trip of a probe of ours, unless there was none.
func (p *path) rated(b []byte, by Carrier, now time.Duration) bool {
	nonce := [8]byte(b[mediaHead:])
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.probes[:], func(s probe) bool { return s.nonce == nonce })
	if i < 0 || nonce == ([8]byte{}) {
		return false
	}
	p.rtt = now - p.probes[i].at
	p.probes[i] = probe{}
	if by == Raw {
		p.ladder.answered(now)
		p.setRaw()
	}
	return true
}

// setRaw publishes what the ladder says. The caller holds mu.
func (p *path) setRaw() {
	if p.raw.Swap(p.ladder.up) != p.ladder.up {
		p.nudge() // the sender may go
	}
}

// ask sends a probe over a carrier.
func (p *path) ask(now time.Duration, by Carrier) {
	b := [probeSize]byte{kindProbe}
	copy(b[1:], p.out[:])
	p.mu.Lock()
	binary.BigEndian.PutUint64(b[mediaHead:], mrand.Uint64()|1)
	p.probes[p.nextAt] = probe{[8]byte(b[mediaHead:]), now}
	p.nextAt = (p.nextAt + 1) % len(p.probes)
	p.mu.Unlock()
	p.sendBy(b[:], by)
}

// mayCheck says whether the last check that a probe led to was long enough ago.
func (p *path) mayCheck(now time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now < p.checked {
		return false
	}
	p.checked = now + checkMost
	return true
}

// touch sends a probe by datagram that wants no answer. It shows QUIC our present address
// where RAW does not, so that the far side learns when our NAT has given us another.
func (p *path) touch() {
	if p.wire == nil {
		return
	}
	b := [probeSize]byte{kindProbe}
	copy(b[1:], p.out[:])
	p.enqueue(b[:], nil)
}

// step does what is due. It is called every 100 ms.
func (p *path) step(at time.Time) {
	if !p.ready() {
		return
	}
	now := at.Sub(p.born)
	p.mu.Lock()
	var do ladderStep
	if p.quic != nil {
		before := p.target.addr
		if p.aim(&p.target) {
			if before != nil && before != p.target.addr {
				p.ladder.moved(now)
			}
			do = p.ladder.step(now, time.Duration(p.heardRaw.Load()), time.Duration(p.sentRaw.Load()), p.rtt)
		} else {
			p.ladder.up = false
		}
		p.setRaw()
	}
	renew := now >= p.renew
	if renew {
		p.renew = now + renewEvery
	}
	by := p.carrier()
	p.mu.Unlock()
	if do.probe {
		p.ask(now, Raw)
	}
	if renew && (by != Stream || p.hasStream()) {
		p.ask(now, by)
	}
	if do.touch || renew && by == Raw && p.dialled {
		p.touch()
	}
}

func (p *path) hasStream() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stream != nil
}

// keepPaths steps every path until the node is closed. It sleeps while there is none.
func (n *Node) keepPaths() {
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.paths.wake:
		}
		n.stepPaths()
	}
}

// stepPaths steps the paths until there is none left.
func (n *Node) stepPaths() {
	tick := time.NewTicker(stepEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case now := <-tick.C:
			paths := n.paths.all()
			if len(paths) == 0 {
				return
			}
			for _, p := range paths {
				p.step(now)
			}
		}
	}
}

// quicUnder returns the QUIC connection under a direct libp2p connection, or nil.
// WebTransport answers As too, but what it carries is HTTP/3's.
func quicUnder(c network.Conn) *quic.Conn {
	var q *quic.Conn
	if c.ConnState().Transport != "quic-v1" || c.Stat().Limited || !c.As(&q) {
		return nil
	}
	return q
}
