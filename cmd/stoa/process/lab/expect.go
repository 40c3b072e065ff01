//go:build linux

// Expectations: what is measured for each, and whether it held.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/scenario"
)

const (
	// overtime is how long beyond its time something is waited for, so that the table tells
	// how late it came.
	overtime = 12 * time.Second

	// enough is how much has to be heard for a voice to be recognised.
	enough = 5 * time.Second

	// oldest is how old sound may be that counts as heard.
	oldest = time.Second
)

// A measure is what became of one expectation for one listener, and one speaker where
// it is about one.
type measure struct {
	expect *scenario.Expect
	what   string        // whom it is about
	ok     bool          // it held
	why    string        // it did not
	took   time.Duration // until it came; 0: it did not
	heard  bool          // of hears: the voice was recognised
	way    string        // of hears: by which it came
	gap    time.Duration // of gap: the longest silence
	intime float64       // of plays: share of the frames that were played as they were said
	delay  time.Duration // of plays: from mouth to ear, as the listener reckons
}

// expectAll measures some expectations at the same time, and each for all whom it names.
// The error is that of ctx.
func (t *try) expectAll(ctx context.Context, steps []scenario.Step) error {
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, st := range steps {
		t.expect(ctx, st.Expect, func(what string, f func(*measure) error) {
			wait.Go(func() {
				m := measure{expect: st.Expect, what: what}
				if err := f(&m); err != nil {
					m.why = err.Error()
				}
				m.ok = m.why == ""
				mu.Lock()
				defer mu.Unlock()
				t.outcome.measures = append(t.outcome.measures, m)
			})
		})
	}
	wait.Wait()
	return ctx.Err()
}

// expect hands to add what is to be measured for one expectation.
func (t *try) expect(ctx context.Context, e *scenario.Expect, add func(what string, f func(*measure) error)) {
	for _, l := range e.Listeners {
		name := t.sc.Nodes[l].Name
		switch e.Check {
		case scenario.Prints:
			add(name+" prints "+e.Fields[0][1], func(m *measure) error { return t.prints(ctx, m, l) })
			continue
		case scenario.Is:
			add(name+" is", func(m *measure) error { return t.is(ctx, m, l) })
			continue
		case scenario.Paths:
			add(name+" names the pairs", func(m *measure) error { return t.paths(ctx, m, l) })
			continue
		}
		for _, s := range e.Speakers {
			if s == l {
				continue
			}
			add(name+" "+string(e.Check)+" "+t.sc.Nodes[s].Name, func(m *measure) error {
				switch e.Check {
				case scenario.Hears:
					return t.hears(ctx, m, l, s)
				case scenario.Deaf:
					return t.deaf(ctx, m, l, s)
				case scenario.Gap:
					return t.gap(ctx, m, l, s)
				case scenario.Live:
					return t.live(ctx, m, l, s)
				case scenario.Plays:
					return t.plays(ctx, m, l, s)
				}
				return fmt.Errorf("nobody knows how to measure %s", e.Check)
			})
		}
	}
}

// hears waits for the first sound of a speaker since the last act, and recognises what
// is said.
func (t *try) hears(ctx context.Context, m *measure, listener, speaker int) error {
	first, err := t.firstSound(ctx, m.expect.Within+overtime, listener, speaker)
	if err != nil {
		return err
	}
	m.took = max(first.Sub(t.since(listener, speaker)), time.Millisecond)
	v, err := t.voice(ctx, speaker)
	if err != nil {
		return err
	}
	ear, err := t.ear(ctx, listener)
	if err != nil {
		return err
	}
	from := time.Now().Add(-time.Second)
	x, err := ear.between(ctx, from, from.Add(enough))
	if err != nil {
		return err
	}
	if share := hear.Listen(x).Share(v.clip); share < hear.HeardShare {
		return fmt.Errorf("sound, but not what was said (%.2f)", share)
	}
	m.heard = true
	m.way = t.programs[listener].speaker(t.people[speaker]).Way
	switch {
	case m.took > m.expect.Within:
		return fmt.Errorf("after %.1f s", m.took.Seconds())
	case len(m.expect.Ways) > 0 && !slices.Contains(m.expect.Ways, m.way):
		return fmt.Errorf("by %s", cmp.Or(m.way, "an unknown way"))
	}
	return nil
}

// since is from when on the time of an expectation counts: from the last act, or, where
// a start brought several in one after another, from when the later of the two began.
func (t *try) since(listener, speaker int) time.Time {
	since := t.acted
	for _, i := range []int{listener, speaker} {
		if t.began[i].After(since) {
			since = t.began[i]
		}
	}
	return since
}

// firstSound is when a speaker was first heard since the last act: as the program told,
// or, where it had told that before, as the recording has it, to half a second.
func (t *try) firstSound(ctx context.Context, patience time.Duration, listener, speaker int) (time.Time, error) {
	since := t.since(listener, speaker)
	limit, cancel := context.WithDeadline(ctx, since.Add(patience))
	defer cancel()
	e, err := t.programs[listener].until(limit, time.Time{}, about("sound", t.people[speaker]))
	switch {
	case err != nil && limit.Err() != nil:
		return time.Time{}, silence(ctx)
	case err != nil:
		return time.Time{}, err
	case !e.at.Before(since):
		return e.at, nil
	}
	v, err := t.voice(ctx, speaker)
	if err != nil {
		return time.Time{}, err
	}
	ear, err := t.ear(ctx, listener)
	if err != nil {
		return time.Time{}, err
	}
	for until := since.Add(3 * time.Second); ; until = until.Add(time.Second) {
		x, err := ear.between(limit, since, until)
		if limit.Err() != nil {
			return time.Time{}, silence(ctx)
		}
		if err != nil {
			return time.Time{}, err
		}
		if at, ok := settled(v.moments(x, since)); ok {
			return at, nil
		}
	}
}

// silence is why nobody was heard.
func silence(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.New("no sound")
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
