// What the command line does with its words: tables over a fake backend, and
// stories with the real program in testdata.

package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/demo"
	"stoa/cmd/stoa/ui"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stoa": main})
}

func TestStories(t *testing.T) {
	stories, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() { // scrypt takes a minute under the race detector, which finds nothing in it
		stories = slices.DeleteFunc(stories, func(name string) bool { return filepath.Base(name) == "id.txt" })
	}
	testscript.Run(t, testscript.Params{
		Files:               stories,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("STOA_HOME", env.WorkDir+"/home")
			return nil
		},
	})
}

// A fake stands in for package app: it records what it is asked and answers
// what the test says.
type fake struct {
	cfg   app.Config
	task  app.Task
	home  string
	req   app.Request
	calls int

	events []app.Event // emitted by run
	reply  app.Reply
	err    error
	wait   bool // a session and preview wait for the end of their context

	running bool // a node runs with the home already
	starts  int  // how often it is asked for its page before it does

	preview preview
	rooms   []listing
}

func (f *fake) backend() backend {
	return backend{
		open: func(cfg app.Config) (session, error) {
			f.calls++
			f.cfg = cfg
			return fakeSession{f}, nil
		},
		page:   func(ui.Config) (pageServer, error) { return &fakePage{}, nil },
		browse: func(string) error { return nil },
		do: func(_ context.Context, home string, req app.Request, _ func() (string, error)) (app.Reply, error) {
			if f.starts > 0 {
				if f.starts--; f.starts == 0 {
					f.running, f.err = true, nil
				}
			}
			if (req.Verb == app.VerbPage || req.Verb == app.VerbJoin || req.Verb == verbSignOut) && !f.running {
				return app.Reply{}, &app.UserError{Code: "not_running", Text: "no stoa runs with this home"}
			}
			f.calls++
			f.home, f.req = home, req
			return f.reply, f.err
		},
		alone: app.Alone,
		preview: func(ctx context.Context, cfg app.Config, link string) (preview, error) {
			f.calls++
			f.cfg, f.task = cfg, app.JoinRoom{Link: link}
			if f.wait {
				<-ctx.Done()
				return preview{}, ctx.Err()
			}
			return f.preview, f.err
		},
		rooms: func(_ context.Context, cfg app.Config, topic, lang string) ([]listing, error) {
			f.calls++
			f.cfg = cfg
			f.task = app.OpenRoom{Topic: topic, Lang: lang}
			return f.rooms, f.err
		},
		demo: func(context.Context, demo.Options) error {
			f.calls++
			return f.err
		},
		self: func(_ context.Context, cfg app.Config, tell func(string)) (app.Reply, error) {
			f.calls++
			f.cfg = cfg
			tell("speak")
			return f.reply, f.err
		},
		doctor: func(_ context.Context, cfg app.Config, _ app.DoctorOptions, tell func(app.Finding)) bool {
			f.calls++
			f.cfg = cfg
			tell(app.Finding{Check: "udp", Verdict: app.Fine, Text: "UDP gets out"})
			return f.err != nil
		},
		installer: f.installer(),
	}
}

// A fakeSession is a run of the fake.
type fakeSession struct{ *fake }

func (f fakeSession) Run(ctx context.Context, first app.Task) error {
	f.task = first
	for _, e := range f.events {
		f.cfg.Emit(e)
	}
	if f.wait {
		<-ctx.Done()
	}
	return f.err
}

func (f fakeSession) Close() error { return nil }

func (f fakeSession) View() (*app.View, <-chan struct{}) { return app.Blank("running", nil, ""), nil }

func (f fakeSession) Levels() (map[string]int, <-chan struct{}) { return nil, nil }

func (f fakeSession) Do(context.Context, app.Request) (app.Reply, error) { return f.reply, f.err }

func (f fakeSession) Export(string) ([]byte, error) { return nil, f.err }

func (f fakeSession) MayImport() error { return f.err }

// A fakePage is a page that nobody can open.
type fakePage struct {
	told    []string
	visible int
}

