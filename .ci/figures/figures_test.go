package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	merged := map[string]string{} // what go test prints of each benchmark, each metric being 1
	for _, f := range figures {
		key := "pkg: stoa/" + f.pkg + "\nBenchmark" + f.bench + "-2 \t 10"
		for _, p := range placeholder.FindAllString(f.reached, -1) {
			merged[key] += "\t 1 " + strings.Trim(p, "{}")
		}
	}
	var whole strings.Builder
	for key, metrics := range merged {
		whole.WriteString(key + metrics + "\t 7.4 %other\nPASS\n")
	}
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"all", whole.String(), true},
		{"nothing", "", false},
		{"one is missing", strings.Replace(whole.String(), "BenchmarkMouthToEar", "BenchmarkOther", 1), false},
		{"a metric is missing", strings.Replace(whole.String(), "ms-p95", "ms-p96", 1), false},
		{"one failed", whole.String() + "--- FAIL: BenchmarkAdd\n", false},
		{"one did not build", whole.String() + "FAIL\tstoa/node [build failed]\n", false},
	}
	for _, tt := range tests {
		var out strings.Builder
		if ok := run(strings.NewReader(tt.in), &out); ok != tt.ok {
			t.Errorf("%s: well is %v\n%s", tt.name, ok, out.String())
		}
		if !strings.HasPrefix(out.String(), tt.in) {
			t.Errorf("%s: what go test printed is not shown", tt.name)
		}
	}
}

func TestParse(t *testing.T) {
	name, metrics, ok := parse("BenchmarkPlayedInTime/rtt=40ms-2  \t 1\t39371210119 ns/op\t 99.69 %intime/loss=0")
	if !ok || name != "PlayedInTime/rtt=40ms" || metrics["ns/op"] != 39371210119 || metrics["%intime/loss=0"] != 99.69 || len(metrics) != 2 {
		t.Errorf("%q %v %v", name, metrics, ok)
	}
	for _, line := range []string{"", "PASS", "ok  \tstoa/node\t0.6s", "BenchmarkSeal", "BenchmarkSeal-2 10 x ns/op", "BenchmarkSeal skipped: no /proc"} {
		if _, _, ok := parse(line); ok {
			t.Errorf("took %q", line)
		}
	}
}

func TestNumbers(t *testing.T) {
	for ns, want := range map[float64]string{930.6: "931 ns", 172734: "173 us", 2653559: "2.65 ms", 1367793696: "1.37 s", 0.5: "0.5 ns"} {
		if got := duration(ns); got != want {
			t.Errorf("%v ns is %q", ns, got)
		}
	}
	for v, want := range map[float64]string{99.7213: "99.72", 100: "100", 98.42: "98.4", 0.02376: "0.0238", 41.19: "41.2"} {
		if got := number(v); got != want {
			t.Errorf("%v is %q", v, got)
		}
	}
}
