// Tests of how loud each person is played: kept over a start, whatever is in the
// file, and heard at once.

package app

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/identity"
)

func TestVolumesAreKept(t *testing.T) {
	dir := t.TempDir()
	v, err := readVolumes(dir)
	if err != nil {
		t.Fatal(err)
	}
	ann, ben, cy := identity.ID{1}, identity.ID{2}, identity.ID{3}
	for _, set := range []struct {
		who     identity.ID
		percent int
	}{{ann, 50}, {ben, 0}, {cy, 200}, {cy, 100}} {
		if err := v.set(set.who, set.percent); err != nil {
			t.Fatal(err)
		}
	}
	again, err := readVolumes(dir)
	if err != nil || again.of(ann) != 50 || again.of(ben) != 0 || again.of(cy) != 100 || again.gain(ann) != 0.5 || len(again.people) != 2 {
		t.Errorf("read %v, %v", again.people, err)
	}
	for i := range maxVolumes - 3 { // in memory: each set writes a file
		again.people[identity.ID{9, byte(i), byte(i >> 8)}] = 10
	}
	for _, who := range []byte{7, 8} { // there is room for one
		err = again.set(identity.ID{who}, 10)
	}
	if err == nil || len(again.people) != maxVolumes || again.set(ann, 20) != nil {
		t.Errorf("%d are kept, then %v", len(again.people), err)
	}
	if full, err := readVolumes(dir); err != nil || len(full.people) != maxVolumes || full.of(ann) != 20 {
		t.Errorf("%d read of %d: %v", len(full.people), maxVolumes, err)
	}
	// What cannot be kept is not so.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // no folder can be made there
		t.Fatal(err)
	}
	if err := v.set(ann, 70); err == nil || v.of(ann) != 50 {
		t.Errorf("%v, then %d %%", err, v.of(ann))
	}
}

func TestVolumesOfAStrangeFile(t *testing.T) {
	ann := identity.ID{1}
	for _, tt := range []struct {
		text string
		want int
		err  bool
	}{
		{fmt.Sprintf(`{"%s": 30, "nobody": 20, "%s": 900}`, ann, identity.ID{2}), 30, false},
		{`{}`, 100, false},
		{`{"`, 100, true},
		{`[1]`, 100, true},
		{strings.Repeat(" ", maxKept) + "{}", 100, true},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, volumesFile), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := readVolumes(dir)
		if (err != nil) != tt.err || v.of(ann) != tt.want || v.of(identity.ID{2}) != asSent {
			t.Errorf("%.40q: %v, %v", tt.text, v.people, err)
		}
	}
}

func TestParsePercent(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "50": 50, "200": 200, "75%": 75, "201": -1, "-1": -1, "loud": -1, "": -1} {
		got, err := parsePercent(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

// A volume is heard: from the first word on, and as soon as it is changed.
func TestVolumeIsHeard(t *testing.T) {
	listening(t, func(t *testing.T, l *listener) {
		if err := l.follow(stage("cid")); err != nil {
			t.Fatal(err)
		}
		ann, wire := mouth()
		ann.follow(stage("ann"))
		ann.want(true)
		percent := float32(0.25)
		l.volume = func(identity.ID) float32 { return percent }
		speak := func() float64 {
			before := len(l.speaker.Heard())
			l.speak(t, ann, wire, 440, time.Second)
			return audiotest.ToneAmplitude(l.speaker.Heard()[before:][audio.Rate/2:audio.Rate], 440)
		}
		quiet := speak()
		percent = 1
		l.revolume(idOf("ann"))
		if db := 20 * math.Log10(speak()/quiet); math.Abs(db-12) > 1 {
			t.Errorf("from a quarter to a whole is %.1f dB", db)
		}
	})
}
