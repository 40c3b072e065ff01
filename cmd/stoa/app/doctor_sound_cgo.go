//go:build cgo

// Looking at the microphone and the loudspeaker: each is opened and used for a
// moment.

package app

import (
	"context"
	"math"
	"time"

	"stoa/audio"
	"stoa/audio/device"
)

// deviceTime bounds a device: it may take its time to open.
const deviceTime = 9 * time.Second

// probeMic listens for soundTime.
func probeMic(ctx context.Context, cfg *Config) soundFacts {
	if !isMic(cfg.In) {
		return soundFacts{unasked: true}
	}
	heard := audio.NewRing(audio.RingSize)
	var meter soundMeter
	block := make([]float32, audio.FrameSize)
	told := make(chan device.State, 1)
	mic := device.NewMic(choiceOf(cfg, cfg.In, micEnd), latest(told))
	state, err := useDevice(ctx, mic, heard, told, heard.Readable(), func(working bool) {
		for n := heard.Read(block); n > 0; n = heard.Read(block) {
			if working {
				meter.add(block[:n])
			}
		}
	})
	f := meter.facts()
	f.name, f.instead, f.err = state.Device.Name, state.Instead, err
	return f
}

// probeSpeaker plays silence, or a tone, for soundTime.
func probeSpeaker(ctx context.Context, cfg *Config, tone bool) soundFacts {
	if !isSpeaker(cfg.Out) {
		return soundFacts{unasked: true}
	}
	played := audio.NewRing(audio.RingSize)
	block := make([]float32, audio.FrameSize)
	at, taken, before := 0, 0, 0
	fill := func(working bool) {
		if !working {
			before = at - played.Len()
		}
		for played.Cap()-played.Len() >= len(block) {
			if tone {
				for i := range block {
					block[i] = float32(0.2 * math.Sin(2*math.Pi*440*float64(at+i)/audio.Rate))
				}
			}
			at += played.Write(block)
		}
		taken = at - played.Len() - before
	}
	told := make(chan device.State, 1)
	speaker := device.NewSpeaker(choiceOf(cfg, cfg.Out, speakerEnd), latest(told))
	state, err := useDevice(ctx, speaker, played, told, played.Writable(), fill)
	return soundFacts{samples: taken, name: state.Device.Name, instead: state.Instead, err: err}
}

// latest returns what puts the latest state of a device into a channel with room for one.
func latest(told chan device.State) func(device.State) {
	return func(s device.State) {
		select {
		case <-told:
		default:
		}
		told <- s
	}
}

// runner is a device, either way.
type runner interface {
	Run(ctx context.Context, r *audio.Ring) error
}

// useDevice runs a device until it has worked for soundTime, and calls turn when it has moved samples,
// with whether it works by now: before, silence stands in. The error says why it did not open.
func useDevice(ctx context.Context, d runner, r *audio.Ring, told <-chan device.State, moved <-chan struct{}, turn func(working bool)) (state device.State, err error) {
	ctx, cancel := context.WithTimeout(ctx, deviceTime)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, r) }()
	defer func() {
		cancel()
		<-ended
	}()
	var enough <-chan time.Time
	for {
		select {
		case state = <-told:
			if state.Err != nil {
				return state, state.Err
			}
			if enough == nil {
				turn(false)
				enough = time.After(soundTime)
			}
		case <-moved:
			turn(enough != nil)
		case <-enough:
			return state, nil
		case <-ctx.Done():
			return state, nil // it moved nothing
		}
	}
}

// soundMeter measures what a microphone gives.
type soundMeter struct {
	n, full int
	peak    float64
	energy  float64
}

func (m *soundMeter) add(block []float32) {
	for _, s := range block {
		v := math.Abs(float64(s))
		m.n++
		m.energy += v * v
		m.peak = max(m.peak, v)
		if v >= 0.999 {
			m.full++
		}
	}
}

func (m *soundMeter) facts() soundFacts {
	if m.n == 0 {
		return soundFacts{level: math.Inf(-1)}
	}
	return soundFacts{samples: m.n, peak: m.peak, level: 10 * math.Log10(m.energy/float64(m.n)), clipped: float64(m.full) / float64(m.n)}
}
