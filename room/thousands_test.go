// A room of thousands, simulated: one seed, one loop, no goroutines, virtual time. It runs the real machines (the log and its states, seats,
// epochs and the search for their secrets, sealing and opening, and of package relay the election, the choice, the trunk, the watch, the meter,
// the attendance, the reputation) for every single person, on a modelled network. Modelled, and not run, are the network itself, libp2p's gossip
// among the core, the streams and bundles between a relay and its listeners, and everybody's log: there is one, of which each has seen so much.
//
//	go test ./room -run TestThousands -v
//	go test ./room -tags sim -run TestTenThousand -timeout 60m -thousands 10m -v
//
// A run that fails prints its seed, and -seed repeats it event for event.

package room

import (
	"flag"
	"testing"
	"time"
)

var (
	thousandsSeed = flag.Uint64("seed", 1, "of the simulated rooms of thousands")
)

// TestThousands is the beginning of a room, which is the worst of it: everybody meets the liars for the first time, and a fifth of the relays
// dies at once.
func TestThousands(t *testing.T) {
	t.Parallel()
	cfg := thousands{
		seed: *thousandsSeed, members: 1000, speakers: 8, hosts: 30, slots: 100, peers: 20, liars: 0.2, rate: 200, churn: 0.1,
		life: 10 * time.Minute, disaster: 40 * time.Second, kicks: 15 * time.Second, acts: 4 * time.Second, length: time.Minute,
	}
	if testing.Short() {
		cfg.members, cfg.length, cfg.disaster = 200, 30*time.Second, 20*time.Second
	}
	simulate(t, cfg, 0.96, 0.02)
}

// TestReplay has a seed repeat everything, and another one not.
func TestReplay(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		w := newWorld(t, thousands{
			seed: seed, members: 60, speakers: 4, hosts: 10, slots: 20, peers: 2, liars: 0.3, rate: 50, churn: 1,
			life: time.Minute, kicks: 4 * time.Second, acts: 2 * time.Second, length: 20 * time.Second,
		})
		w.live()
		return w.report()
	}
	one, again, other := run(5), run(5), run(6)
	if one != again {
		t.Errorf("one seed, two rooms:\n%s\n%s", one, again)
	}
	if one == other {
		t.Error("the seed makes no difference")
	}
}

// simulate has a room live and holds it to its marks. heard is the least share of the seconds of each speaker that each listener hears, late the
// largest of those who do not have the new key 3 s after a kick.
func simulate(t *testing.T, cfg thousands, heard, late float64) {
	w := newWorld(t, cfg)
	w.live()
	t.Log(w.report())
	s := &w.score
	share := func(n, of int64) float64 { return float64(n) / float64(max(of, 1)) }
	mark := func(ok bool, format string, args ...any) {
		t.Helper()
		if !ok {
			t.Errorf("seed %d: "+format, append([]any{cfg.seed}, args...)...)
		}
	}
	mark(s.seconds > 0 && s.due > 0 && s.keyed > 0 && s.begged > 0, "nothing was tried")
	mark(share(s.heard, s.seconds) >= heard, "%.3f %% was heard", 100*share(s.heard, s.seconds))
	mark(s.forgedPlayed == 0, "%d forged packets were played", s.forgedPlayed)
	mark(share(s.missed, s.due) <= 0.01, "%.2f %% of the operations came after 2 s or never", 100*share(s.missed, s.due))
	// Who has no relay at that moment, or two that keep letters back, has the key later.
	mark(share(s.keyLate, s.keyed) <= late, "%.2f %% of the listeners had no key 3 s after a kick", 100*share(s.keyLate, s.keyed))
	mark(s.yielded == 0 && s.leaked == 0, "who was kicked got %d secrets and could open %d packets", s.yielded, s.leaked)
}
