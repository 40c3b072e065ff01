// When to go by RAW: pure, times are durations since the path was opened.

package node

import "time"

const (
	stepEvery  = 100 * time.Millisecond
	renewEvery = 5 * time.Second // the round trip is measured, and NATs and QUIC are reminded of us

	probeRound = 4                      // probes before RAW is given up for now
	probeGap   = 100 * time.Millisecond // between the first two; each gap is twice the one before
	probePause = 10 * time.Second       // after a round, twice as long after each
	probeRests = 80 * time.Second       // at most

	rawAsk    = 650 * time.Millisecond // of silence: ask whether it still works
	rawSilent = time.Second            // of silence, and the round trip: it does not
)

// A ladder decides whether RAW is used. It goes up when a probe was answered by RAW, and
// down when what was sent by RAW, with probes among it, was met with silence. Not safe for
// concurrent use.
type ladder struct {
	up     bool
	since  time.Duration // it went up or the far side moved: silence counts from here
	probes int           // of this round, so far
	next   time.Duration // when the next probe is due
	pause  time.Duration // after this round
	asked  bool          // about the present silence
}

// ladderStep says what to do now.
type ladderStep struct {
	probe bool // by RAW
	touch bool // send something by QUIC, so that it sees where we are
	fell  bool // RAW is not used any more
}

func (l *ladder) begin(now time.Duration) { *l = ladder{next: now, pause: probePause} }

// moved starts over: the far side has a new address, which QUIC has validated. RAW stays
// in use if it was.
func (l *ladder) moved(now time.Duration) {
	l.since, l.next, l.probes, l.pause = now, now, 0, probePause
}

// answered takes the answer to a probe.
func (l *ladder) answered(now time.Duration) {
	if !l.up {
		l.up, l.since = true, now
	}
	l.probes, l.pause, l.asked = 0, probePause, false
}

// step is called often. heard and sent are when something last came and went by RAW.
func (l *ladder) step(now, heard, sent, rtt time.Duration) (do ladderStep) {
	if !l.up {
		do.probe = l.climb(now)
		return do
	}
	heard = max(heard, l.since)
	quiet := now - heard
	if quiet < rawAsk || sent <= heard {
		l.asked = false
		return do
	}
	if quiet >= rawSilent+min(rtt, rawSilent) {
		l.up, l.probes, l.asked = false, 0, false
		l.next = now + l.pause
		do.fell = true
		return do
	}
	do.probe, do.touch = true, !l.asked
	l.asked = true
	return do
}

// climb says whether a probe is due.
func (l *ladder) climb(now time.Duration) bool {
	if now < l.next {
		return false
	}
	gap := probeGap << l.probes
	if l.probes++; l.probes < probeRound {
		l.next = now + gap
		return true
	}
	l.probes = 0
	l.next = now + l.pause
	l.pause = min(2*l.pause, probeRests)
	return true
}
