package voice

import (
	"math"
	"math/rand"
	"testing"

	"stoa/audio"
)

const block = audio.Rate / 100

// babbled returns seconds of something with the rhythm of speech: noise of which one syllable of
// 160 ms in four is weak, with a pause of 1 s after every 3 s. voice tells which blocks speak. The
// mean square of the loud syllables is power.
func babbled(seconds, power float64) (pcm []float32, voice []bool) {
	rng := rand.New(rand.NewSource(1))
	pcm = make([]float32, int(seconds*100)*block)
	voice = make([]bool, len(pcm)/block)
	var low float64
	for i := range pcm {
		syllable := i / (16 * block)
		amplitude := math.Sqrt(power)
		switch {
		case i/audio.Rate%4 == 3:
			amplitude = math.Sqrt(power) / 300
		case syllable%4 == 1:
			amplitude /= 4
		}
		voice[i/block] = i/audio.Rate%4 != 3
		low += (rng.NormFloat64() - low) * 0.12 // a corner of 1 kHz, as speech has it
		pcm[i] = float32(4 * amplitude * low)
	}
	return pcm, voice
}

// loudnessOf measures the spoken blocks by a Gain's own ear, which the test of K weighting checks.
func loudnessOf(pcm []float32, voice []bool) float64 {
	ear, sum, n := NewGain(), 0.0, 0
	for i, v := range voice {
		p := ear.weigh(pcm[i*block : (i+1)*block])
		if v {
			sum += p
			n++
		}
	}
	return lufs(sum / float64(n))
}

// A sine of 997 Hz at full scale has -3.01 LUFS (BS.1770, section 2.8).
func TestLoudnessOfASine(t *testing.T) {
	pcm := make([]float32, audio.Rate)
	for i := range pcm {
		pcm[i] = float32(math.Sin(2 * math.Pi * 997 * float64(i) / audio.Rate))
	}
	voice := make([]bool, 100)
	for i := range voice {
		voice[i] = i > 10
	}
	if got := loudnessOf(pcm, voice); math.Abs(got+3.01) > 0.02 {
		t.Errorf("a full-scale sine of 997 Hz has %.2f LUFS, not -3.01", got)
	}
}

func TestGainBringsEverybodyToOneLevel(t *testing.T) {
	levels := []float64{-43, -35, -23, -12, -6} // dBFS of the loud syllables
	if testing.Short() {
		levels = []float64{-40, -8}
	}
	for _, level := range levels {
		pcm, voice := babbled(32, math.Pow(10, level/10))
		g := NewGain()
		least, most := math.Inf(1), math.Inf(-1)
		for i := range voice {
			before := g.Gain()
			g.Level(pcm[i*block:(i+1)*block], voice[i])
			if !voice[i] && g.Gain() != before {
				t.Fatalf("%v dBFS: the gain moved in a pause", level)
			}
			if i >= 1600 {
				least, most = min(least, g.Gain()), max(most, g.Gain())
			}
		}
		if got := loudnessOf(pcm[1600*block:], voice[1600:]); math.Abs(got-gainTarget) > 3 {
			t.Errorf("%v dBFS came to %.1f LUFS, not to %d", level, got, gainTarget)
		}
		if most-least > 1.5 {
			t.Errorf("%v dBFS: the gain wandered between %.1f and %.1f dB though the talker did not", level, least, most)
		}
	}
}

func TestGainStaysWithinItsBounds(t *testing.T) {
	for _, c := range []struct {
		name  string
		power float64
		gain  float64
	}{
		{"whisper", 1e-6, gainMost},
		{"shout", 60, gainLeast},
		{"nothing", 1e-9, 0},
	} {
		pcm, voice := babbled(12, c.power)
		g := NewGain()
		for i := range voice {
			g.Level(pcm[i*block:(i+1)*block], voice[i])
		}
		if math.Abs(g.Gain()-c.gain) > 2 {
			t.Errorf("%s: gain of %.1f dB, not %.0f", c.name, g.Gain(), c.gain)
		}
	}
}

// Who is quiet in a noisy room is not made louder than the room allows.
func TestGainSparesTheRoom(t *testing.T) {
	pcm, voice := babbled(32, 1e-4)
	rng := rand.New(rand.NewSource(2))
	for i := range pcm {
		pcm[i] += float32(0.002 * rng.NormFloat64()) // about -51 LUFS
	}
	g := NewGain()
	for i := range voice {
		g.Level(pcm[i*block:(i+1)*block], voice[i])
	}
	if room := lufs(g.room) + g.Gain(); room > noiseMost+gainSlack+1 {
		t.Errorf("the room was brought to %.1f LUFS", room)
	}
}

// A shout must be turned down within its first word, and the talker be found again after it.
func TestGainTurnsAShoutDownAtOnce(t *testing.T) {
	pcm, voice := babbled(16, 1e-4)
	for i := 8 * audio.Rate; i < 11*audio.Rate; i++ {
		pcm[i] *= 16 // 24 dB
	}
	g := NewGain()
	for i := range voice {
		g.Level(pcm[i*block:(i+1)*block], voice[i])
	}
	if got := loudnessOf(pcm[850*block:900*block], voice[850:900]); got > gainTarget+gainBurst+1.5 {
		t.Errorf("half a second into a shout it has still %.1f LUFS", got)
	}
	if got := loudnessOf(pcm[1400*block:1500*block], voice[1400:1500]); got < gainTarget-14 {
		t.Errorf("two seconds after a shout the talker has only %.1f LUFS", got)
	}
}

func BenchmarkGain(b *testing.B) {
	pcm, voice := babbled(1, 1e-3)
	g := NewGain()
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % len(voice) {
		g.Level(pcm[i*block:(i+1)*block], voice[i])
	}
}
