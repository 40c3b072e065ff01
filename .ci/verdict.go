// Verdict runs "go test -json" with the arguments given to it, prints what a
// person wants to read of it, and decides: it exits with 1 when a test fails,
// when the time is up, when nothing ran at all, and, if asked to, when a test
// was skipped. Its last line is "N passed, N failed, N skipped".
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	limit := flag.Duration("limit", 12*time.Minute, "stop everything after this time")
	strict := flag.Bool("strict", false, "fail when a test is skipped")
	flag.Parse()
	if !run(*limit, *strict, flag.Args()) {
		os.Exit(1)
	}
}

// run runs the tests and reports whether all is well.
func run(limit time.Duration, strict bool, args []string) bool {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	// The tests are grandchildren: to stop them, stop the whole group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "verdict:", err)
		return false
	}
	r := report{out: os.Stdout, output: make(map[test][]string)}
	readErr := r.read(stdout)
	waitErr := cmd.Wait()

	ok := r.conclude(strict)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fmt.Fprintf(os.Stderr, "verdict: not done after %v\n", limit)
		ok = false
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "verdict: interrupted")
		ok = false
	case readErr != nil || waitErr != nil:
		fmt.Fprintln(os.Stderr, "verdict: go test:", errors.Join(readErr, waitErr))
		ok = false
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed, len(r.skipped))
	return ok
}

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string
}

// test names a test, or a package when name is empty.
type test struct{ pkg, name string }

// report gathers the events of a run.
type report struct {
	out     io.Writer
	output  map[test][]string // of what runs now
	passed  int
	failed  int
	skipped []string // names and reasons
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		r.out.Write(line) // not an event, so for a person
		return
	}
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		io.WriteString(r.out, e.Output)
	case "output":
		r.output[t] = append(r.output[t], e.Output)
	case "pass", "fail", "skip":
		r.finish(t, e)
		delete(r.output, t)
	}
}

// finish counts a test, or tells of a package.
func (r *report) finish(t test, e event) {
	switch {
	case t.name == "" && e.Action == "pass":
		fmt.Fprintf(r.out, "ok    %s  %.1fs\n", t.pkg, e.Elapsed)
	case t.name == "" && e.Action == "fail":
		r.print(t) // ends in a line of its own that names the package
	case t.name == "":
		fmt.Fprintf(r.out, "-     %s  no tests\n", t.pkg)
	case e.Action == "pass":
		r.passed++
	case e.Action == "fail":
		r.failed++
		r.print(t)
	default:
		r.skipped = append(r.skipped, t.pkg+" "+t.name+": "+reason(r.output[t]))
	}
}

func (r *report) print(t test) {
	for _, s := range r.output[t] {
		io.WriteString(r.out, s)
	}
}

// reason is what a skipped test said, without the lines of the test runner.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

// conclude prints what did not end and what was skipped, and reports whether
// the tests themselves are well.
func (r *report) conclude(strict bool) bool {
	finished := true
	for t := range r.output {
		if t.name != "" {
			finished = false
			fmt.Fprintf(r.out, "not finished: %s %s\n", t.pkg, t.name)
			r.print(t)
		}
	}
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", s)
	}
	switch {
	case r.passed == 0:
		fmt.Fprintln(r.out, "verdict: no test ran")
		return false
	case strict && len(r.skipped) > 0:
		fmt.Fprintln(r.out, "verdict: tests were skipped that must run")
		return false
	}
	return finished && r.failed == 0
}
