// This file holds noises that people sit in, and a voice that is none.

package audiotest

import (
	"math"
	"math/rand/v2"

	"stoa/audio"
)

// Babble returns n samples of many people talking at once: eight voices, each a clip from another
// place on, some played backwards and none at its own pace, so that nobody is understood.
func Babble(clips [][]float32, n int, seed uint64) []float32 {
	rnd := rand.New(rand.NewPCG(seed, 4))
	out := make([]float32, n)
	for voice := range 8 {
		clip := withoutPauses(clips[voice%len(clips)])
		if len(clip) == 0 {
			continue
		}
		at := rnd.Float64() * float64(len(clip))
		pace := 0.85 + 0.3*rnd.Float64()
		if voice%2 == 1 {
			pace = -pace
		}
		gain := float32(0.6 + 0.8*rnd.Float64())
		for i := range out {
			at = math.Mod(at+pace+float64(len(clip)), float64(len(clip)))
			k := int(at)
			t := float32(at - float64(k))
			out[i] += gain * (clip[k]*(1-t) + clip[(k+1)%len(clip)]*t)
		}
	}
	return out
}

// withoutPauses returns the blocks of x that have speech.
func withoutPauses(x []float32) []float32 {
	var out []float32
	for i, on := range Active(x) {
		if on {
			out = append(out, x[i*audio.BlockSize:][:audio.BlockSize]...)
		}
	}
	return out
}

// Fan returns n samples of a laptop's fan: noise that falls by 6 dB an octave above 200 Hz, the hum
// of its blades with four harmonics, and the wobble of a bearing.
func Fan(n int, seed uint64) []float32 {
	rnd := rand.New(rand.NewPCG(seed, 5))
	hum := 110 + 40*rnd.Float64() // Hz
	keep := math.Exp(-2 * math.Pi * 200 / audio.Rate)
	out := make([]float32, n)
	low := 0.0
	for i := range out {
		low = keep*low + (1-keep)*rnd.NormFloat64()
		t := float64(i) / audio.Rate
		tone := 0.0
		for h := 1; h <= 5; h++ {
			tone += math.Sin(2*math.Pi*hum*float64(h)*t+float64(h*h)) / float64(h)
		}
		out[i] = float32(0.3*(1+0.2*math.Sin(2*math.Pi*0.7*t))*low + 0.006*tone)
	}
	return out
}

// Keys returns n samples of somebody who types some 7 keys a second in bursts: each stroke is a
// click, the thud of the table below it, and, a little later, the softer click of the key let go.
func Keys(n int, seed uint64) []float32 {
	rnd := rand.New(rand.NewPCG(seed, 6))
	out := make([]float32, n)
	click := func(at int, loud float64) {
		bright := 2000 + 3000*rnd.Float64() // Hz
		thud := 120 + 120*rnd.Float64()
		for i := 0; i < 4000 && at+i < n; i++ {
			t := float64(i) / audio.Rate
			v := 0.6*rnd.NormFloat64()*math.Exp(-t/0.002) +
				0.5*math.Sin(2*math.Pi*bright*t)*math.Exp(-t/0.004) +
				0.4*math.Sin(2*math.Pi*thud*t)*math.Exp(-t/0.015)
			out[at+i] += float32(loud * v)
		}
	}
	for at := 0; at < n; {
		at += int((0.06 + 0.15*rnd.ExpFloat64()) * audio.Rate)
		if rnd.IntN(12) == 0 {
			at += int(0.7 * audio.Rate) // to read what was typed
		}
		loud := 0.1 + 0.1*rnd.Float64()
		click(at, loud)
		click(at+int((0.05+0.05*rnd.Float64())*audio.Rate), 0.4*loud)
	}
	return out
}

// White returns n samples of white noise with the root mean square 0.1.
func White(n int, seed uint64) []float32 {
	rnd := rand.New(rand.NewPCG(seed, 7))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(0.1 * rnd.NormFloat64())
	}
	return out
}

// AtSNR returns noise, scaled in place so that voice is snr dB stronger: the level of voice where it
// speaks (SpeechLevel) against the mean of noise.
func AtSNR(voice, noise []float32, snr float64) []float32 {
	return Scale(noise, SpeechLevel(voice)-snr-RMS(noise))
}

// Voice returns n samples like somebody who speaks no language, for tests that cannot decode a
// recording: pulses of a larynx through three wandering formants, hisses, syllables four a second and
// pauses between phrases. The level where it speaks is about -26 dB.
func Voice(n int, seed uint64) []float32 {
	rnd := rand.New(rand.NewPCG(seed, 8))
	out := make([]float32, n)
	pitch := 95 + 110*rnd.Float64() // Hz
	var formants [3]resonator
	phase, syllables := 0.0, 0
	for at := 0; at < n; {
		if syllables == 0 {
			syllables = 5 + rnd.IntN(8)
			at += int((0.2 + 0.5*rnd.Float64()) * audio.Rate)
		}
		syllables--
		length := int((0.14 + 0.16*rnd.Float64()) * audio.Rate)
		hiss := int(float64(length) * 0.4 * rnd.Float64() * float64(rnd.IntN(2)))
		formants[0].tune(300+500*rnd.Float64(), 80)
		formants[1].tune(900+1400*rnd.Float64(), 110)
		formants[2].tune(2400+700*rnd.Float64(), 170)
		tone := pitch * (0.85 + 0.35*rnd.Float64())
		loud := 0.5 + rnd.Float64()
		previous := 0.0
		for i := 0; i < length && at+i < n; i++ {
			x := 0.0
			if i < hiss {
				white := rnd.NormFloat64()
				out[at+i] = float32(0.02 * loud * (white - 0.9*previous))
				previous = white
			} else {
				phase += tone * (1 - 0.15*float64(i)/float64(length)) / audio.Rate
				if phase >= 1 {
					phase--
					x = 1
				}
				x += 0.01 * rnd.NormFloat64()
			}
			swell := math.Sin(math.Pi * float64(i) / float64(length))
			v := 0.0
			for f := range formants {
				v += formants[f].pass(x)
			}
			out[at+i] += float32(loud * swell * v)
		}
		at += length
	}
	return Scale(out, -26-SpeechLevel(out))
}

// A resonator is a filter of two poles.
type resonator struct{ a, b, gain, y1, y2 float64 }

func (r *resonator) tune(freq, width float64) {
	radius := math.Exp(-math.Pi * width / audio.Rate)
	r.a = 2 * radius * math.Cos(2*math.Pi*freq/audio.Rate)
	r.b = -radius * radius
	r.gain = (1 - radius) * 4
}

func (r *resonator) pass(x float64) float64 {
	y := r.gain*x + r.a*r.y1 + r.b*r.y2
	r.y1, r.y2 = y, r.y1
	return y
}
