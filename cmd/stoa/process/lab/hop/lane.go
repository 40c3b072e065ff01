// Lane: one direction of a hop.
//
//	Push ─► fate: queue, loss, delay ─► held, by the time when each is due ─► Pop
//
// The fate of a packet is sealed when it comes. Each kind of chance draws from its own random
// numbers, and one for every packet: so the n-th packet is lost or not whatever else
// the line does, and two programs with the same seed meet the same luck.

package hop

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// mostHeld is how many packets a lane holds at most; more are dropped. It is 10 s of a
// thousand packets a second.
const mostHeld = 10_000

// Counts is what a lane did, in packets unless said.
type Counts struct {
	Taken    uint64        `json:"taken"`    // pushed
	Bytes    uint64        `json:"bytes"`    // of these
	Released uint64        `json:"released"` // popped, with the doubles
	Lost     uint64        `json:"lost"`     // by chance: loss and gilbert
	Bursts   uint64        `json:"bursts"`   // lost in bursts
	Full     uint64        `json:"full"`     // dropped because the queue for the rate was full, or the lane
	Doubled  uint64        `json:"doubled"`  // came twice
	Waited   time.Duration `json:"waited"`   // the longest wait for the rate, in ns
}

// A Lane carries packets one way. It is a pure machine: no clock, goroutine or lock. Times
// are since a moment of the caller's choice, not below 0, and never go back.
type Lane struct {
	line   Line
	luck   [chances]*rand.Rand
	bad    bool          // Gilbert's times
	free   time.Duration // when the rate has sent all that was taken
	last   time.Duration // when the last packet that keeps its place is due
	counts Counts

	held  []held   // what is due first comes first, and of these what came first
	spare [][]byte // memory of packets that are gone
	out   []byte   // what Pop handed out
}

// The kinds of chance.
const (
	ofLoss = iota
	ofTimes
	ofGilbert
	ofJitter
	ofScatter
	ofDouble
	ofReorder
	chances
)

// NewLane returns a lane in which nothing is yet. Lanes with the same seed and different
// numbers have nothing in common. The line must pass [Line.Check].
func NewLane(line Line, seed, number uint64) *Lane {
	l := &Lane{line: line}
	for i := range l.luck {
		l.luck[i] = rand.New(rand.NewPCG(seed, number*chances+uint64(i)))
	}
	return l
}

// Set changes the line for the packets that come from now on. Those under way keep their
// times, and none that keeps its place overtakes them.
func (l *Lane) Set(line Line) { l.line = line }

// Counts tells what was done until now.
func (l *Lane) Counts() Counts { return l.counts }

// Push takes a packet, which it copies.
func (l *Lane) Push(packet []byte, now time.Duration) {
	l.counts.Taken++
	l.counts.Bytes += uint64(len(packet))
	at, fits := l.send(len(packet), now)
	f := l.draw(at)
	switch {
	case !fits || len(l.held) >= mostHeld:
		l.counts.Full++
		return
	case f.burst:
		l.counts.Bursts++
		return
	case f.lost:
		l.counts.Lost++
		return
	}
	due := at + f.delay
	if !f.held {
		due = max(due, l.last)
		l.last = due
	}
	l.hold(packet, due+f.extra)
	if f.double && len(l.held) < mostHeld {
		l.counts.Doubled++
		l.hold(packet, due+f.extra)
	}
}

// send puts so many bytes through the rate, and says when the last of them has left. What
// does not fit into the queue is dropped.
func (l *Lane) send(bytes int, now time.Duration) (at time.Duration, fits bool) {
	if l.line.Rate == 0 {
		return now, true
	}
	begin := max(now, l.free)
	if wait := begin - now; wait > l.line.queue() {
		return now, false
	} else if wait > l.counts.Waited {
		l.counts.Waited = wait
	}
	l.free = begin + l.line.takes(bytes)
	return l.free, true
}

// fate is what the chances decide.
type fate struct {
	burst, lost, double bool
	held                bool // others may overtake it
	delay, extra        time.Duration
}

// draw decides about a packet that has left the queue at a time. It draws every chance once.
func (l *Lane) draw(at time.Duration) (f fate) {
	line, g := &l.line, &l.line.Gilbert
	hit := func(chance int, p Percent) bool { return l.luck[chance].Float64()*100 < float64(p) }

	if l.bad {
		l.bad = !hit(ofTimes, g.End) && *g != Gilbert{}
	} else {
		l.bad = hit(ofTimes, g.Begin)
	}
	share := g.Good
	if l.bad {
		share = g.Bad
	}
	lost := hit(ofGilbert, share)
	f.lost = hit(ofLoss, line.Loss) || lost
	f.burst = line.Every > 0 && at%line.Every >= line.Every-line.Burst
	f.double = hit(ofDouble, line.Double)
	f.delay = line.Delay + time.Duration((2*l.luck[ofJitter].Float64()-1)*float64(line.Jitter))
	f.extra = time.Duration(l.luck[ofScatter].Float64() * float64(line.Scatter))
	if f.held = hit(ofReorder, line.Reorder); f.held {
		f.delay += line.ReorderBy
	}
	return f
}

// hold keeps a copy of a packet until it is due.
func (l *Lane) hold(packet []byte, due time.Duration) {
	var b []byte
	if n := len(l.spare); n > 0 {
		b, l.spare = l.spare[n-1], l.spare[:n-1]
	}
	at, _ := slices.BinarySearchFunc(l.held, due, func(h held, due time.Duration) int {
		return cmp.Or(cmp.Compare(h.due, due), -1) // behind those that are due at the same time
	})
	l.held = slices.Insert(l.held, at, held{due, append(b[:0], packet...)})
}

// Next says when the next packet is due, and whether there is one.
func (l *Lane) Next() (due time.Duration, any bool) {
	if len(l.held) == 0 {
		return 0, false
	}
	return l.held[0].due, true
}

// Pop returns the next packet that is due by now, and since when it is. The packet is valid
// until the next Pop.
func (l *Lane) Pop(now time.Duration) (packet []byte, due time.Duration, ok bool) {
	if len(l.held) == 0 || l.held[0].due > now {
		return nil, 0, false
	}
	if l.out != nil {
		l.spare = append(l.spare, l.out)
	}
	h := l.held[0]
	l.held[0] = held{}
	l.held = l.held[1:]
	l.counts.Released++
	l.out = h.packet
	return h.packet, h.due, true
}

// held is a packet under way.
type held struct {
	due    time.Duration
	packet []byte
}
