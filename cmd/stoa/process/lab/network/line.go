//go:build linux

// Bad lines: uplinks that a hop stands in.

package network

import (
	"context"
	"fmt"
	"path/filepath"

	"stoa/cmd/stoa/process/lab/hop"
	"stoa/cmd/stoa/process/lab/scenario"
)

// bad says whether the uplink of a site is bad from the beginning or may become it.
func (n *Network) bad(site int) bool {
	if s := n.sc.Sites[site]; s.Up != "" || s.Down != "" {
		return true
	}
	for _, st := range n.sc.Steps {
		if st.Do == scenario.Line && st.Site == site {
			return true
		}
	}
	return false
}

// pump makes the uplinks that are bad, and lets them work until ctx ends.
func (n *Network) pump(ctx context.Context) error {
	for i, s := range n.sc.Sites {
		if s.Offline || !n.bad(i) {
			continue
		}
		up, down, err := lines(s.Up, s.Down)
		if err != nil {
			return err
		}
		outer := router(s)
		if s.NAT == scenario.DoubleNAT {
			outer = carrier(s)
		}
		p, err := hop.Open(hop.Config{
			A:     hop.End{Namespace: filepath.Join(netnsDir, n.space(outer)), Device: wan},
			B:     hop.End{Namespace: filepath.Join(netnsDir, n.space(internet)), Device: uplink(i)},
			There: up, Back: down,
			Seed: n.seed + uint64(i),
		})
		if err != nil {
			return err
		}
		n.lines[i] = p
		n.pumping.Go(func() { _ = p.Run(ctx) }) // a line whose devices are gone carries nothing, which shows
	}
	return nil
}

func lines(up, down string) (there, back hop.Line, err error) {
	if there, err = hop.Parse(up); err == nil {
		back, err = hop.Parse(down)
	}
	return there, back, err
}

// Line changes what the uplink of a site does to the packets that come from now on.
func (n *Network) Line(site int, up, down string) error {
	there, back, err := lines(up, down)
	if err != nil {
		return err
	}
	p := n.lines[site]
	if p == nil {
		return fmt.Errorf("%s has no line that can be changed", n.sc.Sites[site].Name)
	}
	return p.Set(there, back)
}
