// Sound cards, as far as software can be one: a voice goes in at a microphone and comes out at
// somebody else's loudspeaker, whatever happens to either.

package process

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// backWithin is how long nothing may be heard when a device goes or comes.
const backWithin = 2 * time.Second

// A call is ann, who speaks into a microphone, and bob, who listens at a loudspeaker.
type call struct {
	*pipewire
	ann, bob *process
	path     string // of the recording
}

// newCall lets two meet on a sound system. in and out are theirs; more is for both.
func newCall(s *pipewire, in, out string, more ...string) *call {
	s.t.Helper()
	w := newWorld(s.t)
	w.env = s.env()
	c := &call{pipewire: s, path: filepath.Join(s.dir, "tape.wav")}
	c.ann = w.run(honest, "ann", append([]string{"open", "Stoa", "--in", in, "--out", "null"}, more...)...)
	link := c.ann.wait("a link", kind("link")).Link
	c.bob = w.run(honest, "bob", append([]string{"join", link, "--out", out}, more...)...)
	c.bob.wait("sound", kind("sound"))
	return c
}

// speak lets a microphone hear a voice while some ports are recorded. wait waits for its end, and stop
// ends it a second later; both return the recording, a slice for each port.
func (c *call) speak(voice []float64, mic string, ports ...string) (wait, stop func() [][]float64) {
	c.t.Helper()
	said := filepath.Join(c.dir, "said.wav")
	if err := hear.WriteWAV(said, voice); err != nil {
		c.t.Fatal(err)
	}
	tape := c.record(c.path, ports...)
	person := c.say("person", said, mic)
	end := func(finish func()) func() [][]float64 {
		return func() [][]float64 {
			c.t.Helper()
			finish()
			tape.end()
			channels, _, err := hear.ReadChannels(c.path)
			if err != nil {
				c.t.Fatal(err)
			}
			return channels
		}
	}
	return end(person.wait), end(func() {
		time.Sleep(time.Second)
		person.end()
	})
}

// used waits until a process says of its microphone or loudspeaker that it is in use as state says.
func (p *process) used(mark int, device, name, state string) {
	p.t.Helper()
	p.waitSince(mark, fmt.Sprintf("%s %s as %s", state, name, device), func(e event) bool {
		return e.Event == "device" && e.Device == device && e.Name == name && e.State == state
	})
}

// breathless is a voice that pauses nowhere, for longer than any test takes.
func breathless(t *testing.T) []float64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "voice.wav")
	if err := hear.WriteMarked(path, clip("a")); err != nil {
		t.Fatal(err)
	}
	return slices.Repeat(said(t, path), 15)
}

// silences returns where nothing is heard for 100 ms or more, from the first sound to the last.
func silences(x []float64) (found []time.Duration) {
	const step = hear.Rate / 100
	quiet, began := 0, false
	for i := 0; i+step <= len(x); i += step {
		if hear.RMS(x[i:i+step]) < 1e-3 {
			quiet++
			continue
		}
		if began && quiet >= 10 {
			found = append(found, time.Duration(quiet)*10*time.Millisecond)
		}
		began, quiet = true, 0
	}
	return found
}

// The system's default microphone and loudspeaker, and whole clips. A machine that is busy with other
// tests may spoil one, which is no failure; TestTableDevices looks closer.
func TestSpeechThroughDevices(t *testing.T) {
	t.Parallel()
	s := newPipewire(t)
	s.mic("mic")
	s.speaker("speaker")
	c := newCall(s, "mic", "speaker")
	voice, sought := said(t, clip("a")), soughtClip(t, clip("a"))
	for limit := time.Now().Add(patience); ; {
		wait, _ := c.speak(append(voice, make([]float64, hear.Rate)...), "mic", "speaker:monitor_MONO")
		share := hear.Listen(wait()[0]).Share(sought)
		t.Logf("found in %.2f", share)
		if share >= heardShare {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("the loudspeaker does not play what the microphone hears")
		}
	}
}

// The loudspeaker that somebody chose is unplugged while they listen, and plugged in again. What is
// heard at either loudspeaker together misses no more than a moment.
func TestChosenLoudspeakerComesBack(t *testing.T) {
	t.Parallel()
	s := newPipewire(t)
	s.mic("mic")
	s.speaker("builtin")
	s.speaker("headset")
	s.prefer("sink", "builtin")
	c := newCall(s, "mic", "speaker:headset")
	_, stop := c.speak(breathless(t), "mic", "builtin:monitor_MONO", "headset:monitor_MONO")
	time.Sleep(3 * time.Second)
	mark := c.bob.mark()
	c.unplug("headset")
	c.bob.used(mark, "speaker", "BUILTIN", "instead")
	time.Sleep(3 * time.Second)
	mark = c.bob.mark()
	c.speaker("headset")
	c.link("headset:monitor_MONO", "tape:input_FR")
	c.bob.used(mark, "speaker", "HEADSET", "used")
	tape := stop()
	c.heard("both together", 0, sum(tape[0], tape[1]))
	for i, name := range []string{"the one in its place", "the chosen one"} {
		if n := hear.RMS(tape[i]); n < 0.01 {
			t.Errorf("nothing was heard at %s", name)
		}
	}
}

