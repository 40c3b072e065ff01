// Attachment: how a listener is served by a relay.
//
//	Attach -> dial, attach, answer -> begin the path
//	path -> sink -> bundles -> OnBundle, OnPacket; digests -> OnDigest
//	control stream -> take -> Next, letters, OnDrain
//	keep: reports every 500 ms; the end when the relay falls silent

package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

// attachLasts bounds one attach: the dial, and the relay's decision.
const attachLasts = 10 * time.Second

// AttachConfig says by whom, and with what, a listener wants to be served. The functions
// are called on the goroutine that reads the network, perhaps before Attach has returned,
// but not after Close has. They must not block, and what they are given is valid only
// during the call. Calls for one attachment come one at a time, but for OnDrain, which may
// come beside the others.
type AttachConfig struct {
	Relay identity.ID // reached where [Room.Meet] said
	Proof []byte      // at most 4 KiB, for the relay's Admit
	Media bool        // voice at once; otherwise stand by

	OnBundle func(seq uint32, at time.Time)    // a bundle of packets came; seq counts those that the relay sent us
	OnPacket func(packet []byte, at time.Time) // a packet of it, that of a bundle before as well where that one was lost
	OnDigest func(digest []byte, at time.Time) // a signed digest
	OnDrain  func()                            // the relay is about to go
}

// AttachmentInfo describes an attachment.
type AttachmentInfo struct {
	Relay   identity.ID
	Peer    string // the relay's peer ID
	Addr    string // its address
	Way     Way
	Carrier Carrier
	RTT     time.Duration // 0 until it was measured
	LossIn  float64       // share of the bundles that did not arrive, in our last report
	Jitter  time.Duration // of their arrival, RFC 3550
	Bundles uint64
	Packets uint64
	Quiet   time.Duration // since anything came from the relay, of which there are digests five times a second
}

// An Attachment is a seat at a relay. Its methods may be called from any goroutine.
type Attachment struct {
	room  *Room
	cfg   AttachConfig
	peer  peer.ID
	addr  string
	line  *line
	path  *path
	meter *meter

	begun  atomic.Bool // all of the above is set
	done   chan struct{}
	ending sync.Once

	giving  sync.Mutex // held during the callbacks, so that Close can wait for them
	packets atomic.Uint64

	mu    sync.Mutex
	err   error // why it ended
	media bool  // asked for
}

// Attach asks a relay to serve us and waits, up to 10 s, until it has decided. ctx bounds
// only that. The error wraps [ErrUnreachable], [ErrRefused], [ErrFull], [ErrBusy] or
// [ErrImpostor], and [ErrMoved] as well when the machine moved meanwhile.
func (r *Room) Attach(ctx context.Context, cfg AttachConfig) (*Attachment, error) {
	if len(cfg.Proof) > maxProof {
		return nil, fmt.Errorf("attach: proof of %d bytes: %w", len(cfg.Proof), ErrTooLarge)
	}
	ctx, cancel := context.WithTimeout(ctx, attachLasts)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	ctx, leave := r.node.whileHere(ctx)
	defer leave()
	var won atomic.Bool // by the first peer that serves us; another must not serve us as well
	a, err := tryPeers(ctx, r, cfg.Relay, func(ctx context.Context, p peer.ID) (*Attachment, error) {
		a, out, err := r.attachTo(ctx, cfg, p)
		if err == nil && !won.CompareAndSwap(false, true) {
			a.stop()
			err = ErrClosed
		}
		if err != nil {
			return nil, err
		}
		return a, a.start(out)
	})
	if err != nil && context.Cause(ctx) == ErrMoved {
		err = fmt.Errorf("%w: %w", ErrMoved, err)
	}
	if err != nil {
		return nil, fmt.Errorf("attach to %s: %w", cfg.Relay.Short(), err)
	}
	return a, nil
}

