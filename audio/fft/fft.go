// This file holds the transform of a block of real samples and back.

// Package fft is the discrete Fourier transform of real blocks, in float32, for the stages that
// work on a microphone's sound: pure Go, and without an allocation per block.
//
// Sizes are those that audio needs, not only powers of two: the 480 samples of a 10 ms block and
// their doubles have the factors 2, 3 and 5.
package fft

import (
	"fmt"
	"math"
)

// A Real transforms blocks of one size. It keeps scratch space, so one goroutine may use it at a
// time.
type Real struct {
	size   int
	passes []pass
	turn   []complex64 // e^(-2πik/size), k up to size/4: from the half-size transform to the real one
	a, b   []complex64 // the two sides of a pass, size/2 each
}

// NewReal returns a transform of size samples. The size is even and half of it has no prime factor
// above 5; it is a constant of the program, and a wrong one panics.
func NewReal(size int) *Real {
	radices := factor(size / 2)
	if size < 2 || size%2 != 0 || radices == nil {
		panic(fmt.Sprintf("fft: no transform of %d samples", size))
	}
	half := size / 2
	f := &Real{
		size: size,
		turn: make([]complex64, half/2+1),
		a:    make([]complex64, half),
		b:    make([]complex64, half),
	}
	for k := range f.turn {
		f.turn[k] = unit(k, size)
	}
	stride := 1
	for _, radix := range radices {
		f.passes = append(f.passes, newPass(radix, half/stride, stride))
		stride *= radix
	}
	return f
}

// Size returns the number of samples of a block.
func (f *Real) Size() int { return f.size }

// Bins returns the number of bins of a spectrum, size/2 + 1: from zero frequency to half the
// sampling rate, both of which are real.
func (f *Real) Bins() int { return f.size/2 + 1 }

// Forward sets dst, Bins long, to the spectrum of src, Size long: dst[k] = Σ src[n] e^(-2πikn/size).
// src keeps its value.
func (f *Real) Forward(dst []complex64, src []float32) {
	half := f.size / 2
	src, dst = src[:2*half], dst[:half+1]
	z := f.a
	for i := range z {
		z[i] = complex(src[2*i], src[2*i+1])
	}
	z = f.run()
	// z is the spectrum of the even samples plus i times that of the odd ones. The spectrum of real
	// samples is symmetric, which tells them apart.
	dst[0] = complex(real(z[0])+imag(z[0]), 0)
	dst[half] = complex(real(z[0])-imag(z[0]), 0)
	for k := 1; k <= half/2; k++ {
		p, q := z[k], z[half-k]
		evenRe, evenIm := (real(p)+real(q))/2, (imag(p)-imag(q))/2
		oddRe, oddIm := (imag(p)+imag(q))/2, (real(q)-real(p))/2
		w := f.turn[k]
		re := real(w)*oddRe - imag(w)*oddIm
		im := real(w)*oddIm + imag(w)*oddRe
		dst[k] = complex(evenRe+re, evenIm+im)
		dst[half-k] = complex(evenRe-re, im-evenIm)
	}
}

// Inverse sets dst, Size long, to the samples whose spectrum is src, Bins long; it undoes Forward,
// scale included. The imaginary parts of the first and the last bin do not count. src keeps its
// value.
func (f *Real) Inverse(dst []float32, src []complex64) {
	half := f.size / 2
	dst, src = dst[:2*half], src[:half+1]
	z := f.a
	// The inverse is the conjugate of the forward transform of the conjugate.
	scale := 1 / float32(f.size)
	dc, top := real(src[0]), real(src[half])
	z[0] = complex((dc+top)*scale, (top-dc)*scale)
	for k := 1; k <= half/2; k++ {
		p, q := src[k], src[half-k]
		evenRe, evenIm := (real(p)+real(q))*scale, (imag(p)-imag(q))*scale
		re, im := (real(p)-real(q))*scale, (imag(p)+imag(q))*scale
		w := f.turn[k]
		oddRe := re*real(w) + im*imag(w)
		oddIm := im*real(w) - re*imag(w)
		z[k] = complex(evenRe-oddIm, -evenIm-oddRe)
		z[half-k] = complex(evenRe+oddIm, evenIm-oddRe)
	}
	z = f.run()
	for i, v := range z {
		dst[2*i], dst[2*i+1] = real(v), -imag(v)
	}
}

// run transforms f.a and returns where the result lies.
func (f *Real) run() []complex64 {
	x, y := f.a, f.b
	for i := range f.passes {
		f.passes[i].run(y, x)
		x, y = y, x
	}
	return x
}

// factor splits n into the radices of the passes, the odd ones first: the first pass has the
// shortest inner loop and gains most from a radix with much arithmetic.
func factor(n int) []int {
	radices := make([]int, 0, 8)
	for _, r := range []int{5, 3, 4, 2} {
		for n > 0 && n%r == 0 {
			radices = append(radices, r)
			n /= r
		}
	}
	if n != 1 {
		return nil
	}
	return radices
}

// unit returns e^(-2πik/n).
func unit(k, n int) complex64 {
	sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
	return complex(float32(cos), float32(sin))
}
