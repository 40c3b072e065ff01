// This file holds models of real paths, for the jitter buffer. They are generated: recordings of
// arrivals that may be copied were not to be had. Each follows what somebody has measured and
// published; the numbers are theirs where they gave any, and ours where they gave a shape.

package audiotest

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"stoa/audio"
)

// A Trace is a path that changes while it is used.
type Trace struct {
	Name  string
	After string // whose measurements it follows

	// Calm is when the path is at rest again after each disturbance that is meant to pass; empty
	// where there is none.
	Calm []time.Duration

	delay func(rnd *rand.Rand) func(sent time.Duration) time.Duration
	base  func(sent time.Duration) time.Duration // the least that the path takes at the time
	loss  float64
}

// Base returns the least that a packet sent at sent can take.
func (tr Trace) Base(sent time.Duration) time.Duration {
	if tr.base == nil {
		return traceBase
	}
	return tr.base(sent)
}

const traceBase = 30 * time.Millisecond

// Deliver sends packets, each at the end of its frame, and returns the arrivals in order of time.
func (tr Trace) Deliver(seed uint64, packets []audio.Packet) []Arrival {
	rnd := rand.New(rand.NewPCG(seed, 2))
	delay := tr.delay(rnd)
	var out []Arrival
	for _, p := range packets {
		sent := time.Duration(p.Index+1) * audio.FrameTime
		late := max(delay(sent), 0)
		if rnd.Float64() >= tr.loss {
			out = append(out, Arrival{p, sent + tr.Base(sent) + late})
		}
	}
	slices.SortStableFunc(out, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	return out
}

// Traces are the paths, each for a minute.
func Traces() []Trace {
	const s = time.Second
	return []Trace{
		{Name: "steady", After: "queues at rest have an exponential tail: Bolot, SIGCOMM 1993", delay: exponential(time.Millisecond)},
		{Name: "wifi", After: "bursts held back by contention and scanning and then let go back to back: Pei et al., INFOCOM 2016",
			delay: wifi, loss: 0.002},
		{Name: "4g", After: "scheduling grants and HARQ rounds of 8 ms (3GPP TS 36.321), handovers of 50 to 80 ms, tail of generalised extreme values: Di Mauro and Liotta, IEEE Access 2019",
			delay: lte, loss: 0.003},
		{Name: "spikes", After: "a delay that jumps and falls back as the queue empties: Ramjee et al., INFOCOM 1994",
			delay: spikes, Calm: []time.Duration{15*s + 400*time.Millisecond, 30*s + 400*time.Millisecond, 45*s + 400*time.Millisecond}},
		{Name: "one spike", After: "the same, once",
			delay: spike(20*s, 250*time.Millisecond), Calm: []time.Duration{20*s + 350*time.Millisecond}},
		{Name: "reordering", After: "two ways side by side, one longer: Bennett et al., IEEE/ACM Trans. Networking 1999", delay: reordering},
		{Name: "bufferbloat", After: "a download fills the queue of the access line, again and again: Gettys and Nichols, CACM 2012", delay: sawtooth},
		{Name: "route step", After: "routes change for good: Paxson, IEEE/ACM Trans. Networking 1997", delay: exponential(time.Millisecond),
			base: func(sent time.Duration) time.Duration {
				if sent > 20*s && sent < 40*s {
					return traceBase + 80*time.Millisecond
				}
				return traceBase
			}, Calm: []time.Duration{20 * s, 40 * s}},
		{Name: "clock step", After: "the speaker's sound card runs 200 ppm slow, is 60 ms behind, and at 20 s catches up at once", delay: exponential(time.Millisecond),
			base: func(sent time.Duration) time.Duration {
				drifted := time.Duration(200e-6 * float64(sent))
				if sent > 20*s {
					return traceBase + drifted
				}
				return traceBase + 60*time.Millisecond + drifted
			}, Calm: []time.Duration{20 * s}},
		{Name: "loss 5%", After: "independent losses on a line at rest", delay: exponential(2 * time.Millisecond), loss: 0.05},
	}
}

func exponential(mean time.Duration) func(*rand.Rand) func(time.Duration) time.Duration {
	return func(rnd *rand.Rand) func(time.Duration) time.Duration {
		return func(time.Duration) time.Duration { return time.Duration(rnd.ExpFloat64() * float64(mean)) }
	}
}

// wifi holds packets back every two seconds or so for 20 to 100 ms, a scan of 150 ms every 20 s, and
// lets them go a millisecond apart.
func wifi(rnd *rand.Rand) func(time.Duration) time.Duration {
	var free, next, scan time.Duration
	next, scan = time.Second, 7*time.Second
	return func(sent time.Duration) time.Duration {
		if sent > next {
			free = max(free, next+20*time.Millisecond+time.Duration(rnd.Float64()*float64(80*time.Millisecond)))
			next = sent + time.Duration(rnd.ExpFloat64()*float64(2*time.Second))
		}
		if sent > scan {
			free = max(free, scan+150*time.Millisecond)
			scan += 20 * time.Second
		}
		arrive := max(sent+time.Duration(rnd.ExpFloat64()*float64(2*time.Millisecond)), free)
		free = arrive + time.Millisecond
		return arrive - sent
	}
}

// lte waits for a grant, repeats a tenth of the packets 8 ms later, hands over every 12 s or so, and
// keeps the order, as the radio link does.
func lte(rnd *rand.Rand) func(time.Duration) time.Duration {
	var last, until time.Duration
	handover := 5 * time.Second
	return func(sent time.Duration) time.Duration {
		d := time.Duration(rnd.IntN(10)) * time.Millisecond
		for rnd.Float64() < 0.1 {
			d += 8 * time.Millisecond
		}
		const shape, scale = 0.2, 2 // of the extreme values, ms
		d += time.Duration(math.Min(scale/shape*(math.Pow(-math.Log(rnd.Float64()), -shape)-1), 120) * float64(time.Millisecond))
		if sent > handover {
			until = sent + 50*time.Millisecond + time.Duration(rnd.IntN(30))*time.Millisecond
			handover = sent + time.Duration((0.5+rnd.ExpFloat64())*8*float64(time.Second))
		}
		last = max(sent+max(d, 0), until, last)
		return last - sent
	}
}

func spike(at, height time.Duration) func(*rand.Rand) func(time.Duration) time.Duration {
	return func(rnd *rand.Rand) func(time.Duration) time.Duration {
		return func(sent time.Duration) time.Duration {
			d := time.Duration(rnd.ExpFloat64() * float64(2*time.Millisecond))
			if sent >= at {
				d = max(d, height-(sent-at))
			}
			return d
		}
	}
}

func spikes(rnd *rand.Rand) func(time.Duration) time.Duration {
	first, second, third := spike(15*time.Second, 150*time.Millisecond)(rnd), spike(30*time.Second, 300*time.Millisecond)(rnd), spike(45*time.Second, 200*time.Millisecond)(rnd)
	return func(sent time.Duration) time.Duration { return max(first(sent), second(sent), third(sent)) }
}

// reordering sends every tenth packet by a way that takes 15 to 35 ms more.
func reordering(rnd *rand.Rand) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration {
		d := time.Duration(rnd.ExpFloat64() * float64(time.Millisecond))
		if rnd.IntN(10) == 0 {
			d += 15*time.Millisecond + time.Duration(rnd.IntN(20))*time.Millisecond
		}
		return d
	}
}

// sawtooth fills a queue of 120 ms in six seconds, then a loss halves the window of the download.
func sawtooth(rnd *rand.Rand) func(time.Duration) time.Duration {
	return func(sent time.Duration) time.Duration {
		at := (sent % (6 * time.Second)).Seconds() / 6
		queue := 0.0
		if sent > 12*time.Second && sent < 48*time.Second {
			queue = 120 * at
		}
		return time.Duration((queue + 2*rnd.ExpFloat64()) * float64(time.Millisecond))
	}
}
