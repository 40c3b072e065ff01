// What others hear of this person, from what they report.
//
//	voice: what was sent ──────────────────────────┐
//	room.Receipts: what came, by heartbeats ───────┼─► hearers ─┐
//	node.LinkInfo: that packets came, by reports ──┘            ├─► claim ─► Audible
//	ears: what came here ───────────────────────────────────────┘
//
// A connection proves nothing: what counts is that what was sent has come. A listener's
// heartbeat names the newest frame that could be opened there. Whatever was sent after
// that one, and long enough before the heartbeat, is missing, and when that is a second
// of speech the listener does not hear. So while nothing is said nothing changes, and what
// was found last holds.

package app

import (
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// missedMost is how much speech may be missing at a listener who hears.
	missedMost = uint64(time.Second / audio.FrameTime)

	// receiptLag is how old what a heartbeat says of a voice may be when it comes: the
	// way of the voice, the jitter there, the look that writes it down (lookRarely), the
	// way of the heartbeat through gossip.
	receiptLag = 800 * time.Millisecond

	// reportLag is the same of a link's reports, which come every 500 ms.
	reportLag = 1200 * time.Millisecond

	// silentBeats is for how many heartbeats somebody may say nothing before what was
	// sent meanwhile counts as missing: one may get lost.
	silentBeats = 2

	// markEvery is the time between two entries of a spokenLog. With maxMarks of them it
	// goes back a minute and more of speech, beyond which nothing is asked of it.
	markEvery = 500 * time.Millisecond
	maxMarks  = 128
)

// A spokenLog is what was sent when, in frames. It is a pure machine, ready when it is
// zero.
type spokenLog struct {
	marks [maxMarks]spokenMark
	n     int // that were ever made
}

// A spokenMark says how much had been sent at an instant.
type spokenMark struct {
	at     time.Time
	frames uint64 // since the room was entered
	index  uint32 // of the newest one, and one; 0: none
}

// note writes down how much has been sent until now, if it is more than before.
func (l *spokenLog) note(m spokenMark) {
	last := l.last()
	if m.frames <= last.frames {
		return
	}
	if l.n == 0 || m.at.Sub(last.at) >= markEvery/2 {
		l.n++
	}
	l.marks[(l.n-1)%maxMarks] = m
}

func (l *spokenLog) last() (m spokenMark) {
	if l.n > 0 {
		m = l.marks[(l.n-1)%maxMarks]
	}
	return m
}

// find returns the newest mark of those that fit, all of which are older than those that
// do not; zero when none is known that does.
func (l *spokenLog) find(fits func(m *spokenMark) bool) (m spokenMark) {
	for i := l.n - 1; i >= max(0, l.n-maxMarks); i-- {
		if m = l.marks[i%maxMarks]; fits(&m) {
			return m
		}
	}
	return spokenMark{}
}

// by is how many frames had been sent at an instant, a mark too few at most.
func (l *spokenLog) by(at time.Time) uint64 {
	return l.find(func(m *spokenMark) bool { return !m.at.After(at) }).frames
}

// until is how many frames had been sent when the one before index was, a mark too many
// at most. An index that was not sent yet is not believed: it is of an earlier run.
func (l *spokenLog) until(index uint32) (frames uint64, known bool) {
	if index == 0 || index > l.last().index {
		return 0, false
	}
	before := l.find(func(m *spokenMark) bool { return m.index < index })
	// The mark after that one is the first by which the frame had been sent.
	after := l.last().frames
	for i := l.n - 1; i >= max(0, l.n-maxMarks) && l.marks[i%maxMarks].frames > before.frames; i-- {
		after = l.marks[i%maxMarks].frames
	}
	return after, true
}

// A verdict is what is known of whether somebody hears this person.
type verdict uint8

const (
	unknown       verdict = iota // nothing that was sent could have been reported yet
	hears                        // what was sent has come, but for what may be on its way
	misses                       // it has not
	noLoudspeaker                // whatever has come, nothing is played there
)

