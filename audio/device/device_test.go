// Tests of losing and finding devices, with made-up ones in virtual time, and of miniaudio with the
// device that every machine has: none.

package device

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gen2brain/malgo"

	"stoa/audio"
)

// A desk is a made-up sound system. Its cards call in each 10 ms while they are plugged in.
type desk struct {
	mu      sync.Mutex
	devices []Info // that are plugged in; the first is the default
	opens   int    // attempts
	closes  int
	last    func([]float32) // of what was opened last

	hang   chan struct{} // when not nil, open and close do not return before it is closed
	broken string        // ID of a device that cannot be opened
	mute   string        // ID of one that never calls in
}

var (
	builtin = Info{Name: "Built-in Audio", ID: "hw.0"}
	headset = Info{Name: "Headset", ID: "usb.1"}
	monitor = Info{Name: "Monitor of Built-in Audio", ID: "hw.0.monitor", Virtual: true}
)

func newDesk(devices ...Info) *desk {
	return &desk{devices: devices}
}

var errUnplugged = errors.New("unplugged")

// plug changes what is plugged in.
func (d *desk) plug(devices ...Info) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.devices = devices
}

func (d *desk) list() ([]Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.devices) == 0 {
		return nil, errUnplugged
	}
	devices := slices.Clone(d.devices)
	devices[0].Default = true
	return devices, nil
}

func (d *desk) plugged(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.devices, func(i Info) bool { return i.ID == id || id == "" })
}

// open opens a microphone that hears 0.5 all the time, but where the default is followed and has
// become a monitor, which hears 0.25.
func (d *desk) open(p pick, period func([]float32)) (func(), error) {
	d.mu.Lock()
	d.opens++
	d.last = period
	hang := d.hang
	d.mu.Unlock()
	if hang != nil && p.device.ID == headset.ID {
		<-hang
	}
	id := p.device.ID
	if p.follow {
		id = ""
	}
	if !d.plugged(id) || p.device.ID == d.broken {
		return nil, errUnplugged
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for d.plugged(id) {
			select {
			case <-tick.C:
				if p.device.ID != d.mute {
					period(half())
				}
			case <-stop:
				return
			}
		}
		<-stop
	}()
	return func() {
		if hang != nil {
			<-hang
		}
		close(stop)
		<-stopped
		d.mu.Lock()
		d.closes++
		d.mu.Unlock()
	}, nil
}

// count returns how often something was opened and closed.
func (d *desk) count() (opens, closes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opens, d.closes
}

// A teller keeps what a device says of itself.
type teller struct {
	mu   sync.Mutex
	said []string
}

func (t *teller) tell(s State) {
	text := s.Device.ID
	if s.Instead != "" {
		text += " instead of " + s.Instead
	}
	if s.Err != nil {
		text = s.Err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = append(t.said, text)
}

// told returns what was said since it was last asked.
func (t *teller) told() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	said := t.said
	t.said = nil
	return said
}

func (d *desk) mic(want Choice, t *teller) *Mic {
	return &Mic{end{from: d, want: newWish(want), tell: t.tell}}
}

func (d *desk) speaker(want Choice, t *teller) *Speaker {
	return &Speaker{end{from: d, want: newWish(want), tell: t.tell}}
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

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: it said %q, not %q", what, got, want)
	}
}

