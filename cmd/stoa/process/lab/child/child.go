//go:build linux

// Package child starts programs that do not outlive this one, however it ends.
package child

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Start starts a command. Linux sends a child its death signal when the thread ends that made
// it (PR_SET_PDEATHSIG(2const)), not the process, and threads do end here: those of hops, and
// those that have been in another namespace. So one thread starts all, and never ends.
func Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	nursery() <- func() { started <- cmd.Start() }
	return <-started
}

// nursery is what the thread does that starts all.
var nursery = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})
