// Attachment: how a listener is served by a relay.

package node

import (
	"context"
	"time"

	"stoa/identity"
)

// AttachConfig says by whom, and with what, a listener wants to be served. The functions
// are called on the goroutine that reads the network: they must not block, and what they
// are given is valid only during the call. Calls for one attachment come one at a time,
// but for OnDrain, which may come beside the others.
type AttachConfig struct {
	Relay identity.ID // reached where [Room.Meet] said
	Proof []byte      // at most 4 KiB, for the relay's Admit
	Media bool        // voice at once; otherwise stand by

	OnBundle func(seq uint32, at time.Time)    // a bundle of packets came; seq counts those that the relay sent us
	OnPacket func(packet []byte, at time.Time) // a packet of it that has not come before
	OnDigest func(digest []byte, at time.Time) // a signed digest
	OnDrain  func()                            // the relay is about to go
}

// AttachmentInfo describes an attachment.
type AttachmentInfo struct {
	Relay   identity.ID
	Peer    string
	Addr    string
	Carrier Carrier
	RTT     time.Duration
	LossIn  float64 // share of the bundles that did not arrive, lately
	Jitter  time.Duration
	Bundles uint64
	Packets uint64
}

// An Attachment is a seat at a relay. Its methods may be called from any goroutine.
type Attachment struct {
	cfg  AttachConfig
	done chan struct{}
	err  error
}

// Attach asks a relay to serve us and waits, up to 10 s, until it has decided. ctx bounds
// only that. The error wraps [ErrUnreachable], [ErrRefused], [ErrFull] or [ErrImpostor].
func (r *Room) Attach(ctx context.Context, cfg AttachConfig) (*Attachment, error) {
	return nil, ErrUnreachable
}

// SetMedia asks for voice, or to stand by. It does not block; the relay obeys within a
// round trip. One that has no room for us ends the attachment with [ErrFull].
func (a *Attachment) SetMedia(on bool) {}

// Holds tells the relay the first bytes of the commitment to a secret that we have and
// give to whom it sends us.
func (a *Attachment) Holds(commit [8]byte) {}

// Info describes the attachment as it is now.
func (a *Attachment) Info() AttachmentInfo { return AttachmentInfo{Relay: a.cfg.Relay} }

// Done is closed when the attachment has ended: the relay cut it, went silent for 3 s,
// or Close was called. Nothing comes by it any more.
func (a *Attachment) Done() <-chan struct{} { return a.done }

// Err says why, once Done is closed: [ErrClosed] after Close, [ErrFull], [ErrRefused]
// or [ErrUnreachable].
func (a *Attachment) Err() error { return a.err }

// Close leaves the relay.
func (a *Attachment) Close() error { return nil }

// Quiet leaves the gossip of the room, for a listener among thousands, or rejoins it.
// While quiet, gossip comes by the attachments and Publish goes through them, asks to
// people who are not connected go as letters through them, and nobody is dialled for
// the sake of gossip.
func (r *Room) Quiet(on bool) {}

// AskSomebody puts one request (at most 64 KiB) to whoever a relay finds: a fellow
// listener that holds the room's secret, or a member outside the audience. The reply
// (at most 256 KiB) is signed by somebody, who may be anybody with the room's key: it
// must prove itself by what it says. The error wraps [ErrUnreachable], [ErrRefused] or
// [ErrBusy].
func (r *Room) AskSomebody(ctx context.Context, req []byte) ([]byte, error) {
	return nil, ErrUnreachable
}

// Audit has a relay send 2 s of filler at kbps kilobits a second, at most 2000, and
// returns how many a second arrived. Relays let members whom they link do so, each
// once a minute and two at a time, else it fails with [ErrBusy].
func (r *Room) Audit(ctx context.Context, relay identity.ID, kbps int) (got int, err error) {
	return 0, ErrUnreachable
}