// hearers are the others, and what they hear of this person as follows from their reports. It is
// a pure machine; use newHearers.
type hearers struct {
	spoken spokenLog
	of     map[identity.ID]*hearer
}

// A hearer is one of the others, or a relay.
type hearer struct {
	here    uint64 // frames that had been sent when they came
	arrived uint32 // packets, over all links, as these report
	reached uint64 // frames that had been sent when more of them arrived
	lost    uint64 // frames that had been sent up to the newest that came, when it was found last that they miss some
	verdict verdict
	seen    bool // in this step
}

func newHearers() *hearers { return &hearers{of: map[identity.ID]*hearer{}} }

// A report is what is known at an instant of what came of this voice at somebody.
type report struct {
	receipt room.Receipt
	links   []node.LinkInfo
}

// step takes what has been sent and what was reported until now. every is the time
// between two heartbeats of one member.
func (a *hearers) step(sent spokenMark, reports map[identity.ID]report, every time.Duration, now time.Time) {
	a.spoken.note(sent)
	for id, r := range reports {
		l := a.of[id]
		if l == nil {
			l = &hearer{here: sent.frames}
			a.of[id] = l
		}
		l.seen = true
		a.count(l, r.links, now)
		if l.verdict = a.judge(l, r, every, now); l.verdict == misses {
			l.lost, _ = a.spoken.until(r.receipt.Got)
		}
	}
	for id, l := range a.of {
		if !l.seen {
			delete(a.of, id)
		}
		l.seen = false
	}
}

// sent is how many frames had been sent so long ago.
func (a *hearers) sent(now time.Time, ago time.Duration) uint64 { return a.spoken.by(now.Add(-ago)) }

// missing says that of what had been sent until some time so much lacks that the voice is
// not heard.
func missing(until, have uint64) bool { return until >= have+missedMost }

// count takes over what links report. A link that has gone takes its count along.
func (a *hearers) count(l *hearer, links []node.LinkInfo, now time.Time) {
	var arrived uint32
	for _, k := range links {
		arrived += k.Arrived
	}
	if int32(arrived-l.arrived) > 0 {
		l.reached = max(l.here, a.sent(now, reportLag))
	}
	l.arrived = arrived
}

// judge says what becomes of the verdict on somebody.
func (a *hearers) judge(l *hearer, r report, every time.Duration, now time.Time) verdict {
	said := r.receipt.Said
	got, known := a.spoken.until(r.receipt.Got)
	have := max(got, l.here)
	byLink := len(r.links) > 0 && r.receipt.Way != room.ByRelay
	switch {
	case r.receipt.Deaf:
		return noLoudspeaker
	case said && r.receipt.Way == room.Unheard && now.Sub(r.receipt.Since) >= deafTold:
		return misses // as they say
	case byLink && missing(a.sent(now, reportLag), max(have, l.reached+missedMost)): // some reports get lost
		return misses // the link would have told that it came
	case (said || !byLink) && missing(a.spoken.by(r.receipt.At.Add(-receiptLag)), have):
		return misses // they told what came, and it is not in it
	case (said || !byLink) && missing(a.sent(now, silentBeats*every*(100+20)/100+receiptLag), have):
		return misses // they tell no more
	case said && known && got > max(l.here, l.lost):
		return hears
	case byLink && !said && l.reached > max(l.here, l.lost):
		return hears // in a crowd a heartbeat does not name those whose link is good
	case l.verdict == noLoudspeaker:
		return unknown
	}
	return l.verdict
}

// reaches says whether this voice comes to a relay: by the link to it, or as it says.
func (a *hearers) reaches(id identity.ID, r report, now time.Time) bool {
	l := a.of[id]
	if l == nil || len(r.links) == 0 {
		return r.receipt.Said && r.receipt.Way != room.Unheard
	}
	return l.reached > l.here && !missing(a.sent(now, reportLag), l.reached+missedMost)
}
