// This file holds the sending side: from the microphone's ring to packets.
//
//	1. the microphone writes into its ring, which wakes the capture
//	2. each block of 10 ms is treated, muted or not
//	3. each full frame is measured and, while muted, dropped
//	4. the encoder makes a payload, unless nobody speaks
//	5. emit sends it

package audio

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	muteFade = Rate / 100 // 10 ms

	// captureMost is how much the microphone's ring may hold before the oldest frames are skipped.
	// Sound that old helps nobody.
	captureMost = 3 * FrameSize

	// captureStall is how long a microphone may pause before the pause counts as media time.
	captureStall = 100 * time.Millisecond

	// loadFrames is over how many frames what encoding takes is averaged.
	loadFrames = 50
)

// A Capture makes packets of what a microphone hears. Its methods may be called from any goroutine.
type Capture struct {
	enc   Encoder
	treat Treatment // nil: what is heard is sent as it is
	far   *Reference
	muted atomic.Bool
	loss  atomic.Int32
	rate  atomic.Int32 // 0: the encoder's own
	work  atomic.Int32 // complexity; 0: the encoder's own
	music atomic.Bool
	level atomic.Uint32
	load  atomic.Int64 // nanoseconds that encoding a frame takes, lately

	// The rest is only used by Run.
	frame     [FrameSize]float32
	played    [BlockSize]float32 // by the loudspeaker, meanwhile
	payload   [MaxPayload]byte
	index     uint32
	last      uint32 // index of the frame sent last
	sent      bool   // whether there was one
	paused    bool   // whether it had End set
	gain      float32
	toldLoss  int32
	toldRate  int32
	toldWork  int32
	toldMusic bool
	heard     time.Time // when the last frame was read
}

// NewCapture returns a capture that encodes with enc what treat makes of what is heard, while far
// says what the loudspeaker plays. All three from then on belong to it. Without treat everything is
// sent as it is heard, and without far nothing is played. The capture is not muted.
func NewCapture(enc Encoder, treat Treatment, far *Reference) *Capture {
	c := &Capture{enc: enc, treat: treat, far: far}
	c.level.Store(uint32(Silence))
	return c
}

// SetMuted stops or resumes sending, with a fade of 10 ms. While muted the microphone is read and
// thrown away, so that nothing old is heard afterwards.
func (c *Capture) SetMuted(muted bool) { c.muted.Store(muted) }

// Muted reports what SetMuted was last told.
func (c *Capture) Muted() bool { return c.muted.Load() }

// SetLoss tells the encoder, from the next frame on, which share of packets is lost on the way, in
// percent.
func (c *Capture) SetLoss(percent int) { c.loss.Store(int32(min(max(percent, 0), 100))) }

// SetBitrate tells the encoder, from the next frame on, how many bits a second it should make of
// speech on average, 6000 at least.
func (c *Capture) SetBitrate(bits int) { c.rate.Store(int32(min(max(bits, 6000), 510000))) }

// SetComplexity tells the encoder, from the next frame on, how much work a frame may cost, from 1 to
// 10.
func (c *Capture) SetComplexity(level int) { c.work.Store(int32(min(max(level, 1), 10))) }

// SetMusic tells the encoder, from the next frame on, whether it is given music.
func (c *Capture) SetMusic(on bool) { c.music.Store(on) }

// Music reports what SetMusic was last told.
func (c *Capture) Music() bool { return c.music.Load() }

// Load returns how long it takes lately to encode a frame, which has to be less than FrameTime for
// the machine to keep up; 0 before the first.
func (c *Capture) Load() time.Duration { return time.Duration(c.load.Load()) }

// Level returns how loud the voice is after its treatment, muted or not, as RFC 6464 counts it.
func (c *Capture) Level() uint8 { return uint8(c.level.Load()) }

