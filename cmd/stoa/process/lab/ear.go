//go:build linux

// What a node hears, at which time of the wall clock.

package main

import (
	"context"
	"fmt"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// An ear is the recording that a node makes. What lies t seconds in it was heard t
// seconds after it began, whatever happened meanwhile: the program writes silence for
// the time in which it could not run.
type ear struct {
	tape  hear.Tape
	began time.Time
}

// deviceTime is how long a program may take to begin with its microphone or loudspeaker.
const deviceTime = 5 * time.Second

// ear returns that of a node, once it records.
func (t *try) ear(ctx context.Context, node int) (ear, error) {
	began, err := t.device(ctx, node, "loudspeaker")
	return ear{t.tape(node), began}, err
}

// device waits until a node's log tells when the file that stands in for a device
// began, and returns that by the laboratory's clock.
func (t *try) device(ctx context.Context, node int, name string) (time.Time, error) {
	n := t.sc.Nodes[node]
	for limit := time.Now().Add(deviceTime); ; {
		unix, err := hear.Began(t.home(node)+".log", name)
		if err == nil {
			return time.Unix(0, int64(unix-n.Clock)), nil
		}
		if time.Now().After(limit) {
			return time.Time{}, fmt.Errorf("%s: %w", n.Name, err)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
}

// between waits until the recording holds what was heard between two times, and returns
// that.
func (e ear) between(ctx context.Context, from, to time.Time) ([]float64, error) {
	end := to.Sub(e.began)
	for limit := to.Add(deviceTime); ; {
		now, err := e.tape.Now()
		if err != nil {
			return nil, err
		}
		if now >= end {
			return e.tape.Between(max(from.Sub(e.began), 0), end)
		}
		if time.Now().After(limit) {
			return nil, fmt.Errorf("%s has ended at %v", e.tape, now)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// A voice is what one node says, and since when, in a loop.
type voice struct {
	clip  *hear.Sought
	spoke time.Time
}

func (t *try) voice(ctx context.Context, node int) (voice, error) {
	spoke, err := t.device(ctx, node, "microphone")
	return voice{t.clips[t.sc.Nodes[node].Says], spoke}, err
}

// A moment is a second of what was heard, in which a voice was looked for.
type moment struct {
	at  time.Time
	age time.Duration // how long before it was said, were it that voice; below half a clip
}

// moments looks for a voice in what was heard from a time on. Seconds of silence are
// left out.
func (v voice) moments(heard []float64, from time.Time) []moment {
	var out []moment
	length := v.clip.Length()
	for _, vote := range hear.Listen(heard).Votes(v.clip) {
		age := (from.Add(vote.Begin).Sub(v.spoke)%length + length) % length
		if age > length/2 {
			age -= length
		}
		out = append(out, moment{from.Add(vote.At), age})
	}
	return out
}

// early is how much before it was said a voice may seem to be heard: the clocks of two
// devices, and a jitter buffer that shortens.
const early = 150 * time.Millisecond

// fresh says whether what was heard was said no longer before than a time.
func (m moment) fresh(most time.Duration) bool { return m.age >= -early && m.age <= most }

// stale returns the first two moments in a row that agree on what was heard, and
// that it was said longer before. A single one may be chance.
func stale(ms []moment, most time.Duration) (moment, bool) {
	for i := 1; i < len(ms); i++ {
		a, b := ms[i-1], ms[i]
		if near := (b.age - a.age).Abs() <= hear.Agreement; near && b.at.Sub(a.at) < time.Second && !a.fresh(most) && !b.fresh(most) {
			return a, true
		}
	}
	return moment{}, false
}
