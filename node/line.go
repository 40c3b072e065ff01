// line: one end of a relay's control stream, the same at the relay and at its child.
//
//	send -> bounded queue -> a goroutine while there is something to write -> stream
//	stream -> read -> the caller's handler, one frame at a time
//
// What is queued for thousands of children is one and the same slice of bytes. A far end
// that does not read fills its queue, and is cut: there is no control frame to spare.

package node

import (
	"bufio"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"stoa/identity"
)

const (
	lineFrames = 256     // that wait to be written
	lineBytes  = 1 << 20 // of them
	lineBuffer = 512     // for reading: a line is idle most of the time, and there are thousands

	frameRate, frameBurst       = 100, 400           // frames a second that may come from a child
	frameBytes, frameBytesBurst = 512 << 10, 2 << 20 // bytes of them
	fedBytes, fedBytesBurst     = 1 << 20, 4 << 20   // from a relay, which a room full of news makes send many frames
)

// A line is safe for concurrent use but for read, which one goroutine calls.
type line struct {
	stream stream
	begin  func() bool // counts a goroutine, unless what the line belongs to has ended
	done   func()      // the goroutine has ended

	frames *bucket // that may come; nil: any number
	bytes  bucket  // of them

	mu      sync.Mutex
	queue   [][]byte
	waiting int  // bytes in queue
	held    bool // until the first message of this end, which is no frame, has been written
	writing bool
	closing bool // after the queue is empty
	dead    bool

	asked   map[uint32]chan control // letters on their way, by number
	lastAsk uint32
}

// newLine makes the end of a child, whom its relay may send any number of frames.
func newLine(s stream, begin func() bool, done func()) *line {
	return &line{
		stream: s,
		begin:  begin,
		done:   done,
		bytes:  bucket{rate: fedBytes, burst: fedBytesBurst},
		asked:  make(map[uint32]chan control),
	}
}

// newChildLine makes the end of a relay.
func newChildLine(s stream, begin func() bool, done func()) *line {
	l := newLine(s, begin, done)
	l.frames = &bucket{rate: frameRate, burst: frameBurst}
	l.bytes.rate, l.bytes.burst = frameBytes, frameBytesBurst
	return l
}

// send queues whole frames, of which it keeps the slice, and reports whether the line
// still works. It never blocks.
func (l *line) send(frames []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead || l.closing || len(l.queue) >= lineFrames || l.waiting+len(frames) > lineBytes {
		return false
	}
	l.queue = append(l.queue, frames)
	l.waiting += len(frames)
	return l.write()
}

// release lets out what is queued on a line that was held, and all that follows.
func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	if len(l.queue) > 0 {
		l.write()
	}
}

// finish lets what is queued out, and then closes our side.
func (l *line) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	l.write()
}

// write starts the writer unless it runs. The caller holds mu.
func (l *line) write() bool {
	if l.writing || l.held {
		return true
	}
	if l.dead || !l.begin() {
		return false
	}
	l.writing = true
	go func() {
		defer l.done()
		l.writeQueue()
	}()
	return true
}

func (l *line) writeQueue() {
	for {
		batch, closing := l.next()
		if batch == nil {
			if closing {
				l.stream.CloseWrite()
			}
			return
		}
		l.stream.SetWriteDeadline(time.Now().Add(writePatience))
		if _, err := l.stream.Write(batch); err != nil {
			l.cut(network.StreamNoError)
			return
		}
	}
}

// next takes everything that is queued as one piece, for one packet is cheaper than many.
func (l *line) next() (batch []byte, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.queue) == 0 || l.dead:
		l.writing = false
		return nil, l.closing
	case len(l.queue) == 1:
		batch = l.queue[0]
	default:
		batch = make([]byte, 0, l.waiting)
		for _, frames := range l.queue {
			batch = append(batch, frames...)
		}
	}
	clear(l.queue)
	l.queue, l.waiting = l.queue[:0], 0
	return batch, false
}

// cut ends the line at once and tells the far end why, without waiting. read returns soon.
func (l *line) cut(why network.StreamErrorCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	l.dead = true
	l.queue = nil
	for _, answer := range l.asked {
		close(answer)
	}
	l.asked = nil
	l.stream.drop(why)
}

// read hands over each frame until the stream ends or handle fails, and says why. What a
// frame holds is the handler's to keep.
func (l *line) read(handle func(control) error) error {
	r := bufio.NewReaderSize(l.stream, lineBuffer)
	for {
		frame, err := readFrame(r, maxControl)
		if err != nil {
			return err
		}
		if now := time.Now(); l.frames != nil && !l.frames.take(1, now) || !l.bytes.take(float64(len(frame)), now) {
			return errors.New("too many control frames")
		}
		c, err := parseControl(frame)
		if err != nil {
			return err
		}
		if c.kind == controlAnswer {
			l.answered(c)
			continue
		}
		if err := handle(c); err != nil {
			return err
		}
	}
}

// ask sends a letter and waits for what becomes of it.
func (l *line) ask(ctx context.Context, to identity.ID, sealed []byte) (fate, []byte) {
	id, answer := l.register()
	if answer == nil {
		return letterLost, nil
	}
	defer l.unregister(id)
	if !l.send(control{kind: controlLetter, id: id, to: to, body: sealed}.append(nil)) {
		return letterLost, nil
	}
	select {
	case c, ok := <-answer:
		if !ok {
			return letterLost, nil
		}
		return c.fate, c.body
	case <-ctx.Done():
		return letterLost, nil
	}
}

func (l *line) register() (uint32, chan control) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return 0, nil
	}
	l.lastAsk++
	answer := make(chan control, 1)
	l.asked[l.lastAsk] = answer
	return l.lastAsk, answer
}

func (l *line) unregister(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.asked, id)
}

func (l *line) answered(c control) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer := l.asked[c.id]; answer != nil {
		answer <- c // it has room for the one that is taken
		delete(l.asked, c.id)
	}
}

// shutAfter is how long the last words on a stream may take to get out: closing a QUIC
// connection discards what waits in it.
const shutAfter = time.Second

// shutUnused closes the connection of a stream that has been reset, in a second, if then
// nothing of ours runs over it and its peer has proved nothing.
func (n *Node) shutUnused(s network.Stream) {
	time.AfterFunc(shutAfter, func() {
		for _, r := range n.allRooms() {
			if r.book.has(s.Conn().RemotePeer()) {
				return
			}
		}
		if !busy(s.Conn()) {
			s.Conn().Close()
		}
	})
}

// busy says whether one of our protocols is being spoken on the connection.
func busy(c network.Conn) bool {
	for _, s := range c.GetStreams() {
		switch s.Protocol() {
		case protoAsk, protoMedia, protoRelay, protoLetter, protoPush, protoCard:
			return true
		}
	}
	return false
}
