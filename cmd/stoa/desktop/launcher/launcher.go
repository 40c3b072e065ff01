// Package launcher makes a desktop know stoa: an entry that starts it and opens its
// links, its icon, and, where that is wished, an entry that starts it with the session.
//
// It writes down what it made, each file with a hash of what was in it, so that it later
// takes away that and nothing else. What somebody changed by hand since is theirs: it is
// neither overwritten nor removed, and named instead.
package launcher

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"stoa/cmd/stoa/desktop/icon"
	"stoa/identity"
)

// Folders are where a person's desktop looks, see the XDG Base Directory Specification.
type Folders struct {
	Data   string // $XDG_DATA_HOME
	Config string // $XDG_CONFIG_HOME
}

// UserFolders returns those of this person.
func UserFolders() (Folders, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return Folders{}, &Error{Text: "it is not known where your files are: " + err.Error(), Hint: "set HOME, then try again", Err: err}
	}
	// A path that is not absolute counts for nothing, says the specification.
	or := func(variable, otherwise string) string {
		if dir := os.Getenv(variable); filepath.IsAbs(dir) {
			return dir
		}
		return filepath.Join(home, otherwise)
	}
	return Folders{or("XDG_DATA_HOME", ".local/share"), or("XDG_CONFIG_HOME", ".config")}, nil
}

// Options say what is installed.
type Options struct {
	Program   string   // its whole path
	Args      []string // behind it
	Autostart bool     // also start it with the session, with AutoArgs as well
	AutoArgs  []string
}

// An Error is for the person: one sentence, and what to do next.
type Error struct {
	Text, Hint string
	Err        error // may be nil
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// file is one that belongs to the installation.
type file struct {
	path string
	data []byte
}

// record is what was installed.
type record struct {
	Files    []made   `json:"files"`
	Folders  []string `json:"folders,omitempty"`  // that were made, the outer ones first
	Mimeapps bool     `json:"mimeapps,omitempty"` // the list of programs was made, not added to
}

// made is a file, with hashes of what may be in it: two while it is being replaced.
type made struct {
	Path string   `json:"path"`
	Sums []string `json:"sha256"`
}

// maxRecord bounds a record, in bytes.
const maxRecord = 64 << 10

// Install makes the desktop of these folders know the program, and returns what there is
// to tell. Doing it again changes nothing, or what has changed since: an entry for the
// start of a session goes when it is not asked for any more.
func Install(at Folders, opt Options) ([]string, error) {
	files, err := plan(at, opt)
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(at)
	if err != nil {
		return nil, err
	}
	var said []string
	wanted := slices.Clone(files)
	files = slices.DeleteFunc(files, func(f file) bool {
		theirs, err := rec.theirs(f)
		if err != nil || theirs {
			said = append(said, f.path+" was not made by stoa, or was changed by hand: it stays as it is")
		}
		return err != nil || theirs
	})
	for _, old := range slices.Clone(rec.Files) {
		if !slices.ContainsFunc(wanted, func(f file) bool { return f.path == old.Path }) {
			said = append(said, rec.remove(old)...)
		}
	}
	for _, f := range files {
		rec.expect(f)
		rec.Folders = append(rec.Folders, missing(filepath.Dir(f.path))...)
	}
	list := filepath.Join(at.Config, mimeappsFile)
	if _, err := os.Stat(list); errors.Is(err, fs.ErrNotExist) {
		rec.Mimeapps = true
		rec.Folders = append(rec.Folders, missing(at.Config)...)
	}
	slices.Sort(rec.Folders)
	rec.Folders = slices.Compact(rec.Folders)
	if err := rec.write(at); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := put(f); err != nil {
			return nil, err
		}
	}
	if err := edit(list, addDefault); err != nil {
		return nil, err
	}
	for i, f := range rec.Files {
		rec.Files[i].Sums = f.Sums[len(f.Sums)-1:]
	}
	if err := rec.write(at); err != nil {
		return nil, err
	}
	said = append(said, "your desktop starts "+opt.Program+" and opens links that begin with stoa:")
	if opt.Autostart {
		said = append(said, "it also starts it when you log in")
	}
	return said, nil
}

// Uninstall takes away what Install made, and returns what there is to tell.
func Uninstall(at Folders) ([]string, error) {
	rec, err := readRecord(at)
	if err != nil {
		return nil, err
	}
	if len(rec.Files) == 0 {
		return []string{"nothing is installed"}, nil
	}
	list := filepath.Join(at.Config, mimeappsFile)
	if err := edit(list, dropDefault); err != nil {
		return nil, err
	}
	if data, err := identity.ReadFile(list, maxMimeapps); err == nil && rec.Mimeapps && strings.TrimSpace(string(data)) == defaultsGroup {
		if err := os.Remove(list); err != nil {
			return nil, unwritable(err)
		}
	}
	said := []string{"your desktop does not know stoa any more"}
	for _, f := range slices.Clone(rec.Files) {
		said = append(said, rec.remove(f)...)
	}
	if err := os.Remove(recordPath(at)); err != nil {
		return nil, unwritable(err)
	}
	for _, dir := range slices.Backward(rec.Folders) {
		_ = os.Remove(dir) // refused where others have put something into it
	}
	return said, nil
}

