// The judge of one listener's two relays: what it makes of what it was told.
//
// A witness that costs nothing is believed little. What a digest says makes us suspect the primary, and for that the shadow is asked for the
// media (TakeOver); only what the shadow then brings, signed by the speakers, makes us leave the primary (Swap). If it does not bring what it
// says it has, it is the shadow that goes (Replace).

package relay

import (
	"math"
	"slices"
	"time"

	"stoa/identity"
)

const (
	// deadAfter is how long a stream may pause without saying so: three packets of two frames.
	deadAfter = 120 * time.Millisecond

	// lateAfter is how far behind the shadow the primary may be.
	lateAfter = 150 * time.Millisecond

	// settle is how long after a digest it is judged: what is on its way comes within lateAfter, or is late.
	settle = 250 * time.Millisecond

	// censorAfter is how long a voice that the shadow brings may be absent. With what it takes to notice and to ask, that is half a second.
	censorAfter = 320 * time.Millisecond

	// censorProofSpan is in how long it has to bring that: three packets, and not one and its repeats.
	censorProofSpan = 70 * time.Millisecond

	// censorSpan is how much of it the shadow has to have brought: six packets, which an honest path does not lose in a row.
	censorSpan = 240 * time.Millisecond

	// A stream is no new one any more after so many packets, or so long in digests.
	settledCount = 50
	settledAfter = 2 * time.Second

	// clearFor is how long the primary has to be without fault before the shadow may rest.
	clearFor = 2 * time.Second

	// clearSoon is that after a pause that was the speaker's own: the shadow has brought nothing that the primary did not.
	clearSoon = time.Second

	// silentAfter is three digests and what they may be late.
	silentAfter = 3*DigestEvery + 50*time.Millisecond

	// deadFor is how long the primary may send nothing while the shadow does.
	deadFor = time.Second

	// roughFor is what both of these are when the path has lost something within roughMemory, or is too new to tell. Bursts of loss last 100 to
	// 200 ms on average; one that lasts 2.5 s is e^-12 of them.
	roughFor    = 2500 * time.Millisecond
	roughMemory = time.Minute
	cleanAfter  = 30 * time.Second

	// goneAfter is how long nobody may have a stream before it counts as ended: its speaker has gone without a word.
	goneAfter = time.Second

	// tiredAfter is how long a stream is looked at that has ended: until digests do not show it any more.
	tiredAfter = meterForget + claimLife

	// shadowGrace is how long the shadow may take until it sends the media.
	shadowGrace = 600 * time.Millisecond

	// alikeAfter is for how long the primary has to bring a voice that the shadow does not know of before the shadow is no use.
	alikeAfter = 5 * time.Second

	// floorAfter is how long neither path may have what the acting host hears.
	floorAfter = 3 * time.Second

	// leapFrames is how far the acting host may be ahead of what was heard of a stream, and of the time since then: 10 s.
	leapFrames = 500

	claimLife = time.Second            // how long a digest's word on a stream holds
	aliveFor  = 300 * time.Millisecond // how long a sign of life does
	calmStep  = time.Second            // between two calls of Step when nothing is due

	maxSlices   = 12
	sliceFrames = 128 // frames of the longest slice: digests that are farther apart begin anew
)

// Drops are found by a cumulative sum of log-likelihood ratios (Page 1954): each packet that is lacking adds, each that is not takes away, so
// that the sum stays at zero while less than about 10 % is lacking and grows by 5.4 a second when 30 % is. A row of lacking packets counts as
// two, since bursts of loss are one event each; what lasts longer is what deadAfter and the slow sum are for, which counts all of a row and
// needs most of a minute.
const (
	dropFair   = 0.06 // share of packets that an honest path may lose, or twice what the alternative does
	dropFoul   = 0.10 // more than that
	dropRow    = 2
	altPrior   = 20  // packets that the alternative is taken to have brought before any
	suspectSum = 5.5 // ask the shadow
	provenPart = 5   // of the verdict's sum, by packets of the shadow
	verdictSum = 9.5
	shortSum   = 14 // the shadow sends less than it says

	slowFair, slowFoul = 0.15, 0.35
	slowSum            = 70
)