// attachTo asks one peer of a relay. out is the token for what we send it.
func (r *Room) attachTo(ctx context.Context, cfg AttachConfig, p peer.ID) (a *Attachment, out token, err error) {
	a = &Attachment{room: r, cfg: cfg, peer: p, media: cfg.Media, done: make(chan struct{}), meter: newMeter(r.node, time.Now())}
	k := knock{relay: cfg.Relay, say: attach{Session: r.session, Media: cfg.Media, Proof: cfg.Proof}}
	k.path = pathConfig{sink: a.sink, down: a.fail}
	s, path, got, err := k.at(ctx, r, p)
	if err != nil {
		return nil, out, err
	}
	a.addr = s.Conn().RemoteMultiaddr().String()
	a.line = newLine(s, r.begin, r.work.Done)
	a.path = path
	return a, got.Token, nil
}

// A knock is one attempt to be let in by a relay.
type knock struct {
	relay identity.ID
	say   attach
	path  pathConfig
}

// at dials a peer, says what we want and reads the decision. The path receives from now
// on, and sends when it is begun.
func (k knock) at(ctx context.Context, r *Room, p peer.ID) (s stream, media *path, got attached, err error) {
	if s, err = r.node.openDirect(ctx, p, protoRelay); err != nil {
		return s, nil, got, err
	}
	defer context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })()
	k.path.conn, k.path.dialled = s.Conn(), true
	if media, err = r.node.openPath(k.path); err != nil {
		s.Reset()
		return s, nil, got, err
	}
	if k.say.Audit > 0 { // before anybody knows where to send
		media.packets.rate, media.bytes.rate = auditMost, auditMost<<10
	}
	k.say.Token = media.in
	if got, err = k.exchange(r, s, p); err == nil {
		err = s.SetDeadline(time.Time{})
	}
	if err != nil {
		media.close()
		s.Reset()
	}
	return s, media, got, err
}

// exchange says what we want and reads the decision.
func (k knock) exchange(r *Room, s stream, p peer.ID) (attached, error) {
	ch := channel{r.id, r.node.host.ID(), p}
	s.SetDeadline(time.Now().Add(attachLasts))
	if err := writeFrame(s, sealAttach(r.door, r.key, ch, k.say)); err != nil {
		return attached{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	frame, err := readFrame(s, maxAttached)
	if err != nil {
		return attached{}, cutShort(err)
	}
	got, err := openAttached(r.door, ch.back(), k.say.Token, frame)
	if err != nil {
		return attached{}, fmt.Errorf("%w: %w", ErrImpostor, err)
	}
	r.prove(got.From, p)
	switch {
	case got.From != k.relay:
		return attached{}, ErrImpostor
	case got.Status == attachFull:
		return attached{}, ErrFull
	case got.Status == attachRefused:
		return attached{}, ErrRefused
	case got.Status == attachBusy:
		return attached{}, ErrBusy
	}
	return got, nil
}

// start makes the attachment one of the room's.
func (a *Attachment) start(out token) error {
	r := a.room
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.seats = append(r.seats, a)
		close(r.seating)
		r.seating = make(chan struct{})
		r.work.Add(2)
	}
	r.mu.Unlock()
	if closed {
		a.stop()
		return ErrClosed
	}
	a.path.begin(out)
	a.begun.Store(true)
	go func() {
		defer r.work.Done()
		a.end(a.why(a.line.read(a.take)))
	}()
	go func() {
		defer r.work.Done()
		a.keep()
	}()
	return nil
}

// fail ends the attachment for want of a carrier. While it is not whole, silence will.
func (a *Attachment) fail(err error) {
	if a.begun.Load() {
		a.end(fmt.Errorf("%w: %w", ErrUnreachable, err))
	}
}

// keep reports how the media arrives, and ends the attachment when nothing does.
func (a *Attachment) keep() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	a.report()
	for {
		select {
		case <-a.done:
			return
		case <-tick.C:
		}
		if quiet := a.path.quietFor(); quiet > leaseSilence {
			a.end(fmt.Errorf("%w: relay silent for %v", ErrUnreachable, quiet.Round(time.Millisecond)))
			return
		}
		a.report()
	}
}

func (a *Attachment) report() {
	a.path.send(a.meter.appendReport(nil, false, time.Now()))
}

