// Levels: how loud everybody is whose voice comes now, for the rings around their
// pictures.

package app

import (
	"sync"
	"time"

	"stoa/audio"
	"stoa/identity"
)

const (
	// soundsFor is how long a voice counts as sounding after its last frame when it
	// has not said that it pauses.
	soundsFor = 250 * time.Millisecond

	// ringQuiet and ringLoud are the loudness that a page shows as nothing and as
	// all, as RFC 6464 counts it: dB below full scale. People speak at 20 to 35.
	ringQuiet = 60
	ringLoud  = 15
)

// loudness is an RFC 6464 level in percent of what a page shows.
func loudness(level uint8) int {
	return min(max((ringQuiet-int(level))*100/(ringQuiet-ringLoud), 0), 100)
}

// Levels returns how loud each voice is that comes now, by person, in percent: those
// that are heard in any room, and this person's own while others hear it or a test
// goes on. While none sounds the map is empty, and the channel is closed when one
// begins. It is cheap enough for 20 calls a second.
func (s *Session) Levels() (map[string]int, <-chan struct{}) {
	begins, now := s.shows.sounds.wait(), time.Now()
	levels := map[string]int{}
	add := func(id identity.ID, level uint8) {
		key := id.String()
		levels[key] = max(levels[key], loudness(level))
	}
	for _, h := range s.rooms() {
		h.ears.levels(now, add)
	}
	if level, sounds := s.shows.own.level(now); sounds {
		add(s.home.key.ID(), level)
	}
	return levels, begins
}

// levels tells of each voice that comes now how loud it is.
func (e *ears) levels(now time.Time, tell func(who identity.ID, level uint8)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for st, h := range e.heard {
		if h.sounds(now) {
			tell(st.Speaker, h.level)
		}
	}
}

// sounds says whether anything comes of this voice that a page would show.
func (h *hearing) sounds(now time.Time) bool {
	t := &h.tally
	return t.frames > 0 && !t.paused && now.Sub(t.last) < soundsFor && loudness(h.level) > 0
}

// utterance is what this person says. Its methods may be called from any goroutine.
type utterance struct {
	mu     sync.Mutex
	last   time.Time
	loud   uint8
	paused bool
}

// say takes a frame that goes to others, and returns whether a stretch of speech
// begins with it.
func (u *utterance) say(p audio.Packet, at time.Time) (begins bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.sounds(at)
	u.last, u.loud, u.paused = at, p.Level, p.End
	return !before && u.sounds(at)
}

// sounds is whether a page would show anything. The caller holds mu.
func (u *utterance) sounds(now time.Time) bool {
	return !u.paused && now.Sub(u.last) < soundsFor && loudness(u.loud) > 0
}

// level returns how loud this person is, if they are heard now.
func (u *utterance) level(now time.Time) (level uint8, sounds bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.loud, u.sounds(now)
}
