// Key files, atomic files, the passphrase lock.

package identity

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := LoadKey(path, nil); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	if err := ana.Save(path, ""); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKey(path, func() (string, error) { panic("asked for a passphrase that there is not") })
	if err != nil || k.ID() != ana.ID() {
		t.Fatalf("loaded %v, %v", k, err)
	}
}

func TestKeyFileUnderPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := ana.Save(path, "correct horse"); err != nil {
		t.Fatal(err)
	}
	say := func(words string) func() (string, error) { return func() (string, error) { return words, nil } }
	if k, err := LoadKey(path, say("correct horse")); err != nil || k.ID() != ana.ID() {
		t.Fatalf("loaded %v, %v", k, err)
	}
	cheap, err := lock("correct horse", ana.fileText(), 10) // the same file, at a price a test can pay often
	if err != nil {
		t.Fatal(err)
	}
	text, err := armoured(cheap)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, text); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(path, say("wrong horse")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong: %v", err)
	}
	if _, err := LoadKey(path, nil); !errors.Is(err, ErrPassphrase) {
		t.Errorf("none: %v", err)
	}
	away := errors.New("nobody at the keyboard")
	if _, err := LoadKey(path, func() (string, error) { return "", away }); !errors.Is(err, away) {
		t.Errorf("failed to ask: %v", err)
	}
	if err := ben.Save(path, ""); err != nil {
		t.Fatal(err)
	}
	if k, err := LoadKey(path, nil); err != nil || k.ID() != ben.ID() {
		t.Errorf("replaced: %v, %v", k, err)
	}
}

func TestKeyFileRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for why, tc := range map[string]struct {
		text string
		want error
	}{
		"too long":       {strings.Repeat("#\n", maxKeyFile), ErrMalformed},
		"not a key":      {"hello\n", ErrMalformed},
		"broken armour":  {"-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n", ErrDamaged},
		"damaged letter": {strings.Replace(string(ana.fileText()), keyPrefix, keyPrefix+"a", 1), ErrDamaged},
	} {
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKey(path, func() (string, error) { return "words", nil })
		if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestKeyFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := ana.Save(path, ""); err != nil {
		t.Fatal(err)
	}
	for mode := os.FileMode(0o600); mode <= 0o677; mode++ {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path, nil); (err == nil) != (mode == 0o600) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "new" {
		t.Fatalf("%q, %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := WriteFile(filepath.Join(dir, "none", "file"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into no directory: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "full"), nil); err == nil {
		t.Error("wrote over a directory")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestLock(t *testing.T) {
	plain := bytes.Repeat([]byte("everything "), 10_000) // more than one chunk of age
	sealed, err := lock("words", plain, 10)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Unlock("words", sealed); err != nil || !bytes.Equal(back, plain) {
		t.Fatalf("%d bytes, %v", len(back), err)
	}
	if _, err := Unlock("word", sealed); verdictOf(err) != ErrPassphrase {
		t.Errorf("wrong words: %v", err)
	}
	if _, err := Unlock("", sealed); verdictOf(err) != ErrPassphrase {
		t.Errorf("no words: %v", err)
	}
	if _, err := Lock("", plain); verdictOf(err) != ErrPassphrase {
		t.Errorf("lock without words: %v", err)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)/2] ^= 1
	for why, b := range map[string][]byte{
		"nothing": nil, "cut": sealed[:len(sealed)-1], "longer": append(bytes.Clone(sealed), 0), "flipped": flipped, "cut in its head": sealed[:20],
	} {
		if back, err := Unlock("words", b); verdictOf(err) != ErrDamaged || back != nil {
			t.Errorf("%s: %d bytes, %v", why, len(back), err)
		}
	}
}

func verdictOf(err error) error {
	for _, is := range []error{ErrPassphrase, ErrDamaged} {
		if errors.Is(err, is) {
			return is
		}
	}
	return err
}

// TestUnlockBounded: a file may not make its reader work for minutes or take gigabytes.
func TestUnlockBounded(t *testing.T) {
	sealed, err := lock("words", nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	greedy := bytes.Replace(sealed, []byte(" 10\n"), []byte(" 22\n"), 1)
	if bytes.Equal(greedy, sealed) {
		t.Fatal("the work factor is not where this test looks for it")
	}
	if _, err := Unlock("words", greedy); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "work factor") {
		t.Errorf("%v", err)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := WriteFile(path, []byte("four")); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadFile(path, 4); string(data) != "four" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := ReadFile(path, 3); err == nil {
		t.Error("a file above the limit was read")
	}
	if _, err := ReadFile(dir, 4); err == nil {
		t.Error("a folder was read")
	}
	if _, err := ReadFile(filepath.Join(dir, "none"), 4); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
