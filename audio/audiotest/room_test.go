//go:build !race

// Tests of the rooms, the laptops in them, the noises and what is measured.

package audiotest

import (
	"math"
	"slices"
	"testing"
	"time"

	"stoa/audio"
)

func TestRoomSoundsAsItSays(t *testing.T) {
	x := Voice(2*audio.Rate, 1)
	for _, r := range []Room{
		{Seed: 1, Delay: 40 * time.Millisecond},
		{Seed: 2, Delay: 250 * time.Millisecond, Loss: 12, T60: 500 * time.Millisecond},
		{Seed: 3, Delay: 10 * time.Millisecond, Noise: -60, Saturation: 0.2},
	} {
		y := r.Echo(x)
		if !slices.Equal(y, r.Echo(x)) {
			t.Errorf("%+v sounds another way the second time", r)
		}
		if loss := RMS(x) - RMS(y); math.Abs(loss-r.Loss) > 5 {
			t.Errorf("%+v: the echo is %.1f dB weaker", r, loss)
		}
		delay := int(r.Delay * audio.Rate / time.Second)
		if lag := Lag(x, y, audio.Rate); lag < delay || lag > delay+audio.Rate/50 {
			t.Errorf("%+v: the echo is %d samples late", r, lag)
		}
	}
}

// The decay of the response is the reverberation time, by Schroeder's integration (1965).
func TestRoomReverberates(t *testing.T) {
	for _, want := range []time.Duration{200 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond} {
		h := Room{T60: want}.Response(4)
		left := make([]float64, len(h)+1)
		for i := len(h) - 1; i >= 0; i-- {
			left[i] = left[i+1] + float64(h[i])*float64(h[i])
		}
		at := func(dB float64) float64 {
			i := slices.IndexFunc(left, func(e float64) bool { return decibel(e, left[0]) < dB })
			return float64(i) / audio.Rate
		}
		// From -25 dB on, where the first reflections, few and strong, are over.
		if got := 3 * (at(-40) - at(-20)); math.Abs(got-want.Seconds()) > 0.35*want.Seconds() {
			t.Errorf("a room of %v has %.2f s", want, got)
		}
	}
}

func TestConvolverIsAConvolution(t *testing.T) {
	x, h := White(5*audio.BlockSize, 1), White(1100, 2)
	c := newConvolver(h)
	for at := 0; at < len(x); at += audio.BlockSize {
		block := slices.Clone(x[at : at+audio.BlockSize])
		c.pass(block)
		for i := range block {
			want := 0.0
			for k := range min(len(h), at+i+1) {
				want += float64(h[k]) * float64(x[at+i-k])
			}
			if math.Abs(float64(block[i])-want) > 1e-6 {
				t.Fatalf("sample %d is %v, not %v", at+i, block[i], want)
			}
		}
	}
}

func TestRoomChangesOnceAndDrifts(t *testing.T) {
	x := Voice(4*audio.Rate, 2)
	still := Room{Seed: 5}
	moved := still
	moved.Change = 2 * time.Second
	a, b := still.Echo(x), moved.Echo(x)
	half := 2 * audio.Rate
	if !slices.Equal(a[:half], b[:half]) {
		t.Error("the room changes too early")
	}
	if left := ERLE(a[half+audio.Rate/10:], Sum(a, Scale(b, 0), negative(b))[half+audio.Rate/10:]); left > 3 {
		t.Errorf("after the change %.1f dB of the echo are the same", left)
	}
	fast := still
	fast.PPM = 1000
	if lag := Lag(a[half:], fast.Echo(x)[half:], audio.Rate/10); lag < 80 || lag > 200 {
		t.Errorf("after 2 to 4 s a clock 1000 ppm too fast is %d samples off", lag)
	}
}

func negative(x []float32) []float32 {
	out := slices.Clone(x)
	for i := range out {
		out[i] = -out[i]
	}
	return out
}

