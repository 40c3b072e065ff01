// This file holds the a-priori SNR: how much speech is in each band, by what speech looks like.

package noise

import "stoa/audio/fft"

// A cepstrum estimates the power of speech by temporal cepstrum smoothing (C. Breithaupt, T. Gerkmann
// and R. Martin, "A Novel A Priori SNR Estimation Approach Based on Selective Cepstro-Temporal
// Smoothing", ICASSP 2008). In the cepstrum a voice is few coefficients: the low ones, its formants,
// and one peak, its pitch. Those follow the sound at once. All others are smoothed over a sixth of a
// second, and with them the lone peaks that are heard as musical noise or as scraps of other people.
type cepstrum struct {
	fft    *fft.Real
	log    [fine + 1]complex64
	coef   [2 * fine]float32
	smooth [fine + 1]float32
	keep   [fine + 1]float32 // the smoothing of each coefficient, itself smoothed
}

// Quefrencies, in samples at 16 kHz.
const (
	envelope = 30  // below it are the formants
	outline  = 4   // and below it their coarsest shape
	highest  = 40  // pitch of 400 Hz
	lowest   = 230 // pitch of 70 Hz
	voiced   = 0.1 // least height of a peak that is a pitch
)

var (
	keepOutline  = smoothing(0.008)
	keepEnvelope = smoothing(0.015)
	keepPitch    = smoothing(0.008)
	keepRest     = smoothing(0.140)
	keepKeep     = smoothing(0.330)
)

// logBias makes up for the mean of a logarithm, which is below the logarithm of the mean.
const logBias = 0.3

func newCepstrum() *cepstrum {
	c := &cepstrum{fft: fft.NewReal(2 * fine)}
	for q := range c.keep {
		c.keep[q] = keepFor(q)
	}
	return c
}

func keepFor(q int) float32 {
	switch {
	case q < outline:
		return keepOutline
	case q < envelope:
		return keepEnvelope
	}
	return keepRest
}

// estimate sets the first fine bands of speech to the power of speech in them.
func (c *cepstrum) estimate(speech, power, noise *[bands]float32) {
	for b := range fine {
		c.log[b] = complex(ln(max(power[b]-noise[b], 0.003*noise[b])), 0)
	}
	c.log[fine] = c.log[fine-1]
	c.fft.Inverse(c.coef[:], c.log[:])
	pitch, at := float32(0), 0
	for q := highest; q < lowest; q++ {
		if c.coef[q] > pitch {
			pitch, at = c.coef[q], q
		}
	}
	for q := envelope; q < len(c.keep); q++ {
		c.keep[q] = keepKeep*c.keep[q] + (1-keepKeep)*keepRest
	}
	if pitch > voiced {
		for q := at - 2; q <= at+2; q++ {
			c.keep[q] = keepPitch
		}
	}
	for q, k := range c.keep {
		c.smooth[q] = k*c.smooth[q] + (1-k)*c.coef[q]
	}
	for q := range c.coef {
		c.coef[q] = c.smooth[min(q, 2*fine-q)]
	}
	c.fft.Forward(c.log[:], c.coef[:])
	for b := range fine {
		speech[b] = exp(real(c.log[b]) + logBias)
	}
}
