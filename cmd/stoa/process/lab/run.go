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
	"time"

	"stoa/cmd/stoa/process/lab/scenario"
)

// runAll runs every try, until ctx ends, and tells of those that failed as soon as they have.
func (o *options) runAll(ctx context.Context, b *bench, all []*scenario.Scenario, dir string) []*row {
	type job struct {
		row *row
		try int
	}
	var jobs []job
	var rows []*row
	for _, sc := range all {
		r := &row{sc: sc, tries: make([]outcome, o.triesOf(sc))}
		rows = append(rows, r)
		for i := range r.tries {
			jobs = append(jobs, job{r, i})
		}
	}
	next := make(chan int)
	var mu sync.Mutex // printing
	var work sync.WaitGroup
	for range min(o.jobs, len(jobs)) {
		work.Go(func() {
			for n := range next {
				j := jobs[n]
				name := fmt.Sprintf("%s-%d", strings.ReplaceAll(j.row.sc.Name(), " ", "-"), j.try+1)
				began := time.Now()
				at := filepath.Join(dir, name)
				out := b.perform(ctx, j.row.sc, n+1, o.seed+uint64(j.try), at)
				out.took = time.Since(began)
				if bad := len(out.failed()) > 0; bad || o.keep {
					out.dir = at
				} else {
					_ = os.RemoveAll(at) // it is in the system's folder for such things
				}
				mu.Lock()
				o.tell(name, &out)
				mu.Unlock()
				j.row.tries[j.try] = out
			}
		})
	}
	for n := range jobs {
		select {
		case next <- n:
		case <-ctx.Done():
			jobs[n].row.tries[jobs[n].try].failure = "was not tried"
		}
	}
	close(next)
	work.Wait()
	return rows
}

// tell tells of a try: all of it when asked to, else what failed.
func (o *options) tell(name string, out *outcome) {
	failed := out.failed()
	switch {
	case len(failed) > 0:
		fmt.Printf("FAILED %s, %.1f s, logs in %s\n", name, out.took.Seconds(), out.dir)
	case o.talk:
		fmt.Printf("ok     %s, %.1f s\n", name, out.took.Seconds())
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
