//go:build linux

// One running stoa, and what it says of itself.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"stoa/cmd/stoa/process/lab/program"
)

// patience bounds every wait for something that must happen.
const patience = 40 * time.Second

// A person is one process.
type person struct {
	*program.Program
	began time.Time
}

// startPerson runs a program whose home that is.
func startPerson(cmd *exec.Cmd, name, home string) (*person, error) {
	began := time.Now()
	p, err := program.Launch(name, home, cmd)
	return &person{p, began}, err
}

// wait returns the first event of a kind, of those printed and to come.
func (p *person) wait(ctx context.Context, kind string) (program.Event, error) {
	return p.waitSince(ctx, p.began, kind, program.Kind(kind))
}

func (p *person) waitSince(ctx context.Context, since time.Time, what string, fits func(program.Event) bool) (program.Event, error) {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e, err := p.Until(limit, since, fits)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s: %q did not come within %v", p.Name, what, patience)
	}
	return e, err
}

// tally is what listeners have counted of the only speaker, in frames.
type tally struct {
	played, due, concealed uint64
	took                   time.Duration // in which they did
}

func (t tally) plus(o tally) tally {
	return tally{t.played + o.played, t.due + o.due, t.concealed + o.concealed, t.took + o.took}
}

// minus is what happened between two tallies. The speaker makes no pause, so what was neither
// played nor missed, but for some frames at the edges, was missed by one who heard nobody.
func (t tally) minus(o tally) tally {
	took := t.took - o.took
	spoken := uint64(took / (20 * time.Millisecond))
	return tally{t.played - o.played, max(t.due-o.due, spoken-min(spoken, 25)), t.concealed - o.concealed, took}
}

func (t tally) inTime() float64 { return 100 * float64(t.played) / float64(max(t.due, 1)) }
func (t tally) madeUp() float64 { return 100 * float64(t.concealed) / float64(max(t.due, 1)) }

// tally waits for the next figures.
func (p *person) tally(ctx context.Context) (tally, error) {
	e, err := p.waitSince(ctx, time.Now(), "stats", func(e program.Event) bool { return e.Stats != nil && len(e.Stats.Speakers) == 1 })
	if err != nil {
		return tally{}, err
	}
	s := e.Stats.Speakers[0]
	played := s.Played + s.Repaired
	return tally{played, played + s.Lost + s.Dropped, s.Concealed, e.At.Sub(p.began)}, nil
}

// chosen is what a speaker said last of how it sends.
func (p *person) chosen() string {
	e := p.Last(func(e program.Event) bool { return e.Stats != nil && len(e.Stats.Sending) > 0 })
	if e.Stats == nil {
		return "-"
	}
	return string(e.Stats.Sending)
}

// choices writes all of them, with the time since the beginning.
func (p *person) choices(w io.Writer) {
	for _, e := range p.Events() {
		if e.Stats != nil {
			fmt.Fprintf(w, "%s %.1f s: %d links %s\n", p.Name, e.At.Sub(p.began).Seconds(), e.Stats.Links, e.Stats.Sending)
		}
	}
}
