//go:build cgo

// The microphone and the loudspeaker of a person: which they have chosen, what is
// kept of that in the home, what they are told when one goes or comes, and the
// verb that lists and chooses.

package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"stoa/audio/device"
)

// devicesFile is where the choice is kept in a home: a chosenDevices as JSON.
const devicesFile = "devices.json"

// chosenDevices are the devices that somebody has chosen to last. The zero value
// of each is the system's default.
type chosenDevices struct {
	Mic     device.Choice `json:"mic,omitzero"`
	Speaker device.Choice `json:"speaker,omitzero"`
}

// of returns the choice of an end.
func (c *chosenDevices) of(e *soundEnd) *device.Choice {
	if e.word == micEnd.word {
		return &c.Mic
	}
	return &c.Speaker
}

// readChosen reads what is kept in a home. Where nothing is kept nothing is chosen.
func readChosen(dir string) (c chosenDevices, err error) {
	if err := loadKept(dir, devicesFile, &c); err != nil {
		return chosenDevices{}, err
	}
	return c, nil
}

func (c *chosenDevices) write(dir string) error { return saveKept(dir, devicesFile, c) }

// choiceOf is the device that word, of Config.In or Config.Out, asks for: the one
// that it names, or else the one that the home keeps.
func choiceOf(cfg *Config, word string, e *soundEnd) device.Choice {
	if name, ok := strings.CutPrefix(word, e.word+":"); ok {
		return device.Choice{Name: name}
	}
	c, err := readChosen(cfg.Home)
	if err != nil && cfg.Log != nil {
		cfg.Log.Warn("reading the chosen devices", "err", err)
	}
	return *c.of(e)
}

// A soundEnd is the microphone or the loudspeaker: the words for either.
type soundEnd struct {
	word string // on the command line and in events
	name string
	none string // what it means that there is none
}

var (
	micEnd     = &soundEnd{word: inMic, name: "microphone", none: "nobody hears you"}
	speakerEnd = &soundEnd{word: outSpeaker, name: "loudspeaker", none: "you hear nobody"}
)

// news is what to tell a person who knew was, which may be nil, of how a device is
// now. It has no text where that is as expected.
func (e *soundEnd) news(was *device.State, now device.State) Event {
	news := Event{Kind: EventDevice, Device: e.word, Name: now.Device.Name, State: "used"}
	name := now.Device.Name
	if name == "" {
		name = "the system's default"
	}
	switch {
	case now.Err != nil:
		news.State = "none"
		news.Text = now.Err.Error() + ": " + e.none + " until there is one"
	case now.Instead != "":
		news.State = "instead"
		news.Text = fmt.Sprintf("the %s %s cannot be used: %s takes its place until it can", e.name, now.Instead, name)
	case was != nil && (was.Instead != "" || was.Err != nil):
		news.Text = fmt.Sprintf("the %s is back: %s", e.name, name)
	case was != nil:
		news.Text = fmt.Sprintf("the %s is %s from now on", e.name, name)
	}
	return news
}

// devices are the sound cards of a running node.
type devices struct {
	dir  string // the home
	emit func(Event)

	mic     *device.Mic // nil: something else is heard
	speaker *device.Speaker

	mu  sync.Mutex
	now map[*soundEnd]device.State
}

func newDevices(dir string, emit func(Event)) *devices {
	return &devices{dir: dir, emit: emit, now: map[*soundEnd]device.State{}}
}

// tell returns what a device tells of itself to.
func (d *devices) tell(e *soundEnd) func(device.State) {
	return func(now device.State) {
		d.mu.Lock()
		was, known := d.now[e]
		d.now[e] = now
		d.mu.Unlock()
		switch {
		case !known:
			d.emit(e.news(nil, now))
		case was.Device.ID != now.Device.ID || was.Instead != now.Instead || (was.Err == nil) != (now.Err == nil):
			d.emit(e.news(&was, now))
		}
	}
}

// use changes to another device at once.
func (d *devices) use(e *soundEnd, c device.Choice) {
	switch {
	case e == micEnd && d.mic != nil:
		d.mic.Use(c)
	case e == speakerEnd && d.speaker != nil:
		d.speaker.Use(c)
	}
}

// used is the device that is in use.
func (d *devices) used(e *soundEnd) (device.Info, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.now[e]
	return s.Device, ok && s.Err == nil
}

// ends says how the devices are.
func (d *devices) ends() (mic, speaker endSight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return micEnd.sight(d.now), speakerEnd.sight(d.now)
}

func (e *soundEnd) sight(now map[*soundEnd]device.State) endSight {
	s, known := now[e]
	if !known {
		return endSight{}
	}
	news := e.news(nil, s)
	return endSight{known: true, name: news.Name, state: news.State, news: news.Text}
}

