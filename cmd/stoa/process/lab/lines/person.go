//go:build linux

// One running stoa, and what it says of itself.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// patience bounds every wait for something that must happen.
const patience = 40 * time.Second

// event is a line that a stoa prints with --json, as far as it matters here.
type event struct {
	Event string `json:"event"`
	Text  string `json:"text"`
	Stats *struct {
		Speakers []struct {
			Played    uint64 `json:"played"`
			Repaired  uint64 `json:"repaired"`
			Lost      uint64 `json:"lost"`
			Dropped   uint64 `json:"dropped"`
			Concealed uint64 `json:"concealed"`
		} `json:"speakers"`
		Links   int             `json:"links"`
		Sending json.RawMessage `json:"sending"`
	} `json:"stats"`

	at time.Time // when it was read
}

// A person is one process. kill or quit ends it.
type person struct {
	name   string
	cmd    *exec.Cmd
	done   chan struct{}
	errors bytes.Buffer
	began  time.Time

	mu     sync.Mutex
	events []event
	more   chan struct{} // closed and replaced when there is another
}

func startPerson(cmd *exec.Cmd, name string) (*person, error) {
	p := &person{name: name, cmd: cmd, began: time.Now(), done: make(chan struct{}), more: make(chan struct{})}
	cmd.Stderr = &p.errors
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				continue
			}
			e.at = time.Now()
			p.mu.Lock()
			p.events = append(p.events, e)
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		_ = cmd.Wait()
	}()
	return p, nil
}

// wait returns the first event that fits, of those printed and to come.
func (p *person) wait(ctx context.Context, what string, fits func(*event) bool) (*event, error) {
	return p.waitSince(ctx, 0, what, fits)
}

func (p *person) waitSince(ctx context.Context, from int, what string, fits func(*event) bool) (*event, error) {
	limit := time.After(patience)
	for i := from; ; {
		p.mu.Lock()
		for ; i < len(p.events); i++ {
			if e := p.events[i]; fits(&e) {
				p.mu.Unlock()
				return &e, nil
			}
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.done:
			return nil, fmt.Errorf("%s ended before %s: %s", p.name, what, p.errors.String())
		case <-limit:
			return nil, fmt.Errorf("%s: %s did not come", p.name, what)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tally is what listeners have counted of the only speaker, in frames.
type tally struct {
	played, due, concealed uint64
	took                   time.Duration // in which they did
}

func (t tally) plus(o tally) tally {
	return tally{t.played + o.played, t.due + o.due, t.concealed + o.concealed, t.took + o.took}
}

// minus is what happened between two tallies. The speaker makes no pause, so what was neither
// played nor missed, but for some frames at the edges, was missed by one who heard nobody.
func (t tally) minus(o tally) tally {
	took := t.took - o.took
	spoken := uint64(took / (20 * time.Millisecond))
	return tally{t.played - o.played, max(t.due-o.due, spoken-min(spoken, 25)), t.concealed - o.concealed, took}
}

func (t tally) inTime() float64 { return 100 * float64(t.played) / float64(max(t.due, 1)) }
func (t tally) madeUp() float64 { return 100 * float64(t.concealed) / float64(max(t.due, 1)) }

// tally waits for the next figures.
func (p *person) tally(ctx context.Context) (tally, error) {
	p.mu.Lock()
	from := len(p.events)
	p.mu.Unlock()
	e, err := p.waitSince(ctx, from, "figures", func(e *event) bool { return e.Stats != nil && len(e.Stats.Speakers) == 1 })
	if err != nil {
		return tally{}, err
	}
	s := e.Stats.Speakers[0]
	played := s.Played + s.Repaired
	return tally{played, played + s.Lost + s.Dropped, s.Concealed, e.at.Sub(p.began)}, nil
}

// chosen is what a speaker said last of how it sends.
func (p *person) chosen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.events) - 1; i >= 0; i-- {
		if s := p.events[i].Stats; s != nil && len(s.Sending) > 0 {
			return string(s.Sending)
		}
	}
	return "-"
}

// choices writes all of them, with the time since the beginning.
func (p *person) choices(w io.Writer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Stats != nil {
			fmt.Fprintf(w, "%s %.1f s: %d links %s\n", p.name, e.at.Sub(p.began).Seconds(), e.Stats.Links, e.Stats.Sending)
		}
	}
}

// quit ends the process as Ctrl-C would: recordings are whole then.
func (p *person) quit() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
	}
}

func (p *person) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
