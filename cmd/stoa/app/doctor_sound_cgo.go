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
	if cfg.In != inMic {
		return soundFacts{unasked: true}
	}
	heard := audio.NewRing(audio.RingSize)
	var meter soundMeter
	block := make([]float32, audio.FrameSize)
	err := useDevice(ctx, device.NewMic(), heard, heard.Readable(), func() {
		for n := heard.Read(block); n > 0; n = heard.Read(block) {
			meter.add(block[:n])
		}
	})
	f := meter.facts()
	f.err = err
	return f
}

// probeSpeaker plays silence, or a tone, for soundTime.
func probeSpeaker(ctx context.Context, cfg *Config, tone bool) soundFacts {
	if cfg.Out != outSpeaker {
		return soundFacts{unasked: true}
	}
	played := audio.NewRing(audio.RingSize)
	block := make([]float32, audio.FrameSize)
	at, taken := 0, 0
	fill := func() {
		for played.Cap()-played.Len() >= len(block) {
			if tone {
				for i := range block {
					block[i] = float32(0.2 * math.Sin(2*math.Pi*440*float64(at+i)/audio.Rate))
				}
			}
			at += played.Write(block)
		}
		taken = at - played.Len()
	}
	fill()
	err := useDevice(ctx, device.NewSpeaker(), played, played.Writable(), fill)
	return soundFacts{samples: taken, err: err}
}

// runner is a device, either way.
type runner interface {
	Run(ctx context.Context, r *audio.Ring) error
}

// useDevice runs a device until it has worked for soundTime, and calls turn
// when it has moved samples. The error says why it did not open.
func useDevice(ctx context.Context, d runner, r *audio.Ring, moved <-chan struct{}, turn func()) error {
	ctx, cancel := context.WithTimeout(ctx, deviceTime)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, r) }()
	var enough <-chan time.Time
	for {
		select {
		case <-moved:
			if enough == nil {
				enough = time.After(soundTime)
			}
			turn()
		case <-enough:
			cancel()
			<-ended
			return nil
		case err := <-ended:
			if ctx.Err() != nil {
				return nil // it opened, and moved nothing
			}
			return err
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
