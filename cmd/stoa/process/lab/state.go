//go:build linux

// Expectations on what a program tells of itself and of others.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// askEvery is how often a program is asked for its state while it is not as expected.
const askEvery = 200 * time.Millisecond

// prints waits for an event with certain fields.
func (t *try) prints(ctx context.Context, m *measure, node int) error {
	limit, cancel := context.WithDeadline(ctx, t.acted.Add(m.expect.Within+overtime))
	defer cancel()
	e, err := t.programs[node].until(limit, t.acted, func(e event) bool {
		var fields map[string]any
		return json.Unmarshal(e.line, &fields) == nil && t.differs(fields, m.expect.Fields) == ""
	})
	if err != nil {
		return fmt.Errorf("does not")
	}
	return m.came(e.at.Sub(t.acted))
}

// came takes when something was as expected.
func (m *measure) came(after time.Duration) error {
	m.took = max(after, time.Millisecond)
	if m.took > m.expect.Within {
		return fmt.Errorf("after %.1f s", m.took.Seconds())
	}
	return nil
}

// differs says in which field something is not as expected, empty when in none. What is
// left out is as false, 0 or empty.
func (t *try) differs(got map[string]any, want [][2]string) string {
	for _, w := range want {
		value := w[1]
		for i, n := range t.sc.Nodes {
			if n.Name == value && t.people[i] != "" && (w[0] == "who" || w[0] == "by") {
				value = t.people[i]
			}
		}
		text := "false"
		if v, ok := got[w[0]]; ok {
			text = fmt.Sprint(v)
		}
		if text != value {
			return fmt.Sprintf("%s=%s", w[0], text)
		}
	}
	return ""
}

// is asks a node for its own line in who until that is as expected.
func (t *try) is(ctx context.Context, m *measure, node int) error {
	return t.ask(ctx, m, node, func(out []byte) string {
		var answer struct {
			People []map[string]any `json:"people"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return err.Error()
		}
		for _, p := range answer.People {
			if p["me"] == true {
				return t.differs(p, m.expect.Fields)
			}
		}
		return "it does not list itself"
	}, "who", "--json")
}

// ask steers a node by a verb until wrong finds nothing wrong in what it prints.
func (t *try) ask(ctx context.Context, m *measure, node int, wrong func([]byte) string, verb ...string) error {
	for limit := t.acted.Add(m.expect.Within + overtime); ; {
		out, err := t.tell(ctx, node, verb...)
		if err != nil {
			return err
		}
		asked := time.Now()
		text := wrong([]byte(out))
		if text == "" {
			return m.came(asked.Sub(t.acted))
		}
		if asked.After(limit) {
			return fmt.Errorf("%s", text)
		}
		if err := pause(ctx, askEvery); err != nil {
			return err
		}
	}
}

// paths asks a node which pairs have no link, until it names exactly those that are
// expected.
func (t *try) paths(ctx context.Context, m *measure, node int) error {
	return t.ask(ctx, m, node, func(out []byte) string {
		var answer struct {
			Pairs []struct{ A, B string }
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return err.Error()
		}
		var named []string
		for _, p := range answer.Pairs {
			named = append(named, t.pair(t.index(p.A), t.index(p.B)))
		}
		var wanted []string
		for _, p := range m.expect.Pairs {
			wanted = append(wanted, t.pair(p[0], p[1]))
		}
		slices.Sort(named)
		slices.Sort(wanted)
		if !slices.Equal(named, wanted) {
			return fmt.Sprintf("it names %q", named)
		}
		return ""
	}, "who", "--paths", "--json")
}

// index finds a node by the key of its person, -1 when it is nobody's.
func (t *try) index(key string) int { return slices.Index(t.people, key) }

// pair names two nodes, in the order of the file.
func (t *try) pair(a, b int) string {
	if a > b {
		a, b = b, a
	}
	if a < 0 {
		return "somebody else"
	}
	return t.sc.Nodes[a].Name + "-" + t.sc.Nodes[b].Name
}
