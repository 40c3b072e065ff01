// This file lists and opens devices with miniaudio.

package device

import (
	"encoding/hex"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/gen2brain/malgo"

	"stoa/audio"
)

const (
	capture  = malgo.Capture
	playback = malgo.Playback
)

// What PulseAudio, and PipeWire in its place, call what is no card: the source that records what a
// sink plays, and the sink that stands in where there is none.
const (
	monitorSuffix = ".monitor"
	dummy         = "auto_null"
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

// A server is a connection to a sound system. Each use makes its own: it costs half a millisecond, and
// one that was kept would not notice that a sound system was started, or started again.
type server struct {
	ctx  *malgo.AllocatedContext
	alsa bool
}

// connect connects to the first sound system that answers.
func connect(backends []malgo.Backend) (*server, error) {
	for _, b := range backends { // one by one, since miniaudio does not say which it took
		ctx, err := malgo.InitContext([]malgo.Backend{b}, malgo.ContextConfig{}, nil)
		if err == nil {
			return &server{ctx: ctx, alsa: b == malgo.BackendAlsa}, nil
		}
	}
	return nil, errNoBackend
}

func (s *server) close() {
	// Nothing can be done about an error, and nobody waits to hear of it.
	_ = s.ctx.Uninit()
	s.ctx.Free()
}

// list returns the devices of one direction. With details it asks for the rates of each, which costs a
// question to the sound system each.
func (s *server) list(kind malgo.DeviceType, details bool) ([]Info, error) {
	found, err := s.ctx.Devices(kind)
	if err != nil {
		return nil, err
	}
	devices := make([]Info, 0, len(found))
	for _, f := range found {
		d := Info{Name: strings.ToValidUTF8(f.Name(), "?"), ID: idText(f.ID), Default: f.IsDefault != 0}
		d.plugin = s.alsa && !strings.HasPrefix(d.ID, ":") // a card is :0,0
		d.Virtual = d.plugin || strings.HasSuffix(d.ID, monitorSuffix) || d.ID == dummy
		if details {
			f, err := s.ctx.DeviceInfo(kind, f.ID, malgo.Shared)
			if err == nil && len(f.Formats) > 0 {
				d.Rate, d.Channels = int(f.Formats[0].SampleRate), int(f.Formats[0].Channels)
			}
		}
		devices = append(devices, d)
	}
	return devices, nil
}

// listAll returns the devices of both directions.
func listAll() (mics, speakers []Info, err error) {
	for _, of := range []struct {
		kind malgo.DeviceType
		into *[]Info
	}{{capture, &mics}, {playback, &speakers}} {
		s, err := connect(usable(of.kind))
		if err != nil {
			return nil, nil, err
		}
		*of.into, err = s.list(of.kind, true)
		s.close()
		if err != nil {
			return nil, nil, err
		}
	}
	return mics, speakers, nil
}

// idText is miniaudio's ID as text: PulseAudio, ALSA and CoreAudio have text in it, ended by a zero,
// the others have bytes.
func idText(id malgo.DeviceID) string {
	text, _, _ := strings.Cut(string(id[:]), "\x00")
	rest := strings.Trim(string(id[len(text):]), "\x00")
	if text != "" && rest == "" && utf8.ValidString(text) && !strings.HasPrefix(text, hexPrefix) {
		return text
	}
	return hexPrefix + id.String()
}

const hexPrefix = "0x"

// idOf undoes idText.
func idOf(text string) (id malgo.DeviceID) {
	if digits, ok := strings.CutPrefix(text, hexPrefix); ok {
		b, _ := hex.DecodeString(digits)
		copy(id[:], b)
		return id
	}
	copy(id[:len(id)-1], text)
	return id
}

// A mini is miniaudio in one direction.
type mini struct {
	kind     malgo.DeviceType
	backends func(malgo.DeviceType) []malgo.Backend
}

func (m mini) list() ([]Info, error) {
	s, err := connect(m.backends(m.kind))
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.list(m.kind, false)
}

func (m mini) open(p pick, period func([]float32)) (func(), error) {
	s, err := connect(m.backends(m.kind))
	if err != nil {
		return nil, err
	}
	dev, err := m.start(s, p, period)
	if err != nil {
		s.close()
		return nil, err
	}
	return func() {
		dev.Uninit()
		s.close()
	}, nil
}

func (m mini) start(s *server, p pick, period func([]float32)) (*malgo.Device, error) {
	c := config(m.kind)
	if !p.follow {
		id := idOf(p.device.ID)
		var pin runtime.Pinner // miniaudio has copied it when InitDevice returns
		pin.Pin(&id)
		defer pin.Unpin()
		c.Capture.DeviceID, c.Playback.DeviceID = unsafe.Pointer(&id), unsafe.Pointer(&id)
	}
	dev, err := malgo.InitDevice(s.ctx.Context, c, callbacks(m.kind, period))
	if err != nil {
		return nil, err
	}
	if err := dev.Start(); err != nil {
		dev.Uninit()
		return nil, err
	}
	return dev, nil
}

// config asks for 48 kHz mono in periods of 10 ms. Three of them are the loudspeaker's buffer, which
// is what a thread that is woken a little late needs. The microphone's is larger: what waits in it
// comes with the next period, so it costs no delay, and a thread that is late loses nothing.
func config(kind malgo.DeviceType) malgo.DeviceConfig {
	c := malgo.DefaultDeviceConfig(kind)
	c.SampleRate = audio.Rate
	c.PeriodSizeInFrames = audio.BlockSize
	c.Periods = 3
	if kind == malgo.Capture {
		c.Periods = 8
	}
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