// Run makes packets of in and hands them to emit, on the calling goroutine, until ctx is done or
// the encoder fails. emit must not block, nor keep the payload.
func (c *Capture) Run(ctx context.Context, in *Ring, emit func(Packet)) error {
	c.heard = time.Now()
	for {
		c.keepTime(in)
		for in.Len() >= FrameSize {
			c.hear(in, c.frame[:BlockSize])
			c.hear(in, c.frame[BlockSize:])
			if err := c.send(emit); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in.Readable():
		}
	}
}

// keepTime lets the index follow the clock when the microphone has stalled, or we have.
func (c *Capture) keepTime(in *Ring) {
	n := in.Len()
	if n < FrameSize {
		return
	}
	now := time.Now()
	have := time.Duration(n) * time.Second / Rate
	if missing := now.Sub(c.heard) - have; missing > captureStall {
		c.index += uint32(missing / FrameTime)
	}
	c.heard = now
	if n > captureMost {
		skip := (n - captureMost + FrameSize - 1) / FrameSize
		in.Discard(skip * FrameSize)
		c.index += uint32(skip)
	}
}

// hear reads a block and treats it. It is done while muted too: what was learnt of the room stays
// fresh, and it shows whether somebody speaks without being heard.
func (c *Capture) hear(in *Ring, block []float32) {
	in.Read(block)
	if c.treat == nil {
		return
	}
	if c.far.next(in, c.played[:]) {
		c.treat.Shifted()
	}
	c.treat.Treat(block, c.played[:])
}

// send makes a packet of the frame, or none when there is nothing to say.
func (c *Capture) send(emit func(Packet)) error {
	index := c.index
	c.index++
	level := Level(c.frame[:])
	c.level.Store(uint32(level))
	muted := c.muted.Load()
	if muted && c.gain == 0 {
		return nil
	}
	if err := c.tellEncoder(); err != nil {
		return err
	}
	c.fade(muted)
	begun := time.Now()
	n, err := c.enc.Encode(c.frame[:], c.payload[:])
	if err != nil {
		return fmt.Errorf("encode microphone: %w", err)
	}
	c.count(time.Since(begun))
	pause := n <= MaxPause
	if n == 0 || pause && (!c.sent || c.paused) {
		return nil
	}
	// The first frame of a pause is sent, small as it is: without it every receiver would take the
	// pause for a loss at first, and conceal.
	p := Packet{Index: index, End: pause || muted, Level: level, Payload: c.payload[:n]}
	if since := index - c.last; c.sent && since <= 255 {
		p.Since = uint8(since)
	}
	c.sent, c.last, c.paused = true, index, p.End
	emit(p)
	return nil
}

// count averages how long frames take, over a second or so.
func (c *Capture) count(took time.Duration) {
	load := c.Load()
	if load == 0 {
		load = took
	}
	c.load.Store(int64(load + (took-load)/loadFrames))
}

// tellEncoder passes on what it was told since the last frame.
func (c *Capture) tellEncoder() error {
	if loss := c.loss.Load(); loss != c.toldLoss {
		c.toldLoss = loss
		if err := c.enc.SetLoss(int(loss)); err != nil {
			return fmt.Errorf("set expected loss: %w", err)
		}
	}
	if rate := c.rate.Load(); rate != c.toldRate {
		c.toldRate = rate
		if err := c.enc.SetBitrate(int(rate)); err != nil {
			return fmt.Errorf("set bitrate: %w", err)
		}
	}
	if work := c.work.Load(); work != c.toldWork {
		c.toldWork = work
		if err := c.enc.SetComplexity(int(work)); err != nil {
			return fmt.Errorf("set complexity: %w", err)
		}
	}
	if music := c.music.Load(); music != c.toldMusic {
		c.toldMusic = music
		if err := c.enc.SetMusic(music); err != nil {
			return fmt.Errorf("set music: %w", err)
		}
	}
	return nil
}

// fade lets the frame begin, or end, at the beginning of being heard.
func (c *Capture) fade(muted bool) {
	to := float32(1)
	if muted {
		to = 0
	}
	if c.gain != to {
		ramp(c.frame[:muteFade], c.gain, to)
		ramp(c.frame[muteFade:], to, to)
	}
	c.gain = to
}
