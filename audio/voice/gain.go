// This file holds the automatic gain: it brings a quiet or a loud talker to the level at which all
// others speak. It multiplies samples and never touches what the system's mixer is set to.

package voice

import (
	"math"

	"stoa/audio"
)

const (
	// gainTarget is the loudness that speech is brought to, in LUFS (ITU-R BS.1770-5, EBU R 128).
	gainTarget = -23

	gainMost  = 20  // dB up
	gainLeast = -20 // dB up
	gainSlack = 1.5 // dB by which speech may be off before anything is done

	// What the gain may do in a second of voice. Turning down is urgent, turning up is not.
	gainUp   = 4.0  // dB
	gainDown = 20.0 // dB

	gainMomentary = 0.2 // time constant of what counts as the loudness now, in seconds of voice
	gainLong      = 2.0 // that of what counts as the talker's loudness
	gainSeed      = 0.3 // seconds of voice before anything is believed

	// gainBurst is how far above its target speech may momentarily be before the talker counts as
	// louder than thought: a shout is turned down at once, not in two seconds.
	gainBurst = 8 // dB

	// gainQuietest is what cannot be a talker, whatever the detector says, in LUFS.
	gainQuietest = -65

	// noiseMost is how loud the gain may make what is heard between the words, in LUFS.
	noiseMost = -50
)

// A Gain is an automatic gain control. It learns only while somebody speaks and keeps its gain in
// pauses, so that it cannot pump; and it does not make a talker louder than the room behind the
// talker allows. One goroutine at a time.
type Gain struct {
	weighting [2]biquad

	gain float64 // dB, what is applied
	held bool    // it may not rise
	// The talker, as the microphone has it.
	momentary float64 // mean square
	loudness  float64 // LUFS
	learned   float64 // seconds of voice heard so far
	room      float64 // mean square of what is no voice
}

// NewGain returns a gain of 0 dB that knows no talker.
func NewGain() *Gain {
	// The K weighting at 48 kHz, from tables 1 and 2 of BS.1770.
	return &Gain{weighting: [2]biquad{
		{b0: 1.53512485958697, b1: -2.69169618940638, b2: 1.19839281085285, a1: -1.69065929318241, a2: 0.73248077421585},
		{b0: 1, b1: -2, b2: 1, a1: -1.99004745483398, a2: 0.99007225036621},
	}}
}

// Level amplifies pcm, 10 ms of 48 kHz, in place. voice says whether somebody speaks in it. What is
// not a number counts as zero.
func (g *Gain) Level(pcm []float32, voice bool) {
	if len(pcm) == 0 {
		return
	}
	power := g.weigh(pcm)
	seconds := float64(len(pcm)) / audio.Rate
	before := g.gain
	if voice && lufs(power) > gainQuietest {
		g.hear(power, seconds)
		g.steer(seconds)
	} else if !voice {
		// The room is what is usual between words: a door that shuts is soon forgotten.
		slow := 0.2
		if power > g.room {
			slow = 2
		}
		g.room += (power - g.room) * (1 - math.Exp(-seconds/slow))
	}
	from, to := decibels(before), decibels(g.gain)
	step := (to - from) / float64(len(pcm))
	for i, v := range pcm {
		pcm[i] = float32(sane(v) * (from + step*float64(i+1)))
	}
}

// Hold says whether the gain may not rise from now on: something else than the talker is to be heard.
func (g *Gain) Hold(on bool) { g.held = on }

// Gain returns the present amplification in dB.
func (g *Gain) Gain() float64 { return g.gain }

// weigh returns the mean square of pcm under the K weighting.
func (g *Gain) weigh(pcm []float32) float64 {
	sum := 0.0
	for _, v := range pcm {
		x := g.weighting[1].next(g.weighting[0].next(sane(v)))
		sum += x * x
	}
	return sum / float64(len(pcm))
}

// hear learns how loud the talker is. Means of power give the loudness of a word, means of those in
// dB the talker's: so that one shout does not count for more than ten words.
func (g *Gain) hear(power, seconds float64) {
	g.learned += seconds
	g.momentary += (power - g.momentary) * (1 - math.Exp(-seconds/min(g.learned, gainMomentary)))
	k := 1 - math.Exp(-seconds/min(g.learned, gainLong))
	g.loudness += (lufs(g.momentary) - g.loudness) * k
}

// steer moves the gain towards what the talker needs.
func (g *Gain) steer(seconds float64) {
	if g.learned < gainSeed {
		return
	}
	most := min(gainMost, max(noiseMost-lufs(g.room), 0))
	want := min(max(gainTarget-g.loudness, gainLeast), most)
	burst := max(gainTarget+gainBurst-lufs(g.momentary), gainLeast)
	want = min(want, burst)
	switch {
	case burst < g.gain:
		g.gain -= min(gainDown*seconds, g.gain-burst)
	case want > g.gain+gainSlack && !g.held:
		g.gain += min(gainUp*seconds, want-g.gain)
	case want < g.gain-gainSlack:
		g.gain -= min(gainDown*seconds, g.gain-want)
	}
}

// lufs is the loudness of a weighted mean square.
func lufs(power float64) float64 { return -0.691 + 10*math.Log10(max(power, 1e-12)) }

func decibels(dB float64) float64 { return math.Pow(10, dB/20) }