// The system's default changes in its settings, and then the card goes, and comes back.
func TestDefaultLoudspeakerChanges(t *testing.T) {
	t.Parallel()
	s := newPipewire(t)
	s.mic("mic")
	s.speaker("one")
	s.speaker("two")
	s.prefer("sink", "one")
	c := newCall(s, "mic", "speaker")
	_, stop := c.speak(breathless(t), "mic", "one:monitor_MONO", "two:monitor_MONO")
	time.Sleep(3 * time.Second)
	mark := c.bob.mark()
	c.prefer("sink", "two")
	c.bob.used(mark, "speaker", "TWO", "used")
	time.Sleep(2 * time.Second)
	c.unplug("one")
	c.unplug("two")
	gone := time.Now()
	c.bob.used(mark, "speaker", "", "none")
	mark = c.bob.mark()
	c.speaker("two")
	c.link("two:monitor_MONO", "tape:input_FR")
	away := time.Since(gone)
	c.bob.used(mark, "speaker", "TWO", "used")
	tape := stop()
	c.heard(fmt.Sprintf("there was none for %v", away), away, sum(tape[0], tape[1]))
}

// The same for who speaks: a microphone of their choice, the default in its place, and none at all,
// where the sound system offers what a loudspeaker plays.
func TestMicrophoneComesBack(t *testing.T) {
	t.Parallel()
	s := newPipewire(t)
	s.mic("builtin")
	s.mic("headset")
	s.speaker("speaker")
	s.prefer("source", "builtin")
	c := newCall(s, "mic:head", "speaker")
	_, stop := c.speak(breathless(t), "headset", "speaker:monitor_MONO")
	c.link("person:output_MONO", "builtin:input_MONO")
	time.Sleep(3 * time.Second)
	mark := c.ann.mark()
	c.unplug("headset")
	c.ann.used(mark, "mic", "BUILTIN", "instead")
	time.Sleep(2 * time.Second)
	c.unplug("builtin")
	gone := time.Now()
	c.ann.used(mark, "mic", "", "none")
	time.Sleep(2 * time.Second)
	mark = c.ann.mark()
	c.mic("headset")
	c.link("person:output_MONO", "headset:input_MONO")
	away := time.Since(gone)
	c.ann.used(mark, "mic", "HEADSET", "used")
	c.heard(fmt.Sprintf("there was none for %v", away), away, stop()[0])
}

// heard fails the test when nothing is heard for longer than may be, where there is no device for a
// while.
func (c *call) heard(what string, away time.Duration, x []float64) {
	c.t.Helper()
	found := silences(x)
	c.t.Logf("%s: silent for %v", what, found)
	if len(found) == 0 && away > 0 {
		c.t.Errorf("%s: it was never silent", what)
	}
	for _, quiet := range found {
		if quiet > away+backWithin {
			c.t.Errorf("%s: nothing was heard for %v", what, quiet)
		}
	}
}

func sum(a, b []float64) []float64 {
	x := make([]float64, min(len(a), len(b)))
	for i := range x {
		x[i] = a[i] + b[i]
	}
	return x
}

// What the command line lists and keeps, on a real sound system.
func TestDevicesAreListedAndKept(t *testing.T) {
	t.Parallel()
	s := newPipewire(t)
	s.mic("hands-free", "rate=16000")
	s.speaker("hifi", "rate=44100", "channels=8")
	s.speaker("headset")
	s.prefer("sink", "hifi")
	home := filepath.Join(t.TempDir(), "home")
	stoa := func(args ...string) string {
		t.Helper()
		out, err := s.try(honest, append(args, "--home", home)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	has := func(text, part string) {
		t.Helper()
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	stoa("devices", "speaker", "head")
	list := stoa("devices")
	has(list, "microphones:\n  HANDS-FREE · the system's default · 16 kHz · 1 channel\n  Monitor of ")
	has(list, "loudspeakers:\n  HIFI · the system's default · 44.1 kHz · 8 channels\n  HEADSET · chosen · 48 kHz")
	s.unplug("headset")
	has(stoa("devices"), "  HEADSET · chosen, but not there")
	doctor := stoa("doctor", "--in", "silence", "--bootstrap", "none", "--listen", loopback)
	has(doctor, "HIFI, since HEADSET cannot be used")
	has(stoa("devices", "speaker", "default"), "the system's default from now on")
	if _, err := s.try(honest, "devices", "mic", "flute", "--home", home); err == nil {
		t.Error("a microphone that is not there was chosen")
	}
}
