// A home survives a crash at any instant: what was said to be so is so after
// the next start.

package process

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rounds is how often each command is killed.
const rounds = 12

// dice are the random instants of a test, the same in every run. How far the
// program has come by then depends on the machine, so a part of the rounds goes
// by what the program has done, and not by the clock.
func dice(seed uint64) func(below time.Duration) time.Duration {
	random := rand.New(rand.NewPCG(seed, 8))
	return func(below time.Duration) time.Duration { return time.Duration(random.Int64N(int64(below))) }
}

// known is what a home was told to be so before a crash.
type known struct {
	id    string // whose home it is; empty: nobody was told
	room  string // which room it is in
	role  string // as what
	title string
	links []string
}

// starts checks that a home starts again with all that was known, and answers
// every question about it.
func (w *world) starts(home string, k known) {
	w.t.Helper()
	p := start(w.t, honest, "again", home, "--bootstrap", w.bootstrap, "--listen", loopback, "--in", "silence", "--out", "null")
	p.wait("a start", kind("ready"))
	if k.room != "" {
		e := p.wait("the room", func(e event) bool { return e.Event == "joined" && e.Room == k.room })
		if e.Role != k.role {
			w.t.Errorf("the role was %s and is %s", k.role, e.Role)
		}
	}
	if id := p.id(); k.id != "" && id != k.id {
		w.t.Errorf("the key was %s and is %s", k.id, id)
	}
	var status struct {
		Rooms []struct{ Room, Title string }
	}
	p.ask(&status, "status")
	for _, r := range status.Rooms {
		if k.room == r.Room && k.title != r.Title {
			w.t.Errorf("the title was %q and is %q", k.title, r.Title)
		}
		if mic := p.who(p.id()).Mic; mic {
			w.t.Error("the microphone is live after a restart")
		}
		if len(p.history()) == 0 {
			w.t.Error("the room has no history")
		}
	}
	if len(status.Rooms) == 0 {
		_, errs, code := run(w.t, "who", "--home", home)
		if code != 1 || !strings.Contains(errs, "stoa: error: this home is in no room") {
			w.t.Errorf("who in no room: exit %d, %s", code, errs)
		}
	} else {
		p.hasLinks(k.links)
	}
	p.quit()
}

// ask has a verb fill an answer.
func (p *process) ask(answer any, args ...string) {
	p.t.Helper()
	out := p.verb(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		p.t.Fatalf("stoa %s: %v in %s", strings.Join(args, " "), err, out)
	}
}

// hasLinks checks that links lists all of the given ones. A link has more than
// one text, for the addresses in it are those of the day; so it is found by
// what revoke takes.
func (p *process) hasLinks(names []string) {
	p.t.Helper()
	var made struct{ Links []struct{ Name string } }
	p.ask(&made, "links")
	listed := map[string]bool{}
	for _, l := range made.Links {
		listed[l.Name] = true
	}
	for _, n := range names {
		if !listed[n] {
			p.t.Errorf("link %s is lost; there are %v", n, made.Links)
		}
	}
}

// killDuring lets a node run until an instant that differs from round to round:
// any time after its start, soon after it is ready, or soon after it has
// confirmed what it was started for. It returns what the node had told.
func (p *process) killDuring(round int, dice func(time.Duration) time.Duration, confirmed string) []event {
	p.t.Helper()
	switch round % 3 {
	case 0:
		time.Sleep(dice(400 * time.Millisecond))
	case 1:
		p.wait("a start", kind("ready"))
		time.Sleep(dice(60 * time.Millisecond))
	case 2:
		p.wait(confirmed, kind(confirmed))
		time.Sleep(dice(10 * time.Millisecond))
	}
	p.kill()
	return p.events // complete: the reader has ended
}

// told is what the events of a node confirm.
func told(events []event) known {
	var k known
	for _, e := range events {
		switch e.Event {
		case "room":
			k.title = e.Title
		case "joined":
			k.room, k.role = e.Room, e.Role
		}
	}
	return k
}

func TestCrashWhileOpening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dice, confirmed := dice(1), 0
	for round := range rounds {
		home := filepath.Join(w.dir, "opening", string(rune('a'+round)))
		p := start(t, honest, "opening", home, "open", "Stoa", "--bootstrap", w.bootstrap, "--listen", loopback, "--in", "silence", "--out", "null")
		k := told(p.killDuring(round, dice, "link"))
		if k.room != "" {
			confirmed++
		}
		w.starts(home, k)
	}
	t.Logf("%d of %d rooms were confirmed before the crash", confirmed, rounds)
}

func TestCrashWhileJoining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	host := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	link := host.wait("a link", kind("link")).Link
	dice, confirmed := dice(2), 0
	for round := range rounds {
		home := filepath.Join(w.dir, "joining", string(rune('a'+round)))
		p := start(t, honest, "joining", home, "join", link, "--bootstrap", w.bootstrap, "--listen", loopback, "--in", "silence", "--out", "null")
		k := told(p.killDuring(round, dice, "joined"))
		if k.room != "" {
			confirmed++
		}
		w.starts(home, k)
	}
	t.Logf("%d of %d memberships were confirmed before the crash", confirmed, rounds)
}

// A doomed command is one that does not come to its end.
type doomed struct {
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
}

