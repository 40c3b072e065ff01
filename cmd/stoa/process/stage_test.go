// From a raised hand to the stage and off it again, with a client that obeys
// nobody.

package process

import (
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// unknownKeys is how many packets a process has refused because the room gives
// their sender no key, as it told last.
func unknownKeys(p *process) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.events) - 1; i >= 0; i-- {
		if s := p.events[i].Stats; s != nil {
			return s.Refused["unknown_key"]
		}
	}
	return 0
}

// awaitRefused waits until a process has refused at least n packets for want of
// a key.
func awaitRefused(p *process, n uint64) {
	p.t.Helper()
	p.wait("more packets to refuse", func(e event) bool { return e.Stats != nil && e.Stats.Refused["unknown_key"] >= n })
}

// TestHandStageAndEditedClient is the way of somebody who is called to the stage
// and sent off it, and whose client sends all the time, also when it may not.
// Ann and Bob, who are silent, hear nobody else.
func TestHandStageAndEditedClient(t *testing.T) {
	const (
		aWhile   = 50          // packets: a second of speech
		promised = time.Second // nobody hears who was dropped from the next second on
	)
	w := newWorld(t)
	a := w.run(honest, "ann", "open", "Stoa")
	link := a.wait("a link", kind("link")).Link
	b := w.run(honest, "bob", "join", a.link("--role", "speaker"))
	b.wait("the room", kind("joined"))
	d := w.run(honest, "dan", "join", link, "--out", "null")
	d.wait("the room", kind("joined"))
	c := w.run(edited, "cid", "join", link, "--in", clip("c"), "--loop")
	c.wait("the room", kind("joined"))
	dan, cid := d.id(), c.id()
	hears := map[*process]tape{a: {t, w.record("ann")}, b: {t, w.record("bob")}}

	// A listener's client may send: nobody plays it.
	awaitRefused(a, aWhile)

	d.verb("hand")
	a.wait("Dan's hand", func(e event) bool { return about("hand", dan)(e) && e.Up && e.Place == 1 })
	c.verb("hand")
	a.wait("Cid's hand", func(e event) bool { return about("hand", cid)(e) && e.Up && e.Place == 2 })
	if p := a.who(cid); p.Place != 2 || p.Stage {
		t.Errorf("in Ann's list Cid has place %d, on stage %v", p.Place, p.Stage)
	}
	before := map[*process]time.Duration{}
	for p, r := range hears {
		before[p] = r.now()
	}

	a.verb("stage", "add", cid)
	for p, r := range hears {
		p.wait("Cid on the stage", func(e event) bool { return about("stage", cid)(e) && e.On })
		p.wait("Cid's hand down", func(e event) bool { return about("hand", cid)(e) && !e.Up })
		p.wait("Cid's voice", about("sound", cid))
		r.hears(p.name, "c")
	}
	if p := a.who(dan); p.Place != 1 {
		t.Errorf("Dan has place %d now", p.Place)
	}
	a.verb("hand", "down", dan)
	d.wait("word of who took his hand down", func(e event) bool { return about("hand", dan)(e) && !e.Up && e.By == a.id() && e.Text != "" })
	b.wait("Dan's hand down", func(e event) bool { return about("hand", dan)(e) && !e.Up && e.By == a.id() })

	dropped, refused := map[*process]time.Duration{}, map[*process]uint64{}
	for p := range hears {
		refused[p] = unknownKeys(p)
	}
	a.verb("stage", "drop", cid)
	for p, r := range hears {
		dropped[p] = r.now() + flushed
	}
	for p, r := range hears {
		awaitRefused(p, refused[p]+2*aWhile) // so Cid does go on sending
		r.reach(dropped[p] + promised + 3*time.Second)
	}
	for p, r := range hears {
		if code := p.quit(); code != 0 {
			t.Errorf("%s ended with %d", p.name, code)
		}
		r.silent(p.name+", before Cid was on the stage", 0, before[p])
		r.silent(p.name+", from a second after the drop", dropped[p]+promised, 0)
		t.Logf("%s heard the last of Cid at most %v after the drop", p.name, flushed+hear.LastSound(r.between(dropped[p], 0)))
	}
}
