// This file holds a microphone and a loudspeaker that keep time by time.Sleep, so also inside a
// testing/synctest bubble, where an hour takes a second.

package audiotest

import (
	"context"
	"sync"
	"time"

	"stoa/audio"
)

var (
	_ audio.Input  = (*Mic)(nil)
	_ audio.Output = (*Speaker)(nil)
)

// A Mic plays a Signal into the program, 10 ms at a time.
type Mic struct {
	Signal Signal
	PPM    float64 // how much faster than time its clock runs, in parts per million
}

// Run is part of audio.Input.
func (m *Mic) Run(ctx context.Context, r *audio.Ring) error {
	var block [audio.BlockSize]float32
	at := 0
	return pace(ctx, m.PPM, func() {
		m.Signal(at, block[:])
		at += r.Write(block[:])
	})
}

// A Speaker keeps what the program plays, or hands it on.
type Speaker struct {
	PPM  float64         // how much faster than time its clock runs, in parts per million
	Hear func([]float32) // is given each block instead, on the goroutine of Run; for what is too long to keep

	mu    sync.Mutex
	heard []float32
}

// Run is part of audio.Output.
func (s *Speaker) Run(ctx context.Context, r *audio.Ring) error {
	var block [audio.BlockSize]float32
	return pace(ctx, s.PPM, func() {
		r.Pull(block[:])
		if s.Hear != nil {
			s.Hear(block[:])
			return
		}
		s.mu.Lock()
		s.heard = append(s.heard, block[:]...)
		s.mu.Unlock()
	})
}

// Heard returns everything that was played so far.
func (s *Speaker) Heard() []float32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]float32(nil), s.heard...)
}

// pace calls f once per block of a clock that runs ppm too fast, until ctx is done.
func pace(ctx context.Context, ppm float64, f func()) error {
	start := time.Now()
	period := float64(audio.FrameTime/2) / (1 + ppm*1e-6)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		f()
		timer.Reset(time.Until(start.Add(time.Duration(float64(n) * period))))
	}
}
