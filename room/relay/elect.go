// Election: weighted rendezvous hashing, and the reluctant choice of two relays from its order.

package relay

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"stoa/identity"
)

const (
	listenerDomain = "stoa/hrw/1"
	trunkDomain    = "stoa/trunk/1"

	// MaxTrunk is how many relays the speakers feed themselves. With more, the others are fed by these.
	MaxTrunk = 8
)

// Candidate is a relay as the log shows it.
type Candidate struct {
	ID     identity.ID
	Slots  uint16        // how many listeners it is believed to carry: its weight; with 0 it is not elected
	Beacon identity.Hash // of the log, fixed after the relay joined; zero while there is none
	Net    string        // what fails or lies together, see NetworkOf; "" differs from every other
}

// Pair is the two relays of a listener. A zero ID is a place that is free.
type Pair struct {
	Primary identity.ID // sends the media
	Shadow  identity.ID // sends only digests, until the primary fails
}

// Elect orders the relays for one listener, best first: by weighted rendezvous hashing, so that a relay is first for a share of all listeners
// that is its share of all slots, and everybody who knows the same candidates computes the same order, whatever theirs was. Those without a
// beacon come last and those without slots are left out. cs is not changed.
func Elect(listener identity.ID, cs []Candidate) []Candidate {
	return ordered(cs, func(c *Candidate) lot {
		return draw(c.Slots, listenerDomain, c.Beacon[:], listener[:], c.ID[:])
	})
}

// Trunk names the relays that every speaker feeds when there are more than [MaxTrunk]: eight, by slots and beacon alone, as far as possible
// in eight networks. The other relays attach to two of these just as listeners do, and nobody attaches to any of those. It is nil when all
// are fed directly. The order of the result is that of the draw, the same for everybody.
func Trunk(cs []Candidate) []identity.ID {
	order := ordered(cs, func(c *Candidate) lot { return draw(c.Slots, trunkDomain, c.Beacon[:], c.ID[:]) })
	if len(order) <= MaxTrunk {
		return nil
	}
	var first, rest []identity.ID
	nets := make(map[string]bool)
	for _, c := range order {
		if c.Beacon.IsZero() || c.Net != "" && nets[c.Net] {
			rest = append(rest, c.ID)
			continue
		}
		nets[c.Net] = true
		first = append(first, c.ID)
	}
	return append(first, rest...)[:MaxTrunk]
}

// Choose picks the two relays of a listener from its order, as [Elect] gave it. It is reluctant: who is in now stays there as long as they are
// in the order and not barred. A primary that has to go is followed by the shadow, which is warm. A shadow in the primary's own network makes
// way as soon as there is one in another. barred may be nil; nobody who is barred is chosen, even if a place remains free.
func Choose(order []Candidate, now Pair, barred func(identity.ID) bool) Pair {
	open := make([]*Candidate, 0, len(order))
	for i := range order {
		if barred == nil || !barred(order[i].ID) {
			open = append(open, &order[i])
		}
	}
	primary := firstOf(find(open, now.Primary), find(open, now.Shadow), best(open, func(*Candidate) bool { return true }))
	if primary == nil {
		return Pair{}
	}
	other := func(c *Candidate) bool { return c.ID != primary.ID }
	apart := func(c *Candidate) bool { return other(c) && (c.Net == "" || c.Net != primary.Net) }
	kept := find(open, now.Shadow)
	if kept != nil && !apart(kept) {
		kept = nil
	}
	near := find(open, now.Shadow)
	if near != nil && !other(near) {
		near = nil
	}
	pair := Pair{Primary: primary.ID}
	if shadow := firstOf(kept, best(open, apart), near, best(open, other)); shadow != nil {
		pair.Shadow = shadow.ID
	}
	return pair
}

func find(cs []*Candidate, id identity.ID) *Candidate {
	if id.IsZero() {
		return nil
	}
	return best(cs, func(c *Candidate) bool { return c.ID == id })
}

func best(cs []*Candidate, fits func(*Candidate) bool) *Candidate {
	if i := slices.IndexFunc(cs, fits); i >= 0 {
		return cs[i]
	}
	return nil
}

func firstOf(cs ...*Candidate) *Candidate {
	return best(cs, func(c *Candidate) bool { return c != nil })
}

// lot is what a relay drew: its score is weight / distance, where distance is -log2 of a number that is uniform in (0, 1). Since the natural
// logarithm differs from it by a factor only, the order is that of -weight / ln(u).
type lot struct {
	weight   uint16
	distance uint64
}

// before tells whether l has the higher score, in whole numbers.
func (l lot) before(o lot) int {
	lHi, lLo := bits.Mul64(uint64(l.weight), o.distance)
	oHi, oLo := bits.Mul64(uint64(o.weight), l.distance)
	return cmp.Or(cmp.Compare(oHi, lHi), cmp.Compare(oLo, lLo), cmp.Compare(o.weight, l.weight))
}

// draw hashes the parts, each of which has a fixed length, to a lot.
func draw(weight uint16, domain string, parts ...[]byte) lot {
	h := sha256.New()
	h.Write([]byte(domain))
	for _, p := range parts {
		h.Write(p)
	}
	var sum [sha256.Size]byte
	return lot{weight, distance(binary.BigEndian.Uint64(h.Sum(sum[:0])))}
}

// fraction is how many bits of a logarithm lie behind its point: as many as leave room for 64 before it.
const fraction = 57

// distance is 64 - log2(x), that is -log2(x / 2^64), with 57 bits after the point; x = 0 counts as 1. It is computed by squaring, one bit of
// the logarithm a step, and in integers: math.Log may differ in the last bit from machine to machine, as Go permits a compiler to fuse a
// multiplication with an addition, and then two members could disagree about who carries whom.
func distance(x uint64) uint64 {
	x = max(x, 1)
	whole := bits.Len64(x) - 1
	m := x << (63 - whole) // in [1, 2), with 63 bits after the point
	log := uint64(whole)
	for range fraction {
		hi, lo := bits.Mul64(m, m) // in [1, 4), with 126 bits after the point
		log <<= 1
		if hi>>63 == 1 {
			log |= 1
			m = hi
		} else {
			m = hi<<1 | lo>>63
		}
	}
	return 64<<fraction - log
}

// ordered returns the candidates that have slots by their lots, those without a beacon last.
func ordered(cs []Candidate, lotOf func(*Candidate) lot) []Candidate {
	type drawn struct {
		lot
		c *Candidate
	}
	list := make([]drawn, 0, len(cs))
	for i := range cs {
		if cs[i].Slots > 0 {
			list = append(list, drawn{lotOf(&cs[i]), &cs[i]})
		}
	}
	slices.SortFunc(list, func(a, b drawn) int {
		return cmp.Or(compareBool(a.c.Beacon.IsZero(), b.c.Beacon.IsZero()), a.before(b.lot), bytes.Compare(a.c.ID[:], b.c.ID[:]))
	})
	order := make([]Candidate, len(list))
	for i, d := range list {
		order[i] = *d.c
	}
	return order
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
