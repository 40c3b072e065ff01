//go:build linux

// What is concluded of what was measured: verdicts, quantiles, and what a recording says.

package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
	"stoa/cmd/stoa/process/lab/scenario"
)

// tried makes a row of tries of one expectation with a share. Each text is why it did not
// hold in one of them; "-" stands for a try that did not come so far.
func tried(share float64, whys ...string) *row {
	e := &scenario.Expect{Check: scenario.Hears, Share: share, Text: "b hears a"}
	r := &row{sc: &scenario.Scenario{File: "x", Steps: []scenario.Step{{Line: 7, Do: scenario.Must, Expect: e}}}}
	for _, why := range whys {
		o := outcome{}
		if why == "-" {
			o.failure = "it broke"
		} else {
			o.measures = []*measure{
				{expect: e, what: "c hears a", heard: true, took: time.Second, way: "direct"},
				{expect: e, what: "b hears a", why: why, heard: why == "", took: 2 * time.Second, way: "relay"},
			}
		}
		r.tries = append(r.tries, o)
	}
	return r
}

func TestVerdict(t *testing.T) {
	nineteen := make([]string, 19)
	for name, c := range map[string]struct {
		row  *row
		want string // part of what is wrong; empty: nothing
	}{
		"all held":                    {tried(1, "", ""), ""},
		"one did not":                 {tried(1, "", "late"), "line 7 held in 1 of 2: b hears a (b hears a: late)"},
		"a share that held":           {tried(0.95, append(nineteen, "late")...), ""},
		"a share that did not":        {tried(0.95, append(nineteen[:18], "late", "late")...), "18 of 20"},
		"a try that was not finished": {tried(1, "", "-"), "1 of 2: b hears a (it broke)"},
		"in spite of a share":         {tried(0.5, "", "", "-"), ""},
	} {
		got := strings.Join(c.row.verdict(), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		var out bytes.Buffer
		if ok := printTable(&out, []*row{tried(1, ""), c.row}); ok != (c.want == "") {
			t.Errorf("%s: ok %v\n%s", name, ok, out.String())
		}
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	printTable(&out, []*row{tried(1, "", "late")})
	want := []string{"x", "2", "75%", "1s", "2s", "-", "-", "direct", "2,", "relay", "1", "FAILED"}
	if got := strings.Fields(strings.Split(out.String(), "\n")[1]); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestQuantile(t *testing.T) {
	var d []time.Duration
	for i := range 20 {
		d = append(d, time.Duration(20-i)*time.Second)
	}
	for percent, want := range map[int]string{50: "10s", 95: "19s", 100: "20s"} {
		if got := quantile(d, percent); got != want {
			t.Errorf("%d%%: %s, want %s", percent, got, want)
		}
	}
}

// at makes moments half a second apart of ages in ms; silent ones are left out.
func at(ages ...int) []moment {
	var ms []moment
	for i, age := range ages {
		if age != silent {
			ms = append(ms, moment{time.UnixMilli(int64(500 * i)), time.Duration(age) * time.Millisecond})
		}
	}
	return ms
}

// silent stands for half a second in which there was nothing to hear.
const silent = math.MinInt

func TestMoments(t *testing.T) {
	for _, c := range []struct {
		name    string
		ms      []moment
		settled int // ms; -1: not
		stale   int // the age in ms; -1: none
		share   float64
	}{
		{"live", at(80, 90, 80, 100), 500, -1, 1},
		{"back after silence", at(silent, silent, 80, 80, 90), 1500, -1, 0.6},
		{"noise", at(3000, -900, 1700, 80, 2500), -1, -1, 0.2},
		{"old sound first", at(2600, 2650, 2600, 90, 80, 80), 2000, 2600, 0.5},
		{"one piece of noise", at(80, 80, 2600, 80, 80, 80), 2000, -1, 5.0 / 6},
		{"old sound with silence between", at(2600, silent, silent, 2600, 80, 80, 80), 2500, -1, 3.0 / 7},
		{"nothing", nil, -1, -1, 0},
	} {
		when, ok := settled(c.ms)
		if got := when.UnixMilli(); ok != (c.settled >= 0) || ok && got != int64(c.settled) {
			t.Errorf("%s: settled at %d ms, %v; want %d", c.name, got, ok, c.settled)
		}
		old, any := stale(c.ms, 800*time.Millisecond)
		if any != (c.stale >= 0) || any && old.age != time.Duration(c.stale)*time.Millisecond {
			t.Errorf("%s: stale %v, %v; want %d", c.name, old.age, any, c.stale)
		}
		all := len(c.ms)
		if c.name == "back after silence" {
			all = 5
		} else if strings.Contains(c.name, "silence between") {
			all = 7
		}
		if got := share(c.ms, all); math.Abs(got-c.share) > 1e-9 {
			t.Errorf("%s: share %.2f, want %.2f", c.name, got, c.share)
		}
	}
}

// TestChance: where a voice is not, it is recognised no more often than is said.
func TestChance(t *testing.T) {
	const (
		tries = 20_000
		clip  = 7000 // ms
	)
	random := rand.New(rand.NewPCG(3, 1))
	wrong := 0
	for range tries {
		var ms []moment
		for i := range 9 {
			age := time.Duration(random.IntN(clip)-clip/2) * time.Millisecond
			ms = append(ms, moment{time.UnixMilli(int64(500 * i)), age})
		}
		if share(ms, len(ms)) >= recognised {
			wrong++
		}
	}
	if wrong > tries/1000 {
		t.Errorf("recognised in %d of %d", wrong, tries)
	}
}

func TestLongestBelow(t *testing.T) {
	x := make([]float64, 2*hear.Rate)
	for i := range x {
		if i < hear.Rate/2 || i >= hear.Rate {
			x[i] = 0.1 * math.Sin(float64(i)/10)
		}
	}
	if got := longestBelow(x, 0.005); got != 500*time.Millisecond {
		t.Errorf("%v", got)
	}
	if got := longestBelow(x[:hear.Rate/2], 0.005); got != 0 {
		t.Errorf("a gap of %v where there is none", got)
	}
}

// TestDiffers: fields are compared by their text, and people by the names of their nodes.
func TestDiffers(t *testing.T) {
	tr := &try{sc: &scenario.Scenario{Nodes: []scenario.Node{{Name: "ann"}, {Name: "bob"}}}, people: []string{"k1", "k2"}}
	got := map[string]any{"event": "hand", "who": "k2", "up": true, "place": 1.0}
	for _, c := range []struct {
		want  [][2]string
		wrong string
	}{
		{[][2]string{{"event", "hand"}, {"who", "bob"}, {"up", "true"}, {"place", "1"}, {"muted", "false"}}, ""},
		{[][2]string{{"who", "ann"}}, "who=k2"},
		{[][2]string{{"muted", "true"}}, "muted=false"},
	} {
		if wrong := tr.differs(got, c.want); wrong != c.wrong {
			t.Errorf("%v: %q, want %q", c.want, wrong, c.wrong)
		}
	}
	if got := tr.couple("k2", "k1"); got != [2]string{"ann", "bob"} {
		t.Errorf("%v", got)
	}
}
