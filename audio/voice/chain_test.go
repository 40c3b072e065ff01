// Tests of Chain: which stage works when, and that switching one cannot be heard.

package voice_test

import (
	"math"
	"slices"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/voice"
)

// A worker is any stage: it counts, halves what it hears, and delivers it late samples later.
type worker struct {
	late    int
	worked  int
	shifted int
	health  voice.Health
	speaks  bool
	queue   []float32
}

func (w *worker) work(block []float32) {
	w.worked++
	if w.queue == nil {
		w.queue = make([]float32, w.late)
	}
	w.queue = append(w.queue, block...)
	for i := range block {
		block[i] = w.queue[i] / 2
	}
	w.queue = slices.Delete(w.queue, 0, len(block))
}

func (w *worker) Cancel(near, far []float32)  { w.work(near) }
func (w *worker) Shifted()                    { w.shifted++ }
func (w *worker) Health() voice.Health        { return w.health }
func (w *worker) Suppress(block []float32)    { w.work(block) }
func (w *worker) Detect(block []float32) bool { w.worked++; return w.speaks }

var silence = make([]float32, audio.BlockSize)

func TestChainSwitches(t *testing.T) {
	for _, c := range []struct {
		name        string
		settings    voice.Settings
		echo, noise bool
	}{
		{"everything", voice.Everything, true, true},
		{"nothing", voice.Settings{}, false, false},
		{"echo", voice.Settings{Echo: true}, true, false},
		{"noise", voice.Settings{Noise: true}, false, true},
		{"music", voice.Settings{HighPass: true, Echo: true, Noise: true, Gain: true, Music: true}, true, false},
	} {
		echo, noise, detector := &worker{health: voice.Health{Left: true}}, &worker{}, &worker{speaks: true}
		chain := voice.New(voice.Stages{Echo: echo, Noise: noise, Voice: detector}, c.settings)
		if chain.Settings() != c.settings {
			t.Errorf("%s: the settings are %+v", c.name, chain.Settings())
		}
		block, played := make([]float32, audio.BlockSize), make([]float32, audio.BlockSize)
		audiotest.Tone(300, 0.1)(0, played)
		for range 3 {
			audiotest.Tone(200, 0.2)(0, block)
			heard := chain.Treat(block, played)
			if heard != (audio.Heard{Voice: !c.echo, Echo: c.echo}) { // what was left spoke
				t.Errorf("%s: heard %+v", c.name, heard)
			}
		}
		if (echo.worked > 0) != c.echo || (noise.worked > 0) != c.noise || detector.worked != 3 {
			t.Errorf("%s: the canceller worked %d times, the suppressor %d, the detector %d", c.name, echo.worked, noise.worked, detector.worked)
		}
		chain.Shifted()
		if echo.shifted != 1 {
			t.Errorf("%s: the canceller was not told of a shift", c.name)
		}
		want := 17 // 3 for the sine, 14 for 0.2
		if r := chain.Report(); r.In != uint8(want) || r.Blocks != 3 || r.Voice == c.echo || r.Left != c.echo {
			t.Errorf("%s: reported %+v", c.name, r)
		}
	}
}

// While echo is left a voice is only believed to be near when the canceller thinks so too, unless
// nothing is played.
func TestChainDoesNotTakeEchoForAVoice(t *testing.T) {
	tone := make([]float32, audio.BlockSize)
	audiotest.Tone(300, 0.1)(0, tone)
	for _, c := range []struct{ detected, left, near, played, voice bool }{
		{true, false, false, true, true},
		{true, true, false, true, false},
		{true, true, false, false, true},
		{true, true, true, true, true},
		{false, true, true, true, false},
	} {
		echo := &worker{health: voice.Health{Left: c.left, Near: c.near}}
		chain := voice.New(voice.Stages{Echo: echo, Voice: &worker{speaks: c.detected}}, voice.Everything)
		far := silence
		if c.played {
			far = tone
		}
		if heard := chain.Treat(make([]float32, audio.BlockSize), far); heard.Voice != c.voice {
			t.Errorf("%+v: heard %+v", c, heard)
		}
	}
}

