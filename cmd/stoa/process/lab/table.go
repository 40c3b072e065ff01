//go:build linux

// Outcomes, and the table of them.

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"stoa/cmd/stoa/process/lab/scenario"
)

// An outcome is what became of one try.
type outcome struct {
	measures []*measure
	failure  string // why it could not be finished; empty: it was
	dir      string // where what it left is kept; empty: it is not
	took     time.Duration
	cpu      time.Duration // that all programs took, together
}

// failed says what was not as expected, one line each.
func (o *outcome) failed() []string {
	var out []string
	if o.failure != "" {
		out = append(out, o.failure)
	}
	for _, m := range o.measures {
		if m.why != "" {
			out = append(out, m.what+": "+m.why)
		}
	}
	return out
}

// String tells of a measure in one line.
func (m *measure) String() string {
	words := []string{m.what + ":"}
	if m.why == "" {
		words = append(words, "ok")
	}
	for _, d := range []struct {
		name string
		time time.Duration
	}{{"after", m.took}, {"gap", m.gap}, {"delay", m.delay}} {
		if d.time > 0 {
			words = append(words, d.name, d.time.Round(time.Millisecond).String())
		}
	}
	if m.intime > 0 {
		words = append(words, fmt.Sprintf("%.2f%% in time", 100*m.intime))
	}
	if m.way != "" {
		words = append(words, "by "+m.way)
	}
	if m.why != "" {
		words = append(words, "NOT AS EXPECTED: "+m.why)
	}
	return strings.Join(words, " ")
}

// A row is what became of all tries of a scenario.
type row struct {
	sc    *scenario.Scenario
	tries []outcome
}

// each calls f with every measure of a kind.
func (r *row) each(c scenario.Check, f func(*measure)) {
	for _, o := range r.tries {
		for _, m := range o.measures {
			if m.expect.Check == c {
				f(m)
			}
		}
	}
}

// verdict says what was not as expected, a line each, none when all was. An expectation
// with a share may fail in the rest of the tries; a try that was not finished fails all
// expectations that it did not come to.
func (r *row) verdict() []string {
	var wrong []string
	for _, st := range r.sc.Steps {
		if st.Expect == nil {
			continue
		}
		held, why := 0, ""
		for _, o := range r.tries {
			if ok, first := o.held(st.Expect); ok {
				held++
			} else if why == "" {
				why = first
			}
		}
		if n := len(r.tries); float64(held) < st.Expect.Share*float64(n) {
			wrong = append(wrong, fmt.Sprintf("line %d held in %d of %d: %s (%s)", st.Line, held, n, st.Expect.Text, why))
		}
	}
	return wrong
}

// held says whether an expectation held in a try for all whom it names, and else why not.
func (o *outcome) held(e *scenario.Expect) (ok bool, why string) {
	measured := false
	for _, m := range o.measures {
		if m.expect == e {
			measured = true
			if m.why != "" {
				return false, m.what + ": " + m.why
			}
		}
	}
	if !measured {
		return false, cmp.Or(o.failure, "it was not measured")
	}
	return true, ""
}

// printTable writes a line for each scenario, and under it what was not as expected. It
// says whether all was.
func printTable(w io.Writer, rows []*row) (ok bool) {
	ok = true
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\ttries\theard\tsound p50\tp95\tgap p95\tin time\tways\tverdict")
	for _, r := range rows {
		wrong := r.verdict()
		ok = ok && len(wrong) == 0
		verdict := "ok"
		if len(wrong) > 0 {
			verdict = "FAILED"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", r.sc.Name(), len(r.tries), r.figures(), verdict)
	}
	t.Flush()
	for _, r := range rows {
		for _, text := range r.verdict() {
			fmt.Fprintf(w, "%s: %s\n", r.sc.Name(), strings.ReplaceAll(text, "\n", " "))
		}
	}
	return ok
}

// figures are those of a scenario: heard, first sound p50 and p95, gap p95, in time, ways.
func (r *row) figures() string {
	var took, gaps []time.Duration
	heard, asked := 0, 0
	ways := map[string]int{}
	r.each(scenario.Hears, func(m *measure) {
		asked++
		if m.heard {
			heard++
			took = append(took, m.took)
			ways[cmp.Or(m.way, "unknown")]++
		}
	})
	final := map[string]int{}
	r.each(scenario.By, func(m *measure) { final[cmp.Or(m.way, "none")]++ })
	if len(final) > 0 {
		ways = final
	}
	r.each(scenario.Gap, func(m *measure) { gaps = append(gaps, m.gap) })
	intime, played := 0.0, 0
	r.each(scenario.Plays, func(m *measure) { intime, played = intime+m.intime, played+1 })
	return strings.Join([]string{
		percent(float64(heard), asked, "%.0f%%"), quantile(took, 50), quantile(took, 95), quantile(gaps, 95),
		percent(intime, played, "%.2f%%"), counts(ways),
	}, "\t")
}

func percent(part float64, all int, format string) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf(format, 100*part/float64(all))
}

// quantile is the smallest of some times that so many percent of them do not exceed.
func quantile(d []time.Duration, percent int) string {
	if len(d) == 0 {
		return "-"
	}
	slices.Sort(d)
	return d[max(0, (len(d)*percent+99)/100-1)].Round(time.Millisecond).String()
}

// counts prints how often each way was taken, the most frequent first.
func counts(ways map[string]int) string {
	var names []string
	for w := range ways {
		names = append(names, w)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(ways[b]-ways[a], strings.Compare(a, b)) })
	for i, w := range names {
		names[i] = fmt.Sprintf("%s %d", w, ways[w])
	}
	return cmp.Or(strings.Join(names, ", "), "-")
}
