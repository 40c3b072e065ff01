// Installing and taking away again, in folders of a person who has other programs.

package launcher

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const othersList = "[Default Applications]\ntext/html=firefox.desktop\n"

// newFolders makes folders in which another program is installed.
func newFolders(t *testing.T) Folders {
	dir := t.TempDir()
	at := Folders{Data: filepath.Join(dir, "data"), Config: filepath.Join(dir, "config")}
	write(t, filepath.Join(at.Data, "applications", "firefox.desktop"), "[Desktop Entry]\n")
	write(t, filepath.Join(at.Config, mimeappsFile), othersList)
	return at
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := put(file{path, []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

// tree returns every file below the folders with what is in it, and every folder.
func tree(t *testing.T, at Folders) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, root := range []string{at.Data, at.Config} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				found[path] = "folder"
				return nil
			}
			data, err := os.ReadFile(path)
			found[path] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for path, text := range want {
		if is, there := got[path]; !there || is != text {
			t.Errorf("%s: %s is %.60q, want %.60q", what, path, is, text)
		}
	}
	for path := range got {
		if _, wanted := want[path]; !wanted {
			t.Errorf("%s: %s is there", what, path)
		}
	}
}

func install(t *testing.T, at Folders, opt Options) string {
	t.Helper()
	said, err := Install(at, opt)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(said, "\n")
}

func uninstall(t *testing.T, at Folders) string {
	t.Helper()
	said, err := Uninstall(at)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(said, "\n")
}

func TestInstallAndBack(t *testing.T) {
	at := newFolders(t)
	before := tree(t, at)

	install(t, at, Options{Program: "/opt/stoa", Autostart: true, AutoArgs: []string{"--quiet"}})
	installed := tree(t, at)
	for path, holds := range map[string]string{
		filepath.Join(at.Data, "applications", entryFile):                       "Exec=/opt/stoa %u\n",
		filepath.Join(at.Config, "autostart", entryFile):                        "Exec=/opt/stoa --quiet\n",
		filepath.Join(at.Config, mimeappsFile):                                  scheme + "=" + entryFile,
		filepath.Join(at.Data, "icons/hicolor/scalable/apps/stoa.svg"):          "<svg",
		filepath.Join(at.Data, "icons/hicolor/128x128/apps/stoa.png"):           "\x89PNG",
		filepath.Join(at.Data, "applications", "firefox.desktop"):               "[Desktop Entry]",
		filepath.Join(at.Data, "icons", "hicolor", "48x48", "apps", "stoa.png"): "\x89PNG",
	} {
		if !strings.Contains(installed[path], holds) {
			t.Errorf("%s holds %.80q, want %q in it", path, installed[path], holds)
		}
	}
	install(t, at, Options{Program: "/opt/stoa", Autostart: true, AutoArgs: []string{"--quiet"}})
	same(t, "installed twice", tree(t, at), installed)

	uninstall(t, at)
	same(t, "uninstalled", tree(t, at), before)
	if said := uninstall(t, at); said != "nothing is installed" {
		t.Errorf("uninstalled twice: %q", said)
	}
	same(t, "uninstalled twice", tree(t, at), before)
}

func TestInstallWhereNothingIs(t *testing.T) {
	dir := t.TempDir()
	at := Folders{Data: filepath.Join(dir, ".local", "share"), Config: filepath.Join(dir, ".config")}
	install(t, at, Options{Program: "/opt/stoa", Autostart: true})
	uninstall(t, at)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestInstallAnew(t *testing.T) {
	at := newFolders(t)
	before := tree(t, at)
	auto := filepath.Join(at.Config, "autostart", entryFile)
	install(t, at, Options{Program: "/opt/stoa", Autostart: true})
	install(t, at, Options{Program: "/usr/local/bin/stoa"})
	if _, there := tree(t, at)[auto]; there {
		t.Error("what is not asked for any more still starts with the session")
	}
	entry := filepath.Join(at.Data, "applications", entryFile)
	if text := tree(t, at)[entry]; !strings.Contains(text, "Exec=/usr/local/bin/stoa %u\n") {
		t.Errorf("the entry is still\n%s", text)
	}
	uninstall(t, at)
	after := tree(t, at)
	delete(after, filepath.Dir(auto)) // made by the first, and empty
	same(t, "uninstalled", after, before)
}

// What was changed by hand is neither overwritten nor removed, and it is said.
func TestChangedByHand(t *testing.T) {
	at := newFolders(t)
	entry := filepath.Join(at.Data, "applications", entryFile)
	install(t, at, Options{Program: "/opt/stoa"})
	const mine = "[Desktop Entry]\nName=my stoa\n"
	write(t, entry, mine)
	if said := install(t, at, Options{Program: "/opt/stoa2"}); !strings.Contains(said, entry) || tree(t, at)[entry] != mine {
		t.Errorf("installed anew: %q, and it is\n%s", said, tree(t, at)[entry])
	}
	if said := uninstall(t, at); tree(t, at)[entry] != mine {
		t.Errorf("uninstalled: %q, and it is gone", said)
	}

	at = newFolders(t)
	install(t, at, Options{Program: "/opt/stoa"})
	write(t, filepath.Join(at.Data, "icons/hicolor/48x48/apps/stoa.png"), mine)
	if said := uninstall(t, at); !strings.Contains(said, "48x48") || !strings.Contains(said, "changed by hand") {
		t.Errorf("uninstalled: %q", said)
	}
}

// A crash between any two writes leaves what the next run of either can finish.
func TestInterrupted(t *testing.T) {
	for _, cut := range []string{entryFile, "stoa.svg", "128x128/apps/stoa.png", mimeappsFile} {
		at := newFolders(t)
		before := tree(t, at)
		install(t, at, Options{Program: "/opt/old"})
		rec, err := readRecord(at)
		if err != nil {
			t.Fatal(err)
		}
		files, err := plan(at, Options{Program: "/opt/new"})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rec.expect(f)
		}
		if err := rec.write(at); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f.path, cut) {
				break // here the power goes
			}
			write(t, f.path, string(f.data))
		}
		if said := uninstall(t, at); strings.Contains(said, "by hand") {
			t.Errorf("cut off at %s: %s", cut, said)
		}
		same(t, "cut off at "+cut, tree(t, at), before)
	}
}

