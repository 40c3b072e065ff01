// The verbs sound and push: how this person talks, and what is done with what
// their microphone hears.

package app

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// soundData is what `sound --json` prints.
type soundData struct {
	habits
	Holding bool `json:"holding"` // a key is held: see Talk
	Live    bool `json:"live"`    // what the microphone hears goes to others

	Treated *treatedData `json:"treated,omitempty"` // not where a file speaks
}

// treatedData is what the treatment does with what the microphone hears.
type treatedData struct {
	By      crew    `json:"by"`
	Heard   bool    `json:"heard"`   // the microphone has been listened to; else the rest is 0
	Voice   bool    `json:"voice"`   // somebody speaks
	In      int     `json:"in_db"`   // loudness below full scale of what is heard
	Out     int     `json:"out_db"`  // and of what is sent
	Gain    int     `json:"gain_db"` // that the automatic gain adds
	Playing bool    `json:"playing"` // something was played that can be heard back; else the rest says nothing
	Echo    bool    `json:"echo_left"`
	ERLE    float64 `json:"erle_db"`
	Delay   float64 `json:"echo_delay_ms"`
}

// doSound shows or changes the sound.
func (s *Session) doSound(req Request) (Reply, error) {
	if len(req.Args) == 0 {
		return s.showSound(), nil
	}
	s.miking.Lock()
	h := s.habits
	text, err := h.change(req.Args)
	if err == nil {
		err = h.save(s.cfg.Home)
	}
	if err == nil {
		s.habits = h
		if req.Args[0] == "talk" {
			s.talk.set(h.Talk)
		}
		s.sound.set(h)
	}
	s.miking.Unlock()
	if err != nil {
		return Reply{}, err
	}
	s.micSet()
	return said("%s", text), nil
}

// doSoundKept does the same where no node runs.
func doSoundKept(home string, req Request) (Reply, error) {
	h, err := loadHabits(home)
	if err != nil && len(req.Args) == 0 {
		return Reply{}, &UserError{Code: "choices_unreadable", Text: "what you chose for your sound cannot be read: " + err.Error(), Hint: "choose again, for example with `stoa sound noise on`", Err: err}
	}
	if len(req.Args) == 0 {
		return Reply{Lines: h.lines(crew{}), Data: soundData{habits: h}}, nil
	}
	text, err := h.change(req.Args)
	if err != nil {
		return Reply{}, err
	}
	return said("%s", text), h.save(home)
}

// showSound says what the treatment does.
func (s *Session) showSound() Reply {
	s.miking.Lock()
	d := soundData{habits: s.habits, Holding: len(s.talk.holds) > 0, Live: s.live}
	d.Talk = s.talk.mode
	s.miking.Unlock()
	t := s.sound.treatment
	if t == nil {
		return Reply{Lines: []string{"what others hear of you is sent as it is: it is no microphone", talkWords(d.Talk)}, Data: d}
	}
	r := t.Report()
	d.Treated = &treatedData{
		By: t.made, Heard: r.Blocks > 0, Voice: r.Voice, In: -int(r.In), Out: -int(r.Out), Gain: r.Gain,
		Playing: r.Playing, Echo: r.Left, ERLE: float64(r.ERLE), Delay: float64(r.Delay) / float64(time.Millisecond),
	}
	lines := d.habits.lines(t.made)
	switch {
	case !d.Treated.Heard:
		lines = append(lines, "the microphone has not been listened to yet: you are on no stage")
	default:
		lines = append(lines, fmt.Sprintf("the microphone hears %d dB, of which %d dB is sent%s", d.Treated.In, d.Treated.Out, ifSo(!d.Live, ", or would be: you are not live now")))
		lines = append(lines, t.echoWords(d.Treated, d.Effective().Echo))
	}
	return Reply{Lines: slices.DeleteFunc(lines, func(l string) bool { return l == "" }), Data: d}
}

// echoWords says how well the canceller does.
func (t *treatment) echoWords(d *treatedData, on bool) string {
	switch {
	case !on || t.made.Echo == "":
		return ""
	case !d.Playing:
		return "nothing was played yet that could come back as an echo"
	case d.Echo:
		return fmt.Sprintf("echo is left, %.0f dB are taken out: headphones would help, and others are turned down while you speak", d.ERLE)
	}
	return fmt.Sprintf("%.0f dB of echo are taken out, which comes %.0f ms after it is played", d.ERLE, d.Delay)
}

