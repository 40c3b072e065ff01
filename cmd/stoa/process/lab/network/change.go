//go:build linux

// What happens to a network while programs run on it.

package network

import (
	"context"
	"fmt"

	"stoa/cmd/stoa/process/lab/scenario"
)

// Cut takes the uplink of a site away: the link stays up, as it does when the fault is
// further on, and packets vanish.
func (n *Network) Cut(ctx context.Context, site int) error {
	return n.sh(ctx, internet, fmt.Sprintf("nft add element inet lab dark '{ %s }'", uplink(site)))
}

// Restore gives a site its uplink back.
func (n *Network) Restore(ctx context.Context, site int) error {
	return n.sh(ctx, internet, fmt.Sprintf("nft delete element inet lab dark '{ %s }'", uplink(site)))
}

// Part forbids two machines to exchange packets, wherever they are now.
func (n *Network) Part(ctx context.Context, pair [2]int) error { return n.pair(ctx, "add", pair) }

// Join lets two machines that were parted, and have not moved since, exchange
// packets again.
func (n *Network) Join(ctx context.Context, pair [2]int) error { return n.pair(ctx, "delete", pair) }

func (n *Network) pair(ctx context.Context, do string, pair [2]int) error {
	a, b := pair[0], pair[1]
	script := ""
	both := func(set, x, y string) {
		script += fmt.Sprintf("nft %s element inet lab %s '{ %s . %s, %s . %s }'\n", do, set, x, y, y, x)
	}
	one, other := n.sc.Sites[n.at[a]], n.sc.Sites[n.at[b]]
	if has4(one) && has4(other) {
		both("apart4", n.public4(a), n.public4(b))
	}
	if has6(one) && has6(other) {
		both("apart6", n.public6(a), n.public6(b))
	}
	return n.sh(ctx, internet, script)
}

// Rebind makes the NATs of a site forget all they know; what they map from then on
// has other ports.
func (n *Network) Rebind(ctx context.Context, site int) error {
	s := n.sc.Sites[site]
	n.rebound[site]++
	names := []string{router(s)}
	if s.NAT == scenario.DoubleNAT {
		names = append(names, carrier(s))
	}
	for _, name := range names {
		if err := n.sh(ctx, name, nft(natRules(s.NAT, n.rebound[site]))); err != nil {
			return err
		}
	}
	return nil
}

// Move takes a machine out of its site and puts it into another, where it has another
// interface and address: the old ones are gone before the new ones come.
func (n *Network) Move(ctx context.Context, node, site int) error {
	name := machine(n.sc.Nodes[node])
	if err := n.sh(ctx, name, "ip link del "+n.iface(node)); err != nil {
		return err
	}
	n.links[node]++
	n.at[node] = site
	home := router(n.sc.Sites[site])
	line := fmt.Sprintf("link add %s netns %s type veth peer name %s netns %s", n.iface(node), n.space(name), port(node), n.space(home))
	if err := run(ctx, line, "ip", "-batch", "-"); err != nil {
		return err
	}
	if err := n.sh(ctx, home, n.portScript(node)); err != nil {
		return err
	}
	return n.sh(ctx, name, n.machineScript(node))
}
