// Hearing oneself: the microphone is recorded for a few seconds, treated as for
// others, and played back to nobody else; and what was wrong with it is said.

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"stoa/audio"
)

const (
	selfTime = 4 * time.Second        // what is recorded
	selfLate = 9 * time.Second        // that a device may take to open
	selfRest = 300 * time.Millisecond // after the end, until the loudspeaker has played it
)

// HearYourself records with cfg.In and plays with cfg.Out. tell is given lines for
// the person, to whom they say when to speak; nothing leaves the machine. It opens
// the devices itself, beside a node that may have them open, which must not send
// meanwhile what the microphone hears. Errors are for the person.
func HearYourself(ctx context.Context, cfg Config, tell func(line string)) (Reply, error) {
	found, err := hearYourself(ctx, cfg, tell)
	if err != nil {
		return Reply{}, asUserError(err)
	}
	return Reply{Lines: found.lines(), Data: found.data()}, nil
}

func hearYourself(ctx context.Context, cfg Config, tell func(line string)) (found selfFound, err error) {
	reply, err := askControl(ctx, cfg.Home, Request{Verb: VerbSound})
	if err != nil && !errors.Is(err, errNotRunning) { // perhaps this person is live
		return found, err
	}
	if d, is := reply.Data.(map[string]any); is && d["live"] == true {
		return found, errLiveTest
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h, err := loadHabits(cfg.Home)
	if err != nil {
		cfg.Log.Warn("reading how the sound is wanted", "err", err)
	}
	return testSound(ctx, &cfg, h, selfTest{
		step: func(_, line string) { tell(line) },
		news: tell,
	})
}

var errLiveTest = &UserError{Code: "test_while_live", Text: "you are live in a room, where others would hear the test", Hint: "`stoa mute` first"}

// The steps of a test, as a SoundView has them.
const (
	stepOpening = "opening" // the devices are opened
	stepSpeak   = "speak"   // this person is recorded
	stepListen  = "listen"  // what was recorded is played
	stepDone    = "done"
)

// selfTest is told how a test goes on. Its functions must not block.
type selfTest struct {
	step  func(step, line string) // one begins; line is for the person
	news  func(line string)       // of a device
	level func(level uint8)       // how loud a block was that was recorded, as RFC 6464 counts it; may be nil
}

// testSound does what HearYourself does, with these habits.
func testSound(ctx context.Context, cfg *Config, h habits, t selfTest) (found selfFound, err error) {
	s, err := openSound(cfg, h, func(e Event) {
		if e.Text != "" {
			t.news(e.Text)
		}
	})
	if err != nil {
		return found, err
	}
	defer s.close()
	if s.in == nil {
		return found, &UserError{Code: "no_test_mic", Text: "there is no microphone to test", Hint: "give --in mic, or a file"}
	}
	t.step(stepSpeak, fmt.Sprintf("speak: for %.0f s you are recorded, and nobody else hears it", selfTime.Seconds()))
	recorded, found, err := s.record(ctx, t.level)
	if err != nil || s.out == nil || !s.audible {
		return found, err
	}
	t.step(stepListen, "listen: this is how others would hear you")
	return found, s.playBack(ctx, recorded)
}

// record returns what others would have heard, and what was found in it. level may be
// nil, see selfTest.
func (s *sound) record(ctx context.Context, level func(uint8)) (recorded []float32, found selfFound, err error) {
	within, cancel := context.WithTimeout(ctx, selfTime+selfLate)
	defer cancel()
	run, stop := context.WithCancel(within)
	heard, ended := audio.NewRing(audio.RingSize), make(chan error, 1)
	go func() { ended <- s.in.Run(run, heard) }()
	var near, far [audio.BlockSize]float32
	for enough := int(selfTime * audio.Rate / time.Second); len(recorded) < enough && err == nil; {
		for heard.Len() >= len(near) {
			heard.Read(near[:])
			raw := near
			var h audio.Heard
			if s.treatment != nil {
				h = s.treatment.Treat(near[:], far[:])
			} else {
				h.Voice = audio.Level(raw[:]) < selfVoice
			}
			found.add(raw[:], h.Voice)
			recorded = append(recorded, near[:]...)
			if level != nil {
				level(audio.Level(near[:]))
			}
		}
		select {
		case <-heard.Readable():
		case err = <-ended:
			ended <- err
		case <-within.Done():
			err = within.Err()
		}
	}
	stop()
	runErr := <-ended
	switch {
	case ctx.Err() != nil:
		return nil, found, ctx.Err()
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return nil, found, &UserError{Code: "device_failed", Text: "the microphone failed: " + runErr.Error(), Hint: "`stoa devices` shows which there are", Err: err}
	}
	return recorded, found, nil // what a microphone that gives nothing has given is found out
}

// playBack plays p.
func (s *sound) playBack(ctx context.Context, p []float32) error {
	run, stop := context.WithCancel(ctx)
	played, ended := audio.NewRing(audio.RingSize), make(chan error, 1)
	go func() { ended <- s.out.Run(run, played) }()
	over := time.After(time.Duration(len(p))*time.Second/audio.Rate + selfLate)
	var rest <-chan time.Time
	for {
		p = p[played.Write(p[:min(len(p), played.Cap()-played.Len())]):]
		if len(p) == 0 && played.Len() == 0 && rest == nil {
			rest = time.After(selfRest)
		}
		select {
		case <-played.Writable():
			continue
		case err := <-ended:
			stop()
			if ctx.Err() != nil || err == nil {
				return ctx.Err()
			}
			return &UserError{Code: "device_failed", Text: "the loudspeaker failed: " + err.Error(), Hint: "`stoa devices` shows which there are", Err: err}
		case <-rest:
		case <-over:
		case <-ctx.Done():
		}
		stop()
		<-ended
		return ctx.Err()
	}
}

// selfVoice is how loud what is not treated must be to count as a voice, in dB
// below full scale.
const selfVoice = 45

// selfFound is what was found in a recording.
type selfFound struct {
	blocks, voiced int
	voice, noise   float64 // sums of the squares, in the blocks with a voice and in the others
	peak           float64
	full           int // samples at full scale
}

// add looks at a block as the microphone gave it.
func (f *selfFound) add(block []float32, voice bool) {
	sum := 0.0
	for _, v := range block {
		x := math.Abs(float64(v))
		if !(x < 8) { // no number, or none of a microphone
			continue
		}
		sum += x * x
		f.peak = max(f.peak, x)
		if x >= 0.999 {
			f.full++
		}
	}
	f.blocks++
	if voice {
		f.voiced++
		f.voice += sum
	} else {
		f.noise += sum
	}
}

// levels returns how loud the voice and the rest were, in dB below full scale.
func (f *selfFound) levels() (voice, noise float64) {
	dB := func(sum float64, blocks int) float64 {
		return max(10*math.Log10(sum/float64(max(blocks, 1)*audio.BlockSize)), -127)
	}
	return dB(f.voice, f.voiced), dB(f.noise, f.blocks-f.voiced)
}

// verdict names what is wrong, and says what to do.
func (f *selfFound) verdict() (name, text, hint string) {
	const (
		spoken  = 30    // blocks with a voice
		clipped = 0.001 // of the samples
		faint   = -50   // dB
		above   = 10    // dB of voice over noise
	)
	voice, noise := f.levels()
	switch {
	case f.blocks == 0 || f.peak < 1e-4:
		return "dead", "the microphone gives nothing at all", "look whether it is muted in the system, or choose another with `stoa devices`"
	case f.voiced < spoken:
		return "silent", fmt.Sprintf("no voice was heard, only %.0f dB of noise", noise), "speak during the test, nearer to the microphone, or choose another with `stoa devices`"
	case float64(f.full) > clipped*float64(f.blocks*audio.BlockSize):
		return "clipped", fmt.Sprintf("you are too loud for the microphone: %.1f %% of it is clipped", 100*float64(f.full)/float64(f.blocks*audio.BlockSize)), "turn the microphone down in the system, or speak from further away"
	case voice < faint:
		return "faint", fmt.Sprintf("you are very faint, at %.0f dB", voice), "turn the microphone up in the system, or speak nearer to it"
	case f.voiced < f.blocks && voice-noise < above:
		return "noisy", fmt.Sprintf("there is much noise: you are at %.0f dB, the rest at %.0f dB", voice, noise), "speak nearer to the microphone; `stoa sound noise on` takes noise out"
	}
	return "fine", fmt.Sprintf("you are heard well, at %.0f dB", voice), ""
}

func (f *selfFound) lines() []string {
	_, text, hint := f.verdict()
	if hint == "" {
		return []string{text}
	}
	return []string{text, hint}
}

// selfData is what `sound test --json` prints.
type selfData struct {
	Verdict string  `json:"verdict"` // dead, silent, clipped, faint, noisy or fine
	Text    string  `json:"text"`
	Hint    string  `json:"hint,omitempty"`
	Seconds float64 `json:"seconds"` // with a voice in them
	Voice   float64 `json:"voice_db"`
	Noise   float64 `json:"noise_db"`
	Peak    float64 `json:"peak"`
	Clipped float64 `json:"clipped"` // share of the samples
}

func (f *selfFound) data() selfData {
	d := selfData{Seconds: float64(f.voiced) / 100, Peak: f.peak}
	d.Verdict, d.Text, d.Hint = f.verdict()
	d.Voice, d.Noise = f.levels()
	if f.blocks > 0 {
		d.Clipped = float64(f.full) / float64(f.blocks*audio.BlockSize)
	}
	return d
}
