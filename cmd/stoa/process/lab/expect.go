// Expectations: what is measured for each, and whether it held.

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/scenario"
)

// overtime is how long beyond its time something is waited for, so that the table
// tells how late it came.
const overtime = 12 * time.Second

// enough is how long a recording has to be for a voice to be recognised in it.
const enough = 5 * time.Second

// A measure is what became of one expectation for one listener and one speaker.
type measure struct {
	expect *scenario.Expect
	ok     bool
	what   string        // whom it is about
	took   time.Duration // until the first sound; 0: none
	heard  bool          // the voice was recognised
	way    string        // by which it came
	gap    time.Duration // the longest silence, of gap
	why    string        // it did not hold
}

// expect measures one expectation, for all whom it names at the same time. The error is
// only of a laboratory that cannot go on.
func (t *try) expect(ctx context.Context, e *scenario.Expect) error {
	var mu sync.Mutex
	var wait sync.WaitGroup
	add := func(m measure) {
		mu.Lock()
		defer mu.Unlock()
		m.expect = e
		t.outcome.measures = append(t.outcome.measures, m)
	}
	for _, l := range e.Listeners {
		if e.Check == scenario.Prints {
			wait.Go(func() { add(t.prints(ctx, e, l)) })
		}
		for _, s := range e.Speakers {
			if s == l {
				continue
			}
			switch e.Check {
			case scenario.Hears:
				wait.Go(func() { add(t.hears(ctx, e, l, s)) })
			}
		}
	}
	wait.Wait()
	return ctx.Err()
}

// hears waits for the first sound of a speaker, and recognises what is said.
func (t *try) hears(ctx context.Context, e *scenario.Expect, listener, speaker int) measure {
	m := measure{what: t.sc.Nodes[listener].Name + " hears " + t.sc.Nodes[speaker].Name}
	since := t.acted
	for _, i := range []int{listener, speaker} {
		if t.began[i].After(since) {
			since = t.began[i]
		}
	}
	p := t.programs[listener]
	limit, cancel := context.WithTimeout(ctx, e.Within+overtime)
	defer cancel()
	first, err := p.until(limit, time.Time{}, about("sound", t.people[speaker]))
	if err != nil {
		m.why = "no sound"
		return m
	}
	m.took = max(first.at.Sub(since), 0)
	share, err := t.recognise(ctx, listener, t.sc.Nodes[speaker].Says)
	m.heard = err == nil && share >= hear.HeardShare
	m.way = p.way(t.people[speaker])
	switch {
	case err != nil:
		m.why = err.Error()
	case !m.heard:
		m.why = fmt.Sprintf("sound, but not what was said (%.2f)", share)
	case m.took > e.Within:
		m.why = fmt.Sprintf("after %.1f s", m.took.Seconds())
	case len(e.Ways) > 0 && !slices.Contains(e.Ways, m.way):
		m.why = "by " + m.way
	}
	m.ok = m.why == ""
	return m
}

// recognise listens from now on and returns the share of what is heard in which a clip
// is found.
func (t *try) recognise(ctx context.Context, listener int, letter string) (float64, error) {
	tape := t.tape(listener)
	from, err := tape.Now()
	for err == nil {
		var now time.Duration
		if now, err = tape.Now(); now >= from+enough {
			break
		}
		if err == nil {
			err = pause(ctx, 50*time.Millisecond)
		}
	}
	if err != nil {
		return 0, err
	}
	x, err := tape.Between(from, from+enough)
	if err != nil {
		return 0, err
	}
	return hear.Listen(x).Share(t.clips[letter]), nil
}

// way is by which way a person's voice comes now, empty while it is not known.
func (p *program) way(who string) string {
	s := p.latest()
	if s == nil {
		return ""
	}
	for _, sp := range s.Speakers {
		if sp.Who == who {
			return sp.Way
		}
	}
	return ""
}

// prints waits for an event with certain fields.
func (t *try) prints(ctx context.Context, e *scenario.Expect, listener int) measure {
	m := measure{what: t.sc.Nodes[listener].Name + " prints " + e.Fields[0][1]}
	limit, cancel := context.WithTimeout(ctx, e.Within+overtime)
	defer cancel()
	ev, err := t.programs[listener].until(limit, t.acted, func(ev event) bool {
		for _, f := range e.Fields {
			if !strings.Contains(string(ev.line), fmt.Sprintf("%q:%q", f[0], f[1])) &&
				!strings.Contains(string(ev.line), fmt.Sprintf("%q:%s", f[0], f[1])) {
				return false
			}
		}
		return true
	})
	if err != nil {
		m.why = "does not"
		return m
	}
	m.took = ev.at.Sub(t.acted)
	if m.ok = m.took <= e.Within; !m.ok {
		m.why = fmt.Sprintf("after %.1f s", m.took.Seconds())
	}
	return m
}
