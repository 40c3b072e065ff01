// Ten people speak at once.

package process

import (
	"fmt"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// TestTenSpeakers has ten people speak at the same time, each another text, and
// listens to what each of them heard of the nine others. Nobody hears
// themselves, which shows that finding a clip means something. Then one of them
// dies.
func TestTenSpeakers(t *testing.T) {
	const ghosts = 15 * time.Second // within this time whoever is dead is gone from every list
	w := newWorld(t)
	all := []*process{w.run(honest, ten[0], "open", "Stoa", "--in", clip(ten[0]), "--loop")}
	all[0].wait("the room", kind("joined"))
	link := all[0].link("--role", "speaker")
	for _, name := range ten[1:] {
		p := w.run(honest, name, "join", link, "--in", clip(name), "--loop")
		p.wait("the room", kind("joined"))
		all = append(all, p)
	}
	ids := make([]string, len(all))
	for i, p := range all {
		ids[i] = p.id()
	}
	for i, p := range all {
		for k, id := range ids {
			if k != i {
				p.wait("the voice of "+ten[k], about("sound", id))
			}
		}
	}
	w.eachHearsNine()

	dead := len(all) - 1
	marks := make([]int, len(all))
	for i, p := range all {
		marks[i] = p.mark()
	}
	death := time.Now()
	all[dead].kill()
	var longest time.Duration
	for i, p := range all[:dead] {
		e := p.waitSince(marks[i], "the end of "+ten[dead], gone(ids[dead]))
		took := e.at.Sub(death)
		longest = max(longest, took)
		if took > ghosts {
			t.Errorf("%s lists the dead for %v", p.name, took)
		}
	}
	t.Logf("the dead is gone from every list after %v", longest.Round(time.Millisecond))
}

// eachHearsNine recognises each of the nine others in what each of the ten
// hears. Eleven programs in real time may be more than the machine can do while
// it does other things too; then it listens again to those it did not recognise.
func (w *world) eachHearsNine() {
	const (
		aWhile = 10 * time.Second
		tries  = 3
	)
	w.t.Helper()
	clips := make([]*hear.Sought, len(ten))
	for i, name := range ten {
		clips[i] = soughtClip(w.t, clip(name))
	}
	recognised := map[[2]int]bool{}
	var missing []string
	for range tries {
		missing = nil
		least, most := 1.0, 0.0
		for i, h := range w.listenToTen(aWhile) {
			for k, c := range clips {
				if recognised[[2]int{i, k}] {
					continue
				}
				share := h.Share(c)
				switch {
				case k == i:
					most = max(most, share)
				case share >= heardShare:
					recognised[[2]int{i, k}] = true
					least = min(least, share)
				default:
					missing = append(missing, fmt.Sprintf("%s does not hear %s (%.2f)", ten[i], ten[k], share))
				}
			}
		}
		w.t.Logf("who is recognised is found in %.2f of a recording at least, and oneself in %.2f at most", least, most)
		if most > unheardShare {
			w.t.Errorf("somebody hears their own voice (%.2f)", most)
		}
		if len(missing) == 0 {
			return
		}
	}
	w.t.Errorf("%q", missing)
}

// listenToTen returns what the ten hear from now on for a time.
func (w *world) listenToTen(aWhile time.Duration) []hear.Pieces {
	w.t.Helper()
	from := make([]time.Duration, len(ten))
	for i, name := range ten {
		from[i] = tape{w.t, w.record(name)}.now()
	}
	to := make([]time.Duration, len(ten))
	for i, name := range ten {
		to[i] = tape{w.t, w.record(name)}.reach(from[i] + aWhile)
	}
	heard := make([]hear.Pieces, len(ten))
	for i, name := range ten {
		heard[i] = hear.Listen(tape{w.t, w.record(name)}.between(from[i], to[i]))
	}
	return heard
}
