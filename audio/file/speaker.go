// The loudspeaker that records to a file.

package file

import (
	"context"
	"errors"
	"os"
	"time"

	"stoa/audio"
)

// This sound card's buffer. It stays empty, so it is no delay in the recording, and yet bridges
// what a full one does.
const (
	// speakerPatience is how long a block that is due waits for its samples before it is silence.
	speakerPatience = 20 * time.Millisecond

	// speakerBuffer is how far the recording may fall behind because the machine was busy
	// elsewhere. When it stands still for longer, what was not played meanwhile is silence.
	speakerBuffer = 60 * time.Millisecond

	// speakerSlept is how far behind it was asleep: what waits in the ring is from before.
	speakerSlept = time.Second

	// catchUp is the least time between two blocks after that. To ask for all that is owed at once
	// would ask before the rest of the program, which was held up too, has had a chance.
	catchUp = blockTime / 2
)

// A Speaker records what somebody at a loudspeaker would have heard: the sound at t
// seconds into the file was pulled t seconds after Run began, and what was not there
// in time is silence. A process that is killed leaves a file that plays, short of
// 0.2 s at most.
type Speaker struct {
	// Began, unless it is nil, is told by Run the instant of sample 0. Set it before Run.
	Began func(time.Time)

	path  string
	f     *os.File
	made  bool // the file did not exist before
	begun bool
	kind  newWriter
}

var _ audio.Output = (*Speaker)(nil)

// CreateSpeaker opens a file for a recording: 16-bit WAV, or Ogg/Opus, by the end of
// its name. A file that exists keeps what it holds until Run begins. The error names
// the file.
func CreateSpeaker(path string) (*Speaker, error) {
	kind, err := kindOf(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	f, made, err := create(path)
	if err != nil {
		return nil, err
	}
	return &Speaker{path: path, f: f, made: made, kind: kind}, nil
}

// Run records from r until ctx ends, when it returns the error of ctx with the file
// complete. Another error means that the file cannot be written. Run may be called once.
func (s *Speaker) Run(ctx context.Context, r *audio.Ring) error {
	if s.begun {
		return fileError(s.path, errors.New("the recording has ended"))
	}
	s.begun = true
	if err := s.f.Truncate(0); err != nil {
		return fileError(s.path, err)
	}
	w, err := s.kind(s.f)
	if err != nil {
		return fileError(s.path, err)
	}
	if err := pull(ctx, r, s.Began, w.write); ctx.Err() == nil {
		return fileError(s.path, err)
	}
	if err := w.finish(); err != nil {
		return fileError(s.path, err)
	}
	return ctx.Err()
}

// pull takes a block of sound from r each 10 ms and hands it to sink, until ctx ends or
// sink fails, and returns the error of either. Block n is what is heard from n times 10 ms on,
// counted from the instant that began is told.
func pull(ctx context.Context, r *audio.Ring, began func(time.Time), sink func([]float32) error) error {
	p := newPacer()
	defer p.stop()
	tell(began, p.start)
	block := make([]float32, audio.BlockSize)
	var last time.Time // when a block was pulled
	for n := int64(0); ; n++ {
		due := p.due(n)
		p.sleep(ctx, later(due, last.Add(catchUp)))
		awaitBlock(ctx, p, due, r)
		now := time.Now()
		if ctx.Err() != nil && !due.Before(now) {
			return ctx.Err()
		}
		if now.Sub(due) < speakerBuffer {
			r.Pull(block)
			last = now
		} else {
			clear(block)
		}
		if now.Sub(due) >= speakerSlept {
			r.Discard(r.Len())
		}
		if err := sink(block); err != nil {
			return err
		}
	}
}

// awaitBlock waits until r holds a block. It gives the player as long as it may take after the
// block is due, and again after a stall, in which the player could not run either.
func awaitBlock(ctx context.Context, p *pacer, due time.Time, r *audio.Ring) {
	ready := func() bool { return r.Len() >= audio.BlockSize }
	for from := due; time.Since(due) < speakerBuffer; from = p.stalled {
		inTime := p.await(ctx, later(from, p.stalled).Add(speakerPatience), r.Readable(), ready)
		if !inTime || ready() || !p.stalled.After(from) {
			return
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Close closes the file, and removes one that was created and never recorded into. Run
// must have returned.
func (s *Speaker) Close() error {
	err := s.f.Close()
	if s.made && !s.begun {
		err = errors.Join(err, os.Remove(s.path))
	}
	return fileError(s.path, err)
}
