// Systems whose terminals the program does not know: output is plain, and a
// passphrase comes from the environment.

//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package main

import (
	"errors"
	"os"
)

func isTerminal(*os.File) bool { return false }

func columns(*os.File) int { return 0 }

func hideTyping(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }
