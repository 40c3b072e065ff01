// This file holds what a Jitter learns about the network: how long packets take at the least, and
// how much longer than that they usually take.

package audio

import (
	"slices"
	"time"
)

const (
	histogramBin  = 2 * time.Millisecond
	histogramBins = 160 // 320 ms; what takes longer is counted in the last bin

	// histogramMemory is how many packets the histogram remembers: about 12 s of speech. Long
	// enough that a burst every few seconds is expected, short enough that one bad minute is
	// forgiven.
	histogramMemory = 600

	// Packets that come less than burstGap after another were held back by the same thing. They
	// count for less, so that one spike of a quarter of a second, of which twelve packets tell, does
	// not pass for a path on which one packet in fifty is late.
	burstGap    = 5 * time.Millisecond
	burstWeight = 0.3
)

// A histogram holds the distribution of packet delays above an origin, with exponential forgetting.
// Until it has seen histogramMemory packets all of them count the same, so it learns fast at first.
type histogram struct {
	share  [histogramBins]float64 // sums to 1 once anything was added
	count  int
	origin int64         // delay of bin 0, in bins
	carry  time.Duration // drift not yet made up by moving the origin
}

// follow moves everything by what the clocks have drifted apart. Without it the memory would smear:
// 300 ppm make 16 ms in the time after which a hundredth of a packet is still remembered.
func (h *histogram) follow(drifted time.Duration) {
	h.carry += drifted
	bins := int64(h.carry / histogramBin)
	h.origin += bins
	h.carry -= time.Duration(bins) * histogramBin
}

// rebase makes base the origin and moves what is known, so that it keeps its absolute place. Then
// neither a route that becomes shorter nor one that becomes longer makes a wrong step in the
// target.
func (h *histogram) rebase(base time.Duration) {
	origin := floorDiv(int64(base), int64(histogramBin))
	shift := h.origin - origin
	h.origin = origin
	if shift == 0 || h.count == 0 {
		return
	}
	var moved [histogramBins]float64
	for i, v := range h.share {
		to := min(max(int64(i)+shift, 0), histogramBins-1)
		moved[to] += v
	}
	h.share = moved
}

// add counts one packet, as so much of one.
func (h *histogram) add(transit time.Duration, share float64) {
	h.count = min(h.count+1, histogramMemory)
	weight := share / float64(h.count)
	for i := range h.share {
		h.share[i] *= 1 - weight
	}
	bin := floorDiv(int64(transit), int64(histogramBin)) - h.origin
	h.share[min(max(bin, 0), histogramBins-1)] += weight
}

// quantile returns the delay above the origin that the share q of packets does not exceed, rounded
// up to a whole bin.
func (h *histogram) quantile(q float64) time.Duration {
	above := 0.0
	for i := histogramBins - 1; i > 0; i-- {
		above += h.share[i]
		if above > 1-q {
			return time.Duration(i+1) * histogramBin
		}
	}
	return histogramBin
}

// A floor follows the smallest delay of the last seconds of speech. The minimum over a window, and
// not over all time, lets it follow a clock that drifts and a route that becomes longer.
type floor struct {
	slots   [floorSlots]time.Duration
	used    int
	at      int
	since   time.Duration // when the current slot began
	drift   drift
	lastArr time.Duration
}

const (
	floorSlots = 8
	floorSlot  = time.Second

	// floorStale is the silence after which old minima no longer tell where a packet belongs, even
	// with the drift known: the estimate is off by some 20 ppm, which then makes half a
	// millisecond.
	floorStale = 30 * time.Second
)

// add takes the transit time of a packet that arrived at arrival and returns the floor.
func (f *floor) add(transit, arrival time.Duration) time.Duration {
	if f.used > 0 && arrival-f.lastArr > floorStale {
		f.used = 0
	}
	if gap := arrival - f.lastArr; f.used > 0 && gap > floorSlot {
		f.carry(gap)
	}
	f.lastArr = max(f.lastArr, arrival)
	switch {
	case f.used == 0:
		f.used, f.at, f.since = 1, 0, arrival
		f.slots[0] = transit
	case arrival-f.since >= floorSlot:
		f.drift.add(f.since, f.slots[f.at])
		f.at = (f.at + 1) % floorSlots
		f.used = min(f.used+1, floorSlots)
		f.since = arrival
		f.slots[f.at] = transit
	default:
		f.slots[f.at] = min(f.slots[f.at], transit)
	}
	return f.min()
}

// carry moves the minima on by what the clocks drifted in a pause of the given length.
func (f *floor) carry(gap time.Duration) {
	move := time.Duration(f.drift.rate() * float64(gap))
	for i := range f.slots[:f.used] {
		f.slots[i] += move
	}
}

func (f *floor) min() time.Duration {
	least := f.slots[0]
	for _, v := range f.slots[1:f.used] {
		least = min(least, v)
	}
	return least
}

// A peak follows the greatest delay of the last seconds of speech. What the histogram remembers from
// before then is worth no delay: a spike that is over, or a route that was longer.
type peak struct {
	slots [peakSlots]time.Duration
	used  int
	at    int
	since time.Duration // when the current slot began
	last  time.Duration // when the last packet came
}

const (
	peakSlots = 8
	peakSlot  = 500 * time.Millisecond
)

// add takes the transit time of a packet that arrived at arrival and returns the peak.
func (p *peak) add(transit, arrival time.Duration) time.Duration {
	switch {
	case p.used == 0 || arrival-p.last > floorStale: // by then the clocks have drifted apart
		*p = peak{used: 1, since: arrival}
		p.slots[0] = transit
	case arrival-p.since >= peakSlot:
		p.at = (p.at + 1) % peakSlots
		p.used = min(p.used+1, peakSlots)
		p.since = arrival
		p.slots[p.at] = transit
	default:
		p.slots[p.at] = max(p.slots[p.at], transit)
	}
	p.last = max(p.last, arrival)
	return slices.Max(p.slots[:p.used])
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
