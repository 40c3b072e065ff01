package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"stoa/cmd/stoa/app"
)

func ptr(ms int64) *int64 { return &ms }

// stats is a second in which one speaker was silent for a while.
func stats(silence, seconds float64, relays *app.RelayStats) app.Event {
	return app.Event{Kind: app.EventStats, Stats: &app.Stats{
		Links: 1, Relays: relays, Speakers: []app.SpeakerStats{{Silence: silence, Seconds: seconds}},
	}}
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	c := &crowd{out: json.NewEncoder(&out)}
	a, b := &listener{crowd: c, n: 7}, &listener{crowd: c, n: 8}
	c.listeners = []*listener{a, b}
	a.event(app.Event{Kind: app.EventJoined, MS: ptr(10)})
	a.event(app.Event{Kind: app.EventSound, MS: ptr(30)})
	a.event(app.Event{Kind: app.EventSound, MS: ptr(900)})
	a.event(stats(300, 1, nil))
	a.event(stats(20, 2, &app.RelayStats{Primary: "p", Shadow: "s", Carrier: "raw", Quiet: true, Left: 1}))
	a.event(app.Event{Kind: app.EventHand}) // nobody asked
	c.report()
	a.event(stats(40, 3, nil))
	c.report()

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	var first, second report
	for i, r := range map[int]*report{3: &first, 4: &second} {
		if err := json.Unmarshal([]byte(lines[i]), r); err != nil {
			t.Fatal(err)
		}
	}
	if first.Joined != 1 || first.Heard != 1 || first.Carried != 1 || first.Quiet != 1 || first.Left != 1 || first.Silence != 300 || len(first.Listeners) != 2 {
		t.Errorf("report %+v", first)
	}
	if s := first.Listeners[0]; s.N != 7 || s.Joined != 10 || s.Sound != 30 || s.Primary != "p" || s.Shadow != "s" || s.Silence != 300 || s.Seconds != 2 || s.Links != 1 {
		t.Errorf("listener %+v", s)
	}
	if s := first.Listeners[1]; s.N != 8 || s.Joined != -1 || s.Sound != -1 {
		t.Errorf("listener %+v", s)
	}
	if second.Silence != 40 || second.Carried != 0 {
		t.Errorf("the second report does not begin anew: %+v", second)
	}
}

func TestObey(t *testing.T) {
	var out bytes.Buffer
	c := &crowd{out: json.NewEncoder(&out)}
	quits := 0
	c.obey(strings.NewReader("report\nwhat\nquit\nreport\n"), func() { quits++ })
	if quits != 1 || strings.Count(out.String(), "report") != 1 {
		t.Errorf("%d quits, printed %s", quits, out.String())
	}
	c.obey(strings.NewReader(""), func() { quits++ })
	if quits != 2 {
		t.Error("the end of the orders is no end")
	}
}
