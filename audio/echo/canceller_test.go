package echo_test

import (
	"math"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/echo"
	"stoa/audio/voice"
)

const second = audio.Rate

// Real voices in many rooms are measured by make sound; here is that every part does its work, on
// rooms and voices that are computed.

func TestEchoGoesAndVoiceStays(t *testing.T) {
	tests := []struct {
		name   string
		room   audiotest.Room
		erle   float64
		stoi   float64
		change int // second at which something happens; what is asked is asked 4 s later again
	}{
		{"near", audiotest.Room{Seed: 1, Delay: 10 * time.Millisecond, T60: 150 * time.Millisecond, Noise: -70}, 22, 0.85, 0},
		{"far, and the loudspeaker bends", audiotest.Room{Seed: 2, Delay: 300 * time.Millisecond, T60: 250 * time.Millisecond, Noise: -70, Saturation: 0.5}, 22, 0.85, 0},
		{"the laptop is moved", audiotest.Room{Seed: 3, Delay: 60 * time.Millisecond, T60: 200 * time.Millisecond, Noise: -70, Change: 8 * time.Second}, 30, 0.85, 8},
		{"clocks differ", audiotest.Room{Seed: 4, Delay: 80 * time.Millisecond, T60: 150 * time.Millisecond, Noise: -70, PPM: 150}, 22, 0.85, 0},
	}
	if testing.Short() {
		tests = tests[:1]
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			far := audiotest.Voice(18*second, 11)
			heard := test.room.Echo(far)
			near := make([]float32, len(far))
			copy(near[14*second:], audiotest.Voice(4*second, 12))
			sent, c := treat(audiotest.Sum(heard, near), far)
			from := max(3, test.change+4) * second
			if erle := audiotest.ERLE(heard[from:14*second], sent[from:14*second]); erle < test.erle {
				t.Errorf("ERLE %.1f dB", erle)
			}
			if stoi := audiotest.STOI(near[14*second:], sent[14*second:]); stoi < test.stoi {
				t.Errorf("STOI in double talk %.3f", stoi)
			}
			h := c.Health()
			if d := h.Delay - test.room.Delay; !h.Playing || h.Left || d < -20*time.Millisecond || d > 40*time.Millisecond {
				t.Errorf("%+v", h)
			}
		})
	}
}

func TestWithoutEchoNothingChanges(t *testing.T) {
	const long = 5 * second
	far := audiotest.Voice(long, 21)
	near := audiotest.Sum(audiotest.Voice(long, 22), audiotest.Scale(audiotest.White(long, 1), -40))
	sent, c := treat(near, far)
	for i := range sent[:len(sent)-echo.Delay] {
		if d := math.Abs(float64(sent[i] - near[i])); d > 1e-5 {
			t.Fatalf("sample %d: %v, want %v", i, sent[i], near[i])
		}
	}
	if h := c.Health(); h.Playing || h.Left || h.Delay != 0 {
		t.Errorf("%+v", h)
	}
}

func TestRecovers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	room := audiotest.Room{Seed: 6, Delay: 40 * time.Millisecond, T60: 150 * time.Millisecond, Noise: -70}
	far := audiotest.Voice(6*second, 41)
	heard := room.Echo(far)
	tests := []struct {
		name      string
		near, far float32
	}{
		{"NaN", nan, nan}, {"infinite", inf, -inf}, {"huge", 1e30, -1e30}, {"tiny", 1e-40, 1e-42}, {"clipped", 1, 1}, {"silence", 0, 0},
	}
	if testing.Short() {
		tests = tests[:2]
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := echo.New()
			bad := make([]float32, block)
			badFar := make([]float32, block)
			for range 100 {
				for i := range bad {
					bad[i], badFar[i] = test.near, test.far
				}
				c.Cancel(bad, badFar)
				finite(t, bad)
			}
			sent := run(c, heard, far)
			finite(t, sent)
			if erle := audiotest.ERLE(heard[3*second:], sent[3*second:]); erle < 25 {
				t.Errorf("ERLE %.1f dB afterwards", erle)
			}
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	c := echo.New()
	far := audiotest.Voice(second, 51)
	near := make([]float32, block)
	at := 0
	if n := testing.AllocsPerRun(50, func() {
		copy(near, far[max(at-4800, 0):])
		c.Cancel(near, far[at:at+block])
		at += block
		c.Health()
	}); n != 0 {
		t.Errorf("%v allocations a block", n)
	}
}

func FuzzCancel(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 250, 255}, uint8(3))
	f.Add([]byte{128, 128, 7, 0, 0, 0, 0, 9}, uint8(40))
	f.Fuzz(func(t *testing.T, program []byte, seed uint8) {
		// Each byte is ten blocks of one kind of sound on each side.
		c := echo.New()
		voice := audiotest.Voice(second/2, uint64(seed))
		near, far := make([]float32, block), make([]float32, block)
		kinds := [16]float32{0: 0, 1: 1, 2: -1, 3: 1e9, 4: float32(math.NaN()), 5: float32(math.Inf(-1)), 6: 1e-38, 7: 0.5}
		fill := func(p []float32, kind byte, at int) {
			if kind >= 8 {
				copy(p, voice[(at*block+int(kind)*60)%(len(voice)-block):])
				return
			}
			for i := range p {
				p[i] = kinds[kind]
			}
		}
		for n, b := range program[:min(len(program), 30)] {
			if b == 255 {
				c.Shifted()
			}
			for i := range 10 {
				fill(near, b&15, n*10+i)
				fill(far, b>>4, n*10+i)
				c.Cancel(near, far)
				finite(t, near)
			}
			if h := c.Health(); math.IsNaN(float64(h.ERLE)) || h.Delay < 0 || h.Delay > time.Second {
				t.Fatalf("%+v", h)
			}
		}
	})
}

func BenchmarkCancel(b *testing.B) {
	for _, bench := range []struct {
		name string
		ppm  float64
	}{{"echo", 0}, {"two clocks", 100}} {
		b.Run(bench.name, func(b *testing.B) {
			far := audiotest.Voice(5*second, 61)
			heard := audiotest.Room{Seed: 7, Delay: 50 * time.Millisecond, Noise: -60, PPM: bench.ppm}.Echo(far)
			c := echo.New()
			near := make([]float32, block)
			at := 0
			for b.Loop() {
				copy(near, heard[at:])
				c.Cancel(near, far[at:at+block])
				at = (at + block) % len(far)
			}
		})
	}
}

const block = audio.BlockSize

// treat returns what a new canceller makes of near, without its delay.
func treat(near, far []float32) ([]float32, voice.Canceller) {
	c := echo.New()
	return run(c, near, far), c
}

func run(c voice.Canceller, near, far []float32) []float32 {
	sent := append([]float32(nil), near...)
	for i := 0; i+block <= len(sent); i += block {
		c.Cancel(sent[i:i+block], far[i:i+block])
	}
	return audiotest.Advance(sent, echo.Delay)
}

func finite(t *testing.T, p []float32) {
	t.Helper()
	for i, v := range p {
		if !(math.Abs(float64(v)) < 20) {
			t.Fatalf("sample %d is %v", i, v)
		}
	}
}
