// When a microphone that is not muted is heard: always, while a key is held, or
// while none is. A pure machine.

package app

import (
	"slices"
	"time"
)

// How one talks: the words of Config.Talk.
const (
	talkOpen   = "open"         // one is heard
	talkPush   = "push"         // one is heard while a key is held
	talkToMute = "push-to-mute" // one is heard unless a key is held
)

const (
	// talkLease is how long somebody counts as holding a key who says nothing
	// more: the program that watches the key may have been killed.
	talkLease = time.Second

	// talkLatch is the same for who says only when the key goes down and up,
	// and, while it is held, perhaps that it goes down again and again.
	talkLatch = 30 * time.Second

	// talkTail is for how long one is still heard afterwards. People let go of
	// the key while they say the last syllable, and the treatment of a voice
	// takes its time.
	talkTail = 250 * time.Millisecond

	// maxHolds bounds who may hold a key at once.
	maxHolds = 16
)

func isTalk(mode string) bool { return mode == talkOpen || mode == talkPush || mode == talkToMute }

// talk knows who holds a key.
type talk struct {
	mode  string
	holds []heldKey
	tail  time.Time // until when one is heard though nobody holds a key any more
}

type heldKey struct {
	who   string
	until time.Time
}

// set changes how one talks. Keys that are held are let go.
func (t *talk) set(mode string) { *t = talk{mode: mode} }

// press says that who holds a key, for the time being.
func (t *talk) press(who string, now time.Time, lease time.Duration) {
	t.expire(now)
	until := now.Add(lease)
	if i := t.find(who); i >= 0 {
		t.holds[i].until = until
		return
	}
	if len(t.holds) == maxHolds {
		t.holds = slices.Delete(t.holds, 0, 1)
	}
	t.holds = append(t.holds, heldKey{who, until})
}

// release says that who lets go of it; nobody by name means that all do.
func (t *talk) release(who string, now time.Time) {
	t.expire(now)
	held := len(t.holds) > 0
	t.holds = slices.DeleteFunc(t.holds, func(h heldKey) bool { return who == "" || h.who == who })
	if held && len(t.holds) == 0 && t.mode == talkPush {
		t.tail = now.Add(talkTail)
	}
}

// heard reports whether a microphone that is not muted is heard now.
func (t *talk) heard(now time.Time) bool {
	t.expire(now)
	switch t.mode {
	case talkPush:
		return len(t.holds) > 0 || now.Before(t.tail)
	case talkToMute:
		return len(t.holds) == 0
	}
	return true
}

// next returns when heard may change by itself; zero: never.
func (t *talk) next(now time.Time) time.Time {
	t.expire(now)
	at := time.Time{}
	if now.Before(t.tail) {
		at = t.tail
	}
	for _, h := range t.holds {
		if at.IsZero() || h.until.Before(at) {
			at = h.until
		}
	}
	return at
}

// expire forgets whose time is over. They get no tail: when they let go of the
// key nobody knows.
func (t *talk) expire(now time.Time) {
	t.holds = slices.DeleteFunc(t.holds, func(h heldKey) bool { return !now.Before(h.until) })
}

func (t *talk) find(who string) int {
	return slices.IndexFunc(t.holds, func(h heldKey) bool { return h.who == who })
}