// Nothing is plugged in for a while, then the same again.
func TestMicComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, r, said := newDesk(builtin), audio.NewRing(1<<20), new(teller)
		end := begin(t, d.mic(Choice{}, said).Run, r)
		time.Sleep(1005 * time.Millisecond)                                                      // between two ticks
		if sound, silence := drain(r); sound < 46000 || silence > 480 || sound+silence < 47520 { // it takes a period to open
			t.Errorf("plugged in: %d samples of sound, %d of silence", sound, silence)
		}
		expect(t, "plugged in", said.told(), "hw.0")

		d.plug()
		time.Sleep(5 * time.Second)
		// The period that was on its way, nothing until the loss is noticed, then silence in real time.
		sound, silence := drain(r)
		if sound > 480 || silence < 4*48000 || silence > 5*48000-480*40 {
			t.Errorf("unplugged: %d samples of sound, %d of silence", sound, silence)
		}
		expect(t, "unplugged", said.told(), "no microphone found: unplugged")

		d.plug(builtin)
		time.Sleep(lookEvery + 50*time.Millisecond) // without waiting for the next attempt
		drain(r)
		time.Sleep(time.Second)
		if sound, silence := drain(r); sound < 47520 || silence != 0 {
			t.Errorf("plugged in again: %d samples of sound, %d of silence", sound, silence)
		}
		expect(t, "plugged in again", said.told(), "hw.0")
		if err := end(); err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		if opens, closes := d.count(); opens != 2 || closes != 2 {
			t.Errorf("%d devices were opened and %d closed", opens, closes)
		}
	})
}

// The device that was chosen goes and comes: another takes its place, and no period is missing but for
// those until the loss is noticed.
func TestChosenDeviceComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, r, said := newDesk(builtin, headset), audio.NewRing(1<<20), new(teller)
		end := begin(t, d.mic(Of(headset), said).Run, r)
		time.Sleep(steadyAfter + time.Second)
		expect(t, "at first", said.told(), "usb.1")
		drain(r)

		d.plug(builtin)
		time.Sleep(time.Second)
		expect(t, "unplugged", said.told(), "hw.0 instead of Headset")
		if sound, silence := drain(r); sound < 48000*3/10 || silence > 480*3 {
			t.Errorf("unplugged: %d samples of sound, %d of silence in a second", sound, silence)
		}

		d.plug(builtin, Info{Name: headset.Name, ID: "usb.2"}) // in another socket
		time.Sleep(1100 * time.Millisecond)
		expect(t, "plugged in again", said.told(), "usb.2")
		if sound, silence := drain(r); sound < 52800-480*2 || silence != 0 {
			t.Errorf("plugged in again: %d samples of sound, %d of silence in 1.1 s", sound, silence)
		}
		end()
	})
}

func TestUseAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, r, said := newDesk(builtin, headset), audio.NewRing(1<<20), new(teller)
		mic := d.mic(Choice{}, said)
		end := begin(t, mic.Run, r)
		time.Sleep(time.Second)
		drain(r)
		mic.Use(Choice{Name: "head"})
		time.Sleep(time.Second)
		expect(t, "another", said.told(), "hw.0", "usb.1")
		if sound, silence := drain(r); sound < 47520-480 || silence != 0 {
			t.Errorf("%d samples of sound, %d of silence in a second", sound, silence)
		}
		mic.Use(Choice{Name: "flute"})
		time.Sleep(time.Second)
		expect(t, "one that is not there", said.told(), "hw.0 instead of flute")
		mic.Use(Choice{})
		time.Sleep(time.Second)
		expect(t, "the default", said.told(), "hw.0")
		if opens, _ := d.count(); opens != 3 {
			t.Errorf("%d were opened, where the default was in use already", opens)
		}
		end()
	})
}

// One that does not open is tried again and again, ever more seldom, and the other goes on.
func TestWantedDoesNotOpen(t *testing.T) {
	for name, set := range map[string]func(*desk){
		"refuses": func(d *desk) { d.broken = headset.ID },
		"silent":  func(d *desk) { d.mute = headset.ID },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, r, said := newDesk(builtin, headset), audio.NewRing(1<<20), new(teller)
				set(d)
				mic := d.mic(Choice{}, said)
				end := begin(t, mic.Run, r)
				time.Sleep(time.Second)
				drain(r)
				mic.Use(Of(headset))
				time.Sleep(19 * time.Second)
				expect(t, name, said.told(), "hw.0", "hw.0 instead of Headset")
				if sound, silence := drain(r); sound < 19*48000-480 || silence != 0 {
					t.Errorf("%d samples of sound, %d of silence in 19 s", sound, silence)
				}
				if opens, _ := d.count(); opens < 3 || opens > 9 {
					t.Errorf("%d attempts in 20 s", opens)
				}
				end()
			})
		})
	}
}

