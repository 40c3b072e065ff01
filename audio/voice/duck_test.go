// Tests of Duck and Unheard by tables: what happens in each stretch of time, and what follows.

package voice_test

import (
	"math"
	"testing"

	"stoa/audio"
	"stoa/audio/voice"
)

var (
	quiet  = audio.Heard{}
	speech = audio.Heard{Voice: true}
	echoed = audio.Heard{Echo: true}
	both   = audio.Heard{Voice: true, Echo: true}
)

func TestDuck(t *testing.T) {
	type stretch struct {
		ms    int
		heard audio.Heard
		muted bool
		dB    float64 // at its end
		hints int     // in it
	}
	for _, c := range []struct {
		name string
		in   []stretch
	}{
		{"without echo nothing happens", []stretch{{10000, speech, false, 0, 0}}},
		{"echo alone ducks nothing", []stretch{{10000, echoed, false, 0, 0}}},
		{"a voice with echo ducks and comes back", []stretch{
			{20, both, false, 0, 0}, {100, both, false, -15, 0}, {5000, both, false, -15, 0},
			{300, echoed, false, -15, 0}, {500, echoed, false, 0, 0},
		}},
		{"the gap between two words is none", []stretch{{500, both, false, -15, 0}, {300, quiet, false, -15, 0}, {100, both, false, -15, 0}}},
		{"echo is remembered while somebody speaks", []stretch{{500, echoed, false, 0, 0}, {1000, speech, false, -15, 0}}},
		{"but not for ever", []stretch{{500, echoed, false, 0, 0}, {4000, speech, false, 0, 0}}},
		{"a cough ducks nothing", []stretch{{500, echoed, false, 0, 0}, {20, both, false, 0, 0}, {500, echoed, false, 0, 0}}},
		{"whom nobody hears may hear", []stretch{{1000, both, true, 0, 0}}},
		{"being muted brings it back", []stretch{{1000, both, false, -15, 0}, {350, both, true, 0, 0}}},
		{"a hint comes once", []stretch{{29900, echoed, false, 0, 0}, {200, echoed, false, 0, 1}, {60000, echoed, false, 0, 0}}},
		{"and not to whom nobody hears", []stretch{{40000, echoed, true, 0, 0}, {10, echoed, false, 0, 1}}},
		{"nor when it is gone in time", []stretch{{20000, echoed, false, 0, 0}, {20000, quiet, false, 0, 0}, {20000, echoed, false, 0, 0}}},
	} {
		var d voice.Duck
		before := float32(1)
		for i, s := range c.in {
			hints := 0
			var gain float32
			for range s.ms / 10 {
				var hint bool
				gain, hint = d.Next(s.heard, !s.muted)
				if hint {
					hints++
				}
				if step := math.Abs(float64(gain - before)); step > 0.2 {
					t.Fatalf("%s: stretch %d: from %v to %v in a block", c.name, i, before, gain)
				}
				before = gain
			}
			if dB := 20 * math.Log10(float64(gain)); math.Abs(dB-s.dB) > 0.1 {
				t.Errorf("%s: stretch %d ends at %.1f dB, want %.1f", c.name, i, dB, s.dB)
			}
			if hints != s.hints {
				t.Errorf("%s: %d hints in stretch %d, want %d", c.name, hints, i, s.hints)
			}
		}
	}
}

func TestUnheard(t *testing.T) {
	type stretch struct {
		ms           int
		voice, muted bool
		told         int // in it
	}
	for _, c := range []struct {
		name string
		in   []stretch
	}{
		{"who is heard is told nothing", []stretch{{60000, true, false, 0}}},
		{"who is silent is told nothing", []stretch{{60000, false, true, 0}}},
		{"half a second is enough", []stretch{{490, true, true, 0}, {10, true, true, 1}}},
		{"in pieces too", []stretch{{300, true, true, 0}, {100, false, true, 0}, {240, true, true, 0}, {20, true, true, 1}}},
		{"coughs are not", []stretch{{200, true, true, 0}, {500, false, true, 0}, {200, true, true, 0}, {500, false, true, 0}, {200, true, true, 0}}},
		{"being muted in mid-speech begins anew", []stretch{{5000, true, false, 0}, {490, true, true, 0}, {10, true, true, 1}}},
		{"once in twenty seconds", []stretch{{1000, true, true, 1}, {19000, true, true, 0}, {1500, true, true, 1}}},
		{"also when unmuted in between", []stretch{{1000, true, true, 1}, {1000, true, false, 0}, {10000, true, true, 0}}},
	} {
		var u voice.Unheard
		for i, s := range c.in {
			told := 0
			for range s.ms / 10 {
				if u.Next(s.voice, s.muted) {
					told++
				}
			}
			if told != s.told {
				t.Errorf("%s: told %d times in stretch %d, want %d", c.name, told, i, s.told)
			}
		}
	}
}
