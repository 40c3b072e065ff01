//go:build linux

// Expectations on how somebody is heard: when, by which way, with which gaps.

package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/program"
	"stoa/cmd/stoa/process/lab/scenario"
)

// watchSound waits for the first sound of a speaker, of which the program tells once. When
// it has done so before, the recording will tell.
func (t *try) watchSound(ctx context.Context, m *measure) error {
	if t.sc.Nodes[m.listener].Kind == scenario.Crowd {
		return t.watchCrowd(ctx, m)
	}
	limit, cancel := context.WithDeadline(ctx, m.acted.Add(m.expect.Within+overtime))
	defer cancel()
	e, err := t.programs[m.listener].Until(limit, time.Time{}, program.About("sound", t.people[m.speaker]))
	switch {
	case err != nil && limit.Err() != nil:
		return cmp.Or(ctx.Err(), errNoSound)
	case err != nil:
		return err
	case e.At.Before(m.acted):
		return pauseUntil(ctx, m.acted.Add(m.expect.Within))
	}
	m.took = max(e.At.Sub(m.acted), time.Millisecond)
	return nil
}

// rounds is how often somebody is listened to who is not recognised at once. A
// scenario that needs a whole machine may have had less.
func (t *try) rounds() int {
	if t.sc.Alone {
		return 3
	}
	return 1
}

// listen lets time pass in which those are heard of whom that is expected: the same
// seconds for all.
func (t *try) listen(ctx context.Context, all []*measure) error {
	var heard []*measure
	for _, m := range all {
		if m.expect.Check == scenario.Hears && m.why == "" {
			heard = append(heard, m)
		}
	}
	if len(heard) == 0 {
		return ctx.Err()
	}
	from := time.Now()
	for _, m := range heard {
		m.from, m.to = from, from.Add(time.Duration(t.rounds())*enough)
	}
	err := pauseUntil(ctx, heard[0].to)
	for _, m := range heard {
		m.way = t.programs[m.listener].Speaker(t.people[m.speaker]).Way
	}
	return err
}

// judgeHeard recognises what was said, and finds out when it was first heard where the
// program did not tell.
func (t *try) judgeHeard(m *measure) error {
	if t.sc.Nodes[m.listener].Kind == scenario.Crowd {
		return t.judgeCrowd(m)
	}
	if err := t.recognise(m); err != nil {
		return err
	}
	m.heard = true
	if m.took == 0 {
		ms, err := t.moments(m.listener, m.speaker, m.acted, m.to)
		if err != nil {
			return err
		}
		at, ok := settled(ms)
		if !ok {
			return errNoSound
		}
		m.took = at.Sub(m.acted)
	}
	return m.came(m.took)
}

// recognise looks for a voice in each round of what was listened to, until it is found.
func (t *try) recognise(m *measure) error {
	best := 0.0
	for from := m.from; from.Before(m.to); from = from.Add(enough) {
		ms, err := t.moments(m.listener, m.speaker, from, from.Add(enough))
		if err != nil {
			return err
		}
		if best = max(best, share(ms, len(ms))); best >= recognised {
			return nil
		}
	}
	if m.took == 0 {
		return errNoSound
	}
	return fmt.Errorf("sound, but not what was said (%.2f)", best)
}

// watchWay waits until a voice comes by one of the ways that are asked for.
func (t *try) watchWay(ctx context.Context, m *measure) error {
	limit, cancel := context.WithDeadline(ctx, m.acted.Add(m.expect.Within+overtime))
	defer cancel()
	e, err := t.programs[m.listener].Until(limit, m.acted, func(e program.Event) bool {
		if e.Stats != nil {
			m.way = e.Stats.Speaker(t.people[m.speaker]).Way
		}
		return slices.Contains(m.expect.Ways, m.way)
	})
	if err != nil {
		return fmt.Errorf("by %s", cmp.Or(m.way, "no way"))
	}
	return m.came(e.At.Sub(m.acted))
}

// judgeDeaf looks for a voice that must not be there.
func (t *try) judgeDeaf(m *measure) error {
	ms, err := t.moments(m.listener, m.speaker, m.from, m.to)
	if err != nil {
		return err
	}
	const everyHalf = 500 * time.Millisecond
	if part := share(ms, int(m.expect.For/everyHalf)); part > hear.UnheardShare {
		return fmt.Errorf("is heard (%.2f)", part)
	}
	return nil
}

const (
	// before is what of the time before an act a gap is measured by.
	before = 2 * time.Second

	// quiet is by how much something must be softer than that for it to be a gap: 26 dB.
	quiet = 0.05
)

// judgeGap looks for the longest silence from the last act on. The speaker must be the
// only one, and one who takes no breath; and must be heard at the end.
func (t *try) judgeGap(m *measure) error {
	x, err := t.heard(m.listener, m.from.Add(-before), m.to)
	if err != nil {
		return err
	}
	loud := hear.RMS(x[:min(len(x), int(before.Seconds()*hear.Rate))])
	if loud < hear.Inaudible {
		return fmt.Errorf("nothing was heard before")
	}
	m.gap = longestBelow(x, quiet*loud)
	if err := t.heardAtTheEnd(m); err != nil {
		m.gap = m.expect.For
		return err
	}
	if m.gap > m.expect.Within {
		return fmt.Errorf("a gap of %v", m.gap.Round(time.Millisecond))
	}
	return nil
}

// longestBelow is the longest time for which sound stays below a level, in steps of 5 ms.
func longestBelow(x []float64, level float64) time.Duration {
	const step = hear.Rate / 200
	longest, run := 0, 0
	for i := 0; i+step <= len(x); i += step {
		if run++; hear.RMS(x[i:i+step]) >= level {
			run = 0
		}
		longest = max(longest, run)
	}
	return time.Duration(longest) * 5 * time.Millisecond
}

// heardAtTheEnd looks for a voice in the last seconds.
func (t *try) heardAtTheEnd(m *measure) error {
	ms, err := t.moments(m.listener, m.speaker, m.to.Add(-3*time.Second), m.to)
	if err != nil {
		return err
	}
	if _, ok := settled(ms); !ok {
		return fmt.Errorf("is not heard any more after %v", m.expect.For)
	}
	return nil
}

// judgeLive looks for old sound. The voice must be heard at the end.
func (t *try) judgeLive(m *measure) error {
	ms, err := t.moments(m.listener, m.speaker, m.from, m.to)
	if err != nil {
		return err
	}
	if old, any := stale(ms, m.expect.Within); any {
		return fmt.Errorf("old sound %.1f s after: its age is %.1f s, give or take whole clips",
			old.at.Sub(m.from).Seconds(), math.Abs(old.age.Seconds()))
	}
	return t.heardAtTheEnd(m)
}

// watchPlayed counts for a while which share of a speaker's frames the listener plays as
// they were said, by what the program tells: those that came in time, and those that
// error correction gave back.
func (t *try) watchPlayed(ctx context.Context, m *measure) error {
	p, who := t.programs[m.listener], t.people[m.speaker]
	before := p.Speaker(who)
	if err := pause.For(ctx, m.expect.For); err != nil {
		return err
	}
	after := p.Speaker(who)
	good := after.Played + after.Repaired - before.Played - before.Repaired
	bad := after.Lost - before.Lost
	if good+bad == 0 {
		return errNoSound
	}
	m.intime = float64(good) / float64(good+bad)
	m.delay = time.Duration(after.Delay * float64(time.Millisecond))
	if m.intime < m.expect.Least {
		return fmt.Errorf("%.2f%% in time", 100*m.intime)
	}
	return nil
}
