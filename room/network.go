// What a room needs of the world: a way to reach its members.

package room

import (
	"context"

	"stoa/identity"
)

// The channels that a room publishes on.
const (
	ChannelLog      = "log"      // signed operations
	ChannelPresence = "presence" // who is here: see [Presence]
	ChannelHands    = "hands"    // raised and lowered hands: see [Hand]
	ChannelChat     = "chat"     // what people write: see [Remark]
)

// MaxMessage is the size of the largest message of any channel, in bytes.
const MaxMessage = 4 << 10

// Network carries a room's messages and questions. Publishing is best effort:
// what is published may be lost, repeated or reordered, and may come back to
// who sent it. All methods may be called by several goroutines at a time, and
// each returns soon after its context ends.
type Network interface {
	// Publish sends msg to every member who can be reached.
	Publish(ctx context.Context, channel string, msg []byte) error

	// Next blocks for the next message that Check accepted. One goroutine
	// calls it. The message belongs to the caller.
	Next(ctx context.Context) (channel string, msg []byte, err error)

	// Ask sends one question of at most 64 KiB to a person and returns the
	// answer, of at most 4 MiB. Both ends know for certain who the other is.
	Ask(ctx context.Context, to identity.ID, req []byte) ([]byte, error)

	// AskSomebody puts one question to whoever a relay finds that may know: a
	// fellow listener or a member outside the audience. Who answered is not
	// known, so the answer must prove itself. It is for people in the audience.
	AskSomebody(ctx context.Context, req []byte) ([]byte, error)

	// HandleAsk sets what answers the questions of others; nil answers none.
	// The function is called by several goroutines at a time.
	HandleAsk(func(ctx context.Context, from identity.ID, req []byte) ([]byte, error))

	// Check sets what judges a message before it is given to Next or passed
	// on to others, also those that this member publishes. accept passes it
	// on. Otherwise bad tells whether the message is wrong beyond doubt, so
	// that whoever passed it on is to blame, or only unknown or unwelcome
	// here. The function is called by several goroutines at a time, does not
	// block, and must not keep msg. nil accepts nothing.
	Check(func(channel string, msg []byte) (accept, bad bool))

	// Meet tells where a person may be reached; it replaces what was told
	// before about the same person.
	Meet(id identity.ID, addrs []string)
}