func TestERLEAndConvergence(t *testing.T) {
	x := Voice(6*audio.Rate, 3)
	y := slices.Clone(x)
	Scale(y[2*audio.Rate:], -30)
	if e := ERLE(x[3*audio.Rate:], y[3*audio.Rate:]); math.Abs(e-30) > 0.01 {
		t.Errorf("30 dB are taken for %v", e)
	}
	if c := Convergence(x, y, 20); math.Abs(c-2) > 0.3 {
		t.Errorf("converges after %v s, not 2", c)
	}
	if c := Convergence(x, x, 20); c < 5 {
		t.Errorf("what does nothing converges after %v s", c)
	}
}

// With nothing against it two laptops howl when the loop has gain, and do not when it has loss.
func TestTwoLaptopsHowlUntreated(t *testing.T) {
	voice := append(Voice(audio.Rate, 4), make([]float32, 2*audio.Rate)...)
	for apart, howls := range map[float64]bool{0: true, 60: false} {
		l := Laptops{Room: Room{Seed: 6, Loss: apart / 2, T60: 150 * time.Millisecond}, Apart: apart, Network: 60 * time.Millisecond}
		for i, sent := range l.Run(voice) {
			if got := Howls(sent); got != howls {
				t.Errorf("%v dB apart: laptop %d howls: %v", apart, i, got)
			}
		}
	}
}

func TestNoisesHaveTheSNRAskedFor(t *testing.T) {
	const n = 3 * audio.Rate
	voice := Voice(n, 5)
	babble := Babble([][]float32{Voice(n, 6), Voice(n, 7), Voice(n, 8)}, n, 9)
	for name, noise := range map[string][]float32{"babble": babble, "fan": Fan(n, 1), "keys": Keys(n, 2)} {
		AtSNR(voice, noise, 10)
		if snr := SpeechLevel(voice) - RMS(noise); math.Abs(snr-10) > 0.01 {
			t.Errorf("%s: %.2f dB", name, snr)
		}
		for _, v := range noise {
			if v != v || v > 4 || v < -4 {
				t.Fatalf("%s has a sample of %v", name, v)
			}
		}
	}
}

// What a known gain does to voice and noise is found again by looking at their sum only.
func TestShadowFindsAKnownGain(t *testing.T) {
	voice := Voice(3*audio.Rate, 10)
	noise := AtSNR(voice, White(len(voice), 11), 10)
	same := Clean(voice, noise, Sum(voice, noise))
	if math.Abs(same.SNR)+math.Abs(same.Shadow)+math.Abs(same.Pauses)+math.Abs(same.Voice) > 0.01 {
		t.Errorf("nothing done counts as %+v", same)
	}
	quiet := Clean(voice, noise, Scale(Sum(voice, noise), -12))
	if math.Abs(quiet.SNR) > 0.01 || math.Abs(quiet.Voice-12) > 0.01 {
		t.Errorf("12 dB less of all counts as %+v", quiet)
	}
	// Gating the pauses by 20 dB: nothing is gained where there is speech.
	gated := Sum(voice, noise)
	for i, on := range Active(voice) {
		if !on {
			Scale(gated[i*audio.BlockSize:][:audio.BlockSize], -20)
		}
	}
	g := Clean(voice, noise, gated)
	if math.Abs(g.Spoken) > 1 || g.Pauses < 8 || g.SNR < 12 {
		t.Errorf("gated pauses count as %+v", g)
	}
	// White noise above 4 kHz is no part of this voice, and half of the band is above 12 kHz.
	low := lowpassed(Sum(voice, noise))
	if c := Clean(voice, noise, low); c.Shadow < 5 || c.Spoken < 5 || c.SNR < 5 || c.Voice > 1 {
		t.Errorf("a low-pass counts as %+v", c)
	}
}

// lowpassed is the mean of 8 samples, twice.
func lowpassed(x []float32) []float32 {
	for range 2 {
		out := make([]float32, len(x))
		for i := 4; i+4 < len(x); i++ {
			for k := -4; k < 4; k++ {
				out[i] += x[i+k] / 8
			}
		}
		x = out
	}
	return x
}
