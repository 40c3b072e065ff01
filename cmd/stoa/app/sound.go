// The sound of a node: one microphone for all rooms, one loudspeaker for all
// speakers, and what stands in for either.

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stoa/audio"
	"stoa/audio/device"
	"stoa/audio/file"
	"stoa/audio/opus"
)

// sound owns the devices. openSound makes it, run keeps it going.
type sound struct {
	in       audio.Input
	fromFile bool // somebody chose what is said by naming a file
	out      audio.Output
	capture  *audio.Capture
	player   *audio.Player
	close    func() error // after run, or instead of it
}

// openSound opens the microphone and the loudspeaker that the configuration
// names. Nothing is heard or played before run.
func openSound(cfg *Config) (*sound, error) {
	enc, err := opus.NewEncoder()
	if err != nil {
		return nil, fmt.Errorf("opus encoder: %w", err)
	}
	in, err := openInput(cfg)
	if err != nil {
		return nil, err
	}
	out, err := openOutput(cfg)
	if err != nil {
		return nil, errors.Join(err, closeDevice(in))
	}
	s := &sound{in: in, out: out, capture: audio.NewCapture(enc), player: audio.NewPlayer()}
	s.close = sync.OnceValue(func() error { return errors.Join(closeDevice(in), closeDevice(out)) })
	_, s.fromFile = in.(*file.Mic)
	s.capture.SetMuted(true)
	return s, nil
}

func openInput(cfg *Config) (audio.Input, error) {
	switch cfg.In {
	case "mic", "":
		return device.NewMic(), nil
	case "silence":
		return file.Silence{}, nil
	}
	mic, err := file.OpenMic(cfg.In, cfg.Loop)
	if err != nil {
		return nil, &UserError{Text: err.Error(), Hint: "--in takes mic, silence, or a WAV or Ogg/Opus file", Err: err}
	}
	mic.Began = begins(cfg.Log, micBegins)
	return mic, nil
}

func openOutput(cfg *Config) (audio.Output, error) {
	switch cfg.Out {
	case "speaker", "":
		return device.NewSpeaker(), nil
	case "null":
		return file.Null{}, nil
	}
	speaker, err := file.CreateSpeaker(cfg.Out)
	if err != nil {
		return nil, &UserError{Text: err.Error(), Hint: "--out takes speaker, null, or the name of a .wav or .ogg file to write", Err: err}
	}
	speaker.Began = begins(cfg.Log, speakerBegins)
	return speaker, nil
}

// What the log says when the first sample of a file is spoken or heard. With the two instants, of
// two processes, the way from mouth to ear can be measured in the recording to the sample.
const (
	micBegins     = "the file as microphone begins"
	speakerBegins = "the file as loudspeaker begins"
)

func begins(log *slog.Logger, what string) func(time.Time) {
	return func(at time.Time) { log.Debug(what, "unix_us", at.UnixMicro()) }
}

// newSource adds a speaker to the player.
func (s *sound) newSource() (*audio.Source, error) {
	dec, err := opus.NewDecoder()
	if err != nil {
		return nil, fmt.Errorf("opus decoder: %w", err)
	}
	return s.player.NewSource(dec), nil
}

// run plays from the start, and listens while wanted is open: nobody's
// microphone is on who may not speak. Frames go to emit. A device that fails is told of, and silence stands in for it: whoever
// has no microphone can still listen. It returns when both devices are still,
// with nil when ctx ended and what was to be recorded is.
func (s *sound) run(ctx context.Context, wanted *gate, failed func(err error, hint string), emit func(audio.Packet)) error {
	g, ctx := errgroup.WithContext(ctx)
	played := audio.NewRing(audio.RingSize)
	g.Go(func() error { return inPeace(ctx, s.player.Run(ctx, played)) })
	g.Go(func() error {
		err := s.out.Run(ctx, played)
		if ctx.Err() != nil {
			return inPeace(ctx, err)
		}
		failed(err, "nothing can be heard here; name another --out and start again")
		return inPeace(ctx, file.Null{}.Run(ctx, played))
	})
	g.Go(func() error {
		heard := audio.NewRing(audio.RingSize)
		g.Go(func() error { return inPeace(ctx, s.capture.Run(ctx, heard, emit)) })
		err := wanted.while(ctx, func(ctx context.Context) error { return s.in.Run(ctx, heard) })
		if ctx.Err() != nil {
			return nil
		}
		failed(err, "you can listen, but nobody hears you; name another --in and start again")
		return nil // nothing to be heard is the same as silence
	})
	return g.Wait()
}

// closeDevice closes what has something to close, such as a file.
func closeDevice(d any) error {
	if c, ok := d.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
