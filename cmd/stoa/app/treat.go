// What is done with what the microphone hears before it is sent, and what follows
// from what is found in it: the loudspeaker is turned down, or the person is told
// something.

package app

import (
	"sync/atomic"

	"stoa/audio"
	canceller "stoa/audio/echo"
	"stoa/audio/noise"
	chain "stoa/audio/voice"
)

// treatment is a chain.Chain with what follows from it here. Treat and Shifted
// belong to the capture.
type treatment struct {
	*chain.Chain
	made   crew
	player *audio.Player // nil: nothing is played
	tell   func(Event)   // never blocks

	sent    atomic.Bool // others hear the microphone
	unheard atomic.Bool // they do not, though they could: this person is muted

	// The rest is of Treat.
	duck    chain.Duck
	notice  chain.Unheard
	loud    float32 // how loud the loudspeaker may be
	ducking bool    // it is turned down, as was told
}

// crew says what does the work of stages of which there are several kinds; empty
// where there is none.
type crew struct {
	Echo  string `json:"echo,omitempty"`
	Noise string `json:"noise,omitempty"`
}

func newTreatment(s chain.Settings, player *audio.Player) *treatment {
	stages, made := hireStages()
	return &treatment{Chain: chain.New(stages, s), made: made, player: player, tell: func(Event) {}, loud: 1}
}

// hireStages makes the best stages that this program was built with.
func hireStages() (chain.Stages, crew) {
	return chain.Stages{Echo: canceller.New(), Noise: noise.New(), Voice: noise.NewDetector()},
		crew{Echo: "by stoa's own canceller", Noise: "by stoa's own suppressor"}
}

// Treat is part of audio.Treatment.
func (t *treatment) Treat(near, far []float32) audio.Heard {
	heard := t.Chain.Treat(near, far)
	loud, headphones := t.duck.Next(heard, t.sent.Load())
	if loud != t.loud {
		t.loud = loud
		if t.player != nil {
			t.player.SetGain(loud)
		}
	}
	if ducking := loud < 0.5; ducking != t.ducking {
		t.ducking = ducking
		t.tell(Event{Kind: EventDuck, On: &ducking})
	}
	if headphones {
		t.tell(Event{Kind: EventEcho, Code: "echo", Text: "others hear themselves from your loudspeaker", Hint: "use headphones, or turn the loudspeaker down"})
	}
	if t.notice.Next(heard.Voice, t.unheard.Load()) {
		t.tell(Event{Kind: EventUnheard, Text: "you speak, but you are muted", Hint: "`stoa unmute` makes your microphone live"})
	}
	return heard
}
