// Who hears whom: what each member says in its heartbeat of how it hears those on the stage, and what follows for the room.
//
// Whoever lies here gains nothing. What others do about a report is to help: they call somebody again, feed a relay, carry for a while
// what is sealed and signed all the same. None of it takes anything from anybody, and each help is bounded where it is given.

package room

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// Way is how the voice of one person comes to another.
type Way uint8

// The ways. The numbers are those of heartbeats.
const (
	Unheard   Way = iota // not at all: there is no link, and no relay that brings them
	Direct               // over QUIC, one of the two being reachable
	Punched              // over QUIC through the NATs of both
	OverTCP              // without UDP
	WebSocket            // as a web page would
	ByRelay              // carried by others
	waysEnd
)

// Linked says that a voice comes without anybody between.
func (w Way) Linked() bool { return w > Unheard && w < ByRelay }

// String gives the way's word for programs: "none", "direct", "punched", "tcp", "websocket", "relay".
func (w Way) String() string {
	if w >= waysEnd {
		return "unknown"
	}
	return [...]string{"none", "direct", "punched", "tcp", "websocket", "relay"}[w]
}

// class is what others act upon of a way: whether there is sound, and whether there is a link.
func (w Way) class() Way {
	if w.Linked() {
		return Direct
	}
	return w
}

const (
	maxHears  = 32 // people of whom a heartbeat tells, as long as it has room for them
	heardSize = 14 // bytes that one line takes at least
	lossUnit  = 255
	maxRTT    = 1<<16 - 1 // ms
	maxFeeds  = 1 << 16   // listeners of one relay
)

// Heard is a line of a heartbeat: how its author hears somebody.
type Heard struct {
	_    struct{} `cbor:",toarray"`
	Who  relay.Prefix
	Way  Way
	Loss uint8  // share of what they sent that did not arrive, in 255ths
	RTT  uint16 // ms to them, or to the relay that brings them; 0: not measured
	Got  uint32 // the newest of their frames that came and could be opened: its index and one; 0: none has
}

// Hearing is how a person hears somebody on the stage, as that person says.
type Hearing struct {
	Who   identity.ID
	Way   Way
	Loss  float64       // share of what they sent that did not arrive, lately
	RTT   time.Duration // to them, or to the relay that brings them; 0: not measured
	Got   uint32        // the newest of their frames that came and could be opened: its index and one; 0: none has
	Since time.Time     // since when it has been so, but for loss and round trip, by the clock here
}

// Hears is what a member says of how it hears the room.
type Hears struct {
	Stage []Hearing   // those on the stage, without Since; for who only carries: how their voices reach it
	Relay identity.ID // the member that brings it voices; zero: none does
	Helps bool        // it would carry the voices of two who cannot connect
	Deaf  bool        // nothing that comes is played: it has no loudspeaker
	Feeds int         // listeners at whom what it carries arrives, as they report
}

// Deafness is that somebody does not hear another who is on the stage, as the former says.
type Deafness struct {
	Who, To identity.ID
	Since   time.Time // by the clock here
}

// SetHears tells the others how this member hears. That sound or a link has gone or come back they learn at once, as often as heartbeats
// may follow one another; the rest with the next heartbeat. Of who only carries each link counts, for others wait for it.
func (r *Room) SetHears(ctx context.Context, h Hears) error {
	return r.do(ctx, func(now time.Time) error {
		said := account{r.account.of.next(linesOf(h.Stage), now), h.Relay, h.Helps, h.Deaf, uint32(min(max(h.Feeds, 0), maxFeeds))}
		carrier := !r.state.CanHear(r.me)
		if r.account.urgent(said) || carrier && r.account.of.differs(said.of) {
			r.hurry(now)
		}
		r.dirty = r.dirty || r.account.urgent(said) || r.account.of.differs(said.of)
		r.account = said
		return nil
	})
}

// account is what this member says of how it hears. It is a value.
type account struct {
	of    hearsay
	by    identity.ID // brings it voices
	helps bool
	deaf  bool
	feeds uint32
}

// urgent says that others should learn of a change at once.
func (a account) urgent(o account) bool {
	return a.by != o.by || a.helps != o.helps || a.deaf != o.deaf || a.of.urgent(o.of)
}

// linesOf writes down how somebody hears, by ID, of each person once.
func linesOf(stage []Hearing) []Heard {
	lines := make([]Heard, 0, len(stage))
	for _, h := range stage {
		lines = append(lines, Heard{
			Who: relay.PrefixOf(h.Who), Way: h.Way,
			Loss: uint8(min(max(h.Loss, 0), 1) * lossUnit),
			RTT:  uint16(min(max(h.RTT.Milliseconds(), 0), maxRTT)),
			Got:  h.Got,
		})
	}
	slices.SortStableFunc(lines, func(a, b Heard) int { return bytes.Compare(a.Who[:], b.Who[:]) })
	return slices.CompactFunc(lines, func(a, b Heard) bool { return a.Who == b.Who })
}

// validHears says whether the lines of a heartbeat keep to its form: by ID, each person once, not too many, known ways.
func validHears(lines []Heard) bool {
	if len(lines) > maxHears {
		return false
	}
	for i := range lines {
		if lines[i].Way >= waysEnd || i > 0 && bytes.Compare(lines[i-1].Who[:], lines[i].Who[:]) >= 0 {
			return false
		}
	}
	return true
}

