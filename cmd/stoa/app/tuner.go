// How a voice is sent, so that it suits the ways that it goes.
//
//	node.LinkInfo of every link, each half second ─► tuner ─► manner: bitrate, frames a
//	packet, who gets packets once only, what the encoder expects to be lost
//
// Two things can be wrong with a way, and they ask for opposite answers. Packets that get
// lost by chance ask for more: each one sent twice, and error correction. Packets that are
// more than the way bears first wait and then get lost, and more of them makes it worse. What
// waits on the way to a listener tells the two apart, see [node.LinkInfo].Queue.
//
// When something waits, what is sent is cut to less than what got through, at once. It is
// raised one step at a time after a calm, and to what has failed before after a calm that
// is longer each time. Late is worse than lost: a poor voice in time comes before a good
// one behind a queue.
//
// All this is what listeners say, and some may lie. Whoever came by one invite has one vote
// together, since all of them may be one person, and everybody on the stage has one. Only on
// the word of more than half of these is a voice cut to less than rungShared with repeats.

package app

import (
	"slices"
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// tunePeriod is how often a tuner wants to know how the links are. It is that of
// the reports that they live from.
const tunePeriod = 500 * time.Millisecond

const (
	// maxLoss is the largest share of lost packets that the encoder is told of: beyond, more
	// error correction costs more than it repairs. It bounds what one who lies can do.
	maxLoss = 0.3

	// queueFew is what may wait on a way that is not full, beside what one packet to everybody
	// takes of a thin uplink, which is the time from one to the next, and beside jitter,
	// which counts up to jitterMost: more would hide a queue.
	queueFew   = 40 * time.Millisecond
	jitterMost = 30 * time.Millisecond

	// queueSamples in a row must find a queue that does not shrink: jitter does not last, a
	// queue does. With so much more loss than by chance one is enough.
	queueSamples = 3
	lossFull     = 0.05

	// lossShort is so much more loss than by chance, over shortSteps reports, that the way must
	// be full, although nothing gets through that could tell of a queue.
	lossShort  = 0.25
	shortSteps = 3

	// lossBroken is a loss at which no protection helps, whatever its reason (RFC 8083).
	lossBroken = 0.35

	// cutTo is what is left of what got through.
	cutTo = 0.85
	// cutPause is how long a cut needs to empty a queue and to show in the reports.
	cutPause = 2500 * time.Millisecond
	// lossCounted is the most that a cut believes to be lost: more is said easily.
	lossCounted = 0.7

	// calmBefore a raise is time spent speaking. Before one to a load that has failed it is
	// againLeast, and doubles each time that it fails again, up to againMost. After
	// raiseProves without a cut it has not.
	calmBefore  = 10 * time.Second
	againLeast  = 40 * time.Second
	againMost   = 2 * time.Minute
	raiseProves = 15 * time.Second

	// repeatAt is the loss by chance from which on a link sends each packet twice, when it
	// may; see package node. It is averaged over so many reports, 8 s.
	repeatAt    = 0.01
	lossReports = 16

	// A queue that stays as it is within stuckNear for stuckAfter, without loss and whatever
	// is sent, is not ours, or the way has become a longer one.
	stuckAfter = 10 * time.Second
	stuckNear  = 30 * time.Millisecond
	lossStuck  = 0.02

	// sleptFor without a step says that this machine has slept, or had no time for anything.
	// The reports that come then would be of a way that loses all and holds seconds.
	sleptFor = 2 * time.Second

	// sentLeast is the packets in a period from which on somebody is spoken to.
	sentLeast = 3
)

// A rung is one way to send a voice.
type rung struct {
	bitrate int // bit/s of Opus
	frames  int // a packet to listeners
}

// rungs, the best first; each takes less of the way than the one before it. Down to 16
// kbit/s nothing of a voice is missed, and error correction fits in. Headers of 72 bytes a
// packet weigh as much as 28 kbit/s, so packing two frames, 20 ms more delay, comes early;
// more frames come last. 8 kbit/s is a telephone.
var rungs = [...]rung{
	{32000, 1}, {24000, 1}, {24000, 2}, {16000, 2}, {12000, 2}, {8000, 2}, {8000, 3}, {8000, 4}, {6000, 4},
}

// musicBitrate is what music is given on a way that bears all: at 64 kbit/s Opus keeps the
// whole spectrum of one channel, and most people hear no difference.
const musicBitrate = 64000

const (
	// rungProtected is the last rung on which repeats are worth more than a better voice.
	rungProtected = 4
	// rungShared is the last one that half of the branches, or fewer, can bring about for all.
	// Repeats for who needs them come on top.
	rungShared = 3
)

// headers are the bytes of a packet that are no voice: IPv4 and UDP 28, the media message 13,
// the sealed packet 31. A packet that goes along once more saves the first two.
const (
	headers       = 72
	headersRepeat = 33
)

// load is what one copy takes of the way, in bit/s.
func (r rung) load(repeated bool) float64 {
	voice := float64(r.frames*(r.bitrate/400) + 2*(r.frames-1))
	bytes := headers + voice
	if repeated {
		bytes += headersRepeat + voice
	}
	return bytes * 8 * 50 / float64(r.frames)
}

// A manner is how a voice is sent.
type manner struct {
	rung
	effort  int           // complexity of the encoder
	power   power         // what this machine runs on
	fec     int           // loss that the encoder expects, in percent
	spared  []identity.ID // who gets every packet once only, also if some get lost
	repeats int           // links on which packets go twice
	limit   float64       // bit/s of all copies that the uplink is believed to bear; 0: no bound is known
	queue   time.Duration // the longest on the way to anybody
	loss    float64       // the worst
}

// A branch is whoever has one vote together: who came by one invite, or one person on the stage.
type branch struct {
	root  identity.Hash // see [room.State.Subtree]; of somebody on the stage their ID
	stage bool
}

// branchOf finds the branch of a listener in a room.
func branchOf(s *room.Snapshot, id identity.ID) branch {
	if p, here := s.Person(id); here && p.Stage {
		return branch{identity.Hash(id), true}
	}
	return branch{root: s.State.Subtree(id)}
}

// A way is a link, and whose.
type way struct {
	node.LinkInfo
	branch branch
}

// A tuner chooses. It is a pure machine; use newTuner. Times never go back.
type tuner struct {
	music   bool          // is sent, which makes the first rung a higher one
	at      int           // rung
	protect bool          // links that lose packets repeat them
	sending float64       // bit/s since the last step
	limit   float64       // bit/s; 0: none known
	shared  bool          // no more than half of the branches brought it about, so it goes down to rungShared only
	fec     int           // percent
	failed  float64       // bit/s that were too much when they were sent last; 0: none known
	again   time.Duration // of calm, before that is tried once more
	tried   time.Duration // when it was; 0: that is over
	calm    time.Duration // spent speaking, since anything waited
	stuck   time.Duration // for which a queue has been the same
	stuckAt time.Duration // that queue
	cut     time.Duration // when the last one was
	last    time.Duration // when the last step was
	woke    time.Duration // when this machine last came back after a sleep; 0: it has not slept
	begun   bool
	links   map[outlet]*outletState
}

// An outlet is one link.
type outlet struct {
	id   identity.ID
	peer string
}

type outletState struct {
	seen    bool // in this step
	branch  branch
	jammed  bool // the way is full
	active  bool // is sent voice
	reports uint64
	probed  uint64
	fresh   bool                        // a queue was measured since the last step
	sentAt  uint64                      // packets sent until the last step
	sent    [shortSteps + 1]uint64      // and until the last reports, the newest first
	arrived [shortSteps + 1]uint32      // of these
	steps   int                         // reports in a row while it was active
	queues  [queueSamples]time.Duration // the newest first
	samples int
	few     time.Duration // what may wait
	base    time.Duration // a queue that is not ours
	loss    float64       // of the last 200 packets or so
	missed  float64       // in the last report
	chance  float64       // lost lately while nothing waited
	calm    float64       // reports that chance is the average of

	repeating bool
}

func newTuner() *tuner {
	return &tuner{protect: true, again: againLeast, links: map[outlet]*outletState{}}
}

// step takes how all ways are at a time and returns how to send until the next step.
func (t *tuner) step(ways []way, now time.Duration) manner {
	passed := min(now-t.last, 2*tunePeriod)
	switch {
	case !t.begun:
		t.begun, passed = true, 0
	case now-t.last >= sleptFor:
		t.woke = now
	}
	if t.woke > 0 && now-t.woke < cutPause {
		clear(t.links) // what is told of the time before is told of nothing that was sent
	}
	t.last = now
	t.observe(ways)
	j := t.look()
	t.learn(j, now)
	switch {
	case j.full:
		t.lower(j, now)
		t.unstick(j, passed)
	case j.calm:
		t.stuck = 0
	}
	switch {
	case j.active == 0: // nobody speaks, so what waits is not ours
	case j.calm, !j.most() && t.at > rungShared: // where few keep nobody
		t.calm += passed
		t.raise(now)
	case j.full:
		t.calm = 0
	}
	if t.tried > 0 && now-t.tried >= raiseProves {
		t.tried, t.failed, t.again = 0, 0, againLeast
	}
	if j.active > 0 { // or else the first words after a pause would go out as if nothing were known
		before := rungs[t.at].frames
		t.choose()
		if rungs[t.at].frames != before { // packets come more or less often: what is under way tells nothing
			for _, o := range t.links {
				o.steps = 0
			}
		}
		t.sending = t.load(t.at, t.protect)
		t.fec = t.correction()
	}
	return t.manner()
}

// observe takes over what the links say, and forgets those that are gone.
func (t *tuner) observe(ways []way) {
	for _, l := range ways {
		key := outlet{l.ID, l.Peer}
		o := t.links[key]
		if o == nil {
			o = &outletState{probed: l.Probed, reports: l.Reports, sentAt: l.Sent}
			t.links[key] = o
		}
		o.seen, o.branch = true, l.branch
		if o.active = l.Sent >= o.sentAt+sentLeast; !o.active {
			o.steps = 0
		}
		due := o.sentAt
		o.sentAt = l.Sent
		o.few = queueFew + time.Duration(rungs[t.at].frames)*audio.FrameTime + 2*min(l.Scatter, jitterMost)
		if l.Reports != o.reports {
			o.reports, o.missed = l.Reports, l.Missed
			copy(o.sent[1:], o.sent[:])
			copy(o.arrived[1:], o.arrived[:])
			// The report may have been made when the last step was, so what was sent since
			// cannot be in it: it would be missed whenever somebody begins to speak.
			o.sent[0], o.arrived[0] = due, l.Arrived
			o.steps++
		}
		if o.fresh = l.Probed != o.probed; o.fresh {
			o.probed = l.Probed
			o.base = min(o.base, l.Queue)
			copy(o.queues[1:], o.queues[:])
			o.queues[0] = l.Queue - o.base
			o.samples = min(o.samples+1, queueSamples)
		}
		o.loss = l.LossOut
	}
	for key, o := range t.links {
		if !o.seen {
			delete(t.links, key)
		}
		o.seen = false
	}
}

// short is the share of what was sent between the last reports that has not arrived, of
// what could have.
func (o *outletState) short() float64 {
	sent, arrived := o.sent[0]-o.sent[shortSteps], o.arrived[0]-o.arrived[shortSteps]
	if o.steps <= shortSteps || sent == 0 {
		return 0
	}
	return max(0, 1-float64(arrived)/float64(sent))
}

// standing is what has waited all through the last reports, unless it is shrinking.
func (o *outletState) standing() time.Duration {
	if o.samples < queueSamples {
		return 0
	}
	if slices.IsSorted(o.queues[:]) && o.queues[0] < o.queues[1] {
		return 0
	}
	return slices.Min(o.queues[:])
}

// full says that more is sent than the way bears. missed is what all links together have
// lost lately, beyond chance.
func (o *outletState) full(missed float64) bool {
	return o.standing() > o.few ||
		o.samples > 0 && o.queues[0] > o.few && missed >= lossFull ||
		o.short() >= o.chance+lossShort ||
		o.chance >= lossBroken
}

// A jam is the state of the ways, as they are seen together.
type jam struct {
	full    bool    // for somebody who is sent voice the way is
	calm    bool    // nothing waits, for nobody who is sent voice
	active  int     // branches that are sent voice
	waiting int     // of these, for which something waits, on more than half of their ways
	missed  float64 // of all packets in the last reports, beyond chance, each branch counting once
	short   float64 // likewise in the last steps
}

// most says that something waits for more than half, that is, on our side.
func (j *jam) most() bool { return 2*j.waiting > j.active }

// look sums up, and notes for which links the way is full, and which should repeat.
func (t *tuner) look() (j jam) {
	type votes struct {
		ways, waiting int
		missed, short float64
	}
	branches := map[branch]*votes{}
	for _, o := range t.links {
		if !o.active {
			continue
		}
		v := branches[o.branch]
		if v == nil {
			v = &votes{}
			branches[o.branch] = v
		}
		v.ways++
		v.missed += max(0, o.missed-o.chance)
		v.short += max(0, o.short()-o.chance)
	}
	for _, v := range branches {
		j.missed += v.missed / float64(v.ways*len(branches))
		j.short += v.short / float64(v.ways*len(branches))
	}
	j.active, j.calm = len(branches), len(branches) > 0
	for _, o := range t.links {
		o.jammed = o.active && o.full(j.missed)
		o.repeating = o.active && !o.jammed && o.chance >= repeatAt
		j.full = j.full || o.jammed
		if o.jammed || o.active && (o.standing() > o.few/2 || o.samples > 0 && o.queues[0] > o.few) {
			branches[o.branch].waiting++
		}
	}
	for _, v := range branches {
		j.calm = j.calm && v.waiting == 0
		if 2*v.waiting > v.ways {
			j.waiting++
		}
	}
	return j
}

// learn counts what got lost while nothing waited.
func (t *tuner) learn(j jam, now time.Duration) {
	if j.most() || t.cut > 0 && now-t.cut <= cutPause {
		return
	}
	for _, o := range t.links {
		if o.fresh && o.active && !o.jammed && o.samples == queueSamples && slices.Max(o.queues[:]) <= o.few {
			o.calm = min(o.calm+1, lossReports)
			o.chance += (o.missed - o.chance) / o.calm
		}
	}
}

// lower cuts the limit: as far as it takes when something waits for most, and not below
// rungShared for anybody else.
func (t *tuner) lower(j jam, now time.Duration) {
	if t.cut > 0 && now-t.cut < cutPause {
		return
	}
	limit := t.sending * (1 - min(max(j.missed, j.short), lossCounted)) * cutTo
	if !j.most() {
		limit = max(limit, t.load(rungShared, true))
	}
	if least := t.load(len(rungs)-1, false); limit < least {
		limit = least
	}
	if t.limit > 0 && limit >= t.limit {
		return
	}
	if t.cut == 0 || now-t.cut > 2*cutPause { // else it is still the load before that was too much
		t.failed = t.sending
	}
	t.limit, t.shared, t.cut = limit, !j.most(), now
	if t.tried > 0 {
		t.again, t.tried = min(2*t.again, againMost), 0
	}
}

// raise allows the next better way after a calm.
func (t *tuner) raise(now time.Duration) {
	if t.limit == 0 || t.calm < calmBefore {
		return
	}
	next := t.load(max(t.at-1, 0), t.protect)
	if t.failed > 0 && next >= t.failed {
		if t.calm < t.again {
			return
		}
		t.tried = now
	}
	t.calm = 0
	if t.limit = max(t.limit, next); t.at == 0 && t.protect {
		t.limit = 0
	}
}

// unstick finds that a queue stays whatever is sent, and forgets what it has brought about.
func (t *tuner) unstick(j jam, passed time.Duration) {
	worst := time.Duration(0)
	for _, o := range t.links {
		if o.jammed {
			worst = max(worst, o.standing())
		}
	}
	if worst == 0 || j.missed >= lossStuck || j.short >= lossShort || (worst-t.stuckAt).Abs() > stuckNear {
		t.stuck, t.stuckAt = 0, worst
		return
	}
	if t.stuck += passed; t.stuck < stuckAfter {
		return
	}
	for _, o := range t.links {
		o.base += o.standing()
		o.queues, o.samples = [queueSamples]time.Duration{}, 0
	}
	if t.stuck = 0; !j.most() { // what is known of our side still holds
		return
	}
	t.stuck, t.limit, t.failed, t.tried, t.again = 0, 0, 0, 0, againLeast
}

// choose finds the best rung within the limit.
func (t *tuner) choose() {
	t.at, t.protect = 0, true
	if t.limit == 0 {
		return
	}
	if t.shared { // also when more have come since, or lose packets by chance
		t.limit = max(t.limit, t.load(rungShared, true))
	}
	for i := range rungs[:rungProtected+1] {
		if t.at = i; t.load(i, true) <= t.limit {
			return
		}
	}
	t.protect = false
	for i := range rungs {
		if t.at = i; t.load(i, false) <= t.limit {
			return
		}
	}
}

// rung is what is sent on a rung.
func (t *tuner) rung(at int) rung {
	r := rungs[at]
	if at == 0 && t.music {
		r.bitrate = musicBitrate
	}
	return r
}

// load is what all copies together take on a rung, in bit/s.
func (t *tuner) load(at int, protect bool) (sum float64) {
	for _, o := range t.links {
		if o.active {
			sum += t.rung(at).load(protect && o.repeating)
		}
	}
	return sum
}

// correction is what the encoder should expect to be lost, in percent: the median of what the
// branches lose, each by the median of its ways, of an even number the lower. For whoever
// loses more there are repeats, which do more than error correction and cost nobody else.
func (t *tuner) correction() int {
	losses := map[branch][]float64{}
	for _, o := range t.links {
		if o.active {
			losses[o.branch] = append(losses[o.branch], o.loss)
		}
	}
	var branches []float64
	for _, l := range losses {
		branches = append(branches, middleLoss(l))
	}
	return int(min(max(middleLoss(branches), 0), maxLoss)*100 + 0.5)
}

// middleLoss is the median, of an even number the lower; 0 of none.
func middleLoss(losses []float64) float64 {
	if len(losses) == 0 {
		return 0
	}
	slices.Sort(losses)
	return losses[(len(losses)-1)/2]
}

func (t *tuner) manner() manner {
	m := manner{rung: t.rung(t.at), limit: t.limit, fec: t.fec}
	for key, o := range t.links {
		if o.active {
			m.loss = max(m.loss, o.loss)
			if o.samples > 0 {
				m.queue = max(m.queue, o.queues[0])
			}
		}
		switch {
		case o.repeating && t.protect:
			m.repeats++
		case t.limit > 0:
			m.spared = append(m.spared, key.id)
		}
	}
	return m
}
