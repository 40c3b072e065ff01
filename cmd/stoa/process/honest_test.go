// Who is said to hear hears: what the line says is what has arrived.

package process

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// audibleNow is what an event of that kind says.
type audibleNow struct {
	Heard   int      `json:"heard"`
	Not     []string `json:"not"`
	NoLoud  []string `json:"no_loudspeaker"`
	Hears   int      `json:"hears"`
	Unheard []struct {
		Who string `json:"who"`
		Way bool   `json:"way"`
	} `json:"unheard"`
	Text string `json:"text"`
}

// saysOf fits the news of who hears whom.
func saysOf(fits func(a *audibleNow) bool) func(event) bool {
	return func(e event) bool { return e.Event == "audible" && fits(e.Audible) }
}

// TestHeardByWhoHears has ann and cem speak to each other, to ben, who is cut off for a
// while as by a lid that is closed, and to dan, who plays nothing. What ann is told of
// them follows.
func TestHeardByWhoHears(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--in", clip("a"), "--loop")
	ann.wait("a link", kind("link"))
	link := ann.link("--role", "speaker")
	cem := w.run(honest, "cem", "join", link, "--in", clip("b"), "--loop")
	dan := w.run(honest, "dan", "join", link, "--out", "none")
	ben := w.run(honest, "ben", "join", link)
	for _, p := range []*process{cem, dan, ben} {
		p.wait("the room", kind("joined"))
	}
	whole := func(a *audibleNow) bool {
		return a.Heard == 2 && len(a.Not) == 0 && slices.Equal(a.NoLoud, []string{dan.id()}) && a.Hears == 1
	}
	e := ann.wait("that two hear her and one has no loudspeaker", saysOf(whole))
	t.Logf("at first: %s", e.Audible.Text)
	ear := dan.wait("that he hears nobody", saysOf(func(a *audibleNow) bool {
		return a.Text == "nobody has heard you yet · you have no loudspeaker, so you hear nobody"
	}))
	t.Logf("dan: %s", ear.Audible.Text)

	gone := ben.id()
	mark, at := ann.mark(), time.Now()
	if err := ben.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	e = ann.waitSince(mark, "that ben does not hear her", saysOf(func(a *audibleNow) bool {
		return a.Heard == 1 && slices.Equal(a.Not, []string{gone})
	}))
	t.Logf("%v after he was cut off: %s", e.at.Sub(at).Round(time.Millisecond), e.Audible.Text)

	mark, at = ann.mark(), time.Now()
	if err := ben.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	e = ann.waitSince(mark, "that he hears her again", saysOf(whole))
	t.Logf("%v after he was back: %s", e.at.Sub(at).Round(time.Millisecond), e.Audible.Text)
}
