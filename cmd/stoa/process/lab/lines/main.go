//go:build linux

// Lines measures what becomes of a voice on bad lines: the real program, with real
// speech, in network namespaces around package hop. It needs root, ip(8), sysctl(8) and chrt(1).
//
//	go build -o bin/lines ./cmd/stoa/process/lab/lines
//	bin/lines [-stoa bin/stoa] [-for 25s] [-seed 1] [scene ...]     scenes by a part of their name
//
// It prints a table. For each scene: the share of the frames spoken that were played in
// their turn, as sent or repaired from the packet after; the share of what was heard that
// was made up; the way from mouth to ear, found in the recording; what the speaker chose;
// what it sent, in kbit/s of whole IP packets; and how late the hop was itself.
//
// With PERFLOAD=program in the environment there is a column of another make: the program
// is run as
//
//	program share -role speak|hear -addr HOST:64738 -dur D
//
// against a mumble-server in the middle, over the same lines with the same seed. The hearing
// one prints {"frames":N,"in_time":N,"delay_p50_ms":X}, where a frame is in time that
// came at most 100 ms after the fastest: what it would have been played with is not modelled.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	runtime.GOMAXPROCS(runtime.NumCPU() + 8) // so that no pump waits for its turn: see hop.Pump.Run
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lines:", err)
		os.Exit(1)
	}
}

// options are what is the same for all scenes.
type options struct {
	stoa    string
	clip    string
	measure time.Duration
	seed    uint64
	verbose bool
}

func run(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("lines", flag.ContinueOnError)
	fs.StringVar(&o.stoa, "stoa", "bin/stoa", "the program to measure")
	fs.StringVar(&o.clip, "clip", "cmd/stoa/testdata/speech/a.wav", "what is said")
	fs.DurationVar(&o.measure, "for", 25*time.Second, "how long each scene is measured")
	fs.BoolVar(&o.verbose, "v", false, "tell each change of what the speaker chooses")
	fs.Uint64Var(&o.seed, "seed", 1, "decides what is lost")
	if err := fs.Parse(args); err != nil {
		return err
	}
	fmt.Println(header)
	failed := 0
	for i, s := range scenes {
		if !wanted(s.name, fs.Args()) {
			continue
		}
		row, err := s.play(ctx, &o, i)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed++
			fmt.Printf("| %s | %v |\n", s.name, err)
			continue
		}
		fmt.Println(row)
	}
	if failed > 0 {
		return fmt.Errorf("%d scenes failed", failed)
	}
	return nil
}

func wanted(name string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(name, p) {
			return true
		}
	}
	return len(parts) == 0
}