// The gain rises for a quiet voice, but not while something is played.
func TestChainDoesNotRaiseTheGainWhilePlaying(t *testing.T) {
	chain := voice.New(voice.Stages{Voice: &worker{speaks: true}}, voice.Everything)
	played, block := make([]float32, audio.BlockSize), make([]float32, audio.BlockSize)
	audiotest.Tone(300, 0.1)(0, played)
	gainAfter := func(far []float32, blocks int) int {
		for i := range blocks {
			audiotest.Tone(500, 0.01)(i*audio.BlockSize, block)
			chain.Treat(block, far)
		}
		return chain.Report().Gain
	}
	if got := gainAfter(played, 300); got != 0 {
		t.Errorf("%d dB while something is played", got)
	}
	if got := gainAfter(silence, 40); got != 0 {
		t.Errorf("%d dB when it may still be heard", got)
	}
	if got := gainAfter(silence, 300); got < 5 {
		t.Errorf("%d dB after 3 s of silence", got)
	}
	before := chain.Report().Gain
	if got := gainAfter(played, 300); got != before {
		t.Errorf("%d dB became %d dB when something was played", before, got)
	}
}

// A chain of which nothing is known yet reports silence and does what it can.
func TestChainWithoutStages(t *testing.T) {
	chain := voice.New(voice.Stages{}, voice.Everything)
	if r := chain.Report(); r.In != audio.Silence || r.Out != audio.Silence || r.Blocks != 0 {
		t.Errorf("reported %+v before anything was heard", r)
	}
	chain.Shifted()
	block := make([]float32, audio.BlockSize)
	if heard := chain.Treat(block, silence); heard != (audio.Heard{}) {
		t.Errorf("heard %+v", heard)
	}
}

// Every stage is switched on and off in the middle of a tone, whose samples never step further than
// the tone itself does.
func TestChainSwitchesWithoutAClick(t *testing.T) {
	const hz, amplitude = 200, 0.5
	own := 2 * math.Pi * hz / audio.Rate * amplitude
	for _, late := range []int{0, 400} {
		chain := voice.New(voice.Stages{Echo: &worker{}, Noise: &worker{late: late}}, voice.Settings{})
		block := make([]float32, audio.BlockSize)
		var before float32
		for i := range 400 {
			if i%10 == 5 { // each of the 16 settings, from each the next
				n := i / 10
				chain.Set(voice.Settings{HighPass: n&1 > 0, Echo: n&2 > 0, Noise: n&4 > 0, Gain: n&8 > 0})
			}
			audiotest.Tone(hz, amplitude)(i*audio.BlockSize, block)
			chain.Treat(block, silence)
			if i == 0 {
				continue // the tone begins with a step
			}
			for k, v := range block {
				if k == 0 && i == 1 {
					before = v
				}
				if step := math.Abs(float64(v - before)); step > 1.1*own {
					t.Fatalf("a step of %.4f in block %d, sample %d; the tone has %.4f", step, i, k, own)
				}
				before = v
			}
		}
	}
}

// What a stage still held when it was switched off is not heard when it comes back.
func TestChainSaysNothingOld(t *testing.T) {
	chain := voice.New(voice.Stages{Noise: &worker{late: 400}}, voice.Settings{Noise: true})
	block := make([]float32, audio.BlockSize)
	for i := range 20 {
		audiotest.Tone(1000, 0.5)(i*audio.BlockSize, block)
		chain.Treat(block, silence)
	}
	chain.Set(voice.Settings{})
	for i := range 20 {
		clear(block)
		if i == 10 {
			chain.Set(voice.Settings{Noise: true})
		}
		chain.Treat(block, silence)
		if i > 2 && audio.Level(block) != audio.Silence {
			t.Fatalf("old sound at -%d dB, %d blocks into silence", audio.Level(block), i)
		}
	}
}

func TestChainSurvivesAnything(t *testing.T) {
	bad := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -1e30, 1}
	chain := voice.New(voice.Stages{}, voice.Everything)
	block := make([]float32, audio.BlockSize)
	for i := range block {
		block[i] = bad[i%len(bad)]
	}
	chain.Treat(block, block)
	for range 300 {
		for _, v := range block {
			if !(math.Abs(float64(v)) <= 1) {
				t.Fatalf("%v leaves the chain", v)
			}
		}
		clear(block)
		chain.Treat(block, silence)
	}
	if level := audio.Level(block); level != audio.Silence {
		t.Errorf("three seconds later there is still sound, at -%d dB", level)
	}
}

func TestChainAllocatesNothing(t *testing.T) {
	chain := voice.New(voice.Stages{Voice: &worker{}}, voice.Everything)
	block := make([]float32, audio.BlockSize)
	if n := testing.AllocsPerRun(100, func() { chain.Treat(block, silence) }); n != 0 {
		t.Errorf("%v allocations a block", n)
	}
}