func (p *fakePage) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (p *fakePage) Address(fragment string) string {
	return "http://127.0.0.1:7862/#enter=T" + fragment
}

func (p *fakePage) Tell(name string, _ any) { p.told = append(p.told, name) }

func (p *fakePage) Pages() (open, visible int) { return p.visible, p.visible }

func (p *fakePage) SignOut() error {
	p.told = append(p.told, "out")
	return nil
}

func (p *fakePage) Wake() {}

// result is what one run of the program left behind.
type result struct {
	status   int
	out, err string
}

func (f *fake) run(ctx context.Context, args ...string) result {
	return f.runWith(ctx, "", args...)
}

func (f *fake) runWith(ctx context.Context, stdin string, args ...string) result {
	var out, errOut bytes.Buffer
	c := &cli{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errOut, started: time.Now(), app: f.backend()}
	status := c.run(ctx, args)
	return result{status, out.String(), errOut.String()}
}

func TestNodeCommands(t *testing.T) {
	t.Setenv("STOA_HOME", "/h")
	plain := app.Config{Home: "/h", Network: "public", In: "mic", Out: "speaker"}
	with := func(change func(*app.Config)) app.Config {
		cfg := plain
		change(&cfg)
		return cfg
	}
	tests := []struct {
		args string // split at spaces
		task app.Task
		cfg  app.Config
	}{
		{"", nil, plain},
		{"--in silence", nil, with(func(c *app.Config) { c.In = "silence" })},
		{"open Title", app.OpenRoom{Title: "Title"}, plain},
		{"open Evening talk", app.OpenRoom{Title: "Evening talk"}, plain},
		{"open --in x.wav Title", app.OpenRoom{Title: "Title"}, with(func(c *app.Config) { c.In = "x.wav" })},
		{"open Title --in x.wav", app.OpenRoom{Title: "Title"}, with(func(c *app.Config) { c.In = "x.wav" })},
		{"open Evening --in=x.wav talk --loop", app.OpenRoom{Title: "Evening talk"}, with(func(c *app.Config) { c.In, c.Loop = "x.wav", true })},
		{"open -- --in", app.OpenRoom{Title: "--in"}, plain},
		{"open A -- --in", app.OpenRoom{Title: "A --in"}, plain},
		{"open --public --topic go --lang en T", app.OpenRoom{Title: "T", Listed: true, Topic: "go", Lang: "en"}, plain},
		{"open --public --volunteers T", app.OpenRoom{Title: "T", Listed: true, Volunteers: true}, plain},
		{"open --lend T", app.OpenRoom{Title: "T"}, with(func(c *app.Config) { c.Lend = true })},
		{"--lend", nil, with(func(c *app.Config) { c.Lend = true })},
		{"open --talk push --treat T", app.OpenRoom{Title: "T"}, with(func(c *app.Config) { c.Talk, c.Treat = "push", true })},
		{"open --muted T", app.OpenRoom{Title: "T", Muted: true}, plain},
		{"join stoa:j/abc", app.JoinRoom{Link: "stoa:j/abc"}, plain},
		{"join stoa:j/abc --muted --name Ann --out null", app.JoinRoom{Link: "stoa:j/abc", Muted: true}, with(func(c *app.Config) { c.Name, c.Out = "Ann", "null" })},
		{"join --home /other L", app.JoinRoom{Link: "L"}, with(func(c *app.Config) { c.Home = "/other" })},
		{"join --network lan L", app.JoinRoom{Link: "L"}, with(func(c *app.Config) { c.Network = "lan" })},
		{"join --bootstrap none L", app.JoinRoom{Link: "L"}, with(func(c *app.Config) { c.Network, c.Bootstrap = "private", []string{"none"} })},
		{"join --bootstrap /a,/b, --listen /c,/d L", app.JoinRoom{Link: "L"}, with(func(c *app.Config) {
			c.Network, c.Bootstrap, c.Listen = "private", []string{"/a", "/b"}, []string{"/c", "/d"}
		})},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			f := &fake{}
			got := f.run(t.Context(), strings.Fields(tt.args)...)
			if got.status != 0 || got.err != "" {
				t.Fatalf("status %d, stderr %q", got.status, got.err)
			}
			if f.task != tt.task {
				t.Errorf("task %#v, want %#v", f.task, tt.task)
			}
			if f.cfg.Emit == nil || f.cfg.Passphrase == nil || f.cfg.Started.IsZero() {
				t.Error("the config lacks Emit, Passphrase or Started")
			}
			if f.cfg.Verbs[app.VerbPage] == nil || f.cfg.Version == "" {
				t.Error("the config lacks the verb page, or the version")
			}
			f.cfg.Emit, f.cfg.Passphrase, f.cfg.Started, f.cfg.Verbs, f.cfg.Version = nil, nil, time.Time{}, nil, ""
			if !reflect.DeepEqual(f.cfg, tt.cfg) {
				t.Errorf("config %+v, want %+v", f.cfg, tt.cfg)
			}
		})
	}
}

