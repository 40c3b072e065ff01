// How this person wants their sound, as the home keeps it.

package app

import (
	"fmt"

	chain "stoa/audio/voice"
)

const habitsFile = "sound.json"

// habits are how one talks, which stages of the treatment work, and whether loud
// and quiet people are played alike.
type habits struct {
	Talk  string `json:"talk"`
	Level bool   `json:"level"`
	chain.Settings
}

func newHabits() habits {
	return habits{Talk: talkOpen, Level: true, Settings: chain.Everything}
}

// button returns the switch of that name, or nil.
func (h *habits) button(name string) *bool {
	if name == "level" {
		return &h.Level
	}
	return h.Switch(name)
}

// loadHabits reads what a home keeps; what it does not say is as it is at first.
// With an error everything is, but nobody is heard without pushing: perhaps that is
// what was chosen.
func loadHabits(home string) (habits, error) {
	h, lost := newHabits(), newHabits()
	lost.Talk = talkPush
	if err := loadKept(home, habitsFile, &h); err != nil {
		return lost, err
	}
	if !isTalk(h.Talk) {
		return lost, fmt.Errorf("%s: nobody talks %q", habitsFile, h.Talk)
	}
	return h, nil
}

// save keeps h in a home.
func (h habits) save(home string) error { return saveKept(home, habitsFile, h) }

// change does what the words of `stoa sound` ask for, and says what that was.
func (h *habits) change(words []string) (string, error) {
	usage := &UserError{Code: "usage", Text: "sound takes highpass, echo, noise, gain, music or level with on or off, or talk with open, push or push-to-mute", Hint: "`stoa sound noise off`"}
	if len(words) != 2 {
		return "", usage
	}
	what, how := words[0], words[1]
	if what == "talk" && isTalk(how) {
		h.Talk = how
		return talkWords(how), nil
	}
	on := h.button(what)
	if on == nil || how != "on" && how != "off" {
		return "", usage
	}
	*on = how == "on"
	return fmt.Sprintf("%s is %s", switchWords[what], how), nil
}

// talkWords says how one talks.
func talkWords(mode string) string {
	switch mode {
	case talkPush:
		return "your microphone is heard while `stoa push` runs"
	case talkToMute:
		return "your microphone is heard unless `stoa push` runs"
	}
	return "your microphone is heard whenever it is not muted"
}

// switchWords are what a person reads of the switches.
var switchWords = map[string]string{
	"highpass": "the high-pass against rumble",
	"echo":     "the echo canceller",
	"noise":    "the noise suppression",
	"gain":     "the automatic gain",
	"music":    "music mode",
	"level":    "the levelling of those you hear",
}
