//go:build linux

package child

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestChildOutlivesThread: what a thread has started goes on when that thread has ended.
func TestChildOutlivesThread(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	thread := make(chan int, 1)
	var begin func()
	begin = func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() {
			go begin() // on another: the first thread of a program never ends
			<-t.Context().Done()
			return
		}
		if err := Start(cmd); err != nil {
			t.Error(err)
		}
		thread <- unix.Gettid()
	}
	go begin()
	task := fmt.Sprint("/proc/self/task/", <-thread)
	if t.Failed() {
		return
	}
	defer cmd.Wait()
	defer in.Close()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(task); errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the thread does not end")
		}
	}
	if _, err := io.WriteString(in, "alive\n"); err != nil {
		t.Fatal(err)
	}
	if said, err := bufio.NewReader(out).ReadString('\n'); said != "alive\n" {
		t.Errorf("it said %q: %v", said, err)
	}
}