func TestVerbs(t *testing.T) {
	listener := func(change func(*app.InviteOptions)) *app.InviteOptions {
		o := &app.InviteOptions{Role: "listener", Expires: "24h"}
		change(o)
		return o
	}
	tests := []struct {
		args []string
		want app.Request
	}{
		{[]string{"who"}, app.Request{Verb: "who"}},
		{[]string{"who", "Evening talk"}, app.Request{Verb: "who", Room: "Evening talk"}},
		{[]string{"who", "--room", "Evening talk"}, app.Request{Verb: "who", Room: "Evening talk"}},
		{[]string{"status"}, app.Request{Verb: "status"}},
		{[]string{"leave", "r"}, app.Request{Verb: "leave", Room: "r"}},
		{[]string{"enter", "r"}, app.Request{Verb: "enter", Room: "r"}},
		{[]string{"forget", "r"}, app.Request{Verb: "forget", Room: "r"}},
		{[]string{"pin", "r"}, app.Request{Verb: "pin", Args: []string{"on"}, Room: "r"}},
		{[]string{"unpin", "r"}, app.Request{Verb: "pin", Args: []string{"off"}, Room: "r"}},
		{[]string{"lock"}, app.Request{Verb: "lock"}},
		{[]string{"unlock"}, app.Request{Verb: "unlock"}},
		{[]string{"end", "r"}, app.Request{Verb: "end", Room: "r"}},
		{[]string{"log", "r"}, app.Request{Verb: "log", Room: "r"}},
		{[]string{"links"}, app.Request{Verb: "links"}},
		{[]string{"who", "--all"}, app.Request{Verb: "who", All: true}},
		{[]string{"lend", "on"}, app.Request{Verb: "lend", Args: []string{"on"}}},
		{[]string{"lend", "off", "r"}, app.Request{Verb: "lend", Args: []string{"off"}, Room: "r"}},
		{[]string{"lend", "never"}, app.Request{Verb: "lend", Args: []string{"never"}}},
		{[]string{"who", "--paths"}, app.Request{Verb: "who", Paths: true}},
		{[]string{"invite", "--role", "relay", "--slots", "500"}, app.Request{Verb: "invite", Invite: listener(func(o *app.InviteOptions) { o.Role, o.Slots = "relay", 500 })}},
		{[]string{"hand"}, app.Request{Verb: "hand", Args: []string{"up"}}},
		{[]string{"hand", "r"}, app.Request{Verb: "hand", Args: []string{"up"}, Room: "r"}},
		{[]string{"hand", "down"}, app.Request{Verb: "hand", Args: []string{"down"}}},
		{[]string{"hand", "down", "Bob"}, app.Request{Verb: "hand", Args: []string{"down", "Bob"}}},
		{[]string{"hand", "down", "Bob", "r"}, app.Request{Verb: "hand", Args: []string{"down", "Bob"}, Room: "r"}},
		{[]string{"hand", "down", "--room", "r"}, app.Request{Verb: "hand", Args: []string{"down"}, Room: "r"}},
		{[]string{"mute"}, app.Request{Verb: "mute"}},
		{[]string{"mute", "Bob"}, app.Request{Verb: "mute", Args: []string{"Bob"}}},
		{[]string{"unmute", "Bob", "r"}, app.Request{Verb: "unmute", Args: []string{"Bob"}, Room: "r"}},
		{[]string{"volume"}, app.Request{Verb: "volume"}},
		{[]string{"say", "Good", "evening", "--room", "r"}, app.Request{Verb: "say", Room: "r", Args: []string{"Good", "evening"}}},
		{[]string{"react", "👏"}, app.Request{Verb: "react", Args: []string{"👏"}}},
		{[]string{"hide", "5f0c21aa"}, app.Request{Verb: "hide", Args: []string{"5f0c21aa"}}},
		{[]string{"chat", "r"}, app.Request{Verb: "chat", Room: "r"}},
		{[]string{"block", "Bob", "sells", "watches"}, app.Request{Verb: "block", Args: []string{"Bob", "sells", "watches"}}},
		{[]string{"unblock", "Bob"}, app.Request{Verb: "unblock", Args: []string{"Bob"}}},
		{[]string{"contact", "add", "Bob", "Bob from work", "--note", "n"}, app.Request{Verb: "contact", Args: []string{"add", "Bob", "Bob from work"}, Note: "n"}},
		{[]string{"blocked"}, app.Request{Verb: "blocked"}},
		{[]string{"blocked", "export", "friends.txt"}, app.Request{Verb: "blocked", Args: []string{"export", "friends.txt"}}},
		{[]string{"volume", "Bob", "50"}, app.Request{Verb: "volume", Args: []string{"Bob", "50"}}},
		{[]string{"volume", "Bob", "50", "r"}, app.Request{Verb: "volume", Args: []string{"Bob", "50"}, Room: "r"}},
		{[]string{"mute", "--room", "r"}, app.Request{Verb: "mute", Room: "r"}},
		{[]string{"push", "on"}, app.Request{Verb: "push", Args: []string{"on"}}},
		{[]string{"push", "off"}, app.Request{Verb: "push", Args: []string{"off"}}},
		{[]string{"sound"}, app.Request{Verb: "sound"}},
		{[]string{"sound", "noise", "off"}, app.Request{Verb: "sound", Args: []string{"noise", "off"}}},
		{[]string{"stage", "add", "Bob"}, app.Request{Verb: "stage", Args: []string{"add", "Bob"}}},
		{[]string{"stage", "drop", "Bob", "r"}, app.Request{Verb: "stage", Args: []string{"drop", "Bob"}, Room: "r"}},
		{[]string{"kick", "Bob"}, app.Request{Verb: "kick", Args: []string{"Bob"}}},
		{[]string{"kick", "Bob", "--keep-link", "--reason", "spam"}, app.Request{Verb: "kick", Args: []string{"Bob"}, KeepLink: true, Reason: "spam"}},
		{[]string{"ban", "Bob", "r"}, app.Request{Verb: "ban", Args: []string{"Bob"}, Room: "r"}},
		{[]string{"pardon", "Bob"}, app.Request{Verb: "pardon", Args: []string{"Bob"}}},
		{[]string{"revoke", "7dk2m"}, app.Request{Verb: "revoke", Args: []string{"7dk2m"}}},
		{[]string{"title", "New", "title", "--room", "r"}, app.Request{Verb: "title", Args: []string{"New title"}, Room: "r"}},
		{[]string{"invite", "r"}, app.Request{Verb: "invite", Room: "r", Invite: listener(func(*app.InviteOptions) {})}},
		{[]string{"invite", "--role", "speaker", "--expires", "2h", "--uses", "3", "--for", "Bob", "--hints=false"}, app.Request{Verb: "invite", Invite: listener(func(o *app.InviteOptions) {
			*o = app.InviteOptions{Role: "speaker", Expires: "2h", Uses: 3, For: "Bob", NoHints: true}
		})}},
		{[]string{"invite", "--expires", "never"}, app.Request{Verb: "invite", Invite: listener(func(o *app.InviteOptions) { o.Expires = "never" })}},
		{[]string{"id"}, app.Request{Verb: "id", Args: []string{"show"}}},
		{[]string{"id", "name", "Ann", "Lee"}, app.Request{Verb: "id", Args: []string{"name", "Ann Lee"}}},
		{[]string{"id", "export", "/tmp/x"}, app.Request{Verb: "id", Args: []string{"export", "/tmp/x"}}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			f := &fake{reply: app.Reply{Lines: []string{"done", "evil \x1b[31mname"}, Data: map[string]int{"n": 1}}}
			got := f.run(t.Context(), append(tt.args, "--home", "/h")...)
			if (got != result{0, "done\nevil name\n", ""}) {
				t.Errorf("got %+v", got)
			}
			if f.home != "/h" || !reflect.DeepEqual(f.req, tt.want) {
				t.Errorf("home %q, request %+v, want %+v", f.home, f.req, tt.want)
			}
			if got := f.run(t.Context(), append(tt.args, "--json")...); got.out != "{\"n\":1}\n" {
				t.Errorf("--json printed %q", got.out)
			}
		})
	}
}

