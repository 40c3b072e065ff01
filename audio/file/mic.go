// The microphone that plays a file.

package file

import (
	"context"
	"io"
	"sync"
	"time"

	"stoa/audio"
)

// micPatience is how long a block waits for room in a ring that is full, before it is
// lost as it would be with a sound card. It covers what a busy machine does to the
// reader; the clock goes on, so it costs no drift.
const micPatience = 200 * time.Millisecond

// A Mic plays a sound file in real time, as if somebody spoke it into a microphone.
// After the file there is silence, until Run's context ends.
type Mic struct {
	// Began, unless it is nil, is told by Run the instant of sample 0. Set it before Run.
	Began func(time.Time)

	in    *input
	loop  bool
	end   bool
	done  chan struct{}
	close sync.Once
}

var _ audio.Input = (*Mic)(nil)

// OpenMic opens a WAV or Ogg/Opus file, told apart by their content. With loop it is
// played again and again, without a gap. The error names the file and says what is
// wrong with it.
func OpenMic(path string, loop bool) (*Mic, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	return &Mic{in: in, loop: loop, done: make(chan struct{})}, nil
}

// Done is closed when the last sample of the file has been written to a ring. With
// loop that never happens.
func (m *Mic) Done() <-chan struct{} { return m.done }

// Run plays the file into r: sample n is written within 10 ms after n/48000 s have
// passed, as it is with a sound card that hands over 10 ms at a time. What should have been
// said while the program stood still is not said later. It returns the
// error of ctx when that ends, and one that names the file when it turns out to be
// damaged further in. When run again it goes on where it was.
func (m *Mic) Run(ctx context.Context, r *audio.Ring) error {
	p := newPacer()
	defer p.stop()
	tell(m.Began, p.start)
	block := make([]float32, audio.BlockSize)
	room := func() bool { return r.Cap()-r.Len() >= len(block) }
	for n := int64(1); p.sleep(ctx, p.due(n)); n++ {
		if err := m.fill(block); err != nil {
			return err
		}
		if !p.await(ctx, p.due(n).Add(micPatience), r.Writable(), room) {
			break
		}
		if time.Since(p.due(n)) <= micPatience {
			r.Write(block)
		}
		if m.end {
			m.close.Do(func() { close(m.done) })
		}
	}
	return ctx.Err()
}

// tell calls began, if there is one.
func tell(began func(time.Time), at time.Time) {
	if began != nil {
		began(at)
	}
}

// fill takes the next block from the file, and silence after its end.
func (m *Mic) fill(block []float32) error {
	for len(block) > 0 && !m.end {
		n, err := m.in.read(block)
		block = block[n:]
		if err == io.EOF && m.loop {
			err = m.in.rewind()
		} else if err == io.EOF {
			m.end, err = true, nil
		}
		if err != nil {
			return err
		}
	}
	clear(block)
	return nil
}

// Close closes the file. Run must have returned.
func (m *Mic) Close() error { return m.in.close() }
