// Honest relays on bad paths are not blamed: seeded simulation over hours of virtual time.

package relay

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var honestTime = flag.Duration("honest-time", 10*time.Minute, "virtual time for each path of TestHonestRelaysAreNotBlamed")

// badPaths are those that an honest relay may be behind, toward the listener and from the speakers.
var badPaths = []struct {
	name    string
	loss    float64
	burst   time.Duration
	share   float64
	jitter  time.Duration
	ingress bool // also from the speakers, to each relay on its own
	repeats bool
}{
	{name: "5 % at random", loss: 0.05, jitter: 10 * time.Millisecond},
	{name: "5 % at random, repeated", loss: 0.05, jitter: 10 * time.Millisecond, repeats: true},
	{name: "5 % at random on two hops", loss: 0.025, jitter: 30 * time.Millisecond, ingress: true},
	{name: "bursts of 100 ms", burst: 100 * time.Millisecond, share: 0.05, jitter: 10 * time.Millisecond},
	{name: "bursts of 200 ms", burst: 200 * time.Millisecond, share: 0.05, jitter: 10 * time.Millisecond},
	{name: "bursts and loss", loss: 0.02, burst: 100 * time.Millisecond, share: 0.03, jitter: 60 * time.Millisecond, repeats: true},
}

func TestHonestRelaysAreNotBlamed(t *testing.T) {
	for n, p := range badPaths {
		for _, both := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/both=%t", p.name, both), func(t *testing.T) {
				blamed, takeOvers := 0, 0
				for hour := range 1 + int((*honestTime-1)/time.Hour) {
					w := newWorld(uint64(1000*n+hour), 1+hour%2*2, 8)
					for i, r := range w.relays {
						if i == 1 && !both {
							continue
						}
						bad := func() *way {
							return &way{w: w, delay: 20 * time.Millisecond, jitter: p.jitter, loss: p.loss, burst: p.burst, share: p.share, bad: p.share > 0}
						}
						r.out, r.repeats = bad(), p.repeats
						if p.ingress {
							r.inBy = bad
						}
					}
					for _, s := range w.speakers {
						s.talk, s.pause = 5*time.Second, 2*time.Second
					}
					w.listener.reuse = true
					w.start()
					w.run(min(time.Hour, *honestTime))
					for _, a := range w.listener.acts {
						switch a.Kind {
						case Swap, Replace:
							t.Logf("hour %d: %v", hour, a)
							blamed++
						case TakeOver:
							takeOvers++
						}
					}
				}
				t.Logf("%v: blamed %d times, taken over %d times", *honestTime, blamed, takeOvers)
				if blamed > 0 {
					t.Errorf("blamed")
				}
			})
		}
	}
}
