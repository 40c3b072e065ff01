// What a node is started with, and where its files live.

package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Config says how a node runs. The zero value of every field but Home has a
// meaning, given beside it.
type Config struct {
	// Home is the folder of everything a person has: key, rooms, history and
	// the socket that steers a running node. DefaultHome says where it is
	// when nobody says otherwise.
	Home string

	// Network is "public" (the default), "lan", "links", where nothing is
	// announced and only who has a link finds the way, or, implied by
	// Bootstrap, "private".
	Network string

	// Bootstrap holds the addresses of a private DHT. "none" as its only
	// member starts one that others may bootstrap from.
	Bootstrap []string

	// Listen holds the multiaddrs to listen on; empty means every transport
	// on a port of the system's choice.
	Listen []string

	// In is the microphone: "mic" (the default), which is the one that Home keeps or
	// else the system's, "mic:" with a part of the name of another, "silence" or a WAV or
	// Ogg/Opus file, played in real time and again from its start with Loop.
	In   string
	Loop bool

	// Treat has what is said treated also when it comes from a file: echo, noise
	// and so on, as the home has it. A microphone always is.
	Treat bool

	// Talk is when a microphone that is not muted is heard: "open", always;
	// "push", while a key is held; "push-to-mute", while none is. Empty is what
	// the home keeps, which is open at first.
	Talk string

	// Out is the loudspeaker: "speaker" (the default) or "speaker:" with a name, as for
	// the microphone, "null", "none" or a WAV
	// or Ogg/Opus file that will hold exactly what a person would have heard.
	// With null everything is decoded and mixed as for a loudspeaker; with none
	// voices are opened and counted, and that is all.
	Out string

	// Version is what a page shows as the version of the program.
	Version string

	// Name is what others see; empty keeps the one in Home.
	Name string

	// Lend makes the node carry voices on for others in every room that lets
	// it, as long as others can reach it.
	Lend bool

	// NoHelp keeps the node from carrying voices between two who cannot connect,
	// which it does otherwise when it can, for a few people at a time.
	NoHelp bool

	// Relay makes the node a relay host: its transport key is kept, it serves
	// the DHT and circuits, and it carries the rooms that it is a relay of. nil
	// is a person's node.
	Relay *RelayConfig

	// Passphrase is asked when the key file is locked. nil refuses locked keys.
	Passphrase func() (string, error)

	// Verbs are performed for Session.Do by whoever holds the session, before its
	// own: those that are about the page or the desktop. nil: none.
	Verbs map[string]func(context.Context, Request) (Reply, error)

	// Emit receives the events, in order, on one goroutine. While it blocks
	// the node goes on and up to maxUntold events wait; Run returns when it
	// has received them all. nil discards them.
	Emit func(Event)

	// Log receives what neither the person nor a script needs. nil discards it.
	Log *slog.Logger

	// Started is when the program started: joined and sound count from it.
	Started time.Time
}

// DefaultSlots is how many listeners a relay host carries when nobody says
// otherwise. At 1 to 3 speakers they take 10 to 30 Mbit/s and a tenth of a core.
const DefaultSlots = 500

// RelayConfig says what a relay host gives.
type RelayConfig struct {
	Slots   int    // listeners at most, of all rooms together; 0 means DefaultSlots
	Up      int    // bytes a second at most to listeners, of all rooms together; 0: no bound
	Metrics string // host:port of the figures for Prometheus; empty: none
	Any     bool   // also carry public rooms that welcome volunteers
	Topic   string // with Any: only rooms of this topic
	Lang    string // with Any: only rooms in this language
}

// DefaultHome is $STOA_HOME, or else a folder "stoa" where the system keeps
// what programs store for a person.
func DefaultHome() string {
	if h := os.Getenv("STOA_HOME"); h != "" {
		return h
	}
	if h, err := os.UserConfigDir(); err == nil {
		return filepath.Join(h, "stoa")
	}
	return ".stoa"
}

// A UserError is one that the person at the command line reads: what went
// wrong in one plain sentence, and what to do next.
type UserError struct {
	Code string // stays the same in every language: [a-z_]+
	Text string
	Hint string
	Err  error // what the log gets; may be nil
}

func (e *UserError) Error() string { return e.Text }
func (e *UserError) Unwrap() error { return e.Err }