// Delays are counted: one for each that is late, and four off for each that is in time.
const (
	inTime      = 4
	markLate    = 2  // marks: ask the shadow
	lagLate     = 25 // packets, and
	lagFor      = 1500 * time.Millisecond
	maxLag      = 100
	censorProof = 3 // packets that the shadow brings and the primary lacks
	deadProof   = 5
)

// Step returns what to do now, and when to call it again if nothing is reported until then.
func (w *Watch) Step(now time.Time) (acts []Act, next time.Time) {
	j := judge{w: w, now: w.moment(now)}
	j.next = j.now + calmStep
	j.tidy()
	j.weigh()
	shadow, kid := j.shadowFault()
	if shadow != 0 {
		j.replace(shadow, kid)
	}
	fault, kid := j.primaryFault()
	switch {
	case fault != 0:
		j.swap(fault, kid)
	case w.media:
		j.giveBack()
	default:
		j.takeOver()
	}
	return j.acts, w.begin.Add(max(j.next, j.now+time.Millisecond))
}

// judge is one step of a Watch.
type judge struct {
	w    *Watch
	now  moment
	next moment
	acts []Act
}

// past tells whether a moment has come; if not, Step will be called then.
func (j *judge) past(at moment) bool {
	if at <= j.now {
		return true
	}
	j.next = min(j.next, at)
	return false
}

func (j *judge) within(at moment, d time.Duration) bool { return at != 0 && j.now-at < d }

func (j *judge) act(k ActKind, p Path, f Fault, kid uint64) {
	j.acts = append(j.acts, Act{Kind: k, Relay: j.w.pair.at(p), Fault: f, KID: kid})
}

// tidy calls gone the streams that nobody has, puts those to sleep of which nothing is to be judged, and forgets those that nobody mentions.
func (j *judge) tidy() {
	w, tired := j.w, false
	for _, s := range w.streams {
		if !s.gone && s.live() && j.past(s.news()+goneAfter) {
			s.gone = true
		}
		tired = tired || j.tired(s)
	}
	if tired {
		w.streams = slices.DeleteFunc(w.streams, func(s *stream) bool {
			if !j.tired(s) {
				return false
			}
			w.asleep = append(w.asleep, s)
			return true
		})
	}
	for len(w.asleep) > 0 && j.now-w.asleep[0].used > streamLife {
		w.asleep = slices.Delete(w.asleep, 0, 1)
	}
}

// tired tells whether nothing of a stream is new, or waits to be judged.
func (j *judge) tired(s *stream) bool {
	idle := j.now - s.used
	return idle > streamLife || idle > tiredAfter && len(s.due) == 0 && s.floor.since == 0 && (s.gone || !s.live())
}

// live tells whether somebody has begun and not ended the stream, as far as anybody knows.
func (s *stream) live() bool {
	return s.track[Primary].active() || s.track[Shadow].active() || s.claim[Primary].open() || s.claim[Shadow].open()
}

func (c *claim) open() bool { return c.known && !c.live.End }

// news is when somebody last had something new of the stream.
func (s *stream) news() moment {
	return max(s.track[Primary].at, s.track[Shadow].at, s.claim[Primary].moved, s.claim[Shadow].moved)
}

// weigh judges what has settled.
func (j *judge) weigh() {
	for _, s := range j.w.streams {
		excused := j.excused(s)
		s.overdue(j, excused)
		if j.w.media {
			s.putAside(j)
		}
		n := 0
		for n < len(s.due) && j.past(s.due[n].due) {
			if !excused {
				j.w.lacked = s.weigh(&s.due[n]) || j.w.lacked
			}
			n++
		}
		s.due = slices.Delete(s.due, 0, n)
	}
}

// mark expects a packet that the shadow has by the primary.
func (s *stream) mark(index uint32, t moment) {
	if !s.track[Primary].lacks(index) {
		s.late = max(0, s.late-inTime)
		return
	}
	m := &s.marks[0]
	for i := range s.marks {
		if !s.marks[i].open {
			m = &s.marks[i]
			break
		}
		if s.marks[i].at < m.at {
			m = &s.marks[i]
		}
	}
	*m = mark{open: true, index: index, at: t}
}

