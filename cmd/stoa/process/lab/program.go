//go:build linux

// One running stoa: what it prints, and how it is steered.

package main

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
	"strings"
	"sync"
	"syscall"
	"time"

	"stoa/cmd/stoa/process/lab/child"
)

// maxLine bounds one line of events, in bytes.
const maxLine = 1 << 20

// leaveTime is how long a program may take to say goodbye before it is killed.
const leaveTime = 5 * time.Second

// An event is one line that a program printed: what it holds depends on its kind.
type event struct {
	Event    string   `json:"event"`
	Who      string   `json:"who"`
	Listener int      `json:"listener"` // of a crowd: its number
	Addrs    []string `json:"addrs"`
	Stats    *stats   `json:"stats"`

	at   time.Time // when it was read
	line []byte
}

// stats are how the sound of the last second fared.
type stats struct {
	Speakers []speaker `json:"speakers"`
}

// A speaker is what a listener tells of one voice. Frames are of 20 ms, counted from the
// beginning.
type speaker struct {
	Who      string  `json:"who"`
	Played   uint64  `json:"played"`   // as they were sent
	Repaired uint64  `json:"repaired"` // by error correction
	Lost     uint64  `json:"lost"`     // or too late
	Delay    float64 `json:"delay_ms"` // mouth to ear, reckoned
	Way      string  `json:"way"`
}

// A program is one running stoa.
type program struct {
	name string
	home string
	cmd  *exec.Cmd
	over chan struct{} // closed when it has ended

	mu     sync.Mutex
	events []event
	more   chan struct{} // closed and replaced when there is another event
}

// launch runs a program that prints events. What it prints goes to files beside its
// home too: NAME.events and NAME.err.
func launch(name, home string, cmd *exec.Cmd) (*program, error) {
	p := &program{name: name, home: home, cmd: cmd, over: make(chan struct{}), more: make(chan struct{})}
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
func (p *program) read(r io.Reader, copy io.Writer) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		e := event{at: time.Now(), line: bytes.Clone(lines.Bytes())}
		if json.Unmarshal(e.line, &e) != nil {
			e.Event = "garbage"
		}
		fmt.Fprintf(copy, "%s %s\n", e.at.Format("15:04:05.000"), e.line)
		p.mu.Lock()
		p.events = append(p.events, e)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

// errEnded is why nothing more comes.
var errEnded = errors.New("it has ended")

// until waits for the first event, not older than since, that fits.
func (p *program) until(ctx context.Context, since time.Time, fits func(event) bool) (event, error) {
	for i := 0; ; {
		p.mu.Lock()
		for ; i < len(p.events); i++ {
			if e := p.events[i]; !e.at.Before(since) && fits(e) {
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
				return event{}, fmt.Errorf("%s: %w: %s", p.name, errEnded, p.lastWords())
			}
		case <-ctx.Done():
			return event{}, ctx.Err()
		}
	}
}

// speaker returns what was told last of a person's voice, nothing before the first time.
func (p *program) speaker(who string) speaker {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.events) - 1; i >= 0; i-- {
		if s := p.events[i].Stats; s != nil {
			return s.speaker(who)
		}
	}
	return speaker{}
}

// speaker returns what is told of a person's voice, nothing when none is.
func (s *stats) speaker(who string) speaker {
	if s != nil {
		for _, one := range s.Speakers {
			if one.Who == who {
				return one
			}
		}
	}
	return speaker{}
}

// lastWords is what it wrote to standard error, at most the end of it.
func (p *program) lastWords() string {
	b, err := os.ReadFile(p.home + ".err")
	if err != nil {
		return err.Error()
	}
	const most = 300
	return strings.TrimSpace(string(b[max(0, len(b)-most):]))
}

// cpu is how much of the processor it took, once it has ended.
func (p *program) cpu() time.Duration {
	if s := p.cmd.ProcessState; s != nil {
		return s.UserTime() + s.SystemTime()
	}
	return 0
}

func (p *program) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// end ends the program: as Ctrl-C would, or as a crash when it does not obey.
func (p *program) end() {
	_ = p.signal(syscall.SIGCONT)
	_ = p.signal(syscall.SIGTERM)
	select {
	case <-p.over:
	case <-time.After(leaveTime):
		_ = p.cmd.Process.Kill()
		<-p.over
	}
}

// kind fits events of a kind.
func kind(k string) func(event) bool { return func(e event) bool { return e.Event == k } }

// about fits events of a kind about a person.
func about(k, who string) func(event) bool {
	return func(e event) bool { return e.Event == k && e.Who == who }
}
