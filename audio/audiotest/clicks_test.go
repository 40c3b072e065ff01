// Tests of the ear for clicks: it finds those that are planted, however small beside the loudest
// places of the speech, and none where there are none.

package audiotest

import (
	"math/rand/v2"
	"testing"

	"stoa/audio"
)

// voice returns seconds of a Voice whose pulses are as round as those of a larynx: without that they
// are clicks themselves. Some room noise goes on in the pauses.
func voice(seconds int, seed uint64) []float32 {
	pcm := Voice(seconds*audio.Rate, seed)
	noise := White(len(pcm), seed)
	var y [3]float32
	for i, v := range pcm {
		y[0] += 0.2 * (v + 0.01*noise[i] - y[0])
		y[1] += 0.2 * (y[0] - y[1])
		y[2] += 0.2 * (y[1] - y[2])
		pcm[i] = y[2]
	}
	return pcm
}

// Steps that decay in 5 ms are all found, down to 0.02, a fifteenth of the loudest places of the voice;
// down to 0.003 those in pauses.
func TestClicksAreFound(t *testing.T) {
	speech := voice(8, 1)
	for _, size := range []float32{0.3, 0.02, 0.003} {
		rnd := rand.New(rand.NewPCG(9, 9))
		planted := append([]float32(nil), speech...)
		want, places := 0, map[int]bool{}
		for at := audio.Rate / 2; at < len(planted)-audio.Rate/2; at += audio.Rate/4 + rnd.IntN(audio.Rate/4) {
			if quiet := audio.Level(speech[at-960:at+960]) > 55; quiet || size >= 0.02 {
				want++
			}
			places[at] = true
			for i := range audio.Rate / 200 {
				planted[at+i] += size * (1 - float32(i)*200/audio.Rate)
			}
		}
		c := NewClicks(speech)
		c.Listen(planted)
		found := 0
		for _, f := range c.Found() {
			hit := places[f] || places[f-1] || places[f-2]
			if !hit {
				t.Errorf("steps of %.3f: one found at %d, where none is", size, f)
			}
			found++
		}
		t.Logf("steps of %.3f: %d of %d found", size, found, len(places))
		if found < want || want == 0 {
			t.Errorf("steps of %.3f: %d found, want %d of %d", size, found, want, len(places))
		}
	}
}

// Cutting a piece out of the middle of speech, as playing faster without a seam would, is found in
// most places; repeating silence is not.
func TestClicksOfCutsAreFound(t *testing.T) {
	speech := voice(6, 2)
	var cut []float32
	cuts := 0
	for at := 0; at+4800 <= len(speech); at += 4800 {
		piece := speech[at : at+4800]
		if audio.Level(piece[4000:]) < 40 {
			piece = piece[:4800-300]
			cuts++
		}
		cut = append(cut, piece...)
	}
	c := NewClicks(speech)
	c.Listen(cut)
	if len(c.Found()) < cuts/2 || len(c.Found()) > cuts {
		t.Errorf("%d found of %d cuts", len(c.Found()), cuts)
	}
	same := NewClicks(speech)
	same.Listen(speech)
	if len(same.Found()) > 0 || same.Worst > 1/1.3 {
		t.Errorf("%d clicks found in the speech itself, worst %.2f", len(same.Found()), same.Worst)
	}
	other := NewClicks(voice(12, 2))
	other.Listen(voice(15, 2)[12*audio.Rate:])
	if len(other.Found()) > 0 {
		t.Errorf("%d clicks found in other speech of the same voice, worst %.2f", len(other.Found()), other.Worst)
	}
}