// reach closes the marks that the primary has come to.
func (s *stream) reach(t moment) {
	for i := range s.marks {
		m := &s.marks[i]
		if !m.open || s.track[Primary].lacks(m.index) {
			continue
		}
		if !m.late && t-m.at <= lateAfter {
			s.late = max(0, s.late-inTime)
		} else if !m.late {
			s.late++
		}
		m.open = false
	}
}

// overdue counts the marks that the primary has not come to in time.
func (s *stream) overdue(j *judge, excused bool) {
	for i := range s.marks {
		m := &s.marks[i]
		switch {
		case !m.open:
		case excused || j.now-m.at > claimLife:
			m.open = false
		case !m.late && j.past(m.at+lateAfter):
			m.late = true
			s.late = min(s.late+1, maxLag)
		}
	}
}

// waiting returns since when the oldest open mark waits.
func (s *stream) waiting() moment {
	var oldest moment
	for i := range s.marks {
		if m := &s.marks[i]; m.open && (oldest == 0 || m.at < oldest) {
			oldest = m.at
		}
	}
	return oldest
}

// claimed puts aside what the shadow says came between two digests.
func (s *stream) claimed(from, to *Live, own bool, t moment) {
	steps, count := to.Index-from.Index, to.Count-from.Count
	if steps > sliceFrames || int32(count) <= 0 {
		return // a pause, or the relay began to count anew
	}
	s.aside(slice{from: from.Index, to: to.Index, count: min(count, steps), own: own, due: t + settle})
}

// putAside puts aside, every 200 ms, what both have brought.
func (s *stream) putAside(j *judge) {
	newest := s.newest()
	if j.w.proven == 0 || newest == nil {
		return
	}
	if !s.compares {
		s.compares, s.compared, s.next = true, newest.newest, j.now+DigestEvery
	}
	if s.compared == newest.newest || !j.past(s.next) {
		return
	}
	s.next = j.now + DigestEvery
	if newest.newest-s.compared <= sliceFrames {
		s.aside(slice{from: s.compared, to: newest.newest, direct: true, due: j.now + settle})
	}
	s.compared = newest.newest
}

// newest returns the track that is ahead.
func (s *stream) newest() *track {
	p, o := &s.track[Primary], &s.track[Shadow]
	switch {
	case !p.started && !o.started:
		return nil
	case !p.started || o.started && p.lacks(o.newest):
		return o
	}
	return p
}

func (s *stream) aside(x slice) {
	if len(s.due) < maxSlices {
		s.due = append(s.due, x)
	}
}

// weigh judges one slice, and tells whether the shadow has brought something of it that the primary has not.
func (s *stream) weigh(x *slice) bool {
	if x.direct {
		return s.compare(x)
	}
	up, down := ratio(dropFair, dropFair+dropFoul)
	sum := func(p Path) float64 {
		got := uint32(s.track[p].count(x.from, x.to))
		lacking := max(x.count, got) - got
		// A digest has five packets; more than two of them are a burst.
		return float64(min(lacking, (2*x.count+4)/5))*up - float64(min(got, x.count))*down
	}
	if !s.compares { // the packets themselves say more
		s.score = max(0, s.score+sum(Primary))
	}
	if x.own {
		s.short = max(0, s.short+sum(Shadow))
	}
	return false
}

// compare judges by what both have brought. The shadow's packets are proof: they are signed.
func (s *stream) compare(x *slice) bool {
	var lacking, row, got, alt, all float64
	for i := x.from + 1; i != x.to+1; i++ {
		p, o := s.track[Primary].has(i), s.track[Shadow].has(i)
		switch {
		case p:
			s.missing = 0
			got++
			if !o {
				alt++
			}
		case o:
			lacking++
			if s.missing++; s.missing <= dropRow {
				row++
			}
		default:
			continue
		}
		all++
	}
	s.altLost, s.altAll = s.altLost*0.95+alt, s.altAll*0.95+all
	fair := min(max(dropFair, 2*s.altLost/(s.altAll+altPrior)), 0.5)
	up, down := ratio(fair, fair+dropFoul)
	add := row*up - got*down
	s.score = max(0, s.score+add)
	s.proof = min(max(0, s.proof+add), s.score)
	up, down = ratio(slowFair, slowFoul)
	s.slow = max(0, s.slow+lacking*up-got*down)
	return lacking > 0
}

