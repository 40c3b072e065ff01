//go:build linux

// Command lab is the laboratory: it runs scenarios on networks of its own, made of
// Linux network namespaces, with real programs and real speech, and prints a table
// of what became of them. It needs root, ip and nft. make lab builds all it needs:
//
//	make lab                          the short set
//	make lab LAB=all                  everything, with many tries
//	make lab RUN='nat.*port'          scenarios whose name fits
//	bin/lab -v -tries 3 my.lab        a file of one's own, three times
//
// Package scenario says how a scenario is written; the folder scenarios holds those of
// the project. Several laboratories may run at once. What the programs of a failed try
// printed, logged and heard is kept in a folder that is named.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"stoa/cmd/stoa/process/clock"
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
	jobs   int
	seed   uint64
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
	flag.IntVar(&o.jobs, "jobs", 2*runtime.NumCPU(), "how many tries run at the same time: they do little but wait")
	flag.Uint64Var(&o.seed, "seed", 1, "of bad lines: try n of each scenario has seed + n")
	flag.StringVar(&o.stoa, "stoa", "bin/stoa", "the program")
	flag.StringVar(&o.crowd, "crowd", "bin/crowd", "the program of many listeners")
	flag.StringVar(&o.speech, "speech", "cmd/stoa/testdata/speech", "folder of the clips")
	flag.BoolVar(&o.keep, "keep", false, "keep what tries that went well have left, too")
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

// perform runs what was asked for, prints the table, and says whether all was as
// expected.
func (o *options) perform(ctx context.Context) (ok bool, err error) {
	all, err := o.load()
	if err != nil {
		return false, err
	}
	if os.Geteuid() != 0 {
		return false, errors.New("only root can make networks; try: sudo make lab")
	}
	if err := network.Sweep(ctx); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "stoa-lab-")
	if err != nil {
		return false, err
	}
	defer os.Remove(dir) // unless something is kept in it
	props := filepath.Join(dir, "props")
	defer os.RemoveAll(props)
	b, err := o.bench(ctx, all, props)
	if err != nil {
		return false, err
	}
	ok = printTable(os.Stdout, o.runAll(ctx, b, all, dir))
	return ok, ctx.Err()
}

// load reads the scenarios that were asked for.
func (o *options) load() ([]*scenario.Scenario, error) {
	if o.set != "short" && o.set != "all" {
		return nil, fmt.Errorf("-set is short or all, not %s", o.set)
	}
	if o.jobs < 1 || o.tries < 0 {
		return nil, errors.New("-jobs is above 0, and -tries not below")
	}
	fits, err := regexp.Compile(o.run)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	files, read := o.files, os.ReadFile
	if len(files) == 0 {
		read = scenarios.ReadFile
		if files, err = fs.Glob(scenarios, "scenarios/*.lab"); err != nil {
			return nil, err
		}
	}
	var all []*scenario.Scenario
	for _, name := range files {
		text, err := read(name)
		if err != nil {
			return nil, err
		}
		variants, err := scenario.Parse(name, string(text))
		if err != nil {
			return nil, err
		}
		for _, sc := range variants {
			if fits.MatchString(sc.Name()) && o.triesOf(sc) > 0 {
				all = append(all, sc)
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no scenario fits")
	}
	return all, nil
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

// bench finds the programs and prepares what the scenarios need, in a folder that it
// makes: clips without a breath, and a program with another clock.
func (o *options) bench(ctx context.Context, all []*scenario.Scenario, props string) (*bench, error) {
	if err := os.Mkdir(props, 0o700); err != nil {
		return nil, err
	}
	b := &bench{files: map[string]string{}, clips: map[string]*hear.Sought{}}
	var err error
	if b.stoa, err = filepath.Abs(o.stoa); err != nil {
		return nil, err
	}
	if b.crowd, err = filepath.Abs(o.crowd); err != nil {
		return nil, err
	}
	for _, sc := range all {
		for _, n := range sc.Nodes {
			if n.Clock != 0 && b.shifted == "" {
				if b.shifted, err = clock.Build(ctx, props); err != nil {
					return nil, err
				}
			}
			if n.Says != "" && b.files[n.Says] == "" {
				if err := b.addClip(n.Says, o.speech, props); err != nil {
					return nil, err
				}
			}
		}
	}
	return b, nil
}

// addClip prepares a clip of a folder, to be said and to be looked for.
func (b *bench) addClip(says, speech, props string) (err error) {
	letter, breathless := strings.CutSuffix(says, "+")
	path, err := filepath.Abs(filepath.Join(speech, letter+".wav"))
	if err != nil {
		return err
	}
	if breathless {
		made := filepath.Join(props, says+".wav")
		if err := hear.WriteMarked(made, path); err != nil {
			return err
		}
		path = made
	}
	b.files[says] = path
	b.clips[says], err = hear.Seek(path)
	return err
}
