// A room in a few lines, signed by a member, for those who are not in it:
// what a list of public rooms and a preview show.

package room

import (
	"errors"
	"fmt"
	"time"

	"stoa/identity"
)

const (
	cardDomain = "stoa/card/1"

	// MaxCard is the size of the largest card, in bytes.
	MaxCard = identity.MaxRecord

	maxCardStage = 8    // names
	maxCardLink  = 2048 // bytes
)

// ErrStale is returned for a card that is too old to say that its room lives.
var ErrStale = errors.New("out of date")

// Card is signed under "stoa/card/1" by a member, who proves with the charter
// and a credential to be one, so that anybody can verify it without asking.
// What it says of the people in the room is that member's word.
type Card struct {
	Room       identity.RoomID     `cbor:"1,keyasint"`
	Title      string              `cbor:"2,keyasint"`            // at most MaxTitle bytes
	Topic      string              `cbor:"3,keyasint"`            // as in the charter
	Lang       string              `cbor:"4,keyasint"`            // as in the charter
	Stage      []string            `cbor:"5,keyasint"`            // names of up to 8 people who may speak and are here
	Count      uint32              `cbor:"6,keyasint"`            // people here
	Link       string              `cbor:"7,keyasint"`            // how to get in, for a listed room; else empty
	Time       uint64              `cbor:"8,keyasint"`            // Unix milliseconds
	By         identity.ID         `cbor:"9,keyasint"`            // who signed it
	Charter    *identity.Charter   `cbor:"10,keyasint"`           // of Room
	Credential identity.Credential `cbor:"11,keyasint"`           // of By; empty for an owner
	Relay      string              `cbor:"12,keyasint,omitempty"` // how a relay gets in, for a listed room that welcomes volunteers; else empty
	Starts     uint64              `cbor:"13,keyasint,omitempty"` // when the room meets, as in [Schedule]; 0 when nothing is planned or it is over
	Ends       uint64              `cbor:"14,keyasint,omitempty"`
	About      string              `cbor:"15,keyasint,omitempty"` // at most MaxAbout bytes
}

// Card makes a card of the room as it is now, with a link for those who want
// to come and one for relays that want to help: empty for a room that is not
// listed, and the second also for one that wants no volunteers.
func (r *Room) Card(link, relay string) ([]byte, error) {
	s := r.Snapshot()
	if !s.Live {
		return nil, refusal(s.State, r.me)
	}
	c := &Card{
		Room: r.id, Title: s.State.Title, Topic: r.charter.Policy.Topic, Lang: r.charter.Policy.Lang,
		Count: uint32(len(s.People)), Link: link, Time: millis(r.Now()), By: r.me,
		Charter: r.charter, Credential: s.Me.Credential, Relay: relay,
	}
	if plan := s.State.Schedule; plan.Ends > c.Time {
		c.Starts, c.Ends, c.About = plan.Starts, plan.Ends, plan.Text
	}
	for _, p := range s.People {
		if p.Stage && len(c.Stage) < maxCardStage {
			c.Stage = append(c.Stage, p.Name)
		}
	}
	raw := pack(r.cfg.Key, cardDomain, c)
	if len(raw) > MaxCard || len(link) > maxCardLink || len(relay) > maxCardLink {
		return nil, fmt.Errorf("card of %d bytes: %w", len(raw), identity.ErrMalformed)
	}
	return raw, nil
}

// ParseCard decodes a card and checks its form and its author's signature.
// Whether it is true and current is for Verify to say.
func ParseCard(raw []byte) (*Card, error) {
	c := new(Card)
	if err := unpack(raw, MaxCard, cardDomain, c, func() identity.ID { return c.By }); err != nil {
		return nil, err
	}
	if c.Charter == nil || checkText(c.Title, MaxTitle) != nil || len(c.Stage) > maxCardStage || !plain(c.Link, maxCardLink) || !plain(c.Relay, maxCardLink) {
		return nil, identity.ErrMalformed
	}
	if plan := (ScheduleArgs{c.Starts, c.Ends, c.About}); plan.check() != nil {
		return nil, identity.ErrMalformed
	}
	for _, name := range c.Stage {
		if !plain(name, MaxName) {
			return nil, identity.ErrMalformed
		}
	}
	return c, nil
}

// Verify tells whether a member of the room signed the card, and lately: the
// charter is the room's and says of it what the card says, the author is an
// owner or was let in, and the card is as young as clocks allow to say, half
// an hour at most. A link belongs to the room, and only a listed room has one. Whether the author was
// put out since, only the room knows. Errors: identity.ErrWrongRoom,
// ErrForged and those of [identity.Credential.Verify], ErrStale.
func (c *Card) Verify(now time.Time) error {
	policy := c.Charter.Policy
	switch {
	case c.Charter.ID() != c.Room:
		return identity.ErrWrongRoom
	case c.Topic != policy.Topic || c.Lang != policy.Lang:
		return identity.ErrForged
	case !credible(c.Time, now):
		return ErrStale
	}
	if !c.Charter.IsOwner(c.By) {
		if c.Credential.Holder() != c.By {
			return identity.ErrForged
		}
		at := now
		if redeemed := c.Credential.RedeemedAt(); !redeemed.IsZero() {
			at = redeemed
		}
		if err := c.Credential.Verify(c.Charter, at); err != nil {
			return err
		}
	}
	if err := c.leadsHere(c.Link, policy.Listed); err != nil {
		return err
	}
	return c.leadsHere(c.Relay, policy.Listed && policy.Volunteers)
}

// leadsHere says whether a link on the card is one of its room, which may show it.
func (c *Card) leadsHere(link string, may bool) error {
	if link == "" {
		return nil
	}
	inv, err := identity.ParseInvite(link)
	if err != nil {
		return err
	}
	if inv.Room != c.Room || !may {
		return identity.ErrWrongRoom
	}
	return nil
}
