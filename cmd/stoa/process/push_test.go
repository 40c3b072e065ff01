// Push-to-talk: heard as long as another program runs, however it ends.

package process

import (
	"strings"
	"testing"
)

func TestPushToTalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.run(honest, "ann", "open", "Stoa", "--in", clip("a"), "--loop", "--treat", "--talk", "push")
	ann := a.wait("the room", kind("joined")).Who
	b := w.run(honest, "bob", "join", a.link())
	bob := b.wait("the room", kind("joined")).Who
	a.wait("bob", present(bob))
	talk := func(on bool) func(event) bool {
		return func(e event) bool { return e.Event == "talk" && e.State == "push" && e.On == on }
	}
	// received is what bob has received of ann in a second.
	received := func() (n uint64) {
		e := b.waitSince(b.mark(), "figures", func(e event) bool { return e.Stats != nil })
		for _, s := range e.Stats.Speakers {
			if s.Who == ann {
				n = s.Received
			}
		}
		return n
	}

	a.wait("push-to-talk", talk(false))
	if received() > 0 {
		t.Error("bob hears ann, who holds no key")
	}
	for _, end := range []struct {
		how string
		end func(*process)
	}{
		{"told to end", func(p *process) { p.quit() }},
		{"killed", func(p *process) { p.kill() }},
	} {
		mark, before := a.mark(), received()
		key := start(t, honest, "key", a.home, "push")
		a.waitSince(mark, "the key", talk(true))
		b.wait("ann's voice", about("sound", ann))
		for tries := 0; received() == before; tries++ {
			if tries == 20 {
				t.Fatal("bob does not hear ann, who holds the key")
			}
		}
		mark = a.mark()
		end.end(key)
		a.waitSince(mark, "the end of the key that was "+end.how, talk(false))
		// What was on its way has come after the first figures.
		received()
		if first, second := received(), received(); first != second {
			t.Errorf("bob hears ann, whose key was %s", end.how)
		}
	}

	a.verb("mute")
	if _, errs, code := run(t, "push", "--home", a.home); code != 1 || !strings.Contains(errs, "your microphone is muted") {
		t.Errorf("pushing while muted: exit %d, %s", code, errs)
	}
	a.verb("sound", "talk", "open")
	a.waitSince(0, "an open microphone", func(e event) bool { return e.Event == "talk" && e.State == "open" && e.On })
	if _, errs, code := run(t, "push", "on", "--home", a.home); code != 1 || errs == "" {
		t.Errorf("pushing an open microphone: exit %d, %s", code, errs)
	}
	if out := a.verb("sound"); !strings.Contains(out, "whenever it is not muted") || !strings.Contains(out, "the microphone hears") {
		t.Errorf("sound says\n%s", out)
	}
}
