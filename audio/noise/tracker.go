// This file holds the noise tracker: how strong the noise is in each band, also while somebody
// speaks over it.

package noise

// A tracker is the unbiased MMSE estimator of T. Gerkmann and R. C. Hendriks, "Unbiased MMSE-Based
// Noise Power Estimation With Low Complexity and Low Tracking Delay", IEEE TASLP 20(4), 2012: each
// band counts as noise as far as it is improbable that speech of 10 dB is in it. Slower than theirs
// and with a pause taken for what it is, it keeps more of a voice before others; it cannot be locked
// out by a noise that jumps.
type tracker struct {
	noise    [bands]float32
	presence [bands]float32 // probability of speech, smoothed
	seen     int            // spectra, up to warm
}

const (
	// warm is how many spectra count as noise at first, whatever they hold: the window must fill, and
	// a microphone that has just opened hears its room.
	warm = 8

	assumed = 10.0 // a-priori SNR of a band that has speech: 10 dB

	// pauseTrust is what the probability of speech is multiplied by while nobody speaks: what stands
	// out then is noise too, such as one of many people in the background.
	pauseTrust = 0.4

	// steepest is by what factor noise grows in a block, 33 dB in a second: or the first syllable
	// after silence, a million times stronger, would leave its mark.
	steepest = 1.08
)

var (
	noiseKeep    = smoothing(0.600)
	presenceKeep = smoothing(0.140)
)

// follow takes in a spectrum, in which somebody speaks or nobody does.
func (t *tracker) follow(power *[bands]float32, voice bool) {
	trust := float32(1)
	if !voice {
		trust = pauseTrust
	}
	if t.seen < warm {
		t.seen++
		for b, p := range power {
			t.noise[b] += (p - t.noise[b]) / float32(t.seen)
		}
		return
	}
	for b, y := range power {
		n := t.noise[b]
		p := 1 / (1 + (1+assumed)*exp(-min(y/n, 60)*(assumed/(1+assumed))))
		t.presence[b] = presenceKeep*t.presence[b] + (1-presenceKeep)*p
		if t.presence[b] > 0.99 {
			p = min(p, 0.99) // or a noise that has jumped would be taken for speech for ever
		}
		grown := n + (1-noiseKeep)*(1-trust*p)*(y-n)
		t.noise[b] = max(min(grown, steepest*n), faintest)
	}
}
