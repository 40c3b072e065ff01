// The command relay: a peer that carries rooms on and is nobody in them.

package main

import (
	"bufio"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
)

// relayUnit is what systemd needs to keep a relay host running.
//
//go:embed relay/stoa-relay.service
var relayUnit string

// maxSlots is the largest number of listeners that an advertisement can name.
const maxSlots = math.MaxUint16

func relayCommand() *command {
	return &command{
		name:    "relay",
		summary: "carry the voices of rooms on to many listeners",
		usage:   "[LINK …]",
		about: `A relay passes on sealed voices that it cannot hear or forge. Each LINK is one of
stoa invite --role relay; a LINK of - reads them from standard input, one a line.
The rooms are kept: the next run returns to them without a link. With no room
at all it still helps others to find and reach each other.
Ctrl-C or SIGTERM moves the listeners to other relays first; a second one does not wait.`,
		example: `stoa relay stoa:j/AQx3…
stoa relay --any --slots 500 --up 20mbit --metrics 127.0.0.1:9090
stoa relay --bootstrap none --listen /ip4/0.0.0.0/udp/4001/quic-v1
stoa relay --unit`,
		setup: func(fs *flag.FlagSet) action {
			var f relayFlags
			f.add(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				if f.unit {
					if err := tooMany(words, 0); err != nil {
						return err
					}
					_, err := io.WriteString(c.stdout, relayUnit)
					return err
				}
				return c.relay(ctx, &f, words)
			}
		},
	}
}

// relayFlags are those of a relay host.
type relayFlags struct {
	netFlags
	slots       int
	up          string
	metrics     string
	any         bool
	topic, lang string
	name        string
	limit       time.Duration
	unit        bool
}

func (f *relayFlags) add(fs *flag.FlagSet) {
	f.netFlags.add(fs)
	fs.IntVar(&f.slots, "slots", app.DefaultSlots, fmt.Sprintf("`N` listeners at most, of all rooms together (default %d)", app.DefaultSlots))
	fs.StringVar(&f.up, "up", "", "`RATE` at most of all that goes to listeners, such as 20mbit (default: no bound)")
	fs.StringVar(&f.metrics, "metrics", "", "serve figures for Prometheus and /healthz on `HOST:PORT`, such as 127.0.0.1:9090")
	fs.BoolVar(&f.any, "any", false, "also carry public rooms that welcome volunteers")
	fs.StringVar(&f.topic, "topic", "", "with --any: only rooms of this `TOPIC`")
	fs.StringVar(&f.lang, "lang", "", "with --any: only rooms in this `LANG`")
	fs.StringVar(&f.name, "name", "", "`NAME` that others see; kept for the next time")
	fs.DurationVar(&f.limit, "for", 0, "end by itself after `DURATION`, such as 30s or 2h")
	fs.BoolVar(&f.unit, "unit", false, "print a systemd unit that keeps a relay running, and do nothing else")
}

// relayConfig makes what app.Config holds for a relay host.
func (f *relayFlags) relayConfig() (*app.RelayConfig, error) {
	switch {
	case f.limit < 0:
		return nil, &usageError{text: "--for must be longer than nothing"}
	case f.slots < 1 || f.slots > maxSlots:
		return nil, &usageError{text: fmt.Sprintf("--slots is a number from 1 to %d", maxSlots)}
	case !f.any && (f.topic != "" || f.lang != ""):
		return nil, &usageError{text: "--topic and --lang choose among rooms that welcome volunteers", hint: "add --any"}
	}
	up, err := parseRate(f.up)
	if err != nil {
		return nil, err
	}
	metrics, err := metricsAddr(f.metrics)
	if err != nil {
		return nil, err
	}
	return &app.RelayConfig{Slots: f.slots, Up: up, Metrics: metrics, Any: f.any, Topic: f.topic, Lang: f.lang}, nil
}

// relay runs a relay host until it is told to end.
func (c *cli) relay(ctx context.Context, f *relayFlags, words []string) error {
	serve, err := f.relayConfig()
	if err != nil {
		return err
	}
	links, err := c.links(words)
	if err != nil {
		return err
	}
	cfg, log, err := f.netFlags.config(c.started, c.stderr)
	if err != nil {
		return err
	}
	defer log.Close()
	cfg.In, cfg.Out, cfg.Name, cfg.Relay = "silence", "none", f.name, serve
	if exposed(serve.Metrics) {
		printWarning(c.stderr, "everybody who reaches "+serve.Metrics+" can read which rooms are carried here", "--metrics 127.0.0.1:9090 keeps them to this machine")
	}
	p := c.newPrinter(&nodeFlags{netFlags: f.netFlags}, false)
	p.relay = true
	d := c.newDesk(cfg)
	d.serving = never
	_, err = c.runNode(ctx, d, cfg, p, f.limit, app.RelayRooms{Links: links})
	return err
}

// maxLinks bounds how many links one relay is given at a start.
const maxLinks = 256

// links returns the links among words; a word of - stands for those on
// standard input, one a line, with empty lines and lines that begin with #
// between them.
func (c *cli) links(words []string) ([]string, error) {
	var links []string
	for _, w := range words {
		if w == "" {
			return nil, needs("LINK")
		}
		if w != "-" {
			links = append(links, w)
			continue
		}
		lines := bufio.NewScanner(io.LimitReader(c.stdin, maxLinks*maxLink))
		lines.Buffer(nil, maxLink)
		for lines.Scan() {
			if l := strings.TrimSpace(lines.Text()); l != "" && l[0] != '#' {
				links = append(links, l)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("cannot read the links: %w", err)
		}
	}
	if len(links) > maxLinks {
		return nil, &usageError{text: fmt.Sprintf("more than %d links", maxLinks)}
	}
	slices.Sort(links)
	return slices.Compact(links), nil
}

// rates are the units of --up, in bits a second. Network links are sold in
// powers of ten.
var rates = []struct {
	unit string
	bits float64
}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}

// parseRate reads a rate such as 20mbit and returns bytes a second; 0 for
// nothing.
func parseRate(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	bad := &usageError{text: "--up is not a rate: " + text, hint: "write it like 800kbit, 20mbit or 1gbit"}
	lower := strings.TrimSuffix(strings.ToLower(text), "/s")
	for _, r := range rates {
		number, ok := strings.CutSuffix(lower, r.unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if bytes := n * r.bits / 8; err == nil && bytes >= 1 && bytes <= math.MaxInt32 {
			return int(bytes), nil
		}
	}
	return 0, bad
}

// metricsAddr completes --metrics. A port alone means this machine alone:
// figures are for those who run the relay.
func metricsAddr(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		if host, port = "", text; strings.Contains(text, ":") {
			port = ""
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && port != "0" {
		return "", &usageError{text: "--metrics is no address to listen on: " + text, hint: "write it like 127.0.0.1:9090"}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// exposed says that an address of metricsAddr can be reached from other
// machines, as far as its text tells.
func exposed(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}
