//go:build linux

// The scenes, and how one is played.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/cmd/stoa/process/hear"
)

// A scene is one speaker, some listeners on the stage who say nothing, and their lines.
type scene struct {
	name      string
	speaker   string // the speaker's line up; the way down has its delay alone
	line      string // the listeners' lines, both ways
	listeners int
	relay     bool // a relay host with a good line is in the room
}

var scenes = []scene{
	{name: "good line, 100 ms", line: "delay=50ms", listeners: 2},
	{name: "loss 1 %, 100 ms", line: "delay=50ms loss=1%", listeners: 2},
	{name: "loss 5 %, 100 ms", line: "delay=50ms loss=5%", listeners: 2},
	{name: "loss 10 %, 100 ms", line: "delay=50ms loss=10%", listeners: 2},
	{name: "loss 20 %, 100 ms", line: "delay=50ms loss=20%", listeners: 2},
	{name: "gilbert 5 %, 100 ms", line: "delay=50ms gilbert=2%/38%", listeners: 2},
	{name: "burst 100 ms in 5 s", line: "delay=50ms burst=100ms/5s", listeners: 2},
	{name: "burst 200 ms in 5 s", line: "delay=50ms burst=200ms/5s", listeners: 2},
	{name: "jitter 30 ms", line: "delay=50ms jitter=30ms", listeners: 2},
	{name: "scatter 30 ms", line: "delay=50ms scatter=30ms", listeners: 2},
	{name: "300 ms", line: "delay=150ms", listeners: 2},
	{name: "thin uplink, 2 people", speaker: thin, line: "delay=10ms", listeners: 1},
	{name: "thin uplink, 4 people", speaker: thin, line: "delay=10ms", listeners: 3},
	{name: "thin uplink, 4 people, relay", speaker: thin, line: "delay=10ms", listeners: 3, relay: true},
	{name: "thin and loss 5 %, 2 people", speaker: thin, line: "delay=10ms loss=5%", listeners: 1},
}

const thin = "rate=64kbit queue=200ms delay=10ms"

// settling is from the last one's coming to what is measured: what the program chooses has
// found its measure. To join takes seconds of a thin uplink.
const settling = 20 * time.Second

const header = `| scene | in time % | made up % | mouth to ear ms p50, p95 | in time from the first sound on % | chosen | up kbit/s | hop late | mumble in time %, ms |
|---|---|---|---|---|---|---|---|---|`

