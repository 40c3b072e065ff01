// A room goes on when who opened it goes.

package process

import (
	"syscall"
	"testing"
	"time"
)

// Two tests rather than one of two parts: parts that wait side by side begin when all
// other tests have, and these take longest.
func TestRoomOutlivesOwnerWhoEnds(t *testing.T) { testOwnerAway(t, syscall.SIGTERM, false) }

func TestRoomOutlivesOwnerWhoIsKilled(t *testing.T) { testOwnerAway(t, syscall.SIGKILL, true) }

// testOwnerAway has the owner go, somebody new come in by the owner's link, and
// the owner return. With lonely only one listener is left to let them in.
func testOwnerAway(t *testing.T, end syscall.Signal, lonely bool) {
	t.Parallel()
	w := newWorld(t)
	a := w.run(honest, "ann", "open", "Stoa", "--in", clip("a"), "--loop")
	old := a.wait("a link", kind("link")).Link
	b := w.run(honest, "bob", "join", a.link("--role", "speaker"), "--in", clip("b"), "--loop")
	c := w.run(honest, "cid", "join", old)
	b.wait("the room", kind("joined"))
	c.wait("the room", kind("joined"))
	ann, bob, cid := a.id(), b.id(), c.id()
	c.wait("Ann's voice", about("sound", ann))
	c.wait("Bob's voice", about("sound", bob))
	heard := tape{t, w.record("cid")}

	heard.hears("Cid", "a")
	heard.hears("Cid", "b")
	if err := a.cmd.Process.Signal(end); err != nil {
		t.Fatal(err)
	}
	if code := a.exit(); end == syscall.SIGTERM && code != 0 {
		t.Errorf("Ann's program ended with %d", code)
	}
	b.wait("Ann's going", gone(ann))
	c.wait("Ann's going", gone(ann))

	without := heard.now() + flushed
	heard.hears("Cid", "b")
	if p := c.who(bob); p.Role != "speaker" || !p.Stage || !p.Mic {
		t.Errorf("without Ann, Bob is %s, on stage %v, live %v", p.Role, p.Stage, p.Mic)
	}

	still := heard.now()
	if lonely {
		b.quit()
		c.wait("Bob's going", gone(bob))
	}
	d := w.run(honest, "dan", "join", old)
	if role := d.wait("the room", kind("joined")).Role; role != "listener" {
		t.Errorf("Dan came in as %s", role)
	}
	dan := d.id()
	c.wait("Dan", present(dan))
	gates := 0
	for _, o := range d.history() {
		if o.Kind != "admit" || o.Target != dan || !o.Valid {
			continue
		}
		gates++
		if o.Author == ann || (lonely && o.Author != cid) {
			t.Errorf("Dan was let in by %s", o.Author)
		}
	}
	if gates == 0 {
		t.Error("the history does not say who let Dan in")
	}
	if !lonely {
		d.wait("Bob's voice", about("sound", bob))
	}

	mark := c.mark()
	a = w.run(honest, "ann", "--in", clip("a"), "--loop", "--out", w.record("ann again"))
	if role := a.wait("the room", kind("joined")).Role; role != "owner" {
		t.Errorf("Ann returned as %s", role)
	}
	if e := c.waitSince(mark, "Ann's return", present(ann)); e.Role != "owner" {
		t.Errorf("Ann is %s to Cid", e.Role)
	}
	a.wait("Cid", present(cid))
	back := heard.now() + flushed
	if lonely {
		heard.reach(back + 3*time.Second)
	} else {
		heard.hears("Cid", "b")
	}
	for _, p := range []*process{a, c} {
		if who := p.who(ann); who.Role != "owner" || who.Mic || who.Muted {
			t.Errorf("to %s, Ann is %s, live %v, muted by a moderator %v", p.name, who.Role, who.Mic, who.Muted)
		}
	}

	muted := heard.now()
	a.verb("unmute")
	c.waitSince(mark, "Ann's voice", about("sound", ann))
	heard.hears("Cid", "a")
	for _, p := range []*process{a, c} {
		if code := p.quit(); code != 0 {
			t.Errorf("%s ended with %d", p.name, code)
		}
	}

	heard.neverHeard("Cid, without Ann", "a", without, still)
	if lonely {
		heard.silent("Cid, when Ann is back, muted", back, muted)
	} else {
		heard.neverHeard("Cid, when Ann is back, muted", "a", back, muted)
	}
}
