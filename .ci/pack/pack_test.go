// The packages of the last commit: the same whoever makes them where and when, and what
// they make of a system on which they are installed.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// packed makes the packages once for all tests: of a copy of the repository, so that what
// is not committed has no part in it.
var packed = sync.OnceValues(func() ([]string, error) {
	dir, err := os.MkdirTemp("", "stoa-packages")
	if err != nil {
		return nil, err
	}
	made, err := packCopy(dir)
	remove = dir
	return made, err
})

var remove string

func TestMain(m *testing.M) {
	status := m.Run()
	if remove != "" {
		os.RemoveAll(remove)
	}
	os.Exit(status)
}

// packCopy packs a copy of the last commit, made in dir.
func packCopy(dir string) ([]string, error) {
	source := filepath.Join(dir, "source")
	if _, err := output(".", "git", "clone", "--quiet", "--shared", "../..", source); err != nil {
		return nil, err
	}
	return pack(source, filepath.Join(dir, "made"))
}

// made returns the package of a format.
func made(t *testing.T, format string) string {
	t.Helper()
	list, err := packed()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(p string) bool { return filepath.Ext(p) == "."+format })
	return list[i]
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	said, err := output(".", name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func TestSameBytes(t *testing.T) {
	first, err := packed()
	if err != nil {
		t.Fatal(err)
	}
	// Elsewhere, by somebody whose files nobody else may read, in another zone.
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	t.Setenv("TZ", "Asia/Jakarta")
	t.Setenv("HOSTNAME", "elsewhere")
	second, err := packCopy(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		a, err := os.ReadFile(first[i])
		b, err2 := os.ReadFile(second[i])
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) || filepath.Base(first[i]) != filepath.Base(second[i]) {
			t.Errorf("%s of %d bytes and %s of %d are not the same", first[i], len(a), second[i], len(b))
		}
	}
}

