// Election: one answer everywhere, by weight, and few who move.

package relay

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"stoa/identity"
)

// person makes an ID from a number.
func person(n int) (id identity.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(n)+1)
	return id
}

// candidates makes relays of some weights, each in a network of its own.
func candidates(slots ...uint16) []Candidate {
	cs := make([]Candidate, len(slots))
	for i, s := range slots {
		cs[i] = Candidate{ID: person(1000 + i), Slots: s, Beacon: identity.Hash{1}, Net: string(rune('a' + i))}
	}
	return cs
}

func TestElectVector(t *testing.T) {
	// Another program has to compute this order.
	cs := candidates(16, 64, 1, 16, 256)
	cs[3].Beacon = identity.Hash{}
	var got []int
	for _, c := range Elect(person(7), cs) {
		got = append(got, int(binary.BigEndian.Uint64(c.ID[:]))-1001)
	}
	if want := []int{4, 1, 0, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestElectInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	cs := candidates(1, 16, 64, 64, 200, 65535, 5, 0, 9, 16)
	cs[4].Beacon = identity.Hash{}
	for n := range 200 {
		want := Elect(person(n), cs)
		shuffled := slices.Clone(cs)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		before := slices.Clone(shuffled)
		if got := Elect(person(n), shuffled); !slices.Equal(got, want) {
			t.Fatalf("listener %d: %v, want %v", n, got, want)
		}
		if !slices.Equal(shuffled, before) {
			t.Fatal("the candidates were moved")
		}
		if len(want) != 9 || want[8].ID != cs[4].ID {
			t.Fatalf("listener %d: the relay without slots or without a beacon is in the wrong place: %v", n, want)
		}
	}
}

// TestElectByWeight: the share of listeners that have a relay first is its share of all slots, by a chi-square test over fixed listeners.
func TestElectByWeight(t *testing.T) {
	const listeners = 20000
	cs := candidates(16, 16, 32, 64, 64, 128, 1)
	total := 0.0
	won := make(map[identity.ID]float64)
	for _, c := range cs {
		total += float64(c.Slots)
	}
	for n := range listeners {
		won[Elect(person(n), cs)[0].ID]++
	}
	chi := 0.0
	for _, c := range cs {
		want := listeners * float64(c.Slots) / total
		chi += (won[c.ID] - want) * (won[c.ID] - want) / want
	}
	if chi > 22.46 { // 6 degrees of freedom, p = 0.001
		t.Errorf("chi-square is %.1f: %v", chi, won)
	}
}

func TestElectMovesFew(t *testing.T) {
	const listeners = 5000
	cs := candidates(64, 64, 64, 64, 64, 64, 64, 64)
	moved := 0
	for n := range listeners {
		all, less := Elect(person(n), cs), Elect(person(n), cs[1:])
		if all[0].ID != cs[0].ID && all[0].ID != less[0].ID {
			t.Fatalf("listener %d moves though its relay stays", n)
		}
		// Seen from less to all, a relay joins.
		if all[0].ID != less[0].ID {
			moved++
		}
	}
	if share := float64(moved) / listeners; math.Abs(share-1.0/8) > 0.02 {
		t.Errorf("a relay that joins takes %.3f of the listeners", share)
	}
	// Nobody who is served moves for it.
	for n := range listeners {
		now := Choose(Elect(person(n), cs[1:]), Pair{}, nil)
		if then := Choose(Elect(person(n), cs), now, nil); then != now {
			t.Fatalf("listener %d moves from %v to %v", n, now, then)
		}
	}
}

// TestElectCannotBeAimed: the beacon is fixed after the relay joined, so a relay with a key ground for one beacon is under another just as
// likely as any to be a given listener's.
func TestElectCannotBeAimed(t *testing.T) {
	victim, cs := person(1), candidates(64, 64, 64, 64)
	ground := 0
	for Elect(victim, cs)[0].ID != cs[0].ID {
		ground++
		cs[0].ID = person(100000 + ground)
	}
	hit := 0
	const beacons = 2000
	for n := range beacons {
		for i := range cs {
			cs[i].Beacon = identity.HashOf([]byte{byte(n), byte(n >> 8)})
		}
		if Elect(victim, cs)[0].ID == cs[0].ID {
			hit++
		}
	}
	if share := float64(hit) / beacons; math.Abs(share-0.25) > 0.04 {
		t.Errorf("it is the victim's under %.3f of the beacons", share)
	}
}

func TestDistance(t *testing.T) {
	for _, x := range []uint64{0, 1, 2, 3, 1 << 32, 1<<63 - 1, 1 << 63, 1<<63 + 1, math.MaxUint64 - 1, math.MaxUint64} {
		got, _ := new(big.Float).SetMantExp(new(big.Float).SetUint64(distance(x)), -fraction).Float64()
		if want := 64 - math.Log2(float64(max(x, 1))); math.Abs(got-want) > 1e-9 {
			t.Errorf("distance(%d) is %v, want %v", x, got, want)
		}
	}
	// Never larger for a larger number.
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		a, b := rng.Uint64(), rng.Uint64()
		if a > b {
			a, b = b, a
		}
		if distance(a) < distance(b) {
			t.Fatalf("distance(%d) < distance(%d)", a, b)
		}
	}
}

