//go:build linux

// Package program runs one stoa for the laboratory: what it prints as events, and how it is
// ended.
package program

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"stoa/cmd/stoa/process/lab/child"
)

// maxLine bounds one line of events, in bytes.
const maxLine = 1 << 20

// An Event is one line that a program printed: what it holds depends on its kind.
type Event struct {
	Event    string   `json:"event"`
	Who      string   `json:"who"`
	Listener int      `json:"listener"` // of a crowd: its number
	Addrs    []string `json:"addrs"`
	Stats    *Stats   `json:"stats"`

	At   time.Time `json:"-"` // when it was read
	Line []byte    `json:"-"`
}

// Stats are how the sound of the last second fared.
type Stats struct {
	Speakers []Speaker       `json:"speakers"`
	Links    int             `json:"links"`
	Sending  json.RawMessage `json:"sending"` // how this person's own voice is sent, as they choose
}

// A Speaker is what a listener tells of one voice. Frames are of 20 ms, counted from the
// beginning.
type Speaker struct {
	Who       string  `json:"who"`
	Played    uint64  `json:"played"`    // as they were sent
	Repaired  uint64  `json:"repaired"`  // by error correction
	Lost      uint64  `json:"lost"`      // or too late
	Dropped   uint64  `json:"dropped"`   // for there were too many
	Concealed uint64  `json:"concealed"` // made up
	Delay     float64 `json:"delay_ms"`  // mouth to ear, reckoned
	Way       string  `json:"way"`
}

// A Program is one running stoa. Its methods may be called from any goroutine.
type Program struct {
	Name string
	home string
	cmd  *exec.Cmd
	over chan struct{} // closed when it has ended

	mu     sync.Mutex
	events []Event
	more   chan struct{} // closed and replaced when there is another event
}

// Launch runs a program that prints events. What it prints goes to files beside its
// home too: HOME.events and HOME.err.
func Launch(name, home string, cmd *exec.Cmd) (*Program, error) {
	p := &Program{Name: name, home: home, cmd: cmd, over: make(chan struct{}), more: make(chan struct{})}
	events, err := os.Create(home + ".events")
	if err != nil {
		return nil, err
	}
	errs, err := os.Create(home + ".err")
	if err != nil {
		events.Close()
		return nil, err
	}
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		_, err = cmd.StdinPipe() // open until the program ends: a crowd ends with its input
	}
	if err == nil {
		err = child.Start(cmd) // the laboratory may be killed
	}
	if err != nil {
		events.Close()
		errs.Close()
		return nil, fmt.Errorf("run %s: %w", name, err)
	}
	go func() {
		defer close(p.over)
		defer errs.Close()
		defer events.Close()
		p.read(out, events)
		_ = cmd.Wait() // how it ended is judged by what it printed
	}()
	return p, nil
}

// read keeps what the program prints until it ends.
func (p *Program) read(r io.Reader, copy io.Writer) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		e := Event{At: time.Now(), Line: bytes.Clone(lines.Bytes())}
		if json.Unmarshal(e.Line, &e) != nil {
			e.Event = "garbage"
		}
		fmt.Fprintf(copy, "%s %s\n", e.At.Format("15:04:05.000"), e.Line)
		p.mu.Lock()
		p.events = append(p.events, e)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

// errEnded is why nothing more comes.
var errEnded = errors.New("it has ended")

// Until waits for the first event, not older than since, that fits.
func (p *Program) Until(ctx context.Context, since time.Time, fits func(Event) bool) (Event, error) {
	for i := 0; ; {
		p.mu.Lock()
		for ; i < len(p.events); i++ {
			if e := p.events[i]; !e.At.Before(since) && fits(e) {
				p.mu.Unlock()
				return e, nil
			}
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.over:
			p.mu.Lock()
			all := i == len(p.events)
			p.mu.Unlock()
			if all {
				return Event{}, fmt.Errorf("%s: %w: %s", p.Name, errEnded, p.lastWords())
			}
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Events are those that it has printed.
func (p *Program) Events() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// Last is the last event that fits, of those that it has printed; the zero Event when none does.
func (p *Program) Last(fits func(Event) bool) Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range slices.Backward(p.events) {
		if fits(e) {
			return e
		}
	}
	return Event{}
}

// Speaker returns what was told last of a person's voice, nothing before the first time.
func (p *Program) Speaker(who string) Speaker {
	return p.Last(func(e Event) bool { return e.Stats != nil }).Stats.Speaker(who)
}

// Speaker returns what is told of a person's voice, nothing when none is.
func (s *Stats) Speaker(who string) Speaker {
	if s != nil {
		for _, one := range s.Speakers {
			if one.Who == who {
				return one
			}
		}
	}
	return Speaker{}
}

// lastWords is what it wrote to standard error, at most the end of it.
func (p *Program) lastWords() string {
	b, err := os.ReadFile(p.home + ".err")
	if err != nil {
		return err.Error()
	}
	const most = 300
	return strings.TrimSpace(string(b[max(0, len(b)-most):]))
}

// CPU is how much of the processor it took, once it has ended.
func (p *Program) CPU() time.Duration {
	if s := p.cmd.ProcessState; s != nil {
		return s.UserTime() + s.SystemTime()
	}
	return 0
}

// Signal sends it a signal.
func (p *Program) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// End ends the program: as Ctrl-C would, so that recordings are whole, or as a crash when it
// has not obeyed for so long.
func (p *Program) End(patience time.Duration) {
	_ = p.Signal(syscall.SIGCONT)
	_ = p.Signal(syscall.SIGTERM)
	select {
	case <-p.over:
	case <-time.After(patience):
		p.Kill()
	}
}

// Kill ends the program as a crash would.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.over
}

// Kind fits events of a kind.
func Kind(k string) func(Event) bool { return func(e Event) bool { return e.Event == k } }

// About fits events of a kind about a person.
func About(k, who string) func(Event) bool {
	return func(e Event) bool { return e.Event == k && e.Who == who }
}
