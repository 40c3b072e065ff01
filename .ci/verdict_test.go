// The verdict over events such as go test -json writes.

package main

import (
	"strings"
	"testing"
)

const (
	passes  = `{"Action":"pass","Package":"p","Test":"TestA"}`
	fails   = `{"Action":"fail","Package":"p","Test":"TestB"}`
	says    = `{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:1: no network here\n"}`
	skips   = `{"Action":"skip","Package":"p","Test":"TestC"}`
	hangs   = `{"Action":"output","Package":"p","Test":"TestD","Output":"still here\n"}`
	noTests = `{"Action":"skip","Package":"q"}`
	notJSON = `go: downloading everything`
)

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		events  []string
		ok      bool // of make test
		strict  bool // of .ci/run
		printed string
	}{
		"nothing":        {nil, false, false, "no test ran"},
		"no test files":  {[]string{noTests}, false, false, "no test ran"},
		"all pass":       {[]string{passes, noTests}, true, true, ""},
		"one fails":      {[]string{passes, fails}, false, false, ""},
		"one is skipped": {[]string{passes, says, skips}, true, false, "skipped: p TestC: c_test.go:1: no network here"},
		"all skipped":    {[]string{says, skips}, false, false, "no test ran"},
		"one hangs":      {[]string{passes, hangs}, false, false, "not finished: p TestD\nstill here"},
		"other lines":    {[]string{passes, notJSON}, true, true, "go: downloading everything"},
	} {
		for _, strict := range []bool{false, true} {
			var out strings.Builder
			r := report{out: &out, output: make(map[test][]string)}
			if err := r.read(strings.NewReader(strings.Join(c.events, "\n") + "\n")); err != nil {
				t.Fatal(err)
			}
			want := c.ok
			if strict {
				want = c.strict
			}
			if got := r.conclude(strict); got != want {
				t.Errorf("%s, strict %v: verdict %v, want %v", name, strict, got, want)
			}
			if !strings.Contains(out.String(), c.printed) {
				t.Errorf("%s: printed %q, want %q in it", name, out.String(), c.printed)
			}
		}
	}
}
