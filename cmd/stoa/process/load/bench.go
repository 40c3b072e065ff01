// All runs in turn, and the table of their medians.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// shape is how many speak to how many.
type shape struct{ speakers, listeners int }

func (s shape) String() string { return fmt.Sprintf("%d:%d", s.speakers, s.listeners) }

func parseShapes(words []string) (list []shape, err error) {
	for _, w := range words {
		speakers, listeners, ok := strings.Cut(w, ":")
		s, err1 := strconv.Atoi(speakers)
		l, err2 := strconv.Atoi(listeners)
		if !ok || err1 != nil || err2 != nil || s < 1 || s > maxSpeakers || l < 1 {
			return nil, fmt.Errorf("%q is not SPEAKERS:LISTENERS", w)
		}
		list = append(list, shape{s, l})
	}
	return list, nil
}

// peer is something to measure.
type peer struct {
	name string
	run  func(ctx context.Context, s shape) (*result, error)
}

// bench runs every peer in every shape, round by round, so that what else the
// machine does meets all of them alike.
func bench(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	stoa := fs.String("stoa", "bin/stoa", "the program to measure")
	rounds := fs.Int("rounds", 3, "how often each is run")
	out := fs.String("out", "", "append each run's JSON to this file")
	if err := fs.Parse(args); err != nil {
		return err
	}
	words := fs.Args()
	if len(words) == 0 {
		words = []string{"1:50", "1:200", "1:500", "1:1000", "5:100"}
	}
	shapes, err := parseShapes(words)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "stoa-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	peers, err := findPeers(*stoa, dir)
	if err != nil {
		return err
	}
	var all []*result
	for round := range *rounds {
		for _, s := range shapes {
			for _, p := range peers {
				r, err := p.run(ctx, s)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					fmt.Fprintf(os.Stderr, "round %d, %s, %s: %v\n", round+1, s, p.name, err)
					continue
				}
				fmt.Fprintf(os.Stderr, "round %d, %s, %s: %.1f us a listener-second, %.2f us a packet %s\n",
					round+1, s, p.name, r.PerSpeech, r.PerSent, r.Err)
				all = append(all, r)
				if err := record(*out, r); err != nil {
					return err
				}
			}
		}
	}
	fmt.Print(table(shapes, peers, all))
	return nil
}

func record(file string, r *result) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewEncoder(f).Encode(r)
}

// findPeers lists what there is to measure on this machine.
func findPeers(stoa, dir string) ([]peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	own := func(flags ...string) func(context.Context, shape) (*result, error) {
		return func(ctx context.Context, s shape) (*result, error) {
			args := append(slices.Clone(flags), "-listeners", fmt.Sprint(s.listeners), "-speakers", fmt.Sprint(s.speakers))
			if s.listeners >= 400 {
				args = append(args, "-at-once", "8")
			}
			return once(ctx, self, args, func(b []byte) (*result, error) {
				r := new(result)
				return r, json.Unmarshal(b, r)
			})
		}
	}
	peers := []peer{{"sendmmsg", own("-bare")}, {"stoa", own("-stoa", stoa)}}
	other := os.Getenv("PERFLOAD")
	if other == "" {
		fmt.Fprintln(os.Stderr, "load: without PERFLOAD in the environment there are no rows of other makes")
		return peers, nil
	}
	const bareAddr, mumbleAddr = "127.0.0.1:9000", "127.0.0.1:64738"
	peers = append(peers, peer{"floor-batch", func(ctx context.Context, s shape) (*result, error) {
		server := exec.Command(other, "relay", "-mode", "batch", "-listen", bareAddr)
		return against(ctx, other, "floor-batch", "udp", bareAddr, server, s, "-noidle", "-settle", "1s")
	}})
	if murmurd, err := exec.LookPath("murmurd"); err != nil {
		fmt.Fprintln(os.Stderr, "load: there is no murmurd here (apt-get install mumble-server), and so no row of mumble")
	} else {
		ini, err := mumbleHome(dir)
		if err != nil {
			return nil, err
		}
		peers = append(peers, peer{"mumble", func(ctx context.Context, s shape) (*result, error) {
			return against(ctx, other, "mumble", "mumble", mumbleAddr, exec.Command(murmurd, "-fg", "-ini", ini), s)
		}})
	}
	return peers, nil
}

// mumbleHome makes what mumble-server needs to run from dir, and returns its
// settings. Started by root it changes to a user of its own, who has to be able to
// write there.
func mumbleHome(dir string) (ini string, err error) {
	ini = filepath.Join(dir, "mumble.ini")
	text := fmt.Sprintf("database=%[1]s/mumble.sqlite\nlogfile=%[1]s/mumble.log\nhost=127.0.0.1\nport=64738\nbandwidth=128000\n"+
		"users=2000\nautobanAttempts=0\ntimeout=60\nmessagelimit=100\nmessageburst=500\nbonjour=False\n", dir)
	if err := os.WriteFile(ini, []byte(text), 0o644); err != nil {
		return "", err
	}
	if other, err := user.Lookup("mumble-server"); err == nil && os.Geteuid() == 0 {
		uid, _ := strconv.Atoi(other.Uid)
		gid, _ := strconv.Atoi(other.Gid)
		return ini, os.Chown(dir, uid, gid)
	}
	return ini, nil
}

// once runs a program that prints one line of JSON.
func once(ctx context.Context, program string, args []string, parse func([]byte) (*result, error)) (*result, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "GOGC=400") // it is not what is measured; the servers have Go's default
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	return parse(out.Bytes())
}

