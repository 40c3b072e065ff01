// Tests of losing and finding devices, with made-up ones in virtual time, and of miniaudio with the
// device that every machine has: none.

package device

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gen2brain/malgo"

	"stoa/audio"
)

// A card is a made-up sound card, which calls in each 10 ms while it is plugged in.
type card struct {
	plugged atomic.Bool
	opens   atomic.Int32
	closes  atomic.Int32
	hang    chan struct{} // when not nil, open and close do not return before it is closed
	last    atomic.Pointer[func([]float32)]
}

func newCard() *card {
	c := new(card)
	c.plugged.Store(true)
	return c
}

var errUnplugged = errors.New("unplugged")

// open is an opener. Its microphone hears 0.5 all the time.
func (c *card) open(period func([]float32)) (func(), error) {
	c.opens.Add(1)
	if !c.plugged.Load() {
		return nil, errUnplugged
	}
	c.last.Store(&period)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for c.plugged.Load() {
			select {
			case <-tick.C:
				period(half())
			case <-stop:
				return
			}
		}
		<-stop
	}()
	return func() {
		if c.hang != nil {
			<-c.hang
		}
		close(stop)
		<-stopped
		c.closes.Add(1)
	}, nil
}

func half() []float32 {
	b := make([]float32, audio.BlockSize)
	for i := range b {
		b[i] = 0.5
	}
	return b
}

// begin runs f in the background and returns how to end it and what it returned.
func begin(t *testing.T, run func(context.Context, *audio.Ring) error, r *audio.Ring) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, r) }()
	return func() error {
		cancel()
		return <-done
	}
}

// drain empties the ring and counts samples of sound and of silence.
func drain(r *audio.Ring) (sound, silence int) {
	buf := make([]float32, r.Cap())
	for _, s := range buf[:r.Read(buf)] {
		if s == 0 {
			silence++
		} else {
			sound++
		}
	}
	return sound, silence
}

func TestMicComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := newCard(), audio.NewRing(1<<20)
		end := begin(t, (&Mic{c.open}).Run, r)
		time.Sleep(1005 * time.Millisecond) // between two ticks
		if sound, silence := drain(r); sound != 48000 || silence != 0 {
			t.Errorf("plugged in: %d samples of sound, %d of silence", sound, silence)
		}

		c.plugged.Store(false)
		time.Sleep(5 * time.Second)
		// The period that was on its way, nothing until the loss is noticed, then silence in real time.
		sound, silence := drain(r)
		if sound != 480 || silence < 4*48000 || silence > 5*48000-480*40 {
			t.Errorf("unplugged: %d samples of sound, %d of silence", sound, silence)
		}
		if n := c.opens.Load(); n < 4 || n > 7 {
			t.Errorf("%d attempts to open it in 5 s", n)
		}

		c.plugged.Store(true)
		time.Sleep(retryMost)
		drain(r)
		time.Sleep(time.Second)
		if sound, silence := drain(r); sound < 47520 || silence != 0 {
			t.Errorf("plugged in again: %d samples of sound, %d of silence", sound, silence)
		}
		if err := end(); err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		if c.closes.Load() != 2 {
			t.Errorf("of 2 devices %d were closed", c.closes.Load())
		}
	})
}

func TestSpeakerStandsInWhileLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := newCard(), audio.NewRing(1<<20)
		r.Write(make([]float32, 10*48000))
		end := begin(t, (&Speaker{c.open}).Run, r)
		time.Sleep(time.Second)
		c.plugged.Store(false)
		time.Sleep(2 * time.Second)
		if n := 10*48000 - r.Len(); n < 2*48000 || n > 3*48000 {
			t.Errorf("%d samples pulled in 3 s, of which 0.6 s were lost", n)
		}
		if err := end(); err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
	})
}

