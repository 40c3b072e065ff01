package fft_test

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"stoa/audio/fft"
)

// sizes hold every radix alone, every order of two, and those in use.
var sizes = []int{2, 4, 6, 8, 10, 12, 16, 18, 20, 24, 30, 50, 60, 90, 150, 240, 256, 480, 512, 960, 1024, 1920}

func TestForwardIsTheDefinition(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			f := fft.NewReal(size)
			x := noise(size, 1)
			before := append([]float32(nil), x...)
			got := make([]complex64, f.Bins())
			f.Forward(got, x)
			for k, want := range naive(x) {
				if d := cmplx.Abs(complex128(got[k]) - want); d > 3e-6*math.Sqrt(float64(size)) {
					t.Errorf("bin %d: %v, want %v", k, got[k], want)
				}
			}
			for i := range x {
				if x[i] != before[i] {
					t.Fatal("Forward changed its source")
				}
			}
		})
	}
}

func TestInverseUndoesForward(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			f := fft.NewReal(size)
			x := noise(size, 2)
			spectrum := make([]complex64, f.Bins())
			f.Forward(spectrum, x)
			before := append([]complex64(nil), spectrum...)
			got := make([]float32, size)
			f.Inverse(got, spectrum)
			for i := range x {
				if d := math.Abs(float64(got[i] - x[i])); d > 2e-6 {
					t.Fatalf("sample %d: %v, want %v", i, got[i], x[i])
				}
			}
			for i := range spectrum {
				if spectrum[i] != before[i] {
					t.Fatal("Inverse changed its source")
				}
			}
		})
	}
}

// Inverse alone must be right too for a spectrum that no Forward has made: one bin is one wave.
func TestInverseOfOneBinIsAWave(t *testing.T) {
	const size = 960
	f := fft.NewReal(size)
	for _, bin := range []int{0, 1, 7, 239, 240, 241, 479, 480} {
		spectrum := make([]complex64, f.Bins())
		spectrum[bin] = size
		got := make([]float32, size)
		f.Inverse(got, spectrum)
		amplitude := 2.0
		if bin == 0 || bin == size/2 {
			amplitude = 1
		}
		for i, v := range got {
			want := amplitude * math.Cos(2*math.Pi*float64(bin*i%size)/size)
			if math.Abs(float64(v)-want) > 2e-5 {
				t.Fatalf("bin %d, sample %d: %v, want %v", bin, i, v, want)
			}
		}
	}
}

func TestWrongSizePanics(t *testing.T) {
	for _, size := range []int{-2, 0, 1, 3, 14, 961} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			fft.NewReal(size)
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	f := fft.NewReal(960)
	x, spectrum := noise(960, 3), make([]complex64, f.Bins())
	if n := testing.AllocsPerRun(10, func() {
		f.Forward(spectrum, x)
		f.Inverse(x, spectrum)
	}); n != 0 {
		t.Errorf("%v allocations a block", n)
	}
}

func BenchmarkReal(b *testing.B) {
	for _, size := range []int{480, 512, 960, 1024} {
		f := fft.NewReal(size)
		x, spectrum := noise(size, 4), make([]complex64, f.Bins())
		b.Run(fmt.Sprintf("forward/%d", size), func(b *testing.B) {
			for b.Loop() {
				f.Forward(spectrum, x)
			}
		})
		b.Run(fmt.Sprintf("inverse/%d", size), func(b *testing.B) {
			for b.Loop() {
				f.Inverse(x, spectrum)
			}
		})
	}
}

func naive(x []float32) []complex128 {
	spectrum := make([]complex128, len(x)/2+1)
	for k := range spectrum {
		for n, v := range x {
			spectrum[k] += complex(float64(v), 0) * cmplx.Rect(1, -2*math.Pi*float64(k*n%len(x))/float64(len(x)))
		}
	}
	return spectrum
}

func noise(n int, seed uint64) []float32 {
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = random.Float32()*2 - 1
	}
	return x
}
