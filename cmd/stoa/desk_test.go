// What stays when sessions come and go: the page, and what it is told.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/ui"
	"stoa/identity"
)

// A theatre is a desk whose sessions and whose page a test plays.
type theatre struct {
	*desk
	page   *fakePage
	runs   chan *run      // sessions, as they begin to run
	key    string         // the passphrase of the key
	served chan ui.Config // pages, as they are served
}

// A run is a session that runs until the test ends it.
type run struct {
	fakeSession
	cfg   app.Config
	first app.Task
	end   chan error
}

func (r *run) Run(ctx context.Context, first app.Task) error {
	r.first = first
	r.cfg.Emit(app.Event{Kind: app.EventReady})
	select {
	case err := <-r.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newTheatre(t *testing.T) *theatre {
	t.Helper()
	home, err := os.MkdirTemp("/tmp", "s") // with room for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	s := &theatre{page: &fakePage{}, runs: make(chan *run, 1), served: make(chan ui.Config, 1)}
	s.desk = newDesk(backend{
		open: func(cfg app.Config) (session, error) {
			if s.key != "" {
				typed, err := cfg.Passphrase()
				if err != nil {
					return nil, err
				}
				if typed != s.key {
					return nil, &app.UserError{Code: "wrong_passphrase", Text: "the passphrase is wrong", Err: identity.ErrPassphrase}
				}
			}
			r := &run{fakeSession: fakeSession{&fake{}}, cfg: cfg, end: make(chan error)}
			s.runs <- r
			return r, nil
		},
		page: func(cfg ui.Config) (pageServer, error) {
			s.served <- cfg
			return s.page, nil
		},
	}, home, "v1", nil)
	return s
}

// begin runs the desk; the returned function waits for its end.
func (s *theatre) begin(t *testing.T, ctx context.Context, terminal bool) (end func() error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		ended <- s.run(ctx, app.Config{Home: s.home, Emit: func(app.Event) {}}, app.OpenRoom{Title: "T"}, terminal)
	}()
	return func() error { return <-ended }
}

// until waits for a phase and returns why it is entered.
func (s *theatre) until(phase string) *app.Problem {
	for {
		doc, changed := s.State()
		if v := doc.(*app.View); v.Phase == phase {
			return v.Why
		}
		s.mu.Lock()
		moved := s.changed
		s.mu.Unlock()
		if doc, _ := s.State(); doc.(*app.View).Phase == phase {
			continue
		}
		select {
		case <-changed:
		case <-moved:
		}
	}
}

func TestDeskServes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		serving serving
		first   bool // served without being asked for
		asked   string
	}{
		{"stoa alone", always, true, "http://127.0.0.1:7862/#enter=T"},
		{"a room on the terminal", onDemand, false, "http://127.0.0.1:7862/#enter=T"},
		{"no page", never, false, "this stoa serves no page"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newTheatre(t)
			s.serving = tt.serving
			told := ""
			s.address = func(address string) { told = address }
			ctx, cancel := context.WithCancel(t.Context())
			end := s.begin(t, ctx, true)
			r := <-s.runs
			s.until("running")
			if (told != "") != tt.first || len(s.served) > 0 != tt.first {
				t.Errorf("told %q, %d served", told, len(s.served))
			}
			reply, err := r.cfg.Verbs[app.VerbPage](ctx, app.Request{Verb: app.VerbPage})
			got := strings.Join(reply.Lines, "")
			if err != nil {
				got = err.Error()
			}
			if got != tt.asked {
				t.Errorf("page: %q", got)
			}
			if tt.serving != never {
				if cfg := <-s.served; cfg.Keep != filepath.Join(s.home, "page.json") || cfg.Node == nil || cfg.Do == nil {
					t.Errorf("served %+v", cfg)
				}
			}
			cancel()
			if err := end(); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if _, err := s.do(t.Context(), app.Request{Verb: "who"}); err != notNow {
				t.Errorf("a verb after the end: %v", err)
			}
		})
	}
}