// play plays a scene and returns its row.
func (s *scene) play(ctx context.Context, o *options, number int) (row string, err error) {
	dir, err := os.MkdirTemp("", "stoa-lines-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	voice := filepath.Join(dir, "voice.wav")
	if err := hear.WriteMarked(voice, o.clip); err != nil {
		return "", err
	}
	figures, err := s.stoa(ctx, o, number, dir, voice)
	if err != nil {
		return "", err
	}
	other := "-"
	if program := os.Getenv("PERFLOAD"); program != "" && !s.relay {
		if other, err = s.mumble(ctx, o, number, dir, program); err != nil {
			other = err.Error()
		}
	}
	return fmt.Sprintf("| %s | %s | %s |", s.name, figures, other), nil
}

// star is the world of a scene: the speaker first, then the listeners, then whoever is in
// the middle.
func (s *scene) star(ctx context.Context, o *options, number int, more int) (*star, error) {
	lines := []ends{{up: s.speaker, down: delayOf(s.speaker)}}
	for range s.listeners {
		lines = append(lines, ends{s.line, s.line})
	}
	return newStar(ctx, append(lines, make([]ends, more)...), o.seed, number)
}

// delayOf is a line with nothing but its delay.
func delayOf(line string) string {
	for word := range strings.SplitSeq(line, " ") {
		if strings.HasPrefix(word, "delay=") {
			return word
		}
	}
	return ""
}

// stoa runs the program and returns the figures of the row.
func (s *scene) stoa(ctx context.Context, o *options, number int, dir, voice string) (string, error) {
	w, err := s.star(ctx, o, number, 1)
	if err != nil {
		return "", err
	}
	var all []*person
	defer func() {
		for _, p := range all {
			p.Kill()
		}
		w.close()
	}()
	start := func(at int, name string, args ...string) (*person, error) {
		home := filepath.Join(dir, name)
		args = append(args, "--bootstrap", "none", "--listen", fmt.Sprintf("/ip4/%s/udp/4001/quic-v1", w.addr(at)),
			"--name", name, "--home", home, "--log", home+".log", "--json")
		p, err := startPerson(w.command(at, o.stoa, args...), name, home)
		if err == nil {
			all = append(all, p)
		}
		return p, err
	}

	ann, err := start(0, "ann", "open", "Stoa", "--in", voice, "--loop", "--out", "null")
	if err != nil {
		return "", err
	}
	if _, err := ann.wait(ctx, "joined"); err != nil {
		return "", err
	}
	invite := func(args ...string) (string, error) {
		out, err := w.command(0, o.stoa, append(append([]string{"invite"}, args...), "--home", filepath.Join(dir, "ann"))...).Output()
		for line := range strings.SplitSeq(string(out), "\n") {
			if strings.HasPrefix(line, "stoa:j/") {
				return strings.TrimSpace(line), nil
			}
		}
		return "", errors.Join(errors.New("there is no link"), err)
	}
	if s.relay {
		link, err := invite("--role", "relay", "--slots", "100")
		if err != nil {
			return "", err
		}
		host, err := start(s.listeners+1, "host", "relay", link)
		if err != nil {
			return "", err
		}
		if _, err := host.wait(ctx, "joined"); err != nil {
			return "", err
		}
	}
	link, err := invite("--role", "speaker")
	if err != nil {
		return "", err
	}
	var ears []*person
	var firsts []tally
	for i := range s.listeners {
		name := fmt.Sprint("ear", i)
		p, err := start(i+1, name, "join", link, "--in", "silence", "--out", filepath.Join(dir, name+".wav"))
		if err != nil {
			return "", err
		}
		sound, err := p.wait(ctx, "sound")
		if err != nil {
			return "", err
		}
		ears, firsts = append(ears, p), append(firsts, tally{took: sound.At.Sub(p.began)})
	}
	if err := pause.For(ctx, settling); err != nil {
		return "", err
	}
	from, carried := make([]tally, len(ears)), w.carried(0)
	for i, p := range ears {
		if from[i], err = p.tally(ctx); err != nil {
			return "", err
		}
	}
	if err := pause.For(ctx, o.measure); err != nil {
		return "", err
	}
	var sum, whole tally
	for i, p := range ears {
		now, err := p.tally(ctx)
		if err != nil {
			return "", err
		}
		sum = sum.plus(now.minus(from[i]))
		whole = whole.plus(now.minus(firsts[i]))
	}
	kbit := float64(w.carried(0)-carried) * 8 / 1000 / o.measure.Seconds()
	chosen := ann.chosen()
	if o.verbose {
		ann.choices(os.Stderr)
	}
	var delays []float64
	for _, p := range ears {
		p.End(patience)
		ms, _, err := hear.MarkDelays(filepath.Join(dir, p.Name+".wav"), filepath.Join(dir, "ann.log"), filepath.Join(dir, p.Name+".log"))
		if err != nil {
			return "", err
		}
		last := int(o.measure / (500 * time.Millisecond)) // of the measured time, about
		delays = append(delays, ms[max(0, len(ms)-last):]...)
	}
	slices.Sort(delays)
	return fmt.Sprintf("%.2f | %.2f | %.0f, %.0f | %.2f | %s | %.1f | %s",
		sum.inTime(), sum.madeUp(), quantile(delays, 0.5), quantile(delays, 0.95), whole.inTime(), chosen, kbit, w.lateness()), nil
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
