// This file holds the jitter buffer: which frame is played when, and how much delay is worth
// having.
//
// The ideas are those of WebRTC's NetEq: a histogram of packet delays with forgetting, a target
// that covers nearly all of them, growth by waiting for what is late, shrinking by playing faster.
// What differs is that the delay is measured in time, as the distance between the moment a frame is
// wanted and the moment at which it could have been here, and not as a count of packets. So a
// buffer can hold less than one frame, and it is right from the first packet on.

package audio

import "time"

const (
	// MinDelay is what a Jitter adds at the least: one pull of the loudspeaker, because that is how
	// far the moments at which frames are wanted lie apart from those at which they come.
	MinDelay = 10 * time.Millisecond

	// MaxDelay is what a Jitter adds at the most.
	MaxDelay = 300 * time.Millisecond

	jitterSlots    = 32  // frames held: 640 ms, which MaxDelay and a burst fit in
	jitterSeen     = 256 // indices remembered to tell late from duplicate
	jitterQuantile = 0.99
	jitterMargin   = MinDelay - histogramBin

	jitterWindow   = 16 // frames over which the least delay is taken before anything is shortened
	jitterPatience = 30 // blocks concealed before a silent speaker counts as gone: MaxDelay
	jitterExcess   = 60 * time.Millisecond
	jitterShed     = 400 * time.Millisecond // beyond need: whole frames are dropped
	jitterStood    = time.Second            // nobody asked for so long: what waits is old
	jitterStrange  = 2 * time.Second        // no delay changes that much: the speaker's index has jumped
	jitterStranger = 3                      // packets in a row that say so before it is believed

	blockTime = FrameTime / 2
)

// An Op says what a frame is made of.
type Op uint8

const (
	OpSilence Op = iota // nobody speaks: BlockSize samples of nothing
	OpFrame             // the frame itself
	OpFEC               // the frame is lost; the payload is the next frame's, which may repair it
	OpLost              // the frame is lost: conceal it
	OpWait              // the next frame is late or lost, who knows: conceal BlockSize samples
)

func (o Op) String() string {
	return [...]string{"silence", "frame", "fec", "lost", "wait"}[o]
}

// A Step is what Jitter.Pop decided.
type Step struct {
	Op Op

	// Payload is what to decode, valid until the next Push or Pop.
	Payload []byte

	// Skip is how many samples at the beginning of the frame to leave out, because concealment has
	// been played in their place.
	Skip int

	// Stretch is the wish to play longer by so many samples, or shorter when negative. It is for
	// OpFrame and need not be met; what was done is told by Stretched.
	Stretch int
}

// JitterStats are counted since the beginning of a stream, in frames unless said.
type JitterStats struct {
	Received   uint64        // packets pushed, all of them
	Refused    uint64        // of those, without a payload, with one too large, or with a senseless index
	Duplicates uint64        // of those, here already
	Late       uint64        // of those, after their turn
	Dropped    uint64        // of those, thrown away to shorten a queue
	Played     uint64        // played as sent
	Recovered  uint64        // lost, and given to the decoder to repair from the next
	Lost       uint64        // lost, or late, and concealed
	Waits      uint64        // blocks of 10 ms concealed while nothing was here
	Jitter     time.Duration // interarrival jitter (RFC 3550, section 6.4.1)
	Delay      time.Duration // between the earliest that a frame could be heard and when it was
	Target     time.Duration // what Delay should be
	Drift      float64       // how much slower the speaker's clock is, as a fraction: 1e-6 is 1 ppm
}