// sink takes what comes over the path.
func (a *Attachment) sink(b []byte, at time.Time) {
	a.giving.Lock()
	defer a.giving.Unlock()
	select {
	case <-a.done:
		return
	default:
	}
	switch b[0] {
	case kindBundle:
		a.bundle(b, at)
	case kindDigest:
		if digest := b[mediaHead:]; len(digest) > 0 && a.cfg.OnDigest != nil {
			a.cfg.OnDigest(digest, at)
		}
	}
}

// take handles one frame of the relay's. Its error ends the attachment.
func (a *Attachment) take(f control) error {
	switch f.kind {
	case controlGossip:
		a.room.takeFed(f.channel, f.body)
	case controlLetter:
		if a.room.node.asks.take(a.peer, time.Now()) {
			a.room.reply(a.line, f)
		} else {
			a.line.send(control{kind: controlAnswer, id: f.id, fate: letterBusy}.append(nil))
		}
	case controlDrain:
		if a.cfg.OnDrain != nil {
			a.cfg.OnDrain()
		}
	case controlFull:
		return ErrFull
	}
	return nil
}

// why translates the end of the control stream.
func (a *Attachment) why(err error) error {
	if errors.Is(err, ErrFull) {
		return err
	}
	return cutShort(err)
}

// end ends the attachment, once, and says why.
func (a *Attachment) end(why error) {
	a.ending.Do(func() {
		a.mu.Lock()
		a.err = why
		a.mu.Unlock()
		close(a.done)
		a.room.mu.Lock()
		a.room.seats = slices.DeleteFunc(a.room.seats, func(b *Attachment) bool { return a == b })
		a.room.mu.Unlock()
		a.stop()
	})
}

// stop gives back what attachTo took.
func (a *Attachment) stop() {
	a.path.close()
	a.line.cut(network.StreamNoError)
}

// SetMedia asks for voice, or to stand by. It does not block; the relay obeys within a
// round trip. One that has no slot to spare ends the attachment with [ErrFull].
func (a *Attachment) SetMedia(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock() // so that two calls are sent in their order
	if a.media != on {
		a.media = on
		a.line.send(control{kind: controlMedia, on: on}.append(nil))
	}
}

// Holds tells the relay the first bytes of the commitment to a secret that we have and
// give to whom it sends us.
func (a *Attachment) Holds(commit [8]byte) {
	a.line.send(control{kind: controlHolds, commit: commit}.append(nil))
}

// Info describes the attachment as it is now.
func (a *Attachment) Info() AttachmentInfo {
	on := a.path.info()
	info := AttachmentInfo{Relay: a.cfg.Relay, Peer: a.peer.String(), Addr: a.addr, Way: wayOf(a.path.conn, false), Carrier: on.carrier, RTT: on.rtt}
	a.meter.mu.Lock()
	info.LossIn, info.Jitter, info.Bundles = a.meter.lossIn, a.meter.in.jitter, a.meter.received
	a.meter.mu.Unlock()
	info.Packets, info.Quiet = a.packets.Load(), a.path.quietFor()
	return info
}

// Done is closed when the attachment has ended: the relay cut it or went silent for 3 s,
// or Close was called.
func (a *Attachment) Done() <-chan struct{} { return a.done }

// Err says why, once Done is closed. It wraps [ErrClosed] after Close, or when we attached
// anew; [ErrRefused] when the relay will not carry us any more; [ErrFull];
// [ErrUnreachable] when the relay is gone or does not hear us; and [ErrMoved] when the
// connection was lost because the machine moved or slept.
func (a *Attachment) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// Close leaves the relay and waits for a callback that is running; it must not be called
// from one.
func (a *Attachment) Close() error {
	a.end(ErrClosed)
	a.giving.Lock()
	defer a.giving.Unlock()
	return nil
}

// attachments lists the relays that serve us, those that send us voice first.
func (r *Room) attachments() []*Attachment {
	r.mu.Lock()
	seats := slices.Clone(r.seats)
	r.mu.Unlock()
	slices.SortStableFunc(seats, func(a, b *Attachment) int { return int(flag(b.wantsMedia())) - int(flag(a.wantsMedia())) })
	return seats
}

func (a *Attachment) wantsMedia() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.media
}

func (r *Room) closeAttachments() {
	for _, a := range r.attachments() {
		a.Close()
	}
}
