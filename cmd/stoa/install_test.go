// The commands install and uninstall, and the manual page.

package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stoa/cmd/stoa/desktop/launcher"
)

// installer counts what is asked of it.
func (f *fake) installer() installer {
	return installer{
		install:   func(launcher.Options) ([]string, error) { f.calls++; return nil, f.err },
		uninstall: func() ([]string, error) { f.calls++; return nil, f.err },
		stage:     func(string) error { f.calls++; return f.err },
	}
}

// runReal runs a command that changes files of this person.
func runReal(t *testing.T, args ...string) result {
	var out, errOut bytes.Buffer
	c := &cli{stdout: &out, stderr: &errOut, app: backend{installer: realInstaller()}}
	status := c.run(t.Context(), args)
	return result{status, out.String(), errOut.String()}
}

// newDesktop makes this process one of a person without any files.
func newDesktop(t *testing.T) (home string) {
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	return home
}

func TestInstallCommand(t *testing.T) {
	home := newDesktop(t)
	if got := runReal(t, "install", "--autostart", "--home", "/my home"); got.status != 0 || !strings.Contains(got.out, "opens links") {
		t.Fatalf("install: %+v", got)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		".local/share/applications/stoa.desktop": "Exec=" + program + ` --home "/my home" %u`,
		".config/autostart/stoa.desktop":         "Exec=" + program + ` --home "/my home" --background`,
	} {
		if text, err := os.ReadFile(filepath.Join(home, path)); err != nil || !strings.Contains(string(text), want+"\n") {
			t.Errorf("%s: %v\n%s\nwant %s", path, err, text, want)
		}
	}
	if got := runReal(t, "uninstall"); got.status != 0 || !strings.Contains(got.out, "does not know stoa") {
		t.Errorf("uninstall: %+v", got)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestInstallWhereNothingMayBeWritten(t *testing.T) {
	home := newDesktop(t)
	if err := os.WriteFile(filepath.Join(home, ".local"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := runReal(t, "install")
	if got.status != 1 || !strings.Contains(got.err, "stoa: error: ") || !strings.Contains(got.err, "stoa: hint: ") {
		t.Errorf("got %+v", got)
	}
}

func TestInstallForPackagers(t *testing.T) {
	home, prefix := newDesktop(t), t.TempDir()
	if got := runReal(t, "install", "--prefix", prefix); got.status != 0 {
		t.Fatalf("got %+v", got)
	}
	page, err := os.ReadFile(filepath.Join(prefix, "share/man/man1/stoa.1"))
	if err != nil || !bytes.Equal(page, manual()) {
		t.Errorf("the manual page: %v, %d bytes", err, len(page))
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("the person's own files: %v, %v", left, err)
	}
}

func TestManual(t *testing.T) {
	page := manual()
	for _, s := range sections() {
		for _, cmd := range s.commands {
			if !bytes.Contains(page, []byte("\n.SS "+roff(strings.TrimSpace("stoa "+cmd.name)))) {
				t.Errorf("no word of %s", cmd.label())
			}
			fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
			cmd.setup(fs)
			fs.VisitAll(func(f *flag.Flag) {
				if !bytes.Contains(page, []byte(`\fB`+roff("--"+f.Name)+`\fR`)) {
					t.Errorf("no word of %s --%s", cmd.label(), f.Name)
				}
			})
		}
	}
	tool, err := exec.LookPath("groff")
	if err != nil {
		return // nobody here knows better
	}
	cmd := exec.Command(tool, "-man", "-ww", "-z", "-Kutf8", "-Tutf8")
	cmd.Stdin = bytes.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}
