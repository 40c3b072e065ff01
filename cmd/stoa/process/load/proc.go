// What a process uses, as /proc has it.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is the CPU time and the memory of a process.
type usage struct {
	busy time.Duration // on a CPU, all threads
	rss  int           // KiB
}

// used reads the usage of a process. CPU time is that of the scheduler's own
// clock, since the ticks of /proc/PID/stat are 10 ms.
func used(pid int) (u usage, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return u, err
	}
	if len(threads) == 0 {
		return u, fmt.Errorf("process %d is gone, or this is not Linux", pid)
	}
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended; what it used is lost, and little
		}
		if words := strings.Fields(string(b)); len(words) > 0 {
			ns, _ := strconv.ParseInt(words[0], 10, 64)
			u.busy += time.Duration(ns)
		}
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(b)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "VmRSS:" {
			u.rss, err = strconv.Atoi(words[1])
		}
	}
	return u, err
}

// look takes the usage of the server and of this process.
func look(server int) (a account, err error) {
	if a.server, err = used(server); err != nil {
		return a, err
	}
	a.load, err = used(os.Getpid())
	a.at = time.Now()
	return a, err
}
