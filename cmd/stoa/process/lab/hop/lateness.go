// Lateness: how precisely a pump kept the times that its lanes asked for.

package hop

import (
	"fmt"
	"time"
)

// latenessBounds are where the counters of a Lateness end.
var latenessBounds = [...]time.Duration{100 * time.Microsecond, 300 * time.Microsecond,
	time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond}

// Lateness counts by how much packets left after they were due. What a packet waited in the
// device before it was taken, nobody knows.
type Lateness struct {
	Within [len(latenessBounds) + 1]uint64 `json:"within"` // 0.1, 0.3, 1, 3, 10 ms, and more; each counts what the ones before it do not
	Worst  time.Duration                   `json:"worst"`  // ns
}

func (l *Lateness) add(d time.Duration) {
	l.Worst = max(l.Worst, d)
	for i, bound := range latenessBounds {
		if d <= bound {
			l.Within[i]++
			return
		}
	}
	l.Within[len(latenessBounds)]++
}

// Over is the share of packets that were later than a millisecond.
func (l *Lateness) Over() float64 {
	all, over := uint64(0), uint64(0)
	for i, n := range l.Within {
		all += n
		if i == len(latenessBounds) || latenessBounds[i] > time.Millisecond {
			over += n
		}
	}
	if all == 0 {
		return 0
	}
	return float64(over) / float64(all)
}

func (l *Lateness) String() string {
	return fmt.Sprintf("%.2f%% later than 1ms, at worst %v", 100*l.Over(), l.Worst.Round(10*time.Microsecond))
}