// ratio returns what a packet that is lacking adds to a sum, and what one that is not takes away.
func ratio(fair, foul float64) (up, down float64) {
	return math.Log(foul / fair), math.Log((1 - fair) / (1 - foul))
}

// delayed takes how far a packet by the primary was behind the same by the shadow.
func (s *stream) delayed(lag time.Duration, t moment) {
	if lag > lateAfter {
		if s.lag == 0 {
			s.lagged = t
		}
		s.lag = min(s.lag+1, maxLag)
	} else {
		s.lag = max(0, s.lag-inTime)
	}
}

// floored takes what the acting host hears.
func (s *stream) floored(index uint32, t moment) {
	f := &s.floor
	switch {
	case s.known(index):
		*f = floorClaim{}
	case f.since == 0 || t-f.since > 3*floorAfter:
		*f = floorClaim{since: t, index: index}
	case int32(index-f.index) > 0:
		f.confirmed = true
	}
}

// leaps tells whether an index is farther ahead of all that was heard of the stream, by packets or by the word of a path, than its speaker can be.
// Of a stream that was never heard any index may be the first.
func (s *stream) leaps(index uint32, t moment) bool {
	heard := false
	leap := func(newest uint32, at moment) bool {
		heard = true
		return int64(int32(index-newest)) > leapFrames+int64((t-at)/frameTime)
	}
	for p := range s.track {
		track, claim := &s.track[p], &s.claim[p]
		if track.started && !leap(track.newest, track.at) || claim.known && !leap(claim.live.Index, claim.moved) {
			return false
		}
	}
	return heard
}

// known tells whether a path has come near an index, by packets or by its word.
func (s *stream) known(index uint32) bool {
	const near = 50 // a second
	for p := range s.track {
		if !s.track[p].lacks(index-near) || s.claim[p].known && int32(index-near-s.claim[p].live.Index) <= 0 {
			return true
		}
	}
	return false
}

// excused tells whether a stream need not come: when more speak than a relay sends, it is none of those that are clearly the loudest.
func (j *judge) excused(s *stream) bool {
	const margin = 6 // dB: relays that choose a little earlier or later may choose otherwise
	voices := j.w.paths[Primary].carries(j.now)
	if j.w.media {
		voices = min(voices, j.w.paths[Shadow].carries(j.now))
	}
	level, known := s.level(false)
	live, louder := 0, 0
	for _, o := range j.w.streams {
		if !j.within(o.news(), claimLife) {
			continue
		}
		live++
		if l, ok := o.level(true); o != s && (!ok || int(l) <= int(level)+margin) {
			louder++
		}
	}
	return live > voices && (!known || louder >= voices)
}

// level is how loud the last two digests of the shadow say that a stream is: at best, or at worst.
func (s *stream) level(best bool) (uint8, bool) {
	c := &s.claim[Shadow]
	if best {
		return min(c.live.Level, c.level), c.known
	}
	return max(c.live.Level, c.level), c.known
}

// patience is how long a path may say nothing.
func (j *judge) patience(p Path, short time.Duration) time.Duration {
	path := &j.w.paths[p]
	if j.now-path.begin < cleanAfter || j.within(path.rough, roughMemory) || path.digests == 0 && !path.bundles {
		return roughFor
	}
	return short
}

// shadowFault tells why the shadow has to go, if it has to.
func (j *judge) shadowFault() (Fault, uint64) {
	path := &j.w.paths[Shadow]
	switch {
	case j.w.vacant(Shadow):
		return 0, 0
	case path.fault != 0:
		return path.fault, 0
	case j.silent():
		return Silent, 0
	}
	for _, s := range j.w.streams {
		if s.short >= shortSum {
			return Drops, s.kid
		}
		if j.unknown(s) {
			return Censors, s.kid
		}
		if j.floorLacks(s, Shadow) {
			return Censors, s.kid
		}
	}
	return 0, 0
}

// silent tells whether the shadow's digests have stopped. When the primary is silent too it may be our own network, which takes longer to be
// believed.
func (j *judge) silent() bool {
	path := &j.w.paths[Shadow]
	if path.digests == 0 {
		return j.past(path.begin + roughFor)
	}
	patience := j.patience(Shadow, silentAfter)
	if !j.within(j.w.paths[Primary].life, aliveFor) || path.life > path.digest+DigestEvery {
		patience = roughFor
	}
	return j.past(path.digest + patience)
}

