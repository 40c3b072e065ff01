// This file holds rooms: what becomes of a sound on its way from a loudspeaker to a microphone.

package audiotest

import (
	"math"
	"math/rand/v2"
	"time"

	"stoa/audio"
	"stoa/audio/fft"
)

// A Room is a loudspeaker, a microphone and the walls round both. The same Room always sounds alike.
type Room struct {
	Seed uint64 // of where things stand and of all noise

	// Delay passes between the moment at which a sample is given to the loudspeaker and that at which
	// its first sound reaches the microphone, in buffers and on the way through the air.
	Delay time.Duration

	// T60 is the reverberation time: after it, an echo is 60 dB weaker. 0 means 300 ms, a living room.
	T60 time.Duration

	// Loss is by how much the echo is weaker than what was played, in dB. Laptops have about 0.
	Loss float64

	// Saturation says how the loudspeaker bends: samples of that size, between 0 and 1, come out 24 %
	// smaller, and pushes differ from pulls. 0 is a loudspeaker that does not bend.
	Saturation float64

	// Clip is the size at which samples are cut off; 0 is none.
	Clip float64

	// Noise is the microphone's, white, in dB below full scale (below 0). 0 is none.
	Noise float64

	// Change is when somebody moves the laptop or opens a door: from then on the reflections are
	// others. 0 is never.
	Change time.Duration

	// PPM is by how much faster the microphone's clock runs than the loudspeaker's, in parts per
	// million.
	PPM float64
}

// Echo returns what the microphone hears of played, noise included. Both are at audio.Rate, and
// equally long.
func (r Room) Echo(played []float32) []float32 {
	way := r.begin(r.Seed)
	out := make([]float32, len(played))
	var block [audio.BlockSize]float32
	for at := 0; at < len(out); at += audio.BlockSize {
		clear(block[:])
		copy(block[:], played[at:])
		way.pass(block[:])
		copy(out[at:], block[:])
	}
	if r.PPM != 0 {
		out = drifted(out, r.PPM)
	}
	return out
}

// drifted returns x as a clock reads it that is so many ppm faster. Between samples it interpolates
// by a cubic (Catmull and Rom, 1974), whose error in speech is below -60 dB.
func drifted(x []float32, ppm float64) []float32 {
	out := make([]float32, len(x))
	for i := range out {
		whole, t := math.Modf(float64(i) / (1 + ppm*1e-6))
		at := int(whole)
		if at < 1 || at+2 >= len(x) {
			continue
		}
		a, b, c, d := float64(x[at-1]), float64(x[at]), float64(x[at+1]), float64(x[at+2])
		out[i] = float32(b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a))))
	}
	return out
}

// A way is a room as a machine: what is played goes in, block by block, and what is heard of it
// comes out.
type way struct {
	room        Room
	rnd         *rand.Rand
	waiting     []float32 // on its way, a ring
	at          int       // where in it
	before, now *convolver
	passed      int // samples
}

func (r Room) begin(seed uint64) *way {
	w := &way{
		room:    r,
		rnd:     rand.New(rand.NewPCG(seed, 2)),
		waiting: make([]float32, int(r.Delay*audio.Rate/time.Second)+1),
		now:     newConvolver(r.Response(seed)),
	}
	if r.Change > 0 {
		w.before, w.now = w.now, newConvolver(r.Response(seed+1000))
	}
	return w
}

// changing is how long it takes to move from one set of reflections to another.
const changing = 50 * time.Millisecond

// pass turns a block of what is played into what the microphone hears.
func (w *way) pass(block []float32) {
	for i, v := range block {
		w.waiting[w.at] = w.room.bend(v)
		w.at = (w.at + 1) % len(w.waiting)
		block[i] = w.waiting[w.at]
	}
	if w.before == nil {
		w.now.pass(block)
	} else {
		after := append([]float32(nil), block...)
		w.before.pass(block)
		w.now.pass(after)
		for i := range block {
			since := time.Duration(w.passed+i) * time.Second / audio.Rate
			share := float32(min(max(float64(since-w.room.Change)/float64(changing), 0), 1))
			block[i] += share * (after[i] - block[i])
		}
	}
	w.passed += len(block)
	if w.room.Noise < 0 {
		by := float32(math.Pow(10, w.room.Noise/20))
		for i := range block {
			block[i] += by * float32(w.rnd.NormFloat64())
		}
	}
}

// bend is the loudspeaker: a saturation with some asymmetry, which brings odd and even harmonics,
// then what cuts off.
func (r Room) bend(v float32) float32 {
	x := float64(v)
	if s := r.Saturation; s > 0 {
		x += 0.1 * x * x / s
		x = s * math.Tanh(x/s)
	}
	if c := r.Clip; c > 0 {
		x = min(max(x, -c), c)
	}
	return float32(x)
}

const speedOfSound = 343.0 // m/s

