package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
	"stoa/room/keep"
)

// openTestHome opens a home that is closed when the test ends.
func openTestHome(t *testing.T, dir string) *home {
	t.Helper()
	h, err := openHome(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.close() })
	return h
}

func TestHomeIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "home")
	h := openTestHome(t, dir)
	key := h.key.ID()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if again := openTestHome(t, dir); again.key.ID() != key {
		t.Error("another key")
	}
	if info, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file is %v, %v", info.Mode(), err)
	}
}

func TestHomeIsOpenedOnce(t *testing.T) {
	dir := t.TempDir()
	h := openTestHome(t, dir)
	_, err := openHome(dir, nil)
	if !errors.Is(err, keep.ErrInUse) {
		t.Fatalf("got %v", err)
	}
	wantWords(t, err, "another stoa runs with this home")
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	openTestHome(t, dir)
}

func TestLockedKey(t *testing.T) {
	dir := t.TempDir()
	h := openTestHome(t, dir)
	key := h.key.ID()
	if _, err := h.doID(Request{Verb: VerbID, Args: []string{"lock"}, Secret: "correct horse"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	pass := func(p string) func() (string, error) { return func() (string, error) { return p, nil } }
	for name, ask := range map[string]func() (string, error){"nobody to ask": nil, "wrong": pass("wrong horse")} {
		if _, err := openHome(dir, ask); !errors.Is(err, identity.ErrPassphrase) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A refusal gives the home back.
	h, err := openHome(dir, pass("correct horse"))
	if err != nil || h.key.ID() != key {
		t.Fatal(err)
	}
	if _, err := h.doID(Request{Verb: VerbID, Args: []string{"unlock"}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if openTestHome(t, dir).key.ID() != key {
		t.Error("another key")
	}
}

// What is damaged is said to be what it is, and never replaced.
func TestDamagedHome(t *testing.T) {
	for file, want := range map[string]string{keyFile: "your key cannot be read: ", storeFile: "the file with your rooms is damaged: "} {
		dir := t.TempDir()
		if err := openTestHome(t, dir).close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, file)
		garbage := bytes.Repeat([]byte("garbage "), 4096)
		if err := os.WriteFile(path, garbage, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := openHome(dir, nil)
		if p := Explain(err); !strings.HasPrefix(p.Text, want) || p.Hint == "" {
			t.Errorf("%s: %+v", file, p)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, garbage) {
			t.Errorf("%s was replaced: %v", file, err)
		}
	}
}

func TestHomeThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openHome(filepath.Join(file, "home"), nil)
	if text := Explain(err).Text; !strings.HasPrefix(text, "the home cannot be made: ") {
		t.Errorf("got %q", text)
	}
}

// lived makes a home with a name and a room, and returns what an export of it
// holds.
func lived(t *testing.T, dir string) (key identity.ID, rec room.Record, b bundle) {
	t.Helper()
	h := openTestHome(t, dir)
	if err := h.store.SetName("Ann"); err != nil {
		t.Fatal(err)
	}
	rec, err := room.Found(h.key, identity.Policy{}, "Agora", h.store, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := livedHabits().save(dir); err != nil {
		t.Fatal(err)
	}
	if k, err := readKnown(dir); err != nil || k.contacts.change(func(all map[identity.ID]Contact) { all[identity.ID{1}] = Contact{Name: "Ben"} }) != nil ||
		k.blocked.change(func(all map[identity.ID]Blocking) { all[identity.ID{2}] = Blocking{} }) != nil {
		t.Fatal(err)
	}
	if v, err := readVolumes(dir); err != nil || v.set(identity.ID{1}, 50) != nil {
		t.Fatal(err)
	}
	if err := saveKept(dir, "devices.json", "of this machine"); err != nil {
		t.Fatal(err)
	}
	if b, err = h.bundle(); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	return h.key.ID(), rec, b
}

// livedHabits are those of the home that lived makes.
func livedHabits() habits {
	h := newHabits()
	h.Talk, h.Noise = talkPush, false
	return h
}

// sealed encrypts what an export holds, which takes its time on purpose.
func sealed(t *testing.T, v any) []byte {
	t.Helper()
	b, err := identity.Lock("correct horse", identity.Marshal(v))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExportAndImport(t *testing.T) {
	home := t.TempDir()
	key, rec, _ := lived(t, home)
	whole := openTestHome(t, home)
	if _, err := whole.export(""); err == nil {
		t.Error("an export without a passphrase")
	}
	export, err := whole.export("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(export, []byte("Ann")) || bytes.Contains(export, []byte("Agora")) {
		t.Error("the export can be read")
	}
	dir := t.TempDir()
	own := openTestHome(t, dir)
	if err := own.close(); err != nil {
		t.Fatal(err)
	}
	read, err := ReadExport(export, "correct horse")
	if err != nil || read.ID() != key {
		t.Fatalf("read %v, %v", read, err)
	}
	if err := read.Into(dir); err != nil {
		t.Fatal(err)
	}
	wantImported(t, dir, key, rec)
	kept, err := identity.LoadKey(filepath.Join(dir, replacedKey), nil)
	if err != nil || kept.ID() != own.key.ID() {
		t.Errorf("the key that was there: %v, %v", kept, err)
	}

	// A home with rooms is not overwritten, and stays as it was.
	_, _, other := lived(t, t.TempDir())
	if err := importBundle(dir, other); err == nil {
		t.Error("a home with rooms was replaced")
	}
	wantImported(t, dir, key, rec)
}

func wantImported(t *testing.T, dir string, key identity.ID, rec room.Record) {
	t.Helper()
	h := openTestHome(t, dir)
	defer h.close()
	rooms, err := h.store.Rooms()
	if h.key.ID() != key || h.store.Name() != "Ann" || err != nil || len(rooms) != 1 || rooms[0].Room != rec.Room {
		t.Errorf("the home is %s, %q, with %d rooms, %v", h.key.ID().Short(), h.store.Name(), len(rooms), err)
	}
	if reply, err := history(rec, h.store, nil); err != nil || len(reply.Lines) < 2 {
		t.Errorf("the history: %q, %v", reply.Lines, err)
	}
	if h, err := loadHabits(dir); err != nil || h != livedHabits() {
		t.Errorf("the habits are %+v, %v", h, err)
	}
	if v, err := readVolumes(dir); err != nil || v.of(identity.ID{1}) != 50 {
		t.Errorf("the volumes are %v, %v", v.people, err)
	}
	if k, err := readKnown(dir); err != nil || k.call(identity.ID{1}, "") != "Ben" || !k.blocks(identity.ID{2}) {
		t.Errorf("contacts %v, blocked %v, %v", k.contacts.all(), k.blocked.all(), err)
	}
	for _, name := range []string{importTmp, importFinal, "devices.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", name)
		}
	}
}

// Every key that an import has replaced is kept, not only the first one.
func TestEveryReplacedKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	owned := map[identity.ID]bool{}
	for range 4 {
		h := openTestHome(t, dir)
		owned[h.key.ID()] = true
		h.close()
		from := openTestHome(t, t.TempDir())
		b, err := from.bundle()
		if err != nil {
			t.Fatal(err)
		}
		from.close()
		if err := importBundle(dir, b); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := filepath.Glob(filepath.Join(dir, replacedKey+"*"))
	if err != nil || len(kept) != len(owned) {
		t.Fatalf("%d keys kept of %d, %v", len(kept), len(owned), err)
	}
	for _, path := range kept {
		key, err := identity.LoadKey(path, nil)
		if err != nil || !owned[key.ID()] {
			t.Errorf("%s: %v, %v", path, key, err)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	_, _, b := lived(t, t.TempDir())
	export := sealed(t, b)
	cut := export[:len(export)-9]
	const bad = "that file is damaged, or no export that this version of stoa can read"
	for name, c := range map[string]struct {
		sealed     []byte
		passphrase string
		want       string
	}{
		"passphrase": {export, "wrong horse", "the passphrase is wrong"},
		"cut off":    {cut, "correct horse", bad},
		"no export":  {[]byte("hello"), "correct horse", bad},
		"version":    {sealed(t, bundle{Version: bundleVersion + 1}), "correct horse", bad},
		"contents":   {sealed(t, "hello"), "correct horse", bad},
		"rooms":      {sealed(t, bundle{Version: bundleVersion, Store: []byte("hello")}), "correct horse", "the rooms in the export cannot be restored: malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			h := openTestHome(t, dir)
			key := h.key.ID()
			h.close()
			read, err := ReadExport(c.sealed, c.passphrase)
			if err == nil {
				err = read.Into(dir)
			}
			if p := Explain(err); err == nil || !strings.HasPrefix(p.Text, c.want) || p.Hint == "" {
				t.Errorf("got %+v, want %q", p, c.want)
			}
			if again := openTestHome(t, dir); again.key.ID() != key {
				t.Error("the key is another")
			}
			if importReady(dir) {
				t.Error("an import is ready")
			}
		})
	}
}

func TestImportIntoAHomeInUse(t *testing.T) {
	_, _, b := lived(t, t.TempDir())
	dir := t.TempDir()
	openTestHome(t, dir)
	if err := importBundle(dir, b); !errors.Is(err, keep.ErrInUse) {
		t.Errorf("got %v", err)
	}
}

// A crash at any step of an import leaves a home that is the old one or the
// new one and nothing between, with the old key kept. The steps are those of
// prepareImport and finishImport; a copy of the home as it is after each stands
// for a machine that died there.
func TestImportAndCrash(t *testing.T) {
	key, rec, b := lived(t, t.TempDir())
	dir := t.TempDir()
	h := openTestHome(t, dir)
	old := h.key.ID()
	h.close()

	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	steps := []struct {
		name  string
		do    func()
		fresh bool // from here on it is the new home
	}{
		{"nothing", func() {}, false},
		{"a folder", func() { must(os.Mkdir(at(importTmp), 0o700)) }, false},
		{"half a key", func() { must(os.WriteFile(filepath.Join(at(importTmp), keyFile), []byte("# st"), 0o600)) }, false},
		{"the key", func() { must(identity.KeyFromSeed(b.Seed).Save(filepath.Join(at(importTmp), keyFile), "")) }, false},
		{"half a store", func() { must(os.WriteFile(filepath.Join(at(importTmp), storeFile), []byte("half"), 0o600)) }, false},
		{"all of it", func() {
			must(os.Remove(filepath.Join(at(importTmp), storeFile)))
			must(keep.Restore(filepath.Join(at(importTmp), storeFile), bytes.NewReader(b.Store)))
		}, false},
		{"some choices", func() { must(os.WriteFile(filepath.Join(at(importTmp), habitsFile), b.Kept[habitsFile], 0o600)) }, false},
		{"all choices", func() {
			for _, name := range portableKept[1:] {
				must(os.WriteFile(filepath.Join(at(importTmp), name), b.Kept[name], 0o600))
			}
		}, false},
		{"ready", func() { must(os.Rename(at(importTmp), at(importFinal))) }, true},
		{"the old key kept", func() { must(keepOldKey(at(keyFile))) }, true},
		{"the key in place", func() { must(os.Rename(filepath.Join(at(importFinal), keyFile), at(keyFile))) }, true},
		{"the store in place", func() { must(os.Rename(filepath.Join(at(importFinal), storeFile), at(storeFile))) }, true},
		{"some choices in place", func() { must(os.Rename(filepath.Join(at(importFinal), habitsFile), at(habitsFile))) }, true},
		{"all choices in place", func() {
			for _, name := range portableKept[1:] {
				must(os.Rename(filepath.Join(at(importFinal), name), at(name)))
			}
		}, true},
		{"done", func() { must(os.Remove(at(importFinal))) }, true},
	}
	for _, s := range steps {
		s.do()
		t.Run(s.name, func(t *testing.T) {
			crashed := copyFolder(t, dir)
			if s.fresh {
				wantImported(t, crashed, key, rec)
				kept, err := identity.LoadKey(filepath.Join(crashed, replacedKey), nil)
				if err != nil || kept.ID() != old {
					t.Errorf("the old key: %v, %v", kept, err)
				}
				return
			}
			h := openTestHome(t, crashed)
			rooms, err := h.store.Rooms()
			if h.key.ID() != old || len(rooms) != 0 || err != nil {
				t.Errorf("the old home is %s with %d rooms, %v", h.key.ID().Short(), len(rooms), err)
			}
			h.close()
			// And the import can be done again.
			if err := importBundle(crashed, b); err != nil {
				t.Fatal(err)
			}
			wantImported(t, crashed, key, rec)
		})
	}
}

// copyFolder copies a folder as a disk holds it after a crash. Files that are
// one with two names stay so.
func copyFolder(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	var seen []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		for _, other := range seen {
			if o, err := os.Stat(filepath.Join(dir, other)); err == nil && os.SameFile(o, info) {
				return os.Link(filepath.Join(to, other), filepath.Join(to, rel))
			}
		}
		seen = append(seen, rel)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// Whoever opens a home while an import puts its file in place gets the new
// file, never the one that has lost its name.
func TestOpenDuringAnImport(t *testing.T) {
	key, rec, b := lived(t, t.TempDir())
	for i := range 5 {
		dir := t.TempDir()
		openTestHome(t, dir).close()
		imported := make(chan error, 1)
		go func() {
			for {
				err := importBundle(dir, b)
				if !errors.Is(err, keep.ErrInUse) {
					imported <- err
					return
				}
			}
		}()
		var name string
		for n := 0; ; n++ {
			h, err := openHome(dir, nil)
			if err != nil {
				if errors.Is(err, keep.ErrInUse) {
					continue
				}
				t.Fatal(err)
			}
			done := h.key.ID() == key
			if done {
				name = fmt.Sprint("Ann ", i)
				err = h.store.SetName(name)
			}
			if err := errors.Join(err, h.close()); err != nil {
				t.Fatal(err)
			}
			if done {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := <-imported; err != nil {
			t.Fatal(err)
		}
		h := openTestHome(t, dir)
		if h.store.Name() != name {
			t.Errorf("what was written during the import is lost: %q", h.store.Name())
		}
		if _, err := h.store.Room(rec.Room); err != nil {
			t.Error(err)
		}
		h.close()
	}
}

func TestHistory(t *testing.T) {
	dir := t.TempDir()
	_, rec, _ := lived(t, dir)
	h := openTestHome(t, dir)
	ops, err := h.store.Ops(rec.Room)
	if err != nil || len(ops) < 2 {
		t.Fatalf("%d operations, %v", len(ops), err)
	}
	reply, err := history(rec, h.store, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(reply.Lines, "\n")
	if !strings.Contains(text, `title "Agora"`) || !strings.Contains(text, "every signature verified; state ") || strings.Contains(text, "cannot be verified") {
		t.Errorf("the history is\n%s", text)
	}
	told := false
	for _, e := range reply.Data.(map[string]any)["entries"].([]entryData) {
		told = told || e.Title == "Agora"
		if e.AtMS == 0 || (e.Kind == "title") != (e.Title != "") {
			t.Errorf("the facts are %+v", e)
		}
	}
	if !told {
		t.Error("no entry tells the title")
	}

	for name, c := range map[string]struct {
		damage func(ops [][]byte) [][]byte
		want   string
	}{
		"a bit flipped in the last":  {func(ops [][]byte) [][]byte { ops[len(ops)-1][70] ^= 1; return ops }, "1 record kept here cannot be verified"},
		"a bit flipped in the first": {func(ops [][]byte) [][]byte { ops[0][70] ^= 1; return ops }, fmt.Sprintf("%s kept here cannot be verified", count(len(ops), "record", "records"))},
		"the first is missing":       {func(ops [][]byte) [][]byte { return ops[1:] }, fmt.Sprintf("%s kept here cannot be verified", count(len(ops)-1, "record", "records"))},
		"garbage":                    {func(ops [][]byte) [][]byte { return append(ops, []byte("garbage")) }, "1 record kept here cannot be verified"},
	} {
		t.Run(name, func(t *testing.T) {
			var copied [][]byte
			for _, op := range ops {
				copied = append(copied, bytes.Clone(op))
			}
			store, err := keep.Open(filepath.Join(t.TempDir(), "x.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if err := store.Create(rec, c.damage(copied), nil); err != nil {
				t.Fatal(err)
			}
			reply, err := history(rec, store, nil)
			if err != nil || !strings.Contains(strings.Join(reply.Lines, "\n"), c.want) {
				t.Errorf("got %q, %v, want %q", reply.Lines, err, c.want)
			}
		})
	}
	rec.Charter = rec.Charter[:len(rec.Charter)-1]
	_, err = history(rec, h.store, nil)
	wantWords(t, err, "what is kept here of the room is damaged")
}

// Without a running node the verbs that need none are done on the home.
func TestVerbsWithoutANode(t *testing.T) {
	dir := shortDir(t)
	_, rec, _ := lived(t, dir)
	do := func(verb string, args ...string) (Reply, error) {
		return Do(context.Background(), dir, Request{Verb: verb, Args: args}, nil)
	}
	r, err := do(VerbInvite)
	if err != nil || len(r.Lines) != 2 || !strings.HasPrefix(r.Lines[0], "stoa:j/") {
		t.Fatalf("invite: %q, %v", r.Lines, err)
	}
	if inv, err := parseLink(r.Lines[0]); err != nil || inv.Room != rec.Room {
		t.Errorf("the link: %v", err)
	}
	if r, err := do(VerbLinks); err != nil || len(r.Lines) != 1 {
		t.Errorf("links: %q, %v", r.Lines, err)
	}
	if r, err := do(VerbID); err != nil || len(r.Lines) != 2 || r.Lines[1] != "others see you as Ann" {
		t.Errorf("id: %q, %v", r.Lines, err)
	}
	if _, err := do(VerbID, "name", strings.Repeat("x", room.MaxName+1)); err == nil {
		t.Error("a name without end was taken")
	}
	if _, err := do(VerbID, "sing"); err == nil {
		t.Error("a word that is none was taken")
	}
	for _, verb := range []string{VerbWho, VerbHand, VerbMute, VerbKick, VerbLeave, VerbStatus} {
		_, err := do(verb)
		wantWords(t, err, "no stoa runs with this home")
	}
	if _, err := do(VerbPin, rec.Title, "up"); Explain(err).Code != "usage" {
		t.Errorf("pinned up: %v", err)
	}
	if _, err := do(VerbPin); Explain(err).Code != "usage" {
		t.Errorf("nothing pinned: %v", err)
	}
	if _, err := do(VerbPin, rec.Title, "on"); err != nil {
		t.Errorf("pin: %v", err)
	}
	h := openTestHome(t, dir)
	if kept, err := h.store.Room(rec.Room); err != nil || !kept.Pinned {
		t.Errorf("after pinning: %+v, %v", kept, err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := do(VerbForget, rec.Room.String()); err != nil {
		t.Errorf("forget: %v", err)
	}
	if _, err := do(VerbLinks); Explain(err).Code != "in_no_room" {
		t.Errorf("links of a room that is forgotten: %v", err)
	}
	openTestHome(t, dir) // somebody has it, without a socket
	_, err = do(VerbInvite)
	wantWords(t, err, "another stoa runs with this home")
}