// doDevices performs the verb devices: without words it lists, and with the word
// mic or speaker and a name it chooses. running is nil where no node runs.
func doDevices(ctx context.Context, dir string, args []string, running *devices) (Reply, error) {
	mics, speakers, err := device.List(ctx)
	if err != nil {
		return Reply{}, &UserError{Code: "no_devices", Text: "the sound devices of this machine cannot be listed: " + err.Error(), Hint: "see that its sound system runs", Err: err}
	}
	chosen, err := readChosen(dir)
	if err != nil && len(args) == 0 {
		return Reply{}, err
	}
	if len(args) == 0 {
		return listDevices(mics, speakers, &chosen, running), nil
	}
	e, there := micEnd, mics
	if args[0] == speakerEnd.word {
		e, there = speakerEnd, speakers
	} else if args[0] != micEnd.word {
		return Reply{}, &UserError{Code: "usage", Text: "devices takes mic or speaker, and the name of one", Hint: "`stoa devices` lists them"}
	}
	c := device.Choice{}
	if name := strings.Join(args[1:], " "); name != wordDefault {
		found, err := device.Choice{Name: name}.Find(there)
		if err != nil {
			return Reply{}, notFound(e, name, err)
		}
		c = device.Of(found)
	}
	*chosen.of(e) = c
	if err := chosen.write(dir); err != nil {
		return Reply{}, err
	}
	if running != nil {
		running.use(e, c)
	}
	if c == (device.Choice{}) {
		return said("the %s is the system's default from now on", e.name), nil
	}
	return said("the %s is %s from now on", e.name, c), nil
}

// wordDefault is what names the system's default.
const wordDefault = "default"

func notFound(e *soundEnd, name string, err error) error {
	text := fmt.Sprintf("there is no %s %q", e.name, name)
	switch {
	case name == "":
		text = "the name of a " + e.name + " is missing"
	case errors.Is(err, device.ErrAmbiguous):
		text = fmt.Sprintf("%q is several of the %ss", name, e.name)
	}
	return &UserError{Code: "no_such_device", Text: text, Hint: "`stoa devices` lists them; any part of a name will do", Err: err}
}

// deviceLine is a device as the verb devices lists it.
type deviceLine struct {
	Name     string `json:"name"`
	ID       string `json:"id"`
	Default  bool   `json:"default"`           // of the system
	Chosen   bool   `json:"chosen"`            // by this person, to last
	Used     bool   `json:"used"`              // by the node that runs with this home
	Virtual  bool   `json:"virtual,omitempty"` // no card: what a loudspeaker plays, or a plug-in
	Rate     int    `json:"rate,omitempty"`    // samples a second, of the card
	Channels int    `json:"channels,omitempty"`
}

func listDevices(mics, speakers []device.Info, chosen *chosenDevices, running *devices) Reply {
	data := map[string][]deviceLine{}
	var r Reply
	for _, of := range []struct {
		end   *soundEnd
		there []device.Info
	}{{micEnd, mics}, {speakerEnd, speakers}} {
		choice := *chosen.of(of.end)
		wanted, err := choice.Find(of.there)
		isChosen := err == nil && choice != (device.Choice{})
		var used device.Info
		isUsed := false
		if running != nil {
			used, isUsed = running.used(of.end)
		}
		r.Lines = append(r.Lines, of.end.name+"s:")
		lines := []deviceLine{}
		for _, d := range of.there {
			l := deviceLine{
				Name: d.Name, ID: d.ID, Default: d.Default, Virtual: d.Virtual, Rate: d.Rate, Channels: d.Channels,
				Chosen: isChosen && d.ID == wanted.ID, Used: isUsed && d.ID == used.ID,
			}
			lines = append(lines, l)
			r.Lines = append(r.Lines, "  "+l.String())
		}
		if len(of.there) == 0 {
			r.Lines = append(r.Lines, "  none")
		}
		if choice != (device.Choice{}) && !isChosen {
			r.Lines = append(r.Lines, "  "+choice.String()+" · chosen, but not there")
		}
		data[of.end.word] = lines
	}
	r.Data = data
	return r
}

// String is a device as a person reads it.
func (l deviceLine) String() string {
	text := l.Name
	for _, is := range []struct {
		so   bool
		word string
	}{{l.Used, "in use"}, {l.Chosen, "chosen"}, {l.Default, "the system's default"}, {l.Virtual, "no card"}} {
		if is.so {
			text += " · " + is.word
		}
	}
	if l.Rate > 0 {
		text += fmt.Sprintf(" · %g kHz", float64(l.Rate)/1000)
	}
	if l.Channels > 0 {
		text += " · " + count(l.Channels, "channel", "channels")
	}
	return text
}
