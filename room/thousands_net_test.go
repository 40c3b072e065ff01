// The network of the simulation: where people are, and what their packets meet on the way.

package room

import (
	"fmt"
	"math"
)

// networks is how many there are: as many /16 as people of a large room may come from.
const networks = 60

// place is where a machine is and how it is connected.
type place struct {
	net    int     // which network
	x, y   float64 // on a map on which 1 is 80 ms
	loss   float64 // of its last mile, either way
	jitter float64 // of its last mile, mean, ms
}

// addr is an address of the network, for relay.NetworkOf.
func (p place) addr() string {
	return fmt.Sprintf("/ip4/%d.%d.0.1/udp/4001/quic-v1", 20+p.net/200, p.net%200)
}

// settle puts a machine somewhere. Hosts are well connected, people mostly.
func (w *world) settle(host bool) place {
	net := w.rnd.IntN(networks)
	at := w.cities[net]
	p := place{net: net, x: at[0] + w.rnd.Float64()*0.05, y: at[1] + w.rnd.Float64()*0.05, loss: 0.0005, jitter: 0.3}
	if host {
		return p
	}
	p.jitter = 1 + 3*w.rnd.Float64()
	switch luck := w.rnd.Float64(); {
	case luck < 0.03:
		p.loss, p.jitter = 0.05, 12
	case luck < 0.13:
		p.loss, p.jitter = 0.01, 6
	}
	return p
}

// path is one direction between two machines.
type path struct {
	delay  int64 // ms
	jitter float32
	loss   uint32 // probability times 2^32
}

// between is the path from a to b.
func between(a, b place) path {
	far := math.Hypot(a.x-b.x, a.y-b.y)
	loss := 1 - (1-a.loss)*(1-b.loss)
	return path{delay: 3 + int64(80*far), jitter: float32(a.jitter + b.jitter), loss: uint32(loss * math.MaxUint32)}
}

// packet is how long a packet is on its way; not ok when it is lost.
func (p *path) packet(rnd *chance) (ms int64, ok bool) {
	u := rnd.Uint64()
	if uint32(u) < p.loss {
		return 0, false
	}
	return p.delay + int64(p.jitter*rnd.spread[u>>54]), true
}

// stream is how long a message on a stream is on its way: what is lost is sent again when the other side's silence shows it.
func (p *path) stream(rnd *chance) (ms int64) {
	for {
		d, ok := p.packet(rnd)
		if ok {
			return ms + d
		}
		ms += 2*p.delay + 4*int64(p.jitter) + 10
	}
}
