// This file holds tones, and the ear that recognises them.

package audiotest

import (
	"math"

	"stoa/audio"
)

// A Signal fills p with the samples that begin at sample at.
type Signal func(at int, p []float32)

// Tone returns a sine of the given frequency in Hz and amplitude.
func Tone(freq, amplitude float64) Signal {
	return func(at int, p []float32) {
		for i := range p {
			p[i] = float32(amplitude * math.Sin(2*math.Pi*freq*float64(at+i)/audio.Rate))
		}
	}
}

// Quiet is digital silence.
func Quiet(_ int, p []float32) { clear(p) }

// ToneAmplitude returns the amplitude of the part of pcm that has the frequency freq, by Goertzel's
// algorithm (Goertzel, 1958). It tells apart frequencies that differ by more than Rate/len(pcm).
func ToneAmplitude(pcm []float32, freq float64) float64 {
	if len(pcm) == 0 {
		return 0
	}
	w := 2 * math.Pi * freq / audio.Rate
	k := 2 * math.Cos(w)
	var a, b float64
	for _, v := range pcm {
		a, b = float64(v)+k*a-b, a
	}
	return 2 * math.Sqrt(max(a*a+b*b-k*a*b, 0)) / float64(len(pcm))
}

// HasTone reports whether pcm is mostly a tone of freq: more than half of its power, and above -60
// dBFS.
func HasTone(pcm []float32, freq float64) bool {
	var power float64
	for _, v := range pcm {
		power += float64(v) * float64(v)
	}
	a := ToneAmplitude(pcm, freq)
	return a > 1e-3 && a*a/2 > power/float64(len(pcm))/2
}
