// Control streams without a network.

package node

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// wall is the far end of a control stream: it keeps what is written, unless it is stuck.
type wall struct {
	network.Stream
	stuck chan struct{} // closed: not any more; nil: never
	slow  time.Duration // that a reset takes

	mu     sync.Mutex
	writes [][]byte
	closed bool
	code   network.StreamErrorCode
	reset  chan struct{}
}

func newWall() *wall { return &wall{reset: make(chan struct{})} }

func (w *wall) Read([]byte) (int, error) {
	<-w.reset
	return 0, io.EOF
}

func (w *wall) Write(b []byte) (int, error) {
	if w.stuck != nil {
		select {
		case <-w.stuck:
		case <-w.reset:
			return 0, errors.New("reset")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, bytes.Clone(b))
	return len(b), nil
}

func (w *wall) SetWriteDeadline(time.Time) error { return nil }

func (w *wall) CloseWrite() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return nil
}

func (w *wall) ResetWithError(code network.StreamErrorCode) error {
	time.Sleep(w.slow)
	w.code = code
	close(w.reset)
	return nil
}

func testLine(w *wall) (*line, *sync.WaitGroup) {
	var work sync.WaitGroup
	return newLine(stream{w, w}, func() bool { work.Add(1); return true }, work.Done), &work
}

// What is fed to a child before its attach is answered must not overtake the answer.
func TestHeldLineWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWall()
		l, work := testLine(w)
		l.held = true
		if !l.send([]byte("one ")) || !l.send([]byte("two ")) {
			t.Fatal("not taken")
		}
		synctest.Wait()
		if len(w.writes) != 0 {
			t.Fatalf("wrote %q", w.writes)
		}
		l.release()
		work.Wait()
		if len(w.writes) != 1 || string(w.writes[0]) != "one two " {
			t.Errorf("wrote %q, want both at once", w.writes)
		}
		l.send([]byte("last"))
		l.finish()
		work.Wait()
		if len(w.writes) != 2 || !w.closed {
			t.Errorf("wrote %q, closed %v", w.writes, w.closed)
		}
		if l.send([]byte("more")) {
			t.Error("taken after the last")
		}
	})
}

// A far end that does not read costs a bounded amount of memory, and no waiting.
func TestLineToWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for size, most := range map[int]int{1: lineFrames, 64 << 10: lineBytes / (64 << 10)} {
			w := newWall()
			w.stuck = make(chan struct{})
			l, work := testLine(w)
			l.send([]byte("first"))
			synctest.Wait() // it is being written
			taken := 0
			for l.send(make([]byte, size)) {
				taken++
			}
			if taken != most {
				t.Errorf("%d frames of %d bytes were taken, want %d", taken, size, most)
			}
			_, answer := l.register()
			l.cut(network.StreamGarbageCollected)
			work.Wait()
			synctest.Wait() // it has been reset
			if _, ok := <-answer; ok || w.code != network.StreamGarbageCollected {
				t.Errorf("who waits for an answer waits on, or the code is %x", w.code)
			}
			if l.send([]byte("x")) {
				t.Error("a line that was cut takes frames")
			}
		}
	})
}

// A reset that does not get out, over a TCP connection that has stalled, holds up nobody.
func TestCutDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWall()
		w.slow = 10 * time.Second
		l, _ := testLine(w)
		start := time.Now()
		l.cut(network.StreamGated)
		if l.send([]byte("more")) {
			t.Error("a line that was cut takes frames")
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("cutting took %v", took)
		}
		<-w.reset
		if w.code != network.StreamGated {
			t.Errorf("the far end is told %x", w.code)
		}
	})
}

// A room full of news is no flood: only bytes are counted of what a relay sends.
func TestAListenerTakesABurstOfNews(t *testing.T) {
	news := func(frames, size int) []byte {
		var b []byte
		for range frames {
			b = control{kind: controlGossip, body: make([]byte, size)}.append(b)
		}
		return b
	}
	for _, end := range []struct {
		what  string
		make  func(stream, func() bool, func()) *line
		feed  []byte
		takes bool
	}{
		{"a child, many frames", newLine, news(10*frameBurst, 100), true},
		{"a child, many bytes", newLine, news(90, 60<<10), false},
		{"a relay, many frames", newChildLine, news(10*frameBurst, 100), false},
		{"a relay, many bytes", newChildLine, news(90, 60<<10), false},
	} {
		l := end.make(stream{nil, bytes.NewBuffer(end.feed)}, nil, nil)
		err := l.read(func(control) error { return nil })
		if took := errors.Is(err, io.EOF); took != end.takes {
			t.Errorf("%s: %v", end.what, err)
		}
	}
}

// However much there is to say, children get it at a pace that they take, the log first.
func TestTheFeedPutsTheLogFirst(t *testing.T) {
	rl := &Relay{}
	const size = 10 << 10
	for rl.rest.push(make([]byte, size)) {
	}
	for range 10 {
		rl.log.push(bytes.Repeat([]byte{1}, size))
	}
	if n := len(rl.rest.frames); n != feedBytes/size {
		t.Errorf("%d frames of the rest wait", n)
	}
	total, old := 0, byte(1)
	for more := true; more; {
		var piece []byte
		piece, more = rl.nextFeed()
		if len(piece) == 0 || len(piece) > feedPiece {
			t.Fatalf("a piece of %d bytes", len(piece))
		}
		for _, kind := range piece {
			if kind > old {
				t.Fatal("the log came after the rest")
			}
			old = kind
		}
		total += len(piece)
	}
	if want := 10*size + feedBytes/size*size; total != want {
		t.Errorf("%d bytes came, want %d", total, want)
	}
}
