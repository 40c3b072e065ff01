// This file opens devices with miniaudio.

package device

import (
	"unsafe"

	"github.com/gen2brain/malgo"

	"stoa/audio"
)

const (
	capture  = malgo.Capture
	playback = malgo.Playback
)

// backends are the sound systems to try, in miniaudio's own order. Its null backend is left out: it
// always opens, and a silent device would hide that there is none.
var backends = []malgo.Backend{
	malgo.BackendWasapi, malgo.BackendDsound, malgo.BackendWinmm,
	malgo.BackendCoreaudio,
	malgo.BackendSndio, malgo.BackendAudio4, malgo.BackendOss,
	malgo.BackendPulseaudio, malgo.BackendAlsa, malgo.BackendJack,
}

// openDefault opens the default device of the system, for one direction.
func openDefault(kind malgo.DeviceType) opener { return openWith(backends, kind) }

func openWith(backends []malgo.Backend, kind malgo.DeviceType) opener {
	return func(period func([]float32)) (func(), error) {
		ctx, err := malgo.InitContext(backends, malgo.ContextConfig{}, nil)
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
