//go:build linux

// Expectations: what is measured for each, and whether it held. Each is watched while the
// programs run, and judged by the recordings when they have ended.

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stoa/cmd/stoa/process/lab/scenario"
)

const (
	// overtime is how long beyond its time something is waited for, so that the table tells
	// how late it came.
	overtime = 10 * time.Second

	// enough is how much has to be heard for a voice to be recognised.
	enough = 5 * time.Second
)

// A measure is what becomes of one expectation for one listener, and one speaker where
// it is about one.
type measure struct {
	expect   *scenario.Expect
	listener int
	speaker  int // -1: it is about none
	what     string

	acted time.Time // when the last act began, or the later of the two programs
	from  time.Time // where in the recording it is judged
	to    time.Time
	why   string // it did not hold; empty: it did

	took   time.Duration // until it came; 0: it did not
	heard  bool          // of hears: the voice was recognised
	way    string        // of hears and by: by which it came
	gap    time.Duration // of gap: the longest silence
	intime float64       // of plays: share of the frames that were played as they were said
	delay  time.Duration // of plays: from mouth to ear, as the listener reckons
}

// newMeasures returns one for each whom an expectation names.
func (t *try) newMeasures(e *scenario.Expect) []*measure {
	var all []*measure
	for _, l := range e.Listeners {
		name := t.sc.Nodes[l].Name + " " + string(e.Check)
		if len(e.Speakers) == 0 {
			all = append(all, &measure{expect: e, listener: l, speaker: -1, what: name, acted: t.acted})
		}
		for _, s := range e.Speakers {
			if s != l {
				all = append(all, &measure{expect: e, listener: l, speaker: s, what: name + " " + t.sc.Nodes[s].Name, acted: t.since(l, s)})
			}
		}
	}
	return all
}

// since is from when on the time of what is heard counts: from the last step, or, where
// that started several, from when the later of the two began.
func (t *try) since(listener, speaker int) time.Time {
	since := t.stepped
	for _, i := range []int{listener, speaker} {
		if t.began[i].After(since) {
			since = t.began[i]
		}
	}
	return since
}

// watchAll watches some expectations at the same time, and each for all whom it names.
// The error is that of ctx.
func (t *try) watchAll(ctx context.Context, steps []scenario.Step) error {
	var all []*measure
	for _, st := range steps {
		all = append(all, t.newMeasures(st.Expect)...)
	}
	t.measures = append(t.measures, all...)
	var wait sync.WaitGroup
	for _, m := range all {
		wait.Go(func() { m.fail(t.watch(ctx, m)) })
	}
	wait.Wait()
	return t.listen(ctx, all)
}

// fail takes why an expectation did not hold. What comes first counts.
func (m *measure) fail(err error) {
	if err != nil && m.why == "" {
		m.why = err.Error()
	}
}

// watch is what there is to do for an expectation while the programs run.
func (t *try) watch(ctx context.Context, m *measure) error {
	switch m.expect.Check {
	case scenario.Hears:
		return t.watchSound(ctx, m)
	case scenario.By:
		return t.watchWay(ctx, m)
	case scenario.Deaf:
		m.from = time.Now()
		m.to = m.from.Add(m.expect.For)
		return pauseUntil(ctx, m.to)
	case scenario.Gap, scenario.Live:
		m.from, m.to = m.acted, m.acted.Add(m.expect.For)
		return pauseUntil(ctx, m.to)
	case scenario.Plays:
		return t.watchPlayed(ctx, m)
	case scenario.Prints:
		return t.watchEvents(ctx, m)
	case scenario.Is:
		return t.watchState(ctx, m)
	case scenario.Paths:
		return t.watchPaths(ctx, m)
	}
	return fmt.Errorf("nobody knows how to watch %s", m.expect.Check)
}

// judge is what there is to find in the recordings.
func (t *try) judge(m *measure) error {
	switch m.expect.Check {
	case scenario.Hears:
		return t.judgeHeard(m)
	case scenario.Deaf:
		return t.judgeDeaf(m)
	case scenario.Gap:
		return t.judgeGap(m)
	case scenario.Live:
		return t.judgeLive(m)
	}
	return nil
}

// came takes when something was as expected.
func (m *measure) came(after time.Duration) error {
	m.took = max(after, time.Millisecond)
	if m.took > m.expect.Within {
		return fmt.Errorf("after %.1f s", m.took.Seconds())
	}
	return nil
}

var errNoSound = errors.New("no sound")
