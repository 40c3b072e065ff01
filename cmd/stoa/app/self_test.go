// Tests of hearing oneself.

package app

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// spoken finds out about four seconds of a tone at a level in dB, in half of which
// somebody speaks, over a tone that is always there.
func spoken(voice, noise float64, clipped bool) *selfFound {
	var f selfFound
	amplitude := func(dB float64) float64 { return math.Pow(10, dB/20) * math.Sqrt2 }
	block, under := make([]float32, audio.BlockSize), make([]float32, audio.BlockSize)
	for i := range 400 {
		speaks := i%100 >= 50 && voice > -120
		audiotest.Tone(100, amplitude(noise))(0, block)
		if speaks {
			audiotest.Tone(300, amplitude(voice))(0, under)
			for k, v := range under {
				block[k] += v
			}
		}
		if clipped {
			for k, v := range block {
				block[k] = min(max(v, -1), 1)
			}
		}
		f.add(block, speaks)
	}
	return &f
}

func TestSelfVerdict(t *testing.T) {
	for _, c := range []struct {
		found *selfFound
		want  string
	}{
		{&selfFound{}, "dead"},
		{spoken(-200, -200, false), "dead"},
		{spoken(-200, -60, false), "silent"},
		{spoken(3, -60, true), "clipped"},
		{spoken(-55, -75, false), "faint"},
		{spoken(-30, -35, false), "noisy"},
		{spoken(-30, -55, false), "fine"},
		{spoken(-30, -200, false), "fine"},
	} {
		d := c.found.data()
		if d.Verdict != c.want || d.Text == "" || (d.Hint == "") != (c.want == "fine") || math.IsNaN(d.Voice) || math.IsNaN(d.Noise) {
			t.Errorf("want %s, got %+v", c.want, d)
		}
	}
	d := spoken(-30, -55, false).data()
	if math.Abs(d.Voice+30) > 0.1 || math.Abs(d.Noise+55) > 0.1 || d.Seconds != 2 || d.Clipped != 0 {
		t.Errorf("found %+v", d)
	}
}

func TestSelfFoundSurvivesAnything(t *testing.T) {
	var f selfFound
	f.add([]float32{float32(math.NaN()), float32(math.Inf(1)), 1e30, 0.5}, true)
	if d := f.data(); d.Peak != 0.5 || math.IsNaN(d.Voice) {
		t.Errorf("found %+v", d)
	}
}

// A deadMic fails at once.
type deadMic struct{ err error }

func (m deadMic) Run(context.Context, *audio.Ring) error { return m.err }

// What is said is played back, and nothing else.
func TestSelfRecordAndPlayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		speaker := &audiotest.Speaker{}
		s := &sound{in: &audiotest.Mic{Signal: audiotest.Tone(300, 0.1)}, out: speaker}
		begin := time.Now()
		recorded, found, err := s.record(t.Context(), nil)
		if err != nil || len(recorded) < 4*audio.Rate || time.Since(begin) > 4200*time.Millisecond {
			t.Fatalf("recorded %d samples in %v: %v", len(recorded), time.Since(begin), err)
		}
		if d := found.data(); d.Verdict != "fine" || math.Abs(d.Voice+23) > 0.1 {
			t.Errorf("found %+v", d)
		}
		begin = time.Now()
		if err := s.playBack(t.Context(), recorded); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < selfTime || took > selfTime+time.Second {
			t.Errorf("played for %v", took)
		}
		heard := speaker.Heard()
		for i, v := range recorded {
			if heard[i] != v {
				t.Fatalf("sample %d is %v, not %v", i, heard[i], v)
			}
		}
	})
}

func TestSelfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, err := (&sound{in: deadMic{errors.New("gone")}}).record(t.Context(), nil)
		wantWords(t, err, "the microphone failed: gone")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err = (&sound{in: &audiotest.Mic{Signal: audiotest.Tone(300, 0.1)}}).record(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped with %v", err)
		}
		err = (&sound{out: deadMic{errors.New("gone")}}).playBack(t.Context(), make([]float32, audio.Rate))
		wantWords(t, err, "the loudspeaker failed: gone")
	})
}

// A page is told how a test goes on, may stop it, and sees its end; and there is one at a
// time.
func TestTrial(t *testing.T) {
	r := runRig(t, "ann")
	loud, heard := spoken(-30, -55, false), make(chan struct{})
	r.trial.hear = func(ctx context.Context, cfg *Config, _ habits, to selfTest) (selfFound, error) {
		to.step(stepSpeak, "speak")
		for range 100 {
			to.level(20)
		}
		select {
		case <-heard:
			return *loud, nil
		case <-ctx.Done():
			return selfFound{}, ctx.Err()
		}
	}
	start := func() { r.must(Request{Verb: VerbTest}) }
	start()
	start()
	r.until("it is time to speak", func(v *View) bool { return v.Sound.Test != nil && v.Sound.Test.Step == stepSpeak })
	r.must(Request{Verb: VerbTest, Args: []string{"stop"}})
	r.until("it is stopped", func(v *View) bool { return v.Sound.Test == nil })
	start()
	close(heard)
	v := r.until("it is over", func(v *View) bool { return v.Sound.Test != nil && v.Sound.Test.Step == stepDone })
	if d := v.Sound.Test; d.Failed != nil || !strings.Contains(asJSON(t, d), `"verdict":"fine"`) {
		t.Errorf("a page reads %s", asJSON(t, d))
	}
	if level, sounds := r.shows.own.level(r.shows.own.last); !sounds || level != 20 {
		t.Errorf("while one was recorded the level was %d, %v", level, sounds)
	}
	r.must(Request{Verb: VerbTest, Args: []string{"stop"}})
	r.until("it is seen", func(v *View) bool { return v.Sound.Test == nil })
	if code := r.code(Request{Verb: VerbTest, Args: []string{"now"}}); code != "usage" {
		t.Errorf("another word: %s", code)
	}
	r.miking.Lock()
	r.live = true
	r.miking.Unlock()
	if code := r.code(Request{Verb: VerbTest}); code != "test_while_live" {
		t.Errorf("while others hear: %s", code)
	}
}
