// This file holds the loop that keeps a device running.
//
//	look around, once a second ─► another device is meant now ─┐
//	somebody chooses another ──────────────────────────────────┼─► open it, while the old one goes on
//	no period for 0.5 s ─► lost: silence stands in ────────────┘           │
//	                             ▲                                         ▼
//	                             └── try again, 0.25 to 5 s apart ◄── failed, or in use from now on

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
	firstAfter = 3 * time.Second        // for the first one to come: wireless headsets take their time
	openLimit  = 5 * time.Second        // for the sound system to open a device, or list them
	closeLimit = time.Second            // for it to close one in the ordinary way

	lookEvery   = time.Second
	steadyAfter = 2 * time.Second // in use, a device that is lost is looked for at once
	checkEvery  = lostAfter / 5
	blockTime   = audio.FrameTime * audio.BlockSize / audio.FrameSize

	retryFirst = 250 * time.Millisecond
	retryMost  = 5 * time.Second

	// hangMost is how many goroutines, each with a thread, may be left behind in a sound system that
	// does not answer. Unplugging a device while it plays leaves one with PulseAudio and PipeWire.
	hangMost = 100
)

// A source of devices, in one direction. Both methods may hang.
type source interface {
	// list returns the devices that there are.
	list() ([]Info, error)

	// open opens and starts a device that calls period on a thread of its own, with the samples of
	// each period: those of a microphone, or silence to be filled in. close stops it; it may hang, and
	// period may be called until it returns.
	open(p pick, period func([]float32)) (close func(), err error)
}

// A State is how a device is doing.
type State struct {
	Device  Info   // that is in use, as far as its name is known
	Instead string // what was chosen and is not there, so that Device is used instead; empty: nothing
	Err     error  // why none is in use, and silence stands in; nil: one is
}

// same reports whether there is nothing new in t.
func (s State) same(t State) bool {
	return s.Device.ID == t.Device.ID && s.Instead == t.Instead && fmt.Sprint(s.Err) == fmt.Sprint(t.Err)
}

// A wish is the device that somebody wants, which may change at any time.
type wish struct {
	choice  atomic.Pointer[Choice]
	changed chan struct{}
}

func newWish(c Choice) *wish {
	w := &wish{changed: make(chan struct{}, 1)}
	w.choice.Store(&c)
	return w
}

func (w *wish) get() Choice { return *w.choice.Load() }