// A link is shown where a person looks, or else in an address of its own.
func TestDeskLinks(t *testing.T) {
	s := newTheatre(t)
	s.serving = always
	ctx, cancel := context.WithCancel(t.Context())
	end := s.begin(t, ctx, true)
	defer func() { cancel(); end() }()
	<-s.runs
	s.until("running")
	link := testLink(t)
	ask := func(args ...string) (app.Reply, error) {
		return s.desk.page(ctx, app.Request{Verb: app.VerbPage, Args: args})
	}
	if _, err := ask("stoa:j/nonsense"); err == nil || len(s.page.told) > 0 {
		t.Errorf("what is no link: %v, told %q", err, s.page.told)
	}
	reply, err := ask(link)
	if want := (pageReply{URL: "http://127.0.0.1:7862/#enter=T#/preview/stoa:j%2F" + strings.TrimPrefix(link, "stoa:j/")}); err != nil || reply.Data != want {
		t.Errorf("nobody looks: %+v, %v", reply.Data, err)
	}
	s.page.visible = 1
	if reply, err := ask(link); err != nil || reply.Data != (pageReply{Shown: true}) {
		t.Errorf("somebody looks: %+v, %v", reply.Data, err)
	}
	if len(s.page.told) != 2 {
		t.Errorf("told %q", s.page.told)
	}
	s.event(app.Event{Kind: app.EventReact, Emoji: "👏"})
	if s.page.told[2] != "react" {
		t.Errorf("told %q", s.page.told)
	}
}

