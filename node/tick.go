// tick: which packets of which speakers go out together, and when. Pure: times are
// durations since the fanout was made.
//
// Speakers send a packet every 40 ms (two frames of 20 ms), each at a time of his own. The
// first that comes opens a window, which closes when everybody whose packet was due in the
// next 20 ms has sent it, or after these 20 ms. So one speaker waits for nobody, and several
// make one bundle where each alone would make one.
//
// With bad luck half of them speak in the one half of the 40 ms and half in the other, which
// makes two bundles. A speaker can pair his frames the other way, which moves him by 20 ms;
// flips says who should.

package node

import (
	"cmp"
	"slices"
	"time"
)

const (
	frameTime   = 20 * time.Millisecond
	windowTime  = frameTime              // that a packet waits for others, at most
	pairTime    = 2 * frameTime          // from one packet of a speaker to his next
	speakerRest = 120 * time.Millisecond // without a packet: he is not waited for
	slackLeast  = 2 * time.Millisecond   // that a packet may be late and still be waited for
	slackMost   = 10 * time.Millisecond
	lateAfter   = 60 * time.Millisecond // a packet that waited so long is dropped
	repeatUntil = 80 * time.Millisecond // after a window its packets are no use any more

	tickSpeakers = 16 // that are remembered
	tickPackets  = 16 // that wait at once
	loudest      = 4  // speakers are carried
	incumbent    = 6  // dB by which a newcomer must be louder than one of them
	flipAfter    = 25 // packets of a speaker before he is told to flip: his times are known then
	flipGuard    = 4 * time.Millisecond
)

// heldPacket is one that waits in a window.
type heldPacket struct {
	kid  uint64
	at   time.Duration
	end  bool
	size int
	data [MaxPacket]byte
}

func (h *heldPacket) bytes() []byte { return h.data[:h.size] }

// held is the packets of one window. order lists those that are carried, the loudest
// speaker first; at is when the window closed.
type held struct {
	packets [tickPackets]heldPacket
	n       int
	order   [tickPackets]int
	chosen  int
	at      time.Duration
}

// speaker is what is known of somebody whose packets come by.
type speaker struct {
	kid     uint64
	last    time.Duration // his last packet came
	period  time.Duration // until his next
	jitter  time.Duration // by how much they come too early or late, smoothed
	phase   time.Duration // when they come, modulo pairTime, smoothed
	level   float64       // -dBov: 0 is the loudest; quick to rise, slow to fall
	packets int
	ended   bool
	carried bool // among the loudest
	here    bool // in the open window
}

// active says whether packets of his are to be expected.
func (s *speaker) active(now time.Duration) bool { return !s.ended && now-s.last < speakerRest }

// A ticker collects packets into windows. Not safe for concurrent use.
type ticker struct {
	speakers [tickSpeakers]speaker
	n        int // of speakers
	window   *held
	opened   time.Duration
}

// take puts a packet into the window. It reports whether it did: false is for a full
// window, whose oldest packet is of no more use than this one.
func (t *ticker) take(packet []byte, v Voice, now time.Duration) bool {
	w := t.window
	if w.n == tickPackets || len(packet) > MaxPacket {
		return false
	}
	if w.n == 0 {
		t.opened = now
	}
	h := &w.packets[w.n]
	h.kid, h.at, h.end, h.size = v.KID, now, v.End, copy(h.data[:], packet)
	w.n++
	t.note(v, now)
	return true
}

// note learns from a packet when the speaker's next is due, and how loud he is.
func (t *ticker) note(v Voice, now time.Duration) {
	s := t.find(v.KID, now)
	if s.packets > 0 && s.active(now) {
		late := now - s.last - s.period
		s.jitter += (max(late, -late) - s.jitter) / 8
		s.phase = wrap(s.phase + nearest(now-s.phase)/8)
		s.packets++
	} else {
		s.jitter, s.phase, s.packets = 0, wrap(now), 1
		s.level = float64(v.Level)
	}
	if level := float64(v.Level); level < s.level {
		s.level = level
	} else {
		s.level += (level - s.level) / 8
	}
	s.last, s.ended, s.here = now, v.End, true
	s.period = time.Duration(min(max(v.Frames, 1), 2)) * frameTime
}

// find returns the speaker, who may be new: then he takes the place of whoever has been
// silent the longest.
func (t *ticker) find(kid uint64, now time.Duration) *speaker {
	known := t.speakers[:t.n]
	if i := slices.IndexFunc(known, func(s speaker) bool { return s.kid == kid }); i >= 0 {
		return &known[i]
	}
	if t.n < tickSpeakers {
		t.n++
	} else {
		oldest := 0
		for i := range known {
			if known[i].last < known[oldest].last {
				oldest = i
			}
		}
		known[oldest], known[t.n-1] = known[t.n-1], known[oldest]
	}
	s := &t.speakers[t.n-1]
	*s = speaker{kid: kid, last: now}
	return s
}