// Where no microphone is left, a sound system offers what the loudspeaker plays.
func TestNobodyIsSentTheirOwnVoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, r, said := newDesk(builtin), audio.NewRing(1<<20), new(teller)
		end := begin(t, d.mic(Choice{}, said).Run, r)
		time.Sleep(time.Second)
		d.plug(monitor)
		time.Sleep(lookEvery + 20*time.Millisecond)
		drain(r)
		time.Sleep(10 * time.Second)
		if sound, silence := drain(r); sound != 0 || silence < 9*48000 {
			t.Errorf("%d samples of sound, %d of silence", sound, silence)
		}
		expect(t, "a monitor", said.told(), "hw.0", "no microphone found: none is plugged in")
		d.plug(builtin)
		time.Sleep(2 * time.Second)
		expect(t, "a microphone", said.told(), "hw.0")
		end()
	})
}

func TestSpeakerStandsInWhileLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, r := newDesk(builtin), audio.NewRing(1<<20)
		r.Write(make([]float32, 10*48000))
		end := begin(t, d.speaker(Choice{}, new(teller)).Run, r)
		time.Sleep(time.Second)
		d.plug()
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
		d, r := newDesk(builtin), audio.NewRing(1<<16)
		d.hang = make(chan struct{})
		end := begin(t, d.mic(Choice{}, new(teller)).Run, r)
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
		d.last(half())
		if r.Len() != 0 {
			t.Errorf("%d samples were written after Run returned", r.Len())
		}
		close(d.hang)
	})
}

// Whatever hangs, the program goes on, and leaves no more than so much behind.
func TestSoundSystemThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, r, said := newDesk(headset), audio.NewRing(1<<16), new(teller)
		d.hang = make(chan struct{})
		end := begin(t, d.mic(Choice{}, said).Run, r)
		time.Sleep(openLimit + firstAfter + time.Second)
		expect(t, "hangs", said.told(), "no microphone found: the sound system does not answer")
		time.Sleep(25 * time.Minute)
		if opens, _ := d.count(); opens != hangMost {
			t.Errorf("%d goroutines were left behind", opens)
		}
		drain(r)
		time.Sleep(time.Second)
		if _, silence := drain(r); silence < 47520 {
			t.Errorf("%d samples of silence in a second", silence)
		}
		expect(t, "hangs for ever", said.told())
		if err := end(); err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		close(d.hang) // and what opens after all is closed
		synctest.Wait()
		if opens, closes := d.count(); closes != opens {
			t.Errorf("of %d that opened after all %d were closed", opens, closes)
		}
	})
}

func TestFind(t *testing.T) {
	devices := []Info{builtin, headset, {Name: "Headset", ID: "usb.7"}, {Name: "Webcam", ID: "usb.head"}, monitor}
	for _, c := range []struct {
		text string
		want Choice
		id   string
		err  error
	}{
		{"by ID", Choice{ID: "usb.7", Name: "Headset"}, "usb.7", nil},
		{"by name, in another socket", Choice{ID: "usb.9", Name: "Headset"}, "usb.1", nil},
		{"gone", Choice{ID: "usb.9", Name: "Flute"}, "", ErrUnknown},
		{"an ID is no part of a name", Choice{ID: "usb.9", Name: "Web"}, "", ErrUnknown},
		{"typed", Choice{Name: "webcam"}, "usb.head", nil},
		{"typed in part", Choice{Name: "web"}, "usb.head", nil},
		{"typed, of two", Choice{Name: "headset"}, "", ErrAmbiguous},
		{"typed ID", Choice{Name: "usb.1"}, "usb.1", nil},
		{"a card before a monitor", Choice{Name: "built-in"}, "hw.0", nil},
		{"a monitor", Choice{Name: "monitor"}, "hw.0.monitor", nil},
		{"typed nonsense", Choice{Name: "xyz"}, "", ErrUnknown},
	} {
		if got, err := c.want.Find(devices); got.ID != c.id || err != c.err {
			t.Errorf("%s: %q, %v", c.text, got.ID, err)
		}
	}
}

