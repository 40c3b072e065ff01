// The judge: one listener's two relays, and what to do about them.

package relay

import (
	"time"

	"stoa/identity"
)

// Watch judges the two relays of one listener by what comes from them. It is a pure machine, not safe for concurrent use.
//
// Report everything as it comes, then call Step, which says what to do. Step is cheap; call it after what was reported, or every 20 ms.
// After Swap the Watch itself counts the former shadow as the primary, so what it sends is Primary's from then on, and what the one who was left
// still sends is not reported; SetPair then names the new shadow.
type Watch struct {
	pair Pair
	lost [2]bool
}

// NewWatch returns a Watch without relays, that begins at a time.
func NewWatch(now time.Time) *Watch { return &Watch{} }

// SetPair says who the relays are from now on. What is known of one that stays, or changes places, stays.
func (w *Watch) SetPair(p Pair, at time.Time) { w.pair = p }

// Pair returns the relays as the Watch counts them: SetPair's, less those it said to leave.
func (w *Watch) Pair() Pair { return w.pair }

// PathOf tells which path a relay is on.
func (w *Watch) PathOf(relay identity.ID) (p Path, ok bool) {
	switch {
	case relay.IsZero():
		return 0, false
	case relay == w.pair.Primary:
		return Primary, true
	case relay == w.pair.Shadow:
		return Shadow, true
	}
	return 0, false
}

// Media tells whether a path should send media: the primary always, the shadow between TakeOver and GiveBack.
func (w *Watch) Media(p Path) bool { return p == Primary }

// Packet reports a packet that was verified: by its signature, or opened.
func (w *Watch) Packet(p Path, kid uint64, index uint32, frames int, end bool, at time.Time) {}

// Replayed reports a packet of a known speaker that had come before, by either path (seal.ErrReplay). The Watch tells the copy of the other path,
// and the repeat that a relay adds against loss, from a replay.
func (w *Watch) Replayed(p Path, kid uint64, index uint32, frames int, end bool, at time.Time) {}

// Bundle reports a bundle, by the number that the relay gave it: the gaps are what the path lost.
func (w *Watch) Bundle(p Path, seq uint32, at time.Time) {}

// Digest reports a relay's digest. That of another relay than the path's is ignored.
func (w *Watch) Digest(p Path, d *Digest, at time.Time) {}

// Floor reports the acting host's floor, verified.
func (w *Watch) Floor(f *Floor, at time.Time) {}

// Forged reports a packet whose signature was wrong. Not every packet that does not open is one: a speaker can sign what nobody can open.
func (w *Watch) Forged(p Path, at time.Time) {}

// Lost reports that the connection is gone.
func (w *Watch) Lost(p Path, at time.Time) { w.lost[p] = true }

// Step returns what to do now, and when to call it again if nothing is reported until then.
func (w *Watch) Step(now time.Time) (acts []Act, next time.Time) {
	if w.lost[Primary] {
		acts = append(acts, Act{Kind: Swap, Relay: w.pair.Primary, Fault: Dead})
		w.pair = Pair{Primary: w.pair.Shadow}
		w.lost = [2]bool{w.lost[Shadow], false}
	}
	return acts, now.Add(20 * time.Millisecond)
}
