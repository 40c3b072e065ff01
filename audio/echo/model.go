// This file holds the model of the way from loudspeaker to microphone.

package echo

import "stoa/audio/fft"

const (
	// partitions is the length of the modelled response in blocks: 280 ms. Of those, 30 ms may be
	// before the echo.
	partitions = 28

	// keep is how much of the response is believed to be the same after a block, the A of the state
	// model. Nearer to 1 the model is more exact while somebody near speaks, and slower after a change.
	keep = 0.9985

	// expected is the power of a response of which nothing is known, at its beginning, and fading how
	// much of it is left after a block: together an echo 2 dB louder than what was played. The model
	// learns fast from echoes up to that.
	expected = 0.3
	fading   = 0.8

	// After a change the first sound may come up to jump blocks later, and have as much of the power
	// as anywhere. More would be learnt faster, and more of a near voice too.
	jump     = 8
	anywhere = 0.1

	// noiseMemory is how much of the power of what is not echo is kept each block.
	noiseMemory = 0.85

	// noiseLeast keeps divisions sane: -100 dB of full scale.
	noiseLeast = 1e-7

	// constrained is how many partitions are constrained each block, in turn. All would be better by
	// nothing that can be measured, and cost twice as much as the rest.
	constrained = 3
)

// A model estimates the echo. It is a partitioned-block frequency-domain adaptive Kalman filter:
// the response of the room is cut in partitions of a block, and what is kept of each of their bins
// is the most probable value and the variance of its error. How far a bin moves with an error
// follows from that variance and from the power of what is not echo. So a near voice, which is
// much power of that kind, stops the learning by itself.
//
//	G. Enzner, P. Vary: "Frequency-domain adaptive Kalman filter for acoustic echo control in
//	hands-free telephones", Signal Processing 86, 2006
//	F. Kuech, E. Mabande, G. Enzner: "State-space architecture of the partitioned-block-based
//	acoustic echo controller", ICASSP 2014
type model struct {
	fft      *fft.Real
	delay    int // blocks before the response begins
	response [partitions]*[bins]complex64
	unsure   [partitions]*[bins]float32 // variance of the error of response
	noise    [bins]float32              // power of what is not echo, in spectra of error
	turn     int                        // the partition to be constrained next
	belief   belief
	clock    clock

	time      [frame]float32
	sum       [bins]complex64 // the estimate, or the error
	estimated [bins]complex64
	misjudged [bins]float32 // power of the echo that is expected in the error
	step      [bins]float32
}

func newModel() *model {
	m := &model{fft: fft.NewReal(frame)}
	for p := range m.response {
		m.response[p], m.unsure[p] = new([bins]complex64), new([bins]float32)
	}
	m.expect(expected, 1)
	return m
}

// expect makes the model at least as unsure as one that knows only the power of a partition of the
// response, that it is as much in so many from the beginning on, and fades then.
func (m *model) expect(power float32, so int) {
	for p, v := range m.unsure {
		for k := range v {
			v[k] = max(v[k], power)
		}
		if p+1 >= so {
			power *= fading
		}
	}
}

// mistrust says that the response has changed, and that scale times what is known of it is the best
// guess at what it is now.
func (m *model) mistrust(scale float32) {
	var total float32
	for _, w := range m.response {
		for k, v := range w {
			total += power(v)
			w[k] = complex(real(v)*scale, imag(v)*scale)
		}
	}
	lost := min((1-scale)*(1-scale), 1)
	m.expect(anywhere*lost*total/bins, jump)
	m.belief.again()
	m.clock.wait()
}

// move lets the response begin at another delay. What is known of it stays at its place.
func (m *model) move(to int) {
	by := to - m.delay
	m.delay = to
	const last = partitions - 1
	for ; by > 0; by-- {
		w, v := m.response[0], m.unsure[0]
		copy(m.response[:], m.response[1:])
		copy(m.unsure[:], m.unsure[1:])
		m.response[last], m.unsure[last] = w, v
		*w, *v = [bins]complex64{}, *m.unsure[last-1]
	}
	for ; by < 0; by++ {
		w, v := m.response[last], m.unsure[last]
		copy(m.response[1:], m.response[:])
		copy(m.unsure[1:], m.unsure[:])
		m.response[0], m.unsure[0] = w, v
		*w, *v = [bins]complex64{}, *m.unsure[1]
	}
	m.expect(expected, 1)
}

// cancel sets estimate to the echo in near, and near to what is left without it; then it learns.
func (m *model) cancel(far *history, near, estimate []float32) {
	m.turnWith(m.clock.rate)
	m.predict(far)
	m.fft.Inverse(m.time[:], m.sum[:])
	copy(estimate, m.time[block:])
	clear(m.time[:block])
	m.fft.Forward(m.estimated[:], m.time[:])
	for i, v := range estimate {
		near[i] -= v
	}
	copy(m.time[block:], near)
	m.fft.Forward(m.sum[:], m.time[:])

	changed, scale := m.belief.update(&m.estimated, &m.sum, &m.noise)
	m.clock.update(&m.estimated, &m.sum, &m.noise)
	m.learn(far)
	if changed {
		m.mistrust(scale)
	}
	for range constrained {
		m.constrain(m.turn)
		m.turn = (m.turn + 1) % partitions
	}
}

// predict sets sum to the spectrum of the echo, and misjudged to the power of its error.
func (m *model) predict(far *history) {
	sum, misjudged := &m.sum, &m.misjudged
	*sum, *misjudged = [bins]complex64{}, [bins]float32{}
	for p := range m.response {
		x, px := far.spectrum(m.delay+p), far.power(m.delay+p)
		w, v := m.response[p], m.unsure[p]
		for k := range sum {
			sum[k] += fft.Mul(x[k], w[k])
			misjudged[k] += px[k] * v[k]
		}
	}
	// The error is known for one half of the frame alone, so half of its power is.
	for k := range misjudged {
		misjudged[k] /= 2
	}
}

// learn follows the error in sum.
func (m *model) learn(far *history) {
	for k, e := range m.sum {
		m.noise[k] = noiseMemory*m.noise[k] + (1-noiseMemory)*power(e)
		g := 0.5 / (m.misjudged[k] + m.noise[k] + noiseLeast)
		m.sum[k] = complex(real(e)*g, imag(e)*g)
		m.step[k] = g / 2
	}
	const (
		kept  = keep * keep
		added = 1 - kept
	)
	e, step := &m.sum, &m.step
	for p := range m.response {
		x, px := far.spectrum(m.delay+p), far.power(m.delay+p)
		w, v := m.response[p], m.unsure[p]
		for k := range e {
			u := v[k]
			d := dot(x[k], e[k])
			a := complex(real(w[k])+u*real(d), imag(w[k])+u*imag(d))
			w[k] = a
			v[k] = kept*(1-step[k]*px[k]*u)*u + added*power(a)
		}
	}
}

// constrain makes partition p again the spectrum of a block of samples, and not of a frame.
func (m *model) constrain(p int) {
	w := m.response[p]
	m.fft.Inverse(m.time[:], w[:])
	m.carry(p)
	clear(m.time[block:])
	m.fft.Forward(w[:], m.time[:])
}
