//go:build linux

// A crowd: many listeners on one machine, in one program.

package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/program"
	"stoa/cmd/stoa/process/lab/scenario"
)

// recorded is how many of a crowd record what they hear. Decoding takes most of what a
// listener costs.
const recorded = 3

// crowdArgs are the words of the command line of package crowd.
func (t *try) crowdArgs(node scenario.Node, link string) []string {
	args := []string{
		"-n", fmt.Sprint(node.Count), "-record", fmt.Sprint(recorded), "-dir", t.crowdDir(node),
		"-listen", "/ip4/0.0.0.0/udp/0/quic-v1,/ip4/0.0.0.0/tcp/0",
	}
	if t.door != "" {
		args = append(args, "-bootstrap", t.door)
	}
	return append(append(args, node.Args...), link)
}

func (t *try) crowdDir(node scenario.Node) string { return filepath.Join(t.dir, node.Name+".crowd") }

// watchCrowd waits until every listener of a crowd has heard a speaker.
func (t *try) watchCrowd(ctx context.Context, m *measure) error {
	limit, cancel := context.WithDeadline(ctx, m.acted.Add(m.expect.Within+overtime))
	defer cancel()
	all := t.sc.Nodes[m.listener].Count
	heard := map[int]bool{}
	e, err := t.programs[m.listener].Until(limit, m.acted, func(e program.Event) bool {
		if program.About("sound", t.people[m.speaker])(e) {
			heard[e.Listener] = true
		}
		return len(heard) == all
	})
	if err != nil {
		return cmp.Or(ctx.Err(), fmt.Errorf("%d of %d do", len(heard), all))
	}
	m.took = e.At.Sub(m.acted)
	return nil
}

// judgeCrowd recognises what was said in the last of what those heard who record.
func (t *try) judgeCrowd(m *measure) error {
	clip := t.clips[t.sc.Nodes[m.speaker].Says]
	for i := range min(recorded, t.sc.Nodes[m.listener].Count) {
		tape := hear.Tape(filepath.Join(t.crowdDir(t.sc.Nodes[m.listener]), fmt.Sprintf("heard-%d.wav", i)))
		now, err := tape.Now()
		if err != nil {
			return err
		}
		x, err := tape.Between(max(now-enough-time.Second, 0), 0)
		if err != nil {
			return err
		}
		if part := hear.Listen(x).Share(clip); part < hear.HeardShare {
			return fmt.Errorf("number %d hears something else (%.2f)", i, part)
		}
	}
	m.heard = true
	return m.came(m.took)
}
