// Pauses: a speaker who was silent for long, or left without a word, puts no relay in the wrong.

package relay

import (
	"testing"
	"time"

	"stoa/identity"
)

// duet is a Watch of two relays that see the same, 20 ms at a time: voice by the primary, digests by both.
type duet struct {
	w     *Watch
	pair  Pair
	meter [2]Meter
	now   time.Time
	index uint32
}

func newDuet() *duet {
	d := &duet{w: NewWatch(noon), pair: Pair{someone(1), someone(2)}, now: noon}
	d.w.SetPair(d.pair, noon)
	return d
}

// pass lets time go by. While a voice is heard, packets come every 40 ms, the last with or without the end of talk.
func (d *duet) pass(t *testing.T, long time.Duration, voice, ends bool) {
	t.Helper()
	for end := d.now.Add(long); d.now.Before(end); d.now = d.now.Add(20 * time.Millisecond) {
		step := d.now.Sub(noon) / (20 * time.Millisecond)
		if voice && step%2 == 0 {
			last := ends && !d.now.Add(40*time.Millisecond).Before(end)
			packet := voicePacket{kid: 7, index: d.index, level: 30, end: last}
			for p := range d.meter {
				d.meter[p].Count(packet.bytes(), packet.kid, packet.index, packet.level, last, d.now)
			}
			d.w.Packet(Primary, packet.kid, packet.index, 2, last, d.now)
			d.index += 2
		}
		if step%10 == 9 {
			d.w.Digest(Primary, d.meter[0].Digest(identity.RoomID{}, d.pair.Primary, d.now), d.now)
			d.w.Digest(Shadow, d.meter[1].Digest(identity.RoomID{}, d.pair.Shadow, d.now), d.now)
		}
		if acts, _ := d.w.Step(d.now); len(acts) > 0 {
			for _, a := range acts {
				if a.Kind == Swap || a.Kind == Replace {
					t.Fatalf("after %v: %v", d.now.Sub(noon), a)
				}
			}
		}
	}
}

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause time.Duration
		ends  bool
	}{
		{"short", 2 * time.Second, true},
		{"long", 20 * time.Second, true},
		{"longer than a stream is remembered", 2 * streamLife, true},
		{"short, without a word", 3 * time.Second, false},
		{"long, without a word", 20 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDuet()
			for range 3 {
				d.pass(t, 2*time.Second, true, c.ends)
				d.pass(t, c.pause, false, false)
				d.index += uint32(c.pause / (20 * time.Millisecond))
			}
		})
	}
}
