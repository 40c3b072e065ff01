//go:build linux

// What a node has heard, at which time of the wall clock. All of it is found in its
// recording and log, after its program has ended: to look for voices takes more of the
// processor than the programs leave.

package main

import (
	"time"

	"stoa/cmd/stoa/process/hear"
)

// heard returns what a node heard between two times. What lies t seconds in a
// recording was heard t seconds after it began, whatever happened meanwhile: the
// program writes silence for the time in which it could not run.
func (t *try) heard(node int, from, to time.Time) ([]float64, error) {
	began, err := t.device(node, "loudspeaker")
	if err != nil {
		return nil, err
	}
	return hear.Tape(t.tape(t.sc.Nodes[node])).Between(max(from.Sub(began), 0), to.Sub(began))
}

// device is when the file that stands in for a device of a node began, by the
// laboratory's clock.
func (t *try) device(node int, name string) (time.Time, error) {
	n := t.sc.Nodes[node]
	unix, err := hear.Began(t.home(n)+".log", name)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, int64(unix-n.Clock)), nil
}

// A moment is a second of what was heard, in which a voice was looked for.
type moment struct {
	at  time.Time
	age time.Duration // how long before it was said, were it that voice; below half a clip
}

// Bounds of the age of what counts as heard. A voice may seem to be heard before it is
// said, by the clocks of two devices and a jitter buffer that shortens.
const (
	youngest = -150 * time.Millisecond
	oldest   = time.Second
)

// moments looks for a speaker's voice in what a listener heard between two times. There
// is one moment each half second; seconds of silence are left out.
func (t *try) moments(listener, speaker int, from, to time.Time) ([]moment, error) {
	spoke, err := t.device(speaker, "microphone")
	if err != nil {
		return nil, err
	}
	where := window{listener, from, to}
	if _, known := t.pieces[where]; !known {
		x, err := t.heard(listener, from, to)
		if err != nil {
			return nil, err
		}
		t.pieces[where] = hear.Listen(x)
	}
	clip := t.clips[t.sc.Nodes[speaker].Says]
	length := clip.Length()
	var out []moment
	for _, vote := range t.pieces[where].Votes(clip) {
		age := (from.Add(vote.Begin).Sub(spoke)%length + length) % length
		if age > length/2 {
			age -= length
		}
		out = append(out, moment{from.Add(vote.At), age})
	}
	return out, nil
}

// A window is a part of what a node heard. Several voices are looked for in one.
type window struct {
	listener int
	from, to time.Time
}

// fresh says whether what was heard was said no longer before than a time.
func (m moment) fresh(most time.Duration) bool { return m.age >= youngest && m.age <= most }

// recognised is in which share of the moments a voice must be found for it to count as
// heard. Of nine moments without it, four are as fresh and agree by chance once in a
// thousand times; where ten speak at once and a busy machine loses frames, no more than
// half may be left of somebody who is heard.
const recognised = 0.4

// share is in which part of so many moments a voice is found: those that are fresh, and
// agree on how old it is.
func share(ms []moment, all int) float64 {
	most := 0
	for _, m := range ms {
		n := 0
		for _, o := range ms {
			if d := o.age - m.age; o.fresh(oldest) && d >= 0 && d <= hear.Agreement {
				n++
			}
		}
		most = max(most, n)
	}
	return float64(most) / float64(max(all, 1))
}

// settled is when the first of three moments in a row began in which a voice is heard,
// to half a second.
func settled(ms []moment) (time.Time, bool) {
	row := 0
	for _, m := range ms {
		if !m.fresh(oldest) {
			row = 0
			continue
		}
		if row++; row == 3 {
			return m.at.Add(-500 * time.Millisecond), true // moments begin half a second apart
		}
	}
	return time.Time{}, false
}

// stale is the first of two moments in a row that agree on what was heard, and that it
// was said longer before than a time. A single one may be chance.
func stale(ms []moment, most time.Duration) (moment, bool) {
	for i := 1; i < len(ms); i++ {
		a, b := ms[i-1], ms[i]
		if near := (b.age - a.age).Abs() <= hear.Agreement; near && b.at.Sub(a.at) < time.Second && !a.fresh(most) && !b.fresh(most) {
			return a, true
		}
	}
	return moment{}, false
}
