//go:build linux

// One try of a scenario: a network, programs on it, and what became of them.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/network"
	"stoa/cmd/stoa/process/lab/scenario"
)

// patience bounds the wait for somebody to get into the room. It is no measure of
// anything.
const patience = 40 * time.Second

// A bench is what all tries have in common.
type bench struct {
	stoa  string                  // the program
	crowd string                  // that of many listeners
	files map[string]string       // the clips that are said: paths of WAV files
	clips map[string]*hear.Sought // and the same to look for
	made  []string                // files among them that were made for this run

	judging sync.Mutex // one at a time takes the processor for it
}

// A try is one run of a scenario.
type try struct {
	*bench
	sc  *scenario.Scenario
	dir string
	net *network.Network

	seed uint64 // of the luck of bad lines

	programs []*program // by node; nil while it was not started
	people   []string   // by node: the person's key
	began    []time.Time
	door     string            // where to bootstrap from
	links    map[string]string // made by the opener, by their terms
	acted    time.Time         // when the last step began that is no wait and no expectation

	measures []*measure
	pieces   map[window]hear.Pieces // of recordings, when all have ended
}

// perform runs a scenario once. What went wrong is in the outcome.
func (b *bench) perform(ctx context.Context, sc *scenario.Scenario, number int, seed uint64, dir string) outcome {
	n := len(sc.Nodes)
	t := &try{
		bench: b, sc: sc, seed: seed, dir: dir, links: map[string]string{}, pieces: map[window]hear.Pieces{},
		programs: make([]*program, n), people: make([]string, n), began: make([]time.Time, n),
	}
	began := time.Now()
	out := outcome{dir: dir}
	if err := t.run(ctx, number); err != nil {
		out.failure = err.Error()
	}
	out.measures, out.took = t.measures, time.Since(began)
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

// endAll ends every program, side by side.
func (t *try) endAll() {
	var wait sync.WaitGroup
	for _, p := range t.programs {
		if p != nil {
			wait.Go(p.end)
		}
	}
	wait.Wait()
}

// step carries out one step that is no expectation.
func (t *try) step(ctx context.Context, st scenario.Step) error {
	if st.Do == scenario.Wait {
		return pause(ctx, st.Time)
	}
	t.acted = time.Now()
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
		if err := t.programs[i].signal(s); err != nil {
			return fmt.Errorf("%s: %w", t.sc.Nodes[i].Name, err)
		}
	}
	return nil
}

// pauseUntil lets time pass until then.
func pauseUntil(ctx context.Context, then time.Time) error { return pause(ctx, time.Until(then)) }

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hosting is where relay hosts listen: on ports that stay, and on that of the web.
const hosting = "/ip4/0.0.0.0/udp/4001/quic-v1,/ip4/0.0.0.0/tcp/4001,/ip4/0.0.0.0/tcp/443/ws," +
	"/ip6/::/udp/4001/quic-v1,/ip6/::/tcp/4001,/ip6/::/tcp/443/ws"

// start runs a node and waits until it is in the room, or listens when it is in none.
func (t *try) start(ctx context.Context, i int) error {
	node := t.sc.Nodes[i]
	home := t.home(i)
	args, err := t.args(ctx, node)
	if err != nil {
		return err
	}
	program := t.stoa
	if node.Kind == scenario.Crowd {
		program = t.crowd
	} else {
		args = append(args, "--home", home, "--json", "--log", home+".log")
	}
	t.began[i] = time.Now()
	p, err := launch(node.Name, home, t.net.Command(i, program, args...))
	if err != nil {
		return err
	}
	t.programs[i] = p
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch node.Kind {
	case scenario.DHT, scenario.Visits:
		e, err := p.until(ctx, t.began[i], kind("ready"))
		if err != nil {
			return notIn(err, "is not ready")
		}
		if node.Kind == scenario.DHT {
			t.door = strings.Join(public(e.Addrs), ",")
		}
	case scenario.Crowd:
	default:
		e, err := p.until(ctx, t.began[i], kind("joined"))
		if err != nil {
			return notIn(err, "is not in the room")
		}
		t.people[i] = e.Who
	}
	return nil
}

// notIn says what did not come in time.
func notIn(err error, what string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s after %v", what, patience)
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

// args are the words of a node's command line, without its home.
func (t *try) args(ctx context.Context, node scenario.Node) ([]string, error) {
	var args []string
	switch node.Kind {
	case scenario.DHT:
		args = []string{"relay", "--bootstrap", "none", "--listen", hosting}
	case scenario.Opens:
		args = []string{"open", "Stoa"}
	case scenario.Relay:
		link, err := t.link(ctx, node, "--role", "relay", "--slots", "200")
		if err != nil {
			return nil, err
		}
		args = []string{"relay", link, "--listen", hosting}
	case scenario.Joins, scenario.Crowd:
		role := node.Role
		if role == "" && node.Says != "" {
			role = "speaker"
		}
		var terms []string
		if role != "" && role != "listener" {
			terms = []string{"--role", role}
		}
		link, err := t.link(ctx, node, terms...)
		if err != nil {
			return nil, err
		}
		if node.Kind == scenario.Crowd {
			return t.crowdArgs(node, link), nil
		}
		args = []string{"join", link}
	}
	if node.Kind == scenario.Opens || node.Kind == scenario.Joins || node.Kind == scenario.Visits {
		args = append(args, "--name", node.Name, "--out", t.tape(node))
		if node.Says == "" {
			args = append(args, "--in", "silence")
		} else {
			args = append(args, "--in", t.files[node.Says], "--loop")
		}
		if node.Muted {
			args = append(args, "--muted")
		}
	}
	if t.door != "" && !contains(node.Args, "--bootstrap") && !contains(node.Args, "--network") {
		args = append(args, "--bootstrap", t.door)
	}
	return append(args, node.Args...), nil
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word || strings.HasPrefix(w, word+"=") {
			return true
		}
	}
	return false
}

// link has the opener make a link, once for the same terms.
func (t *try) link(ctx context.Context, node scenario.Node, terms ...string) (string, error) {
	opener := -1
	for i, n := range t.sc.Nodes {
		if n.Kind == scenario.Opens && t.programs[i] != nil {
			opener = i
		}
	}
	if opener < 0 {
		return "", errors.New("nobody has opened the room yet")
	}
	if node.Nohint {
		terms = append(terms, "--hints=false")
	}
	key := strings.Join(terms, " ")
	if l, ok := t.links[key]; ok {
		return l, nil
	}
	out, err := t.tell(ctx, opener, append([]string{"invite"}, terms...)...)
	if err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(out, "\n") {
		if strings.HasPrefix(line, "stoa:j/") {
			t.links[key] = strings.TrimSpace(line)
			return t.links[key], nil
		}
	}
	return "", fmt.Errorf("no link in %q", out)
}

// tell steers a node by a verb, and returns what that prints.
func (t *try) tell(ctx context.Context, node int, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	words = append(words, "--home", t.home(node))
	cmd := exec.CommandContext(ctx, t.stoa, words...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("stoa %s: %w: %s", words[0], err, strings.TrimSpace(errs.String()))
	}
	return string(out), nil
}

// home is the folder of a node's program.
func (t *try) home(node int) string { return filepath.Join(t.dir, t.sc.Nodes[node].Name) }

// tape is the file of what a node hears.
func (t *try) tape(n scenario.Node) string { return filepath.Join(t.dir, n.Name+".wav") }
