// This file holds what devices there are, and which of them is meant.

package device

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// An Info is a device that the system has.
type Info struct {
	Name    string // as people know it: "Built-in Audio Analog Stereo"
	ID      string // as the system knows it, the same after a restart
	Default bool   // the one that the system uses where nobody has chosen

	// Virtual is no card: it records what a loudspeaker plays, or is one of ALSA's plug-ins. Nobody
	// gets one who has not asked for it.
	Virtual bool

	Rate, Channels int // of the card itself; 0 where the system does not tell

	plugin bool // of ALSA, where the default is always one
}

// A Choice says which device is wanted. The zero value is the system's default, whichever that is at
// the time. A device that is known by another ID than before, as after it was plugged in elsewhere, is
// found by its name. Without an ID any part of a name will do that only one device has.
type Choice struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Of returns the choice of a device that Find or List returned.
func Of(i Info) Choice { return Choice{ID: i.ID, Name: i.Name} }

// String returns how a person calls what is wanted; nothing for the system's default.
func (c Choice) String() string {
	if c.Name == "" {
		return c.ID
	}
	return c.Name
}

// What Find returns.
var (
	ErrUnknown   = errors.New("there is no such device")
	ErrAmbiguous = errors.New("several devices are called so")
)

// Find returns the device that is meant, or ErrUnknown or ErrAmbiguous.
func (c Choice) Find(devices []Info) (Info, error) {
	is := []func(Info) bool{
		func(i Info) bool { return c.ID != "" && i.ID == c.ID },
		func(i Info) bool { return c.Name != "" && strings.EqualFold(i.Name, c.Name) },
	}
	if c.ID == "" && c.Name != "" {
		part := strings.ToLower(c.Name)
		is = append(is,
			func(i Info) bool { return i.ID == c.Name },
			func(i Info) bool { return !i.Virtual && strings.Contains(strings.ToLower(i.Name), part) },
			func(i Info) bool { return strings.Contains(strings.ToLower(i.Name), part) },
		)
	}
	for _, fits := range is {
		switch n := count(devices, fits); {
		case n > 1 && c.ID == "":
			return Info{}, ErrAmbiguous
		case n > 0:
			return devices[slices.IndexFunc(devices, fits)], nil
		}
	}
	return Info{}, ErrUnknown
}

func count(devices []Info, fits func(Info) bool) (n int) {
	for _, d := range devices {
		if fits(d) {
			n++
		}
	}
	return n
}

// A pick is what to open.
type pick struct {
	device  Info   // its name may be unknown when it is followed
	follow  bool   // whatever is the default, and the system takes us along when that changes
	instead string // what is wanted and is not there; empty: this is wanted
}

// same reports whether who has opened one has opened the other.
func (p pick) same(q pick) bool {
	return p.follow == q.follow && (p.follow || p.device.ID == q.device.ID)
}

// pick decides what to open. The error says why nothing should be, although the system has something
// to offer: where no microphone is left, sound systems offer what a loudspeaker plays, and to send
// people their own voices is worse than silence.
func (c Choice) pick(devices []Info) (pick, error) {
	if c != (Choice{}) {
		if d, err := c.Find(devices); err == nil {
			return pick{device: d}, nil
		}
	}
	p := pick{follow: true, instead: c.String()}
	if i := slices.IndexFunc(devices, func(d Info) bool { return d.Default }); i >= 0 {
		p.device = devices[i]
	}
	if p.device.Virtual && !p.device.plugin {
		return pick{}, errNoCard
	}
	return p, nil
}

var errNoCard = errors.New("none is plugged in")

// tidy puts devices in the order in which people look for them, and leaves out what is none.
func tidy(devices []Info) []Info {
	devices = slices.DeleteFunc(devices, func(d Info) bool { return strings.TrimSuffix(d.ID, monitorSuffix) == dummy })
	slices.SortStableFunc(devices, func(a, b Info) int {
		switch {
		case a.Virtual != b.Virtual:
			return order(b.Virtual)
		case a.Default != b.Default:
			return order(a.Default)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return devices
}

// order is -1 for what comes first.
func order(first bool) int {
	if first {
		return -1
	}
	return 1
}

// List returns the microphones and loudspeakers of this machine, the system's default first and what
// is no card last. It waits for the sound system for openLimit at most.
func List(ctx context.Context) (mics, speakers []Info, err error) {
	type lists struct {
		mics, speakers []Info
		err            error
	}
	done := make(chan lists, 1)
	go func() { // which the sound system may keep for ever
		var l lists
		l.mics, l.speakers, l.err = listAll()
		done <- l
	}()
	limit := time.NewTimer(openLimit)
	defer limit.Stop()
	select {
	case l := <-done:
		return tidy(l.mics), tidy(l.speakers), l.err
	case <-limit.C:
		return nil, nil, errSlow
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}
