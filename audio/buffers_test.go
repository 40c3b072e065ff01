// The jitter buffer beside others, on models of real paths: how much delay each adds, and how much of
// the speech each has to make up.

package audio_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// A buffer is Jitter or a rival of it, with what scales time for it.
type buffer interface {
	Push(audio.Packet, time.Duration)
	Pop(now time.Duration, ahead int) audio.Step
	Stretched(samples int)
	Scale(buf []float32, n int, frame []float32, want int) int
	Late() int // frames that came and were not played
}

// ours is Jitter, and the Scaler with which a Source plays it.
type ours struct {
	audio.Jitter
	audio.Scaler
}

func (o *ours) Late() int { s := o.Stats(); return int(s.Late + s.Dropped) }

// fare is how a buffer fared.
type fare struct {
	mean, p95, most time.Duration // added to the least that the path took at the time
	late            float64       // share of frames that came and were not played
	concealed       float64       // share of the speech that was made up
	back            time.Duration // the longest until the delay was low again, after a path was calm again
	delays          []delayAt
}

type delayAt struct{ at, delay time.Duration }

func (f fare) String() string {
	return fmt.Sprintf("%6.1f %6.1f %6.1f %7.2f %7.2f  %5.1f", msOf(f.mean), msOf(f.p95), msOf(f.most), 100*f.late, 100*f.concealed, f.back.Seconds())
}

