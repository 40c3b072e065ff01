// Command load measures what a relay costs: it plays the speakers and the
// listeners of a room, against a real `stoa relay` process on loopback, and reads
// that process's figures in /proc. Linux only.
//
//	load -stoa bin/stoa -listeners 200 -speakers 1      one run, one line of JSON
//	load -bare -listeners 200 -speakers 1               the same bytes by bare sendmmsg
//	load bench -stoa bin/stoa -rounds 3 1:50 5:100      all in turn, and a table
//
// With PERFLOAD in the environment, bench runs that program too: a load generator
// with the commands relay and load, for relays of other makes. It brings the rows
// of a bare batching relay and, where murmurd is installed, of mumble-server.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	payloadSize = 80                    // bytes of a frame: Opus at 32 kbit/s
	frameTime   = 20 * time.Millisecond // of one frame
	packetTime  = 2 * frameTime         // of a packet for relays
)

// options are what the command line says of one run.
type options struct {
	stoa      string
	listeners int
	speakers  int
	window    time.Duration
	atOnce    int
	probes    int
	bare      bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) > 0 && args[0] == "bench":
		return bench(ctx, args[1:])
	case len(args) > 0 && args[0] == "spread":
		return spread() // the server of -bare
	}
	var o options
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	fs.StringVar(&o.stoa, "stoa", "bin/stoa", "the program to measure")
	fs.IntVar(&o.listeners, "listeners", 50, "how many listen")
	fs.IntVar(&o.speakers, "speakers", 1, "how many speak, without a pause")
	fs.DurationVar(&o.window, "for", 6*time.Second, "how long to measure")
	fs.IntVar(&o.atOnce, "at-once", 4, "how many join at a time")
	fs.IntVar(&o.probes, "probes", 5, "who join the full room, one after the other")
	fs.BoolVar(&o.bare, "bare", false, "measure bare sendmmsg of the same bytes")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 || o.listeners < 1 || o.speakers < 1 {
		return fmt.Errorf("usage: load [flags], load bench [flags] SPEAKERS:LISTENERS …")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	measured := measureRelay
	if o.bare {
		measured = measureBare
	}
	r, err := measured(ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