// A Jitter orders the packets of one speaker and decides what is played when. It is a pure machine:
// no clock, no goroutine, no lock. Times are since a moment of the caller's choice. The zero Jitter
// is ready.
type Jitter struct {
	slots   [jitterSlots]slot
	seen    [jitterSeen]sighting
	started bool
	talking bool
	ended   bool  // the last frame played was the end of a talkspurt
	next    int64 // index of the frame that is played next; with newest, 32-bit indices unrolled
	newest  int64
	oldest  int64         // the first that came; what was said before we came is not lost
	owed    int           // blocks concealed while waiting for next
	popped  time.Duration // when Pop was called last
	strange int

	floor       floor
	base        time.Duration
	delays      histogram
	peak        peak
	target      time.Duration
	lately      recent
	calm        int           // frames since the last wait
	learnt      time.Duration // when the newest packet came
	lastTransit time.Duration

	stats JitterStats
}

type slot struct {
	full    bool
	index   int64
	since   uint8
	end     bool
	payload []byte
}

type sighting struct {
	known   bool
	index   int64
	since   uint8
	transit time.Duration
}

// Push takes a packet that arrived at arrival. It copies the payload.
func (j *Jitter) Push(p Packet, arrival time.Duration) {
	j.stats.Received++
	if len(p.Payload) == 0 || len(p.Payload) > MaxPayload {
		j.stats.Refused++
		return
	}
	if !j.started {
		j.restart(int64(p.Index))
	}
	index := j.newest + int64(int32(p.Index-uint32(j.newest)))
	transit := arrival - time.Duration(index)*FrameTime
	if j.floor.used > 0 && (transit-j.base).Abs() > jitterStrange {
		j.strange++
		if j.strange < jitterStranger {
			j.stats.Refused++
			return
		}
		index = int64(p.Index)
		transit = arrival - time.Duration(index)*FrameTime
		j.restart(index)
	}
	j.strange = 0
	if s := &j.seen[index&(jitterSeen-1)]; s.known && s.index == index {
		j.stats.Duplicates++
		return
	}
	j.learn(p, index, transit, arrival)
	if index < j.next {
		j.stats.Late++
		return
	}
	j.makeRoom(index)
	s := &j.slots[index&(jitterSlots-1)]
	s.full, s.index, s.since, s.end = true, index, p.Since, p.End
	s.payload = append(s.payload[:0], p.Payload...)
	j.newest = max(j.newest, index)
}

// restart forgets everything but the counters.
func (j *Jitter) restart(index int64) {
	for i := range j.slots {
		j.slots[i].full = false
	}
	clear(j.seen[:])
	j.started, j.talking, j.ended = true, false, true
	j.next, j.newest, j.oldest = index, index, index
	j.owed, j.strange, j.calm = 0, 0, 0
	j.floor, j.peak, j.delays, j.lately, j.learnt = floor{}, peak{}, histogram{}, recent{}, 0
}

// learn adds a packet to what is known about the network.
func (j *Jitter) learn(p Packet, index int64, transit, arrival time.Duration) {
	if j.floor.used > 0 {
		d := (transit - j.lastTransit).Abs()
		j.stats.Jitter += (d - j.stats.Jitter) / 16
	}
	j.lastTransit = transit
	if elapsed := arrival - j.learnt; j.floor.used > 0 && elapsed > 0 {
		j.delays.follow(time.Duration(j.floor.drift.rate() * float64(elapsed)))
	}
	together := arrival-j.learnt < burstGap
	j.learnt = max(j.learnt, arrival)
	j.base = j.floor.add(transit, arrival)
	j.delays.rebase(j.base)
	weight := 1.0
	if together {
		weight = burstWeight
	}
	j.delays.add(transit, weight)
	if index > j.newest { // by now the frame before the last one is lost if it is not here
		j.learnRepair(index-1, arrival)
	}
	j.seen[index&(jitterSeen-1)] = sighting{true, index, p.Since, transit}
	needed := min(j.delays.quantile(jitterQuantile), j.peak.add(transit, arrival)-j.base+2*histogramBin)
	j.target = min(max(needed+jitterMargin, MinDelay), MaxDelay)
}

