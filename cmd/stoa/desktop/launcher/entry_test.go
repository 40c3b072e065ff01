// Desktop entries: that a desktop reads from them what was meant.

package launcher

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oddPrograms are paths that mean something to a shell, to a desktop entry or to both.
var oddPrograms = []string{
	"/usr/bin/stoa",
	"/home/ann/My programs/stoa",
	"/home/ann/100%/%u/stoa",
	`/home/ann/back\slash/stoa`,
	"/home/ann/quo\"te's/`tick`/$HOME/stoa",
	"/home/ann/a;b&c|d<e>f(g)h*i?j#k~l/stoa",
	"/home/añn/部屋/🏛/stoa",
}

func TestEntry(t *testing.T) {
	for _, program := range oddPrograms {
		text, err := entryText(program, []string{"--home", "/tmp/a b"}, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := commandOf(t, text), []string{program, "--home", "/tmp/a b", "%u"}; !slices.Equal(got, want) {
			t.Errorf("a desktop runs %q, want %q", got, want)
		}
		validate(t, text)
	}
}

func TestEntryOfSession(t *testing.T) {
	text, err := entryText("/usr/bin/stoa", []string{"--quiet"}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := commandOf(t, text), []string{"/usr/bin/stoa", "--quiet"}; !slices.Equal(got, want) || strings.Contains(text, scheme) {
		t.Errorf("got %q\n%s", got, text)
	}
	validate(t, text)
}

func TestEntryThatCannotBe(t *testing.T) {
	for _, program := range []string{"/home/ann/new\nline/stoa", "/home/ann/\x80/stoa", "/home/a=b/stoa", "/\x00"} {
		var forPerson *Error
		if text, err := entryText(program, nil, true); !errors.As(err, &forPerson) || forPerson.Hint == "" {
			t.Errorf("%q: %v\n%s", program, err, text)
		}
	}
}

// Whatever the path, an entry is refused or read back as it was.
func FuzzEntry(f *testing.F) {
	for _, p := range oddPrograms {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, program string) {
		text, err := entryText(program, nil, false)
		if err != nil {
			return
		}
		if got := commandOf(t, text); !slices.Equal(got, []string{program}) {
			t.Errorf("a desktop runs %q, want %q", got, program)
		}
	})
}

// commandOf reads the key Exec as the specification says: the escapes of a value, then
// quotes, then codes of a per cent sign; %u stays.
func commandOf(t *testing.T, entry string) (words []string) {
	t.Helper()
	var value string
	for line := range strings.Lines(entry) {
		if v, is := strings.CutPrefix(line, "Exec="); is {
			value = strings.TrimSuffix(v, "\n")
		}
	}
	value = unescape(value, func(b byte) bool { return b == '\\' })
	for value != "" {
		var word string
		if rest, quoted := strings.CutPrefix(value, `"`); quoted {
			end := 0
			for end < len(rest) && rest[end] != '"' {
				if rest[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(rest) {
				t.Fatalf("a quote without end: %q", value)
			}
			word = unescape(rest[:end], func(b byte) bool { return strings.IndexByte("\"`$\\", b) >= 0 })
			value = strings.TrimPrefix(rest[end+1:], " ")
		} else {
			word, value, _ = strings.Cut(value, " ")
			if strings.ContainsAny(word, "\"'\\><~|&;$*?#()`") {
				t.Errorf("%q has to be quoted", word)
			}
		}
		if word != "%u" {
			word = strings.ReplaceAll(word, "%%", "%")
		}
		words = append(words, word)
	}
	return words
}

// unescape takes away backslashes before what may have one.
func unescape(s string, may func(byte) bool) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && may(s[i+1]) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// validate asks those who know, where they are here.
func validate(t *testing.T, entry string) {
	t.Helper()
	tool, err := exec.LookPath("desktop-file-validate")
	if err != nil {
		return // nobody here knows better; .ci/need brings it
	}
	path := filepath.Join(t.TempDir(), entryFile)
	if err := os.WriteFile(path, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("desktop-file-validate: %v\n%s\n%s", err, out, entry)
	}
}
