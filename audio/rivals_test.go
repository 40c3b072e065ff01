// This file holds what the jitter buffer is measured against: one of fixed delay, and one that
// follows the idea of WebRTC's NetEq. They decide as Jitter does, in Steps, so that one listener can
// play all three.

package audio_test

import (
	"time"

	"stoa/audio"
)

// shelf holds packets by index, as all buffers must.
type shelf struct {
	payloads map[int64][]byte
	paused   map[int64]int64 // by the index after a pause, the one before it
	ends     map[int64]bool
	quiet    bool // the last that was played ended a talkspurt
	next     int64
	newest   int64
	begun    bool
	late     int
}

func (s *shelf) put(p audio.Packet) (index int64, ok bool) {
	index = int64(p.Index)
	if !s.begun {
		s.payloads, s.paused, s.ends = map[int64][]byte{}, map[int64]int64{}, map[int64]bool{}
		s.begun, s.next = true, index
	}
	if index < s.next {
		s.late++
		return index, false
	}
	s.payloads[index] = p.Payload
	if p.Since > 1 {
		s.paused[index] = index - int64(p.Since)
	}
	s.ends[index] = p.End
	s.newest = max(s.newest, index)
	return index, true
}

// first is the oldest that is here.
func (s *shelf) first() (int64, bool) {
	for i := s.next; i <= s.newest; i++ {
		if s.payloads[i] != nil {
			return i, true
		}
	}
	return 0, false
}

// take plays the next frame, or what stands for it when a later one is here.
func (s *shelf) take() audio.Step {
	p := s.payloads[s.next]
	s.next++
	s.quiet = s.ends[s.next-1]
	if p != nil {
		delete(s.payloads, s.next-1)
		return audio.Step{Op: audio.OpFrame, Payload: p}
	}
	if p = s.payloads[s.next]; p != nil {
		return audio.Step{Op: audio.OpFEC, Payload: p}
	}
	return audio.Step{Op: audio.OpLost}
}

// pausing says that all that is here comes after a pause that has been reached.
func (s *shelf) pausing() bool {
	i, ok := s.first()
	if !ok {
		return s.quiet
	}
	before, pause := s.paused[i]
	return pause && before < s.next && i > s.next
}

// A fixed buffer plays each frame so long after it could be here at the earliest, by what the first
// packet has shown, and never learns. When it has missed a second of frames it begins anew.
type fixed struct {
	shelf
	delay  time.Duration
	start  time.Duration // when index 0 is played
	set    bool
	missed int
}

func (f *fixed) Push(p audio.Packet, at time.Duration) {
	if f.missed > 50 {
		f.shelf, f.set, f.missed = shelf{late: f.late}, false, 0
	}
	index, ok := f.put(p)
	if !f.set {
		f.start, f.set = at+f.delay-time.Duration(index)*audio.FrameTime, true
	}
	if ok {
		f.missed = 0
	} else {
		f.missed++
	}
}

func (f *fixed) Pop(now time.Duration, ahead int) audio.Step {
	if !f.set || now+ahead10(ahead) < f.start+time.Duration(f.next)*audio.FrameTime {
		return audio.Step{Op: audio.OpSilence}
	}
	if f.pausing() {
		f.next++
		return audio.Step{Op: audio.OpSilence}
	}
	return f.take()
}

func (f *fixed) Stretched(int)                                             {}
func (f *fixed) Late() int                                                 { return f.late }
func (f *fixed) Scale(buf []float32, n int, frame []float32, want int) int { return n }

func ahead10(samples int) time.Duration { return time.Duration(samples) * time.Second / audio.Rate }

// A netEq decides as NetEq does: modules/audio_coding/neteq of WebRTC, delay_manager, decision_logic
// and buffer_level_filter as they were from 2019 on, written anew from what they do.
//
//   - the delay of a packet relative to the fastest of the last two seconds goes into a histogram of
//     20 ms bins with forgetting; its quantile is the target
//   - two high peaks within ten seconds of each other raise the target to the highest (what
//     delay_peak_detector did)
//   - the filtered level of the buffer decides: below three quarters of the target (or 85 ms less)
//     play slower, above the target (or 20 ms more than the lower limit) faster, far above much faster
//   - time is scaled at most every 50 ms, and by 15 ms at most
//   - after an expansion playing goes on when half of the target is here
type netEq struct {
	shelf
	quantile float64
	forget   float64
	every    time.Duration // 0: each packet counts; else the worst in so long does
	peaks    bool

	history  []sighted // two seconds of transit times
	bins     [100]float64
	count    int
	factor   float64
	worst    time.Duration // of the packets since counted
	counted  time.Duration
	target   time.Duration
	peakAt   []time.Duration
	peakHigh []time.Duration

	level     float64 // filtered, in samples
	stretched int     // since the level was last filtered
	scaled    time.Duration
	looked    time.Duration
	expanding int // blocks in a row
	fast      bool
	loud      float64
}

type sighted struct{ at, transit time.Duration }

