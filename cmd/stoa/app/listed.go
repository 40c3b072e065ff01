// Showing a listed room to whoever looks for public rooms.

package app

import (
	"context"
	"sync"
	"time"

	"stoa/identity"
	"stoa/room"
)

const (
	// publicFor is how long a link in a public list can be used at least.
	publicFor = time.Hour

	// renewEvery is the pause between two looks at that link, and linkTime
	// bounds the making of another one.
	renewEvery = 10 * time.Second
	linkTime   = 5 * time.Second
)

// cards are the signed cards of the listed rooms this node is in, for
// strangers who ask. It makes nothing and waits for nothing: what a room shows
// of itself was made by its listing.
func (s *Session) cards() [][]byte {
	var cards [][]byte
	for _, h := range s.rooms() {
		if !h.listed() {
			continue
		}
		link, relay := h.shown()
		if link == "" && relay == "" {
			continue
		}
		card, err := h.room.Card(link, relay)
		if err != nil {
			h.log.Info("no card of the room", "err", err)
			continue
		}
		cards = append(cards, card)
	}
	return cards
}

func (h *hall) listed() bool { return h.room.Snapshot().Charter.Policy.Listed }

// shown are the links in the room's card, for listeners and for relays; empty
// where there is none that works.
func (h *hall) shown() (link, relay string) {
	h.linking.Lock()
	defer h.linking.Unlock()
	state, now := h.room.Snapshot().State, h.room.Now()
	if lives(h.link, identity.RoleListener, state, now) {
		link = h.link
	}
	if lives(h.relayLink, identity.RoleRelay, state, now) {
		relay = h.relayLink
	}
	return link, relay
}

// renewLinks sees to it that there are links for strangers: one for listeners,
// made for the purpose by a member who may or the one that this member came
// by, and one for relays where volunteers are welcome. The same links are shown
// until their end is near.
func (h *hall) renewLinks(ctx context.Context) {
	h.renew(ctx, &h.link, identity.RoleListener)
	if h.room.Snapshot().Charter.Policy.Volunteers {
		h.renew(ctx, &h.relayLink, identity.RoleRelay)
	}
}

func (h *hall) renew(ctx context.Context, shown *string, role identity.Role) {
	h.linking.Lock()
	link := *shown
	h.linking.Unlock()
	if lives(link, role, h.room.Snapshot().State, h.room.Now().Add(publicFor)) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	link, _, err := h.invite(ctx, InviteOptions{Role: role.String()})
	if err != nil {
		return // this member may not invite: another one's card has a link
	}
	h.linking.Lock()
	*shown = link
	h.linking.Unlock()
}

// offer remembers a link as one that strangers may have, in case the room is
// listed.
func (h *hall) offer(link string) {
	h.linking.Lock()
	defer h.linking.Unlock()
	h.link = link
}

// lives says whether anybody may still join by a link at a time: it is for
// anybody of that role, does not expire before, and the room has not closed it, as it
// does with the link by which somebody came who was kicked.
func lives(link string, role identity.Role, s *room.State, at time.Time) bool {
	inv, err := identity.ParseInvite(link)
	if err != nil {
		return false
	}
	leaf := inv.Chain.Leaf()
	return leaf.For.IsZero() && leaf.Role == role && leaf.Uses == 0 &&
		(leaf.Expires == 0 || at.UnixMilli() < int64(leaf.Expires)) && s.Refuses(inv.Chain) == nil
}

// listing shows a public room to strangers until ctx ends: it tells the DHT
// that this node knows it, under its topic and language and where either is
// left open, and keeps links for those who want to come.
func (h *hall) listing(ctx context.Context, announce func(ctx context.Context, topic, lang string) error) {
	p := h.room.Snapshot().Charter.Policy
	keys := map[[2]string]bool{{p.Topic, p.Lang}: true, {p.Topic, ""}: true, {"", p.Lang}: true, {"", ""}: true}
	if p.Volunteers {
		keys[[2]string{volunteersTopic, ""}] = true
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for k := range keys {
		wg.Go(func() {
			if err := announce(ctx, k[0], k[1]); err != nil && ctx.Err() == nil {
				h.log.Warn("listing the room", "err", err)
			}
		})
	}
	again := time.NewTicker(renewEvery)
	defer again.Stop()
	for {
		h.renewLinks(ctx)
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}
