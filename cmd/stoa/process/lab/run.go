//go:build linux

// Running all tries of all scenarios, several at a time.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"stoa/cmd/stoa/process/lab/scenario"
)

// A job is one try of a scenario.
type job struct {
	row    *row
	try    int
	number int // of all tries
}

// runAll runs every try, until ctx ends, and tells of those that failed as soon as they
// have. Those that need the machine for themselves come last.
func (o *options) runAll(ctx context.Context, b *bench, all []*scenario.Scenario, dir string) []*row {
	var rows []*row
	var together, alone []job
	for _, sc := range all {
		r := &row{sc: sc, tries: make([]outcome, o.triesOf(sc))}
		rows = append(rows, r)
		for i := range r.tries {
			j := job{r, i, len(together) + len(alone) + 1}
			if sc.Alone {
				alone = append(alone, j)
			} else {
				together = append(together, j)
			}
		}
	}
	o.runSome(ctx, b, together, o.jobs, dir)
	o.runSome(ctx, b, alone, 1, dir)
	return rows
}

// runSome runs some tries, so many at a time. It fills in their outcomes.
func (o *options) runSome(ctx context.Context, b *bench, jobs []job, atOnce int, dir string) {
	next := make(chan job)
	var telling sync.Mutex
	var work sync.WaitGroup
	for range min(atOnce, len(jobs)) {
		work.Go(func() {
			for j := range next {
				name := fmt.Sprintf("%s-%d", strings.ReplaceAll(j.row.sc.Name(), " ", "-"), j.try+1)
				out := b.perform(ctx, j.row.sc, j.number, o.seed+uint64(j.try), filepath.Join(dir, name))
				if len(out.failed()) == 0 && !o.keep {
					_ = os.RemoveAll(out.dir) // it is in the system's folder for such things
					out.dir = ""
				}
				j.row.tries[j.try] = out
				telling.Lock()
				o.tell(name, &out)
				telling.Unlock()
			}
		})
	}
	for _, j := range jobs {
		select {
		case next <- j:
		case <-ctx.Done():
			j.row.tries[j.try].failure = "it was not tried"
		}
	}
	close(next)
	work.Wait()
}

// tell tells of a try: all of it when asked to, else what failed.
func (o *options) tell(name string, out *outcome) {
	failed := out.failed()
	switch {
	case len(failed) > 0:
		fmt.Printf("FAILED %s, %.1f s, %.1f s of the processor, logs in %s\n", name, out.took.Seconds(), out.cpu.Seconds(), out.dir)
	case o.talk:
		fmt.Printf("ok     %s, %.1f s, %.1f s of the processor\n", name, out.took.Seconds(), out.cpu.Seconds())
	}
	if !o.talk {
		for _, f := range failed {
			fmt.Println("       " + f)
		}
		return
	}
	for _, m := range out.measures {
		fmt.Println("       " + m.String())
	}
	if out.failure != "" {
		fmt.Println("       " + out.failure)
	}
}