func (w *wish) set(c Choice) {
	w.choice.Store(&c)
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// A keeper runs one device at a time.
type keeper struct {
	from    source
	missing error           // what to call it when there is none
	period  func([]float32) // what a period does with the ring
	want    *wish
	tell    func(State)

	current *device   // in use; nil: silence stands in
	beats   uint64    // of current, when it was last looked at
	beatAt  time.Time // when they were last more than before

	attempt *attempt // nil: nothing is being opened
	again   bool     // somebody wants another device since that began
	failed  *pick    // what could not be opened last; nil: it could
	wait    time.Duration

	looking chan look // nil: nobody is looking
	lookAt  time.Time // when that began

	said    State
	told    bool
	hanging atomic.Int32 // goroutines inside the sound system
}

// A device is one that was opened.
type device struct {
	pick
	since time.Time // when it came into use
	gate  gate
	beats atomic.Uint64 // periods
	close func()
}

// An attempt is an opening that goes on.
type attempt struct {
	began  time.Time
	result chan result
	nobody chan struct{} // closed when nobody waits for the result any more
}

func (a *attempt) done() <-chan result {
	if a == nil {
		return nil
	}
	return a.result
}

// A result is what came of an attempt.
type result struct {
	pick pick
	dev  *device // nil: what is in use is right already, or err
	err  error
}

// A look is what was found by looking around.
type look struct {
	devices []Info
	err     error
}

var (
	errSlow   = errors.New("the sound system does not answer")
	errSilent = errors.New("it was opened and does not run")
)

// run returns when ctx ends, with its error.
func (k *keeper) run(ctx context.Context) error {
	block := make([]float32, audio.BlockSize)
	stand := time.NewTicker(blockTime) // while silence stands in
	check := time.NewTicker(checkEvery)
	around := time.NewTicker(lookEvery)
	retry := time.NewTimer(0)
	defer func() {
		stand.Stop()
		check.Stop()
		around.Stop()
		retry.Stop()
	}()
	for {
		had := k.current != nil
		select {
		case <-ctx.Done():
			k.end()
			return ctx.Err()
		case <-stand.C:
			clear(block)
			k.period(block)
		case <-check.C:
			if k.lost() || k.overdue() {
				retry.Reset(k.wait)
			}
		case <-around.C:
			k.look()
		case l := <-k.looking:
			k.looking = nil
			if k.follow(l) {
				retry.Reset(0)
			}
		case <-k.want.changed:
			retry.Reset(0)
		case <-retry.C:
			if !k.start() {
				retry.Reset(k.wait)
			}
		case r := <-k.attempt.done():
			if !k.finish(r) || k.again {
				k.again = false
				retry.Reset(k.wait)
			}
		}
		switch has := k.current != nil; {
		case had && !has:
			stand.Reset(blockTime)
		case !had && has:
			stand.Stop()
		}
	}
}

// lost gives up a device that has not called for lostAfter, and reports whether it did.
func (k *keeper) lost() bool {
	d := k.current
	if d == nil {
		return false
	}
	now := time.Now()
	if n := d.beats.Load(); n != k.beats {
		k.beats, k.beatAt = n, now
		return false
	}
	if now.Sub(k.beatAt) < lostAfter {
		return false
	}
	if now.Sub(d.since) > steadyAfter {
		k.wait = 0
	} else {
		k.later()
	}
	k.drop()
	return true
}

// drop stops using the device. What is left of it cannot touch the ring any more.
func (k *keeper) drop() {
	k.current.gate.shut()
	k.aside(k.current.close)
	k.current = nil
}

// later makes the next wait longer.
func (k *keeper) later() { k.wait = min(max(2*k.wait, retryFirst), retryMost) }

// aside does something in the sound system, which may never return from it. It reports whether there
// was room for one more.
func (k *keeper) aside(do func()) bool {
	if k.hanging.Load() >= hangMost {
		return false
	}
	k.hanging.Add(1)
	go func() {
		defer k.hanging.Add(-1)
		do()
	}()
	return true
}

// look looks around for what devices there are, unless somebody is still looking.
func (k *keeper) look() {
	if k.looking != nil && time.Since(k.lookAt) < openLimit {
		return
	}
	found := make(chan look, 1)
	if k.aside(func() {
		devices, err := k.from.list()
		found <- look{devices, err}
	}) {
		k.looking, k.lookAt = found, time.Now()
	}
}

// follow decides what is to be done with the devices that were found, and reports whether another
// than the one in use is to be opened at once.
func (k *keeper) follow(l look) bool {
	if l.err != nil { // what is in use may go on all the same
		return false
	}
	p, err := k.want.get().pick(l.devices)
	switch {
	case err != nil && k.current != nil:
		k.drop()
		k.fail(pick{}, err)
		return false
	case err != nil || k.attempt != nil:
		return false
	case k.current != nil && k.current.same(p):
		k.say(State{Device: p.device, Instead: p.instead})
		return false
	}
	return k.failed == nil || !k.failed.same(p) // what has failed is tried again in its time
}

// start begins to open what is wanted now, and reports whether it could.
func (k *keeper) start() bool {
	if k.attempt != nil {
		k.again = true
		return true
	}
	a := &attempt{began: time.Now(), result: make(chan result), nobody: make(chan struct{})}
	want, current := k.want.get(), k.current
	var now *pick
	if current != nil {
		now = &current.pick
	}
	if !k.aside(func() { k.open(a, want, now) }) {
		k.fail(pick{}, errSlow)
		return false
	}
	k.attempt = a
	return true
}

// open carries out an attempt, unless what is meant is in use now.
func (k *keeper) open(a *attempt, want Choice, now *pick) {
	d := new(device)
	r := result{}
	r.pick, r.err = k.pick(want)
	if r.err == nil && (now == nil || !now.same(r.pick)) {
		r.dev, r.err = d, k.begin(d, r.pick, a.nobody)
	}
	taken := false
	select {
	case a.result <- r:
		taken = r.err == nil
	case <-a.nobody:
	}
	if !taken && d.close != nil {
		d.close() // which may take for ever
	}
}

// pick looks which device is meant.
func (k *keeper) pick(want Choice) (pick, error) {
	devices, err := k.from.list()
	if err != nil {
		return pick{}, err
	}
	return want.pick(devices)
}

// begin opens a device and waits for its first period, so that the one whose place it takes can go on
// until then.
func (k *keeper) begin(d *device, p pick, nobody <-chan struct{}) (err error) {
	d.pick = p
	d.close, err = k.from.open(p, func(samples []float32) {
		d.beats.Add(1)
		if d.gate.enter() {
			k.period(samples)
			d.gate.leave()
		}
	})
	if err != nil {
		return err
	}
	poll := time.NewTicker(blockTime / 2)
	defer poll.Stop()
	for limit := time.Now().Add(firstAfter); d.beats.Load() == 0; {
		select {
		case <-poll.C:
		case <-nobody:
			return nil
		}
		if time.Now().After(limit) {
			return errSilent
		}
	}
	return nil
}

// overdue gives up an attempt that takes too long, and reports whether it did.
func (k *keeper) overdue() bool {
	if k.attempt == nil || time.Since(k.attempt.began) < openLimit+firstAfter {
		return false
	}
	k.abandon()
	k.fail(pick{}, errSlow)
	return true
}

// abandon leaves an attempt to itself.
func (k *keeper) abandon() {
	if k.attempt != nil {
		close(k.attempt.nobody)
		k.attempt = nil
	}
}

// finish puts what was opened into use, and reports whether there is nothing left to be done.
func (k *keeper) finish(r result) bool {
	k.attempt = nil
	if r.err != nil {
		k.fail(r.pick, r.err)
		return false
	}
	if r.dev != nil {
		if k.current != nil {
			k.drop()
		}
		k.current = r.dev
		k.current.since = time.Now()
		k.beats, k.beatAt = r.dev.beats.Load(), r.dev.since
		r.dev.gate.open()
	}
	if k.current == nil { // lost in the meantime
		return false
	}
	k.failed = nil
	k.say(State{Device: r.pick.device, Instead: r.pick.instead})
	return true
}

// fail notes that what was meant is not in use.
func (k *keeper) fail(p pick, err error) {
	k.failed = &p
	k.later()
	if k.current == nil {
		k.say(State{Err: fmt.Errorf("%w: %w", k.missing, err)})
	} else {
		k.say(State{Device: k.current.device, Instead: k.want.get().String()})
	}
}

// say tells what has changed.
func (k *keeper) say(s State) {
	if k.told && s.same(k.said) {
		return
	}
	k.said, k.told = s, true
	k.tell(s)
}

// end closes the device and waits for that, but not for ever.
func (k *keeper) end() {
	k.abandon()
	if k.current == nil {
		return
	}
	k.current.gate.shut()
	closed := make(chan struct{})
	if !k.aside(func() {
		k.current.close()
		close(closed)
	}) {
		return
	}
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-closed:
	case <-limit.C:
	}
}
