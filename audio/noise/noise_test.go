package noise

import (
	"encoding/binary"
	"math"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// suppressed returns what a fresh suppressor makes of pcm, in step with it.
func suppressed(pcm []float32) []float32 {
	out := append([]float32(nil), pcm...)
	s := New()
	for i := 0; i+block <= len(out); i += block {
		s.Suppress(out[i : i+block])
	}
	return audiotest.Advance(out, Delay)
}

// parted returns what a suppressor leaves of voice and of noise in their sum, by the phase inversion
// of B. Hagerman and Å. Olofsson (Acta Acustica 90, 2004): once with the noise as it is, once upside
// down; what both have in common is voice.
func parted(voice, noise []float32) (voiceOut, noiseOut, sum []float32) {
	plus, minus := audiotest.Sum(voice, noise), append([]float32(nil), voice...)
	for i := range minus {
		minus[i] -= noise[i]
	}
	plus, minus = suppressed(plus), suppressed(minus)
	sum = append(sum, plus...)
	for i := range plus {
		plus[i], minus[i] = (plus[i]+minus[i])/2, (plus[i]-minus[i])/2
	}
	return plus, minus, sum
}

// inPauses returns the blocks of x in which voice has none.
func inPauses(voice, x []float32) (out []float32) {
	for i, on := range audiotest.Active(voice) {
		if !on {
			out = append(out, x[i*block:(i+1)*block]...)
		}
	}
	return out
}

func TestNoiseGoesAndVoiceStays(t *testing.T) {
	const seconds, settled = 5, 2 * audio.Rate
	voice := audiotest.Voice(seconds*audio.Rate, 7)
	for _, c := range []struct {
		name        string
		noise       []float32
		snr, pauses float64 // dB gained at least
		stoi        float64 // gained at least
	}{
		{"fan", audiotest.Fan(len(voice), 1), 6, 12, 0},
		{"white", audiotest.White(len(voice), 1), 6, 12, 0},
		{"keys", audiotest.Keys(len(voice), 1), 3, 8, 0},
	} {
		if testing.Short() && c.name != "keys" {
			continue
		}
		noise := audiotest.AtSNR(voice, c.noise, 10)
		v, n, sum := parted(voice, noise)
		before := audiotest.RMS(voice[settled:]) - audiotest.RMS(noise[settled:])
		snr := audiotest.RMS(v[settled:]) - audiotest.RMS(n[settled:]) - before
		pauses := audiotest.RMS(inPauses(voice[settled:], noise[settled:])) - audiotest.RMS(inPauses(voice[settled:], n[settled:]))
		untreated := audiotest.STOI(voice[settled:], audiotest.Sum(voice, noise)[settled:])
		treated := audiotest.STOI(voice[settled:], sum[settled:])
		t.Logf("%-6s SNR %+.1f dB, pauses %.1f dB, STOI %.3f %+.3f", c.name, snr, pauses, untreated, treated-untreated)
		if snr < c.snr || pauses < c.pauses || treated < untreated+c.stoi {
			t.Errorf("%s: SNR %+.1f dB, noise in pauses down by %.1f dB, STOI from %.3f to %.3f", c.name, snr, pauses, untreated, treated)
		}
	}
}

func TestCleanVoiceStaysAsItWas(t *testing.T) {
	voice := audiotest.Voice(5*audio.Rate, 3)
	out := suppressed(voice)
	if loss := audiotest.SpeechLevel(voice) - audiotest.SpeechLevel(out); math.Abs(loss) > 0.5 {
		t.Errorf("a clean voice lost %.2f dB", loss)
	}
	if stoi := audiotest.STOI(voice, out); stoi < 0.98 {
		t.Errorf("a clean voice has a STOI of %.3f against itself", stoi)
	}
	// The first syllable after the first pause begins when it begins.
	active := audiotest.Active(voice)
	for i := 100; i < len(active); i++ {
		if active[i] && !active[i-1] && !active[i-10] {
			word := func(x []float32) []float32 { return x[i*block : (i+6)*block] }
			if loss := audiotest.RMS(word(voice)) - audiotest.RMS(word(out)); loss > 2 {
				t.Errorf("at %.2f s the onset of a word lost %.1f dB", float64(i)/100, loss)
			}
		}
	}
}

func TestDetector(t *testing.T) {
	voice := audiotest.Voice(7*audio.Rate, 11)
	active := audiotest.Active(voice)
	for _, c := range []struct {
		name       string
		noise      []float32
		hits, lies float64 // shares of blocks
	}{
		{"clean", make([]float32, len(voice)), 0.97, 0.05},
		{"fan", audiotest.Fan(len(voice), 2), 0.85, 0.05},
		{"white", audiotest.White(len(voice), 2), 0.85, 0.05},
	} {
		d := NewDetector()
		pcm := audiotest.Sum(voice, audiotest.AtSNR(voice, c.noise, 10))
		var hits, spoken, lies, silent float64
		since := 0
		for i, on := range active {
			heard := 0.0
			if d.Detect(pcm[i*block : (i+1)*block]) {
				heard = 1
			}
			since++
			switch {
			case on:
				since = 0
				if i > 200 {
					hits, spoken = hits+heard, spoken+1
				}
			case since > hangover+5 && i > 200:
				lies, silent = lies+heard, silent+1
			}
		}
		t.Logf("%s: hits %.3f, lies %.3f of %.0f", c.name, hits/spoken, lies/silent, silent)
		if hits < c.hits*spoken || lies > c.lies*silent || silent == 0 {
			t.Errorf("%s: heard %.0f of %.0f blocks of speech, and took %.0f of %.0f blocks of noise for speech", c.name, hits, spoken, lies, silent)
		}
	}
}

// Nothing may come out of silence, and the sum of all windows must be one.
func TestSilenceAndUnity(t *testing.T) {
	s := New()
	pcm := make([]float32, block)
	for range 100 {
		s.Suppress(pcm)
		for _, v := range pcm {
			if v != 0 {
				t.Fatalf("silence became %v", v)
			}
		}
	}
	tr := newTransform()
	wave := audiotest.Voice(audio.Rate, 1)
	out := append([]float32(nil), wave...)
	for i := 0; i < len(out); i += block {
		tr.analyse(out[i : i+block])
		tr.synthesise(out[i : i+block])
	}
	for i, v := range out[Delay:] {
		if math.Abs(float64(v-wave[i])) > 1e-5 {
			t.Fatalf("sample %d: %v became %v", i, wave[i], v)
		}
	}
}

func TestArithmetic(t *testing.T) {
	for x := 1e-30; x < 1e30; x *= 1.37 {
		if got := float64(ln(float32(x))); math.Abs(got-math.Log(x)) > 2e-4 {
			t.Errorf("ln %g = %v, not %v", x, got, math.Log(x))
		}
	}
	for x := -80.0; x <= 80; x += 0.37 {
		if got := float64(exp(float32(x))); math.Abs(got/math.Exp(x)-1) > 3e-4 {
			t.Errorf("exp %g = %v, not %v", x, got, math.Exp(x))
		}
	}
	// Abramowitz and Stegun, table 5.1.
	for _, c := range [][2]float64{{0.01, 4.0379296}, {0.5, 0.5597736}, {1, 0.2193839}, {2, 0.0489005}, {5, 0.0011483}} {
		if got := e1(c[0]); math.Abs(got-c[1]) > 1e-6 {
			t.Errorf("E1(%v) = %v, not %v", c[0], got, c[1])
		}
		if got := float64(2 * halfE1(float32(c[0]))); math.Abs(got-c[1]) > 0.015*max(c[1], 1) {
			t.Errorf("the table has E1(%v) = %v, not %v", c[0], got, c[1])
		}
	}
}

// FuzzSuppress feeds what no microphone should give. What comes out is bounded, and a second later a
// voice comes through again.
func FuzzSuppress(f *testing.F) {
	bytesOf := func(v ...float32) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	f.Add([]byte{})
	f.Add(bytesOf(nan, nan, inf, -inf, 0, math.MaxFloat32, -math.MaxFloat32))
	f.Add(bytesOf(0.036, 0.036, 0.036, 0.036, 0.03, 0.03)) // a click before anything else
	f.Add(bytesOf(1, -1, 1, -1, 1, 1, 1, math.SmallestNonzeroFloat32))
	voice := audiotest.Voice(2*audio.Rate, 5)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, d := New(), NewDetector()
		pcm := make([]float32, block)
		treat := func() {
			d.Detect(pcm)
			s.Suppress(pcm)
			for i, v := range pcm {
				if !(math.Abs(float64(v)) <= 3*loudest) {
					t.Fatalf("sample %d is %v", i, v)
				}
			}
		}
		for len(data) >= 4 {
			clear(pcm)
			for i := range pcm {
				if len(data) < 4 {
					break
				}
				pcm[i] = math.Float32frombits(binary.LittleEndian.Uint32(data))
				data = data[4:]
			}
			treat()
		}
		var out []float32
		for i := 0; i < len(voice); i += block {
			copy(pcm, voice[i:])
			treat()
			out = append(out, pcm...)
		}
		if loss := audiotest.RMS(voice[audio.Rate:]) - audiotest.RMS(out[audio.Rate:]); math.Abs(loss) > 6 {
			t.Errorf("a voice came out %.1f dB weaker", loss)
		}
	})
}

func BenchmarkSuppress(b *testing.B) {
	pcm := audiotest.Sum(audiotest.Voice(audio.Rate, 1), audiotest.Fan(audio.Rate, 1))
	out := make([]float32, block)
	s := New()
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % 100 {
		copy(out, pcm[i*block:])
		s.Suppress(out)
	}
}

func BenchmarkDetect(b *testing.B) {
	pcm := audiotest.Sum(audiotest.Voice(audio.Rate, 1), audiotest.Fan(audio.Rate, 1))
	d := NewDetector()
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % 100 {
		d.Detect(pcm[i*block : (i+1)*block])
	}
}
