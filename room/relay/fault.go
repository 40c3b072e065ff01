// What a relay can do wrong, and what a listener does about it.

package relay

import (
	"fmt"

	"stoa/identity"
)

// Fault is what a relay did. Its numbers are on the wire.
type Fault uint8

// The faults.
const (
	Dead     Fault = 1 + iota // nothing comes any more
	Drops                     // less comes than by the alternative
	Delays                    // it comes later than by the alternative
	Censors                   // one voice does not come
	Forges                    // a signature was wrong
	Replays                   // what had been sent was sent again
	Silent                    // no digests come any more
	faultEnd                  // first number that means nothing
)

func (f Fault) String() string {
	names := [...]string{"none", "dead", "drops", "delays", "censors", "forges", "replays", "silent"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// Complains tells whether others are to be told of the fault. A relay that died, or whose path did, has done no wrong, and everybody sees it.
func (f Fault) Complains() bool { return f > Dead && f < Silent }

// Path says which of a listener's two relays is meant.
type Path uint8

// The paths.
const (
	Primary Path = iota
	Shadow
)

func (p Path) String() string { return [...]string{"primary", "shadow"}[p&1] }

func (p Path) other() Path { return p ^ 1 }

// ActKind is what to do.
type ActKind uint8

// The acts. See [Watch].
const (
	TakeOver ActKind = 1 + iota // ask the shadow for media, and keep the primary
	GiveBack                    // ask the shadow for digests only, again
	Swap                        // leave the primary: the shadow is the primary now, and sends the media
	Replace                     // leave the shadow
)

func (k ActKind) String() string {
	return [...]string{"nothing", "take over", "give back", "swap", "replace"}[k]
}

// Act is what a [Watch] wants done.
type Act struct {
	Kind  ActKind
	Relay identity.ID // the one asked to begin or end sending media (TakeOver, GiveBack), or the one to leave
	Fault Fault       // of the one to leave; for TakeOver what the primary is suspected of; for GiveBack 0
	KID   uint64      // the stream that suffered, when it was one
}

func (a Act) String() string { return fmt.Sprintf("%v %v (%v)", a.Kind, a.Relay.Short(), a.Fault) }
