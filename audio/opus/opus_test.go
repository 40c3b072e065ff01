// Tests of the codec by its sound: level and alignment, recovery of what is lost, pauses, refusals.

package opus

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"stoa/audio"
)

// voice is n frames of something that the encoder takes for speech: a gliding buzz through two
// formants, in syllables of a quarter of a second.
func voice(n int) []float32 {
	pcm := make([]float32, n*audio.FrameSize)
	var phase float64
	var low, mid [2]float64
	for i := range pcm {
		t := float64(i) / audio.Rate
		phase += (120 + 25*math.Sin(2*math.Pi*0.7*t)) / audio.Rate
		buzz := 0.0
		if phase >= 1 {
			phase--
			buzz = 1
		}
		x := resonate(&low, buzz, 600+200*math.Sin(2*math.Pi*1.1*t), 0.995) +
			0.5*resonate(&mid, buzz, 1500+400*math.Sin(2*math.Pi*0.9*t), 0.99)
		pcm[i] = float32(0.05 * x * math.Pow(math.Sin(math.Pi*4*t), 2))
	}
	return pcm
}

// resonate is a two-pole filter at freq Hz.
func resonate(s *[2]float64, x, freq, r float64) float64 {
	y := x + 2*r*math.Cos(2*math.Pi*freq/audio.Rate)*s[0] - r*r*s[1]
	s[1], s[0] = s[0], y
	return y
}

func newPair(t testing.TB) (*Encoder, *Decoder) {
	t.Helper()
	enc, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	dec, err := NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return enc, dec
}

func frame(pcm []float32, i int) []float32 {
	return pcm[i*audio.FrameSize:][:audio.FrameSize]
}

// encodeAll returns the packets of whole frames of pcm.
func encodeAll(t testing.TB, enc *Encoder, pcm []float32) [][]byte {
	t.Helper()
	var packets [][]byte
	buf := make([]byte, audio.MaxPayload)
	for i := range len(pcm) / audio.FrameSize {
		n, err := enc.Encode(frame(pcm, i), buf)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, bytes.Clone(buf[:n]))
	}
	return packets
}

func power(pcm []float32) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return sum / float64(len(pcm))
}

func dB(ratio float64) float64 { return 10 * math.Log10(ratio) }

// lag is the shift, up to limit samples, by which b repeats a best.
func lag(a, b []float32, limit int) int {
	best, at := math.Inf(-1), 0
	for shift := range limit {
		sum := 0.0
		for i := range len(a) - limit {
			sum += float64(a[i]) * float64(b[i+shift])
		}
		if sum > best {
			best, at = sum, shift
		}
	}
	return at
}

func TestRoundTripKeepsLevelAndTime(t *testing.T) {
	recorder, err := NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	sender, _ := newPair(t)
	for name, enc := range map[string]*Encoder{"sender": sender, "recorder": recorder} {
		t.Run(name, func(t *testing.T) {
			pcm := voice(50)
			got := make([]float32, len(pcm))
			dec, err := NewDecoder()
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range encodeAll(t, enc, pcm) {
				if err := dec.Decode(p, frame(got, i)); err != nil {
					t.Fatal(err)
				}
			}
			// SILK's own filters move the best fit by a few samples.
			if shift := lag(pcm[:24000], got[:24000], 600); shift < PreSkip-10 || shift > PreSkip+10 {
				t.Errorf("delay of %d samples, want %d", shift, PreSkip)
			}
			if d := dB(power(got[PreSkip:]) / power(pcm)); math.Abs(d) > 1 {
				t.Errorf("level changed by %.2f dB", d)
			}
		})
	}
}

// Error correction must rebuild a lost frame better than concealment can guess it.
func TestFECBeatsConcealment(t *testing.T) {
	pcm := voice(100)
	enc, _ := newPair(t)
	if err := enc.SetLoss(15); err != nil {
		t.Fatal(err)
	}
	packets := encodeAll(t, enc, pcm)
	lost := func(i int) bool { return i > 10 && i%5 == 0 && i+1 < len(packets) }
	whole := play(t, packets, nil)
	fec := play(t, packets, func(d *Decoder, i int, out []float32) error {
		if !lost(i) {
			return d.Decode(packets[i], out)
		}
		return d.DecodeFEC(packets[i+1], out)
	})
	plc := play(t, packets, func(d *Decoder, i int, out []float32) error {
		if !lost(i) {
			return d.Decode(packets[i], out)
		}
		return d.Conceal(out)
	})
	a, b := snr(whole, fec), snr(whole, plc)
	t.Logf("20 %% lost: error correction %.1f dB, concealment %.1f dB", a, b)
	if a < b+3 {
		t.Errorf("error correction %.1f dB is not 3 dB better than concealment at %.1f dB", a, b)
	}
}

