// Real time: blocks of 10 ms on an absolute clock.

package file

import (
	"context"
	"time"

	"stoa/audio"
)

// blockTime is the length of a block of audio.BlockSize samples.
const blockTime = audio.FrameTime * audio.BlockSize / audio.FrameSize

// A pacer says when each block is due, counted from the first use. The times do not
// depend on when anybody was woken, so a busy machine makes no drift: what is late is
// caught up with at once.
type pacer struct {
	start   time.Time
	timer   *time.Timer
	stalled time.Time // when it was last found that nothing here had run for a while
}

// stall is how late a wake-up must be to tell of a machine that was busy elsewhere.
const stall = blockTime / 2

func newPacer() *pacer {
	return &pacer{start: time.Now(), timer: time.NewTimer(0)}
}

// due is the instant at which block n begins.
func (p *pacer) due(n int64) time.Time { return p.start.Add(time.Duration(n) * blockTime) }

// sleep waits for an instant, or the end of ctx, of which it tells by false.
func (p *pacer) sleep(ctx context.Context, until time.Time) bool {
	return p.await(ctx, until, nil, func() bool { return false })
}

// await waits until ready holds, which it tries again whenever changed has a value, and
// until the instant at the latest. It returns false when ctx has ended.
func (p *pacer) await(ctx context.Context, until time.Time, changed <-chan struct{}, ready func() bool) bool {
	for ctx.Err() == nil {
		left := time.Until(until)
		if left < -stall {
			p.stalled = time.Now()
		}
		if left <= 0 || ready() {
			return true
		}
		p.timer.Reset(left)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-p.timer.C:
		}
	}
	return false
}

func (p *pacer) stop() { p.timer.Stop() }
