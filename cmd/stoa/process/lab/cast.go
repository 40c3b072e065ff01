//go:build linux

// The cast of a try: how each node's program is started, let in and steered.

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoa/cmd/stoa/process/clock"
	"stoa/cmd/stoa/process/lab/program"
	"stoa/cmd/stoa/process/lab/scenario"
)

// patience bounds the wait for somebody to get into the room. It is no measure of
// anything.
const patience = 40 * time.Second

// start runs a node and waits until it is in the room, or listens when it is in none.
func (t *try) start(ctx context.Context, i int) error {
	node := t.sc.Nodes[i]
	args, err := t.args(ctx, node)
	if err != nil {
		return err
	}
	t.began[i] = time.Now()
	t.acted = t.began[i]
	cmd := t.net.Command(i, t.program(node), args...)
	cmd.Env = clock.Env(node.Clock)
	if t.programs[i], err = program.Launch(node.Name, t.home(node), cmd); err != nil {
		return err
	}
	return t.arrive(ctx, i)
}

// program is the path of what a node runs.
func (t *try) program(n scenario.Node) string {
	switch {
	case n.Kind == scenario.Crowd:
		return t.crowd
	case n.Clock != 0:
		return t.shifted
	}
	return t.stoa
}

// arrive waits until a node that was started is where it should be. A crowd comes one by
// one, and what is expected of it tells whether all are there.
func (t *try) arrive(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	until := func(what string) (program.Event, error) {
		e, err := t.programs[i].Until(ctx, t.began[i], program.Kind(what))
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%q did not come within %v", what, patience)
		}
		return e, err
	}
	var e program.Event
	var err error
	switch t.sc.Nodes[i].Kind {
	case scenario.Crowd:
	case scenario.Visits:
		_, err = until("ready")
	case scenario.DHT:
		e, err = until("ready")
		t.door = strings.Join(public(e.Addrs), ",")
	default:
		e, err = until("joined")
		t.people[i] = e.Who
	}
	return err
}

// public picks the addresses that the laboratory's internet knows.
func public(addrs []string) []string {
	var out []string
	for _, a := range addrs {
		if (strings.HasPrefix(a, "/ip4/31.") || strings.HasPrefix(a, "/ip6/2b00:")) && !strings.Contains(a, "/p2p-circuit") {
			out = append(out, a)
		}
	}
	return out
}

// args are the words of a node's command line.
func (t *try) args(ctx context.Context, n scenario.Node) ([]string, error) {
	var args []string
	link, err := t.link(ctx, n)
	if err != nil {
		return nil, err
	}
	switch n.Kind {
	case scenario.Crowd:
		return t.crowdArgs(n, link), nil
	case scenario.DHT:
		args = []string{"relay", "--bootstrap", "none"}
	case scenario.Relay:
		args = []string{"relay", link}
	case scenario.Opens:
		args = []string{"open", "Stoa"}
	case scenario.Joins:
		args = []string{"join", link}
	}
	if n.Kind != scenario.DHT && n.Kind != scenario.Relay {
		args = append(args, "--name", n.Name, "--out", t.tape(n))
		if n.Says == "" {
			args = append(args, "--in", "silence")
		} else {
			args = append(args, "--in", t.files[n.Says], "--loop")
		}
		if n.Muted {
			args = append(args, "--muted")
		}
	}
	if t.door != "" && !slices.Contains(n.Args, "--network") {
		args = append(args, "--bootstrap", t.door)
	}
	home := t.home(n)
	return append(append(args, "--home", home, "--json", "--log", home+".log"), n.Args...), nil
}

// link returns the link by which a node comes, which the opener makes; nothing where it
// needs none.
func (t *try) link(ctx context.Context, n scenario.Node) (string, error) {
	terms := []string{"invite"}
	switch {
	case n.Kind == scenario.Relay:
		terms = append(terms, "--role", "relay", "--slots", "200")
	case n.Kind != scenario.Joins && n.Kind != scenario.Crowd:
		return "", nil
	case n.Role != "":
		terms = append(terms, "--role", n.Role)
	case n.Says != "":
		terms = append(terms, "--role", "speaker")
	}
	if n.Nohint {
		terms = append(terms, "--hints=false")
	}
	key := strings.Join(terms, " ")
	if l, ok := t.links[key]; ok {
		return l, nil
	}
	opener := slices.IndexFunc(t.sc.Nodes, func(n scenario.Node) bool { return n.Kind == scenario.Opens })
	if opener < 0 || t.programs[opener] == nil {
		return "", errors.New("nobody has opened the room yet")
	}
	out, err := t.tell(ctx, opener, terms...)
	if err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(out, "\n") {
		if l := strings.TrimSpace(line); strings.HasPrefix(l, "stoa:j/") {
			t.links[key] = l
			return l, nil
		}
	}
	return "", fmt.Errorf("no link in %q", out)
}

// tell steers a node by a verb, and returns what that prints.
func (t *try) tell(ctx context.Context, node int, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := t.sc.Nodes[node]
	cmd := exec.CommandContext(ctx, t.program(n), append(slices.Clone(words), "--home", t.home(n))...)
	cmd.Env = clock.Env(n.Clock)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("stoa %s: %w: %s", words[0], err, strings.TrimSpace(errs.String()))
	}
	return string(out), nil
}

// home is the folder of a node's program.
func (t *try) home(n scenario.Node) string { return filepath.Join(t.dir, n.Name) }

// tape is the file of what a node hears.
func (t *try) tape(n scenario.Node) string { return filepath.Join(t.dir, n.Name+".wav") }
