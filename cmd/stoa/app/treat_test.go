// Tests of what follows from what a microphone hears, and of what a home keeps.

package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
	canceller "stoa/audio/echo"
	"stoa/audio/noise"
	chain "stoa/audio/voice"
)

// scripted is a canceller and a detector that find what they are told to.
type scripted struct{ voice, echo bool }

func (s *scripted) Cancel(near, far []float32) {}
func (s *scripted) Shifted()                   {}
func (s *scripted) Health() chain.Health       { return chain.Health{Left: s.echo, Near: s.voice} }
func (s *scripted) Detect([]float32) bool      { return s.voice }

func TestTreatmentTells(t *testing.T) {
	find := &scripted{}
	var told []Event
	treat := &treatment{
		Chain: chain.New(chain.Stages{Echo: find, Voice: find}, chain.Everything), player: audio.NewPlayer(), loud: 1,
		tell: func(e Event) { told = append(told, e) },
	}
	near, far := make([]float32, audio.BlockSize), make([]float32, audio.BlockSize)
	for _, step := range []struct {
		name                       string
		voice, echo, sent, unheard bool
		blocks                     int
		want                       []string
	}{
		{"talking", true, false, true, false, 500, nil},
		{"muted and silent", false, false, false, true, 500, nil},
		{"muted and talking", true, false, false, true, 100, []string{EventUnheard}},
		{"going on", true, false, false, true, 100, nil},
		{"the loudspeaker is heard", false, true, true, false, 100, nil},
		{"and somebody speaks", true, true, true, false, 100, []string{EventDuck}},
		{"and is done", false, false, true, false, 500, []string{EventDuck}},
		{"it stays so", false, true, true, false, 3500, []string{EventEcho}},
	} {
		told = nil
		find.voice, find.echo = step.voice, step.echo
		treat.sent.Store(step.sent)
		treat.unheard.Store(step.unheard)
		for range step.blocks {
			treat.Treat(near, far)
		}
		if len(told) != len(step.want) {
			t.Fatalf("%s: told %+v, want %q", step.name, told, step.want)
		}
		for i, kind := range step.want {
			if told[i].Kind != kind || kind != EventDuck && (told[i].Text == "" || told[i].Hint == "") {
				t.Errorf("%s: told %+v, want %s", step.name, told[i], kind)
			}
		}
	}
}

// What a person chooses is there at the next start, and nothing else is kept.
func TestHabits(t *testing.T) {
	home := t.TempDir()
	if h, err := loadHabits(home); err != nil || h != newHabits() {
		t.Fatalf("at first %+v, %v", h, err)
	}
	for _, c := range []struct {
		words []string
		want  func(*habits) bool
	}{
		{[]string{"noise", "off"}, func(h *habits) bool { return !h.Noise && h.Echo }},
		{[]string{"music", "on"}, func(h *habits) bool { return h.Music && !h.Noise }},
		{[]string{"noise", "on"}, func(h *habits) bool { return h.Noise }},
		{[]string{"level", "off"}, func(h *habits) bool { return !h.Level && h.Gain }},
		{[]string{"talk", "push"}, func(h *habits) bool { return h.Talk == talkPush && h.Music }},
	} {
		reply, err := doSoundKept(home, Request{Args: c.words})
		if err != nil || len(reply.Lines) != 1 {
			t.Fatalf("%q: %+v, %v", c.words, reply, err)
		}
		if h, err := loadHabits(home); err != nil || !c.want(&h) {
			t.Errorf("after %q: %+v, %v", c.words, h, err)
		}
	}
	shown, err := doSoundKept(home, Request{})
	if err != nil || len(shown.Lines) != 7 {
		t.Errorf("shown %+v, %v", shown, err)
	}
	for _, words := range [][]string{{"noise", "loud"}, {"bass", "on"}, {"talk", "on"}, {"noise"}, {"a", "b", "c"}} {
		before, _ := loadHabits(home)
		if _, err := doSoundKept(home, Request{Args: words}); err == nil {
			t.Errorf("%q was done", words)
		}
		if after, _ := loadHabits(home); after != before {
			t.Errorf("%q changed something", words)
		}
	}
}

func TestHabitsOfADamagedFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"talk":"loudly"}`, `{"noise":3}`, "[]"} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, habitsFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lost := newHabits()
		lost.Talk = talkPush
		if h, err := loadHabits(home); err == nil || h != lost {
			t.Errorf("%q gave %+v, %v", text, h, err)
		}
		if _, err := doSoundKept(home, Request{}); err == nil {
			t.Errorf("%q was shown as chosen", text)
		}
		if _, err := doSoundKept(home, Request{Args: []string{"noise", "off"}}); err != nil {
			t.Errorf("%q cannot be replaced: %v", text, err)
		}
	}
	// A file of an older stoa lacks switches that are on at first.
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, habitsFile), []byte(`{"noise":false}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want := newHabits()
	want.Noise = false
	if h, err := loadHabits(home); err != nil || h != want {
		t.Errorf("got %+v, %v", h, err)
	}
	if b, err := json.Marshal(soundData{habits: want}); err != nil || string(b) != `{"talk":"open","level":true,"highpass":true,"echo":true,"noise":false,"gain":true,"music":false,"holding":false,"live":false}` {
		t.Errorf("as JSON %s, %v", b, err)
	}
}

// All that is done to a voice adds 15 ms to the way to an ear: 5 in the canceller, whose last stage
// works on spectra, 8.5 in the suppressor and 1.5 in the limiter.
func TestTreatmentDelay(t *testing.T) {
	said := audiotest.Voice(2*audio.Rate, 1)
	heard := append([]float32(nil), said...)
	treat := newTreatment(chain.Everything, nil)
	far := make([]float32, audio.BlockSize)
	for p := heard; len(p) >= audio.BlockSize; p = p[audio.BlockSize:] {
		treat.Treat(p[:audio.BlockSize], far)
	}
	const want = canceller.Delay + noise.Delay + chain.LimiterDelay
	if lag := audiotest.Lag(said, heard, audio.Rate/20); lag < want-5 || lag > want+5 || want > 15*audio.Rate/1000 {
		t.Errorf("the voice comes %d samples later, want %d", lag, want)
	}
}
