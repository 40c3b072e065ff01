//go:build cgo

package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoa/audio/device"
)

func TestDeviceNews(t *testing.T) {
	builtin, headset := device.Info{Name: "Built-in", ID: "0"}, device.Info{Name: "Headset", ID: "1"}
	gone := device.State{Err: errors.New("no microphone found: none is plugged in")}
	instead := device.State{Device: builtin, Instead: "Headset"}
	for _, c := range []struct {
		what        string
		was         *device.State
		now         device.State
		state, text string
	}{
		{"as expected", nil, device.State{Device: headset}, "used", ""},
		{"none at first", nil, gone, "none", "no microphone found: none is plugged in: nobody hears you until there is one"},
		{"not the chosen one", nil, instead, "instead", "the microphone Headset cannot be used: Built-in takes its place until it can"},
		{"the chosen one again", &instead, device.State{Device: headset}, "used", "the microphone is back: Headset"},
		{"one again", &gone, device.State{Device: builtin}, "used", "the microphone is back: Built-in"},
		{"another default", &device.State{Device: headset}, device.State{Device: builtin}, "used", "the microphone is Built-in from now on"},
		{"a default without a name", &gone, device.State{}, "used", "the microphone is back: the system's default"},
	} {
		if e := micEnd.news(c.was, c.now); e.Kind != EventDevice || e.Device != "mic" || e.State != c.state || e.Text != c.text {
			t.Errorf("%s: %+v", c.what, e)
		}
	}
}

// What stays the same is told once, also when the microphone was shut in between.
func TestDevicesTellOnce(t *testing.T) {
	var told []string
	d := newDevices(t.TempDir(), func(e Event) { told = append(told, e.Device+" "+e.State) })
	mic, speaker := d.tell(micEnd), d.tell(speakerEnd)
	builtin := device.State{Device: device.Info{ID: "0"}}
	for range 3 {
		mic(builtin)
		speaker(builtin)
	}
	speaker(device.State{Err: errors.New("one reason")})
	speaker(device.State{Err: errors.New("another")})
	if got := strings.Join(told, ", "); got != "mic used, speaker used, speaker none" {
		t.Errorf("told %s", got)
	}
	if _, ok := d.used(speakerEnd); ok {
		t.Error("a loudspeaker that is lost is in use")
	}
}

func TestChosenDevicesAreKept(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home") // which is made for it
	c, err := readChosen(home)
	if err != nil || c != (chosenDevices{}) {
		t.Fatalf("of a new home: %+v, %v", c, err)
	}
	c.Speaker = device.Choice{ID: "alsa.1", Name: "Kopfhörer"}
	if err := c.write(home); err != nil {
		t.Fatal(err)
	}
	again, err := readChosen(home)
	if err != nil || again != c {
		t.Errorf("kept %+v, read %+v, %v", c, again, err)
	}
	cfg := &Config{Home: home}
	for _, want := range []struct {
		word string
		end  *soundEnd
		is   device.Choice
	}{
		{"speaker", speakerEnd, c.Speaker}, {"", speakerEnd, c.Speaker}, {"mic", micEnd, device.Choice{}},
		{"speaker:Built: in", speakerEnd, device.Choice{Name: "Built: in"}}, {"mic:x", micEnd, device.Choice{Name: "x"}},
	} {
		if got := choiceOf(cfg, want.word, want.end); got != want.is {
			t.Errorf("%q: %+v", want.word, got)
		}
	}
	if err := os.WriteFile(filepath.Join(home, devicesFile), []byte(`{"mic":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readChosen(home); err == nil {
		t.Error("half a file is read")
	}
	if got := choiceOf(cfg, "speaker", speakerEnd); got != (device.Choice{}) {
		t.Errorf("from half a file: %+v", got)
	}
}

func TestListDevices(t *testing.T) {
	mics := []device.Info{{Name: "Headset", ID: "1", Default: true, Rate: 16000, Channels: 1}, {Name: "Monitor", ID: "m", Virtual: true}}
	chosen := chosenDevices{Mic: device.Of(mics[0]), Speaker: device.Choice{ID: "9", Name: "Boombox"}}
	running := newDevices("", func(Event) {})
	running.tell(micEnd)(device.State{Device: mics[0]})
	want := "microphones:\n  Headset · in use · chosen · the system's default · 16 kHz · 1 channel\n  Monitor · no card\nloudspeakers:\n  none\n  Boombox · chosen, but not there"
	if got := strings.Join(listDevices(mics, nil, &chosen, running).Lines, "\n"); got != want {
		t.Errorf("%s\nand not\n%s", got, want)
	}
}
