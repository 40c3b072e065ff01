// Tests of speakers who mean harm: whatever one of them sends, the others are heard.

package audio_test

import (
	"math"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
)

func TestOneCannotSilenceTheOthers(t *testing.T) {
	made := func(seconds int, of func(i int) float32) []float32 {
		pcm := make([]float32, seconds*audio.Rate)
		for i := range pcm {
			pcm[i] = of(i)
		}
		return pcm
	}
	square := func(i int) float32 { return float32(1 - 2*(i/80%2)) }
	from := func(second, i int) bool { return i >= second*audio.Rate }
	for _, tt := range []struct {
		name string
		pcm  []float32
		most float64 // RMS in dB of all, with levelling, in the last second
	}{
		{"a packet a second that a decoder makes millions of", made(5, func(i int) float32 {
			if i%audio.Rate < audio.FrameSize {
				return 4e6 * square(i)
			}
			return 0
		}), -18},
		{"no numbers", made(5, func(i int) float32 {
			if from(2, i) {
				return float32(math.NaN())
			}
			return 0.01 * square(i)
		}), -23},
		{"whispering, to be made louder, and then a shout", made(5, func(i int) float32 {
			if from(3, i) {
				return square(i)
			}
			return 0.016 * square(i)
		}), -11},
		{"a hum that grows so slowly that it is no voice", made(21, func(i int) float32 {
			return float32(math.Pow(10, min(float64(i)/audio.Rate*2.9-60, 0)/20)) * square(i)
		}), -11},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const (
				said  = -24 // dB
				tenth = audio.Rate / 10
				word  = 5 * tenth
			)
			voice := make([]float32, len(tt.pcm))
			audiotest.Tone(1000, math.Sqrt2*math.Pow(10, said/20.0))(0, voice)
			for at := 0; at < len(voice); at += word { // or it were a hum, too
				audio.Ramp(voice[at+word-2*tenth:at+word], 0.01, 0.01)
			}
			for _, levelling := range []bool{false, true} {
				h := newHall(voice, tt.pcm)
				h.player.SetLevelling(levelling)
				heard := h.listen(len(tt.pcm) / audio.Rate)
				for at := audio.Rate + tenth; at < len(heard); at += tenth {
					part := heard[at:][:tenth]
					if at%word >= word-3*tenth {
						continue // a pause, delayed by less than a tenth
					}
					if got := 20 * math.Log10(audiotest.ToneAmplitude(part, 1000)/math.Sqrt2); got < said-5 {
						t.Errorf("levelling %v: at %.1f s another voice of %d dB is heard with %.1f", levelling, float64(at)/audio.Rate, said, got)
					}
				}
				for i, v := range heard {
					if !(v <= 1 && v >= -1) {
						t.Fatalf("sample %d is %v", i, v)
					}
				}
				if got := audiotest.RMS(heard[len(heard)-audio.Rate:]); levelling && got > tt.most {
					t.Errorf("in the end all is %.1f dB loud, want %.0f", got, tt.most)
				}
			}
		})
	}
}