// Response returns the impulse response from loudspeaker to microphone, without Delay, by the image
// method of Allen and Berkley (1979) in a room of some 3 by 4 by 2.5 m. The images are displaced by
// some cm, as De Sena et al. (2015) do, so that an even box has no chirps. Its energy is Loss.
func (r Room) Response(seed uint64) []float32 {
	rnd := rand.New(rand.NewPCG(seed, 3))
	from := func(a, b float64) float64 { return a + (b-a)*rnd.Float64() }
	size := [3]float64{from(2.6, 4.2), from(3.2, 5.5), from(2.3, 2.8)}
	microphone := [3]float64{from(0.6, size[0]-0.6), from(0.6, size[1]-0.6), from(0.7, 1.1)}
	// A laptop's loudspeakers are 10 to 30 cm from its microphone.
	angle, reach := from(0, 2*math.Pi), from(0.1, 0.3)
	loudspeaker := [3]float64{
		microphone[0] + reach*math.Cos(angle), microphone[1] + reach*math.Sin(angle), microphone[2] - 0.05,
	}
	t60 := r.T60
	if t60 == 0 {
		t60 = 300 * time.Millisecond
	}
	h := images(size, loudspeaker, microphone, t60.Seconds(), rnd)
	for range 2 {
		withoutBass(h)
	}
	energy := 0.0
	for _, v := range h {
		energy += float64(v) * float64(v)
	}
	return Scale(h, -r.Loss-decibel(energy, 1))
}

// withoutBass is a high-pass of first order at 150 Hz, in place: a laptop's loudspeaker has no bass,
// and the image method has too much, since its echoes all push in the same direction.
func withoutBass(h []float32) {
	keep := math.Exp(-2 * math.Pi * 150 / audio.Rate)
	last, y := 0.0, 0.0
	for i, v := range h {
		y = keep * (y + float64(v) - last)
		last = float64(v)
		h[i] = float32(y)
	}
}

// besides is how many samples on either side render a pulse that falls between two.
const besides = 8

// between holds such pulses, from one that falls onto a sample to one that falls just before the next.
var between = func() (table [64][2*besides + 1]float64) {
	for part := range table {
		for k := range table[part] {
			t := float64(k-besides) - float64(part)/float64(len(table))
			table[part][k] = sinc(0.9*t) * (0.5 + 0.5*math.Cos(math.Pi*t/(besides+1)))
		}
	}
	return table
}()

// images adds up the sound of all mirror images of source, as heard at ear until it is 60 dB weaker.
func images(size, source, ear [3]float64, t60 float64, rnd *rand.Rand) []float32 {
	direct := distance(source, ear)
	out := make([]float32, int(t60*audio.Rate)+2*besides)
	volume := size[0] * size[1] * size[2]
	surface := 2 * (size[0]*size[1] + size[1]*size[2] + size[0]*size[2])
	// Eyring (1930): what the walls must give back for that reverberation time.
	reflection := math.Exp(-12 * math.Ln10 * volume / (speedOfSound * surface * t60))
	reach := direct + t60*speedOfSound
	add := func(path, gain float64) {
		whole, part := math.Modf((path - direct) / speedOfSound * audio.Rate)
		for k, tap := range between[int(part*float64(len(between)))] {
			if i := int(whole) + k; i < len(out) {
				out[i] += float32(gain / path * tap)
			}
		}
	}
	var many [3]int
	for d := range many {
		many[d] = int(reach/(2*size[d])) + 1
	}
	for x := -many[0]; x <= many[0]; x++ {
		for y := -many[1]; y <= many[1]; y++ {
			for z := -many[2]; z <= many[2]; z++ {
				for mirror := range 8 {
					image, bounces := source, 0
					for d, n := range [3]int{x, y, z} {
						side := mirror >> d & 1
						image[d] = 2*float64(n)*size[d] + float64(1-2*side)*source[d]
						bounces += abs(n-side) + abs(n)
					}
					if bounces > 0 {
						for d := range image {
							image[d] += 0.08 * (2*rnd.Float64() - 1)
						}
					}
					if path := max(distance(image, ear), direct); path < reach {
						add(path, math.Pow(reflection, float64(bounces)))
					}
				}
			}
		}
	}
	return out
}

func distance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

func abs(n int) int { return max(n, -n) }

// A convolver filters blocks of audio.BlockSize with a long impulse response and without delay, by
// overlap-save in equal partitions (Stockham 1966, Kulp 1988).
type convolver struct {
	f          *fft.Real
	partitions [][]complex64 // of the response
	past       [][]complex64 // spectra of the last two blocks, the newest at at
	at         int
	samples    [2 * audio.BlockSize]float32
	last       [audio.BlockSize]float32
	sum        []complex64
}

func newConvolver(response []float32) *convolver {
	c := &convolver{f: fft.NewReal(2 * audio.BlockSize)}
	c.sum = make([]complex64, c.f.Bins())
	for at := 0; at < len(response); at += audio.BlockSize {
		clear(c.samples[copy(c.samples[:audio.BlockSize], response[at:]):])
		partition := make([]complex64, c.f.Bins())
		c.f.Forward(partition, c.samples[:])
		c.partitions = append(c.partitions, partition)
		c.past = append(c.past, make([]complex64, c.f.Bins()))
	}
	return c
}

// pass filters a block in place.
func (c *convolver) pass(block []float32) {
	c.at = (c.at + len(c.past) - 1) % len(c.past)
	copy(c.samples[:], c.last[:])
	copy(c.samples[audio.BlockSize:], block)
	copy(c.last[:], block)
	c.f.Forward(c.past[c.at], c.samples[:])
	clear(c.sum)
	for i, p := range c.partitions {
		x := c.past[(c.at+i)%len(c.past)]
		for k := range c.sum {
			a, b := p[k], x[k] // by parts: Go multiplies complex64 slowly
			c.sum[k] += complex(real(a)*real(b)-imag(a)*imag(b), real(a)*imag(b)+imag(a)*real(b))
		}
	}
	c.f.Inverse(c.samples[:], c.sum)
	copy(block, c.samples[audio.BlockSize:])
}