// A path given to id means one in the folder it was typed in, wherever the
// node runs that reads it.
func TestIDPathsAreAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	f := &fake{}
	f.run(t.Context(), "id", "import", "backup.age")
	if len(f.req.Args) != 2 || !strings.HasPrefix(f.req.Args[1], "/") || !strings.HasSuffix(f.req.Args[1], "/backup.age") {
		t.Errorf("args %q", f.req.Args)
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct{ args, text, hint string }{
		{"dance", `unknown command "dance"`, "`stoa help` lists the commands"},
		{"help dance", `unknown command "dance"`, "`stoa help` lists the commands"},
		{"open", "TITLE is missing", "see `stoa help open`"},
		{"open --topic go T", "--topic, --lang and --volunteers are for rooms that strangers may find", "add --public"},
		{"open --volunteers T", "--topic, --lang and --volunteers are for rooms that strangers may find", "add --public"},
		{"relay --slots 0", "--slots is a number from 1 to 65535", "see `stoa help relay`"},
		{"relay --up fast", "--up is not a rate: fast", "write it like 800kbit, 20mbit or 1gbit"},
		{"relay --metrics here", "--metrics is no address to listen on: here", "write it like 127.0.0.1:9090"},
		{"relay --topic go", "--topic and --lang choose among rooms that welcome volunteers", "add --any"},
		{"relay --for -1s", "--for must be longer than nothing", "see `stoa help relay`"},
		{"relay --unit L", `unexpected word "L"`, "see `stoa help relay`"},
		{"lend maybe", "on, off or never is missing", "see `stoa help lend`"},
		{"invite --slots 3", "--slots is for links of the role relay", "add --role relay"},
		{"invite --role relay --slots 70000", "--slots is a number from 1 to 65535", "see `stoa help invite`"},
		{"open T --frobnicate", "unknown flag --frobnicate", "see `stoa help open`"},
		{"open T --in", "flag --in needs a value", "see `stoa help open`"},
		{"open T --for soon", `invalid value "soon" for flag --for: parse error`, "see `stoa help open`"},
		{"open T --for -3s", "--for must be longer than nothing", "see `stoa help open`"},
		{"open T --loop", "--loop repeats a file, but --in is mic", "name a WAV or Ogg/Opus file with --in"},
		{"open T --in=", "--in is empty", "--in silence joins without a microphone"},
		{"open T --out=", "--out is empty", "--out null joins without a loudspeaker"},
		{"open T --network private", "--network is public, lan or links, not private", "a private network is named by --bootstrap"},
		{"open T --network links --bootstrap none", "--network links and --bootstrap exclude each other", "--bootstrap already keeps the node off the public network"},
		{"open T --network lan --bootstrap none", "--network lan and --bootstrap exclude each other", "--bootstrap already keeps the node off the public network"},
		{"join", "LINK is missing", "see `stoa help join`"},
		{"join a b", `unexpected word "b"`, "see `stoa help join`"},
		{"--in silence open", "flags stand before the command open", "write them behind it: stoa open [FLAGS]"},
		{"--in silence nothing", `unexpected word "nothing"`, "see `stoa help stoa`"},
		{"preview", "LINK is missing", "see `stoa help preview`"},
		{"preview --wait 0s L", "--wait must be longer than nothing", "see `stoa help preview`"},
		{"rooms go", `unexpected word "go"`, "see `stoa help rooms`"},
		{"who a b", `unexpected word "b"`, "see `stoa help who`"},
		{"who --room a b", `unexpected word "b"`, "see `stoa help who`"},
		{"status r", `unexpected word "r"`, "see `stoa help status`"},
		{"hand up a b", `unexpected word "b"`, "see `stoa help hand`"},
		{"hand down a b c", `unexpected word "c"`, "see `stoa help hand`"},
		{"unpin", "ROOM is missing", "see `stoa help unpin`"},
		{"mute a b c", `unexpected word "c"`, "see `stoa help mute`"},
		{"--page 70000", "--page is a port or none, not 70000", "see `stoa help stoa`"},
		{"open T --page here", "--page is a port or none, not here", "see `stoa help open`"},
		{"page a b", `unexpected word "b"`, "see `stoa help page`"},
		{"stoa:j/a b", `unexpected word "b"`, "see `stoa help stoa`"},
		{"open T --talk loudly", "--talk is open, push or push-to-mute, not loudly", "`stoa help push` says what they are"},
		{"push hard", "unknown word hard", "`stoa push` takes on or off, or nothing"},
		{"push on on", `unexpected word "on"`, "see `stoa help push`"},
		{"sound noise", "what to do with noise is missing", "see `stoa help sound`"},
		{"sound noise off now", `unexpected word "now"`, "see `stoa help sound`"},
		{"stage Bob", "add, drop, down or up is missing", "see `stoa help stage`"},
		{"stage add", "PERSON is missing", "see `stoa help stage`"},
		{"forget", "ROOM is missing", "see `stoa help forget`"},
		{"enter a b", `unexpected word "b"`, "see `stoa help enter`"},
		{"kick", "PERSON is missing", "see `stoa help kick`"},
		{"revoke", "INVITE is missing", "see `stoa help revoke`"},
		{"revoke a b c", `unexpected word "c"`, "see `stoa help revoke`"},
		{"title", "TITLE is missing", "see `stoa help title`"},
		{"invite --role king", "unknown role king", "a role is listener, speaker, moderator or relay"},
		{"invite --uses -1", "--uses cannot be below 0", "leave it out for any number of people"},
		{"invite --expires tomorrow", "--expires is not a duration: tomorrow", "write it like 30m or 24h, or never"},
		{"invite --expires 0s", "--expires is not a duration: 0s", "write it like 30m or 24h, or never"},
		{"id dance", "unknown word dance", "`stoa id` takes show, name, lock, unlock, export or import"},
		{"id show me", `unexpected word "me"`, "see `stoa help id`"},
		{"id name", "NAME is missing", "see `stoa help id`"},
		{"id export", "FILE is missing", "see `stoa help id`"},
		{"id import a b", `unexpected word "b"`, "see `stoa help id`"},
		{"version now", `unexpected word "now"`, "see `stoa help version`"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			f := &fake{}
			want := result{2, "", "stoa: error: " + tt.text + "\nstoa: hint: " + tt.hint + "\n"}
			if got := f.run(t.Context(), strings.Fields(tt.args)...); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if f.calls != 0 {
				t.Error("a command line that is wrong did something")
			}
		})
	}
}

