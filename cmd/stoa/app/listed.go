// Showing a listed room to whoever looks for public rooms.

package app

import (
	"context"
	"sync"
	"time"

	"stoa/identity"
	"stoa/room"
)

// publicFor is how long a link in a public list can be used at least.
const publicFor = time.Hour

// cards are the signed cards of the listed rooms this node is in, for
// strangers who ask.
func (s *Session) cards() [][]byte {
	var cards [][]byte
	for _, h := range s.rooms() {
		if !h.listed() {
			continue
		}
		link := h.publicLink(context.Background())
		if link == "" {
			continue
		}
		card, err := h.room.Card(link)
		if err != nil {
			h.log.Info("no card of the room", "err", err)
			continue
		}
		cards = append(cards, card)
	}
	return cards
}

func (h *hall) listed() bool { return h.room.Snapshot().Charter.Policy.Listed }

// publicLink is a listener's link for strangers: one made for the purpose by a
// member who may, or the one that this member came by. It is empty when there
// is none. The same link is handed out until its end is near.
func (h *hall) publicLink(ctx context.Context) string {
	h.linking.Lock()
	defer h.linking.Unlock()
	now := time.Now()
	state := h.room.Snapshot().State
	if lives(h.link, state, now.Add(publicFor)) {
		return h.link
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	link, _, err := h.invite(ctx, InviteOptions{Role: identity.RoleListener.String()})
	if err != nil {
		if lives(h.link, state, now) {
			return h.link
		}
		return ""
	}
	h.link = link
	return link
}

// offer remembers a link as one that strangers may have, in case the room is
// listed.
func (h *hall) offer(link string) {
	h.linking.Lock()
	defer h.linking.Unlock()
	h.link = link
}

// lives says whether anybody may still join by a link at a time: it is for
// any listener, does not expire before, and the room has not closed it, as it
// does with the link by which somebody came who was kicked.
func lives(link string, s *room.State, at time.Time) bool {
	inv, err := identity.ParseInvite(link)
	if err != nil {
		return false
	}
	leaf := inv.Chain.Leaf()
	return leaf.For.IsZero() && leaf.Role == identity.RoleListener && leaf.Uses == 0 &&
		(leaf.Expires == 0 || at.UnixMilli() < int64(leaf.Expires)) && s.Refuses(inv.Chain) == nil
}

// listing tells the DHT, until ctx ends, that this node knows a public room:
// under its topic and language, and where either is left open.
func (h *hall) listing(ctx context.Context, announce func(ctx context.Context, topic, lang string) error) {
	p := h.room.Snapshot().Charter.Policy
	keys := map[[2]string]bool{{p.Topic, p.Lang}: true, {p.Topic, ""}: true, {"", p.Lang}: true, {"", ""}: true}
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			if err := announce(ctx, k[0], k[1]); err != nil && ctx.Err() == nil {
				h.log.Warn("listing the room", "err", err)
			}
		})
	}
	wg.Wait()
}
