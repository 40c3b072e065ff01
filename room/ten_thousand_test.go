//go:build sim

// The room of ten thousand takes minutes, so it has a tag and a make target of
// its own: make sim.

package room

import (
	"flag"
	"testing"
	"time"
)

var thousandsFor = flag.Duration("thousands", 10*time.Minute, "how long the room of TestTenThousand lives, in virtual time")

// TestTenThousand is a room as large as stoa is made for.
func TestTenThousand(t *testing.T) {
	simulate(t, thousands{
		seed: *thousandsSeed, members: 10000, speakers: 8, hosts: 60, slots: 500, peers: 100, liars: 0.2, rate: 200, churn: 0.1,
		life: 20 * time.Minute, disaster: *thousandsFor * 2 / 3, kicks: 30 * time.Second, acts: 5 * time.Second, length: *thousandsFor,
	}, 0.999, 0.005)
}
