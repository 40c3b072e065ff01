// Command lab is the laboratory: it runs scenarios on networks of its own, made of
// Linux network namespaces, with real programs and real speech, and prints a table
// of what became of them. It needs root, ip and nft. make lab builds all it needs:
//
//	make lab                          the short set
//	make lab LAB=all                  everything, with many tries
//	make lab RUN='nat.*port'          scenarios whose name fits
//	bin/lab -tries 3 -v my.lab        a file of one's own, three times
//
// Package scenario says how a scenario is written; scenarios holds those of the
// project. Several laboratories may run at once.
package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/network"
	"stoa/cmd/stoa/process/lab/scenario"
)

//go:embed scenarios/*.lab
var scenarios embed.FS

// options are what the command line says.
type options struct {
	set    string
	run    string
	tries  int
	stoa   string
	crowd  string
	speech string
	keep   bool
	talk   bool
	files  []string
}

func main() {
	var o options
	flag.StringVar(&o.set, "set", "short", "short or all: how often each scenario is tried")
	flag.StringVar(&o.run, "run", "", "regular expression: only scenarios whose name fits")
	flag.IntVar(&o.tries, "tries", 0, "how often, whatever the scenario says")
	flag.StringVar(&o.stoa, "stoa", "bin/stoa", "the program")
	flag.StringVar(&o.crowd, "crowd", "bin/crowd", "the program of many listeners")
	flag.StringVar(&o.speech, "speech", "cmd/stoa/testdata/speech", "folder of the clips")
	flag.BoolVar(&o.keep, "keep", false, "keep the logs of tries that went well, too")
	flag.BoolVar(&o.talk, "v", false, "tell of every try")
	flag.Parse()
	o.files = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := o.perform(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// perform runs what was asked for and prints the table.
func (o *options) perform(ctx context.Context) (ok bool, err error) {
	all, err := o.load()
	if err != nil {
		return false, err
	}
	b := &bench{clips: map[string]*hear.Sought{}}
	for path, into := range map[string]*string{o.stoa: &b.stoa, o.crowd: &b.crowd, o.speech: &b.speech} {
		if *into, err = filepath.Abs(path); err != nil {
			return false, err
		}
	}
	for _, letter := range "abcdefghij" {
		if b.clips[string(letter)], err = hear.Seek(filepath.Join(b.speech, string(letter)+".wav")); err != nil {
			return false, err
		}
	}
	if err := network.Sweep(ctx); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "stoa-lab-")
	if err != nil {
		return false, err
	}
	number := 0
	var rows []*row
	kept := false
	for _, sc := range all {
		r := &row{name: sc.Name(), sc: sc}
		for n := range o.triesOf(sc) {
			if ctx.Err() != nil {
				break
			}
			number++
			at := filepath.Join(dir, fmt.Sprintf("%s-%d", strings.ReplaceAll(sc.Name(), " ", "-"), n+1))
			began := time.Now()
			out := b.perform(ctx, sc, number, at)
			if o.talk || len(out.failed()) > 0 {
				fmt.Printf("%s, try %d (%.1f s):\n", sc.Name(), n+1, time.Since(began).Seconds())
				for _, m := range out.measures {
					fmt.Printf("    %s: ok %v, %v, %s %s\n", m.what, m.ok, m.took.Round(time.Millisecond), m.way, m.why)
				}
			}
			if len(out.failed()) > 0 || o.keep {
				out.dir, kept = at, true
				fmt.Printf("    %s\n    logs: %s\n", strings.Join(out.failed(), "\n    "), at)
			} else if err := os.RemoveAll(at); err != nil {
				return false, err
			}
			r.tries = append(r.tries, out)
		}
		rows = append(rows, r)
	}
	if !kept {
		os.RemoveAll(dir)
	}
	ok = printTable(os.Stdout, rows)
	return ok && ctx.Err() == nil, ctx.Err()
}

func (o *options) triesOf(sc *scenario.Scenario) int {
	switch {
	case o.tries > 0:
		return o.tries
	case o.set == "all":
		return sc.Tries.All
	}
	return sc.Tries.Short
}

// load reads the scenarios that were asked for.
func (o *options) load() ([]*scenario.Scenario, error) {
	if o.set != "short" && o.set != "all" {
		return nil, fmt.Errorf("-set is short or all, not %s", o.set)
	}
	fits, err := regexp.Compile(o.run)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	var names []string
	if len(o.files) == 0 {
		entries, err := fs.Glob(scenarios, "scenarios/*.lab")
		if err != nil {
			return nil, err
		}
		for _, name := range entries {
			b, err := scenarios.ReadFile(name)
			if err != nil {
				return nil, err
			}
			texts[name], names = string(b), append(names, name)
		}
	}
	for _, name := range o.files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts[name], names = string(b), append(names, name)
	}
	var all []*scenario.Scenario
	for _, name := range names {
		some, err := scenario.Parse(name, texts[name])
		if err != nil {
			return nil, err
		}
		for _, sc := range some {
			if fits.MatchString(sc.Name()) && o.triesOf(sc) > 0 {
				all = append(all, sc)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no scenario fits")
	}
	return all, nil
}