// doom starts a verb.
func doom(t *testing.T, args ...string) *doomed {
	t.Helper()
	d := &doomed{cmd: exec.Command(honest, args...), ended: make(chan struct{})}
	d.cmd.Env = append(os.Environ(), "STOA_PASSPHRASE="+passphrase)
	d.cmd.Stdout = &d.out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait() // however it ends
	}()
	return d
}

// printed is all that the verb printed, once it has ended.
func (d *doomed) printed() string {
	<-d.ended
	return d.out.String()
}

// kill kills the verb after a time and returns what it printed.
func (d *doomed) kill(after time.Duration) string {
	time.Sleep(after)
	_ = d.cmd.Process.Kill()
	return d.printed()
}

// killAt kills the verb some time after a file has appeared, or lets it end
// where it was too fast for that.
func (d *doomed) killAt(file string, after time.Duration) string {
	for {
		if _, err := os.Stat(file); err == nil {
			return d.kill(after)
		}
		select {
		case <-d.ended:
			return d.printed()
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// linkName is the name of the link that invite --json printed; empty when it
// did not come so far.
func linkName(out string) string {
	var l struct{ Name, Link string }
	if json.Unmarshal([]byte(out), &l) != nil || l.Link == "" {
		return ""
	}
	return l.Name
}

func TestCrashWhileInviting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, dice := w.home("ann"), dice(3)
	invite := []string{"invite", "--json", "--role", "speaker", "--home", home}
	p := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	p.wait("a link", kind("link"))
	p.kill()
	k := told(p.events)
	for round := range rounds {
		var out string
		if round%2 == 0 { // the verb does it itself
			out = doom(t, invite...).kill(dice(60 * time.Millisecond))
		} else { // a node does it
			p := w.run(honest, "ann", "--out", "null")
			p.wait("the room", kind("joined"))
			d := doom(t, invite...)
			time.Sleep(dice(60 * time.Millisecond))
			p.kill()
			out = d.printed()
		}
		if name := linkName(out); name != "" {
			k.links = append(k.links, name)
		}
		if round%4 >= 2 {
			w.starts(home, k)
		}
	}
	w.starts(home, k)
	t.Logf("%d of %d links were printed before the crash", len(k.links), rounds)
}

func TestCrashWhileFirstShown(t *testing.T) {
	t.Parallel()
	dir, dice, shown := t.TempDir(), dice(4), 0
	for round := range rounds {
		home := filepath.Join(dir, string(rune('a'+round)))
		before := strings.TrimSpace(doom(t, "id", "--home", home).kill(dice(80 * time.Millisecond)))
		after, errs, code := run(t, "id", "--home", home)
		if code != 0 {
			t.Fatalf("the home does not open again: %s", errs)
		}
		if before != "" {
			shown++
		}
		if before != "" && before != strings.TrimSpace(after) {
			t.Errorf("the key was %s and is %s", before, after)
		}
	}
	t.Logf("%d of %d keys were shown before the crash", shown, rounds)
}

// passphrase is that of the exports made here.
const passphrase = "open the stoa"

// TestCrashWhileImporting kills imports at random instants, and while the files
// of the import are being written, which is a small part of the time.
func TestCrashWhileImporting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	p.wait("a link", kind("link"))
	p.quit()
	k := told(p.events)
	export := filepath.Join(w.dir, "ann.age")
	complete(t, "id", "export", export, "--home", w.home("ann"))
	k.id = strings.Fields(complete(t, "id", "--home", w.home("ann")))[0]

	// How long an import takes here is where the random instants are taken from.
	begin := time.Now()
	complete(t, "id", "import", export, "--home", w.home("measured"))
	whole := time.Since(begin)

	dice, confirmed, imported := dice(5), 0, 0
	for round := range rounds {
		home := filepath.Join(w.dir, "importing", string(rune('a'+round)))
		old := strings.Fields(complete(t, "id", "--home", home))[0]
		args := []string{"id", "import", export, "--home", home}
		var out string
		if round%3 == 0 {
			out = doom(t, args...).kill(dice(whole * 5 / 4))
		} else {
			step := []string{"import.tmp", "import.ready"}[round%3-1]
			out = doom(t, args...).killAt(filepath.Join(home, step), dice(2*time.Millisecond))
		}
		says := strings.Contains(out, k.id)
		if says {
			confirmed++
		}
		switch now := strings.Fields(complete(t, "id", "--home", home))[0]; {
		case now == k.id: // all of it
			imported++
			w.starts(home, k)
		case says:
			t.Errorf("the import was confirmed, and the key is %s", now)
		case now != old:
			t.Errorf("the key was %s, was to become %s, and is %s", old, k.id, now)
		default: // nothing of it, and nothing in the way of another try
			if _, errs, code := run(t, "log", "--home", home); code != 1 || !strings.Contains(errs, "this home is in no room") {
				t.Errorf("the key is the old one, and yet there is a room: exit %d, %s", code, errs)
			}
			if round%3 == 1 { // each costs as much as the passphrase is worth
				complete(t, "id", "import", export, "--home", home)
				w.starts(home, k)
			}
		}
	}
	t.Logf("%d of %d imports had taken place by the crash, %d were confirmed", imported, rounds, confirmed)
}

// complete runs a verb that may need the passphrase to its end.
func complete(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(honest, args...)
	cmd.Env = append(os.Environ(), "STOA_PASSPHRASE="+passphrase)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("stoa %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}