// against measures a server of another make by the other load generator.
func against(ctx context.Context, program, name, proto, addr string, server *exec.Cmd, s shape, more ...string) (*result, error) {
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer end(server)
	time.Sleep(1500 * time.Millisecond)
	args := append([]string{
		"load", "-proto", proto, "-addr", addr, "-pid", fmt.Sprint(server.Process.Pid), "-tag", name,
		"-n", fmt.Sprint(s.listeners), "-speakers", fmt.Sprint(s.speakers), "-dur", "6s",
	}, more...)
	if s.listeners >= 400 {
		args = append(args, "-par", "8", "-joinmax", "32s")
	}
	return once(ctx, program, args, func(b []byte) (*result, error) { return parseOther(name, b) })
}

func end(server *exec.Cmd) {
	_ = server.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { _ = server.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(3 * time.Second):
		_ = server.Process.Kill()
		<-ended
	}
}

// parseOther reads a result of the other load generator, whose packets hold one
// frame each.
func parseOther(name string, b []byte) (*result, error) {
	var o struct {
		Listeners int     `json:"listeners"`
		Speakers  int     `json:"speakers"`
		Joined    int     `json:"joined"`
		Seconds   float64 `json:"seconds"`
		Packets   uint64  `json:"packets"`
		Loss      float64 `json:"loss_pct"`
		PerPacket float64 `json:"us_per_pkt"`
		Server    float64 `json:"server_cpu_pct"`
		Load      float64 `json:"load_cpu_pct"`
		RSS       float64 `json:"rss_per_listener_kb"`
		Delay50   float64 `json:"lat_p50_us"`
		Delay99   float64 `json:"lat_p99_us"`
		Join50    float64 `json:"join_p50_ms"`
		Join99    float64 `json:"join_p99_ms"`
		Probe     float64 `json:"probe_join_ms"`
		Err       string  `json:"err"`
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	return &result{
		Peer: name, Speakers: o.Speakers, Listeners: o.Listeners, Joined: o.Joined, Seconds: o.Seconds, Sent: o.Packets, Voices: o.Packets,
		PerSpeech: o.PerPacket / frameTime.Seconds(), PerSent: o.PerPacket, Server: o.Server, Load: o.Load, RSS: o.RSS,
		Delay50: o.Delay50 / 1000, Delay99: o.Delay99 / 1000, Join50: o.Join50, Join99: o.Join99, Probe50: o.Probe, Loss: o.Loss, Err: o.Err,
	}, nil
}

// table shows the medians of all runs. What it calls added is beyond the delay of
// bare sendmmsg in the same shape.
func table(shapes []shape, peers []peer, all []*result) string {
	var b strings.Builder
	b.WriteString("| peer | speakers:listeners | runs | joined | µs of CPU a listener-second of speech (min–max) | of mumble's | µs a sent packet | of sendmmsg's | " +
		"CPU % | KiB a listener | delay p50 / p99 ms | added p50 / p99 ms | join p50 ms | into the full room ms | loss % | load's CPU % |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	of := func(s shape, name string) []*result {
		return slices.DeleteFunc(slices.Clone(all), func(r *result) bool {
			return r.Peer != name || r.Speakers != s.speakers || r.Listeners != s.listeners
		})
	}
	for _, s := range shapes {
		floor, mumble := of(s, "sendmmsg"), of(s, "mumble")
		for _, p := range peers {
			runs := of(s, p.name)
			if len(runs) == 0 {
				continue
			}
			m := func(what func(*result) float64) float64 { return median(runs, what) }
			speech := func(r *result) float64 { return r.PerSpeech }
			sent := func(r *result) float64 { return r.PerSent }
			d50, d99 := func(r *result) float64 { return r.Delay50 }, func(r *result) float64 { return r.Delay99 }
			least, most := m(speech), m(speech)
			for _, r := range runs {
				least, most = min(least, r.PerSpeech), max(most, r.PerSpeech)
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %.0f | %.0f (%.0f–%.0f) | %s | %.2f | %s | %.1f | %.0f | %.2f / %.1f | %s / %s | %.0f | %.0f | %.2f | %.0f |\n",
				p.name, s, len(runs), m(func(r *result) float64 { return float64(r.Joined) }), m(speech), least, most,
				ratio(m(speech), mumble, speech), m(sent), ratio(m(sent), floor, sent),
				m(func(r *result) float64 { return r.Server }), m(func(r *result) float64 { return r.RSS }),
				m(d50), m(d99), beyond(m(d50), floor, d50), beyond(m(d99), floor, d99),
				m(func(r *result) float64 { return r.Join50 }), m(func(r *result) float64 { return r.Probe50 }),
				m(func(r *result) float64 { return r.Loss }), m(func(r *result) float64 { return r.Load }))
		}
	}
	return b.String()
}

func median(runs []*result, what func(*result) float64) float64 {
	var values []float64
	for _, r := range runs {
		values = append(values, what(r))
	}
	slices.Sort(values)
	return quantile(values, 0.5)
}

// ratio words how a figure stands to the median of others.
func ratio(v float64, others []*result, what func(*result) float64) string {
	if len(others) == 0 || median(others, what) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v/median(others, what))
}

// beyond words by how much a figure exceeds the median of others.
func beyond(v float64, others []*result, what func(*result) float64) string {
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("%+.2f", v-median(others, what))
}
