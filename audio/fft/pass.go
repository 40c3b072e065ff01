// This file holds the passes of the complex transform.

package fft

// A pass is one step of Stockham's transform (Cochran et al., "What is the fast Fourier
// transform?", 1967; Van Loan, "Computational frameworks for the FFT", 1992, section 1.7): it
// splits length interleaved sequences by its radix and writes them in the order the next pass
// wants, so that no reordering by reversed bits is needed.
//
// Products are written out by parts, since the compiler computes those of complex64 in float64.
type pass struct {
	radix  int
	stride int         // how many sequences lie interleaved
	twist  []complex64 // radix-1 factors for each of length/radix positions
}

func newPass(radix, length, stride int) pass {
	p := pass{radix: radix, stride: stride}
	for i := range length / radix {
		for k := 1; k < radix; k++ {
			p.twist = append(p.twist, unit(i*k, length))
		}
	}
	return p
}

func (p *pass) run(y, x []complex64) {
	switch p.radix {
	case 2:
		p.run2(y, x)
	case 3:
		p.run3(y, x)
	case 4:
		p.run4(y, x)
	case 5:
		p.run5(y, x)
	}
}

// Mul is a product in float32; the compiler makes that of complex64 in float64.
func Mul(a, b complex64) complex64 {
	return complex(real(a)*real(b)-imag(a)*imag(b), real(a)*imag(b)+imag(a)*real(b))
}

// Each of these does, for every position i and sequence q,
//
//	y[radix·i + k] = twist^k · Σ_m x[i + m·length/radix] e^(-2πikm/radix)

func (p *pass) run2(y, x []complex64) {
	s := p.stride
	n := len(x) / 2
	for i, w := range p.twist {
		at := i * s
		x0, x1 := x[at:at+s], x[at+n:at+n+s]
		y0, y1 := y[2*at:2*at+s], y[2*at+s:2*at+2*s]
		x1, y0, y1 = x1[:len(x0)], y0[:len(x0)], y1[:len(x0)]
		for q, a := range x0 {
			b := x1[q]
			y0[q] = a + b
			y1[q] = Mul(w, a-b)
		}
	}
}

func (p *pass) run3(y, x []complex64) {
	const sin60 = 0.86602540378443864676
	s := p.stride
	n := len(x) / 3
	for i := 0; i < len(p.twist)/2; i++ {
		w1, w2 := p.twist[2*i], p.twist[2*i+1]
		at := i * s
		x0, x1, x2 := x[at:at+s], x[at+n:at+n+s], x[at+2*n:at+2*n+s]
		y := y[3*at : 3*at+3*s]
		y0, y1, y2 := y[:s], y[s:2*s], y[2*s:3*s]
		x1, x2 = x1[:len(x0)], x2[:len(x0)]
		y0, y1, y2 = y0[:len(x0)], y1[:len(x0)], y2[:len(x0)]
		for q, a := range x0 {
			b, c := x1[q], x2[q]
			sum, diff := b+c, b-c
			mid := complex(real(a)-real(sum)/2, imag(a)-imag(sum)/2)
			side := complex(sin60*imag(diff), -sin60*real(diff)) // -i sin60 (b-c)
			y0[q] = a + sum
			y1[q] = Mul(w1, mid+side)
			y2[q] = Mul(w2, mid-side)
		}
	}
}

func (p *pass) run4(y, x []complex64) {
	s := p.stride
	n := len(x) / 4
	for i := 0; i < len(p.twist)/3; i++ {
		w1, w2, w3 := p.twist[3*i], p.twist[3*i+1], p.twist[3*i+2]
		at := i * s
		x0, x1, x2, x3 := x[at:at+s], x[at+n:at+n+s], x[at+2*n:at+2*n+s], x[at+3*n:at+3*n+s]
		y := y[4*at : 4*at+4*s]
		y0, y1, y2, y3 := y[:s], y[s:2*s], y[2*s:3*s], y[3*s:4*s]
		x1, x2, x3 = x1[:len(x0)], x2[:len(x0)], x3[:len(x0)]
		y0, y1, y2, y3 = y0[:len(x0)], y1[:len(x0)], y2[:len(x0)], y3[:len(x0)]
		for q, a := range x0 {
			b, c, d := x1[q], x2[q], x3[q]
			even, odd := a+c, b+d
			evenDiff, oddDiff := a-c, b-d
			side := complex(imag(oddDiff), -real(oddDiff)) // -i (b-d)
			y0[q] = even + odd
			y1[q] = Mul(w1, evenDiff+side)
			y2[q] = Mul(w2, even-odd)
			y3[q] = Mul(w3, evenDiff-side)
		}
	}
}

func (p *pass) run5(y, x []complex64) {
	const (
		cos72  = 0.30901699437494742410
		cos144 = -0.80901699437494742410
		sin72  = 0.95105651629515357212
		sin144 = 0.58778525229247312917
	)
	s := p.stride
	n := len(x) / 5
	for i := 0; i < len(p.twist)/4; i++ {
		w1, w2, w3, w4 := p.twist[4*i], p.twist[4*i+1], p.twist[4*i+2], p.twist[4*i+3]
		at := i * s
		for q := at; q < at+s; q++ {
			a, b, c, d, e := x[q], x[q+n], x[q+2*n], x[q+3*n], x[q+4*n]
			near, nearDiff := b+e, b-e
			far, farDiff := c+d, c-d
			mid1 := complex(real(a)+cos72*real(near)+cos144*real(far), imag(a)+cos72*imag(near)+cos144*imag(far))
			mid2 := complex(real(a)+cos144*real(near)+cos72*real(far), imag(a)+cos144*imag(near)+cos72*imag(far))
			side1 := complex(sin72*imag(nearDiff)+sin144*imag(farDiff), -sin72*real(nearDiff)-sin144*real(farDiff))
			side2 := complex(sin144*imag(nearDiff)-sin72*imag(farDiff), sin72*real(farDiff)-sin144*real(nearDiff))
			o := 4*at + q // 5·at + (q-at)
			y[o] = a + near + far
			y[o+s] = Mul(w1, mid1+side1)
			y[o+2*s] = Mul(w2, mid2+side2)
			y[o+3*s] = Mul(w3, mid2-side2)
			y[o+4*s] = Mul(w4, mid1-side1)
		}
	}
}
