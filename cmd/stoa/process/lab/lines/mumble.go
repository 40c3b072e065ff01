//go:build linux

// The same lines with a mumble-server in the middle, where the client of another make is
// at hand: see main.go.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"stoa/cmd/stoa/pause"
)

const mumblePort = 64738

// mumble plays the scene by a server and returns its column.
func (s *scene) mumble(ctx context.Context, o *options, number int, dir, program string) (string, error) {
	murmurd, err := exec.LookPath("murmurd")
	if err != nil {
		return "", errors.New("there is no murmurd here (apt-get install mumble-server)")
	}
	w, err := s.star(ctx, o, number, 1)
	if err != nil {
		return "", err
	}
	defer w.close()
	server := s.listeners + 1
	ini, err := mumbleHome(dir, w.addr(server))
	if err != nil {
		return "", err
	}
	var running []*exec.Cmd
	defer func() {
		for _, c := range running {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	start := func(c *exec.Cmd) error {
		err := c.Start()
		if err == nil {
			running = append(running, c)
		}
		return err
	}
	if err := start(w.command(server, murmurd, "-fg", "-ini", ini)); err != nil {
		return "", err
	}
	if err := pause.For(ctx, 2*time.Second); err != nil {
		return "", err
	}
	share := func(at int, role string) *exec.Cmd {
		return w.command(at, program, "share", "-role", role, "-dur", o.measure.String(),
			"-addr", net.JoinHostPort(w.addr(server), strconv.Itoa(mumblePort)))
	}
	if err := start(share(0, "speak")); err != nil {
		return "", err
	}
	if err := pause.For(ctx, 2*time.Second); err != nil {
		return "", err
	}
	results := make([]struct {
		Frames int     `json:"frames"`
		InTime int     `json:"in_time"`
		Delay  float64 `json:"delay_p50_ms"`
	}, s.listeners)
	ended := make(chan error, s.listeners)
	for i := range results {
		go func() {
			c := share(i+1, "hear")
			var errs bytes.Buffer
			c.Stderr = &errs
			b, err := c.Output()
			if err == nil {
				err = json.Unmarshal(b, &results[i])
			} else {
				err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(errs.Bytes()))
			}
			ended <- err
		}()
	}
	for range results {
		err = errors.Join(err, <-ended)
	}
	if err != nil {
		return "", err
	}
	frames, inTime, delay := 0, 0, 0.0
	for _, r := range results {
		frames, inTime, delay = frames+r.Frames, inTime+r.InTime, delay+r.Delay/float64(len(results))
	}
	return fmt.Sprintf("%.2f, %.0f", 100*float64(inTime)/float64(max(frames, 1)), delay), nil
}

// mumbleHome makes what the server wants to find, and returns the path of its settings. It
// runs as the user of its package.
func mumbleHome(dir, host string) (string, error) {
	home := filepath.Join(dir, "mumble")
	if err := os.Mkdir(home, 0o700); err != nil {
		return "", err
	}
	if u, err := user.Lookup("mumble-server"); err == nil {
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := errors.Join(os.Chown(home, uid, gid), os.Chmod(dir, 0o711)); err != nil {
			return "", err
		}
	}
	ini := filepath.Join(home, "mumble.ini")
	settings := fmt.Sprintf("database=%[1]s/mumble.sqlite\nlogfile=%[1]s/mumble.log\nhost=%s\nport=%d\nbandwidth=128000\n"+
		"autobanAttempts=0\nbonjour=False\n", home, host, mumblePort)
	return ini, os.WriteFile(ini, []byte(settings), 0o644)
}