func (n *netEq) Push(p audio.Packet, at time.Duration) {
	index, _ := n.put(p)
	transit := at - time.Duration(index)*audio.FrameTime
	n.history = append(n.history, sighted{at, transit})
	for n.history[0].at < at-2*time.Second {
		n.history = n.history[1:]
	}
	least := transit
	for _, s := range n.history {
		least = min(least, s.transit)
	}
	n.learn(transit-least, at)
}

func (n *netEq) learn(late, at time.Duration) {
	n.worst = max(n.worst, late)
	if at-n.counted < n.every {
		return
	}
	n.counted = at
	bin := min(int(n.worst/audio.FrameTime), len(n.bins)-1)
	n.count++
	n.factor = min(n.forget, 1-2/(float64(n.count)+1)) // start_forget_weight
	n.factor = max(n.factor, 0)
	for i := range n.bins {
		n.bins[i] *= n.factor
	}
	n.bins[bin] += 1 - n.factor
	sum, i := 0.0, 0
	for ; i < len(n.bins)-1; i++ {
		if sum += n.bins[i]; sum >= n.quantile {
			break
		}
	}
	n.target = time.Duration(i+1) * audio.FrameTime
	if n.peaks {
		n.peak(n.worst, at)
	}
	n.worst = 0
}

func (n *netEq) peak(late, at time.Duration) {
	if late > n.target+78*time.Millisecond || late > 2*n.target {
		if k := len(n.peakAt); k == 0 || at-n.peakAt[k-1] > 100*time.Millisecond {
			n.peakAt, n.peakHigh = append(n.peakAt, at), append(n.peakHigh, late)
		} else {
			n.peakHigh[k-1] = max(n.peakHigh[k-1], late)
		}
	}
	for len(n.peakAt) > 0 && (at-n.peakAt[0] > 20*time.Second || len(n.peakAt) > 8) {
		n.peakAt, n.peakHigh = n.peakAt[1:], n.peakHigh[1:]
	}
	if k := len(n.peakAt); k >= 2 && at-n.peakAt[k-1] < 2*(n.peakAt[k-1]-n.peakAt[k-2]) && n.peakAt[k-1]-n.peakAt[k-2] < 10*time.Second {
		for _, h := range n.peakHigh {
			n.target = max(n.target, h)
		}
	}
}

// filter follows the level of the buffer, every 10 ms.
func (n *netEq) filter(now time.Duration, ahead int) {
	for ; n.looked < now; n.looked += 10 * time.Millisecond {
		keep := 254.0
		switch packets := n.target / audio.FrameTime; {
		case packets <= 1:
			keep = 251
		case packets <= 3:
			keep = 252
		case packets <= 7:
			keep = 253
		}
		n.level = keep/256*n.level + (1-keep/256)*n.held(ahead) - float64(n.stretched)
		n.level = max(n.level, 0)
		n.stretched = 0
	}
}

func (n *netEq) held(ahead int) float64 {
	return float64(max(n.newest-n.next+1, 0)*audio.FrameSize) + float64(ahead)
}

func (n *netEq) Pop(now time.Duration, ahead int) audio.Step {
	if !n.begun {
		return audio.Step{Op: audio.OpSilence}
	}
	n.filter(now, ahead)
	_, here := n.first()
	target := n.target.Seconds() * audio.Rate
	switch {
	case n.pausing():
		// Comfort noise goes on until the next talkspurt would be played with the target.
		i, ok := n.first()
		if !ok || float64((n.newest-i+1)*audio.FrameSize) < target {
			return audio.Step{Op: audio.OpSilence}
		}
		n.next, n.expanding, n.level = i, 0, target
	case !here, n.expanding > 0 && n.expanding < 10 && n.held(ahead) < target/2:
		n.expanding++
		return audio.Step{Op: audio.OpWait}
	}
	expanded := n.expanding > 0
	n.expanding = 0
	if expanded { // what was lost while it expanded is not played as well
		if i, _ := n.first(); i > n.next && n.payloads[n.next+1] == nil {
			n.next = i
		}
	}
	step := n.take()
	low := max(target*3/4, target-0.085*audio.Rate)
	high := max(target, low+0.02*audio.Rate)
	n.fast = false
	if step.Op != audio.OpFrame || now-n.scaled < 50*time.Millisecond {
		return step
	}
	switch {
	case n.level >= 4*high:
		n.fast = true
		fallthrough
	case n.level >= high:
		step.Stretch = -720
	case n.level < low:
		step.Stretch = 720
	}
	if step.Stretch != 0 {
		n.scaled = now
	}
	return step
}

func (n *netEq) Stretched(by int) { n.stretched -= by }
func (n *netEq) Late() int        { return n.late }

// Scale joins where the waves are as alike as NetEq wants them, and anywhere while nobody speaks.
func (n *netEq) Scale(buf []float32, have int, frame []float32, want int) int {
	power := 0.0
	for _, v := range frame {
		power += float64(v) * float64(v) / float64(len(frame))
	}
	n.loud = max(power, n.loud*0.98)
	alike := float32(0.9)
	if n.fast {
		alike = 0.5
	}
	if power < 0.01*n.loud {
		alike = -1
	}
	switch {
	case want < 0:
		return audio.Shorten(buf[:have], -want, alike)
	case want > 0:
		return audio.Lengthen(buf, have, want, alike)
	}
	return have
}
