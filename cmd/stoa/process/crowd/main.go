// Command crowd is an audience for tests and for figures: many listeners, each
// a whole node with a home of its own, in one process. It prints what happens
// to them as JSON, one object a line, and takes orders from standard input.
//
//	crowd -n 100 LINK
//
//	report   prints a [report]; the silences in it are those since the report before
//	quit     ends, as the end of the input and SIGTERM do, after a last report
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/identity"
)

// lazy is by how many percent the heap may grow before it is cleared up.
const lazy = 400

// options are what the command line says.
type options struct {
	link      string
	n         int
	record    int
	dir       string
	bootstrap string
	listen    string
	every     time.Duration
	first     int
	log       string
	profile   string
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 10, "how many listeners")
	flag.IntVar(&o.record, "record", 0, "how many of them write what they hear to DIR/heard-N.wav")
	flag.StringVar(&o.dir, "dir", "", "folder of homes and recordings (default: a temporary one)")
	flag.StringVar(&o.bootstrap, "bootstrap", "", "ADDR,… of a private network (default: the addresses in the link alone)")
	flag.StringVar(&o.listen, "listen", "/ip4/127.0.0.1/udp/0/quic-v1", "ADDR,… that each listens on")
	flag.DurationVar(&o.every, "every", 20*time.Millisecond, "pause between two who come")
	flag.IntVar(&o.first, "first", 0, "number of the first one")
	flag.StringVar(&o.log, "log", "", "file for their technical log")
	flag.StringVar(&o.profile, "cpuprofile", "", "file for a profile of the processor time they take")
	flag.Parse()
	o.link = flag.Arg(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

// run keeps the listeners going until ctx ends or in says so.
func run(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "stoa-crowd-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	log := slog.New(slog.DiscardHandler)
	if o.log != "" {
		f, err := os.Create(o.log)
		if err != nil {
			return err
		}
		defer f.Close()
		log = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	slog.SetDefault(log)
	identity.Share()         // all listeners verify the same packets
	debug.SetGCPercent(lazy) // there is more memory than time

	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}

	ctx, quit := context.WithCancel(ctx)
	defer quit()
	c := &crowd{out: json.NewEncoder(out), listeners: make([]*listener, o.n)}
	for i := range c.listeners {
		c.listeners[i] = &listener{crowd: c, n: o.first + i}
	}
	go c.obey(in, quit) // which may stay in its last read until the process ends

	var living sync.WaitGroup
	for i, l := range c.listeners {
		cfg := app.Config{
			Home:    filepath.Join(o.dir, fmt.Sprintf("home-%d", l.n)),
			Network: "links",
			Listen:  strings.Split(o.listen, ","),
			In:      "silence",
			Out:     "none",
			Name:    fmt.Sprintf("listener %d", l.n),
			Emit:    l.event,
			Log:     log.With("listener", l.n),
			Started: time.Now(),
		}
		if o.bootstrap != "" && o.bootstrap != "none" {
			cfg.Network, cfg.Bootstrap = "private", strings.Split(o.bootstrap, ",")
		}
		if i < o.record {
			cfg.Out = filepath.Join(o.dir, fmt.Sprintf("heard-%d.wav", l.n))
		}
		living.Go(func() { l.live(ctx, cfg, o.link) })
		select {
		case <-time.After(o.every):
		case <-ctx.Done():
		}
	}
	living.Wait()
	c.report()
	return nil
}

// crowd is all listeners.
type crowd struct {
	listeners []*listener

	mu  sync.Mutex
	out *json.Encoder
}

func (c *crowd) print(line any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.out.Encode(line) // nobody reads any more
}

// obey carries out the orders of in.
func (c *crowd) obey(in io.Reader, quit func()) {
	defer quit()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		switch lines.Text() {
		case "report":
			c.report()
		case "quit":
			return
		}
	}
}

