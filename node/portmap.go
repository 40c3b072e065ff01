// Ports that a router gives us.

package node

import ma "github.com/multiformats/go-multiaddr"

// ports is what a router was asked for.
type ports struct{}

// mapped lists the addresses that lead to us by a router, and how it was asked.
func (p *ports) mapped() (addrs []ma.Multiaddr, how string) { return nil, "" }