// learnRepair counts a lost frame as one that arrived with the packet after it, next, whose error
// correction can repair it. When more than one frame in a hundred needs that, the target grows by
// the 20 ms that it takes, and when none does, no delay is spent on it.
func (j *Jitter) learnRepair(next int64, arrival time.Duration) {
	after := j.seen[next&(jitterSeen-1)]
	lost := j.seen[(next-1)&(jitterSeen-1)]
	if next <= j.oldest || !after.known || after.index != next || after.since != 1 || lost.known && lost.index == next-1 {
		return
	}
	j.delays.add(after.transit+FrameTime, 1)
	j.peak.add(after.transit+FrameTime, arrival)
}

// makeRoom drops the oldest frames until index fits.
func (j *Jitter) makeRoom(index int64) {
	oldest := index - jitterSlots + 1
	if j.next >= oldest {
		return
	}
	for i := range j.slots {
		if s := &j.slots[i]; s.full && s.index < oldest {
			s.full = false
			j.stats.Dropped++
		}
	}
	j.next = oldest
	j.owed = 0
}

// empty drops everything that waits, as after a sleep.
func (j *Jitter) empty() {
	for i := range j.slots {
		if s := &j.slots[i]; s.full && s.index >= j.next {
			j.stats.Dropped++
		}
		j.slots[i].full = false
	}
	j.talking, j.owed, j.next = false, 0, j.newest+1
}

// Pop decides what is played at now, after the ahead samples that were popped before and are not
// played yet.
func (j *Jitter) Pop(now time.Duration, ahead int) Step {
	wait := time.Duration(ahead) * time.Second / Rate
	if j.popped > 0 && now-j.popped > jitterStood {
		j.empty()
	}
	j.popped = now
	if !j.talking && !j.begin(now) {
		return Step{Op: OpSilence}
	}
	j.cover()
	j.shed(now)
	step := j.decide()
	switch step.Op {
	case OpSilence:
		j.talking, j.owed = false, 0
		if j.begin(now) { // a pause that is over already
			return j.Pop(now, ahead)
		}
		return step
	case OpWait:
		j.owed++
		j.calm = 0
		j.lately = recent{} // waiting has made the delay another
		j.stats.Waits++
		return step
	}
	j.next++
	j.owed = 0
	j.calm++
	heard := now + wait - time.Duration(j.next-1)*FrameTime - time.Duration(step.Skip)*time.Second/Rate
	j.lately.add(heard)
	j.stats.Delay = heard - j.base
	if step.Op == OpFrame {
		step.Stretch = j.stretch(wait)
	}
	return step
}

// begin starts to play when there is something and its time has come.
func (j *Jitter) begin(now time.Duration) bool {
	s := j.first()
	if s == nil {
		return false
	}
	start := s.index
	// The first frame of a talkspurt is lost but the second can repair it, and it is not too late.
	if s.since == 1 && j.stats.Played > 0 && s.index > j.next && j.due(now, s.index-1) <= j.target+FrameTime {
		start--
	}
	if j.due(now, start) < j.target {
		return false
	}
	if !j.ended && s.since > 0 { // the speaker vanished, so what was sent meanwhile is lost
		j.stats.Lost += uint64(max(0, min(start, s.index-int64(s.since)+1)-j.next))
	}
	j.talking, j.ended, j.owed, j.next = true, false, 0, start
	j.lately = recent{}
	return true
}

// due returns how long before now the frame could have been here at the earliest.
func (j *Jitter) due(now time.Duration, index int64) time.Duration {
	return now - time.Duration(index)*FrameTime - j.base
}

// first returns the oldest frame that is here.
func (j *Jitter) first() *slot {
	for i := j.next; i <= j.newest; i++ {
		if s := &j.slots[i&(jitterSlots-1)]; s.full && s.index == i {
			return s
		}
	}
	return nil
}

