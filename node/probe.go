// Probe: what a person is told who asks whether the network works.

package node

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
)

// Known returns how many servers of the DHT this node knows; ok is false on a network
// that has none.
func (n *Node) Known() (servers int, ok bool) {
	switch f := n.find.(type) {
	case publicDHT:
		return f.WAN.RoutingTable().Size(), true
	case privateDHT:
		return f.RoutingTable().Size(), true
	}
	return 0, false
}

// Outward says whether this node's network has to do with the internet, so that [Node.Reach]
// means something.
func (n *Node) Outward() bool { return n.out.there }

// Reaches connects to the peer at an address, unless it is connected already, and says by
// which way. The error wraps [ErrUnreachable], or says what is wrong with the address.
func (n *Node) Reaches(ctx context.Context, addr string) (Way, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	p, err := n.meetAt(addr)
	if err != nil {
		return "", err
	}
	if _, err := n.host.Network().DialPeer(network.WithForceDirectDial(ctx, "doctor"), p); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	for _, c := range n.host.Network().ConnsToPeer(p) {
		if !c.Stat().Limited {
			return wayOf(c, false), nil
		}
	}
	return "", ErrUnreachable
}
