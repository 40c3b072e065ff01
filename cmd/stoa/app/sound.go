// The sound of a node: one microphone for all rooms, one loudspeaker for all
// speakers, and what stands in for either. What stands for real is opened in
// sound_cgo.go; a program built without cgo has none of it.

package app

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"stoa/audio"
)

// Words of Config.In and Config.Out that name no file.
const (
	inMic      = "mic"
	inSilence  = "silence"
	outSpeaker = "speaker"
	outNull    = "null"
	outNone    = "none"
)

// isMic says that a word of Config.In is a microphone of this machine, and isSpeaker
// that one of Config.Out is a loudspeaker.
func isMic(in string) bool { return in == "" || in == inMic || strings.HasPrefix(in, inMic+":") }

func isSpeaker(out string) bool {
	return out == "" || out == outSpeaker || strings.HasPrefix(out, outSpeaker+":")
}

// sound owns the devices. openSound makes it, run keeps it going.
type sound struct {
	in        audio.Input    // nil: nothing is said
	fromFile  bool           // somebody chose what is said by naming a file
	capture   *audio.Capture // nil with in
	treatment *treatment     // nil where what is said goes out as it is

	out    audio.Output                  // nil: nothing is played
	idle   audio.Output                  // stands in for out when it fails
	player *audio.Player                 // nil with out
	played *audio.Ring                   // from the one to the other; nil with out
	source func() (*audio.Source, error) // adds a speaker to the player; nil with out

	audible  bool        // out is something that a person hears, or will
	levelled bool        // out is a loudspeaker
	failed   atomic.Bool // out has failed, and idle stands in
	deaf     atomic.Bool // in has failed, and nothing is heard

	inWord, outWord string   // as Config has them
	devices         *devices // of which in and out may be

	close func() error // after run, or instead of it
}

// plays says whether anybody can hear here what comes: not when it was chosen that
// nothing is played, nor when the loudspeaker has failed or is lost. A recording
// counts as heard.
func (s *sound) plays() bool {
	lost, can := s.out.(interface{ Lost() bool })
	return s.audible && !s.failed.Load() && (!can || !lost.Lost())
}

// lacked is how much the loudspeaker wanted that was not there in time.
func (s *sound) lacked() time.Duration {
	if s.played == nil {
		return 0
	}
	return time.Duration(s.played.Underruns()) * time.Second / audio.Rate
}

// ends says how the microphone and the loudspeaker are.
func (s *sound) ends() (mic, speaker endSight) {
	mic, speaker = s.devices.ends()
	mic.word, mic.card = s.inWord, isMic(s.inWord)
	speaker.word, speaker.card = s.outWord, isSpeaker(s.outWord)
	mic.failed, speaker.failed = s.deaf.Load(), s.failed.Load()
	return mic, speaker
}

// setMuted stops or resumes sending what the microphone hears.
func (s *sound) setMuted(muted bool) {
	if s.capture != nil {
		s.capture.SetMuted(muted)
	}
}

// set switches stages of the treatment, and the levelling of those who are heard.
// A file holds them as they are sent.
func (s *sound) set(to habits) {
	if s.levelled {
		s.player.SetLevelling(to.Level)
	}
	if s.treatment == nil {
		return
	}
	s.treatment.Set(to.Settings)
	s.capture.SetMusic(to.Music)
}

// music says whether what is sent is music.
func (s *sound) music() bool { return s.capture != nil && s.capture.Music() }

// load is how long a frame takes to encode; 0 when that is not known.
func (s *sound) load() time.Duration {
	if s.capture == nil {
		return 0
	}
	return s.capture.Load()
}

// send tells the encoder how its voice is sent.
func (s *sound) send(m *manner) {
	if s.capture != nil {
		s.capture.SetLoss(m.fec)
		s.capture.SetBitrate(m.bitrate)
		s.capture.SetComplexity(m.effort)
	}
}

// What the log says when the first sample of a file is spoken or heard. With the two instants, of
// two processes, the way from mouth to ear can be measured in the recording to the sample.
const (
	micBegins     = "the file as microphone begins"
	speakerBegins = "the file as loudspeaker begins"
)

// run plays from the start, and listens while wanted is open: nobody's
// microphone is on who may not speak. Frames go to emit. A device that fails is
// told of, and silence stands in for it: whoever has no microphone can still
// listen. It returns when both devices are still, with nil when ctx ended and what
// was to be recorded is.
func (s *sound) run(ctx context.Context, wanted *gate, failed func(err error, hint string), emit func(audio.Packet)) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.out != nil {
		g.Go(func() error { return inPeace(ctx, s.player.Run(ctx, s.played)) })
		g.Go(func() error { return s.play(ctx, s.played, failed) })
	}
	if s.in != nil {
		heard := audio.NewRing(audio.RingSize)
		g.Go(func() error { return inPeace(ctx, s.capture.Run(ctx, heard, emit)) })
		g.Go(func() error {
			err := wanted.while(ctx, func(ctx context.Context) error { return s.in.Run(ctx, heard) })
			if ctx.Err() == nil {
				s.deaf.Store(true)
				failed(err, "you can listen, but nobody hears you; name another --in and start again")
			}
			return nil // nothing to be heard is the same as silence
		})
	}
	return g.Wait()
}

// play runs the loudspeaker.
func (s *sound) play(ctx context.Context, played *audio.Ring, failed func(err error, hint string)) error {
	err := s.out.Run(ctx, played)
	if ctx.Err() != nil {
		return inPeace(ctx, err)
	}
	s.failed.Store(true)
	failed(err, "nothing can be heard here; name another --out and start again")
	return inPeace(ctx, s.idle.Run(ctx, played))
}
