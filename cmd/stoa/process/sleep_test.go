// Machines that sleep with a room open, and wake.

//go:build unix

package process

import (
	"syscall"
	"testing"
	"time"
)

// TestSleepAndWake has the machine of somebody on the stage who is muted, and that of
// somebody whose hand is first in the queue, sleep until the others believe that they have
// gone. Both are back as they were, and hear nothing of what they have missed.
func TestSleepAndWake(t *testing.T) {
	t.Parallel()
	const dozing = 300 * time.Millisecond // what is on its way to the disk when a process stops

	w := newWorld(t)
	a := w.run(honest, "ann", "open", "Stoa", "--in", clip("a"), "--loop")
	link := a.wait("a link", kind("link")).Link
	b := w.run(honest, "bob", "join", a.link("--role", "speaker"), "--in", clip("b"), "--loop")
	d := w.run(honest, "dan", "join", link, "--out", "null")
	e := w.run(honest, "eve", "join", link, "--out", "null")
	sleepers := []*process{b, d}
	for _, p := range []*process{b, d, e} {
		p.wait("the room", kind("joined"))
	}
	bob, dan, eve := b.id(), d.id(), e.id()
	heard, played := tape{t, w.record("bob")}, tape{t, w.record("ann")}
	heard.hears("bob", "a")
	played.hears("ann", "b")
	b.verb("mute")
	for limit := time.Now().Add(patience); a.who(bob).Mic; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("bob's microphone stays on, as ann knows it")
		}
	}
	for i, p := range []*process{d, e} {
		p.verb("hand")
		a.wait("a hand", func(e event) bool { return about("hand", p.id())(e) && e.Up && e.Place == i+1 })
	}
	muted := played.now() + flushed

	mark := a.mark()
	for _, p := range sleepers {
		p.signal(syscall.SIGSTOP)
	}
	slept := heard.now() + flushed + dozing
	time.Sleep(3 * time.Second) // Ann's voice fills the sockets of those who sleep
	a.verb("mute")
	for _, who := range []string{bob, dan} {
		a.waitSince(mark, "somebody asleep gone", gone(who))
	}
	mark = a.mark()
	woken := time.Now()
	for _, p := range sleepers {
		p.signal(syscall.SIGCONT)
	}
	for _, who := range []string{bob, dan} {
		back := a.waitSince(mark, "somebody awake", present(who))
		t.Logf("somebody is back after %v", back.at.Sub(woken).Round(time.Millisecond))
	}
	awake := heard.reach(heard.now() + 2*time.Second)
	heard.silent("bob, who has slept", slept, awake)
	for _, p := range []*process{a, b, d, e} {
		if one := p.who(bob); !one.Stage || one.Mic || one.Muted {
			t.Errorf("%s knows bob as %+v", p.name, one)
		}
		if first, second := p.who(dan), p.who(eve); first.Place != 1 || second.Place != 2 {
			t.Errorf("%s sees dan's hand at place %d and eve's at %d", p.name, first.Place, second.Place)
		}
	}
	played.silent("ann, since bob is muted", muted, played.now())

	a.verb("unmute")
	heard.hears("bob", "a")
	b.verb("unmute")
	played.hears("ann", "b")
}

// signal sends the process a signal.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}