// due says when the window closes, as far as is known now; false is for no window.
func (t *ticker) due(now time.Duration) (at time.Duration, open bool) {
	if t.window.n == 0 {
		return 0, false
	}
	latest := t.opened + windowTime
	at = t.opened
	for i := range t.speakers[:t.n] {
		s := &t.speakers[i]
		if s.here || !s.active(now) {
			continue
		}
		next := s.last + s.period
		slack := min(slackLeast+2*s.jitter, slackMost)
		if next <= latest && next+slack > now {
			at = max(at, min(next+slack, latest))
		}
	}
	return at, true
}

// shut closes the window: it chooses who is carried, and makes next the window to come.
// It returns the closed one with how many packets were not carried because their speakers
// are not among the loudest, and how many because they waited too long.
func (t *ticker) shut(next *held, now time.Duration) (w *held, quiet, late int) {
	t.choose(now)
	w = t.window
	w.chosen, w.at = 0, now
	for i := range w.n {
		h := &w.packets[i]
		switch s := t.known(h.kid); {
		case now-h.at > lateAfter:
			late++
		case s != nil && !s.carried && !h.end:
			quiet++
		default:
			w.order[w.chosen] = i
			w.chosen++
		}
	}
	slices.SortStableFunc(w.order[:w.chosen], func(a, b int) int {
		return cmp.Compare(t.loudness(w.packets[a].kid), t.loudness(w.packets[b].kid))
	})
	for i := range t.speakers[:t.n] {
		t.speakers[i].here = false
	}
	next.n, next.chosen = 0, 0
	t.window = next
	return w, quiet, late
}

func (t *ticker) known(kid uint64) *speaker {
	for i := range t.speakers[:t.n] {
		if t.speakers[i].kid == kid {
			return &t.speakers[i]
		}
	}
	return nil
}

// loudness orders speakers: less is louder, and who is carried has an advantage, for to
// be carried now and then is worse than not at all.
func (t *ticker) loudness(kid uint64) float64 {
	s := t.known(kid)
	switch {
	case s == nil:
		return 255
	case s.carried:
		return s.level - incumbent
	default:
		return s.level
	}
}

// choose decides who of the active speakers is carried.
func (t *ticker) choose(now time.Duration) {
	var ranked [tickSpeakers]*speaker
	n := 0
	for i := range t.speakers[:t.n] {
		s := &t.speakers[i]
		if now-s.last < speakerRest {
			ranked[n] = s
			n++
		} else {
			s.carried = false
		}
	}
	slices.SortStableFunc(ranked[:n], func(a, b *speaker) int {
		return cmp.Compare(t.loudness(a.kid), t.loudness(b.kid))
	})
	for i, s := range ranked[:n] {
		s.carried = i < loudest
	}
}

// flips lists the speakers who should pair their frames the other way.
func (t *ticker) flips(now time.Duration) []uint64 {
	var phases []phase
	for i := range t.speakers[:t.n] {
		if s := &t.speakers[i]; s.active(now) && s.packets >= flipAfter && s.period == pairTime {
			phases = append(phases, phase{s.kid, s.phase})
		}
	}
	return flips(phases)
}

// phase is when a speaker's packets come, modulo pairTime.
type phase struct {
	kid uint64
	at  time.Duration
}

// flips says who should move by frameTime so that all packets come within one window,
// with some room for jitter: nobody when they do already or cannot; else as few as will do.
func flips(phases []phase) []uint64 {
	var best []uint64
	spread := windowTime - flipGuard + 1
	for _, first := range phases { // he would come first, as he is or flipped
		for _, start := range []time.Duration{first.at, first.at + frameTime} {
			var move []uint64
			last := time.Duration(0)
			for _, p := range phases {
				after := wrap(p.at - start)
				if after >= frameTime {
					move = append(move, p.kid)
					after -= frameTime
				}
				last = max(last, after)
			}
			if last > windowTime-flipGuard {
				continue
			}
			if len(move) == 0 {
				return nil // reluctant: it may be done better, but it is done
			}
			if last < spread || last == spread && len(move) < len(best) {
				best, spread = move, last
			}
		}
	}
	return best
}

// wrap brings a time into one period of a speaker.
func wrap(d time.Duration) time.Duration { return (d%pairTime + pairTime) % pairTime }

// nearest brings a difference of phases between minus and plus half a period.
func nearest(d time.Duration) time.Duration {
	if d = wrap(d); d > pairTime/2 {
		return d - pairTime
	}
	return d
}
