// Tests of mixing and of the level meter.

package audio_test

import (
	"encoding/binary"
	"math"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
)

func TestSoftClip(t *testing.T) {
	last := float32(0)
	for i := range 4000 {
		v := float32(i) / 1000
		p := []float32{v, -v}
		audio.SoftClip(p)
		if p[0] != -p[1] {
			t.Fatalf("%v and %v are not symmetric", p[0], p[1])
		}
		if v <= 0.707 && p[0] != v {
			t.Fatalf("%v, below -3 dBFS, became %v", v, p[0])
		}
		if p[0] < last || p[0] > 1 {
			t.Fatalf("%v became %v after %v", v, p[0], last)
		}
		if d := p[0] - last; d > 0.00101 {
			t.Fatalf("steeper than 1 at %v", v)
		}
		last = p[0]
	}
	p := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	audio.SoftClip(p)
	if p[0] != 0 || p[1] != 1 || p[2] != -1 {
		t.Errorf("senseless samples became %v", p)
	}
}

func TestRampHasNoStep(t *testing.T) {
	p := make([]float32, 480)
	for i := range p {
		p[i] = 1
	}
	audio.Ramp(p, 0, 1)
	last := float32(0)
	for i, v := range p {
		if v-last > 1.001/480 || v < last {
			t.Fatalf("step of %v at %d", v-last, i)
		}
		last = v
	}
	if last != 1 {
		t.Errorf("ends at %v", last)
	}
}

func TestLevel(t *testing.T) {
	pcm := make([]float32, audio.FrameSize)
	tests := []struct {
		amp  float64
		want uint8
	}{{1, 3}, {0.1, 23}, {0.01, 43}, {1e-6, 123}, {0, 127}, {1e-9, 127}, {10, 0}}
	for _, tt := range tests {
		audiotest.Tone(400, tt.amp)(0, pcm)
		if got := audio.Level(pcm); got != tt.want {
			t.Errorf("a tone of amplitude %v has level %d, want %d", tt.amp, got, tt.want)
		}
	}
	pcm[7] = float32(math.NaN())
	if got := audio.Level(pcm); got != audio.Silence {
		t.Errorf("no number has level %d", got)
	}
	if audio.Level(nil) != audio.Silence {
		t.Error("nothing is not silent")
	}
}

func BenchmarkSoftClip(b *testing.B) {
	p := make([]float32, audio.BlockSize)
	for b.Loop() {
		audiotest.Tone(400, 0.9)(0, p[:16])
		audio.SoftClip(p)
	}
}

// FuzzLimit mixes anything: what is played is a number within full scale, and what follows a block gone
// mad is as it was meant within two seconds.
func FuzzLimit(f *testing.F) {
	f.Add([]byte{0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f, 0, 0, 0x80, 0xff, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		var l audio.Limiter
		p := make([]float32, audio.BlockSize)
		for i := range min(len(data)/4, 20*len(p)) {
			p[i%len(p)] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			if i%len(p) < len(p)-1 && i < len(data)/4-1 {
				continue
			}
			l.Limit(p)
			audio.SoftClip(p)
			for k, v := range p {
				if !(v >= -1 && v <= 1) {
					t.Fatalf("sample %d is %v", k, v)
				}
			}
		}
		for range 250 {
			for i := range p {
				p[i] = 0.5
			}
			l.Limit(p)
		}
		if p[len(p)-1] < 0.499 || p[len(p)-1] > 0.501 {
			t.Fatalf("a sample of 0.5 is played at %v", p[len(p)-1])
		}
	})
}
