// Figures reads what "go test -bench" prints, of one run or several one after
// another, and ends with one table of the figures that count: what was reached, what
// is asked (DESIGN.md, section 9), and which benchmark to run for it. It exits with 1
// when a benchmark failed or a figure is missing.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A figure is one line of the table.
type figure struct {
	what    string
	bench   string // without Benchmark
	pkg     string // without stoa/
	reached string // names metrics in braces, as go test does
	asked   string
}

const process = "cmd/stoa/process"

var figures = []figure{
	{"link to first sound, hints in the link", "LinkToFirstSound/hints", process, "p50 {ms-p50} ms, p95 {ms-p95} ms", "p95 300 ms"},
	{"- from having joined", "LinkToFirstSound/hints", process, "p50 {ms-from-joined-p50} ms, p95 {ms-from-joined-p95} ms", ""},
	{"link to first sound, private DHT, no hints", "LinkToFirstSound/dht", process, "p50 {ms-p50} ms, p95 {ms-p95} ms", "p95 1.5 s at RTT 100 ms"},
	{"- from having joined", "LinkToFirstSound/dht", process, "p50 {ms-from-joined-p50} ms, p95 {ms-from-joined-p95} ms", ""},
	{"mouth to ear, files as devices", "MouthToEar", process, "p50 {ms-p50} ms, p95 {ms-p95} ms", "p50 60 ms, p95 80 ms"},
	inTime("40ms", 0, ""), inTime("40ms", 1, ""), inTime("40ms", 5, ""), inTime("40ms", 10, ""),
	inTime("100ms", 0, ""), inTime("100ms", 1, ""), inTime("100ms", 5, "99.7 %"), inTime("100ms", 10, ""),
	{"a node that hears one speaker", "ListeningNode", process, "{%core} % of a core (bare: {%core-bare} %), {MB} MB", "2 % of a core, 80 MB"},
	{"a node whose person speaks to one", "SpeakingNode", process, "{%core} % of a core (bare: {%core-bare} %), {MB} MB", ""},
	{"each of ten who all speak", "TenSpeakers", process, "{%core} % of a core (bare: {%core-bare} %), {MB} MB", ""},
	{"encode a frame of 20 ms", "Encode", "audio/opus", "{ns/op} ns", ""},
	{"decode a frame of 20 ms", "Decode", "audio/opus", "{ns/op} ns", ""},
	{"jitter buffer alone, RTT 100 ms, 5 % loss", "PlayedInTime/rtt=100ms/loss=5%/repeat=false", "audio", "{%intime} % in time, delay {ms-delay} ms", ""},
	{"- with each packet repeated", "PlayedInTime/rtt=100ms/loss=5%/repeat=true", "audio", "{%intime} % in time, delay {ms-delay} ms", ""},
	{"verify a chain of three grants", "VerifyThreeGrants", "identity", "{ns/op} ns", ""},
	{"verify a chain of three invites", "VerifyThreeInvites", "identity", "{ns/op} ns", ""},
	{"seal a packet", "Seal", "room/seal", "{ns/op} ns, {allocs/op} allocations", ""},
	{"open a packet", "Open/direct", "room/seal", "{ns/op} ns, {allocs/op} allocations", ""},
	{"open a signed packet", "Open/signed", "room/seal", "{ns/op} ns", ""},
	{"refuse a forged packet", "Refuse/tag", "room/seal", "{ns/op} ns", ""},
	{"take in an operation, log of 1,000", "Add", "room", "{ns/op} ns", ""},
	{"judge a log of 8,000 from nothing", "Evaluate/8000", "room", "{ns/op} ns", ""},
	{"dial, ask, link, first packet", "FirstPacket", "node", "{ns/op} ns", ""},
}

