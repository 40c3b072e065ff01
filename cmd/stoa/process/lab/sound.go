//go:build linux

// Expectations on how somebody is heard: silence, gaps, old sound, share in time.

package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// deaf listens for a while, in which a speaker must not be heard.
func (t *try) deaf(ctx context.Context, m *measure, listener, speaker int) error {
	ear, err := t.ear(ctx, listener)
	if err != nil {
		return err
	}
	from := time.Now()
	x, err := ear.between(ctx, from, from.Add(m.expect.For))
	if err != nil {
		return err
	}
	if share := hear.Listen(x).Share(t.clips[t.sc.Nodes[speaker].Says]); share > hear.UnheardShare {
		return fmt.Errorf("is heard (%.2f)", share)
	}
	return nil
}

// quiet is by how much something must be softer than what was heard before for it to be
// a gap: 26 dB.
const quiet = 0.05

// gap listens from shortly before the last act on and looks for the longest silence. The
// speaker must be the only one, and one who takes no breath; and must be heard at the
// end.
func (t *try) gap(ctx context.Context, m *measure, listener, speaker int) error {
	const before = 2 * time.Second
	ear, err := t.ear(ctx, listener)
	if err != nil {
		return err
	}
	v, err := t.voice(ctx, speaker)
	if err != nil {
		return err
	}
	x, err := ear.between(ctx, t.acted.Add(-before), t.acted.Add(m.expect.For))
	if err != nil {
		return err
	}
	loud := hear.RMS(x[:min(len(x), int(before.Seconds()*hear.Rate))])
	if loud < hear.Inaudible {
		return fmt.Errorf("nothing was heard before")
	}
	m.gap = longestBelow(x, quiet*loud)
	ms := v.moments(x, t.acted.Add(-before))
	if _, ok := settled(ms[max(0, len(ms)-4):]); !ok {
		m.gap = m.expect.For
		return fmt.Errorf("is not heard any more after %v", m.expect.For)
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

// live listens from the last act on: nothing of what is heard may be old, and the voice
// must be heard at the end.
func (t *try) live(ctx context.Context, m *measure, listener, speaker int) error {
	ear, err := t.ear(ctx, listener)
	if err != nil {
		return err
	}
	v, err := t.voice(ctx, speaker)
	if err != nil {
		return err
	}
	x, err := ear.between(ctx, t.acted, t.acted.Add(m.expect.For))
	if err != nil {
		return err
	}
	ms := v.moments(x, t.acted)
	if old, any := stale(ms, m.expect.Within); any {
		return fmt.Errorf("old sound %.1f s after: its age is %.1f s, or that and clips of %.1f s more",
			old.at.Sub(t.acted).Seconds(), math.Abs(old.age.Seconds()), v.clip.Length().Seconds())
	}
	if _, ok := settled(ms[max(0, len(ms)-4):]); !ok {
		return fmt.Errorf("is not heard any more after %v", m.expect.For)
	}
	return nil
}

// plays counts for a while which share of a speaker's frames the listener plays as they
// were said, by what the program tells: those that came in time, and those that error
// correction gave back.
func (t *try) plays(ctx context.Context, m *measure, listener, speaker int) error {
	p, who := t.programs[listener], t.people[speaker]
	before := p.speaker(who)
	if err := pause(ctx, m.expect.For); err != nil {
		return err
	}
	after := p.speaker(who)
	good := after.Played + after.Repaired - before.Played - before.Repaired
	bad := after.Lost - before.Lost
	if good+bad == 0 {
		return fmt.Errorf("nothing came")
	}
	m.intime = float64(good) / float64(good+bad)
	m.delay = time.Duration(after.Delay * float64(time.Millisecond))
	if m.intime < m.expect.Least {
		return fmt.Errorf("%.2f%% in time", 100*m.intime)
	}
	return nil
}
