// One run against stoa relay.

package main

import (
	"context"
	"fmt"
	"time"
)

const (
	settling = 3 * time.Second // from the last join to the first measured packet
	loudest  = 4               // speakers that a relay carries when more speak
)

func measureRelay(ctx context.Context, o options) (*result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, err := build(ctx, o)
	if t != nil {
		defer t.close()
	}
	if err != nil {
		return nil, err
	}
	r := &result{Peer: "stoa", Speakers: o.speakers, Listeners: o.listeners}
	pid := t.server.Process.Pid
	time.Sleep(time.Second)
	empty, err := used(pid)
	if err != nil {
		return nil, err
	}
	failed := make(chan error, len(t.people))
	for i, p := range t.people {
		t.work.Go(func() {
			if err := t.speak(ctx, i, p); err != nil {
				failed <- fmt.Errorf("speaker %d: %w", i, err)
			}
		})
	}
	a := &audience{theatre: t}
	joins, err := a.fill(ctx, o.listeners, o.atOnce)
	r.Joined = len(joins)
	r.Join50, r.Join99 = ms(quantile(joins, 0.5)), ms(quantile(joins, 0.99))
	if err != nil {
		r.Err = err.Error()
	}
	time.Sleep(settling)
	if err := a.measure(r, pid, o.window); err != nil {
		return nil, err
	}
	full, err := used(pid)
	if err != nil {
		return nil, err
	}
	r.RSS = float64(full.rss-empty.rss) / float64(max(r.Joined, 1))
	probes, err := a.probe(ctx, o.probes)
	r.Probe50 = ms(quantile(probes, 0.5))
	if err != nil {
		r.Err = err.Error()
	}
	if n := a.bad.Load(); n > 0 {
		r.Err = fmt.Sprintf("%d packets were wrong", n)
	}
	if n := t.unlinked.Load(); n > 0 {
		r.Err = fmt.Sprintf("%d packets were said while the relay had no link", n)
	}
	select {
	case err := <-failed:
		return nil, err
	default:
		return r, nil
	}
}

// measure counts for a while.
func (a *audience) measure(r *result, pid int, window time.Duration) error {
	for _, l := range a.all {
		if err := l.tune(); err != nil { // the room may have another secret by now
			return err
		}
	}
	before := a.theatre.speaking.Load()
	from, err := look(pid)
	if err != nil {
		return err
	}
	a.measuring.Store(true)
	time.Sleep(window)
	a.measuring.Store(false)
	to, err := look(pid)
	if err != nil {
		return err
	}
	said := float64(a.theatre.speaking.Load() - before)
	carried := said * float64(min(r.Speakers, loudest)) / float64(r.Speakers)
	expected := uint64(carried) * 2 * uint64(r.Joined)
	var delays []time.Duration
	var bundles, frames uint64
	carriers := map[string]int{}
	for _, l := range a.all {
		l.mu.Lock()
		delays, frames = append(delays, l.delays...), frames+l.frames
		l.mu.Unlock()
		bundles += l.bundles.Load()
		if l.at != nil {
			carriers[string(l.at.Info().Carrier)]++
		}
	}
	r.charge(from, to, delays, bundles, frames, expected)
	for c, n := range carriers {
		if n > carriers[r.Carrier] {
			r.Carrier = c
		}
	}
	return nil
}
