// How a node that stays comes to an end, and what it says on the way.

package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stoa/cmd/stoa/app"
)

func TestEnds(t *testing.T) {
	joined := []app.Event{{Kind: app.EventJoined, Room: "r", Role: "listener"}}
	in := "you are in, as listener\n"
	late := "stoa: error: did not get into the room within 30s\n" +
		"stoa: hint: nobody of the room may be online now: try again later or without --for\n"
	tests := []struct {
		name   string
		args   string
		events []app.Event
		cancel time.Duration // the person presses Ctrl-C; 0: never
		err    error
		after  time.Duration
		want   result
	}{
		{"its time is over", "join L --for 30s", joined, 0, nil, 30 * time.Second, result{0, in, ""}},
		{"its time is over, told as an error", "join L --for 30s", joined, 0, context.DeadlineExceeded, 30 * time.Second, result{0, in, ""}},
		{"nobody let it in", "join L --for 30s", nil, 0, nil, 30 * time.Second, result{1, "", late}},
		{"open needs nobody", "open T --for 30s", nil, 0, nil, 30 * time.Second, result{0, "", ""}},
		{"the rooms of a home need nobody", "--for 30s", nil, 0, nil, 30 * time.Second, result{0, "page: http://127.0.0.1:7862/#enter=T\n", ""}},
		{"Ctrl-C", "join L", joined, time.Minute, nil, time.Minute, result{0, in, ""}},
		{"Ctrl-C, told as an error", "join L", joined, time.Minute, context.Canceled, time.Minute, result{0, in, ""}},
		{"Ctrl-C before it is in", "join L --for 1h", nil, time.Minute, nil, time.Minute, result{0, "", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				begin := time.Now()
				f := &fake{events: tt.events, err: tt.err, wait: true}
				if got := f.run(ctx, strings.Fields(tt.args)...); got != tt.want {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
				if d := time.Since(begin); d != tt.after {
					t.Errorf("ended after %v, want %v", d, tt.after)
				}
			})
		})
	}
}

func TestLinkFromStandardInput(t *testing.T) {
	f := &fake{}
	if got := f.runWith(t.Context(), "  stoa:j/abc\n", "join", "-"); got.status != 0 {
		t.Fatalf("got %+v", got)
	}
	if want := (app.JoinRoom{Link: "stoa:j/abc"}); f.task != want {
		t.Errorf("task %#v, want %#v", f.task, want)
	}
	f.runWith(t.Context(), strings.Repeat("x", maxLink+1), "join", "-")
	if n := len(f.task.(app.JoinRoom).Link); n != maxLink {
		t.Errorf("read %d bytes as a link", n)
	}
}

func TestPreview(t *testing.T) {
	f := &fake{preview: preview{
		Title: "Evening \x1b[1mtalk", Topic: "go", Lang: "en", Stage: []string{"Ann", "B\u202eob"}, People: 12,
		Role: "listener", Expires: time.Date(2030, 1, 2, 3, 4, 0, 0, time.Local),
	}}
	got := f.run(t.Context(), "preview", "stoa:j/abc")
	want := result{0, `Evening talk
  on stage: Ann, Bob
  people: 12
  topic: go
  language: en
  this link: listener, until 2030-01-02 03:04
`, ""}
	if got != want {
		t.Errorf("got %+v", got)
	}
	if f.cfg.In != "silence" || f.cfg.Out != "null" || f.task != (app.JoinRoom{Link: "stoa:j/abc"}) {
		t.Errorf("config %+v, task %+v", f.cfg, f.task)
	}

	f.preview = preview{Title: "T", Stage: []string{}, Role: "speaker"}
	got = f.run(t.Context(), "preview", "L", "--json")
	if want := `{"event":"preview","title":"T","stage":[],"people":0,"role":"speaker"}` + "\n"; got.out != want {
		t.Errorf("got %s want %s", got.out, want)
	}
	got = f.run(t.Context(), "preview", "L")
	if want := "T\n  on stage: nobody\n  people: 0\n  this link: speaker\n"; got.out != want {
		t.Errorf("got %s want %s", got.out, want)
	}
}

func TestPreviewGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := &fake{wait: true}
		got := f.run(t.Context(), "preview", "L", "--wait", "5s")
		if got.status != 1 || !strings.HasPrefix(got.err, "stoa: error: nobody answered within 5s\n") {
			t.Errorf("got %+v", got)
		}
		if d := time.Since(begin); d != 5*time.Second {
			t.Errorf("gave up after %v", d)
		}
	})
}

func TestRooms(t *testing.T) {
	f := &fake{}
	got := f.run(t.Context(), "rooms", "--topic", "go", "--lang", "en")
	if want := (result{0, "no public room answered; `stoa open --public TITLE` opens one\n", ""}); got != want {
		t.Errorf("got %+v", got)
	}
	if want := (app.OpenRoom{Topic: "go", Lang: "en"}); f.task != want {
		t.Errorf("asked for %+v", f.task)
	}
	if got := f.run(t.Context(), "rooms", "--json"); got.out != "" {
		t.Errorf("no room is no line, got %q", got.out)
	}
	f.rooms = []listing{
		{Title: "One", Stage: []string{"Ann"}, People: 3, Link: "stoa:j/a", Room: "r1"},
		{Title: "Two\nlines", Topic: "go", Stage: []string{}, People: 1, Link: "stoa:j/b", Room: "r2"},
	}
	want := "One\n  on stage: Ann\n  people: 3\n  stoa:j/a\nTwo lines\n  on stage: nobody\n  people: 1\n  topic: go\n  stoa:j/b\n"
	if got := f.run(t.Context(), "rooms"); got.out != want {
		t.Errorf("got %s", got.out)
	}
	want = `{"event":"listing","title":"One","stage":["Ann"],"people":3,"link":"stoa:j/a","room":"r1"}
{"event":"listing","title":"Two\nlines","topic":"go","stage":[],"people":1,"link":"stoa:j/b","room":"r2"}
`
	if got := f.run(t.Context(), "rooms", "--json"); got.out != want {
		t.Errorf("got %s", got.out)
	}
}

func TestLog(t *testing.T) {
	path := t.TempDir() + "/stoa.log"
	f := &fake{}
	f.run(t.Context(), "open", "T", "--log", path)
	if f.cfg.Log == nil {
		t.Error("no logger")
	}
	f.run(t.Context(), "open", "T")
	if f.cfg.Log != nil {
		t.Error("a logger nobody asked for")
	}
}

func TestPassphrase(t *testing.T) {
	c := &cli{stdin: strings.NewReader("secret\n")}
	ask := c.passphrase(t.Context(), "passphrase", false)
	t.Setenv(passphraseEnv, "")
	if p, err := ask(); err == nil {
		t.Errorf("took %q from a pipe", p)
	}
	t.Setenv(passphraseEnv, "from the environment")
	if p, err := ask(); p != "from the environment" || err != nil {
		t.Errorf("got %q, %v", p, err)
	}
}

func TestReadLine(t *testing.T) {
	tests := []struct{ in, want, left string }{
		{"secret\nnext", "secret", "next"},
		{"secret\r\n", "secret", ""},
		{"secret", "secret", ""},
		{"\n", "", ""},
		{" spaces stay \n", " spaces stay ", ""},
	}
	for _, tt := range tests {
		r := strings.NewReader(tt.in)
		got, err := readLine(r)
		if got != tt.want || err != nil || r.Len() != len(tt.left) {
			t.Errorf("readLine(%q) = %q, %v, leaving %d bytes", tt.in, got, err, r.Len())
		}
	}
	for _, in := range []string{"", strings.Repeat("x", maxPassphrase+1) + "\n"} {
		if got, err := readLine(strings.NewReader(in)); err == nil {
			t.Errorf("readLine of %d bytes = %q", len(in), got)
		}
	}
}