// shed drops frames when far more wait than are needed, as after the loudspeaker has stalled. Less
// than that is shortened by playing faster.
func (j *Jitter) shed(now time.Duration) {
	if j.due(now, j.next)-j.target <= jitterShed {
		return
	}
	for j.next < j.newest && j.due(now, j.next)-j.target > jitterExcess {
		if s := &j.slots[j.next&(jitterSlots-1)]; s.full && s.index == j.next {
			s.full = false
			j.stats.Dropped++
		} else {
			j.stats.Lost++
		}
		j.next++
		j.owed = 0
		j.lately = recent{}
	}
}

// cover moves next over lost frames in whose place concealment has been played. Of owed only half a
// frame can remain.
func (j *Jitter) cover() {
	s := j.first()
	if j.owed == 0 || s == nil || s.since == 0 {
		return
	}
	missing := max(0, s.index-int64(s.since)+1-j.next)
	covered := min(int64(j.owed), 2*missing)
	j.next += covered / 2
	j.stats.Lost += uint64(covered / 2)
	j.owed = int(covered % 2)
}

// decide says what becomes of the frame next.
func (j *Jitter) decide() Step {
	s := j.first()
	switch {
	case s == nil && j.owed < jitterPatience:
		return Step{Op: OpWait}
	case s == nil:
		return Step{Op: OpSilence}
	case s.index == j.next:
		return j.take(s)
	case s.since == 0 || s.index-int64(s.since) < j.next:
		return Step{Op: OpSilence} // the sender paused before s, and nothing is missing
	}
	skip := j.owed * BlockSize
	if s.since == 1 && s.index == j.next+1 {
		j.stats.Recovered++
		return Step{Op: OpFEC, Payload: s.payload, Skip: skip}
	}
	j.stats.Lost++
	return Step{Op: OpLost, Skip: skip}
}

func (j *Jitter) take(s *slot) Step {
	s.full = false
	j.stats.Played++
	if s.end {
		j.talking, j.ended = false, true
	}
	return Step{Op: OpFrame, Payload: s.payload}
}

// stretch returns by how much playing should be slowed down (positive) or sped up, in samples.
//
// Frames are popped when a block of 10 ms cannot be filled any more. So wait, what was left then,
// is delay for nothing, and what lies above the target is worth removing in steps of a block only.
func (j *Jitter) stretch(wait time.Duration) int {
	least, full := j.lately.min()
	slack := least - j.base - wait - j.target
	if slack < -jitterMargin/2 {
		blocks := (-slack + blockTime - 1) / blockTime
		return samples(blocks*blockTime - wait)
	}
	if slack < 0 || !full {
		return 0
	}
	excess := wait + slack/blockTime*blockTime
	if excess < blockTime/2 || excess < jitterExcess/2 && j.calm < 50 {
		return 0
	}
	return -samples(excess)
}

// Stretched tells how many samples longer, or shorter when negative, the last frame has become.
func (j *Jitter) Stretched(n int) {
	j.lately.move(time.Duration(n) * time.Second / Rate)
}

// Stats returns the counters.
func (j *Jitter) Stats() JitterStats {
	s := j.stats
	s.Target = j.target
	s.Drift = j.floor.drift.rate()
	return s
}

func samples(d time.Duration) int { return int(d * Rate / time.Second) }

// A recent holds the delays of the last frames played. Their least is what counts, for a frame that
// was wanted late because the loudspeaker was says nothing about the buffer.
type recent struct {
	delays [jitterWindow]time.Duration
	n      int
}

func (r *recent) add(d time.Duration) {
	r.delays[r.n%jitterWindow] = d
	r.n++
}

func (r *recent) move(by time.Duration) {
	for i := range r.delays {
		r.delays[i] += by
	}
}

// min returns the least delay, and whether there were enough to shorten the buffer by it.
func (r *recent) min() (least time.Duration, full bool) {
	used := min(r.n, jitterWindow)
	least = r.delays[0]
	for _, d := range r.delays[1:used] {
		least = min(least, d)
	}
	return least, r.n >= jitterWindow
}
