//go:build !cgo

// A program without sound has no devices to look at.

package app

import "context"

func probeMic(_ context.Context, cfg *Config) soundFacts {
	return soundFacts{unasked: cfg.In != inMic, absent: true}
}

func probeSpeaker(_ context.Context, cfg *Config, _ bool) soundFacts {
	return soundFacts{unasked: cfg.Out != outSpeaker, absent: true}
}
