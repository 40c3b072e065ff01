//go:build cgo && sound && !race

// The table of the detector: how much speech it hears, and how much noise it takes for speech.

package noise_test

import (
	"path/filepath"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/file"
	"stoa/audio/noise"
)

// TestTableDetector lets people speak for some ten seconds and be silent for as long, in noise. What
// the clean voice has says where there is speech; 250 ms after it, the hangover may still hold.
func TestTableDetector(t *testing.T) {
	human, err := filepath.Glob("../../cmd/stoa/testdata/speech/*.wav")
	if err != nil || len(human) == 0 {
		t.Fatal("no speech is there: ", err)
	}
	speakers := map[string][]string{"human": human}
	for _, name := range []string{"ada", "ben", "callum"} {
		speakers[name] = []string{"../../cmd/stoa/demo/talk/" + name + ".opus"}
	}
	t.Logf("%-8s%-8s heard  taken for speech", "", "10 dB")
	for seed, name := range []string{"human", "ada", "ben", "callum"} {
		voice := make([]float32, audio.Rate/2)
		var others [][]float32
		for _, path := range speakers[name] {
			voice = append(append(voice, read(t, path)...), make([]float32, audio.Rate)...)
		}
		for other, paths := range speakers {
			if other != name {
				others = append(others, read(t, paths[0]))
			}
		}
		voice = voice[:min(len(voice), 60*audio.Rate)/audio.BlockSize*audio.BlockSize]
		audiotest.Scale(voice, -26-audiotest.SpeechLevel(voice))
		for _, c := range []struct {
			place             string
			sound             []float32
			heard, mistakenly float64
		}{
			{"quiet", make([]float32, len(voice)), 0.95, 0.02},
			{"fan", audiotest.Fan(len(voice), uint64(seed)), 0.80, 0.02},
			{"keys", audiotest.Keys(len(voice), uint64(seed)), 0.93, 0.40},
			{"babble", audiotest.Babble(others, len(voice), uint64(seed)), 0.85, 0.25},
		} {
			pcm := audiotest.Sum(voice, audiotest.AtSNR(voice, c.sound, 10))
			heard, mistakenly := shares(voice, pcm)
			t.Logf("%-8s%-8s %5.3f  %5.3f", name, c.place, heard, mistakenly)
			if heard < c.heard || mistakenly > c.mistakenly {
				t.Errorf("%s in %s: less than %v heard, or more than %v taken for speech", name, c.place, c.heard, c.mistakenly)
			}
		}
	}
}

func read(t *testing.T, path string) []float32 {
	t.Helper()
	pcm, err := file.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// shares returns which share of the blocks in which voice speaks a detector hears in pcm, and which
// share of those long after it takes for speech. It has two seconds to settle.
func shares(voice, pcm []float32) (heard, mistakenly float64) {
	const after, settled = 25, 200
	d := noise.NewDetector()
	var spoken, silent float64
	since := 0
	for i, on := range audiotest.Active(voice) {
		yes := 0.0
		if d.Detect(pcm[i*audio.BlockSize : (i+1)*audio.BlockSize]) {
			yes = 1
		}
		if since++; on {
			since = 0
		}
		switch {
		case i < settled:
		case on:
			heard, spoken = heard+yes, spoken+1
		case since > after:
			mistakenly, silent = mistakenly+yes, silent+1
		}
	}
	return heard / max(spoken, 1), mistakenly / max(silent, 1)
}
