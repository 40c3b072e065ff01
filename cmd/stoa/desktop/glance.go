// What the desktop needs to know of the rooms, and what it can have done.

package desktop

import (
	"context"
	"time"
)

// A Glance is what is so at one moment. Text of others in it is one line that is safe to
// show, as of package plain.
type Glance struct {
	Push  bool // a microphone that is live is heard while a key is held, and only then
	Rooms []Room
}

// A Room is one that this person is in or has just been put out of or, with Away, will be
// in at its time.
type Room struct {
	ID, Title string
	Away      bool

	Stage bool // on it
	Speak bool // may be heard
	Live  bool // the microphone is not muted

	Hands  []Hand    // of those whom this person may call to the stage
	Out    string    // why this person is in the room no more, when others decided it
	Starts time.Time // when it begins, as scheduled; zero: nobody said
	Asked  string    // names the recording that this person is asked for consent to
}

// A Hand is a raised one.
type Hand struct{ ID, Name string }

// A Node is the running program, as far as its desktop goes.
type Node interface {
	// Glance returns what is so, and a channel that is closed when that may have changed.
	// It does not block.
	Glance() (Glance, <-chan struct{})

	// Do performs a verb of the command line.
	Do(ctx context.Context, verb, room string, args ...string) error

	// Open shows the page to the person, at a room where one is named.
	Open(room string) error

	// Visible reports whether the person has the page before their eyes. It does not block.
	Visible() bool

	// Quit has the program end, soon.
	Quit()
}

// find returns the room of that ID.
func (g Glance) find(id string) (Room, bool) {
	for _, r := range g.Rooms {
		if r.ID == id {
			return r, true
		}
	}
	return Room{}, false
}

// mic is the state of the microphone over all rooms.
type mic int

const (
	micNone    mic = iota // nowhere to speak
	micMuted              // not heard, though they may speak
	micWaiting            // heard while a key is held
	micLive
)

func (g Glance) mic() mic {
	state := micNone
	for _, r := range g.Rooms {
		switch {
		case !r.Speak:
		case r.Live && g.Push:
			state = max(state, micWaiting)
		case r.Live:
			state = max(state, micLive)
		default:
			state = max(state, micMuted)
		}
	}
	return state
}

// toggled says which rooms the microphone is to be muted in, or, where it is live in none,
// unmuted in: those in which it was live last, else the only one to speak in.
func (g Glance) toggled(last []string) (mute bool, rooms []string) {
	var live, muted, again []string
	for _, r := range g.Rooms {
		switch {
		case r.Speak && r.Live:
			live = append(live, r.ID)
		case r.Speak:
			muted = append(muted, r.ID)
		}
	}
	for _, id := range last {
		if r, here := g.find(id); here && r.Speak {
			again = append(again, id)
		}
	}
	switch {
	case len(live) > 0:
		return true, live
	case len(again) > 0:
		return false, again
	case len(muted) == 1:
		return false, muted
	}
	return false, nil // of several, nobody knows which
}
