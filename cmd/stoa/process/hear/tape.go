// Listening to recordings that are being made.

package hear

import (
	"context"
	"fmt"
	"os"
	"time"
)

// A Tape is the path of a recording that a running stoa makes with --out.
type Tape string

// Flushed is how far behind the sound what is on the disk may be.
const Flushed = 200 * time.Millisecond

// Now is how long the recording is. What is heard later is recorded later.
func (r Tape) Now() (time.Duration, error) {
	info, err := os.Stat(string(r))
	if err != nil {
		return 0, err
	}
	return time.Duration(info.Size()) * time.Second / (2 * Rate), nil
}

// Between returns a part of the recording. No end means all the rest.
func (r Tape) Between(from, to time.Duration) ([]float64, error) {
	x, _, err := ReadWAV(string(r))
	if err != nil {
		return nil, err
	}
	a, b := int(from.Seconds()*Rate), int(to.Seconds()*Rate)
	if to == 0 || b > len(x) {
		b = len(x)
	}
	if a >= b {
		return nil, fmt.Errorf("%s holds nothing from %v to %v", string(r), from, to)
	}
	return x[a:b], nil
}

// Reach waits until the recording is so long, and returns how long it is then.
func (r Tape) Reach(ctx context.Context, at time.Duration) (time.Duration, error) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		now, err := r.Now()
		if err != nil || now >= at {
			return now, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return now, fmt.Errorf("%s does not grow from %v to %v", string(r), now, at)
		}
	}
}

// Next waits for what is heard from now on for so long, and returns it.
func (r Tape) Next(ctx context.Context, d time.Duration) ([]float64, error) {
	now, err := r.Now()
	if err != nil {
		return nil, err
	}
	from := now + Flushed
	to, err := r.Reach(ctx, from+d)
	if err != nil {
		return nil, err
	}
	return r.Between(from, to)
}

// Hears waits until a clip is recognised in what is heard from now on, and returns its
// share of the votes. A machine that is busy elsewhere may spoil the sound for a while,
// so it listens on until ctx ends: then the share is that of the last try.
func (r Tape) Hears(ctx context.Context, c *Sought) (share float64, err error) {
	const enough = 5 * time.Second
	for {
		heard, err := r.Next(ctx, enough)
		if err != nil {
			return share, fmt.Errorf("not heard (%.2f): %w", share, err)
		}
		if share = Listen(heard).Share(c); share >= HeardShare {
			return share, nil
		}
	}
}

// Silent waits until there is nothing to hear for so long.
func (r Tape) Silent(ctx context.Context, d time.Duration) error {
	for {
		heard, err := r.Next(ctx, d)
		if err != nil {
			return fmt.Errorf("not silent: %w", err)
		}
		if Loudest(heard) <= Inaudible {
			return nil
		}
	}
}
