// Test of a talker who is no longer heard because of what was louder.

package noise_test

import (
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/noise"
)

// A whistle, a howl or a bump is no reason to take the voice that follows for noise: even a quiet one
// is found again, and let through, within ten seconds.
func TestALoudToneHidesNoVoice(t *testing.T) {
	const seconds = 14
	voice := audiotest.Voice(seconds*audio.Rate, 1)
	voice = audiotest.Scale(voice, -40-audiotest.SpeechLevel(voice))
	tone := make([]float32, audio.Rate)
	for i := range tone {
		tone[i] = float32(1 - 2*(i/60%2))
	}
	s, d := noise.New(), noise.NewDetector()
	spoken, sent := 0, make([]float32, 0, len(voice)+len(tone))
	for i, pcm := range [][]float32{tone, voice} {
		for at := 0; at < len(pcm); at += audio.BlockSize {
			var block [audio.BlockSize]float32
			copy(block[:], pcm[at:])
			if d.Detect(block[:]) && i == 1 && at >= 10*audio.Rate {
				spoken++
			}
			s.Suppress(block[:])
			sent = append(sent, block[:]...)
		}
	}
	if least := 4 * 100 / 3; spoken < least {
		t.Errorf("a voice is found in %d of 400 blocks, want %d", spoken, least)
	}
	said, got := audiotest.RMS(voice[10*audio.Rate:]), audiotest.RMS(sent[11*audio.Rate:])
	if got < said-3 {
		t.Errorf("%.1f dB were said and %.1f let through", said, got)
	}
}