func inTime(rtt string, loss int, asked string) figure {
	at := fmt.Sprintf("/loss=%d}", loss)
	return figure{
		fmt.Sprintf("played in time, RTT %s, %d %% loss", strings.Replace(rtt, "ms", " ms", 1), loss),
		"PlayedInTime/rtt=" + rtt, process,
		"{%intime" + at + " %, concealed {%concealed" + at + " %, delay {ms-delay" + at + " ms", asked,
	}
}

func main() {
	if !run(os.Stdin, os.Stdout) {
		os.Exit(1)
	}
}

// run copies in to out, adds the table, and reports whether all is well.
func run(in io.Reader, out io.Writer) bool {
	all, ok, err := read(io.TeeReader(in, out))
	if err != nil {
		fmt.Fprintln(out, "figures:", err)
	}
	return table(out, all) && ok && err == nil
}

// results are the metrics of each benchmark, named by its package and name.
type results map[[2]string]map[string]float64

// read takes the metrics out of what go test prints, and tells whether it ended well.
func read(in io.Reader) (results, bool, error) {
	all, ok, pkg := results{}, true, ""
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") || strings.HasPrefix(line, "panic:") {
			ok = false
		}
		if p, is := strings.CutPrefix(line, "pkg: stoa/"); is {
			pkg = p
		}
		if name, metrics, is := parse(line); is {
			all[[2]string{pkg, name}] = metrics
		}
	}
	return all, ok, lines.Err()
}

// processors is what go test puts behind a benchmark's name.
var processors = regexp.MustCompile(`-\d+$`)

// parse reads a line such as "BenchmarkSeal-2  1000  930 ns/op  0 allocs/op".
func parse(line string) (name string, metrics map[string]float64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil, false
	}
	metrics = map[string]float64{}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", nil, false
		}
		metrics[fields[i+1]] = v
	}
	return processors.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), ""), metrics, true
}

// table prints the figures and reports whether none is missing. What other programs
// used of the machine meanwhile stands beside those that are times of the real one.
func table(out io.Writer, all results) (complete bool) {
	fmt.Fprint(out, "\nTo measure one again: go test -tags nolibopusfile -run '^$' -bench BENCHMARK -benchmem ./FOLDER\n"+
		"OTHERS is what other programs took of the processors meanwhile, in percent of one core. Bare is what\n"+
		"a Go program costs beside it that only wakes for a loudspeaker and receives as many packets as one speaker sends.\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE\tREACHED\tASKED\tOTHERS\tBENCHMARK\tFOLDER")
	complete = true
	for _, f := range figures {
		metrics := all[[2]string{f.pkg, f.bench}]
		reached, ok := fill(f.reached, metrics)
		others := ""
		if v, is := metrics["%other"]; is {
			others = fmt.Sprintf("%.0f %%", v)
		}
		if !ok {
			reached, complete = "not measured", false
		}
		fmt.Fprintln(w, strings.Join([]string{f.what, reached, f.asked, others, f.bench, f.pkg}, "\t"))
	}
	w.Flush()
	return complete
}

var (
	placeholder = regexp.MustCompile(`\{[^}]+\}`)
	nanoseconds = regexp.MustCompile(`\{ns/op\} ns`)
)

// fill puts the metrics into a template, and reports whether all are there.
func fill(template string, metrics map[string]float64) (text string, ok bool) {
	ok = true
	text = nanoseconds.ReplaceAllStringFunc(template, func(string) string {
		ns, is := metrics["ns/op"]
		ok = ok && is
		return duration(ns)
	})
	text = placeholder.ReplaceAllStringFunc(text, func(p string) string {
		v, is := metrics[p[1:len(p)-1]]
		ok = ok && is
		return number(v)
	})
	return text, ok
}

// duration writes nanoseconds in a unit of which there is one or more.
func duration(ns float64) string {
	for _, unit := range []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}} {
		if ns >= unit.ns {
			return number(ns/unit.ns) + " " + unit.name
		}
	}
	return number(ns) + " ns"
}

// number writes three digits, and four near 100, where percents of what is in time are.
func number(v float64) string {
	switch {
	case v >= 99 && v < 100:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
