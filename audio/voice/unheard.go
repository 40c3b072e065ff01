// This file notices that somebody speaks whom nobody hears.

package voice

const (
	unheardAfter = 50   // blocks of voice, less half of those without, before it is worth saying
	unheardAgain = 2000 // blocks until it is said again
)

// An Unheard notices that a muted person speaks. It is a pure machine: one call a block.
type Unheard struct {
	voice int // twice the blocks of voice, less those without
	rest  int // blocks in which nothing is said
}

// Next returns true when the person should be told that they are muted: they have spoken for half a
// second, and were not told so in the last twenty. Having been unmuted in between changes nothing.
func (u *Unheard) Next(voice, muted bool) bool {
	u.rest = max(u.rest-1, 0)
	switch {
	case !muted:
		u.voice = 0
	case voice:
		u.voice += 2
	default:
		u.voice = max(u.voice-1, 0)
	}
	if u.voice < 2*unheardAfter {
		return false
	}
	u.voice = 0
	if u.rest > 0 {
		return false
	}
	u.rest = unheardAgain
	return true
}
