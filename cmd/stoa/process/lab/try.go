//go:build linux

// One try of a scenario: a network, programs on it, and what became of them.

package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/network"
	"stoa/cmd/stoa/process/lab/program"
	"stoa/cmd/stoa/process/lab/scenario"
)

// A bench is what all tries have in common.
type bench struct {
	stoa    string                  // the program
	crowd   string                  // that of many listeners
	shifted string                  // the program with a clock that can be set
	files   map[string]string       // the clips that are said: paths of WAV files
	clips   map[string]*hear.Sought // and the same to look for

	judging sync.Mutex // one at a time takes the processor for it
}

// A try is one run of a scenario.
type try struct {
	*bench
	sc  *scenario.Scenario
	dir string
	net *network.Network

	seed uint64 // of the luck of bad lines

	programs []*program.Program // by node; nil while it was not started
	people   []string           // by node: the person's key
	began    []time.Time
	door     string            // where to bootstrap from
	links    map[string]string // made by the opener, by their terms
	stepped  time.Time         // when the last step began that is no wait and no expectation
	acted    time.Time         // and when the last thing was done in it: a start of several is several things

	measures []*measure
	pieces   map[window]hear.Pieces // of recordings, when all have ended
}

// perform runs a scenario once. What went wrong is in the outcome.
func (b *bench) perform(ctx context.Context, sc *scenario.Scenario, number int, seed uint64, dir string) outcome {
	n := len(sc.Nodes)
	t := &try{
		bench: b, sc: sc, seed: seed, dir: dir, links: map[string]string{}, pieces: map[window]hear.Pieces{},
		programs: make([]*program.Program, n), people: make([]string, n), began: make([]time.Time, n),
	}
	began := time.Now()
	out := outcome{dir: dir}
	if err := t.run(ctx, number); err != nil {
		out.failure = err.Error()
	}
	out.measures, out.took = t.measures, time.Since(began)
	for _, p := range t.programs {
		if p != nil {
			out.cpu += p.CPU()
		}
	}
	if ctx.Err() != nil {
		return out // of recordings that were cut short nothing follows
	}
	b.judging.Lock()
	defer b.judging.Unlock()
	for _, m := range t.measures {
		if m.why == "" {
			m.fail(t.judge(m))
		}
	}
	return out
}

// run makes the network, takes all steps, and ends everything.
func (t *try) run(ctx context.Context, number int) error {
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	var err error
	if t.net, err = network.Build(ctx, t.sc, number, t.seed); err != nil {
		return err
	}
	defer t.net.Close()
	defer t.endAll()
	for steps := t.sc.Steps; len(steps) > 0; {
		n := expectations(steps)
		switch n {
		case 0:
			n, err = 1, t.step(ctx, steps[0])
		default:
			err = t.watchAll(ctx, steps[:n])
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", steps[0].Line, err)
		}
		steps = steps[n:]
	}
	return nil
}

// expectations is how many of the first steps are expectations: those are watched at
// the same time.
func expectations(steps []scenario.Step) int {
	n := 0
	for n < len(steps) && steps[n].Do == scenario.Must {
		n++
	}
	return n
}

// leaveTime is how long a program may take to say goodbye before it is killed.
const leaveTime = 5 * time.Second

// endAll ends every program, side by side.
func (t *try) endAll() {
	var wait sync.WaitGroup
	for _, p := range t.programs {
		if p != nil {
			wait.Go(func() { p.End(leaveTime) })
		}
	}
	wait.Wait()
}

// step carries out one step that is no expectation.
func (t *try) step(ctx context.Context, st scenario.Step) error {
	if st.Do == scenario.Wait {
		return pause.For(ctx, st.Time)
	}
	t.stepped = time.Now()
	t.acted = t.stepped
	switch st.Do {
	case scenario.Start:
		for _, i := range st.Nodes {
			if err := t.start(ctx, i); err != nil {
				return fmt.Errorf("start %s: %w", t.sc.Nodes[i].Name, err)
			}
		}
		return nil
	case scenario.Cut:
		return t.net.Cut(ctx, st.Site)
	case scenario.Restore:
		return t.net.Restore(ctx, st.Site)
	case scenario.Rebind:
		return t.net.Rebind(ctx, st.Site)
	case scenario.Move:
		return t.net.Move(ctx, st.Nodes[0], st.Site)
	case scenario.Line:
		return t.net.Line(st.Site, st.Up, st.Down)
	case scenario.Part:
		return t.net.Part(ctx, st.Pair)
	case scenario.Join:
		return t.net.Join(ctx, st.Pair)
	case scenario.Freeze:
		return t.signal(st.Nodes, syscall.SIGSTOP)
	case scenario.Thaw:
		return t.signal(st.Nodes, syscall.SIGCONT)
	case scenario.Kill:
		return t.signal(st.Nodes, syscall.SIGKILL)
	case scenario.Quit:
		return t.signal(st.Nodes, syscall.SIGTERM)
	case scenario.Tell:
		_, err := t.tell(ctx, st.Nodes[0], st.Words...)
		return err
	}
	return fmt.Errorf("nobody knows how to %s", st.Do)
}

func (t *try) signal(nodes []int, s syscall.Signal) error {
	for _, i := range nodes {
		if err := t.programs[i].Signal(s); err != nil {
			return fmt.Errorf("%s: %w", t.sc.Nodes[i].Name, err)
		}
	}
	return nil
}

// pauseUntil lets time pass until then.
func pauseUntil(ctx context.Context, then time.Time) error { return pause.For(ctx, time.Until(then)) }
