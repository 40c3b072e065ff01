package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program be the bare server, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "spread" {
		if err := spread(); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestShapes(t *testing.T) {
	got, err := parseShapes([]string{"1:50", "5:100"})
	if err != nil || len(got) != 2 || got[0] != (shape{1, 50}) || got[1] != (shape{5, 100}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "50", "0:1", "1:0", "1:x", "17:1"} {
		if _, err := parseShapes([]string{bad}); err == nil {
			t.Errorf("%q is a shape", bad)
		}
	}
}

func TestCharge(t *testing.T) {
	begin := time.Unix(0, 0)
	from := account{at: begin, server: usage{busy: time.Second}}
	to := account{at: begin.Add(10 * time.Second), server: usage{busy: 2 * time.Second}, load: usage{busy: 5 * time.Second}}
	var r result
	delays := []time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}
	r.charge(from, to, delays, 1000, 2000, 2500)
	want := result{
		Seconds: 10, Sent: 1000, Voices: 2000, PerSpeech: 25000, PerSent: 1000, Server: 10, Load: 50, Delay50: 2, Delay99: 3, Loss: r.Loss,
	}
	if r != want || r.Loss < 19.9 || r.Loss > 20.1 {
		t.Errorf("%+v", r)
	}
}

func TestUsed(t *testing.T) {
	before, err := used(os.Getpid())
	if err != nil {
		t.Skip("no figures of processes here: ", err)
	}
	for deadline := time.Now().Add(50 * time.Millisecond); time.Now().Before(deadline); {
	}
	after, err := used(os.Getpid())
	if err != nil || after.busy <= before.busy || after.rss < 1000 {
		t.Errorf("%+v, then %+v, %v", before, after, err)
	}
	if _, err := used(-1); err == nil {
		t.Error("a process that cannot be has figures")
	}
}

func TestTable(t *testing.T) {
	shapes := []shape{{1, 50}}
	peers := []peer{{name: "sendmmsg"}, {name: "stoa"}, {name: "mumble"}, {name: "absent"}}
	var all []*result
	for i, speech := range []float64{30, 10, 20} {
		all = append(all,
			&result{Peer: "sendmmsg", Speakers: 1, Listeners: 50, PerSpeech: 5, PerSent: 2, Delay50: 1},
			&result{Peer: "stoa", Speakers: 1, Listeners: 50, PerSpeech: speech, PerSent: 3, Delay50: 1.5 + float64(i)},
			&result{Peer: "stoa", Speakers: 1, Listeners: 500, PerSpeech: 999},
			&result{Peer: "mumble", Speakers: 1, Listeners: 50, PerSpeech: 80, PerSent: 8})
	}
	got := table(shapes, peers, all)
	for _, want := range []string{
		"| stoa | 1:50 | 3 | 0 | 20 (10–30) | 0.25 | 3.00 | 1.50 |", "| +1.50 / +0.00 |", "| mumble | 1:50 | 3 | 0 | 80 (80–80) | 1.00 | 8.00 | 4.00 |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "absent") || strings.Contains(got, "999") {
		t.Errorf("what was not asked for is in\n%s", got)
	}
}

func TestOther(t *testing.T) {
	line, err := json.Marshal(map[string]any{"listeners": 50, "speakers": 1, "joined": 49, "us_per_pkt": 10.0, "packets": 100, "lat_p50_us": 1500.0})
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseOther("mumble", line)
	if err != nil || r.Peer != "mumble" || r.Joined != 49 || r.PerSpeech != 500 || r.PerSent != 10 || r.Delay50 != 1.5 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := parseOther("mumble", []byte("nothing")); err == nil {
		t.Error("nothing is a result")
	}
}

func TestBare(t *testing.T) {
	if _, err := used(os.Getpid()); err != nil {
		t.Skip("no figures of processes here: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := measureBare(ctx, options{listeners: 5, speakers: 2, window: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Joined != 5 || r.Sent == 0 || r.Voices != 4*r.Sent || r.PerSent <= 0 || r.Delay50 <= 0 {
		t.Errorf("%+v", r)
	}
}