// plan lists the files of an installation.
func plan(at Folders, opt Options) ([]file, error) {
	entry, err := entryText(opt.Program, opt.Args, true)
	if err != nil {
		return nil, err
	}
	files := []file{{filepath.Join(at.Data, "applications", entryFile), []byte(entry)}}
	if opt.Autostart {
		auto, err := entryText(opt.Program, append(slices.Clone(opt.Args), opt.AutoArgs...), false)
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.Join(at.Config, "autostart", entryFile), []byte(auto)})
	}
	pictures, err := icons()
	for _, f := range pictures {
		files = append(files, file{filepath.Join(at.Data, "icons", "hicolor", f.path), f.data})
	}
	return files, err
}

// icons draws our sign, once, in the sizes that a theme of icons has.
var icons = sync.OnceValues(func() ([]file, error) {
	files := []file{{filepath.Join("scalable", "apps", "stoa.svg"), icon.Stoa.SVG()}}
	for _, size := range []int{48, 128, 256} {
		data, err := icon.Stoa.PNG(size)
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.Join(fmt.Sprintf("%[1]dx%[1]d", size), "apps", "stoa.png"), data})
	}
	return files, nil
})

// Stage writes what belongs to an installation for everybody below a folder that stands
// for /usr or /usr/local, for those who make packages. The program is found in the PATH.
func Stage(prefix string) error {
	files, err := plan(Folders{Data: filepath.Join(prefix, "share")}, Options{Program: "stoa"})
	if err != nil {
		return err
	}
	for _, f := range files {
		err := os.MkdirAll(filepath.Dir(f.path), 0o755)
		if err == nil {
			err = os.WriteFile(f.path, f.data, 0o644)
		}
		if err != nil {
			return unwritable(err)
		}
	}
	return nil
}

// put writes a file that a person's desktop reads.
func put(f file) error {
	err := os.MkdirAll(filepath.Dir(f.path), 0o700)
	if err == nil {
		err = identity.WriteFile(f.path, f.data)
	}
	return unwritable(err)
}

// edit changes a list that others have written, where it has to be changed. Where it is a
// link to a file elsewhere, that file is changed, and its mode stays.
func edit(path string, change func(string) string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	before, err := identity.ReadFile(path, maxMimeapps)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{Text: "the list of your programs cannot be read: " + err.Error(), Hint: "look at " + path, Err: err}
	}
	after := change(string(before))
	if after == string(before) {
		return nil
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := put(file{path, []byte(after)}); err != nil {
		return err
	}
	return unwritable(os.Chmod(path, mode))
}

// missing lists the folders that are made with dir, the outer ones first.
func missing(dir string) []string {
	var dirs []string
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			slices.Reverse(dirs)
			return dirs
		}
		dirs = append(dirs, dir)
		dir = filepath.Dir(dir)
	}
}

func recordPath(at Folders) string { return filepath.Join(at.Data, "stoa", "installed.json") }

// readRecord returns what was installed: nothing, where nothing was.
func readRecord(at Folders) (*record, error) {
	rec := new(record)
	data, err := identity.ReadFile(recordPath(at), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return rec, nil
	}
	if err == nil {
		err = json.Unmarshal(data, rec)
	}
	if err == nil && slices.ContainsFunc(rec.Files, func(f made) bool { return len(f.Sums) == 0 || !filepath.IsAbs(f.Path) }) {
		err = errors.New("it names files without their hashes")
	}
	if err != nil {
		return nil, &Error{
			Text: "what stoa installed cannot be read: " + err.Error(),
			Hint: "remove " + recordPath(at) + ", and by hand what it names",
			Err:  err,
		}
	}
	return rec, nil
}

func (r *record) write(at Folders) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	path := recordPath(at)
	for _, dir := range missing(filepath.Dir(path)) {
		if !slices.Contains(r.Folders, dir) {
			r.Folders = append(r.Folders, dir)
			slices.Sort(r.Folders)
			return r.write(at)
		}
	}
	return put(file{path, append(data, '\n')})
}

// theirs reports whether somebody else wrote what is where f is to be.
func (r *record) theirs(f file) (bool, error) {
	sum, err := sumOf(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	i := slices.IndexFunc(r.Files, func(m made) bool { return m.Path == f.path })
	ours := i >= 0 && slices.Contains(r.Files[i].Sums, sum)
	return !ours && sum != hash(f.data), nil
}

// expect notes that f is about to be written.
func (r *record) expect(f file) {
	sum := hash(f.data)
	i := slices.IndexFunc(r.Files, func(m made) bool { return m.Path == f.path })
	if i < 0 {
		r.Files = append(r.Files, made{f.path, []string{sum}})
		return
	}
	old := r.Files[i].Sums
	r.Files[i].Sums = append(slices.DeleteFunc(old, func(s string) bool { return s == sum }), sum)
}

// remove takes a file away unless somebody has changed it, and forgets it. It returns what
// there is to tell.
func (r *record) remove(f made) []string {
	r.Files = slices.DeleteFunc(r.Files, func(m made) bool { return m.Path == f.Path })
	sum, err := sumOf(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !slices.Contains(f.Sums, sum):
		return []string{f.Path + " was changed by hand, so it is still there"}
	case err == nil:
		err = os.Remove(f.Path)
	}
	if err != nil {
		return []string{f.Path + " is still there: " + err.Error()}
	}
	return nil
}

// sumOf is the hash of a file. What is larger than any of ours has one of no file.
func sumOf(path string) (string, error) {
	data, err := identity.ReadFile(path, maxMimeapps)
	return hash(data), err
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// unwritable makes an error of writing one for the person; nil stays nil.
func unwritable(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Text: "the desktop's files cannot be changed: " + err.Error(), Hint: "look whose they are, and whether the disk is full", Err: err}
}