// lines says what is chosen, and who does the work.
func (h habits) lines(made crew) []string {
	works := h.Effective()
	line := func(name, by string) string {
		on := *h.button(name)
		text := fmt.Sprintf("  %-9s %s", name, onOff(on))
		switch {
		case on && name != "music" && name != "level" && !*works.Switch(name):
			text += ", but not while music is on"
		case on && by != "":
			text += ", " + by
		}
		return text
	}
	return []string{talkWords(h.Talk), line("highpass", ""), line("echo", made.Echo), line("noise", made.Noise), line("gain", ""), line("music", ""), line("level", "of those you hear")}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func ifSo(so bool, text string) string {
	if so {
		return text
	}
	return ""
}

// doPush holds a key, or lets go of it: hold WHO again and again, and end WHO; or
// on and off.
func (s *Session) doPush(req Request) (Reply, error) {
	word, who := argument(req.Args, 0), argument(req.Args, 1)
	if (word == "hold" || word == "on") && !s.speaking() { // a key that is held now would be heard later
		return Reply{}, &UserError{Code: "mic_muted", Text: "your microphone is muted, so nobody hears you", Hint: "`stoa unmute` makes it live"}
	}
	mode, known := s.push(word, who, time.Now())
	switch {
	case !known:
		return Reply{}, &UserError{Code: "usage", Text: "push takes on or off, or nothing", Hint: "`stoa push --help` says more"}
	case mode == talkOpen:
		return Reply{}, &UserError{Code: "talk_open", Text: "your microphone is open: there is nothing to push", Hint: "`stoa sound talk push` makes it heard only while `stoa push` runs"}
	}
	s.micSet()
	s.pushed.set()
	if word == "end" || word == "off" {
		return said("the key is up"), nil
	}
	if mode == talkToMute {
		return said("nobody hears you while the key is down"), nil
	}
	return said("you are heard while the key is down"), nil
}

// push tells talk of a key, and returns how one talks and whether there is such a
// word.
func (s *Session) push(word, who string, now time.Time) (mode string, known bool) {
	s.miking.Lock()
	defer s.miking.Unlock()
	switch mode = s.talk.mode; {
	case word == "hold" && who != "":
		s.talk.press(who, now, talkLease)
	case word == "end" && who != "":
		s.talk.release(who, now)
	case word == "on":
		s.talk.press("", now, talkLatch)
	case word == "off":
		s.talk.release("", now)
	default:
		return mode, false
	}
	return mode, true
}

// speaking reports whether this person has unmuted their microphone in a room
// that lets them speak.
func (s *Session) speaking() bool {
	return slices.ContainsFunc(s.rooms(), func(h *hall) bool { return h.voice.speaking() })
}

// keepTalk lets keys up whose time is over.
func (s *Session) keepTalk(ctx context.Context) {
	for {
		s.miking.Lock()
		at := s.talk.next(time.Now())
		s.miking.Unlock()
		var over <-chan time.Time
		if !at.IsZero() {
			over = time.After(time.Until(at))
		}
		select {
		case <-over:
			s.micSet()
		case <-s.pushed:
		case <-ctx.Done():
			return
		}
	}
}

// micSet mutes the capture when no room wants to hear it, or the person does not
// want to be heard now.
func (s *Session) micSet() {
	s.miking.Lock() // so that of two changes the later one holds
	defer s.miking.Unlock()
	rooms := s.rooms()
	speaking := slices.ContainsFunc(rooms, func(h *hall) bool { return h.voice.speaking() })
	allowed := slices.ContainsFunc(rooms, func(h *hall) bool { return h.voice.allowed() })
	heard := s.talk.heard(time.Now())
	if live := speaking && heard; live != s.live {
		s.live = live
		s.shows.changed.ring()
	}
	s.sound.setMuted(!s.live)
	if t := s.sound.treatment; t != nil {
		t.sent.Store(s.live)
		t.unheard.Store(allowed && !speaking && s.talk.mode != talkPush) // who pushes to talk talks beside it as well
	}
	if !s.sound.fromFile {
		s.mic.set(allowed)
	}
	if now := (talkTold{s.talk.mode, heard}); now != s.told {
		s.told = now
		s.emit(Event{Kind: EventTalk, State: now.mode, On: &heard})
	}
}

// talkTold is what was told of how one talks.
type talkTold struct {
	mode  string
	heard bool
}
