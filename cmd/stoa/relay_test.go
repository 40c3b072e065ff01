// The command relay: what its words mean, and that its unit is one that
// systemd takes.

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"stoa/cmd/stoa/app"
)

func TestRelayCommand(t *testing.T) {
	t.Setenv("STOA_HOME", "/h")
	plain := func(change func(*app.RelayConfig)) *app.RelayConfig {
		r := &app.RelayConfig{Slots: app.DefaultSlots}
		change(r)
		return r
	}
	tests := []struct {
		args, stdin string
		links       []string
		want        *app.RelayConfig
		warning     bool
	}{
		{"", "", nil, plain(func(*app.RelayConfig) {}), false},
		{"stoa:j/b stoa:j/a stoa:j/b", "", []string{"stoa:j/a", "stoa:j/b"}, plain(func(*app.RelayConfig) {}), false},
		{"-", "# rooms\n\n stoa:j/a \nstoa:j/b", []string{"stoa:j/a", "stoa:j/b"}, plain(func(*app.RelayConfig) {}), false},
		{"-", "", nil, plain(func(*app.RelayConfig) {}), false},
		{"--any --topic go --lang en", "", nil, plain(func(r *app.RelayConfig) { r.Any, r.Topic, r.Lang = true, "go", "en" }), false},
		{"--slots 7 --up 20mbit", "", nil, plain(func(r *app.RelayConfig) { r.Slots, r.Up = 7, 2_500_000 }), false},
		{"--metrics 9090", "", nil, plain(func(r *app.RelayConfig) { r.Metrics = "127.0.0.1:9090" }), false},
		{"--metrics :9090", "", nil, plain(func(r *app.RelayConfig) { r.Metrics = "127.0.0.1:9090" }), false},
		{"--metrics [::1]:9090", "", nil, plain(func(r *app.RelayConfig) { r.Metrics = "[::1]:9090" }), false},
		{"--metrics localhost:9090", "", nil, plain(func(r *app.RelayConfig) { r.Metrics = "localhost:9090" }), false},
		{"--metrics 0.0.0.0:9090", "", nil, plain(func(r *app.RelayConfig) { r.Metrics = "0.0.0.0:9090" }), true},
		{"--metrics relay.example:9090", "", nil, plain(func(r *app.RelayConfig) { r.Metrics = "relay.example:9090" }), true},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			f := &fake{}
			got := f.runWith(t.Context(), tt.stdin, append([]string{"relay"}, strings.Fields(tt.args)...)...)
			if got.status != 0 || strings.Contains(got.err, "stoa: warning: ") != tt.warning {
				t.Fatalf("status %d, stderr %q", got.status, got.err)
			}
			task, ok := f.task.(app.RelayRooms)
			if !ok || len(task.Links)+len(tt.links) > 0 && !reflect.DeepEqual(task.Links, tt.links) {
				t.Errorf("task %#v, want links %q", f.task, tt.links)
			}
			if !reflect.DeepEqual(f.cfg.Relay, tt.want) {
				t.Errorf("config %+v, want %+v", f.cfg.Relay, tt.want)
			}
			if f.cfg.In != "silence" || f.cfg.Out != "none" || f.cfg.Home != "/h" {
				t.Errorf("in %q, out %q, home %q", f.cfg.In, f.cfg.Out, f.cfg.Home)
			}
		})
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "8kbit": 1000, "20mbit": 2_500_000, "1.5Mbit/s": 187_500, "1gbit": 125_000_000,
	} {
		if got, err := parseRate(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"20", "mbit", "-1mbit", "0mbit", "NaNmbit", "Infgbit", "1e300gbit", "20 mbit", "20MB"} {
		if got, err := parseRate(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestLinksFromInputAreBounded(t *testing.T) {
	f := &fake{}
	var in strings.Builder
	for n := range maxLinks + 1 {
		in.WriteString("stoa:j/" + time.Duration(n).String() + "\n")
	}
	if got := f.runWith(t.Context(), in.String(), "relay", "-"); got.status != 2 || f.calls != 0 {
		t.Errorf("got %+v", got)
	}
	if got := f.runWith(t.Context(), strings.Repeat("x", maxLink+1), "relay", "-"); got.status == 0 || f.calls != 0 {
		t.Errorf("a line without end: %+v", got)
	}
}

func TestRelayUnit(t *testing.T) {
	f := &fake{}
	got := f.run(t.Context(), "relay", "--unit")
	if got.status != 0 || got.err != "" || f.calls != 0 {
		t.Fatalf("got %+v", got)
	}
	for _, line := range []string{"DynamicUser=yes", "StateDirectory=stoa", "KillSignal=SIGTERM", "TimeoutStopSec=20", "Restart=on-failure"} {
		if !strings.Contains(got.out, "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // nobody here knows better
	}
	// Verify wants the program to be where the unit says.
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "stoa-relay.service")
	unit := strings.Replace(got.out, "/usr/local/bin/stoa ", here+" ", 1)
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
