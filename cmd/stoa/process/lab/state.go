//go:build linux

// Expectations on what a program tells of itself and of others.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/cmd/stoa/process/lab/program"
)

// askEvery is how often a program is asked for its state while it is not as expected.
const askEvery = 200 * time.Millisecond

// watchEvents waits for an event with certain fields, or finds it since the last step.
func (t *try) watchEvents(ctx context.Context, m *measure) error {
	limit, cancel := context.WithDeadline(ctx, m.acted.Add(m.expect.Within+overtime))
	defer cancel()
	e, err := t.programs[m.listener].Until(limit, t.stepped, func(e program.Event) bool {
		var fields map[string]any
		return json.Unmarshal(e.Line, &fields) == nil && t.differs(fields, m.expect.Fields) == ""
	})
	if err != nil {
		return errors.New("it does not")
	}
	return m.came(e.At.Sub(m.acted))
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

// watchState asks a node for its own line in who until that is as expected.
func (t *try) watchState(ctx context.Context, m *measure) error {
	return t.ask(ctx, m, func(out []byte) string {
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
func (t *try) ask(ctx context.Context, m *measure, wrong func([]byte) string, verb ...string) error {
	for limit := m.acted.Add(m.expect.Within + overtime); ; {
		asked := time.Now()
		out, err := t.tell(ctx, m.listener, verb...)
		if err != nil {
			return err
		}
		text := wrong([]byte(out))
		if text == "" {
			return m.came(time.Since(m.acted))
		}
		if asked.After(limit) {
			return errors.New(text)
		}
		if err := pause.For(ctx, askEvery); err != nil {
			return err
		}
	}
}

// watchPaths asks a node which pairs have no link, until it names those that are
// expected and no others.
func (t *try) watchPaths(ctx context.Context, m *measure) error {
	want := map[[2]string]bool{}
	for _, p := range m.expect.Pairs {
		want[t.couple(t.people[p[0]], t.people[p[1]])] = true
	}
	return t.ask(ctx, m, func(out []byte) string {
		var answer struct {
			Pairs []struct {
				A string `json:"a"`
				B string `json:"b"`
			} `json:"pairs"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return err.Error()
		}
		got := map[[2]string]bool{}
		for _, p := range answer.Pairs {
			got[t.couple(p.A, p.B)] = true
		}
		if maps.Equal(got, want) {
			return ""
		}
		return fmt.Sprintf("it names %v", slices.Collect(maps.Keys(got)))
	}, "who", "--paths", "--json")
}

// couple is two people by the names of their nodes, or keys where those have none, in
// one order.
func (t *try) couple(a, b string) [2]string {
	pair := []string{a, b}
	for i, key := range pair {
		if n := slices.Index(t.people, key); key != "" && n >= 0 {
			pair[i] = t.sc.Nodes[n].Name
		}
	}
	slices.Sort(pair)
	return [2]string(pair)
}