// unknown tells whether the shadow does not know of a voice that the primary brings, and so could not take over.
func (j *judge) unknown(s *stream) bool {
	t, c, path := &s.track[Primary], &s.claim[Shadow], &j.w.paths[Shadow]
	if t.active() && j.within(t.at, aliveFor) && !path.full && j.within(path.digest, 2*DigestEvery) && !(c.known && j.within(c.at, claimLife)) {
		return j.past(max(s.spoke, path.begin, c.at) + alikeAfter)
	}
	return false
}

// floorLacks tells whether neither path has a voice that the acting host hears, and has heard only since the relay of this one came.
func (j *judge) floorLacks(s *stream, p Path) bool {
	f := &s.floor
	return f.since != 0 && f.since >= j.w.paths[p].begin && f.confirmed && !s.known(f.index) && !j.excused(s) && j.past(f.since+floorAfter)
}

// primaryFault tells why the primary has to go, if it has to.
func (j *judge) primaryFault() (Fault, uint64) {
	w, path := j.w, &j.w.paths[Primary]
	switch {
	case w.vacant(Primary):
		return 0, 0
	case path.fault != 0:
		return path.fault, 0
	case j.allSilent():
		return Dead, 0
	}
	for _, s := range w.streams {
		if j.floorLacks(s, Primary) {
			return Censors, s.kid
		}
	}
	if w.vacant(Shadow) || j.mutual() {
		return 0, 0
	}
	for _, s := range w.streams {
		switch {
		case j.excused(s):
		case j.dead(s):
			return Dead, 0
		case j.censored(s):
			return Censors, s.kid
		case s.lag == 0 && (s.score >= verdictSum && s.proof >= provenPart || s.slow >= slowSum): // what is late is not lost
			return Drops, s.kid
		case s.lag >= lagLate && j.past(s.lagged+lagFor):
			return Delays, s.kid
		}
	}
	return 0, 0
}

// allSilent tells whether the primary sends nothing at all any more, not even digests, though it did: while the shadow does, or for longer.
func (j *judge) allSilent() bool {
	path, patience := &j.w.paths[Primary], roughFor
	if path.digests == 0 {
		return false
	}
	if j.within(j.w.paths[Shadow].life, aliveFor) {
		patience = j.patience(Primary, deadFor)
	}
	return j.past(max(path.life, path.since) + patience)
}

// dead tells whether nothing comes by the primary while the shadow brings a voice.
func (j *judge) dead(s *stream) bool {
	path := &j.w.paths[Primary]
	return s.lacking >= deadProof && s.lack >= path.media && j.goesOn(s) && j.past(max(path.media, path.since, s.spoke)+j.patience(Primary, deadFor))
}

// censored tells whether the primary, which lives, does not bring a voice that the shadow brings.
func (j *judge) censored(s *stream) bool {
	path, since, wait := &j.w.paths[Primary], s.absent(), censorAfter
	if s.lacking < censorProof || !j.goesOn(s) || s.track[Shadow].at < max(since+censorSpan, s.lack+censorProofSpan, path.before+lifeApart) {
		return false
	}
	if j.within(s.rough, roughMemory) || !s.track[Primary].started && !j.settled(s) {
		wait = roughFor
	}
	alive := path.before >= since+lifeApart && j.within(path.life, aliveFor)
	return j.past(since+wait) && alive
}

// goesOn tells whether the shadow brings a stream now. When it has ended, and the primary has only lost the end, nothing will show that.
func (j *judge) goesOn(s *stream) bool {
	return s.track[Shadow].active() && j.within(s.track[Shadow].at, aliveFor)
}

// settled tells whether a stream is no new one, which its speaker may still be about to send to some relays.
func (j *judge) settled(s *stream) bool {
	c := &s.claim[Shadow]
	return c.known && (c.live.Count >= settledCount || j.past(c.first+settledAfter))
}

// absent is since when the primary has not brought a stream that goes on.
func (s *stream) absent() moment {
	if s.track[Primary].active() {
		return max(s.track[Primary].at, s.spoke)
	}
	if wait := s.waiting(); wait != 0 && (s.lack == 0 || wait < s.lack) {
		return wait
	}
	return s.lack
}