// play makes every frame with step, or by decoding its packet when step is nil.
func play(t *testing.T, packets [][]byte, step func(d *Decoder, i int, out []float32) error) []float32 {
	t.Helper()
	_, dec := newPair(t)
	if step == nil {
		step = func(d *Decoder, i int, out []float32) error { return d.Decode(packets[i], out) }
	}
	out := make([]float32, len(packets)*audio.FrameSize)
	for i := range packets {
		if err := step(dec, i, frame(out, i)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func snr(want, got []float32) float64 {
	noise := make([]float32, len(want))
	for i := range want {
		noise[i] = got[i] - want[i]
	}
	return dB(power(want) / power(noise))
}

func TestSilenceIsPause(t *testing.T) {
	enc, dec := newPair(t)
	pcm := append(voice(50), make([]float32, 150*audio.FrameSize)...)
	packets := encodeAll(t, enc, pcm)
	pauses := 0
	out := make([]float32, audio.FrameSize)
	for i, p := range packets {
		if i >= 100 && len(p) <= audio.MaxPause {
			pauses++
		}
		if err := dec.Decode(p, out); err != nil {
			t.Fatalf("frame %d of %d bytes: %v", i, len(p), err)
		}
	}
	if pauses < 85 {
		t.Errorf("%d of 100 silent frames are pauses, want 85", pauses)
	}
	if p := power(out); p > 1e-8 {
		t.Errorf("silence sounds at %.1f dB", dB(p))
	}
}

func TestRecorderMakesNoPause(t *testing.T) {
	enc, err := NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range encodeAll(t, enc, make([]float32, 50*audio.FrameSize)) {
		if len(p) <= audio.MaxPause {
			t.Fatalf("frame %d has %d bytes", i, len(p))
		}
	}
}

// Music goes on through silence, where a voice pauses, and one encoder does both in turn, with what
// it was told before.
func TestMusicKeepsSilence(t *testing.T) {
	enc, dec := newPair(t)
	if err := enc.SetBitrate(24000); err != nil {
		t.Fatal(err)
	}
	out := make([]float32, audio.FrameSize)
	for _, music := range []bool{true, false, true} {
		if err := enc.SetMusic(music); err != nil {
			t.Fatal(err)
		}
		size, pauses := 0, 0
		for i, p := range encodeAll(t, enc, append(voice(100), make([]float32, 100*audio.FrameSize)...)) {
			if i < 100 {
				size += len(p)
			} else if len(p) <= audio.MaxPause {
				pauses++
			}
			if err := dec.Decode(p, out); err != nil {
				t.Fatalf("music %v: frame %d: %v", music, i, err)
			}
		}
		if rate := size * 8 / 2; rate < 19000 || rate > 29000 {
			t.Errorf("music %v: %d bit/s, want 24000", music, rate)
		}
		if music != (pauses == 0) {
			t.Errorf("music %v: %d pauses", music, pauses)
		}
	}
}

// A switch between voice and music keeps the complexity.
func TestComplexityIsKept(t *testing.T) {
	enc, _ := newPair(t)
	for _, level := range []int{0, 11} {
		if enc.SetComplexity(level) == nil {
			t.Errorf("a complexity of %d was accepted", level)
		}
	}
	if err := enc.SetComplexity(3); err != nil {
		t.Fatal(err)
	}
	for _, music := range []bool{true, false} {
		if err := enc.SetMusic(music); err != nil {
			t.Fatal(err)
		}
		if got, err := enc.enc.Complexity(); err != nil || got != 3 {
			t.Errorf("music %v: complexity %d, %v", music, got, err)
		}
	}
}

// A thin line gets a thin voice: what the encoder makes of speech follows what it is told.
func TestBitrate(t *testing.T) {
	pcm := voice(200)
	for _, want := range []int{8000, 16000, 32000} {
		enc, _ := newPair(t)
		if err := enc.SetBitrate(want); err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, p := range encodeAll(t, enc, pcm) {
			size += len(p)
		}
		if got := size * 8 / 4; float64(got) < 0.8*float64(want) || float64(got) > 1.15*float64(want) {
			t.Errorf("%d bit/s of speech, want %d", got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	enc, dec := newPair(t)
	buf, pcm := make([]byte, audio.MaxPayload), make([]float32, audio.FrameSize)
	if _, err := enc.Encode(pcm[1:], buf); err == nil {
		t.Error("a short frame was encoded")
	}
	if _, err := enc.Encode(pcm, buf[1:]); err == nil {
		t.Error("a short buffer was encoded into")
	}
	for _, p := range []int{-1, 101} {
		if enc.SetLoss(p) == nil {
			t.Errorf("a loss of %d percent was accepted", p)
		}
	}
	for _, r := range []int{5999, 510001} {
		if enc.SetBitrate(r) == nil {
			t.Errorf("a bitrate of %d was accepted", r)
		}
	}
	packets := encodeAll(t, enc, voice(10))
	good := packets[9]
	reference := play(t, packets, nil)
	for i, p := range packets[:9] {
		if err := dec.Decode(p, pcm); err != nil {
			t.Fatal(i, err)
		}
	}
	for name, p := range map[string][]byte{
		"empty":           {},
		"10 ms":           {0 << 3},
		"60 ms":           {3 << 3, 0, 0},
		"two frames":      append([]byte{good[0]&^3 | 1}, good[1:]...),
		"no count":        {1<<3 | 3},
		"count of zero":   {1<<3 | 3, 0},
		"above 120 ms":    {1<<3 | 3, 7},
		"broken padding":  {1<<3 | 3, 0x41, 255},
		"broken two x 10": {0<<3 | 2, 200},
	} {
		if err := dec.Decode(p, pcm); !errors.Is(err, ErrPacket) {
			t.Errorf("%s: Decode says %v", name, err)
		}
		if err := dec.DecodeFEC(p, pcm); !errors.Is(err, ErrPacket) {
			t.Errorf("%s: DecodeFEC says %v", name, err)
		}
	}
	if dec.Decode(good, pcm[1:]) == nil || dec.DecodeFEC(good, pcm[1:]) == nil || dec.Conceal(pcm[1:]) == nil {
		t.Error("a short frame was decoded into")
	}
	// None of it may have left a trace.
	if err := dec.Decode(good, pcm); err != nil {
		t.Fatal(err)
	}
	if snr(frame(reference, 9), pcm) < 100 {
		t.Error("a refused packet changed the decoder")
	}
}

func TestReset(t *testing.T) {
	enc, dec := newPair(t)
	packets := encodeAll(t, enc, voice(20))
	want, got := make([]float32, audio.FrameSize), make([]float32, audio.FrameSize)
	if err := dec.Decode(packets[19], want); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := dec.Decode(p, got); err != nil {
			t.Fatal(err)
		}
	}
	if err := dec.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := dec.Decode(packets[19], got); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatal("the decoder remembers what it heard before Reset")
		}
	}
}

func TestNoAllocation(t *testing.T) {
	enc, dec := newPair(t)
	pcm, buf := voice(1), make([]byte, audio.MaxPayload)
	out := make([]float32, audio.FrameSize)
	n, err := enc.Encode(pcm, buf)
	if err != nil {
		t.Fatal(err)
	}
	payload := bytes.Clone(buf[:n])
	for name, f := range map[string]func() error{
		"Encode":    func() error { _, err := enc.Encode(pcm, buf); return err },
		"Decode":    func() error { return dec.Decode(payload, out) },
		"DecodeFEC": func() error { return dec.DecodeFEC(payload, out) },
		"Conceal":   func() error { return dec.Conceal(out) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   int
	}{
		{nil, 0},
		{[]byte{0 << 3}, 480},
		{[]byte{3 << 3}, 2880},
		{[]byte{11<<3 | 1}, 5760},
		{[]byte{12 << 3}, 480},
		{[]byte{15<<3 | 2}, 1920},
		{[]byte{16 << 3}, 120},
		{[]byte{31 << 3}, 960},
		{[]byte{16<<3 | 3, 48}, 5760},
		{[]byte{16<<3 | 3, 0xC0 | 3}, 360},
		{[]byte{16<<3 | 3, 49}, 0},
		{[]byte{31<<3 | 3}, 0},
	} {
		if got := Samples(c.packet); got != c.want {
			t.Errorf("Samples(%x) = %d, want %d", c.packet, got, c.want)
		}
	}
}

// Whatever a stranger sends, the decoder must refuse it or fill the frame, and Samples must agree
// with libopus on how much that is.
func FuzzDecode(f *testing.F) {
	enc, _ := newPair(f)
	for _, p := range encodeAll(f, enc, voice(6)) {
		f.Add(p)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for config := range byte(32) {
		p := []byte{config << 3, 0, 0, 0, 0, 0}
		for i := range p[1:] {
			p[1+i] = byte(r.Uint32())
		}
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		_, dec := newPair(t)
		pcm := make([]float32, MaxPacketSamples)
		n, err := dec.DecodePacket(p, pcm)
		if err == nil {
			if last, _ := dec.dec.LastPacketDuration(); last != n {
				t.Errorf("%d samples by Samples, %d by libopus", n, last)
			}
		}
		for _, s := range pcm[n:] {
			if s != 0 {
				t.Fatal("wrote beyond the packet's length")
			}
		}
		// Errors are fine here; crashes, and writing elsewhere, are not.
		_ = dec.DecodeFEC(p, pcm[:audio.FrameSize])
		_ = dec.Decode(p, pcm[:audio.FrameSize])
	})
}

func BenchmarkEncode(b *testing.B) {
	for _, level := range []int{10, 8, 5, 2} {
		b.Run(fmt.Sprint("complexity", level), func(b *testing.B) {
			enc, _ := newPair(b)
			if err := enc.SetComplexity(level); err != nil {
				b.Fatal(err)
			}
			pcm, buf := voice(50), make([]byte, audio.MaxPayload)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := enc.Encode(frame(pcm, i%50), buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	enc, dec := newPair(b)
	packets := encodeAll(b, enc, voice(50))
	out := make([]float32, audio.FrameSize)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := dec.Decode(packets[i%50], out); err != nil {
			b.Fatal(err)
		}
	}
}
