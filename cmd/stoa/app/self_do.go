// The verb test: hearing oneself from a page, which is told by the View how it goes on.

package app

import (
	"context"
	"sync"
	"time"

	"stoa/audio"
)

// trial is the test that a session runs, one at a time.
type trial struct {
	hear func(context.Context, *Config, habits, selfTest) (selfFound, error) // testSound

	mu   sync.Mutex         // guards the rest
	stop context.CancelFunc // ends the one that goes on; nil: none does
	view *TestView          // nil: there was none
}

// now is how the test is going on, or what came of the last one.
func (t *trial) now() *TestView {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.view
}

// take begins a test that stop ends, unless one goes on.
func (t *trial) take(stop context.CancelFunc) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop != nil {
		return false
	}
	t.stop, t.view = stop, &TestView{Step: stepOpening}
	return true
}

func (t *trial) show(v *TestView) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.view = v
}

// end says what came of the test: nothing when it was stopped.
func (t *trial) end(v *TestView) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
	t.stop, t.view = nil, v
}

// cancel ends the test that goes on, or forgets what came of the last one.
func (t *trial) cancel() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop != nil {
		t.stop()
		return
	}
	t.view = nil
}

// doTest begins a test, or ends it. While it goes on, this person's own level is among
// the Levels.
func (s *Session) doTest(req Request) (Reply, error) {
	switch word := argument(req.Args, 0); {
	case word == "stop":
		s.trial.cancel()
		s.shows.changed.ring()
		return said("the test is over"), nil
	case word != "":
		return Reply{}, &UserError{Code: "usage", Text: "test takes nothing, or stop", Hint: "`stoa sound test`"}
	}
	s.miking.Lock()
	live, habits := s.live, s.habits
	s.miking.Unlock()
	if live {
		return Reply{}, errLiveTest
	}
	stopped, stop := context.WithCancel(context.Background())
	if !s.trial.take(stop) {
		stop()
		return said("a test goes on already"), nil
	}
	s.shows.changed.ring()
	err := s.begin(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(stopped, cancel)()
		s.test(ctx, habits)
	})
	if err != nil {
		s.trial.end(nil)
		return Reply{}, err
	}
	return said("speak when the page says so"), nil
}

// test lets this person hear themselves, until ctx ends.
func (s *Session) test(ctx context.Context, h habits) {
	cfg := s.cfg
	if !isSpeaker(cfg.Out) && cfg.Out != outNull {
		cfg.Out = outNone // a recording is not to be written over
	}
	show := func(v *TestView) {
		s.trial.show(v)
		s.shows.changed.ring()
	}
	found, err := s.trial.hear(ctx, &cfg, h, selfTest{
		step: func(step, _ string) { show(&TestView{Step: step}) },
		news: func(string) {},
		level: func(level uint8) {
			if s.shows.own.say(audio.Packet{Level: level}, time.Now()) {
				s.shows.sounds.ring()
			}
		},
	})
	v := &TestView{Step: stepDone}
	switch {
	case ctx.Err() != nil:
		v = nil
	case err != nil:
		p := Explain(err)
		v.Failed = &p
	default:
		data := found.data()
		v.selfData = &data
	}
	s.trial.end(v)
	s.shows.changed.ring()
}
