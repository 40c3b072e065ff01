// People whose clocks are wrong: a relay's ten minutes fast, a listener's ten
// minutes slow, the speaker's right.

package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoa/cmd/stoa/process/clock"
	"stoa/identity"
)

// shifted makes a program for each of some clocks.
func shifted(t *testing.T, ahead ...time.Duration) (programs []string) {
	t.Helper()
	dir := t.TempDir()
	stoa, err := clock.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range ahead {
		var set []string
		for _, v := range clock.Env(d) {
			if strings.HasPrefix(v, "STOA_LAB_CLOCK=") {
				set = append(set, v)
			}
		}
		program := filepath.Join(dir, fmt.Sprint("stoa-", i))
		script := fmt.Sprintf("#!/bin/sh\n%s exec %s \"$@\"\n", strings.Join(set, " "), stoa)
		if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		programs = append(programs, program)
	}
	return programs
}

// TestClocksApart: with a link that is good for five minutes more a listener
// whose clock is wrong comes in, hears by a relay whose clock is wrong the other
// way, raises a hand, is called up and speaks; by one that is over nobody lets
// anybody in; and those whose clocks differ from most are told.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	programs := shifted(t, 10*time.Minute, -10*time.Minute)
	fast, slow := programs[0], programs[1]
	w := newWorld(t)
	ann := w.behindNAT("ann", "open", "Stoa", "--in", clip("a"), "--loop")
	link := ann.wait("a link", kind("link")).Link
	rel := start(t, fast, "rel", w.home("rel"), "relay", "--bootstrap", w.bootstrap, "--listen", loopback, "--name", "rel", ann.link("--role", "relay"))
	rel.wait("to carry", lent(true))

	bob := start(t, slow, "bob", w.home("bob"), w.devices("bob", []string{"join", ann.link("--expires", "5m"), "--in", clip("b"), "--loop"}, "--listen", nowhere)...)
	bob.wait("the room", kind("joined"))
	bob.wait("Ann's voice", about("sound", ann.id()))
	told := func(p *process, says string) {
		t.Helper()
		p.wait("to be told of the clock", func(e event) bool { return e.Event == "error" && strings.HasPrefix(e.Text, says) })
	}
	told(bob, "your clock is 10 minutes slow") // Cid is not: once he is here as many are on his side
	cid := start(t, slow, "cid", w.home("cid"), w.devices("cid", []string{"join", ann.link("--expires", "5m")}, "--listen", loopback)...)
	cid.wait("the room", kind("joined"))

	id := bob.id()
	bob.verb("hand")
	ann.wait("Bob's hand", func(e event) bool { return about("hand", id)(e) && e.Up && e.Place == 1 })
	ann.verb("stage", "add", id)
	bob.wait("the stage", func(e event) bool { return about("stage", id)(e) && e.On })
	for _, p := range []*process{ann, cid} {
		p.wait("Bob's voice", about("sound", id))
	}

	over := w.forge("ann", link, identity.Terms{Role: identity.RoleListener, Expires: time.Now().Add(-3 * time.Minute)})
	inv, err := identity.ParseInvite(over)
	if err != nil {
		t.Fatal(err)
	}
	mallory := w.rogue(nil, link)
	cred, err := redeem(inv, mallory.key, time.Now().Add(-10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for _, gate := range []*process{rel, cid} {
		if code := mallory.knock(gate, cred); code != "expired" {
			t.Errorf("by a link that is over, %s answers %q", gate.name, code)
		}
	}
	told(rel, "your clock is 10 minutes fast")
	root := ann.history()
	for _, p := range []*process{rel, bob, cid} {
		eventually(t, p.name+" having the same history", func() bool { return len(p.history()) == len(root) })
	}

	// The doctor asks the running node.
	out, _, code := run(t, "doctor", "--home", rel.home, "--in", "silence", "--out", "null")
	if code != 0 || !strings.Contains(out, "your clock is 10 minutes fast") {
		t.Errorf("stoa doctor: exit %d\n%s", code, out)
	}
	out, _, code = run(t, "doctor", "--home", ann.home, "--in", "silence", "--out", "null", "--json")
	if code != 0 || !strings.Contains(out, `"check":"relay","verdict":"fine","code":"relay_fine","text":"reached: rel (direct), bootstrap `) {
		t.Errorf("stoa doctor --json: exit %d\n%s", code, out)
	}
}