func msOf(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// listen plays what arrives of speech through b, as a Source does.
func listen(b buffer, tr audiotest.Trace, packets []audio.Packet, speech []float32) fare {
	arrivals := tr.Deliver(5, packets)
	length := time.Duration(packets[len(packets)-1].Index) * audio.FrameTime
	var pcm [4 * audio.FrameSize]float32
	var frame [audio.FrameSize]float32
	n, made, next := 0, 0, 0
	var f fare
	for now := 7 * ms; now < length; now += 10 * ms {
		for ; next < len(arrivals) && arrivals[next].At <= now; next++ {
			b.Push(arrivals[next].Packet, arrivals[next].At)
		}
		for n < audio.BlockSize {
			step := b.Pop(now, n)
			more := audio.FrameSize - step.Skip
			switch step.Op {
			case audio.OpSilence:
				more = audio.BlockSize - n
				clear(pcm[n : n+more])
			case audio.OpWait:
				more = audio.BlockSize
				made += more
				clear(pcm[n : n+more])
			case audio.OpLost:
				made += more
				clear(pcm[n : n+more])
			default:
				index := int(binary.BigEndian.Uint16(step.Payload))
				if step.Op == audio.OpFEC {
					index--
				}
				sent := time.Duration(index+1) * audio.FrameTime
				heard := now + ahead10(n-step.Skip)
				f.delays = append(f.delays, delayAt{now, heard - sent - tr.Base(sent)})
				copy(frame[:], speech[index*audio.FrameSize%len(speech):])
				copy(pcm[n:], frame[step.Skip:])
			}
			n += more
			if step.Op == audio.OpFrame {
				was := n
				if n = b.Scale(pcm[:], n, frame[:], step.Stretch); n != was {
					b.Stretched(n - was)
				}
			}
		}
		n = copy(pcm[:], pcm[audio.BlockSize:n])
	}
	f.sum(tr, b, len(packets), made)
	return f
}

func (f *fare) sum(tr audiotest.Trace, b buffer, frames, made int) {
	var sorted []time.Duration
	for _, d := range f.delays {
		if d.at > 2*time.Second {
			f.mean += d.delay
			sorted = append(sorted, d.delay)
		}
	}
	slices.Sort(sorted)
	f.mean /= time.Duration(max(len(sorted), 1))
	f.p95, f.most = sorted[len(sorted)*95/100], sorted[len(sorted)-1]
	f.late = float64(b.Late()) / float64(frames)
	f.concealed = float64(made) / float64(frames*audio.FrameSize)
	for _, calm := range tr.Calm {
		f.back = max(f.back, f.settles(calm))
	}
}

// settles returns how long after calm the delay was more than 30 ms above what it had been before
// the disturbance.
func (f *fare) settles(calm time.Duration) (took time.Duration) {
	var low time.Duration
	count := 0
	for _, d := range f.delays {
		if d.at > calm-6*time.Second && d.at < calm-time.Second {
			low += d.delay
			count++
		}
	}
	low /= time.Duration(max(count, 1))
	for _, d := range f.delays {
		if d.at > calm && d.at < calm+12*time.Second && d.delay > low+30*ms {
			took = d.at - calm
		}
	}
	return took
}

// always sends a frame every 20 ms; inTurns leaves out the pauses of speech, as an encoder with DTX
// does.
func always(n int) []audio.Packet { return audiotest.Packets(n) }

func inTurns(n int, speech []float32) []audio.Packet {
	var out []audio.Packet
	quiet, last := 0, -1
	for i, p := range audiotest.Packets(n) {
		at := i * audio.FrameSize % len(speech)
		if audio.Level(speech[at:at+audio.FrameSize]) > 55 {
			quiet++
		} else {
			quiet = 0
		}
		p.End = quiet == 11
		if quiet > 11 {
			continue
		}
		p.Since = uint8(min(i-last, 255))
		if last < 0 {
			p.Since = 0
		}
		last = i
		out = append(out, p)
	}
	return out
}

type rival struct {
	name string
	make func() buffer
}

// neteqs are the same idea with its quantile chosen anew, which makes a curve of delay against
// concealment.
var neteqs = []rival{
	{"neteq 0.90", func() buffer { return &netEq{quantile: 0.90, forget: 0.9993, peaks: true} }},
	{"neteq 0.97", func() buffer { return &netEq{quantile: 0.97, forget: 0.9993, peaks: true} }}, // as in 2020
	{"neteq 0.99", func() buffer { return &netEq{quantile: 0.99, forget: 0.9993, peaks: true} }},
	{"neteq 0.95 today", func() buffer { return &netEq{quantile: 0.95, forget: 0.983, every: 500 * ms} }},
	{"neteq 0.99 today", func() buffer { return &netEq{quantile: 0.99, forget: 0.983, every: 500 * ms} }},
}

const (
	// What two buffers may differ by and still count as alike: a pull of the loudspeaker lies
	// differently to the arrivals, and a block more or less is 0.02 %.
	alikeDelay     = 5 * ms
	alikeConcealed = 0.001
)

// under reports whether a is on or below the curve of the others: none of them has both less delay
// and less concealment, nor has what lies between two.
func under(a fare, others []fare) bool {
	for i, b := range others {
		for _, c := range others[:i+1] {
			if b.mean > c.mean {
				b, c = c, b
			}
			at := 0.5 // of the way from b to c
			if c.mean > b.mean {
				at = min(max(float64(a.mean-alikeDelay-b.mean)/float64(c.mean-b.mean), 0), 1)
			}
			mean := b.mean + time.Duration(at*float64(c.mean-b.mean))
			concealed := b.concealed + at*(c.concealed-b.concealed)
			if mean <= a.mean-alikeDelay && concealed < a.concealed-alikeConcealed {
				return false
			}
		}
	}
	return true
}

// A buffer has a price: its delay, and so many milliseconds for each percent of the speech that it
// made up. What the rate is nobody knows. ITU-T G.107 with concealment comes to some 150; where turns
// are short it is less.
var rates = []float64{30, 150}

func (f fare) price(rate float64) float64 { return msOf(f.mean) + rate*100*f.concealed }

// The table of added delay against what is late and what had to be made up. On every path ours is on
// or below the curve of NetEq's idea, is not beaten by a fixed buffer of 60 ms in both, grows no
// further than the path itself did, and is low again within five seconds. Over all paths its price
// is the lowest.
func TestTableOfBuffers(t *testing.T) {
	speech := audiotest.Voice(20*audio.Rate, 3)
	rivals := append(neteqs[:len(neteqs):len(neteqs)], rival{"fixed 60 ms", func() buffer { return &fixed{delay: 60 * ms} }})
	if testing.Short() {
		rivals = []rival{neteqs[1], neteqs[3], rivals[len(rivals)-1]}
	}
	for _, spoken := range []struct {
		name    string
		packets []audio.Packet
	}{{"with pauses", inTurns(3000, speech)}, {"microphone open", always(3000)}} {
		ours, theirs := map[float64]float64{}, map[string]map[float64]float64{}
		for _, tr := range audiotest.Traces() {
			us := beside(t, tr, spoken.name, spoken.packets, speech, rivals, theirs)
			for _, rate := range rates {
				ours[rate] += us.price(rate)
			}
		}
		for name, prices := range theirs {
			for rate, price := range prices {
				if ours[rate] > price {
					t.Errorf("%s: at %.0f ms for a percent the price is %.0f, that of %s %.0f", spoken.name, rate, ours[rate], name, price)
				}
			}
		}
		if testing.Short() {
			return
		}
	}
}

// beside compares our buffer with its rivals on one path, and adds their prices to sums.
func beside(t *testing.T, tr audiotest.Trace, spoken string, packets []audio.Packet, speech []float32, rivals []rival, sums map[string]map[float64]float64) fare {
	t.Logf("%-12s %-16s ms: mean    p95   most, %%: late concealed, s: low again", tr.Name, spoken)
	us := listen(&ours{}, tr, packets, speech)
	t.Logf("    %-18s %v", "stoa", us)
	var curve []fare
	for _, r := range rivals {
		f := listen(r.make(), tr, packets, speech)
		t.Logf("    %-18s %v", r.name, f)
		if sums[r.name] == nil {
			sums[r.name] = map[float64]float64{}
		}
		for _, rate := range rates {
			sums[r.name][rate] += f.price(rate)
		}
		if !under(us, []fare{f}) {
			t.Errorf("%s, %s: %s is better", tr.Name, spoken, r.name)
		}
		if strings.HasPrefix(r.name, "neteq") {
			curve = append(curve, f)
		}
	}
	if !under(us, curve) {
		t.Errorf("%s, %s: above the curve of NetEq's idea", tr.Name, spoken)
	}
	if us.back > 5*time.Second {
		t.Errorf("%s, %s: low again only after %v", tr.Name, spoken, us.back)
	}
	if us.most > 320*ms { // the greatest spike is 300 ms high
		t.Errorf("%s, %s: %v of delay", tr.Name, spoken, us.most)
	}
	return us
}
