// What a person reads when something cannot be done.

package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// says runs stoa and checks that it fails in plain words: an exit code, what is
// wrong and, in a second line, what to do.
func says(t *testing.T, code int, text string, args ...string) {
	t.Helper()
	out, errs, got := run(t, args...)
	lines := strings.Split(strings.TrimRight(errs, "\n"), "\n")
	if got != code || out != "" || len(lines) != 2 || !strings.HasPrefix(lines[0], "stoa: error: ") ||
		!strings.Contains(lines[0], text) || !strings.HasPrefix(lines[1], "stoa: hint: ") {
		t.Errorf("stoa %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, text, out, errs)
	}
}

// handed runs stoa and checks that the node that runs already shows its page instead.
func handed(t *testing.T, args ...string) {
	t.Helper()
	out, errs, got := run(t, append(args, "--json")...)
	if got != 0 || errs != "" || !strings.HasPrefix(out, `{"url":"http://127.0.0.1:`) {
		t.Errorf("stoa %s: exit %d\n%s%s", strings.Join(args, " "), got, out, errs)
	}
}

// steering are verbs that need a running node, each with words that are right.
var steering = [][]string{
	{"who"}, {"hand"}, {"hand", "down"}, {"mute"}, {"unmute"}, {"leave"}, {"status"},
	{"stage", "add", "bob"}, {"stage", "drop", "bob"}, {"mute", "bob"}, {"unmute", "bob"},
	{"kick", "bob"}, {"ban", "bob"}, {"pardon", "bob"}, {"revoke", "abc"},
	{"lock"}, {"unlock"}, {"title", "Other"}, {"end"},
	{"schedule", "off"}, {"record", "on"}, {"consent", "yes"},
}

func TestWordsWithoutNode(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	at := []string{"--home", home}
	for _, verb := range steering {
		says(t, 1, "no stoa runs with this home", append(verb, at...)...)
	}
	for _, verb := range []string{"invite", "links", "log"} {
		says(t, 1, "this home is in no room", append([]string{verb}, at...)...)
	}

	none := filepath.Join(t.TempDir(), "none", "x.wav")
	noise := filepath.Join(t.TempDir(), "noise.wav")
	if err := os.WriteFile(noise, []byte("no sound at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := append([]string{"open", "Stoa", "--bootstrap", "none", "--listen", loopback}, at...)
	says(t, 1, none, append(node, "--in", none, "--out", "null")...)
	says(t, 1, noise, append(node, "--in", noise, "--out", "null")...)
	says(t, 1, none, append(node, "--in", "silence", "--out", none)...)
	says(t, 1, none, append([]string{"id", "import", none}, at...)...)
	says(t, 1, "a passphrase is needed", append([]string{"id", "import", noise}, at...)...)

	for text, args := range map[string][]string{
		`unknown command "sing"`:            {"sing"},
		"unknown flag --loud":               {"who", "--loud"},
		"TITLE is missing":                  {"open"},
		"LINK is missing":                   {"join"},
		"add, drop, down or up is missing":  {"stage", "bob"},
		"PERSON is missing":                 {"kick"},
		"INVITE is missing":                 {"revoke"},
		"FILE is missing":                   {"id", "export"},
		"unknown role king":                 {"invite", "--role", "king"},
		"--expires is not":                  {"invite", "--expires", "soon"},
		"--network is public, lan or links": {"open", "Stoa", "--network", "moon"},
	} {
		says(t, 2, text, args...)
	}
}

// TestWordsInRoom is what a listener reads who tries more than a listener may,
// and whoever names nobody or a home that is in use.
func TestWordsInRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	b := w.run(honest, "bob", "join", a.wait("a link", kind("link")).Link, "--out", "null")
	b.wait("Ann", present(a.id()))
	a.wait("Bob", present(b.id()))

	for _, verb := range [][]string{
		{"stage", "add", "bob"}, {"lock"}, {"title", "Mine"}, {"end"}, {"invite"}, {"invite", "--role", "speaker"},
		{"kick", "ann"}, {"ban", "ann"}, {"mute", "ann"},
	} {
		says(t, 1, "your role here does not include that", append(verb, "--home", b.home)...)
	}
	says(t, 1, "you are not on the stage", "unmute", "--home", b.home)
	says(t, 1, "you are on the stage already", "hand", "--home", a.home)
	for _, verb := range [][]string{{"stage", "add"}, {"kick"}, {"ban"}, {"mute"}} {
		says(t, 1, "nobody", append(verb, "zoe", "--home", a.home)...)
	}
	says(t, 1, `no room is called "Agora"`, "who", "Agora", "--home", a.home)
	says(t, 1, "", "revoke", "abc", "--home", a.home)

	node := []string{"--home", a.home, "--bootstrap", w.bootstrap, "--listen", loopback, "--in", "silence", "--out", "null"}
	const inUse = "another stoa runs with this home"
	says(t, 1, inUse, append([]string{"open", "Other"}, node...)...)
	handed(t, node...)
	handed(t, append([]string{"join", a.link()}, node...)...)
	if e := a.id(); e == "" {
		t.Error("the node in the home no longer answers")
	}
}
