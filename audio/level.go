// This file holds the loudness meter.

package audio

import "math"

// Silence is the level of silence, and of everything below -127 dB.
const Silence uint8 = 127

// Level returns the loudness of pcm as RFC 6464 counts it: the root mean square in steps of -1 dB
// below full scale, so 0 is a full-scale square wave, 3 a full-scale sine, and 127 is silence.
func Level(pcm []float32) uint8 {
	return levelOf(power(pcm))
}

func levelOf(power float64) uint8 {
	if !(power > 0) { // what is no number is nothing
		return Silence
	}
	return uint8(min(max(math.Round(-10*math.Log10(power)), 0), float64(Silence)))
}

// power returns the mean square of pcm.
func power(pcm []float32) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum float32
	for _, v := range pcm {
		sum += v * v
	}
	return float64(sum) / float64(len(pcm))
}
