// The cast: programs of their own, as people would run them, each told by its
// events what happened.

package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"stoa/cmd/stoa/app"
)

// leaveTime is how long a program may take to say goodbye before it is killed.
const leaveTime = 5 * time.Second

// maxEvent bounds one line of events, in bytes.
const maxEvent = 1 << 20

// A player is one running program of the cast.
type player struct {
	name string
	home string
	cmd  *exec.Cmd
	over chan struct{} // closed when the program has ended

	mu     sync.Mutex
	events []app.Event // those that until may still ask for
	more   chan struct{}
	words  tail // what it wrote to standard error
}

// hire starts a program with a home and --json. heard is told each event, on a
// goroutine of the player's. The program ends with ctx.
func hire(ctx context.Context, program, name, home string, heard func(app.Event), args ...string) (*player, error) {
	p := &player{name: name, home: home, over: make(chan struct{}), more: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, program, append(args, "--home", home, "--json")...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = leaveTime
	p.cmd.Stderr = &p.words
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		defer close(p.over)
		p.listen(out, heard)
		_ = p.cmd.Wait() // how a program of the cast ends changes nothing here
	}()
	return p, nil
}

// listen reads events until the program ends.
func (p *player) listen(r io.Reader, heard func(app.Event)) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		var e app.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		heard(e)
		if e.Kind != app.EventStats {
			p.keep(e)
		}
	}
}

// maxKept is how many events until can look back on.
const maxKept = 256

func (p *player) keep(e app.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.events) < maxKept {
		p.events = append(p.events, e)
	}
	close(p.more)
	p.more = make(chan struct{})
}

// until waits for an event of a kind.
func (p *player) until(ctx context.Context, kind string) (app.Event, error) {
	for {
		p.mu.Lock()
		more := p.more
		for _, e := range p.events {
			if e.Kind == kind {
				p.mu.Unlock()
				return e, nil
			}
		}
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.over:
			return app.Event{}, fmt.Errorf("%s has ended: %s", p.name, p.words.String())
		case <-ctx.Done():
			return app.Event{}, ctx.Err()
		}
	}
}

// kill ends the program as a power cut would.
func (p *player) kill() { _ = p.cmd.Process.Kill() } // it may have ended by itself

// tail keeps the last words of a program, for when it fails.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const maxTail = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if extra := len(t.b) - maxTail; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
