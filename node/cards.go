// Cards of public rooms: asked without a door, so anybody may.

package node

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

const (
	cardPatience = 5 * time.Second
	cardAsks     = 16 // providers asked at once
)

// HandleCards sets what the node hands to anybody who asks which public rooms it
// knows: signed cards, of which the first 16 of at most 8 KiB each are given.
func (n *Node) HandleCards(cards func() [][]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cards = cards
}

// handleCards writes the cards: the stream itself is the question.
func (n *Node) handleCards(s network.Stream) {
	if !n.begin() {
		s.Reset()
		return
	}
	defer n.work.Done()
	n.mu.Lock()
	cards := n.cards
	n.mu.Unlock()
	if cards == nil || !n.cardAsks.take(s.Conn().RemotePeer(), time.Now()) {
		s.ResetWithError(network.StreamRateLimited)
		return
	}
	var give [][]byte
	for _, c := range cards() {
		if len(c) <= maxCard && len(give) < maxCards {
			give = append(give, c)
		}
	}
	s.SetDeadline(time.Now().Add(cardPatience))
	if err := writeFrame(s, identity.Marshal(give)); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

// Announce tells the DHT, until ctx ends, that this node has cards of public rooms of
// the topic and language. It returns why it ended.
func (n *Node) Announce(ctx context.Context, topic, lang string) error {
	return n.announce(ctx, publicAt(topic, lang))
}

func publicAt(topic, lang string) func(uint64) cid.Cid {
	return func(period uint64) cid.Cid { return publicKey(topic, lang, period) }
}

// Cards yields the raw cards that announcers of the topic and language hand out,
// until ctx ends or the caller breaks. They come from strangers, may repeat, and
// may belong to another topic: the caller verifies each.
func (n *Node) Cards(ctx context.Context, topic, lang string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		ctx, cancel := n.bound(ctx)
		cards := make(chan []byte)
		var work sync.WaitGroup
		defer work.Wait()
		defer cancel()
		work.Go(func() { n.askCards(ctx, publicAt(topic, lang), cards) })
		for {
			select {
			case <-ctx.Done():
				return
			case c := <-cards:
				if !yield(c) {
					return
				}
			}
		}
	}
}

// askCards asks every provider found, several at once.
func (n *Node) askCards(ctx context.Context, key func(uint64) cid.Cid, cards chan<- []byte) {
	slots := make(chan struct{}, cardAsks)
	var work sync.WaitGroup
	defer work.Wait()
	for p := range n.seek(ctx, key) {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			for _, c := range n.cardsOf(ctx, p) {
				select {
				case cards <- c:
				case <-ctx.Done():
				}
			}
		})
	}
}

func (n *Node) cardsOf(ctx context.Context, p peer.ID) [][]byte {
	ctx, cancel := context.WithTimeout(ctx, cardPatience)
	defer cancel()
	s, err := n.open(network.WithAllowLimitedConn(ctx, "cards"), p, protoCard)
	if err != nil {
		n.log.Debug("cards", "peer", p, "err", err)
		return nil
	}
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	defer s.Reset()
	b, err := readFrame(s, maxCards*(maxCard+8))
	if err != nil {
		n.log.Debug("cards", "peer", p, "err", err)
		return nil
	}
	return parseCards(b)
}

// parseCards returns nothing when anything is too many or too large.
func parseCards(b []byte) [][]byte {
	var cards [][]byte
	if err := identity.UnmarshalLimit(b, &cards, maxCards*(maxCard+8)); err != nil || len(cards) > maxCards {
		return nil
	}
	for _, c := range cards {
		if len(c) > maxCard {
			return nil
		}
	}
	return cards
}
