// The loudspeaker that records to a file.

package file

import (
	"context"
	"errors"
	"os"
	"time"

	"stoa/audio"
)

// speakerPatience is how long a block that is due waits for its samples before it is
// silence: what two periods of a sound card's buffer would bridge. They wait in
// the file's past, so they are not delay in the recording.
const speakerPatience = 20 * time.Millisecond

// A Speaker records what somebody at a loudspeaker would have heard: the sound at t
// seconds into the file was pulled t seconds after Run began, and what was not there
// in time is silence. A process that is killed leaves a file that plays, short of
// 0.2 s at most.
type Speaker struct {
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
	if err := pull(ctx, r, w.write); ctx.Err() == nil {
		return fileError(s.path, err)
	}
	if err := w.finish(); err != nil {
		return fileError(s.path, err)
	}
	return ctx.Err()
}

// pull takes a block of sound from r each 10 ms and hands it to sink, until ctx ends or
// sink fails, and returns the error of either. Block n is what is heard from n times 10 ms on.
func pull(ctx context.Context, r *audio.Ring, sink func([]float32) error) error {
	p := newPacer()
	defer p.stop()
	block := make([]float32, audio.BlockSize)
	ready := func() bool { return r.Len() >= len(block) }
	for n := int64(0); p.sleep(ctx, p.due(n)); n++ {
		if !p.await(ctx, p.due(n).Add(speakerPatience), r.Readable(), ready) {
			break
		}
		r.Pull(block)
		if err := sink(block); err != nil {
			return err
		}
	}
	return ctx.Err()
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