func TestTidy(t *testing.T) {
	def := headset
	def.Default = true
	got := tidy([]Info{{ID: "auto_null.monitor"}, monitor, {ID: "auto_null", Virtual: true}, {Name: "Webcam"}, builtin, def})
	var names []string
	for _, d := range got {
		names = append(names, d.Name)
	}
	if want := []string{"Headset", "Built-in Audio", "Webcam", "Monitor of Built-in Audio"}; !slices.Equal(names, want) {
		t.Errorf("%q, not %q", names, want)
	}
}

// What is kept as text is the same ID afterwards, whatever a sound system takes for one.
func FuzzID(f *testing.F) {
	f.Add([]byte("alsa_output.usb-0d8c.analog-stereo"))
	f.Add([]byte(":0,0"))
	f.Add([]byte("0x12"))
	f.Add([]byte{'{', 0, '0', 0, '}', 0})
	f.Add([]byte{0xff, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var id malgo.DeviceID
		copy(id[:], b)
		if got := idOf(idText(id)); got != id {
			t.Errorf("%q became %q by way of %q", id[:], got[:], idText(id))
		}
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

func only(b malgo.Backend) func(malgo.DeviceType) []malgo.Backend {
	return func(malgo.DeviceType) []malgo.Backend { return []malgo.Backend{b} }
}

func TestNullBackend(t *testing.T) {
	if _, err := (mini{capture, only(malgo.BackendNull)}).list(); !errors.Is(err, errNoBackend) {
		t.Errorf("malgo.BackendNull is no longer off by one: %v", err)
	}
	for name, want := range map[string]Choice{"followed": {}, "chosen": {Name: "NULL"}} {
		opened := make(chan State, 1)
		tell := func(s State) { opened <- s }
		mic := &Mic{end{from: mini{capture, only(null)}, want: newWish(want), tell: tell}}
		speaker := &Speaker{end{from: mini{playback, only(null)}, want: newWish(want), tell: tell}}
		t.Run("microphone "+name, func(t *testing.T) {
			r := audio.NewRing(1 << 16)
			end := begin(t, mic.Run, r)
			if s := <-opened; s.Err != nil {
				t.Errorf("it is %+v", s)
			}
			drain(r)
			for range 20 {
				<-r.Readable()
			}
			if err := end(); err != context.Canceled {
				t.Errorf("Run returned %v", err)
			}
			if sound, silence := drain(r); sound != 0 || silence < 19*audio.BlockSize { // one of the nudges may be old
				t.Errorf("%d samples of sound and %d of silence in 20 periods", sound, silence)
			}
		})
		t.Run("loudspeaker "+name, func(t *testing.T) {
			r := audio.NewRing(1 << 16)
			end := begin(t, speaker.Run, r)
			if s := <-opened; s.Err != nil {
				t.Errorf("it is %+v", s)
			}
			before := r.Underruns()
			for range 20 {
				<-r.Writable()
			}
			if err := end(); err != context.Canceled {
				t.Errorf("Run returned %v", err)
			}
			if n := r.Underruns() - before; n < 19*audio.BlockSize {
				t.Errorf("%d samples pulled in 20 periods", n)
			}
		})
	}
}

// What a person reads when there is no device names it and gives the reason.
func TestErrorText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := new(teller)
		m := &Mic{end{from: mini{capture, only(malgo.BackendNull)}, want: newWish(Choice{}), tell: said.tell}}
		end := begin(t, m.Run, audio.NewRing(audio.RingSize))
		time.Sleep(time.Minute)
		end()
		expect(t, "no sound system", said.told(), "no microphone found: no sound system is running")
	})
}