func TestDebian(t *testing.T) {
	root, deb := t.TempDir(), made(t, "deb")
	for _, field := range []struct{ name, want string }{
		{"Package", "stoa"}, {"Depends", "libopus0"}, {"Depends", "libc6 (>= "}, {"Recommends", "libpulse0"}, {"Section", "net"},
	} {
		if got := run(t, "dpkg-deb", "--field", deb, field.name); !strings.Contains(got, field.want) {
			t.Errorf("%s: %q, want %q in it", field.name, got, field.want)
		}
	}
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dpkg := func(args ...string) string {
		// Its own list of packages is empty, so it has none of those that are needed.
		return run(t, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-depends", "--force-not-root", "--force-bad-path", "--log=" + root + "/log"}, args...)...)
	}
	dpkg("--install", deb)
	installed(t, root)
	program := filepath.Join(root, "usr/bin/stoa")
	if said := run(t, program, "open", "--home", t.TempDir(), "--bootstrap", "none", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1",
		"--in", "silence", "--out", "null", "--for", "5s", "Test"); !strings.Contains(said, "stoa:j/") {
		t.Errorf("it opens a room and says\n%s", said)
	}

	links := filepath.Join(root, "etc/stoa-relay.links")
	if err := os.WriteFile(links, []byte("stoa:j/mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dpkg("--install", deb) // an update leaves what was written into its settings
	if text, err := os.ReadFile(links); err != nil || string(text) != "stoa:j/mine\n" {
		t.Errorf("the links are %q, %v", text, err)
	}
	dpkg("--remove", "stoa")
	if _, err := os.Stat(links); err != nil {
		t.Errorf("removed, and the links with it: %v", err)
	}
	dpkg("--purge", "stoa")
	for _, dir := range []string{"usr", "etc"} {
		left, err := os.ReadDir(filepath.Join(root, dir))
		if err == nil && len(left) > 0 {
			t.Errorf("left behind in %s: %v", dir, left)
		}
	}
}

func TestRPM(t *testing.T) {
	root, rpm := t.TempDir(), made(t, "rpm")
	requires := run(t, "rpm", "--query", "--package", "--requires", rpm)
	for _, want := range []string{"libopus.so.0()(64bit)", "libc.so.6(GLIBC_"} {
		if !strings.Contains(requires, want) {
			t.Errorf("it requires\n%s\nwant %s", requires, want)
		}
	}
	tool := func(args ...string) string {
		return run(t, "rpm", append([]string{"--root", root, "--dbpath", "/db"}, args...)...)
	}
	tool("--initdb")
	tool("--install", "--nodeps", "--noscripts", rpm) // there is no shell below that root
	installed(t, root)
	if said := tool("--verify", "--nodeps", "stoa"); said != "" {
		t.Errorf("rpm finds that it is not as it was packed:\n%s", said)
	}
	tool("--erase", "--noscripts", "stoa")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/stoa")); err == nil {
		t.Error("erased, and the program is still there")
	}
}

// installed looks at a system with the package on it.
func installed(t *testing.T, root string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	for name, mode := range map[string]os.FileMode{
		"usr/bin/stoa": 0o755, "etc/stoa-relay.links": 0o600, "etc/default/stoa-relay": 0o644,
		"usr/share/applications/stoa.desktop": 0o644, "usr/share/man/man1/stoa.1.gz": 0o644,
		"usr/share/icons/hicolor/scalable/apps/stoa.svg": 0o644, "usr/share/doc/stoa/copyright": 0o644,
	} {
		info, err := os.Stat(in(name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, want %v", name, err, mode)
		}
	}
	commit := strings.TrimSpace(run(t, "git", "log", "-1", "--format=%h", "--abbrev=12"))
	if said := run(t, in("usr/bin/stoa"), "version"); !strings.Contains(said, commit) {
		t.Errorf("it is %q, want %s", said, commit)
	}
	run(t, "desktop-file-validate", in("usr/share/applications/stoa.desktop"))
	copyright, err := os.ReadFile(in("usr/share/doc/stoa/copyright"))
	if err != nil || !bytes.Contains(copyright, []byte("github.com/libp2p/go-libp2p v")) || !bytes.Contains(copyright, []byte("Svelte")) {
		t.Errorf("the licences: %v, %d bytes", err, len(copyright))
	}
	page := exec.Command("groff", "-man", "-ww", "-z", "-Kutf8", "-Tutf8")
	page.Stdin = strings.NewReader(run(t, "gzip", "-dc", in("usr/share/man/man1/stoa.1.gz")))
	if said, err := page.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("the manual page: %v\n%s", err, said)
	}
	unit := run(t, "cat", in("usr/lib/systemd/system/stoa-relay.service"))
	for _, want := range []string{"\nExecStart=/usr/bin/stoa relay ", "\nDynamicUser=yes\n", "\nStandardInput=file:/etc/stoa-relay.links\n", "\nEnvironmentFile=-/etc/default/stoa-relay\n"} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %q", strings.TrimSpace(want))
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // nobody here knows better
	}
	// Verify wants the program to be where the unit says.
	path := filepath.Join(t.TempDir(), "stoa-relay.service")
	if err := os.WriteFile(path, []byte(strings.Replace(unit, "/usr/bin/stoa ", in("usr/bin/stoa")+" ", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(analyze, "verify", path).CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
}

func TestNewer(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"2.34", "2.4", true}, {"2.4", "2.34", false}, {"2.34", "2.34", false}, {"2.3.4", "2.3", true}} {
		if got := newer(tt.a, tt.b); got != tt.want {
			t.Errorf("%s, %s: %v", tt.a, tt.b, got)
		}
	}
}

func TestCollection(t *testing.T) {
	dir := t.TempDir()
	var c collection
	if err := c.add("nobody's", dir); err == nil {
		t.Error("a module without a licence is taken")
	}
	for name, text := range map[string]string{"LICENSE-MIT": "do what you like\n", "NOTICE": "made by us", "license_test.go": "package x", "README": "no licence"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ours v1", "theirs v2"} {
		if err := c.add(name, dir); err != nil {
			t.Fatal(err)
		}
	}
	c.text("another v3", []byte("do  what you\r\nlike"))
	if got := fmt.Sprint(c); got != "[{[ours v1 theirs v2 another v3] do what you like} {[ours v1 theirs v2] made by us}]" {
		t.Errorf("got %s", got)
	}
}
