//go:build linux

// Wrong clocks. The wall clock is one for a whole machine, namespaces or not; so a node
// whose clock is wrong runs a program that was built with another package time, which
// adds to what the clock says. Timers and what is measured stay right, as they do on a
// machine whose clock was set wrong.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clockVariable tells a shifted program by how many seconds its clock is ahead.
const clockVariable = "STOA_LAB_CLOCK"

// clockEnv is the environment of a program whose clock is so much ahead.
func clockEnv(ahead time.Duration) []string {
	return append(os.Environ(), fmt.Sprintf("%s=%d", clockVariable, int64(ahead.Seconds())))
}

// What is put into package time: Now adds labShift to what runtimeNow returns.
const (
	nowReads   = "sec, nsec, mono := runtimeNow()\n"
	shiftAdded = nowReads + "\tsec += labShift\n"
	shiftFile  = `package time

import "syscall"

var labShift = func() int64 {
	text, _ := syscall.Getenv("` + clockVariable + `")
	n, _ := atoi(text)
	return int64(n)
}()
`
)

// buildShifted builds a stoa that obeys clockVariable, into a folder, and returns its
// path. It needs the source of stoa around it, and a minute the first time.
func buildShifted(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	now, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	if strings.Count(string(now), nowReads) != 1 {
		return "", errors.New("package time of this Go reads the clock in another way: see clock.go of the laboratory")
	}
	files := map[string]string{
		"time.go":      strings.Replace(string(now), nowReads, shiftAdded, 1),
		"lab_shift.go": shiftFile,
	}
	replace := map[string]string{}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(source, name)] = path
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "stoa")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-tags", "nolibopusfile", "-o", program, "stoa/cmd/stoa").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build stoa with another clock: %w: %s", err, out)
	}
	return program, nil
}
