// This file opens devices with miniaudio.

package device

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"unsafe"

	"github.com/gen2brain/malgo"

	"stoa/audio"
)

const (
	capture  = malgo.Capture
	playback = malgo.Playback
)

// backends are the sound systems to try, in miniaudio's own order. Two are left out. Its null backend
// always opens, and a silent device would hide that there is none. And JACK: on a machine with its
// library and no server, libjack crashes the program when it is unloaded after the attempt.
var backends = []malgo.Backend{
	malgo.BackendWasapi, malgo.BackendDsound, malgo.BackendWinmm,
	malgo.BackendCoreaudio,
	malgo.BackendSndio, malgo.BackendAudio4, malgo.BackendOss,
	malgo.BackendPulseaudio, malgo.BackendAlsa,
}

var errNoBackend = errors.New("no sound system is running")

// openDefault opens the default device of the system, for one direction.
func openDefault(kind malgo.DeviceType) opener {
	return func(period func([]float32)) (func(), error) {
		return openWith(usable(kind), kind)(period)
	}
}

// usable leaves ALSA out on a machine without a sound card for the direction. There it could only
// fail, and its library would say so in fifty lines on standard error.
func usable(kind malgo.DeviceType) []malgo.Backend {
	suffix := "p"
	if kind == malgo.Capture {
		suffix = "c"
	}
	cards, err := filepath.Glob("/dev/snd/pcmC*D*" + suffix)
	if runtime.GOOS != "linux" || len(cards) > 0 || err != nil {
		return backends
	}
	return slices.DeleteFunc(slices.Clone(backends), func(b malgo.Backend) bool { return b == malgo.BackendAlsa })
}

func openWith(backends []malgo.Backend, kind malgo.DeviceType) opener {
	return func(period func([]float32)) (func(), error) {
		ctx, err := malgo.InitContext(backends, malgo.ContextConfig{}, nil)
		if errors.Is(err, malgo.ErrNoBackend) {
			return nil, errNoBackend
		}
		if err != nil {
			return nil, err
		}
		free := func() {
			// Nothing can be done about an error, and nobody waits to hear of it.
			_ = ctx.Uninit()
			ctx.Free()
		}
		dev, err := malgo.InitDevice(ctx.Context, config(kind), callbacks(kind, period))
		if err != nil {
			free()
			return nil, err
		}
		stop := func() {
			dev.Uninit()
			free()
		}
		if err := dev.Start(); err != nil {
			stop()
			return nil, err
		}
		return stop, nil
	}
}

// config asks for 48 kHz mono in periods of 10 ms. Three of them are the sound card's buffer, which
// is what a thread that is woken a little late needs.
func config(kind malgo.DeviceType) malgo.DeviceConfig {
	c := malgo.DefaultDeviceConfig(kind)
	c.SampleRate = audio.Rate
	c.PeriodSizeInFrames = audio.BlockSize
	c.Periods = 3
	for _, side := range []*malgo.SubConfig{&c.Capture, &c.Playback} {
		side.Format = malgo.FormatF32
		side.Channels = 1
	}
	c.Pulse.StreamNameCapture = "stoa"
	c.Pulse.StreamNamePlayback = "stoa"
	return c
}

func callbacks(kind malgo.DeviceType, period func([]float32)) malgo.DeviceCallbacks {
	return malgo.DeviceCallbacks{Data: func(out, in []byte, _ uint32) {
		b := out
		if kind == malgo.Capture {
			b = in
		}
		if len(b) > 0 {
			period(unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4))
		}
	}}
}
