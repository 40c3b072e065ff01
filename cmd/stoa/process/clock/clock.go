// Package clock makes programs whose clock is wrong. The wall clock is one for a whole
// machine, namespaces or not; so such a program is built with another package time, which
// adds to what the clock says. Timers and what is measured stay right, as they do on a
// machine whose clock was set wrong.
package clock

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

// variable tells such a program by how many seconds its clock is ahead.
const variable = "STOA_LAB_CLOCK"

// Env is the environment of such a program whose clock is so much ahead.
func Env(ahead time.Duration) []string {
	return append(os.Environ(), fmt.Sprintf("%s=%d", variable, int64(ahead.Seconds())))
}

// What is put into package time: Now adds labShift to what runtimeNow returns.
const (
	nowReads   = "sec, nsec, mono := runtimeNow()\n"
	shiftAdded = nowReads + "\tsec += labShift\n"
	shiftFile  = `package time

import "syscall"

var labShift = func() int64 {
	text, _ := syscall.Getenv("` + variable + `")
	n, _ := atoi(text)
	return int64(n)
}()
`
)

// Build builds a stoa whose clock [Env] sets, into a folder, and returns its path. It
// needs the source of stoa around it, and a minute the first time.
func Build(ctx context.Context, dir string) (string, error) {
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
		return "", errors.New("package time of this Go reads the clock in another way: see package clock of the tests")
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
