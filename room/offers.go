// What a relay says of itself in the log, and what others measured of it.

package room

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stoa/identity"
)

// ErrTooSoon is returned for an audit of a relay that this member has audited within the last five minutes.
var ErrTooSoon = errors.New("measured a few minutes ago already")

// offer is what this member wants to be known as a relay by. A pure machine.
type offer struct {
	want *AdvertArgs // nil: nothing, or what the log says already
	at   time.Time   // not before
}

// Advertise offers this member as a relay: it may carry so many listeners and is reached there. It replaces what was offered before. An
// advert stands for five minutes at least, so a change may reach the others later than Advertise returns, and never does if Run ends first.
// Errors: those of [State.May], identity.ErrMalformed.
func (r *Room) Advertise(ctx context.Context, a AdvertArgs) error {
	a.Addrs = slices.Clone(a.Addrs)
	if err := a.check(); err != nil {
		return fmt.Errorf("%w: %w", identity.ErrMalformed, err)
	}
	return r.do(ctx, func(now time.Time) error {
		if err := r.state.May(r.me, KindAdvert, identity.ID{}); err != nil {
			return err
		}
		r.offer = offer{want: &a}
		return r.advertise(now)
	})
}

// advertise writes what Advertise was given, once it may. Loop only.
func (r *Room) advertise(now time.Time) error {
	if r.offer.want == nil || now.Before(r.offer.at) {
		return nil
	}
	if n := r.state.adverts[r.me]; n != nil && n.op.args.advert.equal(r.offer.want) {
		r.offer.want = nil
		return nil
	}
	last := r.log.lastLike(&Op{Author: r.me, Kind: KindAdvert}, allOf(r.log.Len()))
	if last != nil {
		if wait := time.UnixMilli(int64(last.op.Time + reportGap)).Sub(r.common(now)); wait > 0 {
			r.offer.at = now.Add(wait)
			return nil
		}
	}
	if err := r.write(KindAdvert, identity.ID{}, r.offer.want, now); err != nil {
		r.offer.at = now.Add(time.Minute)
		return err
	}
	r.offer.want = nil
	return nil
}

func (a *AdvertArgs) equal(b *AdvertArgs) bool {
	return a.Slots == b.Slots && a.Kbps == b.Kbps && slices.Equal(a.Addrs, b.Addrs)
}

// next is when advertise will have something to do; zero when it will not.
func (o *offer) next() time.Time {
	if o.want == nil {
		return time.Time{}
	}
	return o.at
}

// SubmitAudit tells everybody how much of what was asked for a relay sent this member, in kbit/s. Errors: ErrNotHere for who is no relay,
// ErrTooSoon, and those of [State.May].
func (r *Room) SubmitAudit(ctx context.Context, relay identity.ID, kbps uint32) error {
	return r.do(ctx, func(now time.Time) error {
		if relay == r.me || !slices.ContainsFunc(r.relays, func(m RelayMember) bool { return m.ID == relay }) {
			return ErrNotHere
		}
		last := r.log.lastLike(&Op{Author: r.me, Kind: KindAudit, Target: relay}, allOf(r.log.Len()))
		if last != nil && r.stamp(now) < last.op.Time+reportGap {
			return ErrTooSoon
		}
		return r.write(KindAudit, relay, AuditArgs{Kbps: kbps}, now)
	})
}
