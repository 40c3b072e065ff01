//go:build cgo && !race

// What the tests of the whole treatment have in common: voices, and a way through a stage.

package voice_test

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/file"
)

// recorded returns n samples of a speaker, at -26 dB, with no pause longer than 400 ms, over and over
// from the second from on. Speakers are those of the demo, and allison, who is no machine.
func recorded(t testing.TB, name string, from, n int) []float32 {
	t.Helper()
	recordings.Lock()
	defer recordings.Unlock()
	if recordings.of[name] == nil {
		paths := []string{"../../cmd/stoa/demo/talk/" + name + ".opus"}
		if name == "allison" {
			paths, _ = filepath.Glob("../../cmd/stoa/testdata/speech/*.wav")
		}
		var whole []float32
		for _, path := range paths {
			clip, err := file.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, clip...)
		}
		if len(whole) == 0 {
			t.Fatal("nothing is recorded")
		}
		recordings.of[name] = audiotest.Scale(withoutTurns(whole), -26-audiotest.SpeechLevel(whole))
	}
	clip := recordings.of[name]
	out := make([]float32, n)
	for at, from := 0, from*audio.Rate%len(clip); at < n; from = 0 {
		at += copy(out[at:], clip[from:])
	}
	return out
}

var recordings = struct {
	sync.Mutex
	of map[string][]float32
}{of: map[string][]float32{}}

// withoutTurns leaves out the time in which others speak.
func withoutTurns(x []float32) (out []float32) {
	const longest = 40 // blocks
	pause := longest
	for i, on := range audiotest.Active(x) {
		if pause++; on {
			pause = 0
		}
		if pause < longest {
			out = append(out, x[i*audio.BlockSize:][:audio.BlockSize]...)
		}
	}
	return out
}

// through returns what stage makes of near, block by block, and how long it took for one.
func through(near, far []float32, stage func(near, far []float32)) ([]float32, time.Duration) {
	out := slices.Clone(near)
	blocks := len(out) / audio.BlockSize
	began := time.Now()
	for i := range blocks {
		at := i * audio.BlockSize
		stage(out[at:at+audio.BlockSize], far[at:at+audio.BlockSize])
	}
	return out, time.Since(began) / time.Duration(max(blocks, 1))
}

// aligned returns heard moved to where clean is: a stage may be late by 50 ms.
func aligned(clean, heard []float32) []float32 {
	return audiotest.Advance(heard, audiotest.Lag(clean, heard, audio.Rate/20))
}
