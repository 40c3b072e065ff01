// The board: what is known of the scene, and the lines that show it. Pure: times
// are parameters.

package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An ear is how one listener fares, as it says itself once a second.
type ear struct {
	primary string             // the relay that carries it, as a key in text form; empty for none
	heard   map[string]float64 // seconds of sound that came so far, by speaker
	loss    float64            // share of what its relay sent that did not arrive
	delay   time.Duration      // mouth to ear as far as it can tell; 0 unknown
	silence time.Duration      // the longest since a relay was killed, or ever
}

// A board is what the audience of the demo sees.
type board struct {
	names  map[string]string // of speakers and relays, by key
	cast   []string          // keys of the speakers, in order
	relays []string          // keys of the relays, in order
	dead   map[string]bool   // relays that were killed
	ears   []ear
	before []ear // a second ago
}

func newBoard(listeners int) *board {
	return &board{
		names: map[string]string{}, dead: map[string]bool{},
		ears: make([]ear, listeners), before: make([]ear, listeners),
	}
}

// told takes what a listener says of itself.
func (b *board) told(listener int, e ear) { b.ears[listener] = e }

// lines shows the scene. It is called once a second: who is speaking is told by
// what has grown since.
func (b *board) lines(since time.Duration) []string {
	lines := []string{b.stage(), ""}
	for _, id := range b.relays {
		lines = append(lines, b.relay(id))
	}
	lines = append(lines, "", b.audience(), fmt.Sprintf("%-10s%s", "time", since.Round(time.Second)))
	b.before = slices.Clone(b.ears)
	return lines
}

// pause is how much sound, in seconds, comes in a second from somebody who pauses:
// Opus says every 400 ms that the background has not changed (RFC 6716 section
// 2.1.9).
const pause = 0.2

// speaking is the share of the listeners who have just heard a speaker.
func (b *board) speaking(id string) float64 {
	n := 0
	for i, e := range b.ears {
		if e.heard[id]-b.before[i].heard[id] > pause {
			n++
		}
	}
	return float64(n) / float64(len(b.ears))
}

func (b *board) stage() string {
	var who []string
	for _, id := range b.cast {
		name := b.names[id]
		if b.speaking(id) > 0.5 {
			name = strings.ToUpper(name) + " ♪"
		}
		who = append(who, fmt.Sprintf("%-10s", name))
	}
	return fmt.Sprintf("%-10s%s", "on stage", strings.TrimRight(strings.Join(who, ""), " "))
}

func (b *board) relay(id string) string {
	if b.dead[id] {
		return fmt.Sprintf("%-10skilled", b.names[id])
	}
	n := 0
	for _, e := range b.ears {
		if e.primary == id {
			n++
		}
	}
	return strings.TrimRight(fmt.Sprintf("%-10scarries %3d  %s", b.names[id], n, strings.Repeat("▪", (n+1)/2)), " ")
}

func (b *board) audience() string {
	var hear, direct int
	var loss float64
	var delay time.Duration
	for i, e := range b.ears {
		if grown(b.before[i].heard, e.heard) {
			hear++
			if e.primary == "" {
				direct++
			}
		}
		loss += e.loss
		delay = max(delay, e.delay)
	}
	s := fmt.Sprintf("%-10s%d of %d hear, %d of them without a relay; loss %.1f %%", "listeners", hear, len(b.ears), direct, 100*loss/float64(len(b.ears)))
	if delay > 0 {
		s += fmt.Sprintf("; mouth to ear %d ms", delay.Milliseconds())
	}
	return s
}

// grown reports whether anybody was heard since.
func grown(before, now map[string]float64) bool {
	for id, n := range now {
		if n > before[id] {
			return true
		}
	}
	return false
}

// gap is the longest silence that any of the listeners had who were carried by a
// relay when it was killed, and how many these were.
func (b *board) gap(carried []int) (longest time.Duration, middle time.Duration) {
	var all []time.Duration
	for _, i := range carried {
		all = append(all, b.ears[i].silence)
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)-1], all[len(all)/2]
}

// carriedBy lists the listeners of a relay.
func (b *board) carriedBy(id string) (list []int) {
	for i, e := range b.ears {
		if e.primary == id {
			list = append(list, i)
		}
	}
	return list
}

// busiest is the relay that carries most, among those alive.
func (b *board) busiest() (id string) {
	most := -1
	for _, r := range b.relays {
		if n := len(b.carriedBy(r)); !b.dead[r] && n > most {
			id, most = r, n
		}
	}
	return id
}