// A device that hangs when it is closed, and calls in all the same, is left behind.
func TestHangingDeviceCannotTouchTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := newCard(), audio.NewRing(1<<16)
		c.hang = make(chan struct{})
		end := begin(t, (&Mic{c.open}).Run, r)
		time.Sleep(105 * time.Millisecond) // between two ticks, when nobody is inside the gate
		start := time.Now()
		if err := end(); err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		if d := time.Since(start); d != closeLimit {
			t.Errorf("Run waited %v for a device that hangs", d)
		}
		drain(r)
		time.Sleep(100 * time.Millisecond) // the card still calls in
		(*c.last.Load())(half())
		if r.Len() != 0 {
			t.Errorf("%d samples were written after Run returned", r.Len())
		}
		close(c.hang)
	})
}

func TestNoDevice(t *testing.T) {
	c := newCard()
	c.plugged.Store(false)
	r := audio.NewRing(audio.RingSize)
	if err := (&Mic{c.open}).Run(t.Context(), r); !errors.Is(err, ErrNoMic) || !errors.Is(err, errUnplugged) {
		t.Errorf("no microphone: %v", err)
	}
	if err := (&Speaker{c.open}).Run(t.Context(), r); !errors.Is(err, ErrNoSpeaker) {
		t.Errorf("no loudspeaker: %v", err)
	}
}

func TestSoundSystemThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang, closed := make(chan struct{}), make(chan struct{})
		m := &Mic{func(func([]float32)) (func(), error) {
			<-hang
			return func() { close(closed) }, nil
		}}
		start := time.Now()
		err := m.Run(t.Context(), audio.NewRing(audio.RingSize))
		if !errors.Is(err, ErrNoMic) || time.Since(start) != openLimit {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		close(hang) // and what opens after all is closed
		<-closed
	})
}

func TestGate(t *testing.T) {
	var g gate
	if g.enter() {
		t.Fatal("a new gate is open")
	}
	g.open()
	var inside, shut atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !shut.Load() {
			if g.enter() {
				inside.Store(true)
				if shut.Load() {
					t.Error("somebody is inside a gate that is shut")
				}
				g.leave()
			}
		}
	})
	for !inside.Load() {
		time.Sleep(time.Millisecond)
	}
	g.shut()
	shut.Store(true)
	wg.Wait()
	if g.enter() {
		t.Error("a gate that is shut lets in")
	}
	g.shut() // again does no harm
}

// null is miniaudio's device that is none, with a clock. malgo's constant is one too low, because its
// list lacks a backend that miniaudio has; TestNullBackend tells when that changes.
const null = malgo.BackendNull + 1

func TestNullBackend(t *testing.T) {
	if _, err := openWith([]malgo.Backend{malgo.BackendNull}, capture)(func([]float32) {}); !errors.Is(err, errNoBackend) {
		t.Errorf("malgo.BackendNull is no longer off by one: %v", err)
	}
	for name, run := range map[string]func(context.Context, *audio.Ring) error{
		"microphone":  (&Mic{openWith([]malgo.Backend{null}, capture)}).Run,
		"loudspeaker": (&Speaker{openWith([]malgo.Backend{null}, playback)}).Run,
	} {
		t.Run(name, func(t *testing.T) {
			r := audio.NewRing(1 << 16)
			end := begin(t, run, r)
			work := r.Readable()
			if name == "loudspeaker" {
				work = r.Writable()
			}
			for range 20 {
				<-work
			}
			if err := end(); err != context.Canceled {
				t.Errorf("Run returned %v", err)
			}
			if name == "microphone" {
				if sound, silence := drain(r); sound != 0 || silence < 20*audio.BlockSize {
					t.Errorf("%d samples of sound and %d of silence in 20 periods", sound, silence)
				}
			} else if r.Underruns() < 20*audio.BlockSize {
				t.Errorf("%d samples pulled in 20 periods", r.Underruns())
			}
		})
	}
}

// What a person reads when there is no device names it and gives the reason.
func TestErrorText(t *testing.T) {
	m := &Mic{openWith([]malgo.Backend{malgo.BackendNull}, capture)}
	err := m.Run(t.Context(), audio.NewRing(audio.RingSize))
	if err == nil || err.Error() != "no microphone found: no sound system is running" {
		t.Errorf("the error is %v", err)
	}
}
