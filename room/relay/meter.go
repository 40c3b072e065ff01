// What a relay counts, so that its digests can say what it passed on.

package relay

import (
	"encoding/binary"
	"slices"
	"time"

	"stoa/identity"
)

// meterForget is how long after its last packet a stream is still in digests: long enough for every listener to learn how it ended.
const meterForget = 2 * time.Second

// Meter counts the packets of each stream. A relay feeds it with what it verified and passed on, the acting host with what it heard. It is a
// pure machine, allocates nothing while it counts, and is not safe for concurrent use. The zero Meter is ready.
type Meter struct {
	streams [MaxLive]metered
	seq     uint32
}

type metered struct {
	live   bool
	fresh  bool // has counted since its level was last told
	kid    uint64
	index  uint32
	count  uint32
	level  uint8
	end    bool
	sum    uint64
	latest time.Time
}

// Count takes a packet that came at a time. The caller has verified it, and gives each packet once. A packet of a seventeenth stream is not
// counted while the other sixteen have spoken within the last 2 s.
func (m *Meter) Count(packet []byte, kid uint64, index uint32, level uint8, end bool, at time.Time) {
	s := m.stream(kid, at)
	if s == nil {
		return
	}
	if s.count == 0 || int32(index-s.index) > 0 {
		s.index, s.end = index, end
	}
	if !s.fresh || level < s.level {
		s.fresh, s.level = true, min(level, Silence)
	}
	s.count++
	s.sum += Mark(packet)
	s.latest = at
}

// stream finds the stream of a KID, or begins it in a place that is free. It may return nil.
func (m *Meter) stream(kid uint64, at time.Time) *metered {
	var free *metered
	for i := range m.streams {
		s := &m.streams[i]
		s.forget(at)
		if s.live && s.kid == kid {
			return s
		}
		if !s.live && free == nil {
			free = s
		}
	}
	if free != nil {
		*free = metered{live: true, kid: kid}
	}
	return free
}

func (s *metered) forget(now time.Time) {
	if s.live && now.Sub(s.latest) >= meterForget {
		s.live = false
	}
}

// Live returns the streams that have spoken within the last 2 s, in the order of a digest. Levels are the loudest since Live was called last.
func (m *Meter) Live(now time.Time) []Live {
	var live []Live
	for i := range m.streams {
		s := &m.streams[i]
		s.forget(now)
		if !s.live {
			continue
		}
		l := Live{KID: s.kid, Index: s.index, Count: s.count, Level: s.level, End: s.end}
		binary.BigEndian.PutUint64(l.Sum[:], s.sum)
		live = append(live, l)
		s.fresh = false
	}
	slices.SortFunc(live, func(a, b Live) int {
		if a.KID < b.KID {
			return -1
		}
		return 1
	})
	return live
}

// Digest returns the next digest of a relay. It is due every [DigestEvery], also while nobody speaks: that it comes says that the relay lives.
func (m *Meter) Digest(room identity.RoomID, relay identity.ID, now time.Time) *Digest {
	m.seq++
	return &Digest{Room: room, Relay: relay, Seq: m.seq, Time: uint64(now.UnixMilli()), Live: m.Live(now)}
}

// Floor returns the next floor of the acting host. It is due every [FloorEvery] while there is a crowd.
func (m *Meter) Floor(room identity.RoomID, host identity.ID, now time.Time) *Floor {
	m.seq++
	return &Floor{Room: room, Host: host, Seq: m.seq, Time: uint64(now.UnixMilli()), Live: m.Live(now)}
}
