// This file holds the loop that keeps a device running: watch it, give it up, open it again.

package device

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"stoa/audio"
)

const (
	lostAfter  = 500 * time.Millisecond // without a period
	firstAfter = 3 * time.Second        // the same before the first one: wireless headsets take their time
	openLimit  = 5 * time.Second        // for the sound system to open a device
	closeLimit = time.Second            // for it to close one in the ordinary way

	retryFirst = 250 * time.Millisecond
	retryMost  = 5 * time.Second
)

// An opener opens and starts a device that calls period on a thread of its own, with the samples of
// each period: those of a microphone, or silence to be filled in. close stops it; it may hang, and
// period may be called until it returns.
type opener func(period func([]float32)) (close func(), err error)

// A keeper runs one device at a time.
type keeper struct {
	open    opener
	missing error           // what to call it when there is none
	period  func([]float32) // what a period does with the ring
}

// A device is one that was opened, and may have been lost since.
type device struct {
	gate  gate
	beats atomic.Uint64 // periods
	close func()
	err   error
}

var errSlow = errors.New("the sound system does not answer")

func (k *keeper) run(ctx context.Context) error {
	d, err := k.first(ctx)
	if err != nil {
		return err
	}
	for {
		d.gate.open()
		d.watch(ctx)
		d.gate.shut()
		if ctx.Err() != nil {
			d.end()
			return ctx.Err()
		}
		go d.close()
		if d = k.again(ctx); d == nil {
			return ctx.Err()
		}
	}
}

// first opens the device for the first time.
func (k *keeper) first(ctx context.Context) (*device, error) {
	pending := k.start()
	limit := time.NewTimer(openLimit)
	defer limit.Stop()
	select {
	case d := <-pending:
		if d.err != nil {
			return nil, fmt.Errorf("%w: %w", k.missing, d.err)
		}
		return d, nil
	case <-limit.C:
		abandon(pending)
		return nil, fmt.Errorf("%w: %w", k.missing, errSlow)
	case <-ctx.Done():
		abandon(pending)
		return nil, ctx.Err()
	}
}

// again opens the device when it has come back, and plays its part until then. It returns nil when
// ctx ends.
func (k *keeper) again(ctx context.Context) *device {
	tick := time.NewTicker(audio.FrameTime * audio.BlockSize / audio.FrameSize)
	defer tick.Stop()
	wait := retryFirst
	retry := time.NewTimer(wait)
	defer retry.Stop()
	var pending <-chan *device
	block := make([]float32, audio.BlockSize)
	for {
		select {
		case <-ctx.Done():
			abandon(pending)
			return nil
		case <-tick.C:
			clear(block)
			k.period(block)
		case <-retry.C:
			if pending != nil { // still hangs: one attempt more would hang too
				retry.Reset(wait)
				continue
			}
			pending = k.start()
			wait = min(2*wait, retryMost)
			retry.Reset(wait)
		case d := <-pending:
			if d.err == nil {
				return d
			}
			pending = nil
		}
	}
}

// start opens a device in a goroutine of its own, since the sound system may hang.
func (k *keeper) start() <-chan *device {
	opened := make(chan *device, 1)
	go func() {
		d := new(device)
		d.close, d.err = k.open(func(samples []float32) {
			d.beats.Add(1)
			if d.gate.enter() {
				k.period(samples)
				d.gate.leave()
			}
		})
		opened <- d
	}()
	return opened
}

// abandon closes what may still come.
func abandon(pending <-chan *device) {
	if pending == nil {
		return
	}
	go func() {
		if d := <-pending; d.err == nil {
			d.close()
		}
	}()
}

// watch returns when ctx ends or the device is lost.
func (d *device) watch(ctx context.Context) {
	check := time.NewTicker(lostAfter / 5)
	defer check.Stop()
	last, at, patience := d.beats.Load(), time.Now(), firstAfter
	for {
		select {
		case <-ctx.Done():
			return
		case <-check.C:
		}
		if n := d.beats.Load(); n != last {
			last, at, patience = n, time.Now(), lostAfter
		} else if time.Since(at) >= patience {
			return
		}
	}
}

// end closes the device and waits for that, but not for ever.
func (d *device) end() {
	closed := make(chan struct{})
	go func() {
		d.close()
		close(closed)
	}()
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-closed:
	case <-limit.C:
	}
}
