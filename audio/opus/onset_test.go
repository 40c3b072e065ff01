package opus

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"

	"stoa/audio"
)

func TestOnset(t *testing.T) {
	for _, c := range []struct {
		what   string
		levels func(frame int) uint8
		loud   int // frames of 1000
	}{
		{"digital silence", func(int) uint8 { return 127 }, 0},
		{"a steady room", func(int) uint8 { return 60 }, 160}, // it takes 3 s to be believed
		{"a quiet room that wavers", func(i int) uint8 { return uint8(60 + i%3) }, 160},
		{"words", func(i int) uint8 { return []uint8{60, 25}[i/25%2] }, 800},
		{"a voice that never pauses", func(int) uint8 { return 25 }, 740},
	} {
		o, loud := newOnset(), 0
		for i := range 1000 {
			if o.next(c.levels(i)) {
				loud++
			}
		}
		if loud > c.loud || loud < c.loud*7/10 {
			t.Errorf("%s: %d of 1000 frames stand out, want %d at most", c.what, loud, c.loud)
		}
	}
}

// In real speech the frame before the first loud one is sent, which libopus by itself takes for a
// part of the pause; the pause is not.
func TestWordAfterAPauseIsWhole(t *testing.T) {
	const words, pause = 100, 150 // frames
	for _, name := range []string{"d", "j"} {
		r := rand.New(rand.NewPCG(1, 2))
		pcm := append(voice(words), make([]float32, pause*audio.FrameSize)...)
		pcm = append(pcm, clip(t, name)...)
		for i := range pcm {
			pcm[i] += float32(0.0001 * r.NormFloat64()) // -80 dBFS
		}
		first := words + pause
		for power(frame(pcm, first)) < 3e-5 {
			first++
		}
		enc, _ := newPair(t)
		packets := encodeAll(t, enc, pcm)
		if len(packets[first-1]) <= audio.MaxPause {
			t.Errorf("%s: the frame before the first loud one is a pause", name)
		}
		sent := 0
		for _, p := range packets[words+pause/2 : words+pause] {
			if len(p) > audio.MaxPause {
				sent++
			}
		}
		if sent > pause/2/15 { // libopus refreshes the noise every 400 ms
			t.Errorf("%s: %d of %d frames of the pause are sent", name, sent, pause/2)
		}
	}
}

// clip is human speech, with straight lines between its samples at 16 kHz.
func clip(t *testing.T, name string) []float32 {
	t.Helper()
	wav, err := os.ReadFile("../../cmd/stoa/testdata/speech/" + name + ".wav")
	if err != nil || len(wav) < 1000 {
		t.Fatalf("%d bytes of speech: %v", len(wav), err)
	}
	const times = audio.Rate / 16000
	var pcm []float32
	last := float32(0)
	for b := wav[44:]; len(b) >= 2; b = b[2:] {
		next := float32(int16(binary.LittleEndian.Uint16(b))) / 32768
		for k := range times {
			pcm = append(pcm, last+(next-last)*float32(k)/times)
		}
		last = next
	}
	return pcm
}
