// meter: how what one end of a path sends arrives at the other, from their reports.

package node

import (
	"sync"
	"time"
)

// A meter belongs to one end of a path. It counts what comes in, makes the reports that
// tell the far end, and takes the far end's reports on what went out. Safe for concurrent
// use.
type meter struct {
	born  time.Time                  // arrivals are counted from here
	clock func(now time.Time) uint32 // of the node, in us; never 0

	mu       sync.Mutex
	in       arrivals
	lossIn   float64   // in our last report
	received uint64    // packets or bundles
	heard    time.Time // when the last report came
	last     report    // the last report
	reports  uint64    // taken
	loss     lossAverage
	rtt      time.Duration
	there    transits      // of our reports
	probed   uint64        // of them that arrived and were answered, at least
	queue    time.Duration // that the last of these met
}

func newMeter(n *Node, now time.Time) *meter {
	return &meter{born: now, heard: now, clock: n.clock}
}

// arrived counts something that came, and says whether it is news and, if before is set,
// whether the one before it is, which came along.
func (m *meter) arrived(seq, stamp uint16, before bool, at time.Time) (news, missed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.received++
	news = m.in.packet(packetHeader{seq: seq, stamp: stamp}, at.Sub(m.born))
	return news, before && m.in.note(seq-1)
}

// appendReport appends a report on what came in. path writes the token into it.
func (m *meter) appendReport(b []byte, flip bool, now time.Time) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lossIn = m.in.interval()
	rep := report{
		highest:  m.in.highest,
		received: m.in.received,
		loss:     uint16(m.lossIn * 65535),
		jitter:   uint16(min(m.in.jitter/(100*time.Microsecond), 65535)),
		stamp:    m.clock(now),
		flip:     flip,
	}
	if m.last.stamp != 0 {
		rep.echo, rep.held = m.last.stamp, uint32(now.Sub(m.heard).Microseconds())
	}
	return appendReport(b, rep)
}

// take takes a report of the far end, unless a later one overtook it.
func (m *meter) take(rep report, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last.stamp != 0 && int32(rep.stamp-m.last.stamp) <= 0 {
		return
	}
	if m.last.received > 0 { // before its first packet the far side may not have been ready
		m.loss.add(rep.highest-m.last.highest, rep.received-m.last.received)
	}
	echo := m.last.echo
	m.heard, m.last = now, rep
	m.reports++
	if rtt, ok := roundTrip(rep, m.clock(now)); ok {
		m.rtt = rtt
		if rep.echo != echo { // else ours since then got lost
			m.probed++
			m.queue = m.there.add(rep.stamp-rep.held-rep.echo, now.Sub(m.born))
		}
	}
}

// queueOut is by how much our last report took longer than it can.
func (m *meter) queueOut() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queue
}

// highest is the highest sequence number that came, with its wraps.
func (m *meter) highest() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.in.highest
}

// silent says whether reports have stopped.
func (m *meter) silent(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Sub(m.heard) > linkSilence
}

// lossOut is the share of what went out lately that did not arrive.
func (m *meter) lossOut() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loss.share()
}

// clock is the node's time in microseconds for reports; never 0, which means none.
func (n *Node) clock(now time.Time) uint32 { return uint32(now.Sub(n.born).Microseconds()) | 1 }
