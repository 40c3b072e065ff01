//go:build linux

// Package network makes the laboratory's networks out of Linux network namespaces:
//
//	internet ─ a router that knows the public addresses and nothing else
//	   ├─ (bad line) wan [carrier's router] wan [router] lan ─┬─ machine
//	   │                                                      └─ machine
//	   └─ …                                                  one such line for each site
//
// Nothing leaves them: no namespace has a way to the machine that runs the
// laboratory. The addresses look like public ones, since the program treats
// others differently: a site's uplink is 31.N.255.2, N being its number, its
// machines have 31.N.1.x without a NAT and 192.168.1.x, as everywhere, behind one;
// IPv6 is 2b00:N::/32. Each site so is in a block of its own, as far as a
// table of peers that wants them diverse can see.
//
// It calls ip, nft, nice and sh, as root. Namespaces are called PREFIX-PID-N-NAME; those
// of laboratories that are gone are removed by [Sweep].
package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"stoa/cmd/stoa/process/lab/hop"
	"stoa/cmd/stoa/process/lab/scenario"
)

const prefix = "stoalab"

// netnsDir is where ip keeps the names of namespaces.
const netnsDir = "/run/netns"

// A Network is what a scenario's sites and machines stand on. Close removes it. It
// is for one goroutine, but for Command.
type Network struct {
	sc      *scenario.Scenario
	seed    uint64
	id      string            // prefix of all its namespaces
	made    []string          // namespaces
	at      []int             // node -> site that its machine is in
	links   []int             // node -> interfaces that its machine has had
	rebound map[int]int       // site -> how often its NAT was rebound
	lines   map[int]*hop.Pump // site -> its line, where that may be bad
	mappers []*mapper
	pumping sync.WaitGroup
	stop    context.CancelFunc // of pumping
}

// Build makes the network of a scenario. The number tells several of one process
// apart; the seed decides about the luck of bad lines.
func Build(ctx context.Context, sc *scenario.Scenario, number int, seed uint64) (*Network, error) {
	n := &Network{
		sc: sc, seed: seed, id: fmt.Sprintf("%s-%d-%d", prefix, os.Getpid(), number),
		at: make([]int, len(sc.Nodes)), links: make([]int, len(sc.Nodes)),
		rebound: map[int]int{}, lines: map[int]*hop.Pump{},
	}
	pumps, stop := context.WithCancel(context.WithoutCancel(ctx)) // lines work until Close
	n.stop = stop
	if err := n.build(ctx, pumps); err != nil {
		n.Close()
		return nil, fmt.Errorf("make the network: %w", err)
	}
	return n, nil
}

func (n *Network) build(ctx, pumps context.Context) error {
	var spaces, links []string
	namespace := func(name string) { spaces = append(spaces, "netns add "+n.space(name)); n.made = append(n.made, name) }
	link := func(a, nameA, b, nameB string) {
		links = append(links, fmt.Sprintf("link add %s netns %s type veth peer name %s netns %s", nameA, n.space(a), nameB, n.space(b)))
	}
	namespace(internet)
	for i, s := range n.sc.Sites {
		namespace(router(s))
		if s.Offline {
			continue
		}
		outer := router(s)
		if s.NAT == scenario.DoubleNAT {
			outer = carrier(s)
			namespace(outer)
			link(outer, lan, router(s), wan)
		}
		if !n.bad(i) {
			link(internet, uplink(i), outer, wan)
		}
	}
	for i, node := range n.sc.Nodes {
		n.at[i] = node.Site
		namespace(machine(node))
		link(machine(node), n.iface(i), router(n.sc.Sites[node.Site]), port(i))
	}
	if err := run(ctx, strings.Join(append(spaces, links...), "\n"), "ip", "-batch", "-"); err != nil {
		return err
	}
	if err := n.pump(pumps); err != nil {
		return err
	}

	scripts := map[string]string{internet: n.internetScript()}
	for i, s := range n.sc.Sites {
		scripts[router(s)] = n.routerScript(i)
		if s.NAT == scenario.DoubleNAT {
			scripts[carrier(s)] = n.carrierScript(i)
		}
	}
	for i, node := range n.sc.Nodes {
		scripts[router(n.sc.Sites[node.Site])] += n.portScript(i)
		scripts[machine(node)] = prelude + n.machineScript(i)
	}
	if err := n.runAll(ctx, scripts); err != nil {
		return err
	}
	for _, s := range n.sc.Sites {
		if s.Ports {
			if err := n.mapPorts(router(s)); err != nil {
				return err
			}
		}
	}
	for _, pair := range n.sc.Apart {
		if err := n.Part(ctx, pair); err != nil {
			return err
		}
	}
	return nil
}

// runAll runs a shell script in each namespace, all at the same time.
func (n *Network) runAll(ctx context.Context, scripts map[string]string) error {
	var mu sync.Mutex
	var all []error
	var wait sync.WaitGroup
	for name, script := range scripts {
		wait.Go(func() {
			err := n.sh(ctx, name, script)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, err)
		})
	}
	wait.Wait()
	return errors.Join(all...)
}

// sh runs a shell script in a namespace, until its first failure.
func (n *Network) sh(ctx context.Context, name, script string) error {
	if err := run(ctx, script, "ip", "netns", "exec", n.space(name), "sh", "-e"); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Command prepares a program to run on a node's machine, before what else runs here: a
// laboratory that is busy shall not be taken for a bad network.
func (n *Network) Command(node int, program string, args ...string) *exec.Cmd {
	words := append([]string{"-n", "-10", "ip", "netns", "exec", n.space(machine(n.sc.Nodes[node])), program}, args...)
	return exec.Command("nice", words...) // each becomes the next, and keeps the process ID
}

// Close removes the network. Programs on it should have ended.
func (n *Network) Close() {
	n.stop()
	n.pumping.Wait()
	for _, m := range n.mappers {
		m.close()
	}
	for _, p := range n.lines {
		_ = p.Close() // its devices go with their namespaces
	}
	var lines []string
	for _, name := range n.made {
		lines = append(lines, "netns del "+n.space(name))
	}
	// Those that were never made are no failure.
	_ = run(context.Background(), strings.Join(lines, "\n"), "ip", "-force", "-batch", "-")
}

// Sweep removes the namespaces of laboratories that do not run any more.
func Sweep(ctx context.Context) error {
	entries, err := os.ReadDir(netnsDir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var lines []string
	for _, e := range entries {
		parts := strings.Split(filepath.Base(e.Name()), "-")
		if len(parts) < 3 || parts[0] != prefix {
			continue
		}
		pid, err := strconv.Atoi(parts[1])
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		lines = append(lines, "netns del "+e.Name())
	}
	if len(lines) == 0 {
		return nil
	}
	return run(ctx, strings.Join(lines, "\n"), "ip", "-force", "-batch", "-")
}

// run runs a command with a text as its input. The error holds what it printed.
func run(ctx context.Context, input, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}
