// Where a passphrase comes from: the terminal without echo, or the environment.
// Never a flag, which every user of the machine could read.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"stoa/cmd/stoa/app"
)

// passphraseEnv names the variable that scripts set. It goes before the
// terminal: who set it meant it.
const passphraseEnv = "STOA_PASSPHRASE"

// keyPrompt asks for the passphrase that the key file is locked with.
const keyPrompt = "passphrase of your key"

// maxPassphrase bounds what is read from the terminal, in bytes.
const maxPassphrase = 1024

// passphrase returns a function that gets a passphrase; twice asks for a new
// one, typed twice. Typing ends when ctx does.
func (c *cli) passphrase(ctx context.Context, prompt string, twice bool) func() (string, error) {
	return func() (string, error) {
		if p := os.Getenv(passphraseEnv); p != "" {
			return p, nil
		}
		f, ok := c.stdin.(*os.File)
		if !ok || !isTerminal(f) {
			return "", &app.UserError{
				Text: "a passphrase is needed and there is no terminal to type it on",
				Hint: "set " + passphraseEnv + ", or run it in a terminal",
			}
		}
		first, err := c.typed(ctx, f, prompt)
		if err != nil || !twice {
			return first, err
		}
		again, err := c.typed(ctx, f, "the same again")
		if err != nil {
			return "", err
		}
		if again != first {
			return "", &app.UserError{Text: "the two passphrases are not the same", Hint: "nothing was written: run it again"}
		}
		return first, nil
	}
}

// canType reports whether a passphrase can be had without the page.
func (c *cli) canType() bool {
	f, ok := c.stdin.(*os.File)
	return os.Getenv(passphraseEnv) != "" || ok && isTerminal(f)
}

// typed prompts on standard error and reads one line from terminal f.
func (c *cli) typed(ctx context.Context, f *os.File, prompt string) (string, error) {
	restore, err := hideTyping(f)
	if err != nil {
		return "", fmt.Errorf("cannot hide what is typed: %w", err)
	}
	defer fmt.Fprintln(c.stderr)
	defer restore()
	fmt.Fprintf(c.stderr, "%s: ", prompt)

	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := readLine(f)
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		// Reading a terminal cannot be interrupted: the goroutine above stays
		// until the program ends, which it is about to.
		return "", ctx.Err()
	}
}

// readLine reads up to a newline, byte by byte so as to leave what follows.
func readLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for len(line) <= maxPassphrase {
		_, err := io.ReadFull(r, b[:])
		if err == io.EOF && len(line) > 0 || err == nil && b[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		if err != nil {
			return "", fmt.Errorf("cannot read the passphrase: %w", err)
		}
		line = append(line, b[0])
	}
	return "", errors.New("the passphrase is too long")
}
