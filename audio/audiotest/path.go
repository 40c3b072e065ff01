// This file holds a network path: it says when which packet arrives.

package audiotest

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"stoa/audio"
)

// A Path is a way through a network. The zero Path delivers everything at once. The same Path
// treats the same packets alike.
type Path struct {
	Seed   uint64
	Delay  time.Duration // of every packet
	Jitter time.Duration // mean of the exponentially distributed delay on top
	Loss   float64       // share of packets lost, each on its own
	Burst  float64       // mean number of packets lost in a row; 0 and 1 mean independent losses
	Repeat bool          // each packet carries the one before it once more
	PPM    float64       // how much faster than the receiver's clock the sender's runs
}

// An Arrival is a packet and when it comes, since the sender's index 0.
type Arrival struct {
	audio.Packet
	At time.Duration
}

// Deliver sends packets, each at the end of its frame, and returns the arrivals in order of time.
func (p Path) Deliver(packets []audio.Packet) []Arrival {
	rnd := rand.New(rand.NewPCG(p.Seed, 1))
	var out []Arrival
	losing := false
	for i, pkt := range packets {
		sent := time.Duration(float64(pkt.Index+1) * float64(audio.FrameTime) / (1 + p.PPM*1e-6))
		at := sent + p.Delay + time.Duration(rnd.ExpFloat64()*float64(p.Jitter))
		losing = p.lose(rnd, losing)
		if losing {
			continue
		}
		if p.Repeat && i > 0 {
			out = append(out, Arrival{packets[i-1], at})
		}
		out = append(out, Arrival{pkt, at})
	}
	slices.SortStableFunc(out, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	return out
}

// lose decides by Gilbert's two-state model, with which the share lost is Loss and the mean run
// is Burst long.
func (p Path) lose(rnd *rand.Rand, losing bool) bool {
	if p.Burst <= 1 {
		return rnd.Float64() < p.Loss
	}
	if losing {
		return rnd.Float64() >= 1/p.Burst
	}
	return rnd.Float64() < p.Loss/(1-p.Loss)/p.Burst
}

// Packets returns n packets, one at least, without a pause between them. Payloads are two bytes of
// the index and one of filling, so that none looks like a pause.
func Packets(n int) []audio.Packet {
	out := make([]audio.Packet, n)
	for i := range out {
		out[i] = audio.Packet{Index: uint32(i), Since: 1, Payload: []byte{byte(i >> 8), byte(i), 0}}
	}
	out[0].Since = 0
	return out
}

// ReadTrace reads arrivals from text: on each line the arrival in microseconds, index and since,
// then "end" when the packet ends a talkspurt. Lines that begin with # are comments.
func ReadTrace(r io.Reader) ([]Arrival, error) {
	var out []Arrival
	in := bufio.NewScanner(r)
	for line := 1; in.Scan(); line++ {
		text := strings.TrimSpace(in.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		var at int64
		var a Arrival
		text, a.End = strings.CutSuffix(text, " end")
		if _, err := fmt.Sscanf(text, "%d %d %d", &at, &a.Index, &a.Since); err != nil {
			return nil, fmt.Errorf("trace line %d: %w", line, err)
		}
		a.At = time.Duration(at) * time.Microsecond
		a.Payload = []byte{byte(a.Index >> 8), byte(a.Index), 0}
		out = append(out, a)
	}
	return out, in.Err()
}
