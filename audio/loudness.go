// This file holds what is known of one voice by its loudness alone: whether somebody speaks, what is
// heard when nobody does, and how much louder or softer it should be to be like the others.

package audio

import "math"

const (
	voiceOver  = 10   // times the noise: 10 dB above it somebody speaks
	voiceLeast = 3e-6 // -55 dBFS: below that nobody does
	voiceHang  = 40   // blocks for which a word goes on after its last loud one: 0.4 s

	noiseStart  = 1e-6 // -60 dBFS, until more is known
	noiseFall   = 0.3  // of the way to what is quieter, a block
	noiseMean   = 0.2  // of the way to the newest block: noise is what is heard over 50 ms
	idleMean    = 0.01
	noiseForget = 0.8   // a block of nothing at all: 100 dB a second
	noiseRise   = 1.007 // 3 dB a second: a voice breathes before that makes a noise of it

	levelTarget = -24.0 // dBFS while speaking: what package voice brings a microphone to
	levelMost   = 12.0  // dB either way
	levelSlack  = 2.0   // dB that nobody minds
	levelNoise  = -50.0 // dBFS: what is behind a voice is made no louder than that
	levelTrust  = 30    // blocks of speech before anything is done: 0.3 s
	levelMemory = 300   // blocks of speech that count: 3 s
	levelQuick  = 0.06  // dB a block until so many have been heard: 6 dB a second
	levelSlow   = 0.01  // and 1 dB a second from then on, which nobody hears as a change
	levelBurst  = 9.0   // dB above levelTarget, over 50 ms: what is louder is turned down at once, whatever it is
	levelDown   = 0.2   // dB a block: 20 dB a second
	levelGate   = 0.03  // speech that is 15 dB below the rest is the end of a word

	shareLeast = 0.18  // -15 dB
	shareFall  = 0.966 // 30 dB a second
)

// A loudness follows one voice, a block of 10 ms at a time. It belongs to one goroutine.
type loudness struct {
	noise  float64 // mean square of what is heard when nobody speaks; 0 before anything was heard
	mean   float64 // of the last blocks, whatever they are
	idle   float64 // mean square of a second in which nobody speaks
	speech float64 // mean square while somebody does
	heard  int     // blocks of speech, levelMemory at most
	hang   int     // blocks for which somebody still speaks
	level  float64 // dB by which the voice should be louder
	share  float32 // of its noise that is let through, see noiseShares
}

// hear takes the mean square of the next block and reports whether somebody speaks in it. A power
// that is no number is silence.
func (l *loudness) hear(power float64) bool {
	if !(power > 0) {
		// What was heard before it, a held note perhaps, was no noise: that does not stop.
		l.noise = max(min(l.noise, noiseStart), l.noise*noiseForget)
		l.hang = max(l.hang-1, 0)
		return l.hang > 0
	}
	power = min(power, 1)
	l.mean += noiseMean * (power - l.mean)
	l.hush()
	switch {
	case l.noise == 0:
		l.noise = min(power, noiseStart)
	case l.mean < l.noise:
		l.noise += noiseFall * (l.mean - l.noise)
	default:
		l.noise = min(l.noise*noiseRise, l.mean)
	}
	if power < voiceOver*l.noise || power < voiceLeast {
		if l.hang = max(l.hang-1, 0); l.hang == 0 {
			l.idle += idleMean * (power - l.idle)
		}
		return l.hang > 0
	}
	l.hang = voiceHang
	l.learn(power)
	return true
}

// hush turns a shout down: who has been brought up while they spoke softly would else be four times as
// loud as they are sent, and for many seconds.
func (l *loudness) hush() {
	most := max(levelTarget+levelBurst-decibel(l.mean), -levelMost)
	l.level -= min(max(l.level-most, 0), levelDown)
}

// learn takes a block in which somebody speaks. But for shouts the level changes in no other, so it
// cannot pump.
func (l *loudness) learn(power float64) {
	if power < levelGate*l.speech {
		return
	}
	l.heard = min(l.heard+1, levelMemory)
	l.speech += (power - l.speech) / float64(l.heard)
	if l.heard < levelTrust {
		return
	}
	step := levelQuick
	if l.heard == levelMemory {
		step = levelSlow
	}
	want := min(max(levelTarget-decibel(l.speech), -levelMost), levelMost)
	want = min(want, max(levelNoise-decibel(l.noise), 0))
	if off := want - l.level; math.Abs(off) > levelSlack {
		l.level += min(max(off, -step), step)
	}
}

func decibel(power float64) float64 { return 10 * math.Log10(power) }

// gain is the factor that brings the voice to the level of the others.
func (l *loudness) gain() float32 {
	if l.level == 0 {
		return 1
	}
	return float32(math.Pow(10, l.level/20))
}

// let moves the share of the noise that is let through towards want: to a whole at once, for a word
// that begins is not to be missed, and else slowly.
func (l *loudness) let(want float32) float32 {
	switch {
	case want == 1:
		l.share = 1
	case want < l.share:
		l.share = max(want, l.share*shareFall)
	default:
		l.share = min(want, l.share/shareFall+0.01)
	}
	return l.share
}

// noiseShare is the factor for one of several microphones that are open while nobody speaks into
// them, given its noise and that of all: gain sharing (Dugan, J. Audio Eng. Soc. 23, 1975) among those
// alone, so that a voice is left as it is. Together they are no louder than the loudest of them.
func noiseShare(noise, all float64) float32 {
	if noise >= all || all <= 0 {
		return 1
	}
	return max(float32(math.Sqrt(noise/all)), shareLeast)
}
