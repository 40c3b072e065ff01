//go:build cgo && sound && !race

// The table of noises.

package voice_test

import (
	"testing"

	"stoa/audio/noise"
)

// suppressors are what is measured beside each other. The first is the one in use.
var suppressors = []struct {
	name string
	make func() func(block []float32)
}{
	{"audio/noise", func() func([]float32) { return noise.New().Suppress }},
}

func TestTableNoise(t *testing.T) {
	for i, s := range suppressors {
		t.Logf("%-24s%s", s.name, cleanings)
		for _, sound := range []string{"babble", "fan", "keys"} {
			for seed, who := range []string{"ada", "ben", "callum", "allison"} {
				for _, snr := range []float64{10, 5} {
					p := place{noise: sound, who: who, snr: snr, seed: uint64(seed)}
					c := p.quieten(t, 12, s.make())
					short := ""
					if snr == 10 && (c.SNR < askedSNR || c.stoi < c.raw-notWorse) {
						short = "   short of what is asked"
					}
					t.Logf("%-8s%-8s%2.0f dB   %v%s", sound, who, snr, c, short)
					if i == 0 && snr == 10 && (c.SNR < leastSNR[sound] || c.stoi < c.raw-notWorse) {
						t.Errorf("%s, %s: less than %v dB, or STOI worse", sound, who, leastSNR[sound])
					}
				}
			}
		}
	}
}
