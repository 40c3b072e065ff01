// Outcomes, and the table of them.

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"stoa/cmd/stoa/process/lab/scenario"
)

// An outcome is what became of one try.
type outcome struct {
	measures []measure
	failure  string // why it could not be finished; empty: it was
	dir      string // where its logs are, when something failed
}

// failed says what was not as expected, one line each.
func (o *outcome) failed() []string {
	var out []string
	if o.failure != "" {
		out = append(out, o.failure)
	}
	for _, m := range o.measures {
		if !m.ok {
			out = append(out, m.what+": "+m.why)
		}
	}
	return out
}

// A row is what became of all tries of a scenario.
type row struct {
	name  string
	tries []outcome
	sc    *scenario.Scenario
}

// verdict is empty when all was as expected, and else says what was not.
func (r *row) verdict() string {
	var wrong []string
	for _, o := range r.tries {
		if o.failure != "" {
			wrong = append(wrong, o.failure)
		}
	}
	for _, st := range r.sc.Steps {
		if st.Expect == nil {
			continue
		}
		ok, all := 0, 0
		for _, o := range r.tries {
			for _, m := range o.measures {
				if m.expect == st.Expect {
					all++
					if m.ok {
						ok++
					}
				}
			}
		}
		if all > 0 && float64(ok) < st.Expect.Share*float64(all) {
			wrong = append(wrong, fmt.Sprintf("%d of %d: %s", ok, all, st.Expect.Text))
		}
	}
	return strings.Join(wrong, "; ")
}

// print writes the table.
func printTable(w io.Writer, rows []*row) (ok bool) {
	ok = true
	fmt.Fprintf(w, "%-34s %5s %6s %8s %8s %8s  %-28s %s\n", "scenario", "tries", "heard", "p50", "p95", "gap p95", "ways", "verdict")
	for _, r := range rows {
		var took, gaps []time.Duration
		heard, asked := 0, 0
		ways := map[string]int{}
		for _, o := range r.tries {
			for _, m := range o.measures {
				switch m.expect.Check {
				case scenario.Hears:
					asked++
					if m.heard {
						heard++
						took = append(took, m.took)
						ways[cmp.Or(m.way, "?")]++
					}
				case scenario.Gap:
					gaps = append(gaps, m.gap)
				}
			}
		}
		verdict := r.verdict()
		ok = ok && verdict == ""
		share := "-"
		if asked > 0 {
			share = fmt.Sprintf("%.0f%%", 100*float64(heard)/float64(asked))
		}
		fmt.Fprintf(w, "%-34s %5d %6s %8s %8s %8s  %-28s %s\n", r.name, len(r.tries), share,
			at(took, 0.5), at(took, 0.95), at(gaps, 0.95), counts(ways), cmp.Or(verdict, "ok"))
	}
	return ok
}

// at is a quantile, to print.
func at(d []time.Duration, q float64) string {
	if len(d) == 0 {
		return "-"
	}
	slices.Sort(d)
	i := min(int(q*float64(len(d))), len(d)-1)
	return d[i].Round(time.Millisecond).String()
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
