// Typing a passphrase, on a pseudo-terminal.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// openPTY returns both ends of a pseudo-terminal: where a person types, and
// what the program has for standard input.
func openPTY(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestTypedPassphrase(t *testing.T) {
	t.Setenv(passphraseEnv, "")
	tests := []struct {
		name  string
		typed []string // what is typed at each prompt
		twice bool
		want  string
		ok    bool
	}{
		{"once", []string{"secret"}, false, "secret", true},
		{"twice", []string{"secret", "secret"}, true, "secret", true},
		{"twice, not the same", []string{"secret", "Secret"}, true, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			person, program := openPTY(t)
			if !isTerminal(program) || columns(program) != 80 {
				t.Errorf("terminal: %v, %d columns", isTerminal(program), columns(program))
			}
			prompts := &typist{t: t, terminal: program, person: person, lines: tt.typed}
			c := &cli{stdin: program, stderr: prompts}
			got, err := c.passphrase(t.Context(), "passphrase", tt.twice)()
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %q, %v", got, err)
			}
			if !echoes(t, program) {
				t.Error("the terminal was left without echo")
			}
		})
	}
}

// A typist types the next line whenever a prompt shows.
type typist struct {
	t                *testing.T
	terminal, person *os.File
	lines            []string
}

func (p *typist) Write(b []byte) (int, error) {
	if !bytes.HasSuffix(b, []byte(": ")) {
		return len(b), nil
	}
	if echoes(p.t, p.terminal) {
		p.t.Error("prompted with echo")
	}
	_, err := p.person.WriteString(p.lines[0] + "\n")
	p.lines = p.lines[1:]
	return len(b), err
}

// An export has a passphrase of its own, asked for before the key's.
func TestPassphrasesOfAVerb(t *testing.T) {
	t.Setenv(passphraseEnv, "")
	for _, tt := range []struct {
		file  string
		typed []string
	}{
		{"", []string{"of the key", "of the key"}},
		{"import", []string{"of the file", "of the key"}},
		{"export", []string{"of the file", "of the file", "of the key"}},
	} {
		person, program := openPTY(t)
		c := &cli{stdin: program, stderr: &typist{t: t, terminal: program, person: person, lines: tt.typed}}
		v := &verb{file: tt.file}
		ask := v.passphrase(t.Context(), c)
		want := []string{tt.typed[0], "of the key"}
		for i := range want {
			if got, err := ask(); got != want[i] || err != nil {
				t.Errorf("%s %d: got %q, %v, want %q", tt.file, i, got, err, want[i])
			}
		}
	}
}

// Ctrl-C at the prompt must not leave a terminal that shows nothing.
func TestInterruptedPassphrase(t *testing.T) {
	t.Setenv(passphraseEnv, "")
	person, program := openPTY(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := &cli{stdin: program, stderr: writerFunc(func(b []byte) (int, error) {
		cancel()
		return len(b), nil
	})}
	if got, err := c.passphrase(ctx, "passphrase", false)(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, %v", got, err)
	}
	if !echoes(t, program) {
		t.Error("the terminal was left without echo")
	}
	person.WriteString("\n") // lets the reader go before the terminal is closed
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
