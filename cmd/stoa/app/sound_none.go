//go:build !cgo

// A program without sound: the codec and the sound cards are C. It can carry
// voices on, and count what it hears.

package app

// openSound refuses everything that would have to be said or played.
func openSound(cfg *Config, _ habits, _ func(Event)) (*sound, error) {
	if cfg.In != inSilence {
		return nil, &UserError{Code: "no_sound", Text: "this stoa was built without sound: it has no microphone and cannot speak a file", Hint: "give --in silence, or use a stoa that was built with cgo"}
	}
	if cfg.Out != outNone {
		return nil, &UserError{Code: "no_sound", Text: "this stoa was built without sound: it cannot play or record", Hint: "give --out none, or use a stoa that was built with cgo"}
	}
	return &sound{inWord: cfg.In, outWord: cfg.Out, close: func() error { return nil }}, nil
}