// news is one line about one listener.
type news struct {
	Event string `json:"event"`    // joined, sound, relay, error, left
	N     int    `json:"listener"` // its number
	MS    int64  `json:"ms"`       // joined, sound: since it was started; relay: without sound
	Who   string `json:"who,omitempty"`
	Text  string `json:"text,omitempty"`
}

// report is how all of them are.
type report struct {
	Event     string  `json:"event"` // report
	Joined    int     `json:"joined"`
	Heard     int     `json:"heard"`   // who have heard somebody
	Carried   int     `json:"carried"` // who have a primary
	Quiet     int     `json:"quiet"`   // who are out of gossip
	Left      uint64  `json:"left"`    // relays that were left because they failed
	Silence   float64 `json:"silence_ms"`
	Listeners []state `json:"listeners"`
}

// state is how one of them is.
type state struct {
	N       int               `json:"listener"`
	Joined  int64             `json:"joined_ms"` // -1: not yet
	Sound   int64             `json:"sound_ms"`  // -1: not yet
	Primary string            `json:"primary,omitempty"`
	Shadow  string            `json:"shadow,omitempty"`
	Carrier string            `json:"carrier,omitempty"`
	Loss    float64           `json:"loss"`
	Quiet   bool              `json:"quiet"`
	Left    uint64            `json:"left"`
	Silence float64           `json:"silence_ms"` // the longest while a speaker spoke, since the report before
	Seconds float64           `json:"seconds"`    // of speech, of all speakers together
	Links   int               `json:"links"`      // people whom it is linked to directly
	Refused map[string]uint64 `json:"refused,omitempty"`
}

func (c *crowd) report() {
	r := report{Event: "report"}
	for _, l := range c.listeners {
		s := l.take()
		r.Listeners = append(r.Listeners, s)
		r.Silence = max(r.Silence, s.Silence)
		r.Left += s.Left
		r.Joined += count(s.Joined >= 0)
		r.Heard += count(s.Sound >= 0)
		r.Carried += count(s.Primary != "")
		r.Quiet += count(s.Quiet)
	}
	c.print(r)
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// listener is one of them.
type listener struct {
	crowd *crowd
	n     int

	mu     sync.Mutex
	joined *int64
	sound  *int64
	stats  app.Stats // the newest
	silent float64
}

// live joins and stays.
func (l *listener) live(ctx context.Context, cfg app.Config, link string) {
	s, err := app.Open(cfg)
	if err == nil {
		err = s.Run(ctx, app.JoinRoom{Link: link})
	}
	if err != nil && ctx.Err() == nil {
		l.crowd.print(news{Event: "error", N: l.n, Text: err.Error()})
	}
}

// event takes what the node tells.
func (l *listener) event(e app.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := news{Event: e.Kind, N: l.n, Who: e.Who, Text: cmp.Or(e.Text, e.Why)}
	if e.MS != nil {
		line.MS = *e.MS
	}
	switch e.Kind {
	case app.EventJoined:
		l.joined = e.MS
	case app.EventSound:
		if l.sound == nil {
			l.sound = e.MS
		}
	case app.EventStats:
		l.stats = *e.Stats
		for _, s := range e.Stats.Speakers {
			l.silent = max(l.silent, s.Silence)
		}
		return
	case app.EventRelay, app.EventError, app.EventLeft:
	default:
		return
	}
	l.crowd.print(line)
}

// take returns how it is, and begins to look for the longest silence anew.
func (l *listener) take() state {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := state{N: l.n, Joined: -1, Sound: -1, Silence: l.silent, Refused: l.stats.Refused}
	l.silent = 0
	if l.joined != nil {
		s.Joined = *l.joined
	}
	if l.sound != nil {
		s.Sound = *l.sound
	}
	if r := l.stats.Relays; r != nil {
		s.Primary, s.Shadow, s.Carrier, s.Loss, s.Quiet, s.Left = r.Primary, r.Shadow, r.Carrier, r.Loss, r.Quiet, r.Left
	}
	for _, sp := range l.stats.Speakers {
		s.Seconds += sp.Seconds
	}
	s.Links = l.stats.Links
	return s
}