// mutual tells whether the shadow in its turn lacks a voice that the primary brings: then both are needed.
func (j *judge) mutual() bool {
	if j.w.proven == 0 || !j.past(j.w.proven+deadAfter) {
		return false
	}
	for _, s := range j.w.streams {
		p, o := &s.track[Primary], &s.track[Shadow]
		if p.active() && j.within(p.at, aliveFor) && o.at < j.w.asked && !j.excused(s) {
			return true
		}
	}
	return false
}

// takeOver asks the shadow for the media when something is wrong with the primary.
func (j *judge) takeOver() {
	w := j.w
	if w.vacant(Shadow) || w.vacant(Primary) {
		return
	}
	fault, kid := j.suspicion()
	if fault == 0 {
		return
	}
	w.media, w.asked, w.proven, w.trouble, w.lacked = true, j.now, 0, j.now, false
	j.act(TakeOver, Shadow, fault, kid)
	j.past(j.now + clearSoon)
}

// suspicion tells what may be wrong with the primary.
func (j *judge) suspicion() (Fault, uint64) {
	if j.stalled() {
		return Dead, 0
	}
	for _, s := range j.w.streams {
		if s.gone || j.excused(s) {
			continue
		}
		switch {
		case s.score >= suspectSum:
			return Drops, s.kid
		case s.late >= markLate:
			return Delays, s.kid
		case j.absentSo(s):
			return Censors, s.kid
		}
	}
	return 0, 0
}

// stalled tells whether nothing comes by the primary though something is due.
func (j *judge) stalled() bool {
	path, any := &j.w.paths[Primary], false
	for _, s := range j.w.streams {
		any = any || s.track[Primary].active() && !s.gone && !s.over()
	}
	return any && j.past(max(path.media, path.since)+deadAfter)
}

// over tells whether the shadow says that the stream ended with the packet after the last by the primary, or a later one.
func (s *stream) over() bool {
	c := &s.claim[Shadow]
	return c.known && c.live.End && c.at >= s.track[Primary].at && int32(c.live.Index-s.track[Primary].newest) >= 0
}

// absentSo tells whether a voice does not come by the primary though the shadow says that it goes on.
func (j *judge) absentSo(s *stream) bool {
	wait := s.waiting()
	if wait == 0 {
		return false
	}
	if !s.track[Primary].active() {
		return j.past(wait + lateAfter)
	}
	return j.past(s.track[Primary].at + deadAfter)
}

// giveBack lets the shadow rest when the primary has been without fault.
func (j *judge) giveBack() {
	w := j.w
	if j.troubled() {
		w.trouble = j.now
		j.past(j.now + deadAfter/2)
		return
	}
	wait := clearFor
	if !w.lacked && (w.proven != 0 || !j.speaking()) {
		wait = clearSoon
	}
	if !j.past(w.trouble + wait) {
		return
	}
	j.act(GiveBack, Shadow, 0, 0)
	w.rest()
}

// troubled tells whether there is anything that speaks against the primary now.
func (j *judge) troubled() bool {
	if j.stalled() {
		return true
	}
	for _, s := range j.w.streams {
		if j.excused(s) || s.gone {
			continue
		}
		if s.lack != 0 && j.past(s.lack+deadAfter) || s.score >= suspectSum/2 || s.lag > inTime && j.within(s.track[Primary].at, claimLife) || s.late >= markLate && s.waiting() != 0 {
			return true
		}
	}
	return false
}

// speaking tells whether anybody says that somebody speaks.
func (j *judge) speaking() bool {
	return slices.ContainsFunc(j.w.streams, func(s *stream) bool { return s.live() && !s.gone })
}

// replace leaves the shadow.
func (j *judge) replace(f Fault, kid uint64) {
	j.act(Replace, Shadow, f, kid)
	j.w.enter(Shadow, identity.ID{}, j.now)
}

// swap leaves the primary. The shadow, if there is one, takes its place.
func (j *judge) swap(f Fault, kid uint64) {
	j.act(Swap, Primary, f, kid)
	j.w.exchange(j.now)
	j.w.enter(Shadow, identity.ID{}, j.now)
}
