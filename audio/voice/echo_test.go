//go:build cgo && !race

// Tests of the echo in rooms: how much of it is left, and what becomes of somebody who speaks.

package voice_test

import (
	"fmt"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/echo"
	"stoa/audio/noise"
	"stoa/audio/voice"
)

// A talk is a call out of a room: somebody far speaks all the time, somebody near for a while.
//
//	 0 s   far: what a canceller needs to learn the room
//	 3 s   far: what counts
//	10 s   both
//	18 s   far again, until 21 s
type talk struct {
	room      audiotest.Room // with noise at -70 dB, unless it says otherwise
	far, near string         // who speaks
	ahead     float64        // dB by which near is louder than the echo, at the microphone
	from      int            // second of the recordings at which they begin
}

const (
	learntAt = 3 * audio.Rate
	nearFrom = 10 * audio.Rate
	nearTo   = 18 * audio.Rate
	talkEnds = 21 * audio.Rate
)

// An outcome is what a canceller made of a talk.
type outcome struct {
	erle       float64 // dB from 3 s on, while only far speaks
	converged  float64 // seconds until 20 dB
	afterwards float64 // ERLE half a second after near has spoken
	stoi, raw  float64 // of near while both speak: as sent, and as the microphone heard it
	lost       float64 // dB by which near is weaker than it was
	each       time.Duration
}

// hold lets a canceller treat a talk.
func (k talk) hold(t testing.TB, cancel func(near, far []float32)) outcome {
	t.Helper()
	far := audiotest.Scale(recorded(t, k.far, k.from, talkEnds), 3)
	if k.room.Noise == 0 {
		k.room.Noise = -70
	}
	echo := k.room.Echo(far)
	near := make([]float32, talkEnds)
	voice := near[nearFrom:nearTo]
	copy(voice, recorded(t, k.near, k.from, len(voice)))
	audiotest.Scale(voice, audiotest.SpeechLevel(echo)+k.ahead-audiotest.SpeechLevel(voice))
	heard := audiotest.Sum(echo, near)
	for i, v := range heard {
		heard[i] = min(max(v, -1), 1)
	}
	sent, each := through(heard, far, cancel)
	sent = aligned(near, sent)
	last := nearTo + audio.Rate/2
	return outcome{
		erle:       audiotest.ERLE(heard[learntAt:nearFrom], sent[learntAt:nearFrom]),
		converged:  audiotest.Convergence(heard[:nearFrom], sent[:nearFrom], 20),
		afterwards: audiotest.ERLE(heard[last:], sent[last:talkEnds-audio.Rate/20]),
		stoi:       audiotest.STOI(voice, sent[nearFrom:nearTo]),
		raw:        audiotest.STOI(voice, heard[nearFrom:nearTo]),
		lost:       audiotest.SpeechLevel(voice) - audiotest.SpeechLevel(sent[nearFrom:nearTo]),
		each:       each,
	}
}

func (o outcome) String() string {
	return fmt.Sprintf("%5.1f %5.2f %5.1f   %.3f %.3f %+5.1f   %3d",
		o.erle, o.converged, o.afterwards, o.stoi, o.raw, -o.lost, o.each.Microseconds())
}

// outcomes is the head of a table of them.
const outcomes = " ERLE  20dB after   STOI  untr. voice    µs"

const ms = time.Millisecond

var office = talk{room: audiotest.Room{Seed: 12, Delay: 40 * ms}, far: "callum", near: "ada"}

func TestEchoIsCancelledAndTheVoiceIsNot(t *testing.T) {
	o := office.hold(t, echo.New().Cancel)
	t.Logf("%s\n%v", outcomes, o)
	if o.erle < 35 {
		t.Errorf("ERLE is %.1f dB", o.erle)
	}
	if o.stoi < 0.85 || o.lost > 3 {
		t.Errorf("in double talk STOI is %.3f, and the voice %.1f dB weaker", o.stoi, o.lost)
	}
}

// Where there is no echo, because of headphones or because nobody far speaks, nothing is to be taken
// out.
func TestNoEchoIsNotCancelled(t *testing.T) {
	voice := recorded(t, "callum", 0, 6*audio.Rate)
	quiet := make([]float32, len(voice))
	noise := audiotest.Room{Seed: 2, Noise: -70}.Echo(quiet)
	for name, far := range map[string][]float32{"headphones": recorded(t, "ada", 0, len(voice)), "silence": quiet} {
		sent, _ := through(audiotest.Sum(voice, noise), far, echo.New().Cancel)
		sent = aligned(voice, sent)
		d, lost := audiotest.STOI(voice, sent), audiotest.SpeechLevel(voice)-audiotest.SpeechLevel(sent)
		if t.Logf("%s: STOI %.3f, voice %+.1f dB", name, d, -lost); d < 0.95 || lost > 1 {
			t.Errorf("%s: STOI %.3f, voice %.1f dB weaker", name, d, lost)
		}
	}
}

// howls runs two laptops in a room with whole chains, and returns the louder of what they send while
// nobody speaks any more, and how the voice before it is understood.
func howls(t testing.TB, l audiotest.Laptops, treated bool) (level, stoi float64, howl bool) {
	t.Helper()
	const speaks, all = 6 * audio.Rate, 10 * audio.Rate
	near := make([]float32, all)
	copy(near, recorded(t, "ada", int(l.Room.Seed), speaks))
	if treated {
		for i := range l.Treat {
			chain := voice.New(stages(), voice.Everything)
			l.Treat[i] = func(near, far []float32) { chain.Treat(near, far) }
		}
	}
	sent := l.Run(near)
	level = -200
	for _, s := range sent {
		level = max(level, audiotest.RMS(s[all-audio.Rate:]))
		howl = howl || audiotest.Howls(s)
	}
	return level, audiotest.STOI(near, aligned(near, sent[0])), howl
}

func TestTwoLaptopsDoNotHowl(t *testing.T) {
	l := audiotest.Laptops{
		Room:    audiotest.Room{Seed: 3, Delay: 40 * ms, Noise: -70},
		Apart:   10,
		Network: 60 * ms,
	}
	if _, _, howl := howls(t, l, false); !howl {
		t.Fatal("they do not howl when nothing is done against it")
	}
	if level, d, howl := howls(t, l, true); howl {
		t.Errorf("they howl: %.0f dB after the voice has ended, whose STOI is %.2f", level, d)
	}
}

// stages are those that the program treats a microphone with.
func stages() voice.Stages {
	return voice.Stages{Echo: echo.New(), Noise: noise.New(), Voice: noise.NewDetector()}
}