// Browsers are signed out of the page that is served, else of the file of the next one:
// while no node runs, too, and never while one begins to.
func TestDeskSignOut(t *testing.T) {
	file := func(home string) string { return filepath.Join(home, "page.json") }
	known := func(home string) {
		t.Helper()
		text := `{"version":1,"port":7862,"browsers":[{"cookie":"` + strings.Repeat("00", 32) + `","public":"BA==","last":1}]}`
		if err := os.WriteFile(file(home), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	knows := func(home string) bool {
		t.Helper()
		text, err := os.ReadFile(file(home))
		if err != nil || !strings.Contains(string(text), "7862") {
			t.Fatalf("%s, %v", text, err)
		}
		return strings.Contains(string(text), "cookie")
	}

	s := newTheatre(t)
	ctx, cancel := context.WithCancel(t.Context())
	end := s.begin(t, ctx, true)
	r := <-s.runs
	s.until("running")
	known(s.home)
	ask := func() (app.Reply, error) { return r.cfg.Verbs[verbSignOut](ctx, app.Request{Verb: verbSignOut}) }
	if reply, err := ask(); err != nil || len(reply.Lines) != 1 || knows(s.home) || len(s.page.told) > 0 {
		t.Errorf("while no page is served: %v, %v, told %q", reply, err, s.page.told)
	}
	if _, err := s.desk.page(ctx, app.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err != nil || !slices.Equal(s.page.told, []string{"out"}) {
		t.Errorf("while one is: %v, told %q", err, s.page.told)
	}
	cancel()
	end()

	t.Run("no node", func(t *testing.T) {
		home := t.TempDir()
		known(home)
		forget := func(words ...string) result {
			return (&fake{}).run(t.Context(), append([]string{"page", "--forget", "--home", home}, words...)...)
		}
		if err := app.Alone(home, func() error {
			if got := forget(); got.status != 1 || !strings.HasPrefix(got.err, "stoa: error: another stoa runs with this home\n") || !knows(home) {
				t.Errorf("one begins: %+v", got)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if got := forget("stoa:j/abc"); got.status != 2 || !knows(home) {
			t.Errorf("with a link: %+v", got)
		}
		if got, want := forget(), (result{0, "every browser is signed out: `stoa page` lets one in again\n", ""}); got != want || knows(home) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// testLink is a link that can be read.
func testLink(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../identity/testdata/vectors/invite/ok.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, quoted, _ := strings.Cut(string(text), "\n\n")
	link, err := strconv.Unquote(strings.TrimSpace(quoted))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// The passphrase of a locked key is typed in the page, as often as it takes; other
// processes are told that it is what is missing.
func TestDeskLocked(t *testing.T) {
	s := newTheatre(t)
	s.serving, s.key = always, "correct horse"
	ctx, cancel := context.WithCancel(t.Context())
	end := s.begin(t, ctx, false)
	if why := s.until(phaseLocked); why != nil {
		t.Errorf("why: %v", why)
	}
	<-s.served
	if _, err := s.do(ctx, app.Request{Verb: "who"}); app.Explain(err).Code != "locked" {
		t.Errorf("who: %v", err)
	}
	reply, err := app.Do(ctx, s.home, app.Request{Verb: app.VerbPage}, nil)
	if err != nil || len(reply.Lines) != 1 {
		t.Errorf("another process: %v, %v", reply, err)
	}
	if _, err := s.do(ctx, app.Request{Verb: app.VerbPassphrase, Secret: "wrong"}); !errors.Is(err, identity.ErrPassphrase) {
		t.Errorf("wrong: %v", err)
	}
	for s.until(phaseLocked) == nil { // it is locked still, before it is locked again
	}
	if _, err := s.do(ctx, app.Request{Verb: app.VerbPassphrase, Secret: s.key}); err != nil {
		t.Errorf("right: %v", err)
	}
	if r := <-s.runs; len(s.served) > 0 {
		t.Errorf("served again, for %v", r)
	}
	s.until("running")
	cancel()
	end()
}

// An import ends the session only when it can be carried out, and the next one is
// of who was imported.
func TestDeskImport(t *testing.T) {
	s := newTheatre(t)
	s.serving = always
	export := filepath.Join(s.home, "export")
	other := filepath.Join(s.home, "other")
	secret := func() (string, error) { return "p", nil }
	if _, err := app.Do(t.Context(), other, app.Request{Verb: "id", Args: []string{"export", export}}, secret); err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	end := s.begin(t, ctx, true)
	first := <-s.runs
	s.until("running")
	if err := s.Import(ctx, sealed, "q"); app.Explain(err).Code == "" || len(s.runs) > 0 {
		t.Errorf("with the wrong passphrase: %v", err)
	}
	first.err = &app.UserError{Code: "has_rooms", Text: "rooms"}
	var problem *ui.Problem
	if err := s.Import(ctx, sealed, "p"); !errors.As(err, &problem) || problem.Code != "has_rooms" {
		t.Errorf("into a home with rooms: %v", err)
	}
	first.err = nil
	if err := s.Import(ctx, sealed, "p"); err != nil {
		t.Fatal(err)
	}
	second := <-s.runs
	s.until("running")
	if first.first == nil || second.first != nil {
		t.Errorf("the tasks are %v and then %v", first.first, second.first)
	}
	was, err := identity.LoadKey(filepath.Join(other, "identity.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := identity.LoadKey(filepath.Join(s.home, "identity.key"), nil); err != nil || is.ID() != was.ID() {
		t.Errorf("the key is another one: %v", err)
	}
	cancel()
	end()
}

// Why it is over is the last that the page is told.
func TestDeskOver(t *testing.T) {
	s := newTheatre(t)
	s.serving = always
	end := s.begin(t, t.Context(), true)
	r := <-s.runs
	r.end <- &app.UserError{Code: "disk_full", Text: "the disk is full", Hint: "make room"}
	if err := end(); app.Explain(err).Code != "disk_full" {
		t.Error(err)
	}
	if why := s.until(phaseOver); why == nil || why.Code != "disk_full" || why.Hint != "make room" {
		t.Errorf("why: %v", why)
	}
	doc, _ := s.State()
	if data, err := json.Marshal(doc); err != nil || strings.Contains(string(data), "null") {
		t.Errorf("state %s, %v", data, err)
	}
}

func TestHandOver(t *testing.T) {
	noPage := &app.UserError{Code: "no_page", Text: "no page"}
	for _, tt := range []struct {
		name, args string
		reply      pageReply
		err        error
		verb       string
		want       result
	}{
		{"stoa", "", pageReply{URL: "http://127.0.0.1:1/#enter=T"}, nil, app.VerbPage, result{0, "page: http://127.0.0.1:1/#enter=T\n", ""}},
		{"for a script", "--json", pageReply{URL: "U"}, nil, app.VerbPage, result{0, `{"url":"U"}` + "\n", ""}},
		{"a link that was clicked", "stoa:j/abc", pageReply{Shown: true}, nil, app.VerbPage, result{0, "the page that is open shows it\n", ""}},
		{"join", "join stoa:j/abc", pageReply{Shown: true}, nil, app.VerbPage, result{0, "the page that is open shows it\n", ""}},
		{"at login", "--background", pageReply{URL: "U"}, nil, app.VerbPage, result{0, "", ""}},
		{"page", "page", pageReply{URL: "U"}, nil, app.VerbPage, result{0, "page: U\n", ""}},
		{"stoa, without a page", "", pageReply{}, noPage, app.VerbPage, result{1, "", "stoa: error: another stoa runs with this home, without a page\nstoa: hint: steer it with the verbs (`stoa help`), or give this one another --home\n"}},
		{"page, without a page", "page", pageReply{}, noPage, app.VerbPage, result{1, "", "stoa: error: no page\n"}},
		{"a link that is none", "stoa:j/abc", pageReply{}, &app.UserError{Code: "not_a_link", Text: "no link"}, app.VerbPage, result{1, "", "stoa: error: no link\n"}},
		{"join, on the terminal", "join stoa:j/abc --page none", pageReply{}, nil, app.VerbJoin, result{0, "said\n", ""}},
		{"join, without a page", "join stoa:j/abc", pageReply{}, noPage, app.VerbJoin, result{1, "", "stoa: error: no page\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{running: true, reply: app.Reply{Lines: []string{"said"}, Data: tt.reply}, err: tt.err}
			if got := f.run(t.Context(), strings.Fields(tt.args)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if f.task != nil || f.req.Verb != tt.verb {
				t.Errorf("task %v, request %+v", f.task, f.req)
			}
		})
	}
}

// Of two that start at the same moment the one that comes second waits for the first.
func TestHandOverSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inUse := &app.UserError{Code: "home_in_use", Text: "in use"}
		f := &fake{err: inUse, starts: 10, reply: app.Reply{Data: pageReply{URL: "U"}}}
		if got := f.run(t.Context(), "--json"); got.status != 0 || !strings.HasSuffix(got.out, `{"url":"U"}`+"\n") {
			t.Errorf("got %+v", got)
		}
		f = &fake{err: inUse}
		if got := f.run(t.Context(), "join", "L"); got != (result{1, "", "stoa: error: in use\n"}) {
			t.Errorf("of one that never answers: %+v", got)
		}
	})
}

func TestBrowser(t *testing.T) {
	for _, tt := range []struct{ system, env, want string }{
		{"linux", "", ""},
		{"linux", "DISPLAY=:0", "xdg-open"},
		{"freebsd", "WAYLAND_DISPLAY=wayland-0", "xdg-open"},
		{"linux", "SSH_CONNECTION=1", ""},
		{"darwin", "", "open"},
		{"darwin", "SSH_CONNECTION=1", ""},
		{"windows", "", "rundll32 url.dll,FileProtocolHandler"},
	} {
		getenv := func(name string) string {
			set, value, _ := strings.Cut(tt.env, "=")
			if set != name {
				return ""
			}
			return value
		}
		if got := strings.Join(browserOf(tt.system, getenv), " "); got != tt.want {
			t.Errorf("%s with %q: %q", tt.system, tt.env, got)
		}
	}
}