func TestFailures(t *testing.T) {
	user := &app.UserError{Text: "this link has expired", Hint: "ask for a new one"}
	tests := []struct {
		args string
		err  error
		want result
	}{
		{"join L", user, result{1, "", "stoa: error: this link has expired\nstoa: hint: ask for a new one\n"}},
		{"join L --json", user, result{1, `{"event":"error","text":"this link has expired","hint":"ask for a new one"}` + "\n",
			"stoa: error: this link has expired\nstoa: hint: ask for a new one\n"}},
		{"join L --json=true --for x", nil, result{2, `{"event":"error","text":"invalid value \"x\" for flag --for: parse error","hint":"see ` + "`stoa help join`" + `"}` + "\n",
			"stoa: error: invalid value \"x\" for flag --for: parse error\nstoa: hint: see `stoa help join`\n"}},
		{"join L", errors.New("a\x1b]0;title\ab\nc"), result{1, "", "stoa: error: ab c\nstoa: hint: run it again with `--log -` to see what happened\n"}},
		{"who", errors.New("no"), result{1, "", "stoa: error: no\nstoa: hint: see `stoa help who`\n"}},
		{"who", &app.UserError{Text: "no"}, result{1, "", "stoa: error: no\n"}},
		{"who", context.Canceled, result{1, "", "stoa: error: stopped before there was an answer\nstoa: hint: it may have been done all the same: `stoa log` shows what was\n"}},
		{"rooms", context.DeadlineExceeded, result{1, "", "stoa: error: nobody answered within 15s\nstoa: hint: nobody of the room may be online now: try again later, or with a longer --wait\n"}},
		{"open T --log /nowhere/at/all", nil, result{1, "", "stoa: error: cannot write the log /nowhere/at/all: no such file or directory\n" +
			"stoa: hint: give --log a file in a folder you may write, or - for standard error\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			f := &fake{err: tt.err}
			if got := f.run(t.Context(), strings.Fields(tt.args)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// An empty word, as an unset variable of a script leaves, is no command.
func TestEmptyCommand(t *testing.T) {
	f := &fake{}
	if got := f.run(t.Context(), ""); got.status != 2 || f.calls != 0 {
		t.Errorf("got %+v", got)
	}
}

// Behind -- nothing is a flag, so neither is --json.
func TestJSONBehindDashes(t *testing.T) {
	f := &fake{err: errors.New("no")}
	if got := f.run(t.Context(), "open", "--", "--json"); got.out != "" {
		t.Errorf("printed %q", got.out)
	}
}

func TestHelp(t *testing.T) {
	f := &fake{}
	list := f.run(t.Context(), "help")
	for _, args := range [][]string{{"-h"}, {"-help"}, {"--help"}, {"help", "help"}} {
		if got := f.run(t.Context(), args...); got != list {
			t.Errorf("%q differs from help", args)
		}
	}
	for _, s := range sections() {
		for _, cmd := range s.commands {
			t.Run(cmd.label(), func(t *testing.T) {
				if !strings.Contains(list.out, "\n  "+cmd.label()+" ") {
					t.Error("not in the list of commands")
				}
				args := []string{cmd.name, "--help"}
				if cmd.name == "" {
					args = []string{"--json", "--help"} // --help alone is about everything
				}
				got := f.run(t.Context(), args...)
				if got.status != 0 || got.err != "" {
					t.Errorf("got %+v", got)
				}
				for _, part := range []string{strings.TrimSpace("Usage: stoa "+cmd.name) + " [FLAGS]", "\nExample:\n  stoa"} {
					if !strings.Contains(got.out, part) {
						t.Errorf("lacks %q:\n%s", part, got.out)
					}
				}
				if again := f.run(t.Context(), "help", cmd.label()); again != got {
					t.Error("help COMMAND differs from COMMAND --help")
				}
			})
		}
	}
	if f.calls != 0 {
		t.Error("help did something")
	}
}

// What the examples of help show must parse.
func TestExamples(t *testing.T) {
	for _, s := range sections() {
		for _, cmd := range s.commands {
			for line := range strings.Lines(cmd.example) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // of some that stay
					defer cancel()
					f := &fake{running: cmd.name == "page"}
					if got := f.run(ctx, words(line)[1:]...); got.status != 0 {
						t.Errorf("%s\n%s", strings.TrimSpace(line), got.err)
					}
				})
			}
		}
	}
}

// words splits as a shell does, as far as the examples need it.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}
