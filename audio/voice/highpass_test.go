package voice

import (
	"encoding/binary"
	"math"
	"testing"

	"stoa/audio"
)

func TestHighPassResponse(t *testing.T) {
	for _, c := range []struct{ freq, least, most float64 }{ // Hz, dB
		{0, math.Inf(-1), -120},
		{20, -60, -47},
		{50, -17, -15.5},
		{80, -3.2, -2.8},
		{120, -0.3, -0.05},
		{1000, -0.01, 0.01},
		{20000, -0.01, 0.01},
	} {
		h := NewHighPass()
		pcm := make([]float32, 2*audio.Rate)
		for i := range pcm {
			pcm[i] = float32(math.Cos(2 * math.Pi * c.freq * float64(i) / audio.Rate))
		}
		h.Filter(pcm)
		var in, out float64
		for i := audio.Rate; i < len(pcm); i++ {
			x := math.Cos(2 * math.Pi * c.freq * float64(i) / audio.Rate)
			in, out = in+x*x, out+float64(pcm[i])*float64(pcm[i])
		}
		if dB := 10 * math.Log10(out/in+1e-300); dB < c.least || dB > c.most {
			t.Errorf("%v Hz comes through with %.2f dB, want %v to %v", c.freq, dB, c.least, c.most)
		}
	}
}

// FuzzStages feeds all stages of this package what no microphone should give. Whatever it is, what
// leaves is bounded, and half a second later a quiet wave comes through again.
func FuzzStages(f *testing.F) {
	bytesOf := func(v ...float32) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	f.Add([]byte{})
	f.Add(bytesOf(nan, nan, nan, inf, -inf, 0))
	f.Add(bytesOf(1, -1, 1, -1, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, g, l := NewHighPass(), NewGain(), NewLimiter()
		treat := func(pcm []float32, voice bool) {
			h.Filter(pcm)
			g.Level(pcm, voice)
			l.Limit(pcm)
			for i, v := range pcm {
				if !(math.Abs(float64(v)) <= ceiling+1e-6) {
					t.Fatalf("sample %d is %v", i, v)
				}
			}
		}
		pcm := make([]float32, block)
		for n := 0; len(data) >= 4; n++ {
			clear(pcm)
			for i := range pcm {
				if len(data) < 4 {
					break
				}
				pcm[i] = math.Float32frombits(binary.LittleEndian.Uint32(data))
				data = data[4:]
			}
			treat(pcm, n%3 != 2)
		}
		var power float64
		for n := range 100 {
			for i := range pcm {
				pcm[i] = float32(0.3 * math.Sin(2*math.Pi*500*float64(n*block+i)/audio.Rate))
			}
			treat(pcm, true)
			if n >= 50 {
				for _, v := range pcm {
					power += float64(v) * float64(v) / 50 / block
				}
			}
		}
		if got := lufs(power); got < -45 || got > 0 {
			t.Errorf("a wave of -13 LUFS comes out with %.1f", got)
		}
	})
}

func BenchmarkHighPass(b *testing.B) {
	pcm, _ := babbled(1, 1e-3)
	out := make([]float32, block)
	h := NewHighPass()
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % 100 {
		copy(out, pcm[i*block:])
		h.Filter(out)
	}
}