func TestChoose(t *testing.T) {
	c := func(id int, net string) Candidate { return Candidate{ID: person(id), Slots: 1, Net: net} }
	a, b, d, e := person(1), person(2), person(3), person(4)
	order := []Candidate{c(1, "x"), c(2, "x"), c(3, "y"), c(4, "")}
	tests := []struct {
		name   string
		order  []Candidate
		now    Pair
		barred []identity.ID
		want   Pair
	}{
		{"the best, and the best elsewhere", order, Pair{}, nil, Pair{a, d}},
		{"both stay", order, Pair{d, b}, nil, Pair{d, b}},
		{"the shadow leaves the primary's network", order, Pair{a, b}, nil, Pair{a, d}},
		{"unless there is no other", order[:2], Pair{}, nil, Pair{a, b}},
		{"and then it stays", order[:2], Pair{b, a}, nil, Pair{b, a}},
		{"no name is no network", []Candidate{c(4, ""), c(5, "")}, Pair{}, nil, Pair{e, person(5)}},
		{"the shadow follows a primary that is barred", order, Pair{a, d}, []identity.ID{a}, Pair{d, b}},
		{"and one that is gone", order, Pair{person(9), d}, nil, Pair{d, a}},
		{"a barred shadow is replaced", order, Pair{a, d}, []identity.ID{d}, Pair{a, e}},
		{"all but one are barred", order, Pair{}, []identity.ID{a, b, d}, Pair{e, identity.ID{}}},
		{"all are barred", order, Pair{a, b}, []identity.ID{a, b, d, e}, Pair{}},
		{"there are none", nil, Pair{a, b}, nil, Pair{}},
		{"one relay is not both", order[:1], Pair{a, a}, nil, Pair{a, identity.ID{}}},
	}
	for _, tt := range tests {
		barred := func(id identity.ID) bool { return slices.Contains(tt.barred, id) }
		if got := Choose(tt.order, tt.now, barred); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestChooseApart: over random candidates, two relays are in one network only when there is no other.
func TestChooseApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 5000 {
		var cs []Candidate
		for i := range 1 + rng.IntN(6) {
			cs = append(cs, Candidate{ID: person(i), Slots: 1, Net: string(rune('a' + rng.IntN(3)))})
		}
		pair := Choose(cs, Pair{person(rng.IntN(8)), person(rng.IntN(8))}, nil)
		net := make(map[identity.ID]string)
		nets := make(map[string]bool)
		for _, c := range cs {
			net[c.ID], nets[c.Net] = c.Net, true
		}
		switch {
		case pair.Primary.IsZero(), len(cs) > 1 && pair.Shadow.IsZero(), pair.Primary == pair.Shadow:
			t.Fatalf("%v of %v", pair, cs)
		case len(nets) > 1 && net[pair.Primary] == net[pair.Shadow]:
			t.Fatalf("%v of %v: one network", pair, cs)
		}
	}
}

func TestTrunk(t *testing.T) {
	few := candidates(1, 2, 3, 4, 5, 6, 7, 8, 0)
	if got := Trunk(few); got != nil {
		t.Errorf("eight relays: %v", got)
	}
	var many []Candidate
	for i := range 40 {
		many = append(many, Candidate{ID: person(i), Slots: 64, Beacon: identity.Hash{byte(i / 10)}, Net: string(rune('a' + i%10))})
	}
	first := Trunk(many)
	if len(first) != MaxTrunk {
		t.Fatalf("%d relays", len(first))
	}
	nets := make(map[string]bool)
	for _, id := range first {
		i := slices.IndexFunc(many, func(c Candidate) bool { return c.ID == id })
		if many[i].Beacon.IsZero() {
			t.Error("a relay without a beacon is fed by all")
		}
		nets[many[i].Net] = true
	}
	if len(nets) != MaxTrunk {
		t.Errorf("eight relays in %d networks", len(nets))
	}
	slices.Reverse(many)
	if again := Trunk(many); !slices.Equal(again, first) {
		t.Errorf("%v, and in another order %v", first, again)
	}
	// When one leaves, the others stay.
	left := slices.DeleteFunc(slices.Clone(many), func(c Candidate) bool { return c.ID == first[3] })
	for _, id := range slices.Delete(slices.Clone(first), 3, 4) {
		if !slices.Contains(Trunk(left), id) {
			t.Errorf("%v goes because another went", id)
		}
	}
	// Where there are fewer networks than places, the places are filled all the same.
	for i := range many {
		many[i].Net = "one"
	}
	if got := Trunk(many); len(got) != MaxTrunk {
		t.Errorf("in one network: %d", len(got))
	}
}

func TestNetworkOf(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/203.0.113.7/udp/4001/quic-v1": "203.0.0.0/16",
		"/ip4/203.0.200.7/tcp/4001":         "203.0.0.0/16",
		"/ip6/2001:db8:1:2::3/udp/1":        "2001:db8::/32",
		"/ip4/127.0.0.1/udp/4001/quic-v1":   "/ip4/127.0.0.1/udp/4001/quic-v1",
		"/ip4/10.1.2.3/udp/4001":            "/ip4/10.1.2.3/udp/4001",
		"/ip4/192.168.1.1/udp/4001":         "/ip4/192.168.1.1/udp/4001",
		"/ip6/fe80::1/udp/4001":             "/ip6/fe80::1/udp/4001",
		"/ip6/fd00::1/udp/4001":             "/ip6/fd00::1/udp/4001",
		"/ip6/::ffff:203.0.113.7/udp/1":     "/ip6/::ffff:203.0.113.7/udp/1",
		"/ip6zone/eth0/ip6/2001:db8::1":     "2001:db8::/32",
		"/dns4/relay.example/udp/4001":      "/dns4/relay.example/udp/4001",
		"/ip4/999.0.0.1/udp/1":              "/ip4/999.0.0.1/udp/1",
		"":                                  "",
	} {
		if got := NetworkOf(addr); got != want {
			t.Errorf("%s is in %q, want %q", addr, got, want)
		}
	}
}

func BenchmarkElect(b *testing.B) {
	slots := make([]uint16, 200)
	for i := range slots {
		slots[i] = 64
	}
	cs := candidates(slots...)
	for i := 0; b.Loop(); i++ {
		Elect(person(i), cs)
	}
}