// A list that is a link to a file elsewhere stays one, and the file keeps its mode.
func TestListElsewhere(t *testing.T) {
	at := newFolders(t)
	list := filepath.Join(at.Config, mimeappsFile)
	real := filepath.Join(t.TempDir(), "dotfiles")
	if err := os.Rename(list, real); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(real, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, list); err != nil {
		t.Fatal(err)
	}
	install(t, at, Options{Program: "/opt/stoa"})
	info, err := os.Lstat(real)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if link, err := os.Readlink(list); err != nil || link != real {
		t.Errorf("the link: %q, %v", link, err)
	}
	uninstall(t, at)
	if text, err := os.ReadFile(real); err != nil || string(text) != othersList {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestRefusals(t *testing.T) {
	for name, spoil := range map[string]func(at Folders){
		"a record that is none":       func(at Folders) { write(t, recordPath(at), "{") },
		"a record without hashes":     func(at Folders) { write(t, recordPath(at), `{"files":[{"path":"/etc/passwd"}]}`) },
		"a record of a relative path": func(at Folders) { write(t, recordPath(at), `{"files":[{"path":"x","sha256":["y"]}]}`) },
		"a list that is too long":     func(at Folders) { write(t, filepath.Join(at.Config, mimeappsFile), strings.Repeat("#\n", maxMimeapps)) },
		"a folder in place of the list": func(at Folders) {
			os.Remove(filepath.Join(at.Config, mimeappsFile))
			os.Mkdir(filepath.Join(at.Config, mimeappsFile), 0o700)
		},
	} {
		at := newFolders(t)
		spoil(at)
		var forPerson *Error
		if said, err := Install(at, Options{Program: "/opt/stoa"}); !errors.As(err, &forPerson) || forPerson.Hint == "" {
			t.Errorf("%s: %q, %v", name, said, err)
		}
	}
}

func TestStage(t *testing.T) {
	prefix := t.TempDir()
	if err := Stage(prefix); err != nil {
		t.Fatal(err)
	}
	entry, err := os.ReadFile(filepath.Join(prefix, "share", "applications", entryFile))
	if err != nil || !strings.Contains(string(entry), "\nExec=stoa %u\n") || strings.Contains(string(entry), "TryExec") {
		t.Errorf("%v\n%s", err, entry)
	}
	validate(t, string(entry))
	if _, err := os.Stat(filepath.Join(prefix, "share/icons/hicolor/scalable/apps/stoa.svg")); err != nil {
		t.Error(err)
	}
}

// The desktop's own tool finds who opens a link.
func TestWhoOpensLinks(t *testing.T) {
	tool, err := exec.LookPath("xdg-mime")
	if err != nil {
		return // nobody here knows better; .ci/need brings it
	}
	at := newFolders(t)
	ask := func() string {
		cmd := exec.Command(tool, "query", "default", scheme)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "XDG_DATA_HOME=" + at.Data, "XDG_CONFIG_HOME=" + at.Config, "XDG_DATA_DIRS=" + at.Data}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	install(t, at, Options{Program: "/opt/stoa"})
	if got := ask(); got != entryFile {
		t.Errorf("installed: %q opens links", got)
	}
	uninstall(t, at)
	if got := ask(); got != "" {
		t.Errorf("uninstalled: %q opens links", got)
	}
}

func TestUserFolders(t *testing.T) {
	t.Setenv("HOME", "/home/ann")
	t.Setenv("XDG_DATA_HOME", "/data")
	t.Setenv("XDG_CONFIG_HOME", "relative") // counts for nothing
	if got, err := UserFolders(); err != nil || got != (Folders{"/data", "/home/ann/.config"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}
