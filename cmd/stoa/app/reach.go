// How this node is connected to the world, in one sentence for the person.

package app

import (
	"context"

	"stoa/node"
)

// reachSentence says what a Reach means to a person; nothing where nobody knows yet.
func reachSentence(r node.Reach) string {
	switch r.Kind {
	case node.ReachOpen:
		if r.Mapped != "" {
			return "others can reach this machine directly, by a port that your router lends"
		}
		return "others can reach this machine directly"
	case node.ReachPunch:
		return "you are behind a router that most others can get through"
	case node.ReachRelayed:
		if !r.UDP {
			return "without UDP nobody gets through to you: some will hear you by a relay"
		}
		return "you are behind a router that others cannot get through: some will hear you by a relay"
	case node.ReachLocal:
		return "there is no way out of this network"
	}
	return ""
}

// Reach is a node's Reach as --json prints it.
type Reach struct {
	Kind     node.ReachKind `json:"kind"`             // unknown, open, punch, relayed or local
	NAT      node.NAT       `json:"nat,omitempty"`    // none, endpoint-independent or address-dependent
	Public   []string       `json:"public,omitempty"` // where strangers reach this node
	Seen     []string       `json:"seen,omitempty"`   // where others see it
	Mapped   string         `json:"mapped,omitempty"` // how a router lent a port: "pcp", or "upnp or nat-pmp"
	UDP      bool           `json:"udp"`
	IPv6     bool           `json:"ipv6"`
	Circuits int            `json:"circuits"` // relays through which this node can be asked
}

// watchReach tells the person when the sentence has changed and scripts when anything has,
// and has every room tell the others where this node is reached now.
func (s *Session) watchReach() {
	said := ""
	s.node.OnReach(func(r node.Reach) {
		e := Event{Kind: EventReach, Reach: (*Reach)(&r)}
		if text := reachSentence(r); text != said {
			e.Text, said = text, text
		}
		s.emit(e)
		for _, h := range s.rooms() {
			h.moved.set()
		}
	})
}

// sayWhere tells the others of the room where this node is reached whenever that has changed,
// and that it is here after it has moved or slept, until ctx ends.
func (h *hall) sayWhere(ctx context.Context) {
	for {
		tell := h.room.Moved
		select {
		case <-h.moved:
		case <-h.back:
			tell = h.room.Return
		case <-ctx.Done():
			return
		}
		if err := tell(ctx); err != nil {
			return
		}
	}
}