// foremost keeps n of the lines, those that ask for most: first who is not heard, then who is by relays. The order stays.
func foremost(lines []Heard, n int) []Heard {
	if len(lines) <= n {
		return lines
	}
	urgency := func(h Heard) int {
		switch {
		case h.Way == Unheard:
			return 0
		case h.Way == ByRelay:
			return 1
		}
		return 2
	}
	kept := slices.Clone(lines)
	slices.SortStableFunc(kept, func(a, b Heard) int { return cmp.Compare(urgency(a), urgency(b)) })
	kept = kept[:n]
	slices.SortFunc(kept, func(a, b Heard) int { return bytes.Compare(a.Who[:], b.Who[:]) })
	return kept
}

// signFitting signs a heartbeat, without the least urgent of its lines where it would be too long with them.
func signFitting(k *identity.Key, p *Presence) []byte {
	for {
		raw := signPresence(k, p)
		over := len(raw) - maxPresence
		if over <= 0 || len(p.Hears) == 0 {
			return raw
		}
		p.Hears = foremost(p.Hears, max(0, len(p.Hears)-1-over/heardSize))
	}
}

// hearsay is what one person says of how they hear others, and since when it has been so. It is a value that is replaced, never changed.
type hearsay map[relay.Prefix]remark

type remark struct {
	Heard
	since time.Time
}

// next is the hearsay that follows when these lines come at a time.
func (h hearsay) next(lines []Heard, at time.Time) hearsay {
	if len(lines) == 0 {
		return nil
	}
	next := make(hearsay, len(lines))
	for _, l := range lines {
		m := remark{l, at}
		if was, known := h[l.Who]; known && was.Way.class() == l.Way.class() {
			m.since = was.since
		}
		next[l.Who] = m
	}
	return next
}

// differs says that somebody is heard otherwise in o than in h, whatever the figures.
func (h hearsay) differs(o hearsay) bool {
	return !maps.EqualFunc(h, o, func(a, b remark) bool { return a.Way.class() == b.Way.class() })
}

// urgent says that sound or a link has gone or come back. Somebody of whom nothing was said before, or is any more, and who is heard directly
// is no news: a newcomer, mostly, or one who has gone.
func (h hearsay) urgent(o hearsay) bool {
	changed := func(a, b hearsay) bool {
		for who, m := range a {
			of := Direct
			if n, known := b[who]; known {
				of = n.Way.class()
			}
			if m.Way.class() != of {
				return true
			}
		}
		return false
	}
	return changed(h, o) || changed(o, h)
}

// lines are those of the hearsay of somebody with such capabilities, by ID. In a crowd, where relays pass heartbeats on to thousands, they are
// only those who are not heard directly, and for who only listens, with a raised hand, none.
func (h hearsay) lines(crowd bool, caps identity.Caps) []Heard {
	var lines []Heard
	if crowd && caps&^identity.CapHear == 0 {
		return nil
	}
	for _, m := range h {
		if !crowd || !m.Way.Linked() {
			lines = append(lines, m.Heard)
		}
	}
	slices.SortFunc(lines, func(a, b Heard) int { return bytes.Compare(a.Who[:], b.Who[:]) })
	return foremost(lines, maxHears)
}

// whoIs finds those who are here by the beginning of their ID.
type whoIs map[relay.Prefix]identity.ID

// about spells out the hearsay, by ID. Whoever is not here is left out.
func (w whoIs) about(h hearsay) []Hearing {
	if len(h) == 0 {
		return nil
	}
	list := make([]Hearing, 0, len(h))
	for p, m := range h {
		if id, here := w[p]; here {
			list = append(list, Hearing{
				Who: id, Way: m.Way, Loss: float64(m.Loss) / lossUnit, RTT: time.Duration(m.RTT) * time.Millisecond, Got: m.Got, Since: m.since,
			})
		}
	}
	slices.SortFunc(list, func(a, b Hearing) int { return bytes.Compare(a.Who[:], b.Who[:]) })
	return list
}

// Hearing is how this person hears another, as they say; false when they say nothing of them.
func (p *Person) Hearing(who identity.ID) (Hearing, bool) {
	i, found := slices.BinarySearchFunc(p.Hears, who, func(h Hearing, id identity.ID) int { return bytes.Compare(h.Who[:], id[:]) })
	if !found {
		return Hearing{}, false
	}
	return p.Hears[i], true
}

// Deaf lists who does not hear whom of those here who should: members who may hear, and people on the stage. It is ordered as People are.
// In a crowd those who only listen are left out, who tell nobody: their relays' digests tell them what they miss.
func (s *Snapshot) Deaf() []Deafness {
	stage := make(map[identity.ID]bool, len(s.People))
	for i := range s.People {
		stage[s.People[i].ID] = s.People[i].Stage
	}
	var list []Deafness
	for i := range s.People {
		p := &s.People[i]
		if !p.Caps.Has(identity.CapHear) || s.Crowd && !p.Stage {
			continue
		}
		for _, h := range p.Hears {
			if h.Way == Unheard && stage[h.Who] {
				list = append(list, Deafness{p.ID, h.Who, h.Since})
			}
		}
	}
	return list
}
