//go:build cgo

// What a node speaks and hears with: the Opus codec, sound cards and files.

package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"stoa/audio"
	"stoa/audio/device"
	"stoa/audio/file"
	"stoa/audio/opus"
)

// openSound opens the microphone and the loudspeaker that the configuration
// names. Nothing is heard or played before run. wanted says how the microphone
// is treated; what is no microphone is not, unless cfg asks for it.
func openSound(cfg *Config, wanted habits, emit func(Event)) (*sound, error) {
	enc, err := opus.NewEncoder()
	if err != nil {
		return nil, fmt.Errorf("opus encoder: %w", err)
	}
	cards := newDevices(cfg.Home, emit)
	in, err := openInput(cfg, cards)
	if err != nil {
		return nil, err
	}
	out, err := openOutput(cfg, cards)
	if err != nil {
		return nil, errors.Join(err, closeDevice(in))
	}
	s := &sound{in: in, devices: cards, inWord: cfg.In, outWord: cfg.Out}
	s.close = sync.OnceValue(func() error { return errors.Join(closeDevice(in), closeDevice(out)) })
	_, s.fromFile = in.(*file.Mic)
	if out != nil {
		s.out, s.idle, s.player = out, file.Null{}, audio.NewPlayer()
		s.played = audio.NewRing(audio.RingSize)
		s.source = s.newSource
		s.audible = cfg.Out != outNull
		s.levelled = isSpeaker(cfg.Out)
	}
	if isMic(cfg.In) || cfg.Treat {
		s.treatment = newTreatment(wanted.Settings, s.player)
		var far *audio.Reference
		if out != nil {
			far = audio.NewReference(s.played)
		}
		s.capture = audio.NewCapture(enc, s.treatment, far)
	} else {
		s.capture = audio.NewCapture(enc, nil, nil)
	}
	s.set(wanted)
	s.capture.SetMuted(true)
	return s, nil
}

func openInput(cfg *Config, cards *devices) (audio.Input, error) {
	switch {
	case isMic(cfg.In):
		cards.mic = device.NewMic(choiceOf(cfg, cfg.In, micEnd), cards.tell(micEnd))
		return cards.mic, nil
	case cfg.In == inSilence:
		return file.Silence{}, nil
	}
	mic, err := file.OpenMic(cfg.In, cfg.Loop)
	if err != nil {
		return nil, &UserError{Code: "bad_sound_file", Text: err.Error(), Hint: "--in takes mic, mic:NAME, silence, or a WAV or Ogg/Opus file", Err: err}
	}
	mic.Began = begins(cfg.Log, micBegins)
	return mic, nil
}

// openOutput returns nil when nothing shall be played.
func openOutput(cfg *Config, cards *devices) (audio.Output, error) {
	switch {
	case isSpeaker(cfg.Out):
		cards.speaker = device.NewSpeaker(choiceOf(cfg, cfg.Out, speakerEnd), cards.tell(speakerEnd))
		return cards.speaker, nil
	case cfg.Out == outNull:
		return file.Null{}, nil
	case cfg.Out == outNone:
		return nil, nil
	}
	speaker, err := file.CreateSpeaker(cfg.Out)
	if err != nil {
		return nil, &UserError{Code: "bad_sound_file", Text: err.Error(), Hint: "--out takes speaker, speaker:NAME, null, none, or the name of a .wav or .ogg file to write", Err: err}
	}
	speaker.Began = begins(cfg.Log, speakerBegins)
	return speaker, nil
}

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

// closeDevice closes what has something to close, such as a file.
func closeDevice(d any) error {
	if c, ok := d.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
